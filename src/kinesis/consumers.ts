/** RegisterStreamConsumer, DeregisterStreamConsumer, DescribeStreamConsumer, ListStreamConsumers. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { existsAt } from '../lifecycle.ts';
import { operation } from '../protocol/operation.ts';
import { required, structure, timestamp } from '../protocol/shape.ts';
import { isCommitted } from './account-settings.ts';
import { assertStreamCallRate } from './call-rates.ts';
import {
  type Consumer,
  consumerStatusOf,
  consumersEver,
  consumersOf,
  deleteConsumer,
  forgetConsumers,
  parseConsumerArn,
  requireConsumer,
  requireConsumerNamed,
} from './consumer-store.ts';
import { consumerExists, invalidArgument, tooManyConsumers, tooManyConsumersCreating } from './errors.ts';
import { openPagingToken, pagingToken } from './paging.ts';
import { consumerArn, consumerName, nextToken, pageLimit, streamArn, streamId, tagMap } from './shapes.ts';
import { assertCreatedAt, isArnOf, requireStream, type Stream } from './stream-store.ts';
import { saveTags } from './tags.ts';
import { newestSecond, oldestSecond } from './topology.ts';
import { assertActiveOrUpdating } from './updates.ts';

export const RegisterStreamConsumer = operation({
  access: 'write',
  input: structure({
    StreamARN: required(streamArn),
    ConsumerName: required(consumerName),
    StreamId: streamId,
    Tags: tagMap,
  }),
  rate: 'registerConsumerCallsPerSecond',
  errors: ['InvalidArgumentException', 'LimitExceededException', 'ResourceInUseException', 'ResourceNotFoundException'],
  run({ ConsumerName: name, Tags, ...reference }, call) {
    const stream = requireStream(reference, call);
    assertActiveOrUpdating(stream, call);
    const others = consumersOf(stream, call);
    if (others.some((other) => other.name === name)) throw consumerExists(name, stream);
    assertRoomForConsumer(others.length, stream, call);
    register(name, stream, call);
    const consumer = requireConsumerNamed(name, stream, call);
    saveTags(consumer.arn, Tags ?? new Map(), call);
    return { Consumer: describe(consumer, call) };
  },
});

/** @throws ApiError LimitExceededException */
function assertRoomForConsumer(count: number, stream: Stream, call: Call): void {
  const { account, region } = stream;
  const { consumersPerStream, consumersPerStreamCommitted, consumersInTransition } = call.quotas;
  const limit = isCommitted(account, region, call) ? consumersPerStreamCommitted : consumersPerStream;
  if (count >= limit) throw tooManyConsumers(stream, count, limit);
  if (consumersInTransition === Infinity) return;
  const { creating } = call.database.get(selectCreating, { account, region, now: call.now })!;
  if (creating >= consumersInTransition) throw tooManyConsumersCreating(account, consumersInTransition);
}

/** For so long the rows of consumers that are gone tell which ARNs there were, should the clock go back. */
const KEPT_MS = 86_400_000;

function register(name: string, stream: Stream, call: Call): void {
  const { now, database, transitionMs } = call;
  const createdS = firstFreeSecond(name, stream, call);
  database.run(deleteGone, { stream: stream.id, name, now, goneLongMs: now - KEPT_MS });
  database.insert(insertConsumer, {
    stream: stream.id,
    name,
    createdS,
    createdMs: now,
    activeMs: now + transitionMs,
  });
  forgetConsumers(stream, call);
}

/**
 * The creation second of a new consumer's ARN: now, but above that of every former consumer of the name, those of former
 * streams among them. Former streams of the stream's name and their consumers all are older than its oldest shards.
 */
function firstFreeSecond(name: string, stream: Stream, call: Call): number {
  const formers = consumersEver(stream, call).filter((former) => former.name === name);
  const oldestShardS = oldestSecond(stream.topologies.after.listed);
  return Math.max(Math.floor(call.now / 1000), oldestShardS, newestSecond(formers) + 1);
}

/** The three ways to name a consumer. */
const consumerReference = {
  ConsumerARN: consumerArn,
  ConsumerName: consumerName,
  StreamARN: streamArn,
  StreamId: streamId,
} as const;

interface ConsumerReference {
  readonly ConsumerARN?: string | undefined;
  readonly ConsumerName?: string | undefined;
  readonly StreamARN?: string | undefined;
  readonly StreamId?: string | undefined;
}

interface Found {
  readonly consumer: Consumer;
  readonly stream: Stream;
}

/**
 * The consumer that a request means, in whatever state: by its ARN, or by its stream and name, or by both.
 * @throws ApiError InvalidArgumentException when neither is complete or they contradict each other, ResourceNotFoundException
 */
function consumerMeant({ ConsumerARN, ConsumerName, StreamARN, StreamId }: ConsumerReference, call: Call): Found {
  if (ConsumerARN !== undefined) {
    assertConsistent(ConsumerARN, { ConsumerName, StreamARN });
    return requireConsumer(ConsumerARN, call);
  }
  if (ConsumerName === undefined || (StreamARN === undefined && StreamId === undefined)) {
    throw invalidArgument('Either ConsumerARN or both StreamARN and ConsumerName must be provided.');
  }
  const stream = requireStream({ StreamARN, StreamId }, call);
  return { stream, consumer: requireConsumerNamed(ConsumerName, stream, call) };
}

