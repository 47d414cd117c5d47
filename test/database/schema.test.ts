/** The schema as the migrations leave it, compared with its description in tables.ts, and the settings of the file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { expect, it } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { APPLICATION_ID } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { startTestServer } from '../support/server.ts';

const DATABASE = join(import.meta.dirname, '..', '..', 'src', 'database');
const TABLES = ['tables.ts', 'firehose-tables.ts'].map((file) => join(DATABASE, file));

/** Tables and columns as described: interfaces of columns, reached through `interface Tables`. */
function describedTables(): Record<string, string[]> {
  const text = TABLES.map((file) => readFileSync(file, 'utf8')).join('\n');
  const source = text.replaceAll(/\/\*\*[\s\S]*?\*\//g, '');
  const bodies = new Map([...source.matchAll(/interface (\w+) \{([^}]*)\}/g)].map(([, name, body]) => [name, body!]));
  const members = (body: string) => [...body.matchAll(/^\s+(\w+): (['\w]+)/gm)];
  return Object.fromEntries(
    members(bodies.get('Tables')!).map(([, table, type]) => [
      table!,
      members(bodies.get(type!)!)
        .map(([, column]) => column!)
        .sort(),
    ]),
  );
}

async function openData(): Promise<BetterSqlite3.Database> {
  const server = await startTestServer();
  await server.close();
  return openHandle(join(server.directory, 'millrace.db'), { readonly: true });
}

it('the descriptions name every table and column', async () => {
  const handle = await openData();
  const tables = handle
    .prepare(
      "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name not like 'kysely_%'",
    )
    .pluck()
    .all() as string[];
  const columns = handle.prepare('select name from pragma_table_xinfo(?) order by name').pluck();
  expect(Object.fromEntries(tables.map((table) => [table, columns.all(table)]))).toEqual(describedTables());
  handle.close();
});

it('the file says what it is and has the layout that cannot be changed later', async () => {
  const handle = await openData();
  const pragma = (name: string) => handle.pragma(name, { simple: true });
  expect(pragma('application_id')).toBe(APPLICATION_ID);
  expect(pragma('user_version')).toBe(Object.keys(migrations).length);
  expect(pragma('page_size')).toBe(8192);
  expect(pragma('auto_vacuum')).toBe(2);
  expect(pragma('journal_mode')).toBe('wal');
  handle.close();
});
