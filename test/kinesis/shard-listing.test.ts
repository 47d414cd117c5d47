/** ListShards: pages, filters, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { streamIdOf } from '../support/kinesis.ts';
import { throttleLines } from '../support/metrics.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const UNDER = 'under account 000000000000';
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
const HASH_END = (1n << 128n) - 1n;
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;
const invalid = (message: string) => ({ __type: 'InvalidArgumentException', message });
const notFound = { __type: 'ResourceNotFoundException', message: `Stream s ${UNDER} not found.` };

const list = (server: TestServer, input: object = { StreamName: 's' }) => server.call('ListShards', input);
/** The indices of the shards of one page. */
const indicesOf = ({ body }: Awaited<ReturnType<typeof list>>): number[] =>
  body.Shards.map(({ ShardId }: { ShardId: string }) => Number(ShardId.slice(-12)));
const listed = async (server: TestServer, more: object = {}) =>
  indicesOf(await list(server, { StreamName: 's', ...more }));
const filtered = (server: TestServer, Type: string, more: object = {}) =>
  listed(server, { ShardFilter: { Type, ...more } });

const split = (server: TestServer, shard: number, NewStartingHashKey: string) =>
  server.ok('SplitShard', { StreamName: 's', ShardToSplit: id(shard), NewStartingHashKey });

interface ListedShard {
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly EndingSequenceNumber?: string };
}

