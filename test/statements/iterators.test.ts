/** S-090 to S-100: GetShardIterator. `relaxed` only counts the calls that exceed the rate. */
import { expect } from 'vitest';
import type { Profile } from '../../src/quotas.ts';
import { shardIterator } from '../support/kinesis.ts';
import { throttleCount } from '../support/metrics.ts';
import type { CallOptions, TestServer } from '../support/server.ts';
import { type Check, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 3_600_000;
const LIFE_MS = 300_000;
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
const SHARD = 'shardId-000000000000';
const OTHER_SHARD = 'shardId-000000000001';
const HALF = (1n << 127n).toString();

const put = async (server: TestServer, PartitionKey: string): Promise<string> =>
  (await server.ok('PutRecord', { StreamName: 's', PartitionKey, ExplicitHashKey: '0', Data: '' })).SequenceNumber;

/** Creates the stream `s` with records of those keys in its first shard, a second apart; returns their numbers. */
async function streamWith(server: TestServer, ...keys: readonly string[]): Promise<string[]> {
  await server.createStream('s');
  const numbers: string[] = [];
  for (const key of keys) {
    numbers.push(await put(server, key));
    server.clock.advance(SECOND_MS);
  }
  return numbers;
}

/** The keys of all records that an iterator leads to, a letter each. */
async function keysFrom(server: TestServer, ShardIterator: string): Promise<string> {
  const { Records } = await server.ok('GetRecords', { ShardIterator });
  return Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey).join('');
}

/** The keys of all records from a starting point on; the second is over afterwards, so rates do not matter. */
async function keysOf(server: TestServer, type: string, StartingSequenceNumber?: string): Promise<string> {
  const keys = await keysFrom(server, await shardIterator(server, 's', type, { StartingSequenceNumber }));
  server.clock.advance(SECOND_MS);
  return keys;
}

const refusal = (type: string, message: string) => ({ __type: type, message });
const invalid = (constraint: string) =>
  refusal('ValidationException', `1 validation error detected: Value ${constraint}`);

/** GetShardIterator needs every member of `complete`, except a StreamARN; a StartingSequenceNumber may be added. */
const needs =
  (complete: Record<string, string>): Check =>
  async (server) => {
    const [number] = await streamWith(server, 'a');
    for (const member of Object.keys(complete).filter((name) => name !== 'StreamARN')) {
      const { body } = await server.call('GetShardIterator', { ...complete, [member]: undefined });
      const path = member.charAt(0).toLowerCase() + member.slice(1);
      expect(body).toEqual(invalid(`null at '${path}' failed to satisfy constraint: Member must not be null`));
    }
    const { ShardIterator } = await server.ok('GetShardIterator', complete);
    expect(await keysFrom(server, ShardIterator)).toBe('a');
    const numbered = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: number };
    await server.ok('GetShardIterator', { ...complete, ...numbered });
  };

const START = { ShardId: SHARD, ShardIteratorType: 'TRIM_HORIZON' };

statement(
  'S-090',
  'GetShardIterator requires StreamName, ShardId and ShardIteratorType; StartingSequenceNumber is optional',
  {
    documented: needs({ StreamName: 's', ...START }),
    otherwise: [
      'GetShardIterator requires ShardId, ShardIteratorType and StreamName or StreamARN',
      async (server, profile) => {
        await needs({ StreamARN: ARN, ...START })(server, profile);
        expect((await server.call('GetShardIterator', START)).body.__type).toBe('InvalidArgumentException');
      },
    ],
  },
);

statement('S-091', 'the types are AT_, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON and LATEST', async (server) => {
  const [number] = await streamWith(server, 'a');
  expect(await keysOf(server, 'AT_SEQUENCE_NUMBER', number)).toBe('a');
  expect(await keysOf(server, 'AFTER_SEQUENCE_NUMBER', number)).toBe('');
  expect(await keysOf(server, 'TRIM_HORIZON')).toBe('a');
  expect(await keysOf(server, 'LATEST')).toBe('');
  for (const type of ['latest', 'NEWEST', '']) {
    const input = { StreamName: 's', ShardId: SHARD, ShardIteratorType: type };
    expect((await server.call('GetShardIterator', input)).body).toEqual(
      // AT_TIMESTAMP came after the document was written.
      invalid(
        `'${type}' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: ` +
          '[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]',
      ),
    );
  }
});

