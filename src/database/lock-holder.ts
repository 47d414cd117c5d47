/**
 * Who holds the write lock of the database: the name and pid of a program that somebody can end. SQLite's locks are
 * locks on bytes of its files, and Linux lists those of all processes in /proc/locks by device and inode. The files
 * are never opened for this, because closing them would drop the locks that this process has on them.
 */
import { type BigIntStats, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** In the shared memory of a WAL: the byte that a writer locks. */
const WAL_WRITE_LOCK = 120;

/** In the data file, without a WAL: who is going to write locks the second, who waits for readers to leave the first. */
const PENDING_LOCK = 0x4000_0000;
const RESERVED_LOCK = PENDING_LOCK + 1;

/** A lock for writing as the system lists it; `lastByte` is infinite when it reaches to the end of the file. */
export interface WriteLock {
  readonly pid: number;
  /** As `stat` numbers them. */
  readonly device: bigint;
  readonly inode: bigint;
  readonly firstByte: number;
  readonly lastByte: number;
}

/**
 * The program that holds the write lock of the database at `databasePath`, for example `sqlite3 (pid 4711)`. Undefined
 * when nobody but this process does, or when it cannot be told: on other systems than Linux, and when the program runs
 * in another container.
 */
export function findWriteLockHolder(databasePath: string): string | undefined {
  try {
    const locks = parseLocks(readFileSync('/proc/locks', 'utf8')).filter(({ pid }) => pid > 0 && pid !== process.pid);
    const holder =
      findHolder(locks, `${databasePath}-shm`, WAL_WRITE_LOCK, WAL_WRITE_LOCK) ??
      findHolder(locks, databasePath, PENDING_LOCK, RESERVED_LOCK);
    return holder === undefined ? undefined : describe(holder);
  } catch {
    return undefined;
  }
}

/**
 * The locks for writing in the text of /proc/locks, of which a line is
 * `1: POSIX  ADVISORY  WRITE 4711 fe:00:131208 120 120`. Those who wait (`1: -> POSIX`) are left out.
 */
export function parseLocks(text: string): WriteLock[] {
  const lines = text.matchAll(/^\d+: \w+ +\w+ +WRITE +(-?\d+) ([\da-f]+):([\da-f]+):(\d+) (\d+) (\d+|EOF)$/gm);
  return [...lines].map(([, pid, major, minor, inode, first, last]) => ({
    pid: Number(pid),
    device: deviceOf(BigInt(`0x${major}`), BigInt(`0x${minor}`)),
    inode: BigInt(inode!),
    firstByte: Number(first),
    lastByte: last === 'EOF' ? Number.POSITIVE_INFINITY : Number(last),
  }));
}

/** The two numbers of a device as `stat` puts them into one; see makedev(3). */
const deviceOf = (major: bigint, minor: bigint) =>
  (minor & 0xffn) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);

/** The pid of the process with a lock on one of these bytes of the file. */
function findHolder(locks: readonly WriteLock[], path: string, first: number, last: number): number | undefined {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (file === undefined) return undefined;
  const isMeant = ({ inode, firstByte, lastByte }: WriteLock) =>
    inode === file.ino && firstByte <= last && lastByte >= first;
  return locks.find((lock) => isMeant(lock) && (lock.device === file.dev || hasOpen(lock.pid, file)))?.pid;
}

/** Overlays and btrfs show another device in the list than `stat` does; there the process must have the file open. */
function hasOpen(pid: number, { dev, ino }: BigIntStats): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((name) => {
      const open = statSync(`/proc/${pid}/fd/${name}`, { bigint: true, throwIfNoEntry: false });
      return open?.dev === dev && open.ino === ino;
    });
  } catch {
    return false;
  }
}

function describe(pid: number): string {
  const name = nameOf(pid);
  return name === '' ? `pid ${pid}` : `${name} (pid ${pid})`;
}

/** As it was called, because newer versions of Node name their main thread, which is what comm tells. */
function nameOf(pid: number): string {
  const read = (name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'utf8');
    } catch {
      return '';
    }
  };
  return basename(read('cmdline').split('\0')[0]!) || read('comm').trim();
}
