/**
 * C9: kill -9 while consumers follow resharded streams by SubscribeToShard. Each goes on behind its last
 * ContinuationSequenceNumber, and has in the end each record that is there once, in order, and none that is not.
 */
import { setMaxListeners } from 'node:events';
import { createClient } from '../client.ts';
import { STREAMS, shardIdOf, streamArn } from '../layout.ts';
import { settle } from '../observe/settle.ts';
import { require } from '../observe/streams.ts';
import type { Random } from '../random.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import type { LoadShape, World } from '../world.ts';
import {
  discard,
  figuresOf,
  inWorld,
  isEnough,
  isServer,
  loadFor,
  newSums,
  startOrViolation,
  worldOf,
} from './rounds.ts';
import { createSubscriber, type Subscriber } from './subscriber.ts';

/** After so many kills a world is checked as a whole, and another one begins. */
const KILLS_PER_WORLD = 6;

const FOLLOWED = STREAMS.filter(({ isResharded }) => isResharded);
const CONSUMER = 'follower';
const LOAD_MS = { min: 60, max: 400 };
const LOAD: LoadShape = { clients: 16, kinds: ['kinesis', 'sourced', 'reshard'] };

/** The consumers are at the tips of all shards by then. */
const CAUGHT_UP_LIMIT_MS = 30_000;

export const subscribers: Scenario = {
  name: 'C9',
  title: 'consumers go on after kill -9',
  needs: [],
  counts: { short: 18, long: 300 },
  run,
};

async function run(context: Context): Promise<Result> {
  const sums = { ...newSums(), resumed: 0, events: 0, records: 0 };
  const goesOn = () => sums.done < context.count && sums.violations.length === 0 && !context.isTimeUp();
  for (let worlds = 1; goesOn() && sums.invalid <= context.count; worlds += 1) {
    const name = `world-${worlds}`;
    const world = worldOf(context, name);
    const random = context.random.fork(`kills of ${name}`);
    let followers: Follower[] | undefined;
    for (let kills = 0; ; kills += 1) {
      const server = await startOrViolation(world, context);
      if (!isServer(server)) {
        sums.violations.push(...inWorld(name, [server]));
        break;
      }
      sums.readyMs.push(server.readyMs);
      await world.prepare(server);
      followers ??= await register(server);
      const isLast = kills >= KILLS_PER_WORLD || !goesOn();
      if (isLast) {
        sums.violations.push(...inWorld(name, await checkAll(followers, world, server)));
        await server.end('SIGKILL');
        break;
      }
      if (await killWhileFollowed(followers, world, server, random)) sums.done += 1;
      else sums.invalid += 1;
      context.progress(`${sums.done} kills`);
    }
    for (const { subscriber } of followers ?? []) {
      sums.resumed += subscriber.resumed;
      sums.events += subscriber.events;
      for (const { numbers } of subscriber.shards.values()) sums.records += numbers.length;
    }
    sums.acknowledged += world.acknowledged;
    sums.unknown += world.unknown;
    if (sums.violations.length === 0) discard(context, name);
  }
  const { violations, done, resumed, events, records } = sums;
  return {
    violations,
    done,
    sometimes: { 'subscriptions that went on': resumed, 'events with records': events },
    figures: { ...figuresOf(sums), 'records received': records },
  };
}

interface Follower {
  readonly stream: string;
  readonly subscriber: Subscriber;
}

async function register({ url }: Server): Promise<Follower[]> {
  const client = createClient(url);
  try {
    return await Promise.all(
      FOLLOWED.map(async ({ name, shards }) => {
        const reference = { StreamARN: streamArn(name), ConsumerName: CONSUMER };
        const { Consumer } = await require(client, 'RegisterStreamConsumer', reference);
        const isActive = async () => {
          const { ConsumerDescription } = await require(client, 'DescribeStreamConsumer', reference);
          return ConsumerDescription.ConsumerStatus === 'ACTIVE';
        };
        if (!(await settle(isActive, (is) => is))) throw new Error(`The consumer of ${name} does not become ACTIVE.`);
        return { stream: name, subscriber: createSubscriber(Consumer.ConsumerARN, shards) };
      }),
    );
  } finally {
    client.close();
  }
}

