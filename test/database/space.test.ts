import { expect, it } from 'vitest';
import { openTestDatabase } from '../support/database.ts';

it('a step of giving space back releases as many pages as it was told, so that few commits shrink a large file', async () => {
  const { database, other } = await openTestDatabase();
  other.exec('create table filler as select zeroblob(1000000) as bytes; drop table filler');
  const before = database.pages().free;
  expect(before, 'pages of 8 KiB that the dropped table has left').toBeGreaterThan(100);
  await database.reclaim(() => database.releasePages(100));
  expect(before - database.pages().free).toBe(100);
});
