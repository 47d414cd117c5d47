/**
 * A Kinesis stream as the source of a delivery stream. Its records are copied into the buffers a little ahead of the
 * deliveries, with the checkpoint in the same transaction: none is missed, none is copied twice. What is further ahead
 * stays in the stream, for the stream's retention.
 */
import { sql } from 'kysely';
import type { Call, World } from '../call.ts';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { type FeedRecord, type FeedShard, findFeed } from '../kinesis/feed.ts';
import { append } from './buffer-log.ts';
import {
  type BufferRole,
  type DeliveryStream,
  findDeliveryStream,
  type Source,
  statusOf,
} from './delivery-stream-store.ts';
import { invalidArgument } from './errors.ts';
import { addIncident } from './incidents.ts';
import { unpackedRecords } from './kpl.ts';
import { linesOf } from './lines.ts';
import type { CreateDeliveryStreamInput } from './shapes.ts';

/**
 * The source that CreateDeliveryStream asks for; undefined where there is nothing to tell about it.
 * @throws ApiError InvalidArgumentException when type and configuration do not fit, or the stream is not there.
 */
export function sourceOf(input: CreateDeliveryStreamInput, call: Call): Source | undefined {
  const kinesis = input.KinesisStreamSourceConfiguration;
  const direct = input.DirectPutSourceConfiguration;
  if (input.DeliveryStreamType !== 'KinesisStreamAsSource') {
    if (kinesis !== undefined) {
      throw invalidArgument('KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type');
    }
    return direct === undefined ? undefined : { DirectPutSourceDescription: direct };
  }
  if (kinesis === undefined) {
    throw invalidArgument('KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.');
  }
  if (direct !== undefined) {
    throw invalidArgument('DirectPutSourceConfiguration is only applicable for DirectPut stream type.');
  }
  const { KinesisStreamARN, RoleARN } = kinesis;
  if (findFeed(KinesisStreamARN, call) === undefined) {
    throw invalidArgument(`The Kinesis stream ${KinesisStreamARN} does not exist; create it first.`);
  }
  return { KinesisStreamSourceDescription: { DeliveryStartTimestamp: call.now, KinesisStreamARN, RoleARN } };
}

interface Checkpoint {
  readonly deliveryStream: number;
  /** Row id. */
  readonly shard: number;
  readonly nextPosition: number;
}

const saveCheckpoint = query((bind: Bind<Checkpoint>, db) =>
  db
    .insertInto('source_checkpoints')
    .values({
      delivery_stream: bind('deliveryStream'),
      shard: bind('shard'),
      next_position: bind('nextPosition'),
    })
    .onConflict((conflict) =>
      conflict.columns(['delivery_stream', 'shard']).doUpdateSet({ next_position: bind('nextPosition') }),
    ),
);

const selectCheckpoints = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .selectFrom('source_checkpoints')
    .select(['shard', 'next_position as nextPosition'])
    .where('delivery_stream', '=', bind('deliveryStream')),
);

const arnOf = (source: Source | undefined) => source?.KinesisStreamSourceDescription?.KinesisStreamARN;

/**
 * Begins to read the shards that are there after their newest records. Shards that come later are read from their
 * beginning. Only inside the body of a write.
 */
export function checkpointTips(deliveryStream: number, source: Source, call: Pick<Call, 'database' | 'now'>): void {
  for (const { id, nextPosition } of findFeed(arnOf(source)!, call)?.shards ?? []) {
    call.database.run(saveCheckpoint, { deliveryStream, shard: id, nextPosition });
  }
}

/** One slice of copying; it bounds the time that other writes wait for it. */
const SLICE_RECORDS = 1000;
const SLICE_BYTES = 1024 * 1024;

/** Copying goes on until so many times the buffer's size waits: enough to fill the next batch during a delivery. */
const AHEAD_FACTOR = 4;

/**
 * Copies what is new in the source of a delivery stream into its buffers. Returns, when all is copied or `signal` is
 * aborted, false; true when more is held back because enough waits.
 */
export async function readSource(deliveryStream: DeliveryStream, world: World, signal: AbortSignal): Promise<boolean> {
  const { database, clock } = world;
  const moment = () => ({ ...world, now: clock.now() });
  while (!signal.aborted && newsOf(deliveryStream, moment()).length > 0) {
    if (isFull(deliveryStream, database)) return true;
    await database.write(() => copySlice(deliveryStream, moment()));
  }
  return false;
}

type Moment = World & Pick<Call, 'now'>;

