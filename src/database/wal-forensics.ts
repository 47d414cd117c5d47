/**
 * Whether a write-ahead log has lost acknowledged data. SQLite reads a WAL up to the first frame that is not as it was
 * written and ignores the rest without a word: right for the last transaction of a machine that stopped, wrong for a
 * flipped bit in the middle, after which thousands of acknowledged transactions are gone. The two can be told apart.
 *
 * The file is a header and frames of a header and a page. Each carries a checksum that continues the one before it, so
 * a frame says what all of the log before it was, and where it stands. All frames since the log last began anew (a
 * generation) repeat the two salts of the header.
 *
 * What may be found behind the last good frame without any damage: with synchronous=FULL a transaction begins after
 * the one before it was synced, so when the machine stops at most one is not on disk; parts of it may be, in any
 * order. The next life appends after the last good transaction and may overwrite the beginning of these left-overs;
 * what it tears itself joins them. And there are frames of former generations, with other salts.
 *
 * So we look there for runs: frames with the current salts, each of which continues its predecessor's stored checksum.
 * Transactions of different lives never continue each other, hence a run is a part of one life's writing, and harmless
 * ones have one commit frame at most. A second commit in a run was begun after the first was synced. The first was
 * acknowledged, it was on disk, and it is not among what SQLite will read: that is damage.
 *
 * - The head of a run is what its second frame continues. Whether the head is as it was written is not known (it is
 *   often the damaged frame), but its checksum is, and whatever lies in the same sector of the disk was written with
 *   it. Where a sector ends in between, its commit mark may be an older one and does not count.
 * - When the header is damaged SQLite ignores the whole file. The salts are then taken from the frames, and the frames
 *   from the first on are searched. A header is 32 bytes of one sector, and synced before the first frame is written,
 *   so that it is no header in the making.
 * - Damage in the last transaction looks like one that was torn, and so does damage in the checksum of the frame just
 *   before it. Damage below is found; a WAL with one transaction is never found damaged.
 * - A life that was killed before its sync leaves a transaction that is readable but not on disk. To begin the next
 *   one with nothing open, the file is synced here.
 * - A program that writes to the file with synchronous=NORMAL has several transactions open at once. When the machine
 *   stops then, before any commit of ours has synced them too, it looks like damage; and they are lost as well.
 *
 * Files are read plainly. Closing any descriptor of a data file would drop the locks that SQLite has on it, so this is
 * for the time before the process has opened it.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { isSyncRefused } from '../durable-file.ts';

export interface WalFinding {
  /** Why, as half a sentence: "frame 12 at byte 90408 is not as it was written, so 7 commits …". */
  readonly reason: string;
  /** Of the first damaged frame, or 0 for the header. */
  readonly offset: number;
}

export interface WalReading {
  /** Frames up to the last good commit: what SQLite recovers. */
  readonly recoveredFrames: number;
  readonly damage: WalFinding | undefined;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FRAME_HEADER_WORDS = FRAME_HEADER_BYTES / 4;
/** The last bit tells the order of the bytes in the words that checksums are made of. */
const MAGIC = 0x377f0682;
const VERSION = 3_007_000;

/** A disk writes at least this much at once. */
const SECTOR_BYTES = 512;

/** Read at once: at least one frame of the largest pages. */
const CHUNK_BYTES = 1024 * 1024;

/** How far a log without a usable header is searched for frames that continue each other. */
const SEARCHED_BYTES = 16 * 1024 * 1024;

/** The first salt grows by one with each generation; more than this is chance. */
const GENERATIONS = 10_000;

/** Another program may write to the file while it is read; then it is read again. */
const ATTEMPTS = 3;

interface Checksum {
  readonly s1: number;
  readonly s2: number;
}

interface Salts {
  readonly salt1: number;
  readonly salt2: number;
}

interface Format {
  readonly pageSize: number;
  /** Whether checksums are made of big-endian words. The fields themselves are big-endian always. */
  readonly isBigEndian: boolean;
}

interface Header extends Salts {
  readonly format: Format;
  /** What the first frame continues; null when the header is damaged. */
  readonly checksum: Checksum | null;
}

interface Frame extends Salts {
  readonly index: number;
  readonly offset: number;
  /** Number of the page; 0 is none. */
  readonly page: number;
  readonly isCommit: boolean;
  /** As stored. */
  readonly checksum: Checksum;
  /** What the checksum must be after `start`. Only while the frame is the current one of the walk. */
  checksumAfter(start: Checksum): Checksum;
}

/**
 * Tells damage to acknowledged data in the WAL at `path`. Undefined: no file, an empty or intact one, or a torn tail.
 * `pageSize`, that of the data file, helps when the header is damaged; it is read from there when absent.
 */
export function findWalDamage(path: string, pageSize?: number): WalFinding | undefined {
  return readWal(path, pageSize)?.damage;
}

/** Reads the whole WAL at `path`. Undefined when there is none. */
export function readWal(path: string, pageSize?: number): WalReading | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    sync(file);
    for (let attempt = 1; ; attempt += 1) {
      const before = fstatSync(file, { bigint: true });
      const reading = examine(file, Number(before.size), () => pageSize ?? dataPageSize(path));
      const after = fstatSync(file, { bigint: true });
      if (reading.damage === undefined) return reading;
      if (before.mtimeNs === after.mtimeNs && before.size === after.size) return reading;
      // Half of one generation and half of the next is what a read that was overtaken looks like.
      if (attempt === ATTEMPTS) return { ...reading, damage: undefined };
    }
  } finally {
    closeSync(file);
  }
}

