/**
 * Streams and their shards as the operations see them: found by name or ARN, with the state that follows from the
 * stored instants and `call.now`. No timer moves a stream from one state to the next.
 */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { memory } from '../database/memory.ts';
import { type Bind, query } from '../database/query.ts';
import { invalidArgument, streamNotFound } from './errors.ts';
import { type HexHashKey, hexOfDecimal } from './hash-key.ts';
import { sequenceNumbersOf } from './sequence-number.ts';
import { shardIdOf } from './shard-id.ts';

export interface Shard {
  /** The row id; the upper bits of the ids of the shard's records. */
  readonly id: number;
  readonly index: number;
  readonly shardId: string;
  readonly parentIndex: number | null;
  readonly adjacentParentIndex: number | null;
  /** Decimal, inclusive. */
  readonly startingHashKey: string;
  readonly endingHashKey: string;
  readonly startingHex: HexHashKey;
  readonly createdS: number;
  readonly closedMs: number | null;
  readonly sequenceNumbers: ReturnType<typeof sequenceNumbersOf>;
}

export interface Stream {
  /** The row id, never reused: another stream of the same name has another. */
  readonly id: number;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly arn: string;
  readonly streamId: string;
  readonly mode: 'PROVISIONED' | 'ON_DEMAND';
  readonly retentionHours: number;
  /** Null: the quota in force. */
  readonly maxRecordKib: number | null;
  readonly warmThroughputMibps: number | null;
  readonly createdMs: number;
  readonly activeMs: number;
  readonly deletedMs: number | null;
  readonly goneMs: number | null;
  /** By index. */
  readonly shards: readonly Shard[];
  /** By hash key range, ascending. */
  readonly openShards: readonly Shard[];
}

export type StreamStatus = 'CREATING' | 'ACTIVE' | 'DELETING';

export interface StreamName {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface StreamReference {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
}

/** The condition of a stream that exists at the instant `now`: not deleted, or still DELETING. */
export const existsAt = (now: number) => sql<boolean>`(gone_ms is null or (${now} >= deleted_ms and ${now} < gone_ms))`;

const selectStream = query((bind: Bind<StreamName & { now: number }>, db) =>
  db
    .selectFrom('streams')
    .selectAll()
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name'))
    .where(existsAt(bind('now'))),
);

const selectShards = query((bind: Bind<{ stream: number }>, db) =>
  db.selectFrom('shards').selectAll().where('stream', '=', bind('stream')).orderBy('shard_index'),
);

/** Streams by account, region and name. Filled on demand. */
const knownStreams = memory(() => new Map<string, Stream>());

/** At most this many streams are remembered. */
const KNOWN_MAX = 10_000;

const keyOf = ({ account, region, name }: StreamName) => `${account}/${region}/${name}`;

/** To be called by whoever changes a stream's row or its shards' (other than a shard's position and last arrival). */
export function forgetStream(name: StreamName, { database }: Pick<Call, 'database'>): void {
  knownStreams.of(database).delete(keyOf(name));
}

export const streamArnOf = ({ region, account, name }: StreamName) =>
  `arn:aws:kinesis:${region}:${account}:stream/${name}`;

/** Stricter than the API model's pattern, in which colons may stand anywhere. */
const STREAM_ARN = /^arn:aws[a-z-]*:kinesis:([a-z0-9-]+):(\d{12}):stream\/([a-zA-Z0-9_.-]+)$/;

/**
 * The name that a request means: by StreamARN in the ARN's account and region, by StreamName in the caller's.
 * @throws ApiError InvalidArgumentException when neither is given or they contradict each other.
 */
export function streamNameOf({ StreamName, StreamARN }: StreamReference, call: Call): StreamName {
  if (StreamARN === undefined) {
    if (StreamName === undefined) throw invalidArgument('Either StreamName or StreamARN must be provided.');
    return { account: call.account, region: call.region, name: StreamName };
  }
  const [, region, account, name] = STREAM_ARN.exec(StreamARN) ?? [];
  if (region === undefined || account === undefined || name === undefined) {
    throw invalidArgument(`StreamARN ${StreamARN} is not the ARN of a stream.`);
  }
  if (StreamName !== undefined && StreamName !== name) {
    throw invalidArgument(`StreamName ${StreamName} and StreamARN ${StreamARN} name different streams.`);
  }
  return { account, region, name };
}

/** The stream of that name, in whatever state, unless it is gone. */
export function findStream(name: StreamName, { database, now }: Call): Stream | undefined {
  const known = knownStreams.of(database);
  const key = keyOf(name);
  const found = known.get(key);
  if (found !== undefined) return exists(found, now) ? found : undefined;

  const row = database.get(selectStream, { ...name, now });
  if (row === undefined) return undefined;
  const stream = streamOf(row, database.all(selectShards, { stream: row.id }));
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, stream);
  return stream;
}

