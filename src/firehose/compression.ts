/**
 * How the content of an object is compressed. Every format streams in bounded memory and is deterministic: the same
 * bytes make the same object, however they are cut into chunks, so that a delivery done twice overwrites itself.
 */
import { type Duplex, pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import zlib, { createGzip, type ZlibOptions } from 'node:zlib';
import { compress } from 'snappyjs';
import { ZipFile } from 'yazl';

export type Compression = 'UNCOMPRESSED' | 'GZIP' | 'ZIP' | 'Snappy' | 'HADOOP_SNAPPY' | 'ZSTD';

/** Ends of the keys of objects. AWS's documents say .hsnappy for HADOOP_SNAPPY, but what it stores ends in .snappy. */
export const EXTENSIONS: Readonly<Record<Compression, string>> = {
  UNCOMPRESSED: '',
  GZIP: '.gz',
  ZIP: '.zip',
  Snappy: '.snappy',
  HADOOP_SNAPPY: '.snappy',
  ZSTD: '.zst',
};

/** Content-Encoding of objects. */
export const CONTENT_ENCODINGS: Readonly<Record<Compression, string | undefined>> = {
  UNCOMPRESSED: undefined,
  GZIP: 'gzip',
  ZIP: 'zip',
  Snappy: 'snappy-java',
  HADOOP_SNAPPY: 'hadoop-snappy',
  ZSTD: 'zstd',
};

type Chunks = AsyncIterable<Buffer> | Iterable<Buffer>;

const DEFLATE_LEVEL = 6;
const DEFLATE_PIECE_BYTES = 64 * 1024;
/** Keeps the thread of zlib busy for some 10 ms, in which the main thread reads what comes next. */
const GZIP_PIECE_BYTES = 512 * 1024;

/** Noon, because no time zone skips it; ZIP stores local time, so this is the same in all of them. */
const ZIP_TIME = new Date(1980, 0, 1, 12);

/** Magic bytes, version 1, oldest version that can read it 1. */
const XERIAL_HEADER = Buffer.from('82534e41505059000000000100000001', 'hex');
const XERIAL_BLOCK_BYTES = 32 * 1024;

const HADOOP_BUFFER_BYTES = 256 * 1024;
/**
 * Hadoop's reader has a buffer of 256 KiB and must be able to hold a block also when it does not compress. Its writer
 * therefore leaves room for the most that Snappy adds, and so do we.
 */
const HADOOP_BLOCK_BYTES = HADOOP_BUFFER_BYTES - (Math.floor(HADOOP_BUFFER_BYTES / 6) + 32);

/** Snappy works on the main thread: after this much input others get their turn. */
const TURN_BYTES = 1024 * 1024;

/**
 * The bytes of `chunks` in `compression`. Errors of `chunks` are thrown to the consumer; when that stops early, `chunks`
 * is released too. A chunk must not change after it was handed over.
 * @param entryName name of the only file in a ZIP archive; the other formats carry none
 */
export function compressed(chunks: Chunks, compression: Compression, entryName: string): AsyncIterable<Buffer> {
  switch (compression) {
    case 'UNCOMPRESSED':
      return asTheyAre(chunks);
    case 'GZIP':
      return gzipped(chunks);
    case 'ZIP':
      return zipped(chunks, entryName);
    case 'Snappy':
      return xerialSnappy(chunks);
    case 'HADOOP_SNAPPY':
      return hadoopSnappy(chunks);
    case 'ZSTD':
      return zstandard(chunks);
  }
}

async function* asTheyAre(chunks: Chunks): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function* gzipped(chunks: Chunks): AsyncGenerator<Buffer> {
  const source = Readable.from(pieces(chunks, GZIP_PIECE_BYTES), { highWaterMark: 1 });
  // Room for a piece that does not compress, and for the next one while nobody has taken it. Node writes no time into the
  // header.
  const gzip = createGzip({
    level: DEFLATE_LEVEL,
    chunkSize: GZIP_PIECE_BYTES,
    readableHighWaterMark: 2 * GZIP_PIECE_BYTES,
  } as ZlibOptions);
  // Whatever goes wrong also ends `gzip`, and its iterator throws it.
  pipeline(source, gzip, () => {});
  yield* gzip as AsyncIterable<Buffer>;
}

/** Absent in older versions of Node. */
const zstd = () => (zlib as { createZstdCompress?: () => Duplex }).createZstdCompress;

/** Why this version of Node cannot compress with Zstandard; undefined when it can. */
export const missingZstd = (): string | undefined =>
  zstd() === undefined ? `Zstandard needs Node.js 22.15, 23.8 or newer, and this is ${process.version}` : undefined;

async function* zstandard(chunks: Chunks): AsyncGenerator<Buffer> {
  const create = zstd();
  // Whoever asked for it had a newer Node: the delivery waits for one.
  if (create === undefined) throw new Error(`Cannot compress an object: ${missingZstd()}.`);
  const compressor = create();
  // What one block is made of depends on what is handed over at once, so that is always the same.
  pipeline(Readable.from(pieces(chunks, GZIP_PIECE_BYTES), { highWaterMark: 1 }), compressor, () => {});
  yield* compressor as AsyncIterable<Buffer>;
}

async function* zipped(chunks: Chunks, entryName: string): AsyncGenerator<Buffer> {
  const source = Readable.from(pieces(chunks, DEFLATE_PIECE_BYTES));
  const archive = new ZipFile();
  const output = archive.outputStream as Readable;
  // The library pipes without passing on errors, in neither direction.
  source.on('error', (error) => output.destroy(error));
  archive.addReadStream(source, entryName, {
    compressionLevel: DEFLATE_LEVEL,
    mtime: ZIP_TIME,
    // Without the other time stamp, which counts in UTC and would differ from time zone to time zone.
    forceDosTimestamp: true,
  });
  archive.end();
  try {
    yield* output as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
  }
}

/** The stream format of snappy-java: a header, then blocks behind their compressed length. */
async function* xerialSnappy(chunks: Chunks): AsyncGenerator<Buffer> {
  yield XERIAL_HEADER;
  for await (const piece of inTurns(pieces(chunks, XERIAL_BLOCK_BYTES))) {
    const block = compress(piece);
    yield Buffer.concat([bigEndian(block.length), block]);
  }
}

/** The format of Hadoop's BlockCompressorStream: blocks behind their uncompressed and their compressed length. */
async function* hadoopSnappy(chunks: Chunks): AsyncGenerator<Buffer> {
  for await (const piece of inTurns(pieces(chunks, HADOOP_BLOCK_BYTES))) {
    const block = compress(piece);
    yield Buffer.concat([bigEndian(piece.length), bigEndian(block.length), block]);
  }
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The bytes of `chunks` in pieces of `sizeBytes`, the last of which may be shorter; none is empty. */
async function* pieces(chunks: Chunks, sizeBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let missing = sizeBytes;
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const part = chunk.subarray(start, start + missing);
      parts.push(part);
      start += part.length;
      missing -= part.length;
      if (missing > 0) continue;
      yield parts.length === 1 ? part : Buffer.concat(parts);
      parts = [];
      missing = sizeBytes;
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

/** The same pieces, with a turn of the event loop between every `TURN_BYTES` of them. */
async function* inTurns(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let sinceTurn = 0;
  for await (const piece of pieces) {
    yield piece;
    sinceTurn += piece.length;
    if (sinceTurn < TURN_BYTES) continue;
    await setImmediate();
    sinceTurn = 0;
  }
}
