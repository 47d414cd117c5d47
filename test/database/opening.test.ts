/** Starts on files that are not as they were left: what is missing or damaged is named, and nothing is changed. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openConnection } from '../../src/database/connection.ts';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { openHandle } from '../../src/database/handle.ts';
import { query } from '../../src/database/query.ts';
import { Refusal } from '../../src/refusal.ts';
import { createTestClock } from '../support/clock.ts';
import { createTestLog, type TestLog } from '../support/log.ts';
import { temporaryDirectory } from '../support/server.ts';

const FILES = ['millrace.db', 'millrace.db-wal', 'commit-witness'];

let log: TestLog;

beforeEach(() => {
  log = createTestLog();
});

const open = (directory: string, acceptDataLoss = false): Promise<Database> =>
  openDatabase({
    directory,
    clock: createTestClock(),
    log,
    version: '1.2.3',
    reserveBytes: 0,
    acceptDataLoss,
    onFatal: (error) => log.error({ err: error }, error.message),
  });

const insertTag = query<{ key: string }, unknown>((bind, db) =>
  db.insertInto('tags').values({ resource_arn: bind('key'), key: bind('key'), value: bind('key') }),
);
const selectTags = query<object, { key: string }>((_bind, db) => db.selectFrom('tags').select('key').orderBy('key'));

async function tag(database: Database, ...keys: string[]): Promise<void> {
  for (const key of keys) await database.write(() => void database.run(insertTag, { key }));
}

const tagsOf = (database: Database) => database.all(selectTags, {}).map(({ key }) => key);

/** The files of a database as a killed process leaves them, after a commit for each of the tags. */
async function interrupted(...keys: string[]): Promise<string> {
  const [directory, left] = [temporaryDirectory(), temporaryDirectory()];
  const database = await open(directory);
  await tag(database, ...keys);
  for (const file of FILES) copyFileSync(join(directory, file), join(left, file));
  await database.close();
  return left;
}

/** The bytes of the files. An empty log is none: whoever reads a database leaves one. */
function contents(directory: string): string {
  const present = FILES.map((file) => join(directory, file)).filter((path) => existsSync(path));
  return JSON.stringify(present.map((path) => readFileSync(path).toString('latin1')).filter((bytes) => bytes !== ''));
}

/** Expects that a start is refused, with a sentence, and that the files stay as they are. */
async function refused(directory: string): Promise<Refusal> {
  const before = contents(directory);
  const refusal = await open(directory).then(
    () => expect.unreachable('it started'),
    (error) => error,
  );
  expect(refusal).toBeInstanceOf(Refusal);
  expect(refusal.message).toMatch(/\.( |$)/);
  expect(contents(directory) === before, 'not a byte has changed').toBe(true);
  return refusal;
}

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path);
  bytes[offset]! ^= 1;
  writeFileSync(path, bytes);
}

describe('after a kill', () => {
  it('everything is there, also without its witness or with one that lags behind or cannot be read', async () => {
    for (const change of [
      () => undefined,
      (path: string) => rmSync(path),
      (path: string) => writeFileSync(path, 'garbage'),
      (path: string) => writeFileSync(path, ''),
    ]) {
      const directory = await interrupted('a', 'b', 'c');
      change(join(directory, 'commit-witness'));
      const database = await open(directory);
      expect(tagsOf(database)).toEqual(['a', 'b', 'c']);
      await database.close();
    }
  });

  it('a torn tail, which nobody was told of, is no loss', async () => {
    const directory = await interrupted('a', 'b');
    const wal = join(directory, 'millrace.db-wal');
    writeFileSync(wal, Buffer.concat([readFileSync(wal), Buffer.alloc(5000, 7)]));
    const database = await open(directory);
    expect(tagsOf(database)).toEqual(['a', 'b']);
    await database.close();
  });
});

