import { expect, it } from 'vitest';
import { counters } from '../../src/database/counters.ts';
import type { Database } from '../../src/database/database.ts';
import { type Bind, query } from '../../src/database/query.ts';
import { openTestDatabase } from '../support/database.ts';

const insertRow = query((bind: Bind<{ name: string }>, db) =>
  db.insertInto('server_state').values({ name: bind('name'), value: bind('name') }),
);
const selectRow = query((bind: Bind<{ name: string }>, db) =>
  db.selectFrom('server_state').select('value').where('name', '=', bind('name')),
);
const updateRow = query((bind: Bind<{ name: string; value: string }>, db) =>
  db
    .updateTable('server_state')
    .set({ value: bind('value') })
    .where('name', '=', bind('name')),
);

const nameOf = (id: number) => `counter ${id}`;

let stores = 0;
const numbers = counters<number>(
  (id, database) => Number(database.get(selectRow, { name: nameOf(id) })!.value),
  (id, value, database) => {
    stores += 1;
    database.run(updateRow, { name: nameOf(id), value: String(value) });
  },
);

/** A database with the rows of the counters 1 and 2, both of them 0, and what others see of them. */
async function open(): Promise<{ database: Database; stored: () => unknown[] }> {
  const { database, other } = await openTestDatabase();
  await database.write(() => {
    for (const id of [1, 2]) {
      database.insert(insertRow, { name: nameOf(id) });
      database.run(updateRow, { name: nameOf(id), value: '0' });
    }
  });
  const statement = other.prepare("select value from server_state where name like 'counter %' order by name").pluck();
  stores = 0;
  return { database, stored: () => statement.all() };
}

const add = (id: number, database: Database) => numbers.set(id, numbers.of(id, database) + 1, database);

it('writes a row once for all the changes of a turn, before anybody is told', async () => {
  const { database, stored } = await open();
  const seen = await Promise.all(
    [1, 1, 2, 1].map(async (id) => {
      await database.append(() => add(id, database));
      return stored();
    }),
  );
  expect(seen[0], 'what others saw when the first was settled').toEqual(['3', '1']);
  expect(stores, 'rows written').toBe(2);
  await database.append(() => undefined);
  expect(stores, 'rows written after a turn that changed no counter').toBe(2);
});

it('undoes what a failing write has changed, and nothing of its neighbours', async () => {
  const { database, stored } = await open();
  const results = await Promise.allSettled([
    database.append(() => add(1, database)),
    database.write(() => {
      add(1, database);
      add(2, database);
      throw new Error('no');
    }),
    database.append(() => add(1, database)),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(stored()).toEqual(['2', '0']);
  expect(numbers.of(1, database), 'what memory says').toBe(2);
});

it('undoes a failing append that has changed one', async () => {
  const { database, stored } = await open();
  const results = await Promise.allSettled([
    database.append(() => add(1, database)),
    database.append(() => {
      add(1, database);
      throw new Error('no');
    }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(stored()).toEqual(['1', '0']);
  expect(numbers.of(1, database), 'what memory says').toBe(1);
});

it('refuses changes outside of a turn', async () => {
  const { database } = await open();
  expect(() => add(1, database)).toThrow('outside of the writer turn');
});