statement('S-092', 'AT_SEQUENCE_NUMBER starts exactly at the given number', async (server) => {
  const numbers = await streamWith(server, 'a', 'b', 'c');
  const keys: string[] = [];
  for (const number of numbers) keys.push(await keysOf(server, 'AT_SEQUENCE_NUMBER', number));
  expect(keys).toEqual(['abc', 'bc', 'c']);
});

statement('S-093', 'AFTER_SEQUENCE_NUMBER starts just after the given number', async (server) => {
  const numbers = await streamWith(server, 'a', 'b', 'c');
  const keys: string[] = [];
  for (const number of numbers) keys.push(await keysOf(server, 'AFTER_SEQUENCE_NUMBER', number));
  expect(keys).toEqual(['bc', 'c', '']);
});

statement('S-094', 'TRIM_HORIZON starts at the oldest untrimmed record', async (server) => {
  await streamWith(server, 'a', 'b', 'c');
  // Three seconds have passed since the first record.
  server.clock.advance(DAY_MS - 3 * SECOND_MS - 1);
  const keys = [await keysFrom(server, await shardIterator(server, 's', 'TRIM_HORIZON'))];
  server.clock.advance(1);
  for (let second = 0; second < 3; second += 1) keys.push(await keysOf(server, 'TRIM_HORIZON'));
  expect(keys, 'each record goes a day after it came').toEqual(['abc', 'bc', 'c', '']);
});

statement('S-095', 'LATEST starts just after the newest record at the time of the call', async (server) => {
  await streamWith(server);
  const ofEmpty = await shardIterator(server, 's', 'LATEST');
  await put(server, 'a');
  const afterA = await shardIterator(server, 's', 'LATEST');
  for (const key of ['b', 'c']) await put(server, key);
  expect(await keysFrom(server, afterA)).toBe('bc');
  expect(await keysFrom(server, ofEmpty)).toBe('abc');
});

