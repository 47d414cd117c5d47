import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openConnection } from '../../src/database/connection.ts';
import { DataReplaced } from '../../src/database/errors.ts';
import { openHandle } from '../../src/database/handle.ts';
import { Writer, type WriterOptions, WriteUnavailable } from '../../src/database/writer.ts';
import { createTestLog, type TestLog } from '../support/log.ts';
import { temporaryDirectory } from '../support/server.ts';

/** What a writer needs besides a handle; tests replace parts of it. */
const surroundings = (): Omit<WriterOptions, 'handle'> => ({
  clock: systemClock,
  log,
  onCommit: (commit) => void commits.push(commit ?? 0),
  settle: () => {
    if (settled.length < 10) settled.push(stored().length);
  },
  changes: () => changes,
  onUndo: () => {
    undone += 1;
  },
  onFull: () => {
    fullTimes += 1;
  },
  onFatal: (error) => void fatal.push(error),
  obstacle: () => obstacle,
  pinned: () => pinned,
  lockHolder: () => 'a tool (pid 7)',
});

let path: string;
let handle: BetterSqlite3.Database;
let log: TestLog;
let undone: number;
/** How many rows there were, the first times. */
let settled: number[];
let changes: number;
let commits: number[];
let fullTimes: number;
let obstacle: string | undefined;
let pinned: string | undefined;
let fatal: Error[];
let writer: Writer;

beforeEach(() => {
  path = join(temporaryDirectory(), 'test.db');
  handle = openConnection(path);
  onTestFinished(() => void handle.close());
  handle.exec('create table rows (value integer primary key)');
  handle.exec(
    "create table server_state (name text primary key, value any); insert into server_state values ('commit', 0)",
  );
  log = createTestLog();
  undone = 0;
  settled = [];
  changes = 0;
  commits = [];
  fullTimes = 0;
  obstacle = undefined;
  pinned = undefined;
  fatal = [];
  writer = new Writer({ handle, ...surroundings() });
});

const insert = (value: number) => {
  changes += 1;
  return handle.prepare('insert into rows values (?)').run(value).lastInsertRowid;
};
const stored = () => handle.prepare('select value from rows order by value').pluck().all();

/** What another process sees: only what is committed. */
function storedElsewhere(): unknown[] {
  const other = openHandle(path, { readonly: true });
  const rows = other.prepare('select value from rows order by value').pluck().all();
  other.close();
  return rows;
}

function storedSizes(file: string): unknown[] {
  const other = openHandle(file, { readonly: true });
  const sizes = other.prepare('select length(data) from blobs order by rowid').pluck().all();
  other.close();
  return sizes;
}

