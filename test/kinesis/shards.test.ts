import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { parseSequenceNumber } from '../../src/kinesis/sequence-number.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const HASH_END = (1n << 128n) - 1n;
const HALF = (1n << 127n).toString();
const DAY_MS = 24 * 3_600_000;
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

const split = (server: TestServer, ShardToSplit = id(0), NewStartingHashKey = HALF) =>
  server.call('SplitShard', { StreamName: 's', ShardToSplit, NewStartingHashKey });
const merge = (server: TestServer, ShardToMerge = id(0), AdjacentShardToMerge = id(1)) =>
  server.call('MergeShards', { StreamName: 's', ShardToMerge, AdjacentShardToMerge });
const describeStream = async (server: TestServer) =>
  (await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription;
const put = (server: TestServer, PartitionKey = 'k', ExplicitHashKey?: string) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, ExplicitHashKey, Data: '' });

interface ListedShard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly EndingSequenceNumber?: string };
}

/** The open shards of a listing in hash order; throws unless they cover every hash key exactly once. */
function openOf(shards: readonly ListedShard[]): readonly ListedShard[] {
  const open = shards
    .filter(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber === undefined)
    .sort((a, b) => (BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1));
  let next = 0n;
  for (const { ShardId, HashKeyRange } of open) {
    expect(BigInt(HashKeyRange.StartingHashKey), `${ShardId} begins where the one before ends`).toBe(next);
    next = BigInt(HashKeyRange.EndingHashKey) + 1n;
  }
  expect(next - 1n, 'the last range ends at 2^128 - 1').toBe(HASH_END);
  return open;
}

