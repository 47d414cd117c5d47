/** The layout of SQLite's write-ahead log and of its index, as far as it must be known to damage them on purpose. */

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

export interface Frame {
  /** Of its header in the file. */
  readonly offset: number;
  readonly page: number;
  readonly isCommit: boolean;
}

export interface Wal {
  readonly pageBytes: number;
  readonly frameBytes: number;
  /** Those that are in force. What lies behind them is of an earlier round. */
  readonly frames: readonly Frame[];
  /** Where the frames that are in force end. */
  readonly end: number;
}

/** Reads an intact WAL; the checksums are taken at their word. */
export function parseWal(bytes: Buffer): Wal {
  const pageBytes = bytes.length < HEADER_BYTES ? 0 : bytes.readUInt32BE(8);
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const frames: Frame[] = [];
  let end = HEADER_BYTES;
  for (let offset = HEADER_BYTES; pageBytes > 0 && offset + frameBytes <= bytes.length; offset += frameBytes) {
    // Each frame repeats the salts of the header; those of an earlier round have others.
    if (bytes.compare(bytes, 16, 24, offset + 8, offset + 16) !== 0) break;
    const isCommit = bytes.readUInt32BE(offset + 4) > 0;
    frames.push({ offset, page: bytes.readUInt32BE(offset), isCommit });
    if (isCommit) end = offset + frameBytes;
  }
  return { pageBytes, frameBytes, frames: frames.filter(({ offset }) => offset < end), end };
}

/** In the shared memory, in the order of bytes of the machine: two copies of a header of 48 bytes, then how far it is moved. */
const INDEX_FRAMES = 16;
const INDEX_FRAMES_MOVED = 2 * 48;

/** Whether the data file has all that is in the WAL with this index, which is the content of the shared memory. */
export function isAllMoved(index: Buffer): boolean {
  const numberAt = (offset: number) => new Uint32Array(new Uint8Array(index.subarray(offset, offset + 4)).buffer)[0]!;
  return numberAt(INDEX_FRAMES_MOVED) >= numberAt(INDEX_FRAMES);
}

/** Fields by name: offset in the header or in a frame, and size. */
export const HEADER_FIELDS = {
  magic: [0, 4],
  version: [4, 4],
  'page size': [8, 4],
  salt: [16, 8],
  checksum: [24, 8],
} as const;

export const FRAME_FIELDS = (pageBytes: number) =>
  ({
    'page number': [0, 4],
    'commit size': [4, 4],
    salt: [8, 8],
    checksum: [16, 8],
    'page data': [FRAME_HEADER_BYTES, pageBytes],
  }) as const;
