/** The hub itself, with receivers that only count: what is shared, and what is not done when there is nothing to do. */
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Database } from '../../../src/database/database.ts';
import { append } from '../../../src/kinesis/record-log.ts';
import { findStream, forgetStream } from '../../../src/kinesis/stream-store.ts';
import { Hub } from '../../../src/kinesis/subscriptions/hub.ts';
import type { EventSink } from '../../../src/protocol/event-stream.ts';
import { quotasOf } from '../../../src/quotas.ts';
import { openTestDatabase } from '../../support/database.ts';
import { createTestLog } from '../../support/log.ts';
import { until } from '../../support/until.ts';

const NAME = { account: '000000000000', region: 'us-east-1', name: 'a' };
const NOW = Date.now();

/** A database with a stream of one shard and `count` consumers, and its hub. */
async function openHub(count: number) {
  const { database, other } = await openTestDatabase();
  other.exec(`
    insert into streams (account_id, region, name, stream_id, stream_mode, created_ms, active_ms, retention_hours)
      values ('${NAME.account}', '${NAME.region}', 'a', 'abcdefghijklmnopqrst-abc', 'PROVISIONED', 0, 0, 24);
    insert into shards (stream, shard_index, starting_hash_key, ending_hash_key, created_s, opened_ms)
      select id, 0, '0', '${2n ** 128n - 1n}', 1, 0 from streams;
  `);
  for (let index = 0; index < count; index += 1) {
    other.exec(
      `insert into consumers (stream, name, created_s, created_ms, active_ms) select id, 'c${index}', 1, 0, 0 from streams`,
    );
  }
  const hub = new Hub({ database, clock: systemClock, log: createTestLog(), quotas: quotasOf('relaxed') });
  const stream = findStream(NAME, { database, now: NOW })!;
  const shard = stream.topologies.after.listed[0]!;
  const consumers = other.prepare('select id, name from consumers').all() as { id: number; name: string }[];
  const put = (data: string) =>
    database.append(() => void append(shard, [{ partitionKey: 'k', data: Buffer.from(data) }], NOW, database));
  const subscribe = (index: number, canTake = () => true) => {
    const consumer = { ...consumers[index]!, arn: '', stream: stream.id, createdS: 1, createdMs: 0, activeMs: 0 };
    const subscription = hub.begin(
      { consumer: { ...consumer, deletedMs: null, goneMs: null }, stream, shard, position: 0 },
      NOW,
    );
    const frames: Buffer[] = [];
    const sink: EventSink = {
      write: (bytes) => {
        frames.push(bytes);
        return canTake();
      },
      end: () => undefined,
    };
    subscription.start(sink);
    return { subscription, frames };
  };
  return { database, hub, put, subscribe };
}

/** Counts the statements that read. */
function countReads(database: Database): () => number {
  let count = 0;
  const get = database.get.bind(database);
  database.get = (query, parameters) => {
    count += 1;
    return get(query, parameters);
  };
  return () => count;
}

it('those who stand at the same position get one frame, which is read and written once', async () => {
  const { database, put, subscribe } = await openHub(20);
  const all = Array.from({ length: 20 }, (_, index) => subscribe(index));
  await until(() => all.every(({ frames }) => frames.length === 2));
  const reads = countReads(database);
  await put('one');
  await until(() => all.every(({ frames }) => frames.length === 3));
  expect(new Set(all.map(({ frames }) => frames[2]))).toHaveLength(1);
  expect(reads(), 'one chunk of records').toBe(1);
});

it('records that come while one is served are told together, each once', async () => {
  const { put, subscribe } = await openHub(1);
  const { frames } = subscribe(0);
  await until(() => frames.length === 2);
  await Promise.all(Array.from({ length: 100 }, (_, index) => put(`<${index}>`)));
  const texts = () => frames.map((frame) => frame.toString('latin1')).join('');
  const numbers = () =>
    [...texts().matchAll(/"Data":"([^"]+)"/g)].map(([, data]) => Buffer.from(data!, 'base64').toString());
  await until(() => numbers().length === 100);
  expect(numbers()).toEqual(Array.from({ length: 100 }, (_, index) => `<${index}>`));
  expect(frames.length).toBeLessThan(20);
});

it('who cannot take more is not read for', async () => {
  const { database, put, subscribe } = await openHub(1);
  let isOpen = false;
  const { subscription, frames } = subscribe(0, () => isOpen);
  // The first one reads where the shard ends.
  await put('one');
  const reads = countReads(database);
  for (let index = 0; index < 10; index += 1) await put('one');
  await new Promise((resolve) => setImmediate(resolve));
  expect(frames).toHaveLength(1);
  expect(reads()).toBe(0);
  isOpen = true;
  subscription.resume();
  await until(() => frames.length === 2);
});

it('who cannot be served while another program has locked the database is served afterwards', async () => {
  const { database, put, subscribe } = await openHub(1);
  const { frames } = subscribe(0);
  await until(() => frames.length === 2);
  const { get, all } = database;
  const locked = () => {
    throw Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  };
  Object.assign(database, { get: locked, all: locked });
  // Then the stream and its consumers must be looked at anew as well.
  await Promise.all([database.write(() => forgetStream(NAME, { database })), put('one')]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(frames, 'nothing, above all no error').toHaveLength(2);
  Object.assign(database, { get, all });
  await until(() => frames.length === 3);
  expect(frames[2]!.toString('latin1')).toContain('"Data":"b25l"');
});

it('nothing is left of those who have gone, whenever that was', async () => {
  const { hub, put, subscribe } = await openHub(3);
  const first = subscribe(0);
  subscribe(1, () => false).subscription.stop();
  const ended = subscribe(2).subscription;
  await put('one');
  first.subscription.stop();
  first.subscription.stop();
  ended.end();
  ended.stop();
  expect(hub.members.isEmpty).toBe(true);
  await put('two');
  expect(first.frames.length).toBeLessThan(3);
});

it('a hub that was closed begins and ends subscriptions in order', async () => {
  const { hub, subscribe } = await openHub(2);
  const open = subscribe(0);
  hub.close();
  expect(open.subscription.isOver).toBe(true);
  const late = subscribe(1);
  expect(late.frames, 'the initial response').toHaveLength(1);
  expect(hub.members.isEmpty).toBe(true);
});
