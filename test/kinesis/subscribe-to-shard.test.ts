/** SubscribeToShard: what may be asked for, what is refused and how, and which events are told. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { shardIterator } from '../support/kinesis.ts';
import { throttleCount } from '../support/metrics.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/server.ts';
import { registerConsumer, subscribe, type Told } from '../support/subscription.ts';
import { createTimedClock } from '../support/timed-clock.ts';
import { until } from '../support/until.ts';

const FIRST = 'shardId-000000000000';
const SECOND = 'shardId-000000000001';

/** A server with the stream `a` of one shard and its consumer. */
async function startWithConsumer(options: TestServerOptions & { readonly shards?: number } = {}) {
  const server = await startTestServer({ clock: createTimedClock(), ...options });
  await server.createStream('a', options.shards ?? 1);
  return { server, ConsumerARN: await registerConsumer(server, 'a') };
}

const textOf = ({ Data }: { readonly Data: string }) => Buffer.from(Data, 'base64').toString();
const put = (server: TestServer, text: string, more: object = {}) =>
  server.ok('PutRecord', {
    StreamName: 'a',
    PartitionKey: 'k',
    Data: Buffer.from(text).toString('base64'),
    ...more,
  });

const END: Told = { end: 'in order' };

describe.each(['http1', 'http2'] as const)('over %s', (protocol) => {
  it.each(['json', 'cbor'] as const)('a request in %s is answered by frames of JSON', async (wire) => {
    const { server, ConsumerARN } = await startWithConsumer();
    const { SequenceNumber } = await put(server, 'one');
    const subscription = await subscribe(server, { ConsumerARN }, { protocol, wire });
    expect(subscription.headers).toMatchObject({
      'content-type': 'application/vnd.amazon.eventstream',
      'x-amzn-requestid': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-amz-id-2': expect.stringMatching(/^[A-Za-z0-9+/=]{64,}$/),
    });
    const event = await subscription.event();
    expect(event).toEqual({
      Records: [
        {
          SequenceNumber,
          ApproximateArrivalTimestamp: server.clock.now() / 1000,
          Data: Buffer.from('one').toString('base64'),
          PartitionKey: 'k',
        },
      ],
      ContinuationSequenceNumber: SequenceNumber,
      MillisBehindLatest: 0,
    });
    expect(subscription.frames.map(({ headers }) => headers)).toEqual([
      { ':message-type': 'event', ':event-type': 'initial-response', ':content-type': 'application/json' },
      { ':message-type': 'event', ':event-type': 'SubscribeToShardEvent', ':content-type': 'application/json' },
    ]);
    expect(subscription.frames[0]!.payload).toBe('{}');
  });

  it('records come as they are put, and an event without records every five seconds', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const subscription = await subscribe(server, { ConsumerARN }, { protocol });
    const { ContinuationSequenceNumber: start } = await subscription.event();
    const { SequenceNumber } = await put(server, 'one');
    expect((await subscription.event()).Records.map(textOf)).toEqual(['one']);
    server.clock.advance(5000);
    const idle = { Records: [], ContinuationSequenceNumber: SequenceNumber, MillisBehindLatest: 0 };
    expect(await subscription.event()).toEqual(idle);
    server.clock.advance(5000);
    expect(await subscription.event()).toEqual(idle);
    expect(BigInt(start!)).toBeLessThan(BigInt(SequenceNumber));
  });

  it('a subscription ends in order after five minutes', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const subscription = await subscribe(server, { ConsumerARN }, { protocol });
    const { ContinuationSequenceNumber } = await subscription.event();
    for (let s = 5; s < 300; s += 5) {
      server.clock.advance(5000);
      expect(await subscription.event()).toMatchObject({ Records: [], ContinuationSequenceNumber });
    }
    server.clock.advance(5000);
    expect(await subscription.next()).toEqual(END);
  });

  it('a stop of the server ends it in order, and the next one goes on where it was', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const subscription = await subscribe(server, { ConsumerARN }, { protocol });
    await put(server, 'one');
    const { last } = await subscription.records(1);
    const startMs = performance.now();
    await server.restart();
    expect(performance.now() - startMs, 'nobody waits for subscriptions').toBeLessThan(2500);
    expect(await subscription.next()).toEqual(END);
    await put(server, 'two');
    const StartingPosition = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: last.ContinuationSequenceNumber };
    const again = await subscribe(server, { ConsumerARN, StartingPosition }, { protocol });
    expect((await again.event()).Records.map(textOf)).toEqual(['two']);
  });
});

