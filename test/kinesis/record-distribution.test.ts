import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
const ON_DEMAND = { StreamModeDetails: { StreamMode: 'ON_DEMAND' } };
const HASH_END = (2n ** 128n).toString();
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

const distribute = (server: TestServer, RecordDistributionStrategy: string, more: object = {}) =>
  server.call('UpdateStreamRecordDistributionStrategy', { StreamARN, RecordDistributionStrategy, ...more });
const put = (server: TestServer, more: object = {}) => server.call('PutRecord', { StreamName: 's', Data: '', ...more });

async function summaryOf(server: TestServer) {
  return (await server.ok('DescribeStreamSummary', { StreamName: 's' })).StreamDescriptionSummary;
}

/** A server with the on-demand stream `s` of four shards, which distributes as `strategy` says. */
async function startServer(strategy?: string, settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.ok('CreateStream', { StreamName: 's', ...ON_DEMAND, RecordDistributionStrategy: strategy });
  server.clock.advance(1000);
  return server;
}

describe('UpdateStreamRecordDistributionStrategy', () => {
  it('is in force at once and leaves the stream ACTIVE', async () => {
    const server = await startServer();
    expect(await summaryOf(server)).toMatchObject({ RecordDistributionStrategy: 'USER_PARTITION_KEY' });
    for (const strategy of ['AUTO', 'AUTO', 'USER_PARTITION_KEY', 'AUTO']) {
      expect(await distribute(server, strategy)).toMatchObject({ status: 200, text: '' });
      expect(await summaryOf(server)).toMatchObject({ RecordDistributionStrategy: strategy, StreamStatus: 'ACTIVE' });
      expect((await put(server)).status).toBe(strategy === 'AUTO' ? 200 : 400);
    }
    await server.restart();
    expect((await summaryOf(server)).RecordDistributionStrategy).toBe('AUTO');
  });

  it('refuses, in this order: no stream, AUTO for a provisioned one, one that is not ACTIVE', async () => {
    const server = await startTestServer();
    expect((await distribute(server, 'AUTO')).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: 'Stream s under account 000000000000 not found.',
    });
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    const refused = {
      __type: 'InvalidArgumentException',
      message:
        'RecordDistributionStrategy AUTO cannot be used with stream s under account 000000000000, which is in ' +
        'Provisioned mode: only On-Demand streams have it.',
    };
    expect((await distribute(server, 'AUTO')).body).toEqual(refused);
    expect((await distribute(server, 'USER_PARTITION_KEY')).body).toEqual({
      __type: 'ResourceInUseException',
      message: 'Stream s under account 000000000000 not ACTIVE, instead in state CREATING',
    });
    server.clock.advance(500);
    expect((await distribute(server, 'USER_PARTITION_KEY')).status, 'as it is').toBe(200);
    expect(await summaryOf(server), 'only on-demand streams show it').not.toHaveProperty('RecordDistributionStrategy');
    const input = { StreamName: 't', ShardCount: 1, RecordDistributionStrategy: 'AUTO' };
    const message = refused.message.replace('stream s', 'stream t');
    expect((await server.call('CreateStream', input)).body).toEqual({ ...refused, message });
  });

  it('is a choice of one account and region', async () => {
    const server = await startServer('AUTO');
    const options = { region: 'eu-west-1' };
    await server.ok('CreateStream', { StreamName: 's', ...ON_DEMAND }, options);
    const { StreamDescriptionSummary: other } = await server.ok('DescribeStreamSummary', { StreamName: 's' }, options);
    expect(other.RecordDistributionStrategy).toBe('USER_PARTITION_KEY');
  });
});

