/** INITIALIZE_STREAMS: what is there when the server is ready, on new data and on data that is there already. */
import { expect, it } from 'vitest';
import { PROFILES } from '../../src/quotas.ts';
import { Refusal } from '../../src/refusal.ts';
import { createTestClock } from '../support/clock.ts';
import { startTestServer, type TestServer, temporaryDirectory } from '../support/server.ts';

/** The server with the setting; further settings and options beside it. */
const startWith = (streams: string, settings: Record<string, string> = {}, place: object = {}) =>
  startTestServer({ settings: { INITIALIZE_STREAMS: streams, ...settings }, ...place });

const described = async (server: TestServer, name: string, region = 'us-east-1') =>
  (await server.ok('DescribeStream', { StreamName: name }, { region })).StreamDescription;

/** A data directory whose server is stopped, after `prepare`, and its clock. */
async function dataAfter(prepare: (server: TestServer) => Promise<unknown>, settings: Record<string, string> = {}) {
  const place = { directory: temporaryDirectory(), clock: createTestClock() };
  const server = await startTestServer({ settings, ...place });
  await prepare(server);
  await server.close();
  return place;
}

const messages = ({ log }: TestServer, level: 'info' | 'warn') =>
  log.take(level).flatMap(({ message }) => (message.startsWith('INITIALIZE_STREAMS') ? [message] : []));

async function refusalOf(starting: Promise<unknown>): Promise<Refusal> {
  const error = await starting.then(
    () => new Error('The server has started.'),
    (reason) => reason,
  );
  if (!(error instanceof Refusal)) throw error;
  expect(error.message, 'one sentence').toMatch(/^[^\n]+\.$/);
  return error;
}

it.each(PROFILES)('the streams are ACTIVE at once and take records (%s)', async (QUOTAS) => {
  const server = await startWith('orders:2,clicks', { QUOTAS });
  const orders = await described(server, 'orders');
  expect(orders).toMatchObject({ StreamStatus: 'ACTIVE', RetentionPeriodHours: 24 });
  expect(orders.Shards.map(({ ShardId }: { ShardId: string }) => ShardId)).toEqual([
    'shardId-000000000000',
    'shardId-000000000001',
  ]);
  expect((await described(server, 'clicks')).Shards, 'four when no number is given').toHaveLength(4);
  const summary = await server.ok('DescribeStreamSummary', { StreamName: 'clicks' });
  expect(summary.StreamDescriptionSummary.StreamModeDetails).toEqual({ StreamMode: 'PROVISIONED' });
  await server.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: '' });
  expect(messages(server, 'info')).toEqual(['INITIALIZE_STREAMS: created orders, clicks.']);
});

it('more streams than may be in transition at once are no obstacle', async () => {
  const names = Array.from({ length: 12 }, (_, n) => `s${String(n).padStart(2, '0')}`);
  const server = await startWith(names.map((name) => `${name}:1`).join(), { QUOTAS: 'documented', SHARD_LIMIT: '12' });
  const { StreamNames } = await server.ok('ListStreams', { Limit: 100 });
  expect(StreamNames).toEqual(names);
});

it('they belong to the configured account and region, or to the region they name', async () => {
  const settings = { AWS_ACCOUNT_ID: '111122223333', AWS_REGION: 'eu-west-1' };
  const server = await startWith('here:1,there:2:ap-south-1', settings);
  expect((await described(server, 'here', 'eu-west-1')).StreamARN).toBe(
    'arn:aws:kinesis:eu-west-1:111122223333:stream/here',
  );
  expect((await described(server, 'there', 'ap-south-1')).Shards).toHaveLength(2);
  for (const region of ['eu-west-1', 'ap-south-1']) {
    const { StreamNames } = await server.ok('ListStreams', {}, { region });
    expect(StreamNames).toEqual([region === 'eu-west-1' ? 'here' : 'there']);
  }
  expect(messages(server, 'info')).toEqual(['INITIALIZE_STREAMS: created here, there in ap-south-1.']);
});

it('a restart changes nothing: records, shards and settings stay, and the log says so', async () => {
  const server = await startWith('orders:2');
  const { SequenceNumber } = await server.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: 'eA==' });
  const before = await described(server, 'orders');
  messages(server, 'info');
  await server.restart();
  expect(await described(server, 'orders')).toEqual(before);
  const position = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber };
  const { ShardId } = await server.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: 'eQ==' });
  const { ShardIterator } = await server.ok('GetShardIterator', { StreamName: 'orders', ShardId, ...position });
  const { Records } = await server.ok('GetRecords', { ShardIterator });
  expect(Records.map(({ Data }: { Data: string }) => Data)).toEqual(['eA==', 'eQ==']);
  expect(messages(server, 'info')).toEqual(['INITIALIZE_STREAMS: already there: orders.']);
  expect(messages(server, 'warn')).toEqual([]);
});

