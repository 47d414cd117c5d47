/** Data of earlier schemas: a file of each released version is opened by this one, with everything that was in it. */
import { join } from 'node:path';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import { expect, it } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { openConnection } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { TEST_START_MS } from '../support/clock.ts';
import { readShard } from '../support/kinesis.ts';
import { startTestServer, temporaryDirectory } from '../support/server.ts';

/** A file as the first `count` migrations leave it. */
async function makeFile(directory: string, count: number): Promise<void> {
  const handle = openConnection(join(directory, 'millrace.db'));
  const former = Object.fromEntries(Object.entries(migrations).slice(0, count));
  const db = new Kysely({ dialect: new SqliteDialect({ database: handle }) });
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => former } }).migrateToLatest();
  if (error) throw error;
  handle.pragma(`user_version = ${count}`);
  const row = (table: string, values: Record<string, string | number>) => {
    const columns = Object.keys(values);
    const places = columns.map(() => '?').join(', ');
    handle.prepare(`insert into ${table} (${columns.join(', ')}) values (${places})`).run(...Object.values(values));
  };
  const createdS = Math.floor(TEST_START_MS / 1000) - 100;
  row('server_state', { name: 'written_by', value: '0.0.1' });
  row('streams', {
    id: 1,
    account_id: '000000000000',
    region: 'us-east-1',
    name: 's',
    stream_id: 'abcdefghijklmnopqrst-abc',
    stream_mode: 'PROVISIONED',
    retention_hours: 24,
    created_ms: createdS * 1000,
    active_ms: createdS * 1000 + 500,
  });
  row('shards', {
    id: 1,
    stream: 1,
    shard_index: 0,
    starting_hash_key: '0',
    ending_hash_key: ((1n << 128n) - 1n).toString(),
    created_s: createdS,
  });
  handle.close();
}

it.each(Object.keys(migrations).slice(0, -1))('a file of %s is brought up to date and works', async (name) => {
  const directory = temporaryDirectory();
  await makeFile(directory, Object.keys(migrations).indexOf(name) + 1);
  const server = await startTestServer({ directory });
  const put = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
  expect((await readShard(server, 's', put.ShardId)).map(({ SequenceNumber }) => SequenceNumber)).toEqual([
    put.SequenceNumber,
  ]);
  const split = { StreamName: 's', ShardToSplit: put.ShardId, NewStartingHashKey: '7' };
  await server.ok('SplitShard', split);
  server.clock.advance(1000);
  expect((await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription.Shards).toHaveLength(3);
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  expect(handle.pragma('user_version', { simple: true })).toBe(Object.keys(migrations).length);
  for (const view of ['v_streams', 'v_shards', 'v_records']) {
    expect(() => handle.prepare(`select * from ${view}`).all(), view).not.toThrow();
  }
  handle.close();
});