describe('SplitShard', () => {
  it('answers at once; the stream is UPDATING with its old shards until the children replace the parent', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const before = await describeStream(server);
    const answer = await split(server);
    expect([answer.status, answer.text]).toEqual([200, '']);
    server.clock.advance(499);
    expect(await describeStream(server)).toEqual({ ...before, StreamStatus: 'UPDATING' });
    server.clock.advance(1);
    const closedS = Math.floor(server.clock.now() / 1000);
    const after = await describeStream(server);
    expect(after.StreamStatus).toBe('ACTIVE');
    const [parent, lower, upper] = after.Shards;
    expect(parent).toEqual({
      ...before.Shards[0],
      SequenceNumberRange: { ...before.Shards[0].SequenceNumberRange, EndingSequenceNumber: expect.any(String) },
    });
    const range = { StartingSequenceNumber: expect.any(String) };
    const key = BigInt(HALF);
    expect([lower, upper]).toEqual([
      {
        ShardId: id(1),
        ParentShardId: id(0),
        HashKeyRange: { StartingHashKey: '0', EndingHashKey: String(key - 1n) },
        SequenceNumberRange: range,
      },
      {
        ShardId: id(2),
        ParentShardId: id(0),
        HashKeyRange: { StartingHashKey: HALF, EndingHashKey: String(HASH_END) },
        SequenceNumberRange: range,
      },
    ]);
    expect(parseSequenceNumber(parent.SequenceNumberRange.EndingSequenceNumber)).toMatchObject({
      shardIndex: 0,
      index: 0x7fff_ffff_ffff_ffffn,
      recordS: closedS,
    });
    for (const [index, child] of [lower, upper].entries()) {
      expect(parseSequenceNumber(child.SequenceNumberRange.StartingSequenceNumber)).toMatchObject({
        shardIndex: index + 1,
        createdS: closedS + 1,
        recordS: closedS + 1,
      });
    }
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
    expect(StreamDescriptionSummary).toMatchObject({ OpenShardCount: 2, StreamStatus: 'ACTIVE' });
  });

  it('lets the parent take and give records while UPDATING, and the children after it', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const first = await put(server, 'before');
    await split(server);
    const during = await put(server, 'during', String(HASH_END));
    server.clock.advance(500);
    const after = [await put(server, 'low', '0'), await put(server, 'high', String(HASH_END))];
    expect([first, during, ...after].map(({ ShardId }) => ShardId)).toEqual([id(0), id(0), id(1), id(2)]);
    expect((await readShard(server, 's', id(0))).map(({ PartitionKey }) => PartitionKey)).toEqual(['before', 'during']);
    const numbers = [first, during, ...after].map(({ SequenceNumber }) => BigInt(SequenceNumber));
    expect(numbers[1]! > numbers[0]! && numbers[2]! > numbers[1]! && numbers[3]! > numbers[1]!).toBe(true);
  });

  it('takes only keys above the start plus one and below the end', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s');
    for (const key of ['0', '1', String(HASH_END), String(HASH_END + 1n)]) {
      expect((await split(server, 'shard-0', key)).body).toEqual({
        __type: 'InvalidArgumentException',
        message:
          `NewStartingHashKey ${key} used in SplitShard() on shard ${id(0)} in stream s under account 000000000000 is ` +
          `not both greater than one plus the shard's StartingHashKey 0 and less than the shard's EndingHashKey ${HASH_END}.`,
      });
    }
    expect((await split(server, id(0), '2')).status).toBe(200);
    expect((await split(server, id(2), String(HASH_END - 1n))).status).toBe(200);
    const open = openOf((await describeStream(server)).Shards);
    expect(open.map(({ HashKeyRange }) => HashKeyRange.StartingHashKey)).toEqual(['0', '2', String(HASH_END - 1n)]);
  });

  it('refuses a shard that was split or merged already, and shards that are not there', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s');
    await split(server);
    const closed = {
      __type: 'InvalidArgumentException',
      message: `Shard ${id(0)} in stream s under account 000000000000 has already been merged or split, and thus is not eligible for merging or splitting.`,
    };
    expect((await split(server)).body).toEqual(closed);
    expect((await merge(server)).body).toEqual(closed);
    expect((await merge(server, id(1), id(0))).body).toEqual(closed);
    const missing = (shard: string, stream = 's') => ({
      __type: 'ResourceNotFoundException',
      message: `Could not find shard ${shard} in stream ${stream} under account 000000000000.`,
    });
    expect((await split(server, 'shard-7')).body).toEqual(missing(id(7)));
    expect((await merge(server, id(1), 'x-9')).body).toEqual(missing(id(9)));
    const noStream = { StreamName: 'none', NewStartingHashKey: '2' };
    const unparsable = await server.call('SplitShard', { ...noStream, ShardToSplit: 'x-y' });
    expect(unparsable.body, 'ids are read before the stream is looked for').toEqual(missing('x-y', 'none'));
    expect((await server.call('SplitShard', { ...noStream, ShardToSplit: id(0) })).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: 'Stream none under account 000000000000 not found.',
    });
  });

  it('keeps to the shard limit of the account', async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '1' } });
    await server.createStream('s');
    const { body } = await split(server);
    expect(body.__type).toBe('LimitExceededException');
    expect(body.message).toContain(
      'Current shard count for the account: 1. Limit: 1. Number of additional shards that would have resulted from this request: 1.',
    );
  });

  it.each(['SplitShard', 'MergeShards'])('%s needs an ACTIVE stream', async (operation) => {
    const server = await startTestServer();
    const refused = async (state: string) => {
      const { body } = operation === 'SplitShard' ? await split(server) : await merge(server);
      expect(body).toEqual({
        __type: 'ResourceInUseException',
        message: `Stream s under account 000000000000 not ACTIVE, instead in state ${state}`,
      });
    };
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 2 });
    await refused('CREATING');
    server.clock.advance(500);
    await merge(server);
    await refused('UPDATING');
    server.clock.advance(500);
    await server.ok('DeleteStream', { StreamName: 's' });
    await refused('DELETING');
  });

  it('is refused for on-demand streams, which AWS splits by itself', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's' });
    server.clock.advance(500);
    expect((await split(server)).body).toEqual({
      __type: 'ValidationException',
      message: 'Request is invalid. Stream s under account 000000000000 is in On-Demand mode.',
    });
  });
});

describe('MergeShards', () => {
  it('replaces two neighbours by one shard with both as parents', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    const before = (await describeStream(server)).Shards;
    const answer = await merge(server, id(1), id(2));
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(await describeStream(server)).toMatchObject({ StreamStatus: 'UPDATING', Shards: before });
    server.clock.advance(500);
    const { Shards } = await describeStream(server);
    expect(Shards).toHaveLength(4);
    expect(Shards[3]).toMatchObject({
      ShardId: id(3),
      ParentShardId: id(1),
      AdjacentParentShardId: id(2),
      HashKeyRange: {
        StartingHashKey: before[1].HashKeyRange.StartingHashKey,
        EndingHashKey: String(HASH_END),
      },
    });
    expect(openOf(Shards).map(({ ShardId }) => ShardId)).toEqual([id(0), id(3)]);
    expect((await put(server, 'k', String(HASH_END))).ShardId).toBe(id(3));
  });

  it.each([
    ['the higher neighbour first', 1, 0],
    ['a shard with itself', 0, 0],
    ['shards with another between them', 0, 2],
  ])('refuses %s', async (_title, first, second) => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    expect((await merge(server, id(first), `shard-${second}`)).body).toEqual({
      __type: 'InvalidArgumentException',
      message: `Shards ${id(first)} and ${id(second)} in stream s under account 000000000000 are not an adjacent pair of shards eligible for merging`,
    });
    expect((await describeStream(server)).StreamStatus).toBe('ACTIVE');
  });
});

