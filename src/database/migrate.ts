/** Brings the file to the newest schema in one transaction. */
import type BetterSqlite3 from 'better-sqlite3';
import { Kysely, Migrator, SqliteAdapter, SqliteDialect } from 'kysely';
import { migrations } from '../../migrations/index.ts';
import { SCHEMA_VERSION } from './inspection.ts';

/**
 * Runs the migrations that the file lacks, all in one transaction: a kill leaves the old schema or the new one, besides
 * Kysely's own bookkeeping tables. Writes nothing when there is nothing to change, so that a tool which holds a write
 * lock does not keep the server from starting. The caller holds the instance lock. `version` is remembered as the one that wrote the file.
 */
export async function migrate(handle: BetterSqlite3.Database, version: string): Promise<void> {
  if (!isNewest(handle)) await migrateToLatest(handle);
  if (handle.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) {
    handle.pragma(`user_version = ${SCHEMA_VERSION}`);
  }
  const writer = handle.prepare("select value from server_state where name = 'written_by'").pluck().get();
  if (writer === version) return;
  handle.prepare("insert or replace into server_state (name, value) values ('written_by', ?)").run(version);
}

/**
 * Whether the file has been through all migrations, and through no other. Most starts need not ask Kysely, which reads the
 * whole schema.
 */
function isNewest(handle: BetterSqlite3.Database): boolean {
  if (handle.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) return false;
  const names = handle.prepare('select name from kysely_migration order by name').pluck().all();
  return JSON.stringify(names) === JSON.stringify(Object.keys(migrations));
}

/** @throws what a migration throws; nothing of any of them is left then */
async function migrateToLatest(handle: BetterSqlite3.Database): Promise<void> {
  const kysely = new Kysely({ dialect: new TransactionalSqliteDialect({ database: handle }) });
  const { error } = await new Migrator({
    db: kysely,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  if (error) throw error;
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
