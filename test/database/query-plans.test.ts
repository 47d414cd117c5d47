/** The hot statements must find their rows by key: a SCAN would make every put slower with every record stored. */
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, it, vi } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { createDeliveryStream, deliverAfter, putRecords } from '../support/firehose.ts';
import { shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

it('statements of the data plane and the views by stream never scan records', async () => {
  const prepare = vi.spyOn(BetterSqlite3.prototype, 'prepare');
  // A quota of consumers in CREATING makes them be counted.
  const server = await startTestServer({ settings: { QUOTAS: 'current' } });
  await server.createStream('s', 2);
  await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
  await server.ok('PutRecords', { StreamName: 's', Records: [{ PartitionKey: 'k', Data: '' }] });
  const ShardIterator = await shardIterator(server, 's', 'AT_TIMESTAMP', { Timestamp: 1 });
  await server.ok('GetRecords', { ShardIterator });
  server.clock.advance(24 * 3_600_000);
  await server.ok('GetRecords', { ShardIterator: await shardIterator(server, 's', 'TRIM_HORIZON') });
  await useConsumers(server);
  await server.runJob('sweep');
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a', 'b']);
  await deliverAfter(server, 300_000);
  await fetch(`${server.url}/metrics`);
  const statements = [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) =>
    /^(select|update|delete)/.test(sql),
  );
  prepare.mockRestore();
  expect(statements.length, 'the statements were seen').toBeGreaterThan(8);

  const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
  const planOf = (sql: string) =>
    (
      handle.prepare(`explain query plan ${sql}`).all(...Array(sql.split('?').length - 1).fill(1)) as {
        detail: string;
      }[]
    )
      .map(({ detail }) => detail)
      .join('; ');
  const views = [
    "select * from v_records where stream = 's' limit 5",
    "select * from v_buffered_records where delivery_stream = 'd' limit 5",
    'select * from v_buffers',
  ];
  for (const sql of [...statements, ...views]) {
    expect(planOf(sql), sql).not.toMatch(/SCAN (records|buffered_records|consumers|resource_policies|tags)/);
  }
  handle.close();
});

/** Every statement about consumers, tags and policies of resources. */
async function useConsumers(server: TestServer): Promise<void> {
  const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
  const { Consumer } = await server.ok('RegisterStreamConsumer', { StreamARN, ConsumerName: 'c', Tags: { a: 'x' } });
  server.clock.advance(500);
  const ResourceARN = Consumer.ConsumerARN;
  await server.ok('DescribeStreamConsumer', { ConsumerARN: ResourceARN });
  await server.ok('DescribeStreamSummary', { StreamName: 's' });
  await server.ok('UntagResource', { ResourceARN, TagKeys: ['a'] });
  await server.ok('ListTagsForResource', { ResourceARN });
  const Policy = JSON.stringify({ Statement: { Effect: 'Allow', Principal: '*', Action: '*' } });
  await server.ok('PutResourcePolicy', { ResourceARN, Policy });
  await server.ok('GetResourcePolicy', { ResourceARN });
  await server.ok('DeregisterStreamConsumer', { ConsumerARN: ResourceARN });
  server.clock.advance(500);
}
