/**
 * Looking at the files of a data directory before they are opened for writing, without changing a byte of them. Damage,
 * files of others and missing commits are found here and named; what is refused stays as it is, for whoever rescues it.
 */
import { closeSync, copyFileSync, existsSync, openSync, readdirSync, readSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { migrations } from '../../migrations/index.ts';
import { makeDirectory, syncPath } from '../durable-file.ts';
import { Refusal } from '../refusal.ts';
import { type CommitState, readWitness } from './commit-witness.ts';
import { APPLICATION_ID } from './connection.ts';
import { openHandle } from './handle.ts';
import { findWalDamage, readWal } from './wal-forensics.ts';

/** The newest schema that this program knows: the number of its migrations. */
export const SCHEMA_VERSION = Object.keys(migrations).length;

/** The first schema with a commit number. */
const COUNTED_FROM = 5;

/** Files up to this size are checked before the server listens, in some hundred milliseconds; larger ones meanwhile. */
const CHECKED_FIRST_BYTES = 256 * 1024 * 1024;

export interface DataFiles {
  /** The data file. */
  readonly path: string;
  readonly witnessPath: string;
  /** Where copies of what is in danger are put. */
  readonly rescueDirectory: string;
}

export interface Findings {
  /** Whether there is no data yet. */
  readonly isNew: boolean;
  /** Whether the last process that had it open was killed: its side files are still there. */
  readonly wasInterrupted: boolean;
  /** Whether the structure of the file is still to be checked: before it is used, or meanwhile because it is large. */
  readonly unchecked: 'first' | 'meanwhile' | undefined;
  /** Commits that were acknowledged and are not there: why, as a sentence. */
  readonly loss: string | undefined;
}

/**
 * Inspects the files. Must run before SQLite has opened the data file in this process, and under the instance lock.
 * @throws Refusal `damagedData`, `newerData` or `dataNotUsable`; SqliteError when SQLite cannot read the file
 */
export function inspectFiles(files: DataFiles): Findings {
  const found = lookAt(files);
  const copy = newestRescued(files);
  if (copy === undefined) return found;
  if (found.loss !== undefined) return { ...found, loss: `${found.loss} The newest copy that was saved is ${copy}.` };
  // It may be the only thing in the directory.
  return found.isNew ? { ...found, loss: `${files.path} is missing, but ${copy} was saved from it.` } : found;
}

function lookAt(files: DataFiles): Findings {
  const { path } = files;
  const witness = readWitness(files.witnessPath);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const wasInterrupted = existsSync(`${path}-wal`) || existsSync(`${path}-journal`);
  const walLoss = lossInWal(files);
  if (size === 0) {
    const loss = walLoss ?? lossOf(undefined, witness, path) ?? lossOfOrphan(path);
    return { isNew: true, wasInterrupted: false, unchecked: undefined, loss };
  }
  assertOwnWal(path);
  const isLarge = size > CHECKED_FIRST_BYTES;
  const read = readOnly(path, (handle) => {
    assertOurs(handle, path);
    if (wasInterrupted && !isLarge) assertSound(handle, path);
    return { state: readCommitState(handle) };
  });
  const meanwhile = wasInterrupted && isLarge ? 'meanwhile' : undefined;
  if (read === undefined) return { isNew: false, wasInterrupted, unchecked: meanwhile ?? 'first', loss: walLoss };
  return { isNew: false, wasInterrupted, unchecked: meanwhile, loss: walLoss ?? lossOf(read.state, witness, path) };
}

/**
 * Reads through a handle that cannot write, because even opening and closing a file for writing may move its WAL into
 * it. Undefined when a kill left a journal that only a writer can roll back.
 */
function readOnly<T>(path: string, read: (handle: BetterSqlite3.Database) => T): T | undefined {
  const handle = openHandle(path, { readonly: true, fileMustExist: true });
  try {
    return read(handle);
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_READONLY_ROLLBACK') return undefined;
    throw error;
  } finally {
    handle.close();
  }
}

/** @throws Refusal `dataNotUsable` for a database of others, `newerData` */
export function assertOurs(handle: BetterSqlite3.Database, path: string): void {
  const applicationId = handle.pragma('application_id', { simple: true }) as number;
  const version = handle.pragma('user_version', { simple: true }) as number;
  const tables = handle.prepare("select count(*) from sqlite_schema where type = 'table'").pluck().get() as number;
  if (applicationId !== APPLICATION_ID && tables > 0) {
    throw new Refusal('dataNotUsable', `${path} is not a Millrace database; set DATA_DIR to another directory.`);
  }
  if (applicationId === APPLICATION_ID && version > SCHEMA_VERSION) throw newerData(path, handle);
}

function newerData(path: string, handle: BetterSqlite3.Database): Refusal {
  const writer = handle.prepare("select value from server_state where name = 'written_by'").pluck().get();
  return new Refusal(
    'newerData',
    `${path} was written by Millrace ${writer ?? 'of a newer version'}, which is newer than this one; ` +
      'start that version or newer, or set DATA_DIR to another directory.',
  );
}

/**
 * Has SQLite check the structure of the whole file.
 * @throws Refusal `damagedData`; SqliteError, which SQLite sometimes throws in place of reporting what it found
 */
export function assertSound(handle: BetterSqlite3.Database, path: string): void {
  const found = handle.pragma('quick_check(1)', { simple: true }) as string;
  if (found !== 'ok') throw damaged(path, found.replaceAll(/\s+/g, ' '));
}

/** The refusal of a data file that is damaged. */
export const damaged = (path: string, what: string, cause?: unknown) =>
  new Refusal(
    'damagedData',
    `${path} is damaged (${what}); it was left as it is. Restore a copy, or rescue what is readable with: ` +
      `sqlite3 ${basename(path)} .recover | sqlite3 recovered.db`,
    { cause },
  );

/** Undefined for a schema that does not count commits. */
export function readCommitState(handle: BetterSqlite3.Database): CommitState | undefined {
  if ((handle.pragma('user_version', { simple: true }) as number) < COUNTED_FROM) return undefined;
  const select = handle.prepare('select value from server_state where name = ?').pluck();
  return { databaseId: select.get('database_id') as string, commit: select.get('commit') as number };
}

/**
 * What the witness knows of and the database does not, as a sentence. A witness that lags behind, or cannot be read,
 * says nothing: it is not synced.
 */
export function lossOf(
  state: CommitState | undefined,
  witness: ReturnType<typeof readWitness>,
  path: string,
): string | undefined {
  if (witness === undefined || witness === 'unreadable' || witness.commit === 0) return undefined;
  if (state === undefined) {
    return `${path} is missing, empty or of an older version, but ${witness.commit} commits to it were acknowledged.`;
  }
  if (state.databaseId !== witness.databaseId) {
    return `${path} is not the database that was in this directory before, to which ${witness.commit} commits were acknowledged.`;
  }
  if (state.commit >= witness.commit) return undefined;
  return (
    `${path} ends with commit ${state.commit}, but commit ${witness.commit} was acknowledged: its -wal file was removed ` +
    'or damaged, or an older copy of the database was put in its place.'
  );
}

/**
 * A log beside a data file that never had one: SQLite would write it over the file. That is what is left when a snapshot
 * or a rescued copy is put in the place of a database whose log was forgotten. Bytes 18 and 19 of a file are 2 when it is
 * used with a log, and 1 in a copy; SQLite turns to a log before it writes the first page to it, and away from it after
 * the last was removed.
 */
function assertOwnWal(path: string): void {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, header.length, 0);
  } finally {
    closeSync(file);
  }
  if (header[18] !== 1 || (readWal(`${path}-wal`)?.recoveredFrames ?? 0) === 0) return;
  throw new Refusal(
    'dataMissing',
    `${path}-wal belongs to another file than ${path}, which is a copy as it seems; move ${path}-wal and ${path}-shm away and start again.`,
  );
}