function assertConsistent(arn: string, { ConsumerName, StreamARN }: ConsumerReference): void {
  const parts = parseConsumerArn(arn);
  // The look-up says that it is not the ARN of a consumer.
  if (parts === undefined) return;
  if (ConsumerName !== undefined && ConsumerName !== parts.name) {
    throw invalidArgument(`ConsumerName ${ConsumerName} and ConsumerARN ${arn} name different consumers.`);
  }
  if (StreamARN !== undefined && !isArnOf(StreamARN, parts.stream)) {
    throw invalidArgument(`StreamARN ${StreamARN} and ConsumerARN ${arn} name different streams.`);
  }
}

export const DescribeStreamConsumer = operation({
  access: 'read',
  input: structure(consumerReference),
  errors: ['LimitExceededException', 'ResourceNotFoundException', 'InvalidArgumentException'],
  run(reference, call) {
    const { consumer, stream } = consumerMeant(reference, call);
    assertStreamCallRate('DescribeStreamConsumer', 'describeConsumerCallsPerSecond', stream, call);
    return { ConsumerDescription: { ...describe(consumer, call), StreamARN: stream.arn } };
  },
});

export const DeregisterStreamConsumer = operation({
  access: 'write',
  input: structure(consumerReference),
  errors: ['LimitExceededException', 'ResourceNotFoundException', 'InvalidArgumentException'],
  run(reference, call) {
    const { consumer, stream } = consumerMeant(reference, call);
    assertStreamCallRate('DeregisterStreamConsumer', 'deregisterConsumerCallsPerSecond', stream, call);
    deleteConsumer(consumer, call.now + call.transitionMs, stream, call);
  },
});

export const ListStreamConsumers = operation({
  access: 'read',
  input: structure({
    MaxResults: pageLimit,
    NextToken: nextToken,
    StreamARN: required(streamArn),
    StreamCreationTimestamp: timestamp(),
    StreamId: streamId,
  }),
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ExpiredNextTokenException',
    'ResourceInUseException',
  ],
  run({ MaxResults, NextToken, StreamCreationTimestamp, ...reference }, call) {
    if (NextToken !== undefined && StreamCreationTimestamp !== undefined) {
      throw invalidArgument('NextToken and StreamCreationTimestamp cannot be provided together.');
    }
    const stream = requireStream(reference, call);
    assertStreamCallRate('ListStreamConsumers', 'listConsumersCallsPerSecond', stream, call);
    if (StreamCreationTimestamp !== undefined) assertCreatedAt(StreamCreationTimestamp, stream);
    // A stream that was created again under the name has other consumers.
    const listing = `ListStreamConsumers ${stream.id}`;
    const limit = Math.min(MaxResults ?? call.quotas.listConsumersPage, call.quotas.listConsumersPage);
    const after = NextToken === undefined ? '' : openPagingToken(listing, NextToken, call);
    const rest = consumersOf(stream, call).filter(({ name }) => name > after);
    const page = rest.slice(0, limit);
    return {
      Consumers: page.map((consumer) => describe(consumer, call)),
      NextToken: rest.length > limit ? pagingToken(listing, page.at(-1)!.name, call) : undefined,
    };
  },
});

const describe = (consumer: Consumer, { now }: Call) => ({
  ConsumerName: consumer.name,
  ConsumerARN: consumer.arn,
  ConsumerStatus: consumerStatusOf(consumer, now),
  ConsumerCreationTimestamp: new Date(consumer.createdS * 1000),
});

/** Of all streams of an account and region. */
const selectCreating = query((bind: Bind<{ account: string; region: string; now: number }>, db) =>
  db
    .selectFrom('streams')
    .innerJoin('consumers', 'consumers.stream', 'streams.id')
    .select(sql<number>`count(*)`.as('creating'))
    .where('streams.account_id', '=', bind('account'))
    .where('streams.region', '=', bind('region'))
    .where('consumers.gone_ms', 'is', null)
    .where('consumers.created_ms', '<=', bind('now'))
    .where('consumers.active_ms', '>', bind('now')),
);

/** Former consumers of the name, which the new one's creation second stands for, and all that are gone for long. */
const deleteGone = query((bind: Bind<{ stream: number; name: string; now: number; goneLongMs: number }>, db) =>
  db
    .deleteFrom('consumers')
    .where('stream', '=', bind('stream'))
    .where('gone_ms', 'is not', null)
    .where(sql<boolean>`not ${existsAt(bind('now'))}`)
    .where((where) => where.or([where('name', '=', bind('name')), where('gone_ms', '<=', bind('goneLongMs'))])),
);

interface NewConsumer {
  readonly stream: number;
  readonly name: string;
  readonly createdS: number;
  readonly createdMs: number;
  readonly activeMs: number;
}

const insertConsumer = query((bind: Bind<NewConsumer>, db) =>
  db.insertInto('consumers').values({
    stream: bind('stream'),
    name: bind('name'),
    created_s: bind('createdS'),
    created_ms: bind('createdMs'),
    active_ms: bind('activeMs'),
  }),
);
