/**
 * Streams and their shards as the operations see them: found by name or ARN, with the state that follows from the
 * stored instants and `call.now`. No timer moves a stream from one state to the next.
 */
import type { Call } from '../call.ts';
import { memory } from '../database/memory.ts';
import { type Bind, query } from '../database/query.ts';
import { exists, existsAt, isWithin } from '../lifecycle.ts';
import { noteChange } from './changes.ts';
import { invalidArgument, streamNotFound } from './errors.ts';
import { tipOf } from './record-log.ts';
import { NO_SHARDS, type Shard, type ShardRow, type Topology, topologiesOf } from './topology.ts';

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
  /** What arrived at or before this instant had expired when the retention was changed last. */
  readonly trimmedMs: number;
  /** Null: the quota in force. */
  readonly maxRecordKib: number | null;
  readonly warmThroughputMibps: number | null;
  /** The names of the enhanced metrics that are on. */
  readonly shardLevelMetrics: readonly string[];
  readonly recordDistribution: 'AUTO' | 'USER_PARTITION_KEY';
  /** The keys of its records by the instant from which on they are in force, ascending; see `keyIdAt`. */
  readonly encryption: readonly { readonly from_ms: number; readonly key_id: string | null }[];
  readonly createdMs: number;
  readonly activeMs: number;
  readonly deletedMs: number | null;
  readonly goneMs: number | null;
  /** The beginning and the end of the latest update of the stream, for instance a split; null when there was none. */
  readonly updatingMs: number | null;
  readonly updatedMs: number | null;
  /** The shards as they are while the latest update is in progress, and as they are when it is not. */
  readonly topologies: { readonly before: Topology; readonly after: Topology };
}

/** The data at an instant. */
export type Moment = Pick<Call, 'database' | 'now'>;

export type StreamStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';

