/** Receivers that are slow, gone, or behind: they lose nothing, cost little, and hold nobody up. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../../src/database/handle.ts';
import { metricValue } from '../../support/metrics.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { registerConsumer, type ShardEvent, subscribe, type TestSubscription } from '../../support/subscription.ts';
import { createTimedClock } from '../../support/timed-clock.ts';

const MIB = 1024 * 1024;

async function startWithConsumer(settings: Record<string, string> = {}) {
  const server = await startTestServer({ clock: createTimedClock(), settings });
  await server.createStream('a', 1);
  return { server, ConsumerARN: await registerConsumer(server, 'a') };
}

/** Puts `count` records of `bytes` bytes each; their partition keys are numbers from `first` on. */
async function putMany(server: TestServer, count: number, bytes: number, first = 0): Promise<void> {
  const Data = Buffer.alloc(bytes, 'x').toString('base64');
  const perCall = Math.max(1, Math.min(500, Math.floor((5 * MIB) / bytes)));
  for (let from = 0; from < count; from += perCall) {
    const Records = Array.from({ length: Math.min(perCall, count - from) }, (_, index) => ({
      PartitionKey: String(first + from + index),
      Data,
    }));
    await server.ok('PutRecords', { StreamName: 'a', Records });
  }
}

const keysOf = (records: ShardEvent['Records']) => records.map(({ PartitionKey }) => Number(PartitionKey));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Resolves when nobody is subscribed any more. */
async function noneLeft(server: TestServer): Promise<void> {
  while ((await metricValue(server, 'millrace_subscriptions')) > 0);
}

describe.each(['http1', 'http2'] as const)('over %s', (protocol) => {
  it('who stops reading is sent no more than what is under way, and everything when it reads on', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const slow = await subscribe(server, { ConsumerARN }, { protocol, windowBytes: 16_384 });
    const quick = await subscribe(server, { ConsumerARN: await registerConsumer(server, 'a', 'quick') });
    await slow.event();
    slow.pause();
    // Of 24 MB the system holds up to ten on the way.
    const count = 72;
    for (let key = 0; key < count; key += 1) await putMany(server, 1, 340_000, key);
    expect(keysOf((await quick.records(count)).records), 'another is not held up').toEqual(upTo(count));
    slow.resume();
    expect(keysOf((await slow.records(count)).records)).toEqual(upTo(count));
    expect(slow.frames.length, 'what was not sent meanwhile comes in large events').toBeLessThan(62);
    expect(quick.frames.length, 'who reads gets records as they come').toBeGreaterThan(64);
  });

  it('nothing is left of a client that has gone', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const subscription = await subscribe(server, { ConsumerARN }, { protocol });
    await subscription.event();
    const labels = { stream: 'a', shard: 'shardId-000000000000' };
    expect(await metricValue(server, 'millrace_subscriptions', labels)).toBe(1);
    subscription.cut();
    await noneLeft(server);
    await putMany(server, 1, 1);
  });

  it('a client that has gone while it was behind is forgotten too', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    await putMany(server, 24, MIB / 2);
    const subscription = await subscribe(server, { ConsumerARN }, { protocol, windowBytes: 16_384 });
    subscription.pause();
    await metricValue(server, 'millrace_subscriptions');
    subscription.cut();
    await noneLeft(server);
  });
});

it('one that is behind when its stream is gone is told so when it reads on', async () => {
  const { server, ConsumerARN } = await startWithConsumer();
  await putMany(server, 4, MIB / 2);
  const subscription = await subscribe(server, { ConsumerARN }, { protocol: 'http2', windowBytes: 16_384 });
  subscription.pause();
  await server.ok('DeleteStream', { StreamName: 'a', EnforceConsumerDeletion: true });
  server.clock.advance(1000);
  await noneLeft(server);
  subscription.resume();
  expect(await subscription.ended()).toMatchObject({ exception: 'ResourceNotFoundException' });
});