describe('the starting position', () => {
  it('is each of the five', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const numbers: string[] = [];
    for (const text of ['one', 'two', 'three']) {
      server.clock.advance(1000);
      numbers.push((await put(server, text)).SequenceNumber);
    }
    const secondS = server.clock.now() / 1000 - 1;
    const cases = [
      [{ Type: 'TRIM_HORIZON' }, ['one', 'two', 'three']],
      [{ Type: 'LATEST' }, []],
      [{ Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: numbers[1] }, ['two', 'three']],
      [{ Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: numbers[1] }, ['three']],
      [{ Type: 'AT_TIMESTAMP', Timestamp: secondS }, ['two', 'three']],
      [{ Type: 'AT_TIMESTAMP', Timestamp: secondS + 0.001 }, ['three']],
      [{ Type: 'AT_TIMESTAMP', Timestamp: 0 }, ['one', 'two', 'three']],
    ] as const;
    for (const [StartingPosition, texts] of cases) {
      server.clock.advance(5000);
      const subscription = await subscribe(server, { ConsumerARN, StartingPosition });
      const event = await subscription.event();
      expect(event.Records.map(textOf), JSON.stringify(StartingPosition)).toEqual(texts);
      expect(event.ContinuationSequenceNumber).toBe(numbers[2]);
    }
  });

  it.each(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'])(
    '%s of an empty shard gives a number to go on from, at once',
    async (Type) => {
      const { server, ConsumerARN } = await startWithConsumer();
      const Timestamp = Type === 'AT_TIMESTAMP' ? server.clock.now() / 1000 : undefined;
      const subscription = await subscribe(server, { ConsumerARN, StartingPosition: { Type, Timestamp } });
      const event = await subscription.event();
      const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 'a' });
      const number = StreamDescription.Shards[0].SequenceNumberRange.StartingSequenceNumber;
      expect(event).toEqual({ Records: [], ContinuationSequenceNumber: number, MillisBehindLatest: 0 });
      await put(server, 'one');
      expect((await subscription.event()).Records.map(textOf)).toEqual(['one']);
      const ShardIterator = await shardIterator(server, 'a', 'AFTER_SEQUENCE_NUMBER', {
        StartingSequenceNumber: number,
      });
      expect((await server.ok('GetRecords', { ShardIterator })).Records.map(textOf)).toEqual(['one']);
    },
  );

  it('passes over what has expired, and its numbers do not go back', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    await put(server, 'expired');
    const { SequenceNumber } = await put(server, 'expired too');
    server.clock.jump(24 * 3_600_000);
    const subscription = await subscribe(server, { ConsumerARN });
    expect(await subscription.event()).toEqual({
      Records: [],
      ContinuationSequenceNumber: SequenceNumber,
      MillisBehindLatest: 0,
    });
    await put(server, 'new');
    expect((await subscription.event()).Records.map(textOf)).toEqual(['new']);
  });
});