export interface StreamName {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface StreamReference {
  readonly StreamName?: string | undefined;
  readonly StreamARN?: string | undefined;
  readonly StreamId?: string | undefined;
}

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

const selectEncryption = query((bind: Bind<{ stream: number }>, db) =>
  db
    .selectFrom('stream_encryption')
    .select(['from_ms', 'key_id'])
    .where('stream', '=', bind('stream'))
    .orderBy('from_ms'),
);

const selectNameOfId = query((bind: Bind<{ account: string; region: string; streamId: string; now: number }>, db) =>
  db
    .selectFrom('streams')
    .select('name')
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('stream_id', '=', bind('streamId'))
    .where(existsAt(bind('now'))),
);

/** Streams by account, region and name. Filled on demand. */
const knownStreams = memory(() => new Map<string, Stream>());

/** At most this many streams are remembered. */
const KNOWN_MAX = 10_000;

const keyOf = ({ account, region, name }: StreamName) => `${account}/${region}/${name}`;

/** To be called by whoever changes a stream's row or its shards' (other than a shard's position and last arrival). */
export function forgetStream(name: StreamName, { database }: Pick<Call, 'database'>): void {
  knownStreams.of(database).delete(keyOf(name));
  noteChange(database);
}

export const streamArnOf = ({ region, account, name }: StreamName) =>
  `arn:aws:kinesis:${region}:${account}:stream/${name}`;

/** Stricter than the API model's pattern, in which colons may stand anywhere. */
const STREAM_ARN = /^arn:aws[a-z-]*:kinesis:([a-z0-9-]+):(\d{12}):stream\/([a-zA-Z0-9_.-]+)$/;

/** The stream that an ARN names; undefined when it is not the ARN of a stream. */
export function streamNameOfArn(arn: string): StreamName | undefined {
  const [, region, account, name] = STREAM_ARN.exec(arn) ?? [];
  return region && account && name ? { account, region, name } : undefined;
}

/** Whether `arn` is that of the stream, in whatever partition: requests are not answered differently by it. */
export function isArnOf(arn: string, stream: StreamName): boolean {
  const found = streamNameOfArn(arn);
  return found !== undefined && keyOf(found) === keyOf(stream);
}

/**
 * The name that a request means: by StreamARN in the ARN's account and region, otherwise in the caller's. StreamId, which
 * AWS reserves for later, names a stream where it stands alone; beside another name it is not looked at, as on AWS.
 * @throws ApiError InvalidArgumentException when none is given or they contradict each other, ResourceNotFoundException
 * when no stream has the StreamId
 */
export function streamNameOf({ StreamName, StreamARN, StreamId }: StreamReference, call: Call): StreamName {
  const { account, region } = call;
  if (StreamARN === undefined) {
    if (StreamName !== undefined) return { account, region, name: StreamName };
    if (StreamId !== undefined) return { account, region, name: nameOfId(StreamId, call) };
    throw invalidArgument('Either StreamName or StreamARN must be provided.');
  }
  const found = streamNameOfArn(StreamARN);
  if (found === undefined) throw invalidArgument(`StreamARN ${StreamARN} is not the ARN of a stream.`);
  if (StreamName !== undefined && StreamName !== found.name) {
    throw invalidArgument(`StreamName ${StreamName} and StreamARN ${StreamARN} name different streams.`);
  }
  return found;
}

function nameOfId(streamId: string, { account, region, now, database }: Call): string {
  const found = database.get(selectNameOfId, { account, region, streamId, now });
  if (found === undefined) throw streamNotFound({ name: streamId, account });
  return found.name;
}

/** The stream of that name, in whatever state, unless it is gone. */
export function findStream(name: StreamName, { database, now }: Moment): Stream | undefined {
  const known = knownStreams.of(database);
  const key = keyOf(name);
  const found = known.get(key);
  if (found !== undefined) return exists(found, now) ? found : undefined;

  const row = database.get(selectStream, { ...name, now });
  if (row === undefined) return undefined;
  const stream = streamOf(
    row,
    database.all(selectShards, { stream: row.id }),
    database.all(selectEncryption, { stream: row.id }),
  );
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

/**
 * Of streams that had the same name one after the other, only the one that is there is found. Clients know creation times
 * in whole seconds.
 * @throws ApiError ResourceNotFoundException when the stream was not created at the instant `ms`
 */
export function assertCreatedAt(ms: number, stream: Stream): void {
  if (Math.floor(ms / 1000) !== Math.floor(stream.createdMs / 1000)) throw streamNotFound(stream);
}

export interface NewShard {
  readonly stream: number;
  readonly index: number;
  readonly parent: number | null;
  readonly adjacentParent: number | null;
  /** Decimal, inclusive. */
  readonly starting: string;
  readonly ending: string;
  readonly createdS: number;
  /** From here on it takes records; 0 for the shards of a new stream. */
  readonly openedMs: number;
  /** Of one that lives no longer than the change itself: `openedMs`. */
  readonly closedMs: number | null;
  readonly lastArrivedMs: number;
}

const insertShard = query((bind: Bind<NewShard>, db) =>
  db.insertInto('shards').values({
    stream: bind('stream'),
    shard_index: bind('index'),
    parent_shard_index: bind('parent'),
    adjacent_parent_shard_index: bind('adjacentParent'),
    starting_hash_key: bind('starting'),
    ending_hash_key: bind('ending'),
    created_s: bind('createdS'),
    opened_ms: bind('openedMs'),
    closed_ms: bind('closedMs'),
    last_arrived_ms: bind('lastArrivedMs'),
  }),
);

/** Only inside the body of a write, which ends with `forgetStream`. */
export function addShard(shard: NewShard, { database }: Pick<Call, 'database'>): void {
  database.run(insertShard, shard);
}

type Instants = Pick<Stream, 'createdMs' | 'activeMs' | 'updatingMs' | 'updatedMs' | 'deletedMs' | 'goneMs'>;

/** The state that follows from the stored instants. */
export function statusOf(stream: Instants, now: number): StreamStatus {
  if (stream.goneMs !== null) return 'DELETING';
  if (isWithin(now, stream.createdMs, stream.activeMs)) return 'CREATING';
  return isWithin(now, stream.updatingMs, stream.updatedMs) ? 'UPDATING' : 'ACTIVE';
}

const settleCreation = query((bind: Bind<{ id: number }>, db) =>
  db
    .updateTable('streams')
    .set((column) => ({ active_ms: column.ref('created_ms') }))
    .where('id', '=', bind('id')),
);

const settleUpdate = query((bind: Bind<{ id: number }>, db) =>
  db
    .updateTable('streams')
    .set((column) => ({ updating_ms: column.ref('updated_ms') }))
    .where('id', '=', bind('id')),
);

/**
 * Makes the ends of transitions that a write has seen final: a shard whose children hold records must not be open again,
 * neither after a clock was set back a little nor when one that was set back has come to the beginning of the transition.
 * Only inside the body of a write.
 */
export function settle(stream: Stream, { now, database }: Call): void {
  const { id, createdMs, activeMs, updatingMs, updatedMs } = stream;
  const isCreationOver = createdMs < activeMs && !isWithin(now, createdMs, activeMs);
  const isUpdateOver = updatedMs !== null && updatingMs! < updatedMs && !isWithin(now, updatingMs, updatedMs);
  if (!isCreationOver && !isUpdateOver) return;
  if (isCreationOver) database.run(settleCreation, { id });
  if (isUpdateOver) database.run(settleUpdate, { id });
  forgetStream(stream, { database });
}

/** Makes a stream that is CREATING be ACTIVE before its time. Only inside the body of a write. */
export function endCreation(stream: Stream, { database }: Pick<Call, 'database'>): void {
  database.run(settleCreation, { id: stream.id });
  forgetStream(stream, { database });
}

/** The key that records arriving at the instant `ms` are encrypted with; undefined when they are not. */
export function keyIdAt({ encryption }: Pick<Stream, 'encryption'>, ms: number): string | undefined {
  return encryption.findLast(({ from_ms }) => from_ms <= ms)?.key_id ?? undefined;
}

/** The shards of a stream as everybody sees them at the instant `now`: none before it is ACTIVE. */
export function topologyAt(stream: Stream, now: number): Topology {
  const { before, after } = stream.topologies;
  if (statusOf(stream, now) === 'CREATING') return NO_SHARDS;
  return isWithin(now, stream.updatingMs, stream.updatedMs) ? before : after;
}

const HOUR_MS = 3_600_000;

/** No stream keeps its records for less. */
const SHORTEST_RETENTION_MS = 24 * HOUR_MS;

/**
 * Records that arrived at or before this instant have expired. A longer retention does not bring back what had expired
 * before. No clock writes a `trimmedMs` of the last day: one that did was ahead, and has been set back since, so that
 * nothing had expired in truth.
 */
export function horizonOf({ retentionHours, trimmedMs }: Pick<Stream, 'retentionHours' | 'trimmedMs'>, now: number) {
  const horizonMs = now - retentionHours * HOUR_MS;
  return trimmedMs > horizonMs && trimmedMs <= now - SHORTEST_RETENTION_MS ? trimmedMs : horizonMs;
}

/** Closed for so long that none of its records is left: it is not listed any more, and nothing can be asked of it. */
function isTrimmed({ id, closedMs }: Shard, stream: Stream, { now, database }: Moment): boolean {
  const horizonMs = horizonOf(stream, now);
  return closedMs !== null && closedMs <= horizonMs && tipOf(id, database).lastArrivedMs <= horizonMs;
}

/** The shards that a client may know of, by index. */
export const listedShards = (stream: Stream, moment: Moment): readonly Shard[] =>
  topologyAt(stream, moment.now).listed.filter((shard) => !isTrimmed(shard, stream, moment));

export function findShard(index: number, stream: Stream, call: Call): Shard | undefined {
  const shard = topologyAt(stream, call.now).byIndex.get(index);
  return shard === undefined || isTrimmed(shard, stream, call) ? undefined : shard;
}

type StreamRow = NonNullable<(typeof selectStream)['row']>;

function streamOf(row: StreamRow, shardRows: readonly ShardRow[], encryption: Stream['encryption']): Stream {
  const name = { account: row.account_id, region: row.region, name: row.name };
  return {
    ...name,
    id: row.id,
    arn: streamArnOf(name),
    streamId: row.stream_id,
    mode: row.stream_mode,
    retentionHours: row.retention_hours,
    trimmedMs: row.trimmed_ms,
    maxRecordKib: row.max_record_kib,
    warmThroughputMibps: row.warm_throughput_mibps,
    shardLevelMetrics: JSON.parse(row.shard_level_metrics),
    recordDistribution: row.record_distribution,
    encryption,
    createdMs: row.created_ms,
    activeMs: row.active_ms,
    deletedMs: row.deleted_ms,
    goneMs: row.gone_ms,
    updatingMs: row.updating_ms,
    updatedMs: row.updated_ms,
    topologies: topologiesOf(shardRows, row.updated_ms),
  };
}
