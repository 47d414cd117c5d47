/** Brings the file to the newest schema in one transaction, and refuses files that this program must not touch. */
import type BetterSqlite3 from 'better-sqlite3';
import { Kysely, Migrator, SqliteAdapter, SqliteDialect } from 'kysely';
import { migrations } from '../../migrations/index.ts';
import { Refusal } from '../refusal.ts';
import { APPLICATION_ID } from './connection.ts';
import { openHandle } from './handle.ts';

const schemaVersion = Object.keys(migrations).length;

/**
 * Looks at an existing file without changing a byte of it.
 * @throws Refusal `newerData` when a newer Millrace wrote it, `dataNotUsable` when it is not a Millrace database,
 * `damagedData` when SQLite cannot read it.
 */
export function assertUsable(path: string): void {
  // Read-only, because even opening and closing a file for writing may move its WAL into it.
  const handle = openHandle(path, { readonly: true, fileMustExist: true });
  try {
    const applicationId = handle.pragma('application_id', { simple: true }) as number;
    const version = handle.pragma('user_version', { simple: true }) as number;
    const tables = handle.prepare("select count(*) from sqlite_schema where type = 'table'").pluck().get() as number;
    if (applicationId !== APPLICATION_ID && tables > 0) {
      throw new Refusal('dataNotUsable', `${path} is not a Millrace database; set DATA_DIR to another directory.`);
    }
    if (applicationId === APPLICATION_ID && version > schemaVersion) throw newerData(path, handle);
  } catch (error) {
    // A kill while the file was being made leaves a journal that only a writer can roll back: openConnection will.
    if ((error as { code?: string }).code !== 'SQLITE_READONLY_ROLLBACK') throw error;
  } finally {
    handle.close();
  }
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
 * Runs the migrations that the file lacks, all in one transaction: a kill leaves the old schema or the new one, besides
 * Kysely's own bookkeeping tables. Writes nothing when there is nothing to change, so that a tool which holds a write
 * lock does not keep the server from starting. The caller holds the instance lock. `version` is remembered as the one that wrote the file.
 */
export async function migrate(handle: BetterSqlite3.Database, version: string): Promise<void> {
  const kysely = new Kysely({ dialect: new TransactionalSqliteDialect({ database: handle }) });
  const { error } = await new Migrator({
    db: kysely,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  if (error) throw error;
  if (handle.pragma('user_version', { simple: true }) !== schemaVersion) {
    handle.pragma(`user_version = ${schemaVersion}`);
  }
  const writer = handle.prepare("select value from server_state where name = 'written_by'").pluck().get();
  if (writer === version) return;
  handle.prepare("insert or replace into server_state (name, value) values ('written_by', ?)").run(version);
}

/** Kysely assumes that SQLite cannot roll back DDL and would leave half a migration behind. It can. */
class TransactionalSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new (class extends SqliteAdapter {
      override get supportsTransactionalDdl(): boolean {
        return true;
      }
    })();
  }
}