describe('AUTO', () => {
  it('spreads records evenly over the open shards, whatever their keys', async () => {
    const server = await startServer('AUTO');
    const shards: string[] = [];
    for (const more of [{}, { PartitionKey: 'same' }, { PartitionKey: 'same' }, { ExplicitHashKey: '0' }]) {
      shards.push((await put(server, more)).body.ShardId);
    }
    expect(shards.toSorted(), 'each shard once').toEqual([0, 1, 2, 3].map(id));
    const Records = Array.from({ length: 402 }, () => ({ Data: '', PartitionKey: 'same', ExplicitHashKey: '0' }));
    const answer = await server.ok('PutRecords', { StreamName: 's', Records });
    expect(answer.FailedRecordCount).toBe(0);
    const counts = new Map<string, number>();
    for (const { ShardId } of answer.Records) counts.set(ShardId, (counts.get(ShardId) ?? 0) + 1);
    expect([...counts.values()].sort()).toEqual([100, 100, 101, 101]);
    const next = [(await put(server)).body.ShardId, (await put(server)).body.ShardId];
    for (const shard of next) expect(counts.get(shard), `${shard} had its turn too early`).toBe(100);
  });

  it('takes an ExplicitHashKey that no shard has, because it looks at none', async () => {
    const server = await startServer('AUTO');
    expect((await put(server, { ExplicitHashKey: HASH_END })).status).toBe(200);
    await distribute(server, 'USER_PARTITION_KEY');
    expect((await put(server, { PartitionKey: 'k', ExplicitHashKey: HASH_END })).body.message).toContain(HASH_END);
  });

  it('passes over a full shard with the next record', async () => {
    const server = await startServer('AUTO', { QUOTAS: 'current' });
    const megabyte = { Data: Buffer.alloc(1024 * 1024).toString('base64') };
    for (let shard = 0; shard < 4; shard += 1) expect((await put(server, megabyte)).status).toBe(200);
    expect((await put(server, megabyte)).body.__type).toBe('ProvisionedThroughputExceededException');
    server.clock.advance(1000);
    expect((await put(server, megabyte)).status).toBe(200);
  });

  it('keeps a partition key only if there was one, in answers, views and after a restart', async () => {
    const server = await startServer('AUTO');
    const Records = [{ Data: 'MQ==' }, { Data: 'Mg==', PartitionKey: 'given' }, { Data: '' }];
    const { Records: results } = await server.ok('PutRecords', { StreamName: 's', Records });
    for (const isAgain of [false, true]) {
      if (isAgain) await server.restart();
      for (const [index, { ShardId, SequenceNumber }] of results.entries()) {
        const [record] = await readShard(server, 's', ShardId);
        expect(record).toEqual({
          SequenceNumber,
          ApproximateArrivalTimestamp: expect.any(Number),
          ...Records[index],
        });
      }
    }
    const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
    const [view] = handle.prepare("select sql from sqlite_schema where name = 'v_records'").pluck().all() as string[];
    expect(view).toContain("nullif(records.partition_key, '')");
    const keys = handle.prepare('select partition_key from records order by partition_key').pluck().all();
    expect(keys).toEqual(['', '', 'given']);
    handle.close();
  });

  it('sizes a record without a key by its data', async () => {
    const server = await startServer('AUTO');
    const data = (bytes: number) => Buffer.alloc(bytes).toString('base64');
    expect((await put(server, { Data: data(1_048_576) })).status).toBe(200);
    expect((await put(server, { Data: data(1_048_576), PartitionKey: 'k' })).status).toBe(400);
  });

  it('goes on over the children when a stream of it was split before', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    await server.ok('SplitShard', { StreamName: 's', ShardToSplit: id(0), NewStartingHashKey: '99' });
    server.clock.advance(500);
    await server.ok('UpdateStreamMode', { StreamARN, ...ON_DEMAND });
    server.clock.advance(500);
    await server.ok('UpdateStreamRecordDistributionStrategy', { StreamARN, RecordDistributionStrategy: 'AUTO' });
    const shards = [];
    for (let count = 0; count < 3; count += 1) shards.push((await put(server)).body.ShardId);
    expect(shards.sort()).toEqual([1, 2, 3].map(id));
  });
});

describe('USER_PARTITION_KEY', () => {
  const missing = (...paths: string[]) => ({
    __type: 'ValidationException',
    message:
      `${paths.length} validation error${paths.length === 1 ? '' : 's'} detected: ` +
      paths.map((path) => `Value null at '${path}' failed to satisfy constraint: Member must not be null`).join('; '),
  });

  it.each(['relaxed', 'documented'])('needs a partition key of every record, with QUOTAS=%s', async (QUOTAS) => {
    const server = await startTestServer({ settings: { QUOTAS } });
    await server.createStream('s');
    expect((await put(server)).body).toEqual(missing('partitionKey'));
    expect((await put(server, { ExplicitHashKey: '0' })).body).toEqual(missing('partitionKey'));
    const entry = (index: number) => ({ Data: '', PartitionKey: index % 2 === 0 ? undefined : 'k' });
    const Records = Array.from({ length: 30 }, (_, index) => entry(index));
    const paths = Array.from({ length: 10 }, (_, index) => `records.${index * 2 + 1}.member.partitionKey`);
    expect((await server.call('PutRecords', { StreamName: 's', Records })).body).toEqual(missing(...paths));
    expect(await readShard(server, 's', 'shardId-0')).toEqual([]);
  });

  it('looks for the stream first, for only the stream tells whether a key is needed', async () => {
    const server = await startTestServer();
    expect((await put(server)).body.__type).toBe('ResourceNotFoundException');
    const Records = [{ Data: '' }];
    const { body } = await server.call('PutRecords', { StreamName: 's', Records });
    expect(body.__type).toBe('ResourceNotFoundException');
    const documented = await startTestServer({ settings: { QUOTAS: 'documented' } });
    expect((await put(documented)).body, 'the reference documents know of no stream without').toEqual(
      missing('partitionKey'),
    );
  });

  it('reads records without a key from a shard that takes them no more', async () => {
    const server = await startServer('AUTO');
    const { ShardId } = (await put(server)).body;
    await distribute(server, 'USER_PARTITION_KEY');
    const iterator = await shardIterator(server, 's', 'TRIM_HORIZON', { ShardId });
    const { Records } = await server.ok('GetRecords', { ShardIterator: iterator });
    expect(Records).toHaveLength(1);
    expect(Records[0]).not.toHaveProperty('PartitionKey');
  });
});
