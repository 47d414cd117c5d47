/**
 * Opening the database, in this order: directory, instance lock, a look at the files that changes nothing, the
 * connection, migrations, the checkpoint that an interrupted process still owed, the witness.
 */
import { existsSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import { settleDirectory, syncForeign, syncPath } from '../durable-file.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import { type CommitWitness, openWitness, readWitness } from './commit-witness.ts';
import { type Journal, openConnection } from './connection.ts';
import { copyDatabase, copyPath, removePartialCopies } from './copying.ts';
import { isFull } from './errors.ts';
import { fileSystemOf, freeSpace } from './file-system.ts';
import {
  assertOurs,
  assertSound,
  type DataFiles,
  damaged,
  inspectFiles,
  lossOf,
  readCommitState,
  SCHEMA_VERSION,
} from './inspection.ts';
import { acquireInstanceLock, type InstanceLock } from './instance-lock.ts';
import { migrate } from './migrate.ts';
import { reserveSize, SpaceReserve } from './space-reserve.ts';

export const DATABASE_FILE = 'millrace.db';

/** Directories beside the database. */
export const SNAPSHOTS = 'snapshots';
export const RESCUE = 'rescue';

/** Opening makes files of this size at most, unless there is a migration. */
const OPENING_BYTES = 1024 * 1024;

export interface OpeningOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The program's version, remembered in the file. */
  readonly version: string;
  /** Room that is kept for the day when the disk is full; at most a sixteenth of the volume. */
  readonly reserveBytes: number;
  /** Whether to start although acknowledged commits are missing, which is noted as an incident. */
  readonly acceptDataLoss: boolean;
}

export interface Opened {
  readonly handle: BetterSqlite3.Database;
  /** What the file system admits. */
  readonly journal: Journal;
  readonly lock: InstanceLock;
  readonly witness: CommitWitness;
  readonly reserve: SpaceReserve;
  /** Whether the structure of the file is to be checked meanwhile, because that takes long. */
  readonly isUnchecked: boolean;
}

/**
 * Opens the database of a directory, creating both when missing, and migrates it.
 * @throws Refusal when the directory or the file cannot or must not be used
 */
export async function openData(options: OpeningOptions): Promise<Opened> {
  const { directory } = options;
  let lock: InstanceLock | undefined;
  let handle: BetterSqlite3.Database | undefined;
  try {
    settleDirectory(directory);
    lock = acquireInstanceLock(directory);
    for (const name of [SNAPSHOTS, RESCUE]) removePartialCopies(join(directory, name));
    const reserve = reserveOf(options);
    const files = filesOf(directory);
    // Whoever put it there, by copying say, may not have synced it, and commits will rest on it.
    if (existsSync(files.path)) syncForeign(files.path);
    const found = inspectFiles(files);
    assertAccepted(found.loss, options);
    if (readWitness(files.witnessPath) === 'unreadable') {
      options.log.warn({ path: files.witnessPath }, 'The note of the last commit is damaged; it is made anew.');
    }
    const journal = journalFor(options);
    handle = openConnection(files.path, journal);
    // With a rollback journal whoever reads meanwhile would keep all commits waiting.
    const isUnchecked = found.unchecked === 'meanwhile' && journal === 'wal';
    if (found.unchecked !== undefined && !isUnchecked) {
      assertOurs(handle, files.path);
      assertSound(handle, files.path);
    }
    if (found.isNew) syncPath(directory);
    await upgrade(handle, options);
    // Once more: what a kill left half done can be read only now.
    const loss = found.loss ?? lossOf(readCommitState(handle), readWitness(files.witnessPath), files.path);
    assertAccepted(loss, options);
    if (loss !== undefined) noteLoss(loss, handle, options);
    // Not even what the disk only seemed to have taken is left to the log.
    if (found.wasInterrupted) settleLog(handle, loss);
    const witness = openWitness(files.witnessPath, readCommitState(handle)!);
    return { handle, journal, lock, witness, reserve, isUnchecked };
  } catch (error) {
    handle?.close();
    lock?.release();
    throw error instanceof Refusal ? error : asRefusal(directory, error as NodeJS.ErrnoException);
  }
}

function filesOf(directory: string): DataFiles {
  const path = join(directory, DATABASE_FILE);
  return {
    // SQLite puts its side files beside the file that a link leads to.
    path: existsSync(path) ? realpathSync(path) : path,
    witnessPath: join(directory, 'commit-witness'),
    rescueDirectory: join(directory, RESCUE),
  };
}