/** @throws ApiError ResourceNotFoundException */
export function requireStream(reference: StreamReference, call: Call): Stream {
  const name = streamNameOf(reference, call);
  const stream = findStream(name, call);
  if (stream === undefined) throw streamNotFound(name);
  return stream;
}

type Instants = Pick<Stream, 'createdMs' | 'activeMs' | 'deletedMs' | 'goneMs'>;

/**
 * The state that follows from the stored instants. A transition is an interval with a beginning and an end, so that a
 * clock that is set back cuts it short instead of sending an ACTIVE stream back to CREATING.
 */
export function statusOf({ createdMs, activeMs, goneMs }: Instants, now: number): StreamStatus {
  if (goneMs !== null) return 'DELETING';
  return createdMs <= now && now < activeMs ? 'CREATING' : 'ACTIVE';
}

/** The same rule as `existsAt`, for a stream in memory. */
const exists = ({ deletedMs, goneMs }: Instants, now: number): boolean =>
  goneMs === null || (deletedMs! <= now && now < goneMs);

/** The open shard whose hash key range contains `hex`. */
export function shardFor(hex: HexHashKey, { openShards }: Stream): Shard {
  let low = 0;
  let high = openShards.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (openShards[middle]!.startingHex <= hex) low = middle;
    else high = middle - 1;
  }
  return openShards[low]!;
}

type StreamRow = NonNullable<(typeof selectStream)['row']>;
type ShardRow = NonNullable<(typeof selectShards)['row']>;

function streamOf(row: StreamRow, shardRows: readonly ShardRow[]): Stream {
  const name = { account: row.account_id, region: row.region, name: row.name };
  const shards = shardRows.map(shardOf);
  const open = shards.filter(({ closedMs }) => closedMs === null);
  return {
    ...name,
    id: row.id,
    arn: streamArnOf(name),
    streamId: row.stream_id,
    mode: row.stream_mode,
    retentionHours: row.retention_hours,
    maxRecordKib: row.max_record_kib,
    warmThroughputMibps: row.warm_throughput_mibps,
    createdMs: row.created_ms,
    activeMs: row.active_ms,
    deletedMs: row.deleted_ms,
    goneMs: row.gone_ms,
    shards,
    openShards: open.sort((a, b) => (a.startingHex < b.startingHex ? -1 : 1)),
  };
}

function shardOf(row: ShardRow): Shard {
  return {
    id: row.id,
    index: row.shard_index,
    shardId: shardIdOf(row.shard_index),
    parentIndex: row.parent_shard_index,
    adjacentParentIndex: row.adjacent_parent_shard_index,
    startingHashKey: row.starting_hash_key,
    endingHashKey: row.ending_hash_key,
    startingHex: hexOfDecimal(row.starting_hash_key)!,
    createdS: row.created_s,
    closedMs: row.closed_ms,
    sequenceNumbers: sequenceNumbersOf(row.created_s, row.shard_index),
  };
}