/** The keys that the open shards cover, which must be all of them, once each. */
function expectWhole(shards: readonly ListedShard[]): void {
  const ranges = shards
    .filter(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber === undefined)
    .map(({ HashKeyRange }) => [BigInt(HashKeyRange.StartingHashKey), BigInt(HashKeyRange.EndingHashKey)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  let next = 0n;
  for (const [starting, ending] of ranges) {
    expect(starting).toBe(next);
    next = ending + 1n;
  }
  expect(next - 1n).toBe(HASH_END);
}

describe('ListShards', () => {
  it('tells of each shard what DescribeStream tells', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    await server.ok('MergeShards', { StreamName: 's', ShardToMerge: id(0), AdjacentShardToMerge: id(1) });
    server.clock.advance(500);
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' });
    expect(StreamDescription.Shards).toHaveLength(4);
    for (const reference of [{ StreamName: 's' }, { StreamARN: ARN }, { StreamName: 's', StreamARN: ARN }]) {
      expect((await list(server, reference)).body).toEqual({ Shards: StreamDescription.Shards });
    }
  });

  it('finds a stream by its StreamId alone', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const StreamId = streamIdOf(server, 's');
    expect(indicesOf(await list(server, { StreamId }))).toEqual([0, 1]);
  });

  it('has a page of a thousand at most, which MaxResults makes smaller from call to call', async () => {
    const server = await startTestServer();
    await server.createStream('s', 1203);
    const first = await list(server, { StreamName: 's', MaxResults: 10_000 });
    expect(indicesOf(first)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    const NextToken = first.body.NextToken;
    const StreamId = 'abcdefghijklmnopqrst-abc';
    const second = await list(server, { NextToken, MaxResults: 200, StreamId });
    expect(indicesOf(second)).toEqual(Array.from({ length: 200 }, (_, index) => 1000 + index));
    const third = await list(server, { NextToken: second.body.NextToken });
    expect(indicesOf(third)).toEqual([1200, 1201, 1202]);
    expect(third.body).not.toHaveProperty('NextToken');
    expect(indicesOf(await list(server, { NextToken, MaxResults: 203 })), 'a token can be used again').toHaveLength(
      203,
    );
    expect((await list(server, { NextToken, MaxResults: 203 })).body, 'the last page').not.toHaveProperty('NextToken');
  });

  it('starts after the shard that it is told, which need not be there', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    expect(await listed(server, { ExclusiveStartShardId: id(1) })).toEqual([2, 3]);
    expect(await listed(server, { ExclusiveStartShardId: 'shard-2' })).toEqual([3]);
    expect(await listed(server, { ExclusiveStartShardId: id(99) })).toEqual([]);
    expect((await list(server, { StreamName: 's', ExclusiveStartShardId: 'x-y' })).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Could not find shard x-y in stream s ${UNDER}.`,
    });
    const both = { ExclusiveStartShardId: id(0), ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: id(2) } };
    expect(await listed(server, both), 'the later of two').toEqual([3]);
  });
});

describe('the pages of one listing', () => {
  it.each([undefined, { Type: 'AT_LATEST' }])(
    'show one whole topology, even when the stream is split between them (ShardFilter %j)',
    async (ShardFilter) => {
      const server = await startTestServer();
      await server.createStream('s', 4);
      await split(server, 1, '100000000000000000000000000000000000000');
      const whole = (await list(server)).body.Shards;
      const first = await list(server, { StreamName: 's', MaxResults: 1, ShardFilter });
      server.clock.advance(500);
      const second = await list(server, { NextToken: first.body.NextToken, MaxResults: 2 });
      const third = await list(server, { NextToken: second.body.NextToken });
      const shards = [first, second, third].flatMap(({ body }) => body.Shards);
      expectWhole(shards);
      expect(shards).toEqual(whole);
      expect(await listed(server)).toEqual([0, 1, 2, 3, 4, 5]);
      expectWhole((await list(server)).body.Shards);
    },
  );

  it('keep their filter', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s', 3);
    await split(server, 0, '5');
    const pages: number[][] = [];
    let input: object = { StreamName: 's', MaxResults: 1, ShardFilter: { Type: 'AT_LATEST' } };
    for (;;) {
      const page = await list(server, input);
      pages.push(indicesOf(page));
      if (page.body.NextToken === undefined) break;
      input = { NextToken: page.body.NextToken, MaxResults: 1 };
    }
    expect(pages).toEqual([[1], [2], [3], [4]]);
  });

  it('go on after a restart, for five minutes, and for this caller only', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const { NextToken } = (await list(server, { StreamName: 's', MaxResults: 1 })).body;
    await server.restart();
    server.clock.advance(300_000);
    expect(indicesOf(await list(server, { NextToken }))).toEqual([1]);
    const notValid = invalid('NextToken is not valid for this request.');
    expect((await server.call('ListShards', { NextToken }, { account: '123456789012' })).body).toEqual(notValid);
    expect((await server.call('ListShards', { NextToken }, { region: 'eu-west-1' })).body).toEqual(notValid);
    expect((await server.call('ListStreams', { NextToken })).body, 'another listing').toEqual(notValid);
    for (const damaged of ['x', 'AAAAAAAAAAE=', `${NextToken.slice(0, -8)}AAAAAAA=`]) {
      expect((await list(server, { NextToken: damaged })).body, damaged).toEqual(notValid);
    }
    server.clock.advance(1);
    expect((await list(server, { NextToken })).body).toEqual({
      __type: 'ExpiredNextTokenException',
      message: 'NextToken has expired; start the listing again.',
    });
  });

  it('end with their stream: another one of that name has shards of its own', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const { NextToken } = (await list(server, { StreamName: 's', MaxResults: 1 })).body;
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await list(server, { NextToken })).body.__type).toBe('ResourceInUseException');
    server.clock.advance(500);
    expect((await list(server, { NextToken })).body).toEqual(notFound);
    await server.createStream('s', 2);
    expect((await list(server, { NextToken })).body).toEqual(notFound);
  });
});

describe('ShardFilter', () => {
  /** Shards 0 and 1 at first; an hour later 0 becomes 2 and 3; an hour later 3 becomes 4 and 5; then another hour. */
  async function startWithHistory() {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s', 2);
    const createdMs = server.clock.now();
    server.clock.advance(HOUR_MS);
    await split(server, 0, '1000');
    server.clock.advance(HOUR_MS);
    await split(server, 3, '2000');
    server.clock.advance(HOUR_MS);
    return { server, at: (hours: number) => ({ Timestamp: (createdMs + hours * HOUR_MS) / 1000 }) };
  }

  it('chooses by shard, and by what was open when', async () => {
    const { server, at } = await startWithHistory();
    expect(await filtered(server, 'AFTER_SHARD_ID', { ShardId: id(3) })).toEqual([4, 5]);
    expect(await filtered(server, 'AT_LATEST')).toEqual([1, 2, 4, 5]);
    expect(await filtered(server, 'FROM_TRIM_HORIZON')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await filtered(server, 'AT_TRIM_HORIZON')).toEqual([0, 1]);
    expect(await filtered(server, 'AT_TIMESTAMP', at(0.5))).toEqual([0, 1]);
    expect(await filtered(server, 'AT_TIMESTAMP', at(1.5))).toEqual([1, 2, 3]);
    expect(await filtered(server, 'AT_TIMESTAMP', at(2.5))).toEqual([1, 2, 4, 5]);
    expect(await filtered(server, 'AT_TIMESTAMP', at(1)), 'both sides of the instant').toEqual([0, 1, 2, 3]);
    expect(await filtered(server, 'FROM_TIMESTAMP', at(0.5))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await filtered(server, 'FROM_TIMESTAMP', at(1.5))).toEqual([1, 2, 3, 4, 5]);
    expect(await filtered(server, 'FROM_TIMESTAMP', at(2.5))).toEqual([1, 2, 4, 5]);
  });

  it('takes an instant before the horizon for the horizon, and one in the future for now', async () => {
    const { server, at } = await startWithHistory();
    expect(await filtered(server, 'AT_TIMESTAMP', at(-1000)), 'before the stream').toEqual([0, 1]);
    expect(await filtered(server, 'AT_TIMESTAMP', at(1000))).toEqual([1, 2, 4, 5]);
    expect(await filtered(server, 'FROM_TIMESTAMP', at(1000))).toEqual([1, 2, 4, 5]);
    server.clock.advance(DAY_MS - 1.5 * HOUR_MS);
    expect(await filtered(server, 'AT_TRIM_HORIZON'), 'an hour and a half after the beginning').toEqual([1, 2, 3]);
    expect(await filtered(server, 'AT_TIMESTAMP', at(0))).toEqual([1, 2, 3]);
    expect(await filtered(server, 'FROM_TIMESTAMP', at(0))).toEqual([1, 2, 3, 4, 5]);
    expect(await filtered(server, 'FROM_TRIM_HORIZON')).toEqual([1, 2, 3, 4, 5]);
  });

  it('tells what is open while a split is in progress', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    await split(server, 0, '1000');
    for (const Type of ['AT_LATEST', 'AT_TRIM_HORIZON', 'FROM_TRIM_HORIZON']) {
      expect(await filtered(server, Type)).toEqual([0, 1]);
    }
    server.clock.advance(500);
    expect(await filtered(server, 'AT_LATEST')).toEqual([1, 2, 3]);
  });

  it.each([
    [{ Type: 'AFTER_SHARD_ID' }, 'ShardFilter of type AFTER_SHARD_ID needs ShardId.'],
    [{ Type: 'AT_TIMESTAMP' }, 'ShardFilter of type AT_TIMESTAMP needs Timestamp.'],
    [{ Type: 'FROM_TIMESTAMP' }, 'ShardFilter of type FROM_TIMESTAMP needs Timestamp.'],
    [
      { Type: 'AT_LATEST', ShardId: id(0) },
      'ShardFilter of type AT_LATEST does not take ShardId; it is for AFTER_SHARD_ID.',
    ],
    [
      { Type: 'AFTER_SHARD_ID', ShardId: id(0), Timestamp: 1 },
      'ShardFilter of type AFTER_SHARD_ID does not take Timestamp; it is for AT_TIMESTAMP and FROM_TIMESTAMP.',
    ],
    [
      { Type: 'FROM_TRIM_HORIZON', Timestamp: 1 },
      'ShardFilter of type FROM_TRIM_HORIZON does not take Timestamp; it is for AT_TIMESTAMP and FROM_TIMESTAMP.',
    ],
  ])('%j is refused', async (ShardFilter, message) => {
    const server = await startTestServer();
    await server.createStream('s', 1);
    expect((await list(server, { StreamName: 's', ShardFilter })).body).toEqual(invalid(message));
  });

  it('names a shard that can be one', async () => {
    const server = await startTestServer();
    await server.createStream('s', 1);
    const ShardFilter = { Type: 'AFTER_SHARD_ID', ShardId: 'x-y' };
    expect((await list(server, { StreamName: 's', ShardFilter })).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Could not find shard x-y in stream s ${UNDER}.`,
    });
  });
});

