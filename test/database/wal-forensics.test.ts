/**
 * Damage in a write-ahead log against what a stopped machine leaves. Logs are real ones of SQLite, changed byte by byte,
 * and always read as copies: no descriptor of a file that this process has open with SQLite may be closed.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { openConnection } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { findWalDamage, readWal } from '../../src/database/wal-forensics.ts';
import { temporaryDirectory } from '../support/server.ts';

const HEADER = 32;
const FRAME_HEADER = 24;

interface FrameSeen {
  readonly offset: number;
  readonly isCommit: boolean;
}

interface Wal {
  readonly data: Buffer;
  readonly bytes: Buffer;
  readonly pageSize: number;
  readonly frames: readonly FrameSeen[];
  /** Indices of the frames that end transactions. */
  readonly commits: readonly number[];
}

let directory: string;
let files = 0;

beforeEach(() => {
  directory = temporaryDirectory();
});

/** For files that need to be the only ones with their name. */
function newPath(): string {
  files += 1;
  return join(directory, `${files}.db`);
}

let made: Wal | undefined;

/** The log that most tests change copies of. */
function theWal(): Wal {
  made ??= makeWal();
  return made;
}

/** A log with small transactions, two of some pages among them; the last one has some pages too. */
function makeWal(open = openConnection): Wal {
  const path = newPath();
  const handle = open(path);
  handle.exec('create table blobs (id integer primary key, data blob)');
  const insert = handle.prepare('insert into blobs (data) values (randomblob(?))');
  for (const bytes of [10, 20, 40_000, ...Array(9).fill(100), 50_000, 100, 100, 60_000]) insert.run(bytes);
  const copy = newPath();
  for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
  handle.close();
  return { data: readFileSync(copy), ...framesIn(readFileSync(`${copy}-wal`)) };
}

function framesIn(bytes: Buffer): Omit<Wal, 'data'> {
  const pageSize = bytes.readUInt32BE(8);
  const frames: FrameSeen[] = [];
  for (let offset = HEADER; offset + FRAME_HEADER + pageSize <= bytes.length; offset += FRAME_HEADER + pageSize) {
    frames.push({ offset, isCommit: bytes.readUInt32BE(offset + 4) !== 0 });
  }
  const commits = [...frames.keys()].filter((index) => frames[index]!.isCommit);
  return { bytes, pageSize, frames, commits };
}

/** What is found in a log of these bytes, and how many frames SQLite recovers from it. */
function read(bytes: Buffer, data?: Buffer): ReturnType<typeof readWal> {
  const path = data === undefined ? join(directory, 'alone.db') : newPath();
  if (data !== undefined) writeFileSync(path, data);
  writeFileSync(`${path}-wal`, bytes);
  return readWal(`${path}-wal`);
}

const damageOf = (bytes: Buffer, data?: Buffer) => read(bytes, data)?.damage;

function recoveredBySqlite({ data }: Wal, bytes: Buffer): number {
  const path = newPath();
  writeFileSync(path, data);
  writeFileSync(`${path}-wal`, bytes);
  const handle = openHandle(path);
  handle.prepare('select count(*) from sqlite_schema').get();
  const [{ log }] = handle.pragma('wal_checkpoint(NOOP)') as [{ log: number }];
  handle.close();
  return log;
}

function flipped(bytes: Buffer, offset: number, bit = 0): Buffer {
  const copy = Buffer.from(bytes);
  copy[offset]! ^= 1 << bit;
  return copy;
}

type Sum = readonly [number, number];