describe('a request is refused', () => {
  const REFUSED = [
    [
      'with an id that is none of a shard',
      { ShardId: 'shard-x' },
      ['ResourceNotFoundException', 'Could not find shard shard-x in stream a under account 000000000000.'],
    ],
    [
      'for a shard that is not there',
      { ShardId: '7' },
      ['ResourceNotFoundException', 'Shard shardId-000000000007 in stream a under account 000000000000 does not exist'],
    ],
    [
      'with a number and TRIM_HORIZON',
      { StartingPosition: { Type: 'TRIM_HORIZON', SequenceNumber: '1' } },
      [
        'InvalidArgumentException',
        'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
          '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
          'Request specified TRIM_HORIZON and also a StartingSequenceNumber.',
      ],
    ],
    [
      'with a number that is none',
      { StartingPosition: { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: '9'.repeat(100) } },
      [
        'InvalidArgumentException',
        `StartingSequenceNumber ${'9'.repeat(100)} used in SubscribeToShard on shard shardId-000000000000 in stream a ` +
          'under account 000000000000 is invalid.',
      ],
    ],
    [
      'with AT_TIMESTAMP and none',
      { StartingPosition: { Type: 'AT_TIMESTAMP' } },
      [
        'InvalidArgumentException',
        'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. ' +
          'Current request has no timestamp parameter.',
      ],
    ],
  ] as const;

  it.each(REFUSED)('%s', async (_title, wrong, [type, message]) => {
    const { server, ConsumerARN } = await startWithConsumer();
    const input = { ConsumerARN, ShardId: FIRST, StartingPosition: { Type: 'LATEST' }, ...wrong };
    const { status, body } = await server.call('SubscribeToShard', input);
    expect([status, body]).toEqual([400, { __type: type, message }]);
  });

  it('for a consumer that is not there, is not yet ACTIVE, or is not there any more', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const input = { ShardId: FIRST, StartingPosition: { Type: 'LATEST' } };
    const missing = ConsumerARN.replace(/\d+$/, '1');
    expect((await server.call('SubscribeToShard', { ...input, ConsumerARN: missing })).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Consumer ${missing}, account 000000000000 not found.`,
    });

    const StreamARN = ConsumerARN.replace(/\/consumer.*/, '');
    const { Consumer } = await server.ok('RegisterStreamConsumer', { StreamARN, ConsumerName: 'new' });
    const notActive = {
      __type: 'ResourceInUseException',
      message: `Consumer new with creation timestamp ${Consumer.ConsumerARN.split(':').at(-1)} under stream: a , account 000000000000 is not in ACTIVE status.`,
    };
    const call = () => server.call('SubscribeToShard', { ...input, ConsumerARN: Consumer.ConsumerARN });
    expect((await call()).body).toEqual(notActive);
    server.clock.advance(500);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN: Consumer.ConsumerARN });
    expect((await call()).body).toEqual(notActive);
    server.clock.advance(500);
    expect((await call()).body.__type).toBe('ResourceNotFoundException');
  });

  it('in the order: id of the shard, consumer, shard, rate, position, other subscription, DryRun', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ settings: { QUOTAS: 'current' } });
    const wrong = {
      ConsumerARN: ConsumerARN.replace(/\d+$/, '1'),
      ShardId: 'none',
      StartingPosition: { Type: 'LATEST', SequenceNumber: '1' },
      DryRun: true,
    };
    await subscribe(server, { ConsumerARN });
    const told: string[] = [];
    const input: Record<string, unknown> = { ...wrong };
    const corrections: (() => void)[] = [
      () => Object.assign(input, { ShardId: '7' }),
      () => Object.assign(input, { ConsumerARN }),
      () => Object.assign(input, { ShardId: FIRST }),
      () => server.clock.advance(1000),
      () => Object.assign(input, { StartingPosition: { Type: 'LATEST' } }),
      () => server.clock.advance(4000),
    ];
    for (const correct of [() => undefined, ...corrections]) {
      correct();
      const { body } = await server.call('SubscribeToShard', input);
      told.push(`${body.__type}: ${body.message.slice(0, 25)}`);
    }
    expect(told).toEqual([
      'ResourceNotFoundException: Could not find shard none',
      'ResourceNotFoundException: Consumer arn:aws:kinesis:',
      'ResourceNotFoundException: Shard shardId-00000000000',
      'LimitExceededException: Rate exceeded for consume',
      'InvalidArgumentException: Must either specify (1) A',
      'ResourceInUseException: Another active subscripti',
      'DryRunOperationException: The request was rejected ',
    ]);
  });

  it('with DryRun when it would have been granted, which begins nothing and uses up nothing', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ settings: { QUOTAS: 'current' } });
    const input = { ConsumerARN, ShardId: FIRST, StartingPosition: { Type: 'LATEST' }, DryRun: true };
    for (let time = 0; time < 2; time += 1) {
      const { status, body } = await server.call('SubscribeToShard', input);
      expect([status, body.__type]).toEqual([400, 'DryRunOperationException']);
    }
    await subscribe(server, { ConsumerARN });
  });
});

describe('a second subscription of the same consumer and shard', () => {
  const taken = (name = 'reader', shard = FIRST) =>
    `Another active subscription exists for this consumer: 000000000000:a:${shard}:${name}`;

  it('is refused for five seconds, and takes the place of the first one afterwards', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ shards: 2 });
    const first = await subscribe(server, { ConsumerARN });
    await first.event();
    server.clock.advance(4999);
    const input = { ConsumerARN, ShardId: FIRST, StartingPosition: { Type: 'LATEST' } };
    const { status, body } = await server.call('SubscribeToShard', input);
    expect([status, body]).toEqual([400, { __type: 'ResourceInUseException', message: taken() }]);

    server.clock.advance(1);
    const second = await subscribe(server, { ConsumerARN });
    expect(await first.ended()).toEqual({ exception: 'ResourceInUseException', message: taken() });
    expect(await first.next()).toEqual(END);
    await second.event();
    await put(server, 'one', { ExplicitHashKey: '0' });
    expect((await second.event()).Records.map(textOf)).toEqual(['one']);
  });

  it('is none of another consumer, or of another shard', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ shards: 2 });
    const other = await registerConsumer(server, 'a', 'other');
    const all = [
      await subscribe(server, { ConsumerARN }),
      await subscribe(server, { ConsumerARN: other }),
      await subscribe(server, { ConsumerARN, ShardId: SECOND }),
    ];
    for (const one of all) await one.event();
    await put(server, 'one', { ExplicitHashKey: '0' });
    expect((await all[0]!.event()).Records.map(textOf)).toEqual(['one']);
    expect((await all[1]!.event()).Records.map(textOf)).toEqual(['one']);
    await put(server, 'two', { ExplicitHashKey: String(2n ** 128n - 1n) });
    expect((await all[2]!.event()).Records.map(textOf)).toEqual(['two']);
  });

  it('is granted when the first one has ended in order', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ settings: { TRANSITION_MS: '0', QUOTAS: 'current' } });
    await server.ok('SplitShard', { StreamName: 'a', ShardToSplit: FIRST, NewStartingHashKey: '9' });
    server.clock.advance(1000);
    for (let time = 0; time < 2; time += 1) {
      server.clock.advance(1000);
      const subscription = await subscribe(server, { ConsumerARN });
      expect((await subscription.event()).ChildShards).toHaveLength(2);
      expect(await subscription.next()).toEqual(END);
    }
  });

  it.each([
    ['relaxed', 'granted'],
    ['current', 'refused'],
  ])('is, with QUOTAS=%s, %s when the client of the first one has gone', async (QUOTAS, outcome) => {
    const { server, ConsumerARN } = await startWithConsumer({ settings: { QUOTAS } });
    const first = await subscribe(server, { ConsumerARN });
    await first.event();
    server.clock.advance(1000);
    first.cut();
    await noneLeft(server);
    const again = subscribe(server, { ConsumerARN });
    if (outcome === 'granted') await (await again).event();
    else await expect(again).rejects.toThrow(taken());
    server.clock.advance(5000);
    await (await subscribe(server, { ConsumerARN })).event();
  });

  it('is counted as a call beyond the rate where that is not refused', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    await subscribe(server, { ConsumerARN });
    await server.call('SubscribeToShard', { ConsumerARN, ShardId: FIRST, StartingPosition: { Type: 'LATEST' } });
    expect(await throttleCount(server, 'SubscribeToShard', { stream: 'a', shard: FIRST })).toBe(1);
  });
});

/** Resolves when the server has forgotten all subscriptions. */
async function noneLeft({ url }: TestServer): Promise<void> {
  while (/^millrace_subscriptions\{/m.test(await (await fetch(`${url}/metrics`)).text()));
}

describe('the end of a shard', () => {
  const CHILDREN = [
    { ShardId: SECOND, ParentShards: [FIRST], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '8' } },
    {
      ShardId: 'shardId-000000000002',
      ParentShards: [FIRST],
      HashKeyRange: { StartingHashKey: '9', EndingHashKey: String(2n ** 128n - 1n) },
    },
  ];

  it.each(['0', '500'])('is told at the instant of a split (TRANSITION_MS=%s), after its records', async (ms) => {
    const { server, ConsumerARN } = await startWithConsumer({ settings: { TRANSITION_MS: ms } });
    const subscription = await subscribe(server, { ConsumerARN });
    await subscription.event();
    await put(server, 'before');
    expect((await subscription.event()).Records.map(textOf)).toEqual(['before']);
    await server.ok('SplitShard', { StreamName: 'a', ShardToSplit: FIRST, NewStartingHashKey: '9' });
    if (ms !== '0') {
      await put(server, 'while updating');
      expect(await subscription.event()).toMatchObject({ ContinuationSequenceNumber: expect.any(String) });
      server.clock.advance(Number(ms));
    }
    expect(await subscription.event()).toEqual({ Records: [], MillisBehindLatest: 0, ChildShards: CHILDREN });
    expect(await subscription.next()).toEqual(END);
  });

  it('comes with its last records, when it was closed before', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const { SequenceNumber } = await put(server, 'one');
    await server.ok('SplitShard', { StreamName: 'a', ShardToSplit: FIRST, NewStartingHashKey: '9' });
    server.clock.advance(1000);
    const subscription = await subscribe(server, { ConsumerARN });
    const event = await subscription.event();
    expect(event.Records.map(textOf)).toEqual(['one']);
    expect(event).toMatchObject({ ChildShards: CHILDREN, MillisBehindLatest: 0 });
    expect(event).not.toHaveProperty('ContinuationSequenceNumber');
    expect(await subscription.next()).toEqual(END);
    const StartingPosition = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber };
    const again = await subscribe(server, { ConsumerARN, StartingPosition });
    expect(await again.event()).toEqual({ Records: [], MillisBehindLatest: 0, ChildShards: CHILDREN });
  });

  it('names both parents after a merge, to subscribers of either', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ shards: 2 });
    const both = [await subscribe(server, { ConsumerARN }), await subscribe(server, { ConsumerARN, ShardId: SECOND })];
    for (const one of both) await one.event();
    await server.ok('MergeShards', { StreamName: 'a', ShardToMerge: FIRST, AdjacentShardToMerge: SECOND });
    server.clock.advance(1000);
    for (const one of both) {
      const { ChildShards } = await one.event();
      expect(ChildShards).toMatchObject([{ ShardId: 'shardId-000000000002', ParentShards: [FIRST, SECOND] }]);
      expect(await one.next()).toEqual(END);
    }
    const child = await subscribe(server, { ConsumerARN, ShardId: 'shardId-000000000002' });
    await child.event();
    await put(server, 'after');
    expect((await child.event()).Records.map(textOf)).toEqual(['after']);
  });
});

describe('a put that waited while its shard was closed', () => {
  it('goes to a child, because readers have been told that the shard has ended', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const subscription = await subscribe(server, { ConsumerARN });
    await subscription.event();
    await server.ok('SplitShard', { StreamName: 'a', ShardToSplit: FIRST, NewStartingHashKey: '9' });
    const other = openHandle(join(server.directory, 'millrace.db'));
    other.exec('begin immediate');
    const putting = put(server, 'late', { ExplicitHashKey: '0' });
    await until(() => server.log.entries.some(({ message }) => message.includes('writes wait')));
    server.clock.advance(500);
    expect((await subscription.event()).ChildShards).toHaveLength(2);
    other.exec('rollback');
    other.close();
    expect((await putting).ShardId).toBe(SECOND);
  });
});

describe('a subscription ends with an exception', () => {
  it('as soon as its consumer is being deregistered; others of the shard go on', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const other = await registerConsumer(server, 'a', 'other');
    const subscription = await subscribe(server, { ConsumerARN });
    const others = await subscribe(server, { ConsumerARN: other });
    await others.event();
    await server.ok('DeregisterStreamConsumer', { ConsumerARN });
    expect(await subscription.ended()).toEqual({
      exception: 'ResourceNotFoundException',
      message: `Consumer ${ConsumerARN}, account 000000000000 not found.`,
    });
    expect(await subscription.next()).toEqual(END);
    await put(server, 'one');
    expect((await others.event()).Records.map(textOf)).toEqual(['one']);
  });

  it('when its stream is deleted with its consumers', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const subscription = await subscribe(server, { ConsumerARN });
    await server.ok('DeleteStream', { StreamName: 'a', EnforceConsumerDeletion: true });
    server.clock.advance(1000);
    expect(await subscription.ended()).toMatchObject({ exception: 'ResourceNotFoundException' });
    expect(await subscription.next()).toEqual(END);
    await noneLeft(server);
  });
});