statement('S-096', 'numbers from Put, Get and Describe are all usable', async (server) => {
  const [putRecord] = await streamWith(server, 'a');
  const Records = [{ PartitionKey: 'b', Data: '' }];
  const putRecords = (await server.ok('PutRecords', { StreamName: 's', Records })).Records[0].SequenceNumber;
  await put(server, 'c');
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  const getRecords = (await server.ok('GetRecords', { ShardIterator })).Records[2].SequenceNumber;
  const [shard] = (await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription.Shards;
  const describeStream = shard.SequenceNumberRange.StartingSequenceNumber;
  for (const [number, from, after] of [
    [putRecord, 'abc', 'bc'],
    [putRecords, 'bc', 'c'],
    [getRecords, 'c', ''],
    // No record has it; all come after it.
    [describeStream, 'abc', 'abc'],
  ]) {
    expect(await keysOf(server, 'AT_SEQUENCE_NUMBER', number)).toBe(from);
    expect(await keysOf(server, 'AFTER_SEQUENCE_NUMBER', number)).toBe(after);
  }
});

statement('S-097', 'an iterator expires five minutes after it was returned', async (server) => {
  await streamWith(server, 'a');
  const first = await shardIterator(server, 's', 'TRIM_HORIZON');
  server.clock.advance(LIFE_MS);
  const { Records, NextShardIterator } = await server.ok('GetRecords', { ShardIterator: first });
  expect(Records, 'at the end of its life').toHaveLength(1);
  server.clock.advance(1);
  expect((await server.call('GetRecords', { ShardIterator: first })).body).toEqual(
    refusal(
      'ExpiredIteratorException',
      'Iterator expired. The iterator was created at time Fri Jan 02 03:04:07 UTC 2026 while right now it is ' +
        'Fri Jan 02 03:09:07 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.',
    ),
  );
  server.clock.advance(LIFE_MS - 1);
  await server.ok('GetRecords', { ShardIterator: NextShardIterator });
  server.clock.advance(1);
  const { body } = await server.call('GetRecords', { ShardIterator: NextShardIterator });
  expect(body.__type, 'that of a read too').toBe('ExpiredIteratorException');
});

const ask = (server: TestServer, ShardId = SHARD, options?: CallOptions) => {
  const input = { StreamName: 's', StreamARN: ARN, ShardId, ShardIteratorType: 'LATEST' };
  return server.call('GetShardIterator', input, options);
};

/** How many calls for the first shard AWS would have refused until now. */
const throttledCalls = (server: TestServer) => throttleCount(server, 'GetShardIterator', { stream: 's', shard: SHARD });

/** Asks for the first shard, beyond the rate: counted, and refused except in relaxed. */
async function askBeyondRate(server: TestServer, profile: Profile): Promise<void> {
  const before = await throttledCalls(server);
  const { status, body } = await ask(server);
  expect(await throttledCalls(server), 'a call beyond the rate is counted').toBe(before + 1);
  if (profile === 'relaxed') return expect(status, 'relaxed refuses nothing').toBe(200);
  const message = `Rate exceeded for shard ${SHARD} in stream s under account 000000000000.`;
  expect([status, body]).toEqual([400, refusal('ProvisionedThroughputExceededException', message)]);
}

/** Asks five times for the first shard, which uses up its second. */
async function askFiveTimes(server: TestServer): Promise<void> {
  for (let call = 0; call < 5; call += 1) expect((await ask(server)).status, `call ${call}`).toBe(200);
}

statement('S-098', 'calling too often gives ProvisionedThroughputExceededException', async (server, profile) => {
  await server.createStream('s');
  await askFiveTimes(server);
  expect(await throttledCalls(server)).toBe(0);
  await askBeyondRate(server, profile);
});

/**
 * Creates a stream with two closed shards, the record `a` in the first, nothing in the other. Returns where iterators
 * could start that lead to no data.
 */
async function closedShards(server: TestServer) {
  const [number] = await streamWith(server, 'a');
  for (const [ShardToSplit, NewStartingHashKey] of [
    [SHARD, HALF],
    [OTHER_SHARD, '1000'],
  ]) {
    await server.ok('SplitShard', { StreamName: 's', ShardToSplit, NewStartingHashKey });
    server.clock.advance(SECOND_MS);
  }
  expect(await keysOf(server, 'TRIM_HORIZON'), 'what is there can be read').toBe('a');
  expect(await keysOf(server, 'AT_SEQUENCE_NUMBER', number)).toBe('a');
  return [
    { ShardId: SHARD, ShardIteratorType: 'LATEST' },
    { ShardId: SHARD, ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: number },
    { ShardId: OTHER_SHARD, ShardIteratorType: 'TRIM_HORIZON' },
  ];
}

statement('S-099', 'ShardIterator is null for a closed shard if it could return no more data', {
  documented: async (server) => {
    for (const start of await closedShards(server)) {
      expect(await server.ok('GetShardIterator', { StreamName: 's', ...start }), start.ShardIteratorType).toEqual({});
    }
  },
  otherwise: [
    'a closed shard gives iterators of every type; GetRecords then tells the end',
    async (server) => {
      for (const start of await closedShards(server)) {
        const { ShardIterator } = await server.ok('GetShardIterator', { StreamName: 's', ...start });
        const { ChildShards, ...rest } = await server.ok('GetRecords', { ShardIterator });
        expect(rest, `${start.ShardIteratorType}: no NextShardIterator`).toEqual({
          Records: [],
          MillisBehindLatest: 0,
        });
        expect(ChildShards).toHaveLength(2);
      }
    },
  ],
});

statement('S-100', '5 calls per second for each account and open shard', async (server, profile) => {
  await server.createStream('s', 2);
  await askFiveTimes(server);
  await askBeyondRate(server, profile);
  expect((await ask(server, OTHER_SHARD)).status, 'another shard').toBe(200);
  expect((await ask(server, SHARD, { account: '123456789012' })).status, 'another account').toBe(200);
  server.clock.advance(SECOND_MS - 1);
  await askBeyondRate(server, profile);
  server.clock.advance(1);
  await askFiveTimes(server);
  expect(await throttledCalls(server), 'the next second has room for five').toBe(2);
  await askBeyondRate(server, profile);
});