/** SQLite's checksum once more, from its description. */
function sumOf(bytes: Buffer, [first, second]: Sum, isBigEndian = false): Sum {
  let [s1, s2] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    s1 = (s1 + (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + s2) >>> 0;
    s2 = (s2 + (isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + s1) >>> 0;
  }
  return [s1, s2];
}

const storedSum = (bytes: Buffer, offset: number): Sum => [
  bytes.readUInt32BE(offset + 16),
  bytes.readUInt32BE(offset + 20),
];

interface Written {
  readonly from: number;
  /** For every frame, whether it ends a transaction. */
  readonly commits: readonly boolean[];
  /** What the first frame continues. */
  readonly start: Sum;
  readonly salts?: Buffer;
  readonly fill?: number;
}

/** Writes frames over those of `wal` from the frame `from` on, as one life of SQLite would; returns the last checksum. */
function writeFrames(bytes: Buffer, wal: Wal, { from, commits, start, salts, fill = 7 }: Written): Sum {
  let sum = start;
  for (const [index, isCommit] of commits.entries()) {
    const frame = Buffer.alloc(FRAME_HEADER + wal.pageSize, fill + index);
    frame.writeUInt32BE(100 + index, 0);
    frame.writeUInt32BE(isCommit ? 200 : 0, 4);
    (salts ?? wal.bytes.subarray(16, 24)).copy(frame, 8);
    sum = sumOf(frame.subarray(FRAME_HEADER), sumOf(frame.subarray(0, 8), sum));
    frame.writeUInt32BE(sum[0], 16);
    frame.writeUInt32BE(sum[1], 20);
    frame.copy(bytes, HEADER + (from + index) * frame.length);
  }
  return sum;
}

/** The log before its last transaction, with room for `frames` frames of zeros behind it. */
function withoutLast(wal: Wal, frames: number): { bytes: Buffer; end: number; sum: Sum } {
  const end = wal.commits.at(-2)! + 1;
  const frameBytes = FRAME_HEADER + wal.pageSize;
  const bytes = Buffer.alloc(HEADER + (end + frames) * frameBytes);
  wal.bytes.copy(bytes, 0, 0, HEADER + end * frameBytes);
  return { bytes, end, sum: storedSum(bytes, HEADER + (end - 1) * frameBytes) };
}

const uncommitted = (count: number): boolean[] => Array(count).fill(false);
const transaction = (frames: number): boolean[] => [...uncommitted(frames - 1), true];

describe('without damage', () => {
  it('there is nothing to find in no file, an empty one, and one without frames', () => {
    expect(readWal(`${newPath()}-wal`)).toBeUndefined();
    const { bytes } = theWal();
    for (const length of [0, 1, 31, 32]) expect(read(bytes.subarray(0, length))).toEqual({ recoveredFrames: 0 });
  });

  it('all frames are read, as SQLite does', () => {
    const wal = theWal();
    expect(wal.commits.length).toBeGreaterThan(15);
    expect(read(wal.bytes)).toEqual({ recoveredFrames: wal.frames.length });
    expect(recoveredBySqlite(wal, wal.bytes)).toBe(wal.frames.length);
  });

  it('a log that was cut anywhere is a torn one', () => {
    const wal = theWal();
    for (const index of [0, 1, wal.commits[4]!, wal.commits.at(-2)!, wal.commits.at(-2)! + 1, wal.frames.length - 1]) {
      for (const within of [0, 4, 12, 23, 24, 25, 512, FRAME_HEADER + wal.pageSize - 1]) {
        const cut = wal.bytes.subarray(0, wal.frames[index]!.offset + within);
        const recoveredFrames = (wal.commits.findLast((commit) => commit < index) ?? -1) + 1;
        expect(read(cut), `cut in frame ${index} at ${within}`).toEqual({ recoveredFrames });
        if (within === 25) expect(recoveredBySqlite(wal, cut)).toBe(recoveredFrames);
      }
    }
  });

  it('frames of former generations do not count', () => {
    const wal = theWal();
    const salts = Buffer.from('0102030405060708', 'hex');
    const { bytes, end, sum } = withoutLast(wal, 20);
    writeFrames(bytes, wal, { from: end, commits: Array(20).fill(true), start: sum, salts });
    expect(read(bytes)).toEqual({ recoveredFrames: end });
    expect(recoveredBySqlite(wal, bytes)).toBe(end);
  });
});

describe('a flipped bit', () => {
  const regions = {
    'page number': 3,
    'commit mark': 7,
    'first salt': 11,
    'second salt': 12,
    'first checksum': 16,
    'second checksum': 23,
    'begin of the page': 24,
    'middle of the page': 3001,
    'end of the page': 24 + 8191,
  };

  it('is found in every place below the last transaction, and the frame is named', () => {
    const wal = theWal();
    const beforeCommit = wal.commits.at(-2)! - 1;
    for (const index of [0, 1, wal.commits[2]! - 1, wal.commits[2]!, wal.commits.at(-3)!, beforeCommit]) {
      for (const [region, within] of Object.entries(regions)) {
        const { offset } = wal.frames[index]!;
        const bytes = flipped(wal.bytes, offset + within);
        const { damage, recoveredFrames } = read(bytes)!;
        expect(damage?.offset, `${region} of frame ${index}`).toBe(offset);
        expect(damage!.reason).toMatch(
          new RegExp(`^frame ${index + 1} at byte ${offset} is not as it was written, so \\d+ commits`),
        );
        if (within === 7) expect(recoveredBySqlite(wal, bytes)).toBe(recoveredFrames);
      }
    }
  });

  it('is found in the last commit frame but one, except in its checksum, which tells that it was one', () => {
    const wal = theWal();
    const { offset } = wal.frames[wal.commits.at(-2)!]!;
    for (const [region, within] of Object.entries(regions)) {
      const damage = damageOf(flipped(wal.bytes, offset + within));
      expect(damage?.offset, region).toBe(region.endsWith('checksum') ? undefined : offset);
    }
  });

  it('in the last transaction looks as if that was torn', () => {
    const wal = theWal();
    const end = wal.commits.at(-2)! + 1;
    for (const index of [end, end + 3, wal.frames.length - 1]) {
      for (const [region, within] of Object.entries(regions)) {
        // That makes a second commit of one frame, which no stop of a machine does.
        if (region === 'commit mark' && index < wal.frames.length - 1) continue;
        const bytes = flipped(wal.bytes, wal.frames[index]!.offset + within);
        expect(read(bytes), `${region} of frame ${index}`).toEqual({ recoveredFrames: end });
      }
    }
  });

  it('counts the commits that would be ignored', () => {
    const wal = theWal();
    const reason = damageOf(flipped(wal.bytes, wal.frames[wal.commits.at(-5)!]!.offset + 100))!.reason;
    expect(reason).toMatch(/, so 5 commits from there on would be ignored$/);
  });

  it('is found in the header, which makes SQLite ignore everything', () => {
    const wal = theWal();
    for (let offset = 0; offset < HEADER; offset += 1) {
      const damage = damageOf(flipped(wal.bytes, offset, offset % 8));
      expect(damage, `byte ${offset}`).toEqual({
        reason: `the header is not as it was written, so ${wal.commits.length} commits from there on would be ignored`,
        offset: 0,
      });
    }
    expect(recoveredBySqlite(wal, flipped(wal.bytes, 17))).toBe(0);
  });
});

describe('a header that cannot be used', () => {
  it('is found when nothing of the first sector is left', () => {
    const { bytes } = theWal();
    for (const fill of [0, 0xff, 0x5a]) expect(damageOf(Buffer.from(bytes).fill(fill, 0, 512))?.offset).toBe(0);
  });

  it('is found with pages of any size, which the data file, the caller or the frames tell', () => {
    for (const pageSize of [512, 4096, 65_536]) {
      const wal = makeWal((path) => {
        const handle = openHandle(path);
        handle.exec(`pragma page_size = ${pageSize}; pragma journal_mode = wal; pragma wal_autocheckpoint = 0`);
        return handle;
      });
      expect(wal.pageSize).toBe(pageSize);
      expect(read(wal.bytes)).toEqual({ recoveredFrames: wal.frames.length });
      const bytes = flipped(wal.bytes, 10, 6);
      expect(damageOf(bytes, wal.data)?.offset).toBe(0);
      expect(damageOf(bytes)?.offset).toBe(0);
      const path = `${newPath()}-wal`;
      writeFileSync(path, bytes);
      expect(findWalDamage(path, pageSize)?.offset).toBe(0);
    }
  });

  it('proves nothing with one transaction, nor with the frames of a former generation behind one', () => {
    const wal = theWal();
    const damaged = flipped(wal.bytes, 30);
    const oneTransaction = damaged.subarray(0, wal.frames[wal.commits[0]! + 1]!.offset);
    expect(read(oneTransaction)).toEqual({ recoveredFrames: 0 });
    const salts = Buffer.from(wal.bytes.subarray(16, 24));
    salts.writeUInt32BE((salts.readUInt32BE(0) + 1) >>> 0, 0);
    writeFrames(damaged, wal, { from: 0, commits: [true], start: [1, 2], salts });
    expect(read(damaged)).toEqual({ recoveredFrames: 0 });
  });

  it('proves nothing when there is no frame either', () => {
    for (const fill of [0, 1, 0xff]) expect(read(Buffer.alloc(300_000, fill))).toEqual({ recoveredFrames: 0 });
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 2_654_435_761) >>> 24));
    expect(read(noise)).toEqual({ recoveredFrames: 0 });
  });
});