/** What was saved when somebody removed the database. */
function newestRescued({ rescueDirectory }: DataFiles): string | undefined {
  if (!existsSync(rescueDirectory)) return undefined;
  const copies = readdirSync(rescueDirectory).filter((name) => name.endsWith('.db'));
  const newest = copies.sort().at(-1);
  return newest && join(rescueDirectory, newest);
}

/** SQLite throws away a log that lies beside a data file without content. */
function lossOfOrphan(path: string): string | undefined {
  const frames = readWal(`${path}-wal`)?.recoveredFrames ?? 0;
  return frames === 0 ? undefined : `${path} is missing or empty, but its -wal file holds ${frames} pages of commits.`;
}

/** Damage in the write-ahead log that SQLite would pass over in silence, together with all that follows it. */
function lossInWal({ path, rescueDirectory }: DataFiles): string | undefined {
  const damage = findWalDamage(`${path}-wal`);
  if (damage === undefined) return undefined;
  // One copy of each damaged log: whoever restarts in a loop must not fill the disk.
  const changedMs = Math.floor(statSync(`${path}-wal`).mtimeMs);
  const copy = join(rescueDirectory, `${basename(path)}-wal-${changedMs}-damaged-at-${damage.offset}`);
  if (!existsSync(copy)) {
    makeDirectory(rescueDirectory);
    copyFileSync(`${path}-wal`, `${copy}.partial`);
    syncPath(`${copy}.partial`);
    renameSync(`${copy}.partial`, copy);
    syncPath(rescueDirectory);
  }
  return `${path}-wal is damaged (${damage.reason}), and commits that were acknowledged follow the damage; a copy is in ${copy}.`;
}
