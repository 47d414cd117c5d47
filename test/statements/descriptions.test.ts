/** S-060 to S-082: DescribeStream and ListStreams. `relaxed` only counts the calls that exceed a rate. */
import { expect } from 'vitest';
import { shardIterator } from '../support/kinesis.ts';
import { throttleCount } from '../support/metrics.ts';
import type { TestServer } from '../support/server.ts';
import { type Check, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 3_600_000;
const TRANSITION_MS = 500;
const ACCOUNT = '000000000000';
const ARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/s`;
const HASH_END = (1n << 128n) - 1n;
const HALF = 1n << 127n;
const QUARTER = 1n << 126n;

const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;
const range = (start: bigint, end: bigint) => ({ StartingHashKey: String(start), EndingHashKey: String(end) });

interface Shard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly AdjacentParentShardId?: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
}

const describeStream = async (server: TestServer, more: object = {}) =>
  (await server.ok('DescribeStream', { StreamName: 's', ...more })).StreamDescription;
const statusOf = async (server: TestServer): Promise<string> => (await describeStream(server)).StreamStatus;
const shardsOf = async (server: TestServer): Promise<Shard[]> => (await describeStream(server)).Shards;
const idsOf = ({ Shards }: { readonly Shards: readonly Shard[] }) => Shards.map(({ ShardId }) => ShardId);

const create = (server: TestServer) => server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
const remove = (server: TestServer) => server.ok('DeleteStream', { StreamName: 's' });
const split = (server: TestServer, index: number, key: bigint) =>
  server.ok('SplitShard', { StreamName: 's', ShardToSplit: id(index), NewStartingHashKey: String(key) });
const merge = (server: TestServer, lower: number, upper: number) =>
  server.ok('MergeShards', { StreamName: 's', ShardToMerge: id(lower), AdjacentShardToMerge: id(upper) });
const put = (server: TestServer, PartitionKey = 'k') =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '' });

/** The partition keys of the records that can be read from the first shard. */
async function readKeys(server: TestServer): Promise<string[]> {
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  const { Records } = await server.ok('GetRecords', { ShardIterator });
  return Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey);
}

/** Creates the stream `s`: shard 0 was split into 1 and 2, these were merged into 3, and 3 was split into 4 and 5. */
async function reshardedStream(server: TestServer): Promise<Shard[]> {
  await server.createStream('s');
  for (const reshard of [() => split(server, 0, HALF), () => merge(server, 1, 2), () => split(server, 3, QUARTER)]) {
    await reshard();
    server.clock.advance(SECOND_MS);
  }
  return shardsOf(server);
}

const invalid = (constraint: string) => ({
  __type: 'ValidationException',
  message: `1 validation error detected: Value ${constraint}`,
});

/** `operation` takes no Limit outside of 1 to 10,000. */
async function refusesOddLimits(server: TestServer, operation: string, input: object): Promise<void> {
  for (const [Limit, rule] of [
    [0, 'greater than or equal to 1'],
    [10_001, 'less than or equal to 10000'],
  ]) {
    const { body } = await server.call(operation, { ...input, Limit });
    expect(body).toEqual(invalid(`'${Limit}' at 'limit' failed to satisfy constraint: Member must have value ${rule}`));
  }
}

/** A stream that `reference` names is described with and without its optional members. */
const takesLimitAndStart = async (server: TestServer, reference: object) => {
  await server.createStream('s', 3);
  const describe = async (more: object) =>
    idsOf((await server.ok('DescribeStream', { ...reference, ...more })).StreamDescription);
  expect(await describe({})).toEqual([id(0), id(1), id(2)]);
  expect(await describe({ Limit: 1 })).toEqual([id(0)]);
  expect(await describe({ ExclusiveStartShardId: id(0) })).toEqual([id(1), id(2)]);
  expect(await describe({ Limit: 1, ExclusiveStartShardId: id(0) })).toEqual([id(1)]);
};

statement('S-060', 'DescribeStream requires StreamName; Limit and ExclusiveStartShardId are optional', {
  documented: async (server) => {
    const { body } = await server.call('DescribeStream', { StreamARN: ARN });
    expect(body).toEqual(invalid("null at 'streamName' failed to satisfy constraint: Member must not be null"));
    await takesLimitAndStart(server, { StreamName: 's' });
  },
  otherwise: [
    'DescribeStream requires StreamName or StreamARN; Limit and ExclusiveStartShardId are optional',
    async (server) => {
      expect((await server.call('DescribeStream', {})).body.__type).toBe('InvalidArgumentException');
      await takesLimitAndStart(server, { StreamARN: ARN });
    },
  ],
});

statement('S-061', 'it returns StreamName, StreamARN, StreamStatus, Shards and HasMoreShards', async (server) => {
  await server.createStream('s');
  expect(await server.ok('DescribeStream', { StreamName: 's' })).toEqual({
    StreamDescription: expect.objectContaining({
      StreamName: 's',
      StreamARN: ARN,
      StreamStatus: 'ACTIVE',
      Shards: [expect.objectContaining({ ShardId: id(0) })],
      HasMoreShards: false,
    }),
  });
});

statement('S-062', 'StreamStatus is one of CREATING, DELETING, ACTIVE, UPDATING', async (server) => {
  const seen: string[] = [];
  const see = async () => seen.push(await statusOf(server));
  for (const change of [create, (of: TestServer) => split(of, 0, HALF)]) {
    await change(server);
    await see();
    server.clock.advance(TRANSITION_MS);
    await see();
  }
  await remove(server);
  await see();
  expect(seen).toEqual(['CREATING', 'ACTIVE', 'UPDATING', 'ACTIVE', 'DELETING']);
});

statement('S-063', 'CREATING right after CreateStream', async (server) => {
  await create(server);
  expect(await describeStream(server)).toMatchObject({ StreamStatus: 'CREATING', Shards: [], HasMoreShards: false });
});

statement('S-064', 'DELETING until deletion completes', async (server) => {
  await server.createStream('s');
  await remove(server);
  expect(await statusOf(server)).toBe('DELETING');
  server.clock.advance(TRANSITION_MS - 1);
  expect(await statusOf(server)).toBe('DELETING');
  server.clock.advance(1);
  expect((await server.call('DescribeStream', { StreamName: 's' })).body).toEqual({
    __type: 'ResourceNotFoundException',
    message: `Stream s under account ${ACCOUNT} not found.`,
  });
});

statement('S-065', 'ACTIVE: ready for reads, writes and deletion', async (server) => {
  await create(server);
  server.clock.advance(TRANSITION_MS);
  expect(await statusOf(server)).toBe('ACTIVE');
  await put(server, 'a');
  expect(await readKeys(server)).toEqual(['a']);
  await remove(server);
});

statement('S-066', 'UPDATING: a split or merge is in progress; reads and writes keep working', async (server) => {
  await server.createStream('s', 2);
  const updates = [() => merge(server, 0, 1), () => split(server, 2, HALF)];
  for (const [index, update] of updates.entries()) {
    await put(server, `before ${index}`);
    await update();
    expect(await statusOf(server), 'the update goes on').toBe('UPDATING');
    const { ShardId } = await put(server, `during ${index}`);
    const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON', { ShardId });
    const { Records } = await server.ok('GetRecords', { ShardIterator });
    expect(Records.at(-1), 'read at once').toMatchObject({ PartitionKey: `during ${index}` });
    expect(await statusOf(server), 'and it still does').toBe('UPDATING');
    server.clock.advance(SECOND_MS);
    expect(await statusOf(server)).toBe('ACTIVE');
  }
});

statement('S-067', 'a shard has its id, its parents, its hash keys and its sequence numbers', async (server) => {
  const merged = (await reshardedStream(server))[3]!;
  expect(merged).toEqual({
    ShardId: id(3),
    ParentShardId: id(1),
    AdjacentParentShardId: id(2),
    HashKeyRange: range(0n, HASH_END),
    SequenceNumberRange: {
      StartingSequenceNumber: expect.stringMatching(/^\d{56}$/),
      EndingSequenceNumber: expect.stringMatching(/^\d{56}$/),
    },
  });
});

statement('S-068', 'ParentShardId names the parent, AdjacentParentShardId the other of a merge', async (server) => {
  const shards = await reshardedStream(server);
  const parents = shards.map(({ ParentShardId, AdjacentParentShardId }) => [ParentShardId, AdjacentParentShardId]);
  const none = [undefined, undefined];
  const ofSplit = (parent: number) => [id(parent), undefined];
  expect(parents).toEqual([none, ofSplit(0), ofSplit(0), [id(1), id(2)], ofSplit(3), ofSplit(3)]);
  expect(shards[0], 'absent, not null').not.toHaveProperty('ParentShardId');
});

statement('S-069', 'HashKeyRange has its first and its last key; the ranges are contiguous', async (server) => {
  await server.createStream('s', 3);
  const third = (1n << 128n) / 3n;
  const ranges = (await shardsOf(server)).map(({ HashKeyRange }) => HashKeyRange);
  expect(ranges).toEqual([range(0n, third - 1n), range(third, 2n * third - 1n), range(2n * third, HASH_END)]);
  expect(ranges[0]!.EndingHashKey, 'as seen on AWS').toBe('113427455640312821154458202477256070484');
});

statement('S-070', 'SequenceNumberRange holds every number of the shard', async (server) => {
  await server.createStream('s');
  const numbers = [await put(server), await put(server)].map(({ SequenceNumber }) => BigInt(SequenceNumber));
  await split(server, 0, HALF);
  server.clock.advance(SECOND_MS);
  const { StartingSequenceNumber, EndingSequenceNumber } = (await shardsOf(server))[0]!.SequenceNumberRange;
  for (const number of numbers) {
    expect(number, 'above the start').toBeGreaterThan(BigInt(StartingSequenceNumber));
    expect(number, 'below the end').toBeLessThan(BigInt(EndingSequenceNumber!));
  }
});

statement('S-071', 'an open shard has no EndingSequenceNumber', async (server) => {
  const isOpen = ({ SequenceNumberRange }: Shard) => !('EndingSequenceNumber' in SequenceNumberRange);
  const shards = await reshardedStream(server);
  expect(shards.map(isOpen), 'the last two').toEqual([false, false, false, false, true, true]);
});

statement(
  'S-072',
  'Limit bounds the number of returned shards; a page has at most 100',
  async (server) => {
    await server.createStream('s', 101);
    for (const Limit of [1, 2, 100]) expect((await describeStream(server, { Limit })).Shards).toHaveLength(Limit);
    for (const Limit of [undefined, 10_000]) {
      const { Shards, HasMoreShards } = await describeStream(server, { Limit });
      expect([Shards.length, HasMoreShards], `Limit ${Limit}`).toEqual([100, true]);
    }
    await refusesOddLimits(server, 'DescribeStream', { StreamName: 's' });
  },
  { SHARD_LIMIT: '101' },
);

statement('S-073', 'HasMoreShards is true when more shards are available', async (server) => {
  await server.createStream('s', 3);
  const hasMore = async (more: object) => (await describeStream(server, more)).HasMoreShards;
  expect(await hasMore({ Limit: 2 }), 'two of three').toBe(true);
  expect(await hasMore({ Limit: 3 }), 'three of three').toBe(false);
  expect(await hasMore({ Limit: 1, ExclusiveStartShardId: id(0) }), 'the second of three').toBe(true);
  expect(await hasMore({ Limit: 1, ExclusiveStartShardId: id(1) }), 'the last').toBe(false);
  expect(await hasMore({ ExclusiveStartShardId: id(2) }), 'after the last').toBe(false);
});

statement('S-074', 'passing the last shard id as ExclusiveStartShardId pages through all', async (server) => {
  await server.createStream('s', 5);
  const pages: string[][] = [];
  for (let last: string | undefined, hasMore = true; hasMore; last = pages.at(-1)!.at(-1)) {
    const page = await describeStream(server, { Limit: 2, ExclusiveStartShardId: last });
    pages.push(idsOf(page));
    hasMore = page.HasMoreShards;
  }
  expect(pages).toEqual([[id(0), id(1)], [id(2), id(3)], [id(4)]]);
});

statement('S-075', 'closed parents stay visible, so that lineage can be followed', async (server) => {
  await server.createStream('s');
  await split(server, 0, HALF);
  server.clock.advance(TRANSITION_MS);
  await merge(server, 1, 2);
  // A millisecond before the last record that the first shard could have would expire.
  server.clock.advance(DAY_MS - 1);
  const shards = new Map((await shardsOf(server)).map((shard) => [shard.ShardId, shard]));
  const { ParentShardId, AdjacentParentShardId } = shards.get(id(3))!;
  for (const parent of [ParentShardId, AdjacentParentShardId]) {
    expect(shards.get(parent!), 'a parent of the open shard').toMatchObject({ ParentShardId: id(0) });
  }
  expect(shards.get(id(0)), 'and theirs').toBeDefined();
});

/** The account may make `limit` such calls a second, of a stream `s` that each of its callers has. */
const isLimited =
  (operation: string, input: object, limit: number): Check =>
  async (server, profile) => {
    const other = { account: '123456789012' };
    for (const options of [{}, other]) await server.createStream('s', 1, options);
    for (let call = 0; call < limit; call += 1) await server.ok(operation, input);
    expect(await throttleCount(server, operation), `${limit} calls are within the rate`).toBe(0);
    const { status, body } = await server.call(operation, input);
    const refusal = { __type: 'LimitExceededException', message: `Rate exceeded for account ${ACCOUNT}.` };
    if (profile === 'relaxed') expect(status, 'relaxed refuses nothing').toBe(200);
    else expect([status, body]).toEqual([400, refusal]);
    expect(await throttleCount(server, operation), 'one call was beyond the rate').toBe(1);
    await server.ok(operation, input, other);
    server.clock.advance(SECOND_MS);
    await server.ok(operation, input);
    expect(await throttleCount(server, operation), 'the next second has room').toBe(1);
  };

statement(
  'S-076',
  'DescribeStream: 10 calls per second and account',
  isLimited('DescribeStream', { StreamName: 's' }, 10),
);

/** Creates that many streams; returns their names in the order of ListStreams. */
async function createStreams(server: TestServer, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `stream-${String(index).padStart(3, '0')}`);
  // Not in that order, and at a rate that an account may have.
  for (const name of names.toReversed()) await server.createStream(name);
  return names;
}

statement('S-077', 'ListStreams takes optional Limit and ExclusiveStartStreamName', async (server) => {
  const names = await createStreams(server, 3);
  const list = async (input: object) => (await server.ok('ListStreams', input)).StreamNames;
  expect(await list({})).toEqual(names);
  expect(await list({ Limit: 2 })).toEqual(names.slice(0, 2));
  expect(await list({ ExclusiveStartStreamName: names[0] })).toEqual(names.slice(1));
  expect(await list({ Limit: 1, ExclusiveStartStreamName: names[0] })).toEqual(names.slice(1, 2));
  await refusesOddLimits(server, 'ListStreams', {});
});

/** A page has `size` names unless the caller asks for another number. */
const hasDefaultPage =
  (size: number): Check =>
  async (server) => {
    const names = await createStreams(server, size + 1);
    const page = await server.ok('ListStreams', {});
    expect([page.StreamNames, page.HasMoreStreams]).toEqual([names.slice(0, size), true]);
  };

statement(
  'S-078',
  'the default Limit of ListStreams is 10',
  { documented: hasDefaultPage(10), otherwise: ['the default Limit of ListStreams is 100', hasDefaultPage(100)] },
  { SHARD_LIMIT: '101' },
);

statement('S-079', 'ListStreams returns StreamNames and HasMoreStreams', async (server) => {
  expect(await server.ok('ListStreams', {})).toMatchObject({ StreamNames: [], HasMoreStreams: false });
  const names = await createStreams(server, 2);
  for (const Limit of [undefined, 2]) {
    expect(await server.ok('ListStreams', { Limit })).toMatchObject({ StreamNames: names, HasMoreStreams: false });
  }
  const first = await server.ok('ListStreams', { Limit: 1 });
  expect(first).toMatchObject({ StreamNames: names.slice(0, 1), HasMoreStreams: true });
});

statement('S-080', 'while HasMoreStreams is true, going on from the last name collects every name', async (server) => {
  const names = await createStreams(server, 5);
  const pages: string[][] = [];
  for (let last: string | undefined, hasMore = true; hasMore; last = pages.at(-1)!.at(-1)) {
    const page = await server.ok('ListStreams', { Limit: 2, ExclusiveStartStreamName: last });
    pages.push(page.StreamNames);
    hasMore = page.HasMoreStreams;
  }
  expect(pages).toEqual([names.slice(0, 2), names.slice(2, 4), names.slice(4)]);
});

statement('S-081', "only the streams of the caller's account are listed", async (server) => {
  const accounts = ['111111111111', '222222222222', '333333333333'];
  for (const account of accounts.slice(0, 2)) await server.createStream(`of-${account}`, 1, { account });
  const listed = accounts.map(async (account) => (await server.ok('ListStreams', {}, { account })).StreamNames);
  expect(await Promise.all(listed)).toEqual([['of-111111111111'], ['of-222222222222'], []]);
});

statement('S-082', 'ListStreams: 5 calls per second and account', isLimited('ListStreams', {}, 5));
