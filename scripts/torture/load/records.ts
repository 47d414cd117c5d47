/** Clients that put records: into streams and delivery streams, one at a time and by the hundred. */
import { type Body, explicitHexOf, partitionKeyOf } from '../bodies.ts';
import { type Answer, FIREHOSE } from '../client.ts';
import type { Put } from '../history.ts';
import { DIRECT, decimalOf, indexOfShard, lifeOf, mayBeExplicit, targetParts } from '../layout.ts';
import { acknowledgedIn, refusedOf } from '../ledger.ts';
import type { Session } from './session.ts';

const BATCH_MAX = 500;
/** Of all records of a request; what Firehose takes, with room for what comes on top. */
const REQUEST_BYTES_MAX = 3 * 1024 * 1024;
/** One record alone, by an operation of its own. */
const SINGLE_CHANCE = 0.4;
/** One of the records is large. */
const LARGE_CHANCE = 0.015;
const LARGE_BYTES = 50_000;

/** Puts once into one of the streams. */
export const putInto = (streams: readonly string[]) => (session: Session) =>
  putKinesis(session, session.random.pick(streams), batchSizes(session));

/** Puts once into the delivery stream that takes records of clients. */
export async function putDirect(session: Session): Promise<void> {
  const bodies = session.newBodies(batchSizes(session));
  const records = bodies.map((body) => ({ Data: session.ground.bodies.make(body).toString('base64') }));
  const isSingle = records.length === 1 && session.random.chance(0.5);
  const operation = isSingle ? 'PutRecord' : 'PutRecordBatch';
  const input = isSingle ? { Record: records[0] } : { Records: records };
  const answer = await session.call(`${FIREHOSE}.${operation}`, { DeliveryStreamName: DIRECT, ...input });
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  const responses: any[] = answer.outcome === 'ok' && !isSingle ? answer.body.RequestResponses : [];
  const refused = responses.flatMap(({ ErrorCode }, index) => (ErrorCode === undefined ? [] : [index]));
  settlePut(session, { ...putOf(session, operation, DIRECT, bodies, answer), service: 'firehose', refused }, answer);
}

/** Puts into a stream, or into one of the lives of a stream. */
export async function putKinesis(session: Session, target: string, sizes: readonly number[]): Promise<void> {
  const bodies = session.newBodies(sizes);
  const { stream } = targetParts(target);
  const records = bodies.map((body) => recordOf(body, mayBeExplicit(stream), session));
  const isSingle = records.length === 1 && session.random.chance(0.8);
  const operation = isSingle ? 'PutRecord' : 'PutRecords';
  const answer = await session.call(operation, {
    StreamName: stream,
    ...(isSingle ? records[0] : { Records: records }),
  });
  const put = putOf(session, operation, target, bodies, answer);
  if (answer.outcome !== 'ok') return settlePut(session, put, answer);
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  const results: any[] = isSingle ? [answer.body] : answer.body.Records;
  const numbers = results.map(({ SequenceNumber }) => SequenceNumber ?? null);
  const shards = results.map(({ ShardId }) => (ShardId === undefined ? null : indexOfShard(ShardId)));
  settlePut(session, { ...put, numbers, shards }, answer);
}

function recordOf(body: Body, isExplicit: boolean, { ground }: Session) {
  const hex = isExplicit ? explicitHexOf(body) : undefined;
  return {
    Data: ground.bodies.make(body).toString('base64'),
    PartitionKey: partitionKeyOf(body),
    ...(hex === undefined ? {} : { ExplicitHashKey: decimalOf(hex) }),
  };
}

/** How many records, and how large: few and small ones most of the time. */
function batchSizes({ random, ground }: Session): number[] {
  const { min, max } = ground.bodyBytes;
  const wanted = random.chance(SINGLE_CHANCE) ? 1 : Math.ceil(BATCH_MAX * random.next() ** 4);
  const count = Math.max(1, Math.min(wanted, Math.floor(REQUEST_BYTES_MAX / max)));
  const sizes = Array.from({ length: count }, () => random.integer(min, max));
  if (max < LARGE_BYTES && random.chance(LARGE_CHANCE)) sizes[random.integer(0, count - 1)] = LARGE_BYTES;
  return sizes;
}

function putOf(session: Session, operation: string, target: string, bodies: readonly Body[], answer: Answer): Put {
  const { startUs, endUs, outcome, error } = answer;
  return {
    kind: 'put',
    service: 'kinesis',
    client: session.client,
    operation,
    target,
    first: bodies[0]!.counter,
    sizes: bodies.map(({ size }) => size),
    startUs,
    endUs,
    outcome,
    ...(error === '' ? {} : { error }),
  };
}

function settlePut(session: Session, put: Put, answer: Answer): void {
  // Nothing was sent.
  if (answer.isGone) return;
  const { tally } = session.ground;
  const count = put.sizes.length;
  if (put.outcome === 'ok') {
    tally.acknowledged += acknowledgedIn(put);
    tally.failed += refusedOf(put);
  } else if (put.outcome === 'fail') tally.failed += count;
  else tally.unknown += count;
  session.ground.record(put);
  if (put.outcome === 'unknown') session.renew();
}

/** A few records into the life of a stream that one client owns. */
export const putIntoLife = (session: Session, stream: string, life: string): Promise<void> =>
  putKinesis(
    session,
    lifeOf(stream, life),
    Array.from({ length: session.random.integer(1, 20) }, () => session.ground.bodyBytes.min),
  );