describe('reading a closed shard', () => {
  const childrenOf = (parents: number[], ...shards: ListedShard[]) =>
    shards.map(({ ShardId, HashKeyRange }) => ({ ShardId, ParentShards: parents.map(id), HashKeyRange }));

  it('ends with no iterator and the children, after its last record', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    for (const key of ['a', 'b', 'c']) await put(server, key);
    await split(server);
    const open = await server.ok('GetRecords', { ShardIterator: await shardIterator(server, 's', 'LATEST') });
    expect(open, 'no end while UPDATING').toEqual({
      Records: [],
      NextShardIterator: expect.any(String),
      MillisBehindLatest: 0,
    });
    server.clock.advance(500);
    const first = await server.ok('GetRecords', { ShardIterator: iterator, Limit: 2 });
    expect(first.Records).toHaveLength(2);
    expect(first).not.toHaveProperty('ChildShards');
    const last = await server.ok('GetRecords', { ShardIterator: first.NextShardIterator, Limit: 2 });
    const [, ...children] = (await describeStream(server)).Shards;
    expect(last).toEqual({
      Records: [expect.objectContaining({ PartitionKey: 'c' })],
      MillisBehindLatest: 0,
      ChildShards: childrenOf([0], ...children),
    });
    const again = await server.ok('GetRecords', { ShardIterator: open.NextShardIterator });
    expect(again, 'an iterator from before the end').toEqual({ ...last, Records: [] });
  });

  it('gives the merged child with both parents, at once for LATEST', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    await merge(server);
    server.clock.advance(500);
    const [, , child] = (await describeStream(server)).Shards;
    for (const ShardId of [id(0), id(1)]) {
      const ShardIterator = await shardIterator(server, 's', 'LATEST', { ShardId });
      expect((await server.ok('GetRecords', { ShardIterator })).ChildShards).toEqual(childrenOf([0, 1], child));
    }
  });

  it('ends too when its last records have expired', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server);
    server.clock.advance(DAY_MS - 1000);
    await split(server);
    server.clock.advance(1500);
    const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    const answer = await server.ok('GetRecords', { ShardIterator });
    expect(answer).toMatchObject({ Records: [], ChildShards: [{ ShardId: id(1) }, { ShardId: id(2) }] });
    expect(answer).not.toHaveProperty('NextShardIterator');
  });
});

describe('a closed shard', () => {
  it('is listed until its last record can have expired, swept or not, and its number is never given out again', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s');
    await put(server);
    await split(server);
    const iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    server.clock.advance(DAY_MS - 1);
    expect((await describeStream(server)).Shards).toHaveLength(3);
    const late = await shardIterator(server, 's', 'TRIM_HORIZON');
    server.clock.advance(1);
    const rows = () => {
      const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
      const counts = handle
        .prepare('select (select count(*) from shards), (select count(*) from v_shards)')
        .raw()
        .get();
      handle.close();
      return counts;
    };
    expect(rows()).toEqual([3, expect.any(Number)]);
    const look = async () => {
      const { Shards } = await describeStream(server);
      const input = { StreamName: 's', ShardId: id(0), ShardIteratorType: 'LATEST' };
      return [
        Shards.map(({ ShardId }: ListedShard) => ShardId),
        Shards[0].ParentShardId,
        (await server.call('GetShardIterator', input)).body,
        (await server.call('GetRecords', { ShardIterator: late })).body,
        (await server.call('GetRecords', { ShardIterator: iterator })).body.__type,
        (await split(server)).body,
      ];
    };
    const doesNotExist = {
      __type: 'ResourceNotFoundException',
      message: `Shard ${id(0)} in stream s under account 000000000000 does not exist`,
    };
    const unswept = await look();
    expect(unswept).toEqual([
      [id(1), id(2)],
      id(0),
      doesNotExist,
      doesNotExist,
      'ExpiredIteratorException',
      {
        __type: 'ResourceNotFoundException',
        message: `Could not find shard ${id(0)} in stream s under account 000000000000.`,
      },
    ]);
    await server.runJob('sweep');
    expect(rows()).toEqual([2, expect.any(Number)]);
    expect(await look()).toEqual(unswept);
    await server.restart();
    await split(server, id(1), '5');
    expect((await describeStream(server)).Shards.map(({ ShardId }: ListedShard) => ShardId)).toEqual(
      [1, 2, 3, 4].map(id),
    );
  });

  it('stays as long as it has records that arrived by a clock which was set back since', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s');
    server.clock.jump(3_600_000);
    await put(server);
    server.clock.jump(-3_600_000);
    await split(server);
    server.clock.advance(DAY_MS);
    await server.runJob('sweep');
    expect(await readShard(server, 's', id(0))).toHaveLength(1);
    server.clock.advance(3_600_000);
    expect((await describeStream(server)).Shards).toHaveLength(2);
  });
});