describe('events', () => {
  it('hold about a mebibyte each, and tell how far they are behind', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    await putMany(server, 10, MIB / 2);
    server.clock.advance(7000);
    await putMany(server, 1, 10, 10);
    const subscription = await subscribe(server, { ConsumerARN });
    const told: [number, number][] = [];
    const keys: number[] = [];
    while (keys.length < 11) {
      const event = await subscription.event();
      told.push([event.Records.length, event.MillisBehindLatest]);
      keys.push(...keysOf(event.Records));
    }
    expect(keys).toEqual(upTo(11));
    // Two halves and their keys are more than one.
    expect(told).toEqual([...Array.from({ length: 9 }, () => [1, 7000]), [2, 0]]);
  });

  it('bring a record of any size', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const StreamARN = ConsumerARN.replace(/\/consumer.*/, '');
    const { status } = await server.call('UpdateMaxRecordSize', { StreamARN, MaxRecordSizeInKiB: 10_240 });
    const bytes = status === 200 ? 10 * MIB - 10 : MIB - 10;
    server.clock.advance(1000);
    await server.ok('PutRecord', { StreamName: 'a', PartitionKey: '0', Data: Buffer.alloc(bytes).toString('base64') });
    const subscription = await subscribe(server, { ConsumerARN });
    const { records } = await subscription.records(1);
    expect(Buffer.from(records[0]!.Data, 'base64')).toHaveLength(bytes);
  });

  it('hold many small records, of which a thousand put at once come in few', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    await putMany(server, 3000, 1);
    const subscription = await subscribe(server, { ConsumerARN });
    expect(keysOf((await subscription.records(3000)).records)).toEqual(upTo(3000));
    expect(subscription.frames.length, 'the initial response and two events').toBe(3);
  });

  it('say that records were encrypted', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    const key = { StreamName: 'a', EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' };
    const { status } = await server.call('StartStreamEncryption', key);
    if (status !== 200) return;
    server.clock.advance(1000);
    await putMany(server, 1, 1);
    const subscription = await subscribe(server, { ConsumerARN });
    expect((await subscription.event()).Records[0]!.EncryptionType).toBe('KMS');
  });
});

describe('with QUOTAS=current', () => {
  it('a consumer is sent two mebibytes a second of a shard', async () => {
    const { server, ConsumerARN } = await startWithConsumer({ QUOTAS: 'current' });
    for (let second = 0; second < 6; second += 1) {
      await putMany(server, 1, MIB - 10, second);
      server.clock.advance(1000);
    }
    const subscription = await subscribe(server, { ConsumerARN });
    await subscription.event();
    for (const key of [1, 2, 3, 4, 5]) {
      server.clock.advance(400);
      expect(subscription.frames.length, 'frames before half a second has passed').toBe(key + 1);
      server.clock.advance(100);
      expect(keysOf((await subscription.event()).Records)).toEqual([key]);
    }
  });
});

describe('a damaged record', () => {
  it('ends the subscription when it is reached, and is in the log', async () => {
    const { server, ConsumerARN } = await startWithConsumer();
    await putMany(server, 3, 4);
    const handle = openHandle(join(server.directory, 'millrace.db'));
    handle.prepare("update records set data = x'00000001' where partition_key = '1'").run();
    handle.close();
    const subscription = await subscribe(server, { ConsumerARN });
    expect(keysOf((await subscription.event()).Records)).toEqual([0]);
    expect(await subscription.next()).toEqual({
      exception: 'InternalFailureException',
      message: 'The next record of the shard could not be read.',
    });
    expect(await subscription.next()).toEqual({ end: 'in order' });
    expect(server.log.take('error')).toHaveLength(1);
  });
});

describe('whoever subscribes again from the last number', () => {
  it('gets every record once, whatever happens meanwhile', async () => {
    const seed = Number(process.env.SEED ?? 1);
    const chance = randomOf(seed);
    const { server, ConsumerARN } = await startWithConsumer();
    let put = 0;
    let number: string | undefined;
    const got: number[] = [];
    for (let round = 0; round < 25; round += 1) {
      // One that ends by itself has told nothing before, so it begins with the first record.
      const StartingPosition =
        number === undefined ? { Type: 'TRIM_HORIZON' } : { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: number };
      if (chance() < 0.2) await server.restart();
      const protocol = chance() < 0.5 ? 'http1' : 'http2';
      const subscription: TestSubscription = await subscribe(server, { ConsumerARN, StartingPosition }, { protocol });
      const events = Math.floor(chance() * 4);
      for (let index = 0; index < events; index += 1) {
        const count = 1 + Math.floor(chance() * 5);
        const putting = putMany(server, count, 1 + Math.floor(chance() * 300), put);
        put += count;
        if (chance() < 0.5) await putting;
        const event = await subscription.event();
        got.push(...keysOf(event.Records));
        number = event.ContinuationSequenceNumber;
        await putting;
      }
      subscription.cut();
      await noneLeft(server);
      server.clock.advance(Math.floor(chance() * 10_000));
    }
    const StartingPosition = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: number };
    const last = await subscribe(server, { ConsumerARN, StartingPosition });
    if (got.length < put) got.push(...keysOf((await last.records(put - got.length)).records));
    expect(got, `SEED=${seed}`).toEqual(upTo(put));
    expect(put).toBeGreaterThan(30);
  });
});

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
