/** Who holds the write lock, with programs that really hold it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openConnection } from '../../src/database/connection.ts';
import { findWriteLockHolder, parseLocks } from '../../src/database/lock-holder.ts';
import { temporaryDirectory } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A program that opens the database at `path` and has executed `sql`. */
type Program = (path: string, sql: string) => ChildProcess;

const node: Program = (path, sql) =>
  spawn(
    process.execPath,
    [
      '-e',
      `const BetterSqlite3 = require('better-sqlite3');
      globalThis.handle = new BetterSqlite3(process.argv[1]);
      handle.exec(process.argv[2]);
      console.log('done');
      process.stdin.resume();`,
      path,
      sql,
    ],
    { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] },
  );

const sqlite3: Program = (path, sql) => {
  const child = spawn('sqlite3', [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${sql};\n.print done\n`);
  return child;
};

async function run(program: Program, path: string, sql: string): Promise<ChildProcess> {
  const child = program(path, sql);
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await once(child.stdout!, 'data');
  return child;
}

function makeDatabase(journal: 'wal' | 'rollback' = 'wal'): string {
  const path = join(temporaryDirectory(), 'held.db');
  const handle = openConnection(path, journal);
  handle.exec('create table t (x)');
  onTestFinished(() => void handle.close());
  return path;
}

const hasSqlite3 = spawnSync('sqlite3', ['--version']).error === undefined;

describe.skipIf(process.platform !== 'linux')('the holder of the write lock', () => {
  it.skipIf(!hasSqlite3)('is the sqlite3 command in a transaction, as long as it is in one', async () => {
    const path = makeDatabase();
    const child = await run(sqlite3, path, 'begin immediate');
    expect(findWriteLockHolder(path)).toBe(`sqlite3 (pid ${child.pid})`);
    child.stdin!.write('rollback;\n.print over\n');
    await once(child.stdout!, 'data');
    expect(findWriteLockHolder(path)).toBeUndefined();
  });

  it('is any program, here one in Node.js', async () => {
    const path = makeDatabase();
    const child = await run(node, path, 'begin immediate');
    expect(findWriteLockHolder(path)).toBe(`${basename(process.execPath)} (pid ${child.pid})`);
  });

  it('is found without a WAL too', async () => {
    const path = makeDatabase('rollback');
    const child = await run(node, path, 'begin immediate');
    expect(findWriteLockHolder(path)).toBe(`${basename(process.execPath)} (pid ${child.pid})`);
  });

  it('is not who reads', async () => {
    const path = makeDatabase();
    await run(node, path, 'begin; select * from t; pragma user_version');
    expect(findWriteLockHolder(path)).toBeUndefined();
  });

  it('is not this process, nor anybody where there is no database', () => {
    const path = join(temporaryDirectory(), 'own.db');
    const handle = openConnection(path);
    handle.exec('begin immediate');
    expect(findWriteLockHolder(path)).toBeUndefined();
    handle.exec('rollback');
    handle.close();
    expect(findWriteLockHolder(join(temporaryDirectory(), 'none.db'))).toBeUndefined();
  });
});

it('locks are read from the list of the system', () => {
  const text = `1: POSIX  ADVISORY  WRITE 4711 fe:00:131208 120 120
1: -> POSIX  ADVISORY  WRITE 4712 fe:00:131208 120 120
2: POSIX  ADVISORY  READ 4713 fe:00:131208 128 128
3: FLOCK  ADVISORY  WRITE 812 00:1a:42 0 EOF
4: OFDLCK ADVISORY  WRITE -1 103:00012:9007199254740993 5 1073741825
5: LEASE  ACTIVE    READ 99 fe:00:1 0 EOF
`;
  expect(parseLocks(text)).toEqual([
    { pid: 4711, device: 0xfe00n, inode: 131208n, firstByte: 120, lastByte: 120 },
    { pid: 812, device: 0x1an, inode: 42n, firstByte: 0, lastByte: Number.POSITIVE_INFINITY },
    { pid: -1, device: 0x10312n, inode: 9007199254740993n, firstByte: 5, lastByte: 1073741825 },
  ]);
});