describe('a start names what was acknowledged and is missing', () => {
  it('when the -wal file was removed; it goes on when that is accepted, and remembers', async () => {
    const directory = await interrupted('a', 'b');
    rmSync(join(directory, 'millrace.db-wal'));
    const refusal = await refused(directory);
    expect(refusal.reason).toBe('dataMissing');
    expect(refusal.message).toContain('--accept-data-loss');
    const database = await open(directory, true);
    expect(tagsOf(database)).toEqual([]);
    await tag(database, 'c');
    await database.close();
    expect(log.take('error').map(({ message }) => message)).toEqual([expect.stringContaining('Accepted loss of data')]);
    const again = await open(directory);
    expect(tagsOf(again), 'the next start needs no flag').toEqual(['c']);
    await again.close();
    const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
    expect(handle.prepare('select kind, subject, reason from incidents').all()).toEqual([
      { kind: 'DATA_LOSS', subject: 'millrace.db', reason: expect.stringContaining('acknowledged') },
    ]);
    handle.close();
  });

  it.each([
    ['was removed', (path: string) => rmSync(path)],
    ['is empty', (path: string) => truncateSync(path)],
  ])('when the data file %s', async (_what, change) => {
    const directory = await interrupted('a');
    rmSync(join(directory, 'millrace.db-wal'));
    change(join(directory, 'millrace.db'));
    const { reason, message } = await refused(directory);
    expect(reason).toBe('dataMissing');
    expect(message).toContain('is missing, empty or of an older version');
    const database = await open(directory, true);
    expect(tagsOf(database)).toEqual([]);
    await database.close();
    log.take('error');
  });

  it('when only the -wal file is left', async () => {
    const directory = await interrupted('a');
    rmSync(join(directory, 'millrace.db'));
    rmSync(join(directory, 'commit-witness'));
    const { reason, message } = await refused(directory);
    expect(reason).toBe('dataMissing');
    expect(message).toMatch(/is missing or empty, but its -wal file holds \d+ pages of commits/);
  });

  it('when only what was rescued of it is left', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'rescue'));
    writeFileSync(join(directory, 'rescue', 'millrace-2026-01-02-03-04-05.db'), 'a copy');
    const { reason, message } = await refused(directory);
    expect(reason).toBe('dataMissing');
    expect(message).toMatch(/is missing, but .*rescue\/millrace-2026-01-02-03-04-05\.db was saved from it\./);
  });

  it('when a copy was put in the place of the database and its -wal file was forgotten', async () => {
    const directory = await interrupted('a', 'b');
    const database = await open(directory);
    const { path } = await database.snapshot();
    await database.close();
    const left = await interrupted('c', 'd', 'e');
    rmSync(join(left, 'commit-witness'));
    copyFileSync(path, join(left, 'millrace.db'));
    const { reason, message } = await refused(left);
    expect(reason).toBe('dataMissing');
    expect(message).toContain('millrace.db-wal belongs to another file than');
    for (const side of ['-wal', '-shm']) rmSync(join(left, `millrace.db${side}`), { force: true });
    const again = await open(left);
    expect(tagsOf(again)).toEqual(['a', 'b']);
    await again.close();
  });

  it('when an older copy was put in the place of the database', async () => {
    const [older, newer] = [await interrupted('a'), temporaryDirectory()];
    for (const file of FILES) copyFileSync(join(older, file), join(newer, file));
    const database = await open(newer);
    await tag(database, 'b');
    await database.close();
    copyFileSync(join(older, 'millrace.db'), join(newer, 'millrace.db'));
    copyFileSync(join(older, 'millrace.db-wal'), join(newer, 'millrace.db-wal'));
    const { reason, message } = await refused(newer);
    expect(reason).toBe('dataMissing');
    expect(message).toMatch(/ends with commit \d+, but commit \d+ was acknowledged/);
  });

  it('when it is another database', async () => {
    const [one, other] = [await interrupted('a'), await interrupted('b', 'c', 'd')];
    copyFileSync(join(one, 'commit-witness'), join(other, 'commit-witness'));
    const { reason, message } = await refused(other);
    expect(reason).toBe('dataMissing');
    expect(message).toContain('is not the database that was in this directory before');
  });

  it('when a bit of the -wal file has flipped, and keeps one copy of that file', async () => {
    const directory = await interrupted('a', 'b', 'c');
    flip(join(directory, 'millrace.db-wal'), 32 + 24 + 100);
    rmSync(join(directory, 'commit-witness'));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { reason, message } = await refused(directory);
      expect(reason).toBe('dataMissing');
      expect(message).toContain('millrace.db-wal is damaged (frame 1 ');
    }
    const [copy, ...others] = readdirSync(join(directory, 'rescue'));
    expect(others).toEqual([]);
    const before = readFileSync(join(directory, 'millrace.db-wal'));
    expect(readFileSync(join(directory, 'rescue', copy!)).equals(before)).toBe(true);
  });
});