it('reads logs that were written on machines with the other order of bytes', () => {
  const wal = theWal();
  const bytes = Buffer.from(wal.bytes);
  bytes.writeUInt32BE(0x377f0683, 0);
  let sum = sumOf(bytes.subarray(0, 24), [0, 0], true);
  const store = (offset: number) => {
    bytes.writeUInt32BE(sum[0], offset);
    bytes.writeUInt32BE(sum[1], offset + 4);
  };
  store(24);
  for (const { offset } of wal.frames) {
    sum = sumOf(bytes.subarray(offset, offset + 8), sum, true);
    sum = sumOf(bytes.subarray(offset + FRAME_HEADER, offset + FRAME_HEADER + wal.pageSize), sum, true);
    store(offset + 16);
  }
  expect(recoveredBySqlite(wal, bytes), 'it is one to SQLite').toBe(wal.frames.length);
  expect(read(bytes)).toEqual({ recoveredFrames: wal.frames.length });
  expect(damageOf(flipped(bytes, wal.frames[3]!.offset + 99))?.offset).toBe(wal.frames[3]!.offset);
  for (const offset of [0, 3, 9, 20]) expect(damageOf(flipped(bytes, offset))?.offset).toBe(0);
});

describe('left-overs of torn transactions', () => {
  it('of two lives in one generation prove nothing', () => {
    const wal = theWal();
    const { bytes, end, sum } = withoutLast(wal, 16);
    const frameBytes = FRAME_HEADER + wal.pageSize;
    writeFrames(bytes, wal, { from: end, commits: transaction(16), start: sum });
    bytes.fill(0, HEADER + end * frameBytes, HEADER + (end + 1) * frameBytes);
    expect(read(bytes), 'the first').toEqual({ recoveredFrames: end });
    writeFrames(bytes, wal, { from: end, commits: transaction(9), start: sum, fill: 77 });
    expect(read(bytes), 'the second was written in whole').toEqual({ recoveredFrames: end + 9 });
    bytes.fill(0, HEADER + end * frameBytes, HEADER + (end + 1) * frameBytes);
    expect(read(bytes), 'both were torn').toEqual({ recoveredFrames: end });
    expect(recoveredBySqlite(wal, bytes)).toBe(end);
    writeFrames(bytes, wal, { from: end, commits: transaction(4), start: sum, fill: 99 });
    bytes[HEADER + end * frameBytes + 500]! ^= 1;
    expect(read(bytes), 'and a third one').toEqual({ recoveredFrames: end });
  });

  it('would be damage if there were a second commit of the same life', () => {
    const wal = theWal();
    const { bytes, end, sum } = withoutLast(wal, 16);
    writeFrames(bytes, wal, { from: end, commits: [...transaction(8), ...transaction(8)], start: sum });
    const { offset } = framesIn(bytes).frames[end]!;
    expect(damageOf(flipped(bytes, offset + 200))?.offset).toBe(offset);
  });

  it('prove nothing by a commit mark that may be older than the rest of its frame', () => {
    const wal = theWal();
    const frameBytes = FRAME_HEADER + wal.pageSize;
    for (const [at, isFound] of [
      // A sector ends between mark and checksum.
      [41, false],
      [40, true],
    ] as const) {
      const bytes = Buffer.alloc(HEADER + (at + 3) * frameBytes);
      wal.bytes.copy(bytes, 0, 0, HEADER);
      const sum = writeFrames(bytes, wal, { from: 0, commits: transaction(at), start: storedSum(wal.bytes, 8) });
      writeFrames(bytes, wal, { from: at, commits: transaction(3), start: sum });
      // As of a former transaction that ended here: its mark and its page.
      bytes.writeUInt32BE(200, HEADER + at * frameBytes + 4);
      expect(damageOf(bytes) !== undefined, `frame ${at}`).toBe(isFound);
    }
  });
});