function examine(file: number, size: number, pageSize: () => number | undefined): WalReading {
  const intact = readHeader(file);
  const header = intact ?? guessHeader(file, size, pageSize());
  if (header === undefined) return { recoveredFrames: 0, damage: undefined };
  let sum = header.checksum;
  let recoveredFrames = 0;
  let firstBad: Frame | undefined;
  let previous: Frame | undefined;
  const runs = new RunCounter();
  for (const frame of framesOf(file, size, header.format)) {
    const isCurrent = hasSalts(frame, header) && frame.page !== 0;
    if (firstBad === undefined) {
      if (sum !== null && isCurrent && continues(frame, sum)) {
        sum = frame.checksum;
        if (frame.isCommit) recoveredFrames = frame.index + 1;
        continue;
      }
      firstBad = frame;
    } else if (isCurrent && continues(frame, previous!.checksum)) runs.extend(previous!, frame);
    else runs.end();
    previous = frame;
  }
  runs.end();
  if (firstBad === undefined || runs.commits === 0) return { recoveredFrames, damage: undefined };
  return { recoveredFrames, damage: describe(intact === undefined ? undefined : firstBad, runs.commits) };
}

function describe(bad: Frame | undefined, commits: number): WalFinding {
  const what = bad === undefined ? 'the header' : `frame ${bad.index + 1} at byte ${bad.offset}`;
  const reason = `${what} is not as it was written, so ${commits} commits from there on would be ignored`;
  return { reason, offset: bad?.offset ?? 0 };
}

/** Counts the commits of runs that have two or more. */
class RunCounter {
  commits = 0;
  #inRun = 0;
  #isOpen = false;