describe('an update in progress', () => {
  it('goes on across a restart', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await split(server);
    await server.restart();
    expect((await describeStream(server)).StreamStatus).toBe('UPDATING');
    expect((await put(server)).ShardId).toBe(id(0));
    server.clock.advance(500);
    expect((await describeStream(server)).Shards).toHaveLength(3);
  });

  it('switches listing and routing at one instant, for everybody', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    await split(server, id(1), String((BigInt(HALF) + HASH_END) / 2n));
    for (let step = 0; step < 12; step += 1) {
      const open = openOf((await describeStream(server)).Shards);
      for (const { ShardId, HashKeyRange } of open) {
        expect((await put(server, 'k', HashKeyRange.StartingHashKey)).ShardId).toBe(ShardId);
        expect((await put(server, 'k', HashKeyRange.EndingHashKey)).ShardId).toBe(ShardId);
      }
      expect(open).toHaveLength(step < 10 ? 2 : 3);
      server.clock.advance(50);
    }
  });

  it('does not begin again when the clock is set back after a child got a record', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await split(server);
    server.clock.advance(500);
    expect((await put(server, 'k', '0')).ShardId).toBe(id(1));
    server.clock.jump(-300);
    for (const restarted of [false, true]) {
      if (restarted) await server.restart();
      expect((await describeStream(server)).StreamStatus).toBe('ACTIVE');
      expect((await put(server, 'k', '0')).ShardId).toBe(id(1));
    }
  });

  it('does not begin when a clock that was set back comes to it, after a child got a record', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await split(server);
    server.clock.jump(-5);
    expect((await put(server, 'k', '0')).ShardId).toBe(id(1));
    server.clock.advance(5);
    expect((await put(server, 'k', '0')).ShardId).toBe(id(1));
    expect((await describeStream(server)).StreamStatus).toBe('ACTIVE');
  });

  it('gives grandchildren numbers above their parents, also within one second', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s');
    const numbers: bigint[] = [];
    for (const [shard, key] of [
      [0, HALF],
      [1, '1000'],
      [3, '500'],
    ] as const) {
      numbers.push(BigInt((await put(server, 'k', '0')).SequenceNumber));
      expect((await split(server, id(shard), key)).status).toBe(200);
    }
    numbers.push(BigInt((await put(server, 'k', '0')).SequenceNumber));
    expect(numbers.every((number, index) => index === 0 || number > numbers[index - 1]!)).toBe(true);
  });

  it('ends with a deletion like any other state', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await split(server);
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await describeStream(server)).StreamStatus).toBe('DELETING');
    server.clock.advance(500);
    await server.runJob('sweep');
    expect((await server.call('DescribeStream', { StreamName: 's' })).body.__type).toBe('ResourceNotFoundException');
    await server.createStream('s');
    expect((await describeStream(server)).Shards).toHaveLength(1);
  });
});

describe('streams in transition', () => {
  it.each(['current', 'documented'])(
    'at once are at most five, of splits and merges too, with QUOTAS=%s',
    async (QUOTAS) => {
      const server = await startTestServer({ settings: { QUOTAS, TRANSITION_MS: '3000', SHARD_LIMIT: '100' } });
      for (let index = 0; index < 6; index += 1) {
        await server.ok('CreateStream', { StreamName: `s${index}`, ShardCount: 2 });
        server.clock.advance(3000);
      }
      const splitOf = (index: number) =>
        server.call('SplitShard', { StreamName: `s${index}`, ShardToSplit: id(0), NewStartingHashKey: '7' });
      for (let index = 0; index < 5; index += 1) expect((await splitOf(index)).status).toBe(200);
      server.clock.advance(1000);
      const refused = {
        __type: 'LimitExceededException',
        message:
          'This request would have exceed the limit on the number of streams that can simultaneously be in CREATING, ' +
          'UPDATING or DELETING for the account 000000000000. Limit: 5.',
      };
      expect((await splitOf(5)).body).toEqual(refused);
      const merged = { StreamName: 's5', ShardToMerge: id(0), AdjacentShardToMerge: id(1) };
      expect((await server.call('MergeShards', merged)).body).toEqual(refused);
      server.clock.advance(2000);
      expect((await server.call('MergeShards', merged)).status).toBe(200);
      for (let index = 0; index < 5; index += 1) await server.ok('DeleteStream', { StreamName: `s${index}` });
      server.clock.advance(1000);
      expect((await server.call('DeleteStream', { StreamName: 's5' })).body.message).toMatch(
        /simultaneously be in CREATING or DELETING/,
      );
    },
  );
});