/** A reader or a full disk may be in the way; then it is done later. */
function settleLog(handle: BetterSqlite3.Database, loss: string | undefined): void {
  let isMoved = false;
  try {
    const [progress] = handle.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    isMoved = progress!.busy === 0;
  } catch (error) {
    if (!isFull(error)) throw error;
  }
  if (loss === undefined || isMoved) return;
  // What is damaged would stay in the log, and be found again.
  throw new Refusal('dataInUse', `Another program reads ${handle.name}; end it and start again.`);
}

/** Given up at once where there is no room: opening needs some too. */
function reserveOf({ directory, clock, reserveBytes }: OpeningOptions): SpaceReserve {
  const path = join(directory, 'space-reserve');
  const sizeBytes = reserveSize(reserveBytes, directory);
  const reserve = new SpaceReserve({ path, sizeBytes, fill: (count) => clock.randomBytes(count) });
  if (freeSpace(directory).freeBytes < OPENING_BYTES) reserve.release();
  return reserve;
}

/** The shared memory of a WAL is not the same for everybody on file systems that cross machines. */
function journalFor({ directory, log }: OpeningOptions): Journal {
  const { type, isWalSafe } = fileSystemOf(directory);
  if (isWalSafe) return 'wal';
  log.warn(
    { fileSystem: type },
    `DATA_DIR is on ${type}, where SQLite's write-ahead log is not safe: a slower journal is used. ` +
      'Put it on a local file system; with Docker, in a named volume.',
  );
  return 'rollback';
}

function assertAccepted(loss: string | undefined, { acceptDataLoss }: OpeningOptions): void {
  if (loss === undefined || acceptDataLoss) return;
  throw new Refusal(
    'dataMissing',
    `${loss} Restore the missing files, or go on with what is there by starting once with --accept-data-loss.`,
  );
}

function noteLoss(loss: string, handle: BetterSqlite3.Database, { clock, log }: OpeningOptions): void {
  log.error({}, `Accepted loss of data: ${loss}`);
  const insert = handle.prepare(
    `insert into incidents (happened_ms, kind, account_id, region, subject, records, reason)
     values (?, 'DATA_LOSS', '', '', ?, 0, ?)`,
  );
  insert.run(clock.now(), DATABASE_FILE, loss);
  // From here on it is another database: its commits have the numbers of those that were lost.
  handle.exec("update server_state set value = lower(hex(randomblob(16))) where name = 'database_id'");
}

/** Brings the schema up to date. That cannot be taken back, so the file as it was before is kept. */
async function upgrade(handle: BetterSqlite3.Database, { directory, clock, log, version }: OpeningOptions) {
  const before = handle.pragma('user_version', { simple: true }) as number;
  if (before === SCHEMA_VERSION) return migrate(handle, version);
  if (freeSpace(directory).freeBytes < OPENING_BYTES) {
    throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
  }
  if (before === 0) return migrate(handle, version);
  const copy = copyDatabase(handle, copyPath(join(directory, SNAPSHOTS), `pre-v${SCHEMA_VERSION}`, clock.now()));
  log.info(copy, 'The database was copied before its schema is changed.');
  const migrated = handle.prepare('select count(*) from kysely_migration').pluck();
  const migratedBefore = migrated.get();
  try {
    await migrate(handle, version);
  } catch (error) {
    // When it is as it was, a start that is tried again and again must not fill the disk with copies.
    if (migrated.get() === migratedBefore) rmSync(copy.path, { force: true });
    throw error;
  }
}

function asRefusal(directory: string, error: NodeJS.ErrnoException): Error {
  const code = error.code ?? '';
  const path = join(directory, DATABASE_FILE);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return damaged(path, error.message, error);
  if (code.startsWith('SQLITE_BUSY')) {
    return new Refusal(
      'dataInUse',
      `Another program holds a write lock on ${path}; end its transaction and start again.`,
      { cause: error },
    );
  }
  if (/^(ENOSPC|EDQUOT|SQLITE_(FULL|IOERR_SHMSIZE))/.test(code)) {
    return new Refusal(
      'dataNotUsable',
      `There is no space left for the data directory ${directory} (${error.message}); make some, or set DATA_DIR.`,
      { cause: error },
    );
  }
  if (/^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENOENT|SQLITE_(CANTOPEN|READONLY|PERM))/.test(code)) {
    return new Refusal(
      'dataNotUsable',
      `The data directory ${directory} cannot be written (${error.message}); fix its permissions or set DATA_DIR.`,
      { cause: error },
    );
  }
  if (/^(EIO|SQLITE_IOERR)/.test(code)) {
    return new Refusal(
      'diskFailed',
      `The disk of ${directory} fails (${code}: ${error.message}); nothing was changed.`,
      {
        cause: error,
      },
    );
  }
  return error;
}
