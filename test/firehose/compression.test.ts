/** Compression, judged by other programs where they are installed and by a decoder of Snappy written from its format. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import {
  CONTENT_ENCODINGS,
  type Compression,
  compressed,
  EXTENSIONS,
  missingZstd,
} from '../../src/firehose/compression.ts';
import { hadoopBlocks, xerialBlocks } from '../support/snappy.ts';

const NAME = '6f1b7a5e-0d0c-5b5e-9a43-2f1f6a2f7c11';
const ALL = Object.keys(EXTENSIONS) as Compression[];
/** Those that this version of Node has. */
const POSSIBLE = ALL.filter((name) => name !== 'ZSTD' || missingZstd() === undefined);

/** Bytes that do not compress, the same in every run; others for another `start`. */
function noise(sizeBytes: number, start = 0): Buffer {
  const blocks = Array.from({ length: Math.ceil(sizeBytes / 64) }, (_, index) =>
    createHash('sha512')
      .update(`${start + index}`)
      .digest(),
  );
  return Buffer.concat(blocks).subarray(0, sizeBytes);
}

const lines = (count: number) =>
  Buffer.from(Array.from({ length: count }, (_, index) => `{"event":${index},"name":"é€😀 ${index % 7}"}\n`).join(''));

const INPUTS: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('a')],
  ['lines of text', lines(12_000)],
  ['bytes that do not compress', noise(600_000)],
  ['exactly two xerial blocks', noise(65_536)],
];

async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

/** `bytes` in chunks of these lengths, over and over; 0 makes an empty chunk. */
function* cut(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  for (let start = 0, index = 0; start < bytes.length; index++) {
    const length = lengths[index % lengths.length]!;
    yield bytes.subarray(start, start + length);
    start += length;
  }
}

const objectOf = (bytes: Buffer, compression: Compression) => bytesOf(compressed([bytes], compression, NAME));

/** What `command` prints for a file with `bytes`; undefined, with a note, where it is not installed. */
function outputOf(bytes: Buffer, extension: string, command: string, ...options: string[]): Buffer | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'compression-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, `object${extension}`);
  writeFileSync(file, bytes);
  const { error, status, stdout, stderr } = spawnSync(command, [...options, file], { maxBuffer: 2 ** 26 });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    process.stdout.write(`${command} is not installed, so it did not judge ${extension}\n`);
    return undefined;
  }
  expect(status, `${command}: ${stderr}`).toBe(0);
  return stdout;
}

it('has the names that S3 shows', () => {
  expect(ALL.map((name) => [name, EXTENSIONS[name], CONTENT_ENCODINGS[name]])).toEqual([
    ['UNCOMPRESSED', '', undefined],
    ['GZIP', '.gz', 'gzip'],
    ['ZIP', '.zip', 'zip'],
    ['Snappy', '.snappy', 'snappy-java'],
    ['HADOOP_SNAPPY', '.snappy', 'hadoop-snappy'],
    ['ZSTD', '.zst', 'zstd'],
  ]);
});

it.each(INPUTS)('gives back %s', async (_, bytes) => {
  expect((await objectOf(bytes, 'UNCOMPRESSED')).equals(bytes)).toBe(true);

  const gzip = await objectOf(bytes, 'GZIP');
  expect(gunzipSync(gzip).equals(bytes)).toBe(true);
  expect(outputOf(gzip, '.gz', 'gunzip', '-c')?.equals(bytes)).not.toBe(false);

  const zip = await objectOf(bytes, 'ZIP');
  expect(outputOf(zip, '.zip', 'unzip', '-p')?.equals(bytes)).not.toBe(false);
  expect(outputOf(zip, '.zip', 'unzip', '-t')?.toString() ?? 'No errors').toContain('No errors');

  if (POSSIBLE.includes('ZSTD')) {
    const zstd = await objectOf(bytes, 'ZSTD');
    expect(outputOf(zstd, '.zst', 'zstd', '-d', '-c')?.equals(bytes)).not.toBe(false);
  }

  expect(Buffer.concat(xerialBlocks(await objectOf(bytes, 'Snappy'))).equals(bytes)).toBe(true);
  expect(Buffer.concat(hadoopBlocks(await objectOf(bytes, 'HADOOP_SNAPPY'))).equals(bytes)).toBe(true);
});

