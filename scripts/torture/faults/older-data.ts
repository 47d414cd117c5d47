/** A data directory as an older version left it, and what must be in it after it was brought up to date. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import BetterSqlite3 from 'better-sqlite3';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import { migrations } from '../../../migrations/index.ts';
import { openConnection } from '../../../src/database/connection.ts';
import type { Random } from '../random.ts';
import { DATA_FILE } from './damage.ts';

/** The last schema without a number of commits. */
const SCHEMA = 4;
const STREAMS = 4;
const RECORDS = 250;

/** What is in a table: its columns then, and a fingerprint of their values. */
interface Table {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly fingerprint: string;
}

export type Contents = ReadonlyMap<string, Table>;

/** Makes `dataDir`; sometimes as a kill left it, with a write-ahead log. Returns what is in it. */
export async function makeOlderData(dataDir: string, random: Random): Promise<Contents> {
  const draft = `${dataDir}-draft`;
  mkdirSync(draft, { recursive: true });
  const handle = openConnection(join(draft, DATA_FILE));
  const former = Object.fromEntries(Object.entries(migrations).slice(0, SCHEMA));
  const db = new Kysely({ dialect: new SqliteDialect({ database: handle }) });
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => former } }).migrateToLatest();
  if (error !== undefined) throw error;
  handle.pragma(`user_version = ${SCHEMA}`);
  handle.exec('begin');
  fill(handle, random);
  handle.exec('commit');
  const contents = contentsOf(handle);
  const wasKilled = random.chance(0.5);
  if (wasKilled) cpSync(draft, dataDir, { recursive: true });
  handle.close();
  if (!wasKilled) cpSync(draft, dataDir, { recursive: true });
  rmSync(draft, { recursive: true });
  return contents;
}

function fill(handle: BetterSqlite3.Database, random: Random): void {
  const insert = (table: string, values: Record<string, string | number | Buffer>): void => {
    const places = Object.keys(values)
      .map(() => '?')
      .join(', ');
    const sql = `insert into ${table} (${Object.keys(values).join(', ')}) values (${places})`;
    handle.prepare(sql).run(...Object.values(values));
  };
  insert('server_state', { name: 'written_by', value: '0.0.1' });
  const now = Date.now();
  for (let id = 1; id <= STREAMS; id += 1) {
    insert('streams', {
      id,
      account_id: '000000000000',
      region: 'us-east-1',
      name: `stream-${id}`,
      stream_id: `abcdefghijklmnopqrst-${id}`,
      stream_mode: 'PROVISIONED',
      retention_hours: 24,
      created_ms: now - 1000,
      active_ms: now - 500,
    });
    insert('shards', {
      id,
      stream: id,
      shard_index: 0,
      starting_hash_key: '0',
      ending_hash_key: ((1n << 128n) - 1n).toString(),
      created_s: Math.floor(now / 1000) - 1,
      next_position: RECORDS + 1,
      last_arrived_ms: now,
    });
    for (let position = 1; position <= RECORDS; position += 1) {
      const data = random.bytes(random.integer(0, 2000));
      insert('records', {
        id: id * 2 ** 40 + position,
        sequence_number: `${id}${String(position).padStart(10, '0')}`,
        partition_key: 'key',
        arrived_ms: now,
        is_text: 0,
        crc32: crc32(data, crc32('key')),
        data,
      });
    }
  }
}

/** Of every table but the bookkeeping of migrations. */
function contentsOf(handle: BetterSqlite3.Database): Contents {
  const names = handle
    .prepare(
      "select name from sqlite_schema where type = 'table' and name not like 'kysely%' and name not like 'sqlite%'",
    )
    .pluck()
    .all() as string[];
  return new Map(
    names.map((name) => {
      const columns = (handle.pragma(`table_info(${name})`) as { name: string }[]).map((column) => column.name);
      return [name, { columns, ...readTable(handle, name, columns) }];
    }),
  );
}

/** The state of the server is written at every start. */
const readTable = (
  handle: BetterSqlite3.Database,
  name: string,
  columns: readonly string[],
): Omit<Table, 'columns'> => {
  const rows =
    name === 'server_state'
      ? []
      : handle
          .prepare(`select ${columns.join(', ')} from ${name}`)
          .raw()
          .all();
  const hash = createHash('sha256');
  for (const row of rows) hash.update(`${JSON.stringify(row)}\n`);
  return { rows: rows.length, fingerprint: hash.digest('hex') };
};

/** Handles are not collected: see src/database/handle.ts. */
const kept: unknown[] = [];

/** What of `contents` is missing, a sentence each, once a server has served `dataDir`; and what is wrong with its copies. */
export function missingOf(contents: Contents, dataDir: string): string[] {
  const snapshots = join(dataDir, 'snapshots');
  const copies = existsSync(snapshots) ? readdirSync(snapshots).filter((name) => name.endsWith('.db')) : [];
  return [
    ...faultsOf(join(dataDir, DATA_FILE), contents),
    ...(copies.some((name) => name.startsWith('pre-v')) ? [] : ['There is no copy from before the migration.']),
    ...copies.flatMap((name) => faultsOf(join(snapshots, name), contents, SCHEMA)),
  ];
}

function faultsOf(path: string, contents: Contents, schema?: number): string[] {
  try {
    const handle = new BetterSqlite3(path, { readonly: true, fileMustExist: true });
    kept.push(handle);
    try {
      const check = handle.pragma('integrity_check', { simple: true }) as string;
      const version = handle.pragma('user_version', { simple: true }) as number;
      const wrong = [...contents].filter(([name, table]) => !isSame(readTable(handle, name, table.columns), table));
      return [
        ...(check === 'ok' ? [] : [`${path} is not intact: ${check}`]),
        ...(schema === undefined || version === schema ? [] : [`${path} has the schema ${version}, not ${schema}.`]),
        ...wrong.map(([name, { rows }]) => `${path} does not have the ${rows} rows of ${name} as they were.`),
      ];
    } finally {
      handle.close();
    }
  } catch (error) {
    return [`${path} cannot be read: ${(error as Error).message}`];
  }
}

const isSame = (one: Omit<Table, 'columns'>, other: Table): boolean =>
  one.rows === other.rows && one.fingerprint === other.fingerprint;