describe('a start names damage', () => {
  it('of a page of the data file, when the last process was killed', async () => {
    const directory = await interrupted('a');
    const database = await open(directory);
    await tag(database, ...Array.from({ length: 40 }, (_, index) => `tag-${index}`));
    await database.close();
    const path = join(directory, 'millrace.db');
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 8192 * 3, 8192 * 4);
    writeFileSync(path, bytes);
    // What a kill leaves besides the data.
    writeFileSync(`${path}-wal`, '');
    const { reason, message } = await refused(directory);
    expect(reason).toBe('damagedData');
    expect(message).toContain(`${path} is damaged (`);
  });

  it('of a file that was cut', async () => {
    const directory = await interrupted('a');
    await (await open(directory)).close();
    const path = join(directory, 'millrace.db');
    truncateSync(path, readFileSync(path).length - 8192);
    const { reason } = await refused(directory);
    expect(reason).toBe('damagedData');
  });
});

it('checks a large file meanwhile: it is verifying, and then says what it found', async () => {
  const directory = await interrupted('a');
  const database = await open(directory);
  const checking = database.verify();
  expect(database.state).toBe('verifying');
  await checking;
  expect(database.state).toBe('running');
  expect(log.take('info').map(({ message }) => message)).toContain('The database is intact.');
  await database.close();
});

it('a failed upgrade leaves no copy behind', async () => {
  const directory = temporaryDirectory();
  await (await open(directory)).close();
  const path = join(directory, 'millrace.db');
  const handle = openHandle(path);
  handle.pragma('user_version = 1');
  // As if the last migration had not been done, and cannot be.
  handle.exec("delete from kysely_migration where name like '0006%'");
  handle.close();
  for (let attempt = 0; attempt < 2; attempt += 1) await expect(open(directory)).rejects.toThrow();
  expect(readdirSync(join(directory, 'snapshots'))).toEqual([]);
});

it('a data file that is a link is watched where it leads', async () => {
  const [directory, left] = [temporaryDirectory(), await interrupted('a', 'b', 'c')];
  symlinkSync(join(left, 'millrace.db'), join(directory, 'millrace.db'));
  flip(join(left, 'millrace.db-wal'), 32 + 24 + 100);
  await expect(open(directory)).rejects.toThrow(/millrace\.db-wal is damaged/);
});

it('with a rollback journal, what a kill left half done is undone, and nothing of it is missed', async () => {
  const directory = await interrupted('a', 'b');
  await (await open(directory)).close();
  const path = join(directory, 'millrace.db');
  const rolling = openConnection(path, 'rollback');
  rolling.pragma('cache_size = 5');
  rolling.exec('begin immediate');
  // More than the cache holds, so that pages are written before the commit.
  rolling.exec(`with recursive n(i) as (values (1) union all select i + 1 from n where i < 3000)
    insert into tags select 'x' || i, 'x', hex(zeroblob(100)) from n`);
  const left = temporaryDirectory();
  for (const file of ['millrace.db', 'millrace.db-journal', 'commit-witness']) {
    copyFileSync(join(directory, file), join(left, file));
  }
  rolling.exec('rollback');
  rolling.close();
  const database = await open(left);
  expect(tagsOf(database)).toEqual(['a', 'b']);
  await database.close();
});

it('without a write-ahead log, a database that had one goes on, and is found again by one that has', async () => {
  const directory = await interrupted('a', 'b');
  const database = await open(directory);
  await database.close();
  const path = join(directory, 'millrace.db');
  const rolling = openConnection(path, 'rollback');
  rolling.prepare("update tags set value = 'changed'").run();
  expect(existsSync(`${path}-wal`)).toBe(false);
  rolling.close();
  const again = await open(directory);
  expect(tagsOf(again)).toEqual(['a', 'b']);
  await again.close();
});
