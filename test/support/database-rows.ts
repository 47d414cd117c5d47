/** All that a data directory holds, as another program sees it: to show that something changed nothing. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openHandle } from '../../src/database/handle.ts';

/** The rows of every table, each as one line of text. */
export type DatabaseRows = Readonly<Record<string, readonly string[]>>;

/** Reads every row of every table, SQLite's own counters included. To be called while nothing is being written. */
export function databaseRows(directory: string): DatabaseRows {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  try {
    // Ids of records exceed what a JavaScript number holds.
    handle.defaultSafeIntegers(true);
    const tables = handle.prepare("select name from sqlite_schema where type = 'table' order by name").pluck().all();
    return Object.fromEntries((tables as string[]).map((table) => [table, rowsOf(handle, table)]));
  } finally {
    handle.close();
  }
}

function rowsOf(handle: ReturnType<typeof openHandle>, table: string): string[] {
  const rows = handle.prepare(`select * from "${table}"`).raw().all() as unknown[][];
  return rows.map((row) => row.map(textOf).join('|')).sort();
}

function textOf(value: unknown): string {
  if (Buffer.isBuffer(value)) return createHash('sha256').update(value).digest('hex');
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
