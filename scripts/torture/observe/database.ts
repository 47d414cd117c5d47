/** Looking at the database beside the server, as any inspector may: read-only, through SQLite. */
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { settle } from './settle.ts';

/** Handles are not collected: see src/database/handle.ts. */
const kept: unknown[] = [];

/** Reads from the database of a data directory. */
export function inspect<T>(dataDir: string, look: (database: BetterSqlite3.Database) => T): T {
  const database = new BetterSqlite3(join(dataDir, 'millrace.db'), { readonly: true, fileMustExist: true });
  kept.push(database);
  try {
    return look(database);
  } finally {
    database.close();
  }
}

function select<T>(database: BetterSqlite3.Database, sql: string, ...values: readonly unknown[]): T[] {
  const statement = database.prepare(sql);
  kept.push(statement);
  return statement.all(...values) as T[];
}

const WRONG_POSITIONS = `
  select 'shard' as what, id, next_position as next from shards
    where next_position <= (select ifnull(max(records.id & 1099511627775), 0) from records
                            where records.id >= shards.id << 40 and records.id < (shards.id + 1) << 40)
  union all
  select 'buffer', id, next_position from buffers
    where next_position <= (select ifnull(max(buffered_records.id & 1099511627775), 0) from buffered_records
                            where buffered_records.id >= buffers.id << 40 and buffered_records.id < (buffers.id + 1) << 40)`;

/** What is wrong with a database, one sentence each: its pages, and positions that could be given out again. */
export function databaseFaults(dataDir: string): string[] {
  return inspect(dataDir, (database) => {
    const pages = select<{ integrity_check: string }>(database, 'pragma integrity_check').map(
      (row) => row.integrity_check,
    );
    const positions = select<{ what: string; id: number; next: number }>(database, WRONG_POSITIONS);
    return [
      ...pages.filter((text) => text !== 'ok').map((text) => `The integrity check says: ${text}.`),
      ...positions.map(({ what, id, next }) => `The next position of ${what} ${id}, ${next}, has a record already.`),
    ];
  });
}

/** Batches that are planned and stay so, although a flush has ended. */
export async function leftPlans(dataDir: string): Promise<string[]> {
  const sql = "select key, last_error as error from deliveries where state = 'PLANNED'";
  const look = () => inspect(dataDir, (database) => select<{ key: string; error: string | null }>(database, sql));
  const left = await settle(look, (rows) => rows.length === 0);
  return left.map(({ key, error }) => `The batch ${key} stays PLANNED (${error ?? 'no error'}).`);
}

/** Paths of the objects that are confirmed to be delivered. */
export const confirmedPaths = (dataDir: string): string[] =>
  inspect(dataDir, (database) =>
    select<{ path: string }>(database, "select path from deliveries where state = 'DELIVERED' and path is not null"),
  ).map(({ path }) => path);

/** What was under way at an instant at which a server was killed, as its successor's database tells. */
export function interrupted(dataDir: string, atMs: number): { readonly deliveries: number; readonly reshards: number } {
  const count = (database: BetterSqlite3.Database, sql: string) =>
    select<{ count: number }>(database, sql, atMs, atMs)[0]!.count;
  return inspect(dataDir, (database) => ({
    deliveries: count(
      database,
      'select count(*) as count from deliveries where planned_ms <= ? and ifnull(ended_ms, 9e15) > ?',
    ),
    reshards: count(database, 'select count(*) as count from streams where updating_ms <= ? and updated_ms > ?'),
  }));
}
