/** UpdateShardCount: what it answers and refuses, and that no record is lost or read twice on the way. */
import { describe, expect, it } from 'vitest';
import { evenRanges } from '../../src/kinesis/hash-key.ts';
import { parseSequenceNumber } from '../../src/kinesis/sequence-number.ts';
import { shardIterator } from '../support/kinesis.ts';
import { type CallOptions, startTestServer, type TestServer } from '../support/server.ts';

const DAY_MS = 24 * 3_600_000;
const UNDER = 'under account 000000000000';
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

const request = (TargetShardCount: number, StreamName = 's') => ({
  StreamName,
  TargetShardCount,
  ScalingType: 'UNIFORM_SCALING',
});
const update = (server: TestServer, target: number, options?: CallOptions) =>
  server.call('UpdateShardCount', request(target), options);
/** Changes the count and waits until that is done. */
async function scale(server: TestServer, target: number): Promise<void> {
  await server.ok('UpdateShardCount', request(target));
  server.clock.advance(500);
}

interface ListedShard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly AdjacentParentShardId?: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
}

const listShards = async (server: TestServer): Promise<ListedShard[]> =>
  (await server.ok('ListShards', { StreamName: 's' })).Shards;
const summaryOf = async (server: TestServer) =>
  (await server.ok('DescribeStreamSummary', { StreamName: 's' })).StreamDescriptionSummary;

const byHashKey = (a: ListedShard, b: ListedShard) =>
  BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1;
const openOf = (shards: readonly ListedShard[]) =>
  shards.filter(({ SequenceNumberRange }) => !('EndingSequenceNumber' in SequenceNumberRange)).sort(byHashKey);
const rangesOf = (shards: readonly ListedShard[]) =>
  shards.map(({ HashKeyRange }) => ({ starting: HashKeyRange.StartingHashKey, ending: HashKeyRange.EndingHashKey }));

/** One record for each of 64 even ranges of hash keys, so that every shard gets some. */
async function putEverywhere(server: TestServer, label: string): Promise<string[]> {
  const keys = evenRanges(64).map((_, index) => `${label} ${index}`);
  const Records = evenRanges(64).map(({ starting }, index) => ({
    PartitionKey: keys[index],
    ExplicitHashKey: starting,
    Data: '',
  }));
  await server.ok('PutRecords', { StreamName: 's', Records });
  return keys;
}

/**
 * The partition keys that a client reads from TRIM_HORIZON, beginning in the shards `roots` and going on in ChildShards.
 * A child of a merge is begun when both of its parents are at their ends.
 */
async function readLineage(server: TestServer, roots: readonly string[]) {
  const keys: string[] = [];
  const read = new Set<string>();
  const queue = [...roots];
  for (let ShardId = queue.shift(); ShardId !== undefined; ShardId = queue.shift()) {
    if (read.has(ShardId)) continue;
    read.add(ShardId);
    let ShardIterator: string | undefined = await shardIterator(server, 's', 'TRIM_HORIZON', { ShardId });
    while (ShardIterator !== undefined) {
      const page: Awaited<ReturnType<TestServer['ok']>> = await server.ok('GetRecords', { ShardIterator });
      keys.push(...page.Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey));
      expect('ChildShards' in page, 'children are told at the end and only there').toBe(!page.NextShardIterator);
      for (const child of page.ChildShards ?? []) {
        if (child.ParentShards.every((parent: string) => read.has(parent))) queue.push(child.ShardId);
      }
      ShardIterator = page.Records.length === 0 && page.ChildShards === undefined ? undefined : page.NextShardIterator;
    }
  }
  return { keys, read };
}

