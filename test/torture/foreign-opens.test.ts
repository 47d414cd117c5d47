/** Who opened the data file, by the lines of a trace. */
import { expect, test } from 'vitest';
import { isOfSqlite, opensIn } from '../../scripts/torture/faults/foreign-opens.ts';

const bySqlite = '7 openat(AT_FDCWD, "/d/millrace.db-wal", O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600) = 23';
const byNode = '7 openat(AT_FDCWD, "/d/millrace.db", O_RDONLY|O_CLOEXEC) = 24';

test('opens of the data files that succeeded are found, others are not', () => {
  const log = [
    bySqlite,
    byNode,
    '7 openat(AT_FDCWD, "/d/millrace.db", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)',
    '7 openat(AT_FDCWD, "/d/commit-witness", O_RDWR|O_CLOEXEC) = 25',
    '7 openat(AT_FDCWD, "/other/millrace.db", O_RDONLY|O_CLOEXEC) = 26',
  ].join('\n');
  expect(opensIn(log, '/d')).toEqual([bySqlite, byNode]);
});

test("SQLite's opens are told from those of Node", () => {
  expect([bySqlite, byNode].map(isOfSqlite)).toEqual([true, false]);
});