it('a gzip object is one member without a time', async () => {
  const gzip = await objectOf(lines(10), 'GZIP');
  expect(gzip.subarray(0, 8).toString('hex')).toBe('1f8b080000000000');
  expect(gzip.indexOf(Buffer.from('1f8b08', 'hex'), 3)).toBe(-1);
});

it('a ZIP archive has one deflated entry of the given name, with the same time in every time zone', async () => {
  const zip = await objectOf(lines(10), 'ZIP');
  const directory = zip.indexOf('PK\x01\x02', 0, 'latin1');
  expect(zip.indexOf('PK\x01\x02', directory + 4, 'latin1'), 'a second entry').toBe(-1);
  const entry = zip.subarray(directory);
  expect(entry.readUInt16LE(10), 'deflate').toBe(8);
  expect(entry.readUInt32LE(12), '1980-01-01 12:00').toBe(0x0021_6000);
  expect(entry.readUInt16LE(30), 'extra fields, which could hold another time').toBe(0);
  expect(entry.subarray(46, 46 + entry.readUInt16LE(28)).toString()).toBe(NAME);
});

it('blocks have the lengths of their formats', async () => {
  const bytes = noise(600_000);
  const xerial = xerialBlocks(await objectOf(bytes, 'Snappy')).map(({ length }) => length);
  expect(xerial).toEqual([...Array<number>(18).fill(32_768), 600_000 - 18 * 32_768]);
  const hadoop = hadoopBlocks(await objectOf(bytes, 'HADOOP_SNAPPY')).map(({ length }) => length);
  expect(hadoop).toEqual([218_422, 218_422, 600_000 - 2 * 218_422]);
});

it.each(POSSIBLE)('%s depends on the bytes only, not on the chunks', async (compression) => {
  const bytes = Buffer.concat([lines(6000), noise(300_000)]);
  const whole = await objectOf(bytes, compression);
  for (const lengths of [[1, 0, 7, 4096], [65_537], [218_421, 2], [32_768]]) {
    const object = await bytesOf(compressed(cut(bytes, lengths), compression, NAME));
    expect(object.equals(whole), `chunks of ${lengths} bytes`).toBe(true);
  }
});

it.each(POSSIBLE)('%s passes on an error of its source', async (compression) => {
  async function* failing(): AsyncGenerator<Buffer> {
    yield noise(100_000);
    throw new Error('the row is gone');
  }
  await expect(bytesOf(compressed(failing(), compression, NAME))).rejects.toThrow('the row is gone');
});

it.each(POSSIBLE)('%s releases its source when nobody reads on', async (compression) => {
  let release: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      // Never the same bytes twice: Zstandard finds what was repeated after megabytes.
      for (let start = 0; ; start += 100_000) yield noise(100_000, start);
    } finally {
      release();
    }
  }
  let sizeBytes = 0;
  for await (const chunk of compressed(endless(), compression, NAME)) {
    sizeBytes += chunk.length;
    if (sizeBytes > 200_000) break;
  }
  // The test runs into its time limit when the source is never told.
  await released;
});

it.each(['Snappy', 'HADOOP_SNAPPY'] as const)('%s lets others work during a large chunk', async (compression) => {
  let turns = 0;
  let isDone = false;
  const counting = (async () => {
    for (; !isDone; turns++) await setImmediate();
  })();
  await objectOf(Buffer.alloc(5 * 1024 * 1024), compression);
  isDone = true;
  await counting;
  expect(turns).toBeGreaterThanOrEqual(4);
});

it.each(POSSIBLE)('%s reads no further ahead than its consumer needs', async (compression) => {
  const chunk = noise(100_000);
  let given = 0;
  function* source(): Generator<Buffer> {
    for (; given < 20_000_000; given += chunk.length) yield chunk;
  }
  for await (const { length } of compressed(source(), compression, NAME)) {
    if (length < 1000) continue;
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    break;
  }
  expect(given).toBeLessThan(3_000_000);
});
