/**
 * Deliveries: batches of buffered records, each of which becomes one object, as rows. What the object depends on is
 * fixed when the batch is planned (see planning.ts); the row then tells whether it waits, was delivered or was dropped.
 */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { clearSlice, type Span } from './buffer-log.ts';
import type { StoredObject } from './objects/object-store.ts';

/** A retry waits at most so long; one that seems to be further away was stored by a clock that was set back. */
const BACKOFF_MAX_MS = 60_000;
const BACKOFF_MIN_MS = 1000;

const selectReady = query((bind: Bind<{ deliveryStream: number; now: number; latestMs: number }>, db) =>
  db
    .selectFrom('deliveries')
    .selectAll()
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED'))
    .where((column) => column.or([column('retry_ms', '<=', bind('now')), column('retry_ms', '>', bind('latestMs'))]))
    .orderBy('id')
    .limit(sql.lit(1)),
);

export type Delivery = NonNullable<(typeof selectReady)['row']>;

/** The oldest batch of a delivery stream that is to be tried at the instant `now`. */
export const readyDelivery = (deliveryStream: number, now: number, database: Database): Delivery | undefined =>
  database.get(selectReady, { deliveryStream, now, latestMs: now + BACKOFF_MAX_MS });

export const spanOf = ({ first_position, last_position }: Delivery): Span => ({
  from: first_position,
  until: last_position,
});

interface Delivered extends StoredObject {
  readonly id: number;
  readonly now: number;
  readonly place: string;
}

const markDelivered = query((bind: Bind<Delivered>, db) =>
  db
    .updateTable('deliveries')
    .set({
      state: sql.lit('DELIVERED'),
      ended_ms: bind('now'),
      last_error: sql.lit(null),
      place: bind('place'),
      path: bind('path'),
      object_bytes: bind('sizeBytes'),
      sha256: bind('sha256'),
      md5: bind('md5'),
    })
    .where('id', '=', bind('id')),
);

/**
 * The object of a batch is in its place. Also right when the batch was dropped meanwhile, for the object is there. Only
 * inside the body of a write.
 */
export function confirm(
  { id }: Delivery,
  object: StoredObject & { readonly place: string },
  { database, now }: Pick<Call, 'database' | 'now'>,
): void {
  database.run(markDelivered, { ...object, id, now });
}

const markFailed = query((bind: Bind<{ id: number; retryMs: number; error: string }>, db) =>
  db
    .updateTable('deliveries')
    .set((column) => ({
      attempts: column('attempts', '+', sql.lit(1)),
      retry_ms: bind('retryMs'),
      last_error: bind('error'),
    }))
    .where('id', '=', bind('id'))
    .where('state', '=', sql.lit('PLANNED')),
);

/** An attempt failed: the next one comes after 1, 2, 4 … at most 60 seconds. Only inside the body of a write. */
export function postpone(
  { id, attempts }: Delivery,
  error: string,
  { database, now }: Pick<Call, 'database' | 'now'>,
): void {
  const waitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempts, 16));
  database.run(markFailed, { id, retryMs: now + waitMs, error });
}

const hasten = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .updateTable('deliveries')
    .set({ retry_ms: sql.lit(0) })
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED')),
);

/** Has all batches of a delivery stream tried at the next opportunity. Only inside the body of a write. */
export function hastenRetries(deliveryStream: number, database: Database): void {
  database.run(hasten, { deliveryStream });
}

const markDropped = query((bind: Bind<{ id: number; now: number }>, db) =>
  db
    .updateTable('deliveries')
    .set({ state: sql.lit('DROPPED'), ended_ms: bind('now') })
    .where('id', '=', bind('id'))
    .where('state', '=', sql.lit('PLANNED')),
);

/** Gives a batch up. Only inside the body of a write. */
export function drop({ id }: Pick<Delivery, 'id'>, { database, now }: Pick<Call, 'database' | 'now'>): void {
  database.run(markDropped, { id, now });
}

const dropPlanned = query((bind: Bind<{ deliveryStream: number; now: number }>, db) =>
  db
    .updateTable('deliveries')
    .set({ state: sql.lit('DROPPED'), ended_ms: bind('now') })
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED')),
);

/** Gives up all batches of a delivery stream, because its user deletes it. Only inside the body of a write. */
export function dropPlannedOf(deliveryStream: number, { database, now }: Pick<Call, 'database' | 'now'>): void {
  database.run(dropPlanned, { deliveryStream, now });
}

const selectUncleared = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .selectFrom('deliveries')
    .selectAll()
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '!=', sql.lit('PLANNED'))
    .orderBy('id')
    .limit(sql.lit(1)),
);

const markCleared = query((bind: Bind<{ id: number }>, db) =>
  db
    .updateTable('deliveries')
    .set({ is_cleared: sql.lit(1) })
    .where('id', '=', bind('id')),
);

/** A batch of a delivery stream that has ended and whose buffered records are still there. */
export const unclearedDelivery = (deliveryStream: number, database: Database): Delivery | undefined =>
  database.get(selectUncleared, { deliveryStream });

/** Deletes a slice of the buffered records of a batch that has ended. Only inside the body of a write. */
export function clear(delivery: Delivery, database: Database): void {
  if (clearSlice(delivery.buffer, spanOf(delivery), database)) database.run(markCleared, { id: delivery.id });
}

const selectExpired = query((bind: Bind<{ deliveryStream: number; untilMs: number }>, db) =>
  db
    .selectFrom('deliveries')
    .selectAll()
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED'))
    .where('attempts', '>', sql.lit(0))
    .where('last_arrived_ms', '<=', bind('untilMs'))
    .orderBy('id'),
);

/** The batches of a delivery stream that were tried in vain and whose records all arrived at or before `untilMs`. */
export const expiredDeliveries = (deliveryStream: number, untilMs: number, database: Database): readonly Delivery[] =>
  database.all(selectExpired, { deliveryStream, untilMs });
