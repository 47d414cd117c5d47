/** DryRun: every check of the operation, and nothing of what it does. */
import { describe, expect, it } from 'vitest';
import { databaseRows } from '../support/database-rows.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const DRY = { DryRun: true };
const REJECTED = {
  __type: 'DryRunOperationException',
  message: 'The request was rejected because the DryRun parameter was specified.',
};
const EXCEEDED = {
  __type: 'ProvisionedThroughputExceededException',
  message: 'Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.',
};
const RECORD = { PartitionKey: 'k', Data: 'AAAA' };
const ITERATOR = { StreamName: 's', ShardId: 'shardId-0', ShardIteratorType: 'TRIM_HORIZON' };

async function startServer(QUOTAS = 'relaxed'): Promise<TestServer> {
  const server = await startTestServer({ settings: { QUOTAS } });
  await server.createStream('s');
  return server;
}

/** The requests that succeed, by operation. */
async function goodRequests(server: TestServer): Promise<readonly (readonly [operation: string, input: object])[]> {
  return [
    ['PutRecord', { StreamName: 's', ...RECORD }],
    ['PutRecords', { StreamName: 's', Records: [RECORD, RECORD] }],
    ['GetShardIterator', ITERATOR],
    ['GetRecords', { ShardIterator: await shardIterator(server, 's', 'TRIM_HORIZON') }],
  ];
}

describe('a dry run', () => {
  it('of what would succeed is rejected as such, and changes no row', async () => {
    const server = await startServer();
    await server.ok('PutRecord', { StreamName: 's', ...RECORD });
    const before = databaseRows(server.directory);
    for (const [operation, input] of await goodRequests(server)) {
      const answer = await server.call(operation, { ...input, ...DRY });
      expect([answer.status, answer.body], operation).toEqual([400, REJECTED]);
    }
    expect(databaseRows(server.directory)).toEqual(before);
    for (const [operation, input] of await goodRequests(server)) {
      expect((await server.call(operation, { ...input, DryRun: false })).status, operation).toBe(200);
    }
    expect(await readShard(server, 's', 'shardId-0')).toHaveLength(4);
  });

  it('of what would be refused gives the error itself', async () => {
    const server = await startServer();
    const big = { PartitionKey: 'k', Data: Buffer.alloc(1_048_577).toString('base64') };
    const requests: readonly (readonly [operation: string, input: object])[] = [
      ['PutRecord', { StreamName: 'missing', ...RECORD }],
      ['PutRecord', { StreamName: 's', Data: '' }],
      ['PutRecord', { StreamName: 's', ...RECORD, ExplicitHashKey: (2n ** 128n).toString() }],
      ['PutRecord', { StreamName: 's', ...RECORD, SequenceNumberForOrdering: (2n ** 185n).toString() }],
      ['PutRecord', { StreamName: 's', ...big }],
      ['PutRecords', { StreamName: 's', Records: [RECORD, big] }],
      ['PutRecords', { StreamName: 's', Records: [] }],
      [
        'PutRecords',
        { StreamName: 's', Records: Array.from({ length: 11 }, () => ({ ...big, Data: big.Data.slice(8) })) },
      ],
      ['GetShardIterator', { ...ITERATOR, ShardId: 'shardId-7' }],
      ['GetShardIterator', { ...ITERATOR, ShardIteratorType: 'AT_TIMESTAMP' }],
      ['GetShardIterator', { ...ITERATOR, StartingSequenceNumber: '1' }],
      ['GetRecords', { ShardIterator: 'AAAA' }],
    ];
    for (const [operation, input] of requests) {
      const wet = await server.call(operation, input);
      expect(wet.status).toBe(400);
      expect((await server.call(operation, { ...input, ...DRY })).body, JSON.stringify(input).slice(0, 200)).toEqual(
        wet.body,
      );
    }
    const iterator = await shardIterator(server, 's', 'LATEST');
    server.clock.advance(300_001);
    const { body } = await server.call('GetRecords', { ShardIterator: iterator, ...DRY });
    expect(body.__type).toBe('ExpiredIteratorException');
  });

  it('asks for the throughput of the shard, and takes none of it', async () => {
    const server = await startServer('current');
    const put = (input: object) => server.call('PutRecord', { StreamName: 's', ...RECORD, ...input });
    const megabyte = { PartitionKey: 'k', Data: Buffer.alloc(1_048_575).toString('base64') };
    for (let count = 0; count < 3; count += 1) expect((await put({ ...megabyte, ...DRY })).body).toEqual(REJECTED);
    expect((await put(megabyte)).status).toBe(200);
    expect((await put(DRY)).body).toEqual(EXCEEDED);
    const Records = [RECORD];
    const batch = await server.call('PutRecords', { StreamName: 's', Records, ...DRY });
    expect(batch.body, 'a batch would succeed, with a record that failed').toEqual(REJECTED);

    const iteratorOf = (more: object = {}) => server.call('GetShardIterator', { ...ITERATOR, ...more });
    for (let count = 0; count < 6; count += 1) expect((await iteratorOf(DRY)).body).toEqual(REJECTED);
    for (let count = 0; count < 5; count += 1) expect((await iteratorOf()).status).toBe(200);
    expect((await iteratorOf(DRY)).body).toEqual(EXCEEDED);

    server.clock.advance(1000);
    const ShardIterator = (await iteratorOf({ ShardIteratorType: 'LATEST' })).body.ShardIterator;
    const read = (more: object = {}) => server.call('GetRecords', { ShardIterator, ...more });
    for (let count = 0; count < 6; count += 1) expect((await read(DRY)).body).toEqual(REJECTED);
    for (let count = 0; count < 5; count += 1) expect((await read()).status).toBe(200);
    expect((await read(DRY)).body).toEqual(EXCEEDED);
  });

  it('gives no shard its turn in a stream with the distribution AUTO', async () => {
    const server = await startTestServer();
    const mode = { StreamModeDetails: { StreamMode: 'ON_DEMAND' }, RecordDistributionStrategy: 'AUTO' };
    await server.ok('CreateStream', { StreamName: 's', ...mode });
    server.clock.advance(500);
    const shards = new Set<string>();
    for (let count = 0; count < 4; count += 1) {
      expect((await server.call('PutRecord', { StreamName: 's', Data: '', ...DRY })).body).toEqual(REJECTED);
      shards.add((await server.ok('PutRecord', { StreamName: 's', Data: '' })).ShardId);
    }
    expect(shards.size).toBe(4);
  });
});