describe('UpdateShardCount', () => {
  it('answers the counts at once, is UPDATING with the old shards, and then has equal ones', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const before = await listShards(server);
    const { body } = await update(server, 4);
    const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
    expect(body).toEqual({ StreamName: 's', CurrentShardCount: 2, TargetShardCount: 4, StreamARN });
    server.clock.advance(499);
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'UPDATING', OpenShardCount: 2 });
    expect(await listShards(server)).toEqual(before);
    server.clock.advance(1);
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 4 });
    const after = await listShards(server);
    expect(after.map(({ ParentShardId }) => ParentShardId)).toEqual([undefined, undefined, ...[0, 0, 1, 1].map(id)]);
    expect(rangesOf(openOf(after))).toEqual(evenRanges(4));
    expect(after.filter((shard) => 'AdjacentParentShardId' in shard)).toEqual([]);
  });

  it('takes the stream by its ARN too', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const { StreamName, ...rest } = request(1);
    const answer = await server.ok('UpdateShardCount', {
      ...rest,
      StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${StreamName}`,
    });
    expect(answer).toMatchObject({ StreamName: 's', CurrentShardCount: 2, TargetShardCount: 1 });
  });

  it('merges neighbours when it halves', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    await scale(server, 2);
    const shards = await listShards(server);
    expect(shards).toHaveLength(6);
    expect(shards.slice(4)).toMatchObject([
      { ShardId: id(4), ParentShardId: id(0), AdjacentParentShardId: id(1) },
      { ShardId: id(5), ParentShardId: id(2), AdjacentParentShardId: id(3) },
    ]);
    expect(rangesOf(openOf(shards))).toEqual(evenRanges(2));
  });

  it('splits and merges where it must, through shards that are closed as soon as they are there', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    await scale(server, 3);
    const shards = await listShards(server);
    expect(shards).toHaveLength(11);
    expect(
      openOf(shards).map(({ ShardId }) => ShardId),
      'as on AWS',
    ).toEqual([6, 9, 10].map(id));
    expect(rangesOf(openOf(shards))).toEqual(evenRanges(3));
    const numbersOf = (index: number) => {
      const { StartingSequenceNumber, EndingSequenceNumber } = shards[index]!.SequenceNumberRange;
      return [StartingSequenceNumber, EndingSequenceNumber].map((text) => text && parseSequenceNumber(text));
    };
    const closedS = Math.floor(server.clock.now() / 1000);
    expect(numbersOf(1)[1], 'a shard that was open').toMatchObject({ recordS: closedS });
    expect(numbersOf(4), 'one in between').toMatchObject([{ createdS: closedS + 1 }, { recordS: closedS + 1 }]);
    expect(numbersOf(6)[0], 'one that stays').toMatchObject({ createdS: closedS + 2 });
    for (const { SequenceNumberRange: range } of shards) {
      if (range.EndingSequenceNumber === undefined) continue;
      expect(BigInt(range.EndingSequenceNumber)).toBeGreaterThan(BigInt(range.StartingSequenceNumber));
    }
  });

  it('changes nothing when there are as many already', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    await server.createStream('s', 2);
    const before = await listShards(server);
    for (let call = 0; call < 12; call += 1) {
      expect((await update(server, 2)).body).toMatchObject({ CurrentShardCount: 2, TargetShardCount: 2 });
      server.clock.advance(1000);
    }
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 2 });
    expect(await listShards(server)).toEqual(before);
    expect((await update(server, 3)).status, 'none of those counted').toBe(200);
  });

  it('makes equal shards of those that were split by hand', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s', 2);
    for (const [shard, key] of [
      [0, '2'],
      [1, '340282366920938463463374607431768211450'],
      [3, '12345678901234567890123456789'],
    ] as const) {
      await server.ok('SplitShard', { StreamName: 's', ShardToSplit: id(shard), NewStartingHashKey: key });
    }
    await scale(server, 7);
    expect(rangesOf(openOf(await listShards(server)))).toEqual(evenRanges(7));
    await scale(server, 4);
    expect(rangesOf(openOf(await listShards(server)))).toEqual(evenRanges(4));
  });
});

describe('a client that reads from TRIM_HORIZON and follows the children', () => {
  it('gets every record exactly once, through shards that never had any', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    const put: string[] = [];
    for (const target of [3, 5, 8, 4, 7]) {
      put.push(...(await putEverywhere(server, `before ${target}`)));
      await server.ok('UpdateShardCount', request(target));
      put.push(...(await putEverywhere(server, `meanwhile ${target}`)));
      server.clock.advance(500);
    }
    put.push(...(await putEverywhere(server, 'at the end')));
    const { keys, read } = await readLineage(server, [0, 1, 2, 3].map(id));
    expect(keys.toSorted()).toEqual(put.toSorted());
    expect([...read].toSorted(), 'every shard was come to').toEqual((await listShards(server)).map((s) => s.ShardId));
    const order = keys.filter((key) => key.endsWith(' 17'));
    expect(order, 'records of one hash key in their order').toEqual(put.filter((key) => key.endsWith(' 17')));
  });

  it('finds numbers of a hash key growing from generation to generation, without a pause between', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s', 3);
    const numbers: bigint[] = [];
    for (const target of [4, 7, 5, 3, 2, 3]) {
      const record = { StreamName: 's', PartitionKey: 'k', ExplicitHashKey: '77', Data: '' };
      numbers.push(BigInt((await server.ok('PutRecord', record)).SequenceNumber));
      await server.ok('UpdateShardCount', request(target));
    }
    expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it('puts records where the listing says, before, during and after', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    await update(server, 5);
    for (let step = 0; step < 3; step += 1) {
      const open = openOf(await listShards(server));
      expect(open).toHaveLength(step < 2 ? 3 : 5);
      for (const { ShardId, HashKeyRange } of open) {
        for (const ExplicitHashKey of Object.values(HashKeyRange)) {
          const record = { StreamName: 's', PartitionKey: 'k', ExplicitHashKey, Data: '' };
          expect((await server.ok('PutRecord', record)).ShardId).toBe(ShardId);
        }
      }
      server.clock.advance(250);
    }
  });

  it('finds all of it after a restart, also one in the middle of the change', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    const put = await putEverywhere(server, 'before');
    await update(server, 3);
    await server.restart();
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'UPDATING', OpenShardCount: 4 });
    server.clock.advance(500);
    put.push(...(await putEverywhere(server, 'after')));
    await server.restart();
    expect((await readLineage(server, [0, 1, 2, 3].map(id))).keys.toSorted()).toEqual(put.toSorted());
  });
});

describe('shards in between', () => {
  it('go with their parents when these have expired, and no index is given out twice', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    await putEverywhere(server, 'before');
    await scale(server, 3);
    const open = openOf(await listShards(server));
    server.clock.advance(DAY_MS);
    expect((await listShards(server)).sort(byHashKey), 'unswept').toEqual(open);
    await server.runJob('sweep');
    expect((await listShards(server)).sort(byHashKey), 'swept').toEqual(open);
    await server.restart();
    await scale(server, 6);
    expect((await listShards(server)).map(({ ShardId }) => ShardId)).toEqual(
      [6, 9, 10, 11, 12, 13, 14, 15, 16].map(id),
    );
  });

  it('stay as long as a parent has records that came by a clock which was set back since', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s', 4);
    server.clock.jump(3_600_000);
    const put = await putEverywhere(server, 'ahead');
    server.clock.jump(-3_600_000);
    await scale(server, 3);
    server.clock.advance(DAY_MS);
    await server.runJob('sweep');
    expect((await readLineage(server, [0, 1, 2, 3].map(id))).keys.toSorted()).toEqual(put.toSorted());
    server.clock.advance(3_600_000);
    await server.runJob('sweep');
    expect((await listShards(server)).map(({ ShardId }) => ShardId)).toEqual([6, 9, 10].map(id));
  });
});

describe('it is refused', () => {
  const limitExceeded = (message: string) => ({ __type: 'LimitExceededException', message });
  const counts = (current: number, target: number) =>
    `Current open shard count: ${current}, Target shard count: ${target}`;

  it.each([
    [5, 11, 'UpdateShardCount cannot scale up over double your current open shard count.'],
    [5, 2, 'UpdateShardCount cannot scale down below half your current open shard count.'],
    [4, 1, 'UpdateShardCount cannot scale down below half your current open shard count.'],
  ])('from %i to %i shards', async (from, to, text) => {
    const server = await startTestServer();
    await server.createStream('s', from);
    expect((await update(server, to)).body).toEqual(limitExceeded(`${text} ${counts(from, to)}`));
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: from });
  });

  it('not from 5 to 3 or 10', async () => {
    const server = await startTestServer();
    await server.createStream('s', 5);
    await scale(server, 3);
    expect(await summaryOf(server)).toMatchObject({ OpenShardCount: 3 });
    await scale(server, 6);
    expect(await summaryOf(server)).toMatchObject({ OpenShardCount: 6 });
  });

  it('above 10,000 shards', async () => {
    const server = await startTestServer();
    await server.createStream('s', 10_001);
    for (const to of [10_000, 10_001, 10_002]) {
      expect((await update(server, to)).body).toEqual(
        limitExceeded(
          `Target shard count or number of open shards cannot be greater than 10000. ${counts(10_001, to)}`,
        ),
      );
    }
    expect((await update(server, 9999)).status, 'down to below it').toBe(200);
  });

  it('when the account has no room for the shards, short-lived ones included', async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '5' } });
    await server.createStream('s', 4);
    const refusedWith = async (target: number, additional: number) =>
      expect((await update(server, target)).body.message).toContain(
        'This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for ' +
          `the account: 4. Limit: 5. Number of additional shards that would have resulted from this request: ${additional}.`,
      );
    await refusedWith(8, 4);
    await refusedWith(5, 2);
    await scale(server, 3);
    expect(await summaryOf(server)).toMatchObject({ OpenShardCount: 3 });
  });

  it('not for merges alone, however many shards there are', async () => {
    const server = await startTestServer();
    await server.createStream('s', 4);
    await server.close();
    const full = await startTestServer({
      directory: server.directory,
      clock: server.clock,
      settings: { SHARD_LIMIT: '1' },
    });
    expect((await update(full, 2)).status).toBe(200);
  });

  it('more than ten times in 24 hours with QUOTAS=current', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    await server.createStream('s', 1);
    await server.createStream('other', 1);
    for (let call = 0; call < 10; call += 1) {
      expect((await update(server, call % 2 === 0 ? 2 : 1)).status).toBe(200);
      server.clock.advance(1000);
    }
    const refused = limitExceeded(
      `Stream s ${UNDER} was changed so 10 times in the last 24 hours. Limit: 10 (quota updateShardCountPerDay). Wait ` +
        'until the oldest of these changes is 24 hours old.',
    );
    expect((await update(server, 2)).body).toEqual(refused);
    expect((await server.call('UpdateShardCount', request(2, 'other'))).status, 'per stream').toBe(200);
    server.clock.advance(DAY_MS - 10_000 - 1);
    await server.restart();
    expect((await update(server, 2)).body, 'a millisecond early').toEqual(refused);
    server.clock.advance(1);
    expect((await update(server, 2)).body, 'another one later').toMatchObject({ CurrentShardCount: 1 });
    server.clock.advance(500);
    expect((await update(server, 1)).body, 'the window rolls').toEqual(refused);
  });

  it('but not for changes that were made by a clock which was far ahead', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    await server.createStream('s', 1);
    server.clock.jump(365 * DAY_MS);
    for (let call = 0; call < 10; call += 1) {
      expect((await update(server, call % 2 === 0 ? 2 : 1)).status).toBe(200);
      server.clock.advance(1000);
    }
    server.clock.jump(-365 * DAY_MS);
    expect((await update(server, 2)).status).toBe(200);
  });

  it('where there is no such stream, in on-demand mode and in other states, in this order', async () => {
    const server = await startTestServer();
    expect((await update(server, 2)).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Stream s ${UNDER} not found.`,
    });
    const inState = (state: string) => ({
      __type: 'ResourceInUseException',
      message: `Stream s ${UNDER} not ACTIVE, instead in state ${state}`,
    });
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 2 });
    expect((await update(server, 99)).body, 'before any limit').toEqual(inState('CREATING'));
    server.clock.advance(500);
    await update(server, 4);
    expect((await update(server, 2)).body).toEqual(inState('UPDATING'));
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await update(server, 2)).body).toEqual(inState('DELETING'));
    await server.ok('CreateStream', { StreamName: 'demand' });
    expect((await server.call('UpdateShardCount', request(2, 'demand'))).body).toEqual({
      __type: 'ValidationException',
      message: `Request is invalid. Stream demand ${UNDER} is in On-Demand mode.`,
    });
  });

  it('to all but one of those who ask at once', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const answers = await Promise.all([3, 4, 3, 4].map((target) => update(server, target)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400]);
    server.clock.advance(500);
    const granted = answers.find(({ status }) => status === 200)!.body.TargetShardCount;
    expect(rangesOf(openOf(await listShards(server)))).toEqual(evenRanges(granted));
  });

  it('to other accounts and regions, whose streams stay as they are', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const elsewhere = { account: '111111111111', region: 'eu-west-1' };
    await server.createStream('s', 2, elsewhere);
    await update(server, 4, elsewhere);
    server.clock.advance(500);
    expect(await summaryOf(server)).toMatchObject({ OpenShardCount: 2 });
  });
});

it('makes 10,000 shards of 5,000 in one write', async () => {
  const server = await startTestServer();
  await server.createStream('s', 5000);
  await scale(server, 10_000);
  expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 10_000 });
});