it('only what is missing is created, and what differs is named and left alone', async () => {
  const place = await dataAfter(async (server) => {
    await server.createStream('few', 1);
    await server.createStream('any', 3);
    await server.ok('CreateStream', { StreamName: 'elastic', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
    server.clock.advance(1000);
  });
  const server = await startWith('few:2,any,elastic:4,new:1', {}, place);
  expect((await described(server, 'few')).Shards).toHaveLength(1);
  expect((await described(server, 'any')).Shards).toHaveLength(3);
  expect((await described(server, 'elastic')).StreamModeDetails).toEqual({ StreamMode: 'ON_DEMAND' });
  expect((await described(server, 'new')).StreamStatus).toBe('ACTIVE');
  expect(messages(server, 'info')).toEqual(['INITIALIZE_STREAMS: created new; already there: few, any, elastic.']);
  expect(messages(server, 'warn')).toEqual([
    'INITIALIZE_STREAMS asks for few with 2 shards; it has 1, and stays as it is.',
    'INITIALIZE_STREAMS asks for elastic with 4 shards; it is on-demand, and stays as it is.',
  ]);
});

it('closed shards do not count as a difference', async () => {
  const place = await dataAfter(async (server) => {
    await server.createStream('s', 1);
    const split = { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: String(2n ** 127n) };
    await server.ok('SplitShard', { StreamName: 's', ...split });
  });
  const server = await startWith('s:2', {}, place);
  expect(messages(server, 'warn')).toEqual([]);
});

it('a stream that was being created is ACTIVE when the server is ready', async () => {
  const create = (server: TestServer) => server.ok('CreateStream', { StreamName: 's', ShardCount: 2 });
  const place = await dataAfter(create, { TRANSITION_MS: '60000' });
  const server = await startWith('s', { TRANSITION_MS: '60000' }, place);
  expect(await described(server, 's')).toMatchObject({ StreamStatus: 'ACTIVE', Shards: [{}, {}] });
});

it('a stream that was being deleted is over, and a new one is there', async () => {
  const remove = async (server: TestServer) => {
    await server.createStream('s', 2);
    await server.ok('AddTagsToStream', { StreamName: 's', Tags: { old: '' } });
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: 'eA==' });
    await server.ok('DeleteStream', { StreamName: 's' });
  };
  const place = await dataAfter(remove, { TRANSITION_MS: '1000' });
  const server = await startWith('s:1', { TRANSITION_MS: '60000' }, place);
  expect(await described(server, 's')).toMatchObject({ StreamStatus: 'ACTIVE', Shards: [{}] });
  expect((await server.ok('ListTagsForStream', { StreamName: 's' })).Tags).toEqual([]);
  const first = { StreamName: 's', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' };
  const { ShardIterator } = await server.ok('GetShardIterator', first);
  expect((await server.ok('GetRecords', { ShardIterator })).Records).toEqual([]);
  expect(messages(server, 'info')).toEqual(['INITIALIZE_STREAMS: created s.']);
});

it('a stream that is named twice alike is one stream', async () => {
  const server = await startWith('s:2,s:2:us-east-1,s:2:eu-west-1');
  expect(messages(server, 'info')).toEqual(['INITIALIZE_STREAMS: created s, s in eu-west-1.']);
});

it.each([
  ['s:1,s:2', 'INITIALIZE_STREAMS names s in us-east-1 twice, with 1 and with 2 shards.'],
  ['s,t:1,s:3:us-east-1', 'INITIALIZE_STREAMS names s in us-east-1 twice, with 4 and with 3 shards.'],
])('%s contradicts itself and is refused', async (streams, sentence) => {
  const { reason, message } = await refusalOf(startWith(streams));
  expect([reason, message]).toEqual(['badSetting', sentence]);
});

it('more shards than the region may have are refused, and then none is created', async () => {
  const place = await dataAfter((server) => server.createStream('old', 1));
  const { reason, message } = await refusalOf(startWith('a:2,b:2', { SHARD_LIMIT: '4' }, place));
  expect(reason).toBe('badSetting');
  expect(message).toBe(
    'INITIALIZE_STREAMS asks for a stream b of 2 shards, but us-east-1 may have no more than 4 open shards in all; ' +
      'ask for fewer or raise SHARD_LIMIT.',
  );
  const server = await startTestServer(place);
  expect((await server.ok('ListStreams', {})).StreamNames).toEqual(['old']);
  await server.close();
  const enough = await startWith('a:2,b:2', { SHARD_LIMIT: '5' }, place);
  expect((await enough.ok('ListStreams', {})).StreamNames).toEqual(['a', 'b', 'old']);
});

it('sequence numbers of a stream that was deleted do not come again', async () => {
  const numbers: bigint[] = [];
  const put = async (server: TestServer) => {
    const { SequenceNumber } = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    numbers.push(BigInt(SequenceNumber));
  };
  const place = await dataAfter(async (server) => {
    await server.createStream('s');
    await put(server);
    await server.ok('DeleteStream', { StreamName: 's' });
  });
  place.clock.jump(-600_000);
  await put(await startWith('s:1', {}, place));
  expect(numbers[1]! > numbers[0]!, numbers.join(' then ')).toBe(true);
});