describe('whatever happens by chance', () => {
  it('a log that was cut is never found damaged', () => {
    const { bytes } = theWal();
    fc.assert(
      fc.property(fc.nat(bytes.length), (length) => damageOf(bytes.subarray(0, length)) === undefined),
      { numRuns: 40 },
    );
  });

  it('a last transaction of which any sectors are missing is never found damaged', () => {
    const wal = theWal();
    const start = wal.frames[wal.commits.at(-2)! + 1]!.offset;
    const { bytes: leftOvers, end, sum } = withoutLast(wal, wal.frames.length - wal.commits.at(-2)! - 1);
    writeFrames(leftOvers, wal, { from: end, commits: transaction(5), start: sum });
    writeFrames(leftOvers, wal, { from: end + 3, commits: transaction(3), start: [9, 9], fill: 55 });
    const former = Buffer.from(wal.bytes).fill(3, start);
    const sectors = Math.ceil((wal.bytes.length - start) / 512) + 1;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -3, max: 3 }), { minLength: sectors, maxLength: sectors }),
        fc.option(fc.nat(wal.bytes.length - start)),
        (kept, cut) => {
          const bytes = Buffer.from(wal.bytes);
          const sources = [leftOvers, former, Buffer.alloc(bytes.length)];
          for (const [index, what] of kept.entries()) {
            const sector = Math.floor(start / 512) + index;
            const source = sources[-what - 1];
            source?.copy(bytes, Math.max(start, sector * 512), Math.max(start, sector * 512), (sector + 1) * 512);
          }
          return damageOf(bytes.subarray(0, cut === null ? bytes.length : start + cut)) === undefined;
        },
      ),
      { numRuns: 80 },
    );
  });

  it('a flipped bit before the last commit but one is always found', () => {
    const wal = theWal();
    const end = wal.frames[wal.commits.at(-2)!]!.offset;
    expect([0, 8], 'no sector ends in the commit frame, where it cannot be').not.toContain((end + 16) % 512);
    fc.assert(
      fc.property(fc.nat(end - 1), fc.nat(7), (offset, bit) => {
        const damaged = wal.frames.findLast((frame) => frame.offset <= offset)?.offset ?? 0;
        return damageOf(flipped(wal.bytes, offset, bit))?.offset === damaged;
      }),
      { numRuns: 100 },
    );
  });
});