  /** `frame` continues `previous`, which is the head when no run is open. */
  extend(previous: Frame, frame: Frame): void {
    if (!this.#isOpen && previous.isCommit && isMarkOfChecksum(previous)) this.#inRun += 1;
    if (frame.isCommit) this.#inRun += 1;
    this.#isOpen = true;
  }

  end(): void {
    if (this.#inRun > 1) this.commits += this.#inRun;
    this.#inRun = 0;
    this.#isOpen = false;
  }
}

/** Whether the commit mark was written with the checksum 8 bytes behind it: no sector ends between the two. */
function isMarkOfChecksum({ offset }: Frame): boolean {
  const mark = Math.floor((offset + 4) / SECTOR_BYTES);
  return mark === Math.floor((offset + FRAME_HEADER_BYTES - 1) / SECTOR_BYTES);
}

const hasSalts = (frame: Salts, wanted: Salts) => frame.salt1 === wanted.salt1 && frame.salt2 === wanted.salt2;

function continues(frame: Frame, start: Checksum): boolean {
  const { s1, s2 } = frame.checksumAfter(start);
  return s1 === frame.checksum.s1 && s2 === frame.checksum.s2;
}

/** Undefined when SQLite would not take it. */
function readHeader(file: number): Header | undefined {
  const bytes = readAt(file, 0, HEADER_BYTES);
  if (bytes.length < HEADER_BYTES) return undefined;
  const [magic, version, pageSize, , salt1, salt2, s1, s2] = Array.from({ length: 8 }, (_, at) =>
    bytes.readInt32BE(at * 4),
  );
  const format = { pageSize: pageSize!, isBigEndian: (magic! & 1) === 1 };
  const sum = sumOf(wordsOf(bytes, format), 0, 6, { s1: 0, s2: 0 });
  const isIntact = magic! >>> 1 === MAGIC >>> 1 && s1 === sum.s1 && s2 === sum.s2;
  if (!isIntact || version !== VERSION || !PAGE_SIZES.includes(format.pageSize)) return undefined;
  return { format, checksum: sum, salt1: salt1!, salt2: salt2! };
}

const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/** What the header must have said, by the frames. Undefined when no two of them continue each other. */
function guessHeader(file: number, size: number, pageSize = 8192): Header | undefined {
  for (const candidate of [pageSize, ...PAGE_SIZES.filter((other) => other !== pageSize)]) {
    // SQLite writes the order of the machine it runs on.
    for (const isBigEndian of endianness() === 'BE' ? [true, false] : [false, true]) {
      const format = { pageSize: candidate, isBigEndian };
      const salts = firstSalts(framesOf(file, Math.min(size, SEARCHED_BYTES), format));
      if (salts !== undefined) return { format, checksum: null, salt1: salts.salt1, salt2: salts.salt2 };
    }
  }
  return undefined;
}

/**
 * The salts of the first two frames that continue each other; or of a frame before these when they are of a former
 * generation, of which the current one has overwritten a frame.
 */
function firstSalts(frames: Iterable<Frame>): Salts | undefined {
  const before: Salts[] = [];
  let previous: Frame | undefined;
  for (const frame of frames) {
    if (
      previous !== undefined &&
      frame.page !== 0 &&
      hasSalts(frame, previous) &&
      continues(frame, previous.checksum)
    ) {
      const isNewer = ({ salt1 }: Salts) => salt1 !== frame.salt1 && (salt1 - frame.salt1) >>> 0 <= GENERATIONS;
      return before.find(isNewer) ?? frame;
    }
    before.push({ salt1: frame.salt1, salt2: frame.salt2 });
    previous = frame;
  }
  return undefined;
}

/** The whole frames of a file of `size` bytes, in order, with one chunk of it in memory. */
function* framesOf(file: number, size: number, format: Format): Generator<Frame> {
  const frameBytes = FRAME_HEADER_BYTES + format.pageSize;
  const end = HEADER_BYTES + Math.floor(Math.max(0, size - HEADER_BYTES) / frameBytes) * frameBytes;
  const chunkBytes = Math.floor(CHUNK_BYTES / frameBytes) * frameBytes;
  const chunk = Buffer.from(new ArrayBuffer(Math.min(chunkBytes, end - HEADER_BYTES)));
  for (let offset = HEADER_BYTES, index = 0; offset < end; offset += chunk.length) {
    const bytes = readAt(file, offset, Math.min(chunk.length, end - offset), chunk);
    const words = wordsOf(bytes, format);
    for (let at = 0; at + frameBytes <= bytes.length; at += frameBytes, index += 1) {
      yield frameAt(words, at / 4, index, offset + at, format);
    }
  }
}

function frameAt(
  words: Int32Array,
  at: number,
  index: number,
  offset: number,
  { pageSize, isBigEndian }: Format,
): Frame {
  const field = (number: number) => (isBigEndian ? words[at + number]! : swapped(words[at + number]!));
  const pageAt = at + FRAME_HEADER_WORDS;
  return {
    index,
    offset,
    page: field(0),
    isCommit: words[at + 1] !== 0,
    salt1: field(2),
    salt2: field(3),
    checksum: { s1: field(4), s2: field(5) },
    checksumAfter: (start) => sumOf(words, pageAt, pageAt + pageSize / 4, sumOf(words, at, at + 2, start)),
  };
}

/** SQLite's checksum of an even number of words. Signed 32-bit numbers: engines keep these in registers. */
function sumOf(words: Int32Array, from: number, to: number, start: Checksum): Checksum {
  let { s1, s2 } = start;
  for (let index = from; index < to; index += 2) {
    s1 = (s1 + words[index]! + s2) | 0;
    s2 = (s2 + words[index + 1]! + s1) | 0;
  }
  return { s1, s2 };
}

/** The words that checksums are made of. `bytes` is swapped in place when the file has another order than the machine. */
function wordsOf(bytes: Buffer, { isBigEndian }: Format): Int32Array {
  if (isBigEndian !== (endianness() === 'BE')) bytes.swap32();
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

const swapped = (word: number) => (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);

/** `length` bytes from `offset` on; fewer when the file has become shorter. `into` is at a word boundary. */
function readAt(file: number, offset: number, length: number, into = Buffer.from(new ArrayBuffer(length))): Buffer {
  let count = 0;
  while (count < length) {
    const read = readSync(file, into, count, length - count, offset + count);
    if (read === 0) break;
    count += read;
  }
  return into.subarray(0, count - (count % 4));
}

/** The page size that the header of the data file names, if it can be read. */
function dataPageSize(walPath: string): number | undefined {
  let file: number | undefined;
  try {
    file = openSync(walPath.replace(/-wal$/, ''), 'r');
    const named = readAt(file, 16, 4).readUInt16BE(0);
    const pageSize = named === 1 ? 65_536 : named;
    return PAGE_SIZES.includes(pageSize) ? pageSize : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function sync(file: number): void {
  try {
    fsyncSync(file);
  } catch (error) {
    if (!isSyncRefused(error)) throw error;
  }
}
