/** The layout of a WAL, as SQLite writes it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { isAllMoved, parseWal } from '../../scripts/torture/faults/wal-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'millrace-wal-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('frames, commits and the end are found', () => {
  const path = join(directory, 'a.db');
  const handle = new BetterSqlite3(path);
  handle.exec('pragma page_size = 8192; pragma journal_mode = wal; create table t (x)');
  for (let row = 0; row < 5; row += 1) handle.exec('insert into t values (zeroblob(20000))');
  const bytes = readFileSync(`${path}-wal`);
  const wal = parseWal(bytes);
  expect(wal.pageBytes).toBe(8192);
  expect(wal.frames.filter(({ isCommit }) => isCommit)).toHaveLength(6);
  expect(wal.end).toBe(bytes.length);
  expect(parseWal(Buffer.concat([bytes, Buffer.alloc(9000)])).end).toBe(bytes.length);
  handle.close();
});

test('whether all of a WAL is moved is told by the shared memory', () => {
  const path = join(directory, 'b.db');
  const handle = new BetterSqlite3(path);
  const isMoved = () => isAllMoved(readFileSync(`${path}-shm`));
  handle.exec('pragma journal_mode = wal; create table t (x)');
  expect(isMoved()).toBe(false);
  handle.pragma('wal_checkpoint(passive)');
  expect(isMoved()).toBe(true);
  handle.exec('insert into t values (1)');
  expect(isMoved()).toBe(false);
  handle.close();
});

test('an empty WAL has no frames', () => {
  expect(parseWal(Buffer.alloc(0)).frames).toEqual([]);
});