describe('a request is refused', () => {
  it('when it names no stream, or one beside a token', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    expect((await list(server, {})).body).toEqual(invalid('Either NextToken or StreamName should be provided.'));
    expect((await list(server, { MaxResults: 1, ShardFilter: { Type: 'AT_TIMESTAMP' } })).body).toEqual(
      invalid('Either NextToken or StreamName should be provided.'),
    );
    const { NextToken } = (await list(server, { StreamName: 's', MaxResults: 1 })).body;
    const selectors = {
      StreamName: 's',
      StreamARN: ARN,
      ShardFilter: { Type: 'AT_LATEST' },
      ExclusiveStartShardId: id(0),
      StreamCreationTimestamp: 1,
    };
    for (const [name, value] of Object.entries(selectors)) {
      const refused = invalid(`NextToken and ${name} cannot be provided together.`);
      expect((await list(server, { NextToken, [name]: value })).body).toEqual(refused);
      expect((await list(server, { NextToken: 'garbage', [name]: value })).body, 'before the token').toEqual(refused);
    }
    expect((await list(server, { NextToken, ...selectors })).body).toEqual(
      invalid('NextToken and StreamName cannot be provided together.'),
    );
  });

  it('when there is no such stream, or one that was created at another time', async () => {
    const server = await startTestServer();
    expect((await list(server)).body).toEqual(notFound);
    await server.createStream('s', 1);
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
    const created = StreamDescriptionSummary.StreamCreationTimestamp;
    expect(await listed(server, { StreamCreationTimestamp: created })).toEqual([0]);
    expect(await listed(server, { StreamCreationTimestamp: created + 0.678 }), 'to the millisecond').toEqual([0]);
    for (const other of [created - 1, created + 1]) {
      expect((await list(server, { StreamName: 's', StreamCreationTimestamp: other })).body).toEqual(notFound);
    }
  });

  it('when the stream is CREATING or DELETING', async () => {
    const server = await startTestServer();
    const inState = (state: string) => ({
      __type: 'ResourceInUseException',
      message: `Stream s ${UNDER} not ACTIVE or UPDATING, instead in state ${state}`,
    });
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    expect((await list(server)).body).toEqual(inState('CREATING'));
    server.clock.advance(500);
    expect((await list(server)).status).toBe(200);
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await list(server)).body).toEqual(inState('DELETING'));
  });

  it('beyond the calls per second of its stream', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'documented' } });
    await server.createStream('s', 1);
    await server.createStream('other', 1);
    const calls = Array.from({ length: 100 }, () => list(server));
    expect((await Promise.all(calls)).filter(({ status }) => status !== 200)).toEqual([]);
    expect((await list(server)).body).toEqual({
      __type: 'LimitExceededException',
      message: `Rate exceeded for stream s ${UNDER}.`,
    });
    expect((await throttleLines(server)).join()).toMatch(/ListShards".*stream="s"/);
    expect((await list(server, { StreamName: 'other' })).status).toBe(200);
    server.clock.advance(1000);
    expect((await list(server)).status).toBe(200);
  });

  it('of one place for shards of another', async () => {
    const server = await startTestServer();
    await server.createStream('s', 1);
    const elsewhere = { account: '111111111111', region: 'eu-west-1' };
    expect((await server.call('ListShards', { StreamName: 's' }, elsewhere)).body.__type).toBe(
      'ResourceNotFoundException',
    );
    await server.createStream('s', 3, elsewhere);
    expect(await listed(server)).toEqual([0]);
    expect(indicesOf(await server.call('ListShards', { StreamName: 's' }, elsewhere))).toEqual([0, 1, 2]);
  });
});