describe('the writer turn', () => {
  it('settles a write when another process can already see it', async () => {
    await writer.write(() => insert(1));
    expect(storedElsewhere()).toEqual([1]);
  });

  it('runs what was queued in one transaction, in order, and settles nothing before its commit', async () => {
    const seen: string[] = [];
    const writes = [1, 2, 3].map((value) =>
      writer
        .write(() => {
          insert(value);
          seen.push(`ran ${value}, others see ${storedElsewhere().length}`);
        })
        .then(() => seen.push(`settled ${value}`)),
    );
    await Promise.all(writes);
    expect(seen).toEqual([
      ...[1, 2, 3].map((value) => `ran ${value}, others see 0`),
      ...[1, 2, 3].map((value) => `settled ${value}`),
    ]);
  });

  it('undoes a failing body alone', async () => {
    const failing = () => {
      insert(2);
      throw new Error('no');
    };
    const results = await Promise.allSettled([
      writer.write(() => insert(1)),
      writer.write(failing),
      writer.write(() => insert(3)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(stored()).toEqual([1, 3]);
    expect(undone, 'caches of rows were told').toBe(1);
  });

  it('undoes nothing for an append that fails before it changes anything', async () => {
    const ran: number[] = [];
    const append = (value: number) =>
      writer.append(() => {
        ran.push(value);
        if (value === 2) throw new Error('no');
        return insert(value);
      });
    const results = await Promise.allSettled([1, 2, 3].map(append));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(storedElsewhere()).toEqual([1, 3]);
    expect(ran, 'each ran once').toEqual([1, 2, 3]);
    expect(undone, 'times that caches of rows were told of an undoing').toBe(0);
    expect(settled, 'rows when what memory is ahead of was written').toEqual([2]);
  });

  it('does a turn again, and undoes a failing append alone, when that has changed something', async () => {
    const seen: (number | string)[] = [];
    const append = (value: number) => () => {
      seen.push(value);
      insert(value);
      if (value === 2) throw new Error('no');
      return value;
    };
    const results = await Promise.allSettled([
      writer.append(append(1)),
      writer.append(append(2)),
      writer.write(append(3)),
      writer.append(append(4)),
    ]);
    expect(results).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: new Error('no') },
      { status: 'fulfilled', value: 3 },
      { status: 'fulfilled', value: 4 },
    ]);
    expect(storedElsewhere()).toEqual([1, 3, 4]);
    expect(seen, 'ran in this order').toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
    expect(commits, 'committed once').toEqual([1]);
    await Promise.all([5, 6].map((value) => writer.append(append(value))));
    expect(seen.slice(8), 'the next turn').toEqual([5, 6]);
  });

  it('does a turn again whose transaction SQLite has ended under a failing append', async () => {
    let isFirst = true;
    const results = await Promise.allSettled([
      writer.append(() => insert(1)),
      writer.append(() => {
        insert(2);
        if (isFirst) handle.exec('rollback');
        isFirst = false;
        throw Object.assign(new Error('out of memory'), { code: 'SQLITE_NOMEM' });
      }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(storedElsewhere()).toEqual([1]);
  });

  it('ends all writing for an I/O error also when an append of the same turn must be undone', async () => {
    let isFirst = true;
    const results = await Promise.allSettled([
      writer.append(() => {
        insert(1);
        throw new Error('no');
      }),
      writer.append(() => {
        insert(2);
        if (isFirst) throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_WRITE' });
      }),
      writer.append(() => {
        insert(3);
        isFirst = false;
      }),
    ]);
    for (const result of results) expect(String((result as PromiseRejectedResult).reason)).toContain('disk I/O error');
    expect(storedElsewhere()).toEqual([]);
    await expect(writer.append(() => insert(4))).rejects.toThrow('disk I/O error');
  });

  it('writes down what memory is ahead of before a savepoint, before it is released, and before the commit', async () => {
    await Promise.all([
      writer.append(() => insert(1)),
      writer.append(() => insert(2)),
      writer.write(() => insert(3)),
      writer.append(() => insert(4)),
    ]);
    expect(settled, 'rows each time').toEqual([2, 3, 4]);
  });

  it('undoes a body that breaks a constraint alone', async () => {
    const results = await Promise.allSettled([1, 1, 2].map((value) => writer.write(() => insert(value))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(storedElsewhere()).toEqual([1, 2]);
  });

  it('applies nothing of a turn whose commit fails, and tells every caller', async () => {
    handle.exec('create table children (row integer references rows (value) deferrable initially deferred)');
    const results = await Promise.allSettled([
      writer.write(() => insert(1)),
      writer.write(() => handle.prepare('insert into children values (99)').run().changes),
    ]);
    for (const result of results) {
      expect(result.status === 'rejected' && result.reason).toBeInstanceOf(WriteUnavailable);
    }
    expect(stored()).toEqual([]);
    expect(log.take('error')).toHaveLength(1);
    await writer.write(() => insert(5));
    expect(storedElsewhere(), 'the next turn works').toEqual([5]);
  });

  it('waits for a foreign write lock without blocking, and goes on when it is released', async () => {
    const other = openHandle(path);
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    const write = writer.write(() => insert(1));
    while (log.entries.every(({ level }) => level !== 'warn')) await new Promise((resolve) => setImmediate(resolve));
    expect(stored(), 'reads go on meanwhile').toEqual([]);
    other.exec('commit');
    await write;
    expect(stored()).toEqual([1]);
    expect(log.take('warn')).toHaveLength(1);
  });

  it('refuses waiting writes after five seconds of a foreign lock, and works again afterwards', async () => {
    let elapsedMs = 0;
    const impatient = new Writer({
      handle,
      ...surroundings(),
      // Each attempt finds two seconds gone.
      clock: {
        ...systemClock,
        monotonicMs: () => elapsedMs,
        after: (ms, action) => {
          elapsedMs += 2000;
          return systemClock.after(ms, action);
        },
      },
    });
    const other = openHandle(path);
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    await expect(impatient.write(() => insert(1))).rejects.toThrow(WriteUnavailable);
    other.exec('commit');
    await impatient.write(() => insert(2));
    expect(stored()).toEqual([2]);
  });

  it('refuses more than ten thousand waiting writes, and loses none of those it took', async () => {
    const writes = Array.from({ length: 10_001 }, (_, value) => writer.write(() => insert(value)));
    const results = await Promise.allSettled(writes);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(stored()).toHaveLength(10_000);
  });

  it('loses only what does not fit when the disk is full, and works again when there is room', async () => {
    handle.exec('create table blobs (data blob)');
    const store = (bytes: number) => handle.prepare('insert into blobs values (zeroblob(?))').run(bytes).changes;
    const pages = handle.pragma('page_count', { simple: true }) as number;
    handle.pragma(`max_page_count = ${pages + 4}`);
    const sizes = [100, 1_000_000, 100];
    const results = await Promise.allSettled(sizes.map((bytes) => writer.write(() => store(bytes))));
    expect(results[1]!.status).toBe('rejected');
    const kept = () => storedSizes(path);
    const acknowledged = sizes.filter((_, index) => results[index]!.status === 'fulfilled');
    expect(kept(), 'exactly what was acknowledged is stored').toEqual(acknowledged);
    handle.pragma('max_page_count = 1000000');
    await writer.write(() => store(1_000_000));
    expect(kept()).toEqual([...acknowledged, 1_000_000]);
    log.take('error');
  });

  it('lets no body run outside of a transaction when SQLite has rolled the turn back by itself', async () => {
    const results = await Promise.allSettled([
      writer.write(() => insert(1)),
      writer.write(() => {
        handle.exec('rollback');
        throw new Error('database or disk is full');
      }),
      writer.write(() => insert(3)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(storedElsewhere(), 'the third body ran in a turn of its own').toEqual([3]);
    log.take('error');
  });

  it('applies nothing and stops for good when a body meets damage', async () => {
    const corrupt = Object.assign(new Error('database disk image is malformed'), { code: 'SQLITE_CORRUPT' });
    const results = await Promise.allSettled([
      writer.write(() => insert(1)),
      writer.write(() => {
        throw corrupt;
      }),
      writer.write(() => insert(3)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(fatal).toEqual([corrupt]);
    await expect(writer.write(() => insert(4))).rejects.toBe(corrupt);
    expect(storedElsewhere()).toEqual([]);
    log.take('error');
  });

  it('does not wait for a foreign lock any more once the server stops', async () => {
    const other = openHandle(path);
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    const before = writer.write(() => insert(1));
    while (log.entries.every(({ level }) => level !== 'warn')) await new Promise((resolve) => setImmediate(resolve));
    writer.stopWaiting();
    await expect(before).rejects.toThrow('The server is stopping.');
    await expect(writer.write(() => insert(2))).rejects.toThrow('The server is stopping.');
    await writer.drain();
    other.exec('commit');
    log.take('warn');
  });

  it('stops writing for good when the disk fails', async () => {
    const ioError = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
    const broken = new Writer({
      ...surroundings(),
      handle: new Proxy(handle, {
        get(target, name) {
          if (name === 'prepare') {
            return (sql: string) => {
              const statement = target.prepare(sql);
              return sql === 'commit'
                ? {
                    run: () => {
                      throw ioError;
                    },
                  }
                : statement;
            };
          }
          const value = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
    });
    await expect(broken.write(() => insert(1))).rejects.toBe(ioError);
    await expect(broken.write(() => insert(2))).rejects.toBe(ioError);
    expect(fatal).toEqual([ioError]);
    expect(stored()).toEqual([]);
    log.take('error');
  });

  it('counts the commits that changed rows, and tells the number before anybody is told of the effect', async () => {
    const told: string[] = [];
    const counting = new Writer({
      handle,
      ...surroundings(),
      onCommit: (commit) => void told.push(`commit ${commit}, others see ${storedElsewhere()}`),
    });
    await counting.write(() => insert(1)).then(() => told.push('settled'));
    await expect(
      counting.write(() => {
        insert(2);
        throw new Error('refused');
      }),
    ).rejects.toThrow('refused');
    await counting.write(() => insert(3));
    await counting.write(() => stored());
    expect(told).toEqual([
      'commit 1, others see 1',
      'settled',
      'commit undefined, others see 1',
      'commit 2, others see 1,3',
      'commit undefined, others see 1,3',
    ]);
  });

  it('acknowledges nothing when what must follow the commit fails, and stops for good', async () => {
    const replaced = new DataReplaced('millrace.db was removed while it was in use');
    const watched = new Writer({
      handle,
      ...surroundings(),
      onCommit: () => {
        throw replaced;
      },
    });
    const results = await Promise.allSettled([watched.write(() => insert(1)), watched.write(() => insert(2))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(watched.write(() => insert(3))).rejects.toBe(replaced);
    expect(fatal).toEqual([replaced]);
    log.take('error');
  });

  it('refuses writes while there is an obstacle, but not what makes room', async () => {
    obstacle = 'The disk is full.';
    await expect(writer.write(() => insert(1))).rejects.toEqual(new WriteUnavailable('The disk is full.'));
    await writer.reclaim(() => insert(2));
    pinned = 'A reader keeps the log.';
    await expect(writer.reclaim(() => insert(1))).rejects.toEqual(new WriteUnavailable('A reader keeps the log.'));
    pinned = undefined;
    obstacle = undefined;
    await writer.write(() => insert(3));
    expect(storedElsewhere()).toEqual([2, 3]);
  });

  it('applies nothing of a turn for which there was no room, and works again afterwards', async () => {
    const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    const results = await Promise.allSettled([
      writer.write(() => insert(1)),
      writer.write(() => {
        throw full;
      }),
    ]);
    expect(results.map((result) => (result as PromiseRejectedResult).reason)).toEqual([
      new WriteUnavailable('The database could not be written: database or disk is full.'),
      new WriteUnavailable('The database could not be written: database or disk is full.'),
    ]);
    expect([fullTimes, fatal]).toEqual([1, []]);
    await writer.write(() => insert(3));
    expect(storedElsewhere()).toEqual([3]);
    log.take('error');
  });

  it('with a rollback journal, does a turn again whose commit a reader was in the way of', async () => {
    handle.close();
    handle = openConnection(path, 'rollback');
    const rolling = new Writer({ handle, ...surroundings() });
    const reader = openHandle(path, { readonly: true });
    onTestFinished(() => void reader.close());
    reader.exec('begin');
    reader.prepare('select count(*) from rows').get();
    const write = rolling.write(() => insert(1));
    while (log.entries.every(({ level }) => level !== 'warn')) await new Promise((resolve) => setImmediate(resolve));
    expect(commits, 'nothing was committed yet').toEqual([]);
    reader.exec('commit');
    await write;
    expect(storedElsewhere()).toEqual([1]);
    expect(log.take('warn').map(({ fields }) => fields)).toEqual([{ holder: 'a tool (pid 7)' }]);
  });
});
