/** The layout of SQLite's write-ahead log, as far as it must be known to damage it on purpose. */

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
