/** S-160 to S-177: MergeShards and SplitShard. */
import { expect } from 'vitest';
import { readShard } from '../support/kinesis.ts';
import { throttleLines } from '../support/metrics.ts';
import type { Answer, TestServer } from '../support/server.ts';
import { type Check, type Differing, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
/** The default of TRANSITION_MS. */
const TRANSITION_MS = 500;
const HASH_END = (1n << 128n) - 1n;
const HALF = 1n << 127n;

const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;
const merging = (lower = 0, upper = 1) => ({ ShardToMerge: id(lower), AdjacentShardToMerge: id(upper) });
const splitting = (shard = 0, key: bigint | number = 1000) => ({
  ShardToSplit: id(shard),
  NewStartingHashKey: String(key),
});

type Resharding = (server: TestServer, StreamName?: string) => Promise<Answer>;
const merge =
  (lower = 0, upper = 1): Resharding =>
  (server, StreamName = 's') =>
    server.call('MergeShards', { StreamName, ...merging(lower, upper) });
const split =
  (shard = 0, key: bigint | number = 1000): Resharding =>
  (server, StreamName = 's') =>
    server.call('SplitShard', { StreamName, ...splitting(shard, key) });

/** Reshards and lets the update end. */
async function done(server: TestServer, resharding: Resharding): Promise<void> {
  const { status, text } = await resharding(server);
  expect([status, text], 'the resharding is accepted').toEqual([200, '']);
  server.clock.advance(SECOND_MS);
}

const describeStream = async (server: TestServer) =>
  (await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription;
const statusOf = async (server: TestServer): Promise<string> => (await describeStream(server)).StreamStatus;

interface ListedShard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

type Range = readonly [start: bigint, end: bigint];

/** The hash key ranges of the stream's shards, closed ones included, by index. */
async function rangesOf(server: TestServer): Promise<readonly Range[]> {
  const { Shards } = await describeStream(server);
  return Shards.map(({ HashKeyRange }: ListedShard) => [
    BigInt(HashKeyRange.StartingHashKey),
    BigInt(HashKeyRange.EndingHashKey),
  ]);
}

/** Puts a record with that hash key; returns the id of its shard. */
const put = async (server: TestServer, hashKey: bigint | number, PartitionKey = 'k'): Promise<string> =>
  (await server.ok('PutRecord', { StreamName: 's', PartitionKey, ExplicitHashKey: String(hashKey), Data: '' })).ShardId;

const refusal = (type: string, message: string) => ({ __type: type, message });
const notAdjacent = (first: number, second: number) =>
  refusal(
    'InvalidArgumentException',
    `Shards ${id(first)} and ${id(second)} in stream s under account 000000000000 are not an adjacent pair of shards ` +
      'eligible for merging',
  );
const invalidKey = (key: bigint, shard: number, [start, end]: Range) =>
  refusal(
    'InvalidArgumentException',
    `NewStartingHashKey ${key} used in SplitShard() on shard ${id(shard)} in stream s under account 000000000000 is not ` +
      `both greater than one plus the shard's StartingHashKey ${start} and less than the shard's EndingHashKey ${end}.`,
  );

/** Each member of `complete` is required; a stream named by ARN is what today's AWS takes as well. */
function requires(operation: string, complete: Record<string, string>): Differing {
  const lacking = async (server: TestServer, members: readonly string[]) => {
    for (const member of members) {
      const { body } = await server.call(operation, { StreamName: 's', ...complete, [member]: undefined });
      const path = member.charAt(0).toLowerCase() + member.slice(1);
      const message = `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`;
      expect(body, `without ${member}`).toEqual(refusal('ValidationException', message));
    }
  };
  return {
    documented: async (server) => {
      await server.createStream('s', 2);
      await lacking(server, ['StreamName', ...Object.keys(complete)]);
      await server.ok(operation, { StreamName: 's', ...complete });
    },
    otherwise: [
      'a StreamARN can take the place of StreamName',
      async (server) => {
        await server.createStream('s', 2);
        await lacking(server, Object.keys(complete));
        expect((await server.call(operation, complete)).body.__type).toBe('InvalidArgumentException');
        await server.ok(operation, { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s', ...complete });
      },
    ],
  };
}

/** An ACTIVE stream takes it; in the other states it is refused. */
const needsActive =
  (resharding: Resharding): Check =>
  async (server) => {
    const refusedIn = async (state: string) => {
      const message = `Stream s under account 000000000000 not ACTIVE, instead in state ${state}`;
      expect((await resharding(server)).body, state).toEqual(refusal('ResourceInUseException', message));
    };
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 3 });
    await refusedIn('CREATING');
    server.clock.advance(SECOND_MS);
    await done(server, split(2, HASH_END - 1n));
    await split(3, HASH_END - 10n)(server);
    await refusedIn('UPDATING');
    server.clock.advance(SECOND_MS);
    await done(server, resharding);
    await server.ok('DeleteStream', { StreamName: 's' });
    await refusedIn('DELETING');
  };

async function expectNotFound(server: TestServer, resharding: Resharding): Promise<void> {
  expect((await resharding(server, 'none')).body).toEqual(
    refusal('ResourceNotFoundException', 'Stream none under account 000000000000 not found.'),
  );
}

/** The answer is immediate and empty; the stream is UPDATING with its old shards, and ACTIVE with the new at the end. */
async function expectUpdate(server: TestServer, resharding: Resharding): Promise<void> {
  const { Shards: before } = await describeStream(server);
  const { status, text } = await resharding(server);
  expect([status, text]).toEqual([200, '']);
  expect(await describeStream(server)).toMatchObject({ StreamStatus: 'UPDATING', Shards: before });
  server.clock.advance(TRANSITION_MS - 1);
  expect(await statusOf(server)).toBe('UPDATING');
  server.clock.advance(1);
  const after = await describeStream(server);
  expect(after.StreamStatus).toBe('ACTIVE');
  expect(after.Shards.length, 'the new shards are there').toBeGreaterThan(before.length);
}

/** While UPDATING, the shards that are being replaced take records and give them, also those from before. */
async function expectServing(server: TestServer, resharding: Resharding): Promise<void> {
  const ends = [0n, HASH_END];
  const shards = [];
  for (const end of ends) shards.push(await put(server, end, 'before'));
  await resharding(server);
  for (const [index, end] of ends.entries()) {
    expect(await put(server, end, 'during'), 'the shard is still the same').toBe(shards[index]);
    const read = await readShard(server, 's', shards[index]!);
    expect(read.map(({ PartitionKey }) => PartitionKey)).toEqual(['before', 'during']);
  }
  expect(await statusOf(server), 'all of this was during the update').toBe('UPDATING');
}

const SLOW_TRANSITION_MS = 60_000;
const SLOW = { TRANSITION_MS: String(SLOW_TRANSITION_MS), SHARD_LIMIT: '100' };

/** Five streams in CREATING, DELETING and UPDATING at once are all that an account may have, except in relaxed. */
const atMostFiveAtOnce =
  (resharding: Resharding): Check =>
  async (server, profile) => {
    for (const StreamName of ['deleted', 'merged', 'split', 'split-too', 'sixth']) {
      await server.ok('CreateStream', { StreamName, ShardCount: 2 });
    }
    server.clock.advance(SLOW_TRANSITION_MS);
    await server.ok('DeleteStream', { StreamName: 'deleted' });
    await server.ok('CreateStream', { StreamName: 'created', ShardCount: 2 });
    await server.ok('MergeShards', { StreamName: 'merged', ...merging() });
    for (const StreamName of ['split', 'split-too']) await server.ok('SplitShard', { StreamName, ...splitting() });
    server.clock.advance(SECOND_MS);
    const { status, body } = await resharding(server, 'sixth');
    if (profile === 'relaxed') expect(status, 'relaxed makes nobody wait').toBe(200);
    else {
      expect([status, body.__type]).toEqual([400, 'LimitExceededException']);
      server.clock.advance(SLOW_TRANSITION_MS);
      expect((await resharding(server, 'sixth')).status, 'when the others are done').toBe(200);
    }
  };

/** The sixth call of an account within a second is refused, or in relaxed only counted. */
const fiveCallsPerSecond =
  (operation: string, input: object): Check =>
  async (server, profile) => {
    const first = '111111111111';
    // The rate counts calls, whatever becomes of them: there is no such stream.
    const call = async (account: string) =>
      (await server.call(operation, { StreamName: 'none', ...input }, { account })).body;
    const notFound = (account: string) =>
      refusal('ResourceNotFoundException', `Stream none under account ${account} not found.`);
    for (let count = 1; count <= 5; count += 1) expect(await call(first), `call ${count}`).toEqual(notFound(first));
    expect(await throttleLines(server), 'five are within the rate').toEqual([]);
    const refused = refusal('LimitExceededException', `Rate exceeded for account ${first}.`);
    expect(await call(first), 'call 6').toEqual(profile === 'relaxed' ? notFound(first) : refused);
    expect(await throttleLines(server), 'the sixth is counted').toEqual([
      `millrace_throttled_total{target="Kinesis_20131202.${operation}",account="${first}",region="us-east-1"} 1`,
    ]);
    const second = '222222222222';
    expect(await call(second), 'another account has its own five').toEqual(notFound(second));
    server.clock.advance(SECOND_MS);
    expect(await call(first), 'a second later').toEqual(notFound(first));
  };

statement('S-160', 'MergeShards requires StreamName and the two shards', requires('MergeShards', merging()));

statement('S-161', 'shards are adjacent when the union of their ranges has no gap', async (server) => {
  await server.createStream('s');
  // The example of the document: 276..381 is shard 3, 382..454 is shard 5. Below them lies shard 1, above shard 6.
  await done(server, split(0, 276));
  await done(server, split(2, 382));
  await done(server, split(4, 455));
  const before = await rangesOf(server);
  expect([before[1], before[3], before[5]]).toEqual([
    [0n, 275n],
    [276n, 381n],
    [382n, 454n],
  ]);
  expect((await merge(1, 5)(server)).body, 'with a gap between them').toEqual(notAdjacent(1, 5));
  expect((await merge(5, 3)(server)).body, 'in the wrong order').toEqual(notAdjacent(5, 3));
  expect((await merge(3, 3)(server)).body, 'a shard with itself').toEqual(notAdjacent(3, 3));
  await done(server, merge(3, 5));
  expect((await rangesOf(server))[7]).toEqual([276n, 454n]);
});

statement('S-162', 'the child receives everything for the hash keys of both parents', async (server) => {
  await server.createStream('s', 3);
  const [first, second, third] = await rangesOf(server);
  await done(server, merge(0, 1));
  for (const key of [...first!, ...second!]) expect(await put(server, key), `hash key ${key}`).toBe(id(3));
  for (const key of third!) expect(await put(server, key), 'the third shard keeps its own').toBe(id(2));
});

statement('S-163', 'only an ACTIVE stream can be merged, others give ResourceInUseException', needsActive(merge()));

statement('S-164', 'merging in a missing stream gives ResourceNotFoundException', (server) =>
  expectNotFound(server, merge()),
);

statement('S-165', 'merging is asynchronous: an empty answer, UPDATING, then ACTIVE', async (server) => {
  await server.createStream('s', 2);
  await expectUpdate(server, merge());
});

statement('S-166', 'reads and writes work while shards are merged', async (server) => {
  await server.createStream('s', 2);
  await expectServing(server, merge());
});

statement('S-167', 'too many streams that change at once stop MergeShards', atMostFiveAtOnce(merge()), SLOW);

statement(
  'S-168',
  'MergeShards has 5 transactions per second per account',
  fiveCallsPerSecond('MergeShards', merging()),
);

statement('S-170', 'SplitShard requires StreamName, the shard and the key', requires('SplitShard', splitting()));

statement(
  'S-171',
  'the key lies in the range; it and all higher keys go to one child, the lower to the other',
  async (server) => {
    await server.createStream('s', 2);
    const [range] = await rangesOf(server);
    // A child would be empty or have a single hash key; the last key lies in the other shard.
    for (const key of [0n, 1n, HALF - 1n, HALF]) {
      expect((await split(0, key)(server)).body).toEqual(invalidKey(key, 0, range!));
      server.clock.advance(SECOND_MS);
    }
    await done(server, split(0, 1000));
    const shards = [];
    for (const key of [0n, 999n, 1000n, HALF - 1n, HALF]) shards.push(await put(server, key));
    expect(shards).toEqual([2, 2, 3, 3, 1].map(id));
  },
);

statement('S-172', 'any key in the range may be chosen, such as the mean of start and end', async (server) => {
  await server.createStream('s', 3);
  const parents = await rangesOf(server);
  const choices = [
    (start: bigint, _end: bigint) => start + 2n,
    (start: bigint, end: bigint) => (start + end) / 2n,
    (_start: bigint, end: bigint) => end - 1n,
  ];
  const expected = [...parents];
  for (const [index, choose] of choices.entries()) {
    const [start, end] = parents[index]!;
    const key = choose(start, end);
    await done(server, split(index, key));
    expected.push([start, key - 1n], [key, end]);
  }
  expect(await rangesOf(server)).toEqual(expected);
});

statement('S-173', 'only an ACTIVE stream can be split; a missing one is not found', async (server, profile) => {
  await needsActive(split())(server, profile);
  server.clock.advance(SECOND_MS);
  await expectNotFound(server, split());
});

statement('S-174', 'splitting is asynchronous, and reads and writes go on', async (server) => {
  await server.createStream('s', 2);
  await expectServing(server, split(0));
  server.clock.advance(TRANSITION_MS);
  await expectUpdate(server, split(1, HALF + 1000n));
});

statement('S-175', 'more shards than authorised give LimitExceededException', async (server, profile) => {
  const limit = profile === 'documented' ? 10 : 20_000;
  await server.createStream('s');
  await server.createStream('others', limit - 2);
  await done(server, split(0, HALF));
  const { status, body } = await split(1)(server);
  expect([status, body.__type], `${limit} shards are open`).toEqual([400, 'LimitExceededException']);
  expect(body.message).toContain(
    'This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for the ' +
      `account: ${limit}. Limit: ${limit}. Number of additional shards that would have resulted from this request: 1. ` +
      'Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for ' +
      'current limits and how to request higher limits.',
  );
  expect(await statusOf(server), 'nothing was changed').toBe('ACTIVE');
});

statement('S-176', 'too many streams that change at once stop SplitShard', atMostFiveAtOnce(split()), SLOW);

statement(
  'S-177',
  'SplitShard has 5 transactions per second per account',
  fiveCallsPerSecond('SplitShard', splitting()),
);
