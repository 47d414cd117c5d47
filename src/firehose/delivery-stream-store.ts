/**
 * Delivery streams as the operations see them: found by name, with the state that follows from the stored instants and
 * `call.now`. No timer moves a delivery stream from one state to the next.
 */
import { sql } from 'kysely';
import type { Call, World } from '../call.ts';
import { memory } from '../database/memory.ts';
import { type Bind, query } from '../database/query.ts';
import { exists, existsAt, isWithin } from '../lifecycle.ts';
import type { WireValue } from '../protocol/wire-value.ts';
import type { Destination } from './destinations/destination.ts';
import { type Encryption, encryptionOf } from './encryption-state.ts';
import { deliveryStreamNotFound } from './errors.ts';
import { destinationOf } from './versions.ts';

export type DeliveryStreamType = 'DirectPut' | 'KinesisStreamAsSource';
export type DeliveryStreamStatus = 'CREATING' | 'ACTIVE' | 'DELETING';
export type BufferRole = 'destination' | 'backup';

export interface DeliveryStreamName {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface DeliveryStream extends DeliveryStreamName {
  /** The row id, never reused: another delivery stream of the same name has another. */
  readonly id: number;
  readonly arn: string;
  /** The namespace of the UUIDs of its objects. */
  readonly incarnation: string;
  readonly type: DeliveryStreamType;
  /** As DescribeDeliveryStream tells it; undefined where it tells none. */
  readonly source: Source | undefined;
  readonly version: number;
  readonly destination: Destination;
  readonly createdMs: number;
  readonly activeMs: number;
  readonly updatedMs: number | null;
  readonly deletedMs: number | null;
  readonly goneMs: number | null;
  readonly encryption: Encryption;
  /** Where its records wait: for the destination and, if there is one, for the backup. */
  readonly buffers: readonly { readonly id: number; readonly role: BufferRole }[];
}

export type Source = {
  readonly KinesisStreamSourceDescription?: {
    readonly DeliveryStartTimestamp: number;
    readonly KinesisStreamARN: string;
    readonly RoleARN: string;
  };
  readonly DirectPutSourceDescription?: { readonly [member: string]: WireValue };
};

const selectDeliveryStream = query((bind: Bind<DeliveryStreamName & { now: number }>, db) =>
  db
    .selectFrom('delivery_streams')
    .selectAll()
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name'))
    .where(existsAt(bind('now'))),
);

const selectBuffers = query((bind: Bind<{ id: number }>, db) =>
  db
    .selectFrom('buffers')
    .select(['id', 'role'])
    .where('delivery_stream', '=', bind('id'))
    .where('takes_records', '=', sql.lit(1))
    .orderBy('role', 'desc'),
);

/** Delivery streams by account, region and name. Filled on demand. */
const known = memory(() => new Map<string, DeliveryStream>());

/** At most this many delivery streams are remembered. */
const KNOWN_MAX = 10_000;

const keyOf = ({ account, region, name }: DeliveryStreamName) => `${account}/${region}/${name}`;

/** To be called by whoever changes what is stored of a delivery stream (other than what its buffers count). */
export function forgetDeliveryStream(name: DeliveryStreamName, { database }: Pick<World, 'database'>): void {
  known.of(database).delete(keyOf(name));
}

export const deliveryStreamArnOf = ({ region, account, name }: DeliveryStreamName) =>
  `arn:aws:firehose:${region}:${account}:deliverystream/${name}`;

/** The delivery stream of that name, in whatever state, unless it is gone. */
export function findDeliveryStream(
  name: DeliveryStreamName,
  { database, now }: Pick<Call, 'database' | 'now'>,
): DeliveryStream | undefined {
  const remembered = known.of(database);
  const found = remembered.get(keyOf(name));
  if (found !== undefined) return exists(found, now) ? found : undefined;

  const row = database.get(selectDeliveryStream, { ...name, now });
  if (row === undefined) return undefined;
  const { id, version } = row;
  const deliveryStream: DeliveryStream = {
    ...{ account: name.account, region: name.region, name: name.name },
    id,
    arn: deliveryStreamArnOf(name),
    incarnation: row.incarnation,
    type: row.stream_type,
    source: row.source === null ? undefined : JSON.parse(row.source),
    version,
    destination: destinationOf(id, version, database),
    createdMs: row.created_ms,
    activeMs: row.active_ms,
    updatedMs: row.updated_ms,
    deletedMs: row.deleted_ms,
    goneMs: row.gone_ms,
    encryption: encryptionOf(id, database),
    buffers: database.all(selectBuffers, { id }),
  };
  if (remembered.size >= KNOWN_MAX) remembered.clear();
  remembered.set(keyOf(name), deliveryStream);
  return deliveryStream;
}

/** The name of the caller's delivery stream. */
export const nameIn = ({ account, region }: Call, name: string): DeliveryStreamName => ({ account, region, name });

/** @throws ApiError ResourceNotFoundException */
export function requireDeliveryStream(name: string, call: Call): DeliveryStream {
  const found = findDeliveryStream(nameIn(call, name), call);
  if (found === undefined) throw deliveryStreamNotFound(nameIn(call, name));
  return found;
}

/** The state that follows from the stored instants. */
export function statusOf(
  { createdMs, activeMs, goneMs }: Pick<DeliveryStream, 'createdMs' | 'activeMs' | 'goneMs'>,
  now: number,
): DeliveryStreamStatus {
  if (goneMs !== null) return 'DELETING';
  return isWithin(now, createdMs, activeMs) ? 'CREATING' : 'ACTIVE';
}