/** A shard with something to copy, and from where on. */
interface News {
  readonly shard: FeedShard;
  readonly from: number;
}

/** What can be copied now. */
function newsOf(known: DeliveryStream, moment: Moment): News[] {
  const { database, now } = moment;
  // As it is now: it may have been deleted since.
  const deliveryStream = findDeliveryStream(known, moment);
  if (deliveryStream?.id !== known.id || statusOf(deliveryStream, now) === 'DELETING') return [];
  // A source that is gone may come back under its name.
  const shards = findFeed(arnOf(deliveryStream.source)!, moment)?.shards ?? [];
  const rows = database.all(selectCheckpoints, { deliveryStream: deliveryStream.id });
  const positions = new Map(rows.map(({ shard, nextPosition }) => [shard, nextPosition]));
  const positionOf = (shard: FeedShard) => positions.get(shard.id) ?? 1;
  const finished = new Set<number>();
  // A child's records follow those of its parents, and of theirs: a shard without records is finished when they are.
  const isBlocked = ({ parents }: FeedShard) => parents.some((parent) => !finished.has(parent));
  const isFinished = (shard: FeedShard) =>
    shard.isClosed && positionOf(shard) >= shard.nextPosition && !isBlocked(shard);
  // Parents are listed before their children.
  for (const shard of shards) if (isFinished(shard)) finished.add(shard.id);
  return shards
    .filter((shard) => positionOf(shard) < shard.nextPosition && !isBlocked(shard))
    .map((shard) => ({ shard, from: positionOf(shard) }));
}

/** Copies a slice of what is new. Only inside the body of a write. */
function copySlice(known: DeliveryStream, moment: Moment): void {
  const news = newsOf(known, moment);
  const deliveryStream = findDeliveryStream(known, moment);
  if (deliveryStream === undefined) return;
  // Each shard gets its share, so that a busy one does not starve the others.
  const limits = { records: Math.ceil(SLICE_RECORDS / news.length), bytes: Math.ceil(SLICE_BYTES / news.length) };
  for (const { shard, from } of news) copyFrom(shard, { from, limits }, deliveryStream, moment);
}

interface Slice {
  readonly from: number;
  readonly limits: { readonly records: number; readonly bytes: number };
}

function copyFrom(shard: FeedShard, { from, limits }: Slice, deliveryStream: DeliveryStream, moment: Moment): void {
  const { database, now } = moment;
  const records = shard.read(from, limits);
  // Nothing although positions were given out: all of them have expired.
  const first = records[0]?.position ?? shard.nextPosition;
  if (first > from) reportExpired(deliveryStream, first - from, moment);
  if (records.length > 0) {
    const shares = sharesOf(records, deliveryStream);
    for (const { id, role } of deliveryStream.buffers) append(id, shares[role], now, database);
  }
  const nextPosition = records.length > 0 ? records.at(-1)!.position + 1 : shard.nextPosition;
  database.run(saveCheckpoint, { deliveryStream: deliveryStream.id, shard: shard.id, nextPosition });
}

/** What goes into the buffer of each role. */
function sharesOf(
  records: readonly FeedRecord[],
  { destination }: DeliveryStream,
): Readonly<Record<BufferRole, readonly Buffer[]>> {
  if (destination.type === 'Lines') {
    const { lines, deadLetters } = linesOf(records, destination.description.format);
    return { destination: lines, backup: deadLetters };
  }
  const data = records.flatMap((record) => unpackedRecords(record.data));
  return { destination: data, backup: data };
}

function reportExpired(deliveryStream: DeliveryStream, records: number, moment: Moment): void {
  addIncident(
    {
      kind: 'EXPIRED_IN_SOURCE',
      ...deliveryStream,
      records,
      bytes: null,
      span: null,
      reason: `They expired in ${arnOf(deliveryStream.source)} before they were read.`,
    },
    moment,
  );
}

const selectFill = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .selectFrom('buffers')
    .select('size_bytes as sizeBytes')
    .select(
      sql<number>`total_bytes - planned_bytes + (
        select ifnull(sum(bytes), 0) from deliveries
        where buffer = buffers.id and is_cleared = 0 and state = 'PLANNED'
      )`.as('waitingBytes'),
    )
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('takes_records', '=', sql.lit(1)),
);

/** Whether so much waits that reading further makes no sense. */
const isFull = ({ id }: DeliveryStream, database: Database): boolean =>
  database
    .all(selectFill, { deliveryStream: id })
    .some(({ sizeBytes, waitingBytes }) => waitingBytes >= AHEAD_FACTOR * sizeBytes);
