/** Opens the one connection to the data file and proves that SQLite took every setting. */
import type BetterSqlite3 from 'better-sqlite3';
import { openHandle } from './handle.ts';

/** In the header of every Millrace database: "Mill". `file` and sqlite3's `pragma application_id` show it. */
export const APPLICATION_ID = 0x4d696c6c;

/**
 * Layout of a new file. Page size and auto_vacuum must be set before anything is written and cannot change cheaply
 * afterwards: 8 KiB pages suit records of about 1 KB best, and incremental auto_vacuum lets the sweeper give space back
 * to the file system. The id comes last: a file without it is one whose making was cut short, and is made again.
 */
const layout = { page_size: 8192, auto_vacuum: 2, application_id: APPLICATION_ID } as const;

/** Value as written, value as SQLite reports it. */
type Settings = readonly (readonly [name: string, value: string | number, reported: string | number])[];

/**
 * How commits are made to last. WAL with FULL: COMMIT returns after the log was synced; the build's own default, NORMAL,
 * does not. Where the log's shared memory cannot be trusted, a rollback journal with EXTRA: COMMIT returns after the data
 * file and the removal of the journal were synced. FULL would leave the latter to chance.
 */
const JOURNALS = {
  wal: [
    ['journal_mode', 'wal', 'wal'],
    ['synchronous', 'full', 2],
  ],
  rollback: [
    ['journal_mode', 'delete', 'delete'],
    ['synchronous', 'extra', 3],
  ],
} as const satisfies Record<string, Settings>;

export type Journal = keyof typeof JOURNALS;

const settings: Settings = [
  // 0: a wait would block the whole event loop. The writer turn retries without blocking.
  ['busy_timeout', 0, 0],
  // The checkpointer does it, so that no commit has to.
  ['wal_autocheckpoint', 0, 0],
  ['journal_size_limit', 64 * 1024 * 1024, 64 * 1024 * 1024],
  // Memory-mapped I/O turns a read error into a crash and lets a stray pointer damage the file.
  ['mmap_size', 0, 0],
  ['foreign_keys', 'on', 1],
  ['cell_size_check', 'on', 1],
  ['trusted_schema', 'off', 0],
  ['temp_store', 'memory', 2],
  // 16 MiB. What it does not hold lies in the page cache of the system: with four times as much, puts took as long.
  ['cache_size', -16_384, -16_384],
];

/** SQLite before 3.51.3 could corrupt a WAL that two connections reset at the same instant. */
const OLDEST_SQLITE = [3, 51, 3] as const;

/**
 * Opens or creates the database at `path`.
 * @throws Error when a setting did not take or SQLite is too old; SqliteError when the file cannot be used.
 */
export function openConnection(path: string, journal: Journal = 'wal'): BetterSqlite3.Database {
  const handle = openHandle(path);
  try {
    assertVersion(handle);
    if (journal === 'rollback') leaveWal(handle);
    if (handle.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
      for (const [name, value] of Object.entries(layout)) handle.pragma(`${name} = ${value}`);
    }
    const wanted = [...JOURNALS[journal], ...settings];
    for (const [name, value] of wanted) handle.pragma(`${name} = ${value}`);
    for (const [name, , reported] of wanted) assertSetting(handle, name, reported);
    for (const [name, value] of Object.entries(layout)) assertSetting(handle, name, value);
    return handle;
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** A file that was used with a WAL elsewhere. Without shared memory, which SQLite does for an exclusive connection. */
function leaveWal(handle: BetterSqlite3.Database): void {
  handle.pragma('locking_mode = exclusive');
  handle.pragma('journal_mode = delete');
  handle.pragma('locking_mode = normal');
  // The exclusive lock is given up by the next access.
  handle.prepare('select count(*) from sqlite_schema').get();
}

function assertVersion(handle: BetterSqlite3.Database): void {
  const version = handle.prepare('select sqlite_version()').pluck().get() as string;
  const parts = version.split('.').map(Number);
  const difference = OLDEST_SQLITE.map((wanted, index) => (parts[index] ?? 0) - wanted).find((part) => part !== 0);
  if ((difference ?? 0) < 0) throw new Error(`SQLite ${OLDEST_SQLITE.join('.')} or newer is needed, not ${version}.`);
}

function assertSetting(handle: BetterSqlite3.Database, name: string, wanted: string | number): void {
  const value = handle.pragma(name, { simple: true });
  if (value !== wanted) throw new Error(`SQLite reports ${name} = ${value} where ${wanted} was set.`);
}