/** Whether the load was large enough to mean something. */
async function killWhileFollowed(
  followers: readonly Follower[],
  world: World,
  server: Server,
  random: Random,
): Promise<boolean> {
  const { end } = follow(followers, server);
  const load = await loadFor(world, server, random.integer(LOAD_MS.min, LOAD_MS.max), LOAD);
  await server.end('SIGKILL');
  const summary = await load.stop();
  await end();
  return isEnough(summary);
}

function follow(followers: readonly Follower[], { url }: Server): { end(): Promise<void> } {
  const ending = new AbortController();
  // Every subscription listens.
  setMaxListeners(0, ending.signal);
  const following = followers.map(({ subscriber }) => subscriber.follow(url, ending.signal));
  return {
    async end() {
      ending.abort();
      await Promise.all(following);
    },
  };
}

/** Lets the consumers read on to the end of what is there, and compares. */
async function checkAll(followers: readonly Follower[], world: World, server: Server): Promise<Violation[]> {
  const violations = await world.check(server, 'all');
  const { end } = follow(followers, server);
  for (const { stream, subscriber } of followers) {
    const isThere = await settle(
      () => hasCaughtUp(stream, subscriber, server),
      (is) => is,
      CAUGHT_UP_LIMIT_MS,
    );
    if (!isThere)
      violations.push({ guarantee: 'NoStuckState', message: `The consumer of ${stream} does not catch up.` });
  }
  await end();
  for (const follower of followers) violations.push(...(await compare(follower, server)));
  return violations;
}

/** Of every shard that is there: read to its end, or to its newest record. */
async function hasCaughtUp(stream: string, { shards }: Subscriber, server: Server): Promise<boolean> {
  const stored = await storedNumbers(stream, server);
  return [...stored].every(([index, numbers]) => {
    const progress = shards.get(index);
    return progress !== undefined && progress.numbers.length >= numbers.length && (progress.isRead || progress.isAtTip);
  });
}

async function compare({ stream, subscriber }: Follower, server: Server): Promise<Violation[]> {
  const violations: Violation[] = [];
  const stored = await storedNumbers(stream, server);
  for (const [index, { numbers }] of subscriber.shards) {
    const there = stored.get(index) ?? [];
    const place = `the shard ${stream}/${index}`;
    const add = (guarantee: string, message: string) => violations.push({ guarantee, message });
    const had = new Set(numbers);
    if (had.size < numbers.length) add('NoDuplicate', `Of ${place} ${numbers.length - had.size} records came twice.`);
    const missing = there.filter((number) => !had.has(number));
    if (missing.length > 0) add('NoLoss', `Of ${place} ${missing.length} records never came, first ${missing[0]}.`);
    const known = new Set(there);
    const vanished = numbers.filter((number) => !known.has(number));
    if (vanished.length > 0) add('NoResurrection', `Of ${place} ${vanished[0]} came and is not there.`);
    const isRising = numbers.every((number, at) => at === 0 || BigInt(numbers[at - 1]!) < BigInt(number));
    if (!isRising) add('Monotonic', `The records of ${place} came out of order.`);
  }
  return violations.slice(0, TOLD_MAX);
}

const TOLD_MAX = 6;

/** What GetRecords gives, by shard. */
async function storedNumbers(StreamName: string, { url }: Server): Promise<Map<number, string[]>> {
  const client = createClient(url);
  const stored = new Map<number, string[]>();
  try {
    const { Shards } = await require(client, 'ListShards', { StreamName });
    for (let index = 0; index < Shards.length; index += 1) {
      const input = { StreamName, ShardId: shardIdOf(index), ShardIteratorType: 'TRIM_HORIZON' };
      const numbers: string[] = [];
      let iterator = (await require(client, 'GetShardIterator', input)).ShardIterator;
      for (let isMore = true; isMore && iterator !== undefined; ) {
        const page = await require(client, 'GetRecords', { ShardIterator: iterator });
        for (const { SequenceNumber } of page.Records) numbers.push(SequenceNumber);
        isMore = page.MillisBehindLatest > 0;
        iterator = page.NextShardIterator;
      }
      stored.set(index, numbers);
    }
  } finally {
    client.close();
  }
  return stored;
}
