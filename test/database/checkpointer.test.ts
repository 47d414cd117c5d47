import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type BetterSqlite3 from 'better-sqlite3';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Checkpointer } from '../../src/database/checkpointer.ts';
import { openConnection } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { createTestLog, type TestLog } from '../support/log.ts';
import { temporaryDirectory } from '../support/server.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;

/** What the checkpointer is told of the disk. */
const room = { freeBytes: 1e12, totalBytes: 1e12 };

let path: string;
let handle: BetterSqlite3.Database;
let checkpointer: Checkpointer;
let log: TestLog;

beforeEach(() => {
  room.freeBytes = 1e12;
  path = join(temporaryDirectory(), 'test.db');
  handle = openConnection(path);
  handle.exec('create table blobs (data blob)');
  log = createTestLog();
  checkpointer = new Checkpointer({
    handle,
    // The waits are short in tests, but real: the worker is another thread.
    clock: { ...systemClock, after: (_ms, action) => systemClock.after(1, action) },
    log,
    room: () => room,
    onError: (error) => log.error({ err: error }, error.message),
    onFatal: (error) => log.error({ err: error }, error.message),
  });
  onTestFinished(async () => {
    await checkpointer.close();
    handle.close();
  });
});

function write(megabytes: number): void {
  for (let index = 0; index < megabytes; index += 1) {
    handle.prepare('insert into blobs values (randomblob(?))').run(MIB);
    checkpointer.committed();
  }
}

/** Pages in the WAL that are not in the data file yet. */
function pagesLeft(): number {
  const [{ log: all, checkpointed }] = handle.pragma('wal_checkpoint(NOOP)') as [{ log: number; checkpointed: number }];
  return all - checkpointed;
}

it('moves a long WAL into the data file without a commit having to', async () => {
  write(40);
  expect(pagesLeft(), 'no commit did it').toBeGreaterThan(40 * 128);
  await until(() => pagesLeft() === 0);
  expect(statSync(path).size).toBeGreaterThan(40 * MIB);
});

it('leaves a short WAL alone', async () => {
  write(1);
  for (let turn = 0; turn < 1000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(pagesLeft()).toBeGreaterThan(0);
});

it('lets the WAL grow while a reader needs it, says so, and cuts it when the reader has left', async () => {
  const reader = openHandle(path, { readonly: true });
  reader.exec('begin');
  reader.prepare('select count(*) from blobs').get();
  write(80);
  await until(() => log.entries.some(({ level }) => level === 'warn'));
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(80 * MIB);
  reader.close();
  await until(() => statSync(`${path}-wal`).size === 0);
  expect(handle.prepare('select count(*) from blobs').pluck().get()).toBe(80);
  expect(log.take('warn'), 'it is said once').toHaveLength(1);
});

it('refuses no more writes when the log was moved by somebody else', async () => {
  const reader = openHandle(path, { readonly: true });
  reader.exec('begin');
  reader.prepare('select count(*) from blobs').get();
  // Enough for moving it, but not for more of it.
  room.freeBytes = 60 * MIB;
  room.totalBytes = 1e12;
  write(40);
  await until(() => checkpointer.obstacle !== undefined);
  expect(checkpointer.obstacle).toMatch(/^Another program's read transaction .*: end that transaction\.$/);
  reader.close();
  room.freeBytes = 1e12;
  const other = openHandle(path);
  other.pragma('wal_checkpoint(PASSIVE)');
  other.close();
  checkpointer.committed();
  await until(() => checkpointer.obstacle === undefined);
  log.take('warn');
});

it('begins no move for which there is no room', async () => {
  room.freeBytes = 10 * MIB;
  write(40);
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  checkpointer.cutAtOnce();
  expect(statSync(path).size, 'nothing was moved').toBeLessThan(MIB);
  expect(log.take('error')[0]!.fields).toMatchObject({ err: { code: 'SQLITE_FULL' } });
  room.freeBytes = 100 * MIB;
  await until(() => pagesLeft() === 0);
  log.take('error');
});

it('tries again when the disk was full', async () => {
  write(40);
  const pages = handle.pragma('page_count', { simple: true }) as number;
  expect(pages).toBeGreaterThan(2000);
  const pragma = handle.pragma.bind(handle);
  let failures = 2;
  vi.spyOn(handle, 'pragma').mockImplementation((source, options) => {
    if (source.startsWith('wal_checkpoint') && failures > 0) {
      failures -= 1;
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    }
    return pragma(source, options);
  });
  await until(() => failures === 0);
  vi.restoreAllMocks();
  await until(() => pagesLeft() === 0);
  expect(log.take('error')).toHaveLength(2);
});

it('keeps the WAL short while writes go on', async () => {
  for (let round = 0; round < 10; round += 1) {
    write(20);
    await until(() => pagesLeft() < 2000);
  }
  expect(statSync(`${path}-wal`).size).toBeLessThan(100 * MIB);
});

it('a file that took the place of the data file is left alone, and named', async () => {
  renameSync(path, `${path}.aside`);
  writeFileSync(path, 'somebody else put this here');
  write(40);
  await until(() => log.entries.some(({ level }) => level === 'error'));
  expect(log.take('error').map(({ message }) => message)).toContain(
    `${path} was replaced by another file while it was in use.`,
  );
  expect(readFileSync(path, 'utf8')).toBe('somebody else put this here');
});

it('ends the thread only when it is not inside of SQLite, where a failure would abort the process', async () => {
  const events: string[] = [];
  const { postMessage, terminate } = Worker.prototype;
  const restore = [
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message: unknown) {
      events.push('asked');
      this.once('message', () => events.push('answered'));
      postMessage.call(this, message);
    }),
    vi.spyOn(Worker.prototype, 'terminate').mockImplementation(function (this: Worker) {
      events.push('ended');
      return terminate.call(this);
    }),
  ];
  onTestFinished(() => {
    for (const spy of restore) spy.mockRestore();
  });
  write(40);
  await until(() => events.length > 0);
  await checkpointer.close();
  expect(events).toEqual(['asked', 'answered', 'ended']);
});
