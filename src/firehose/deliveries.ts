/**
 * Deliveries: batches of buffered records as rows. What becomes of a batch is fixed when it is planned (see
 * planning.ts); the row then tells which step comes next, whether it waits, was delivered or was dropped.
 */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { clearSlice } from './buffer-clearing.ts';
import type { Span } from './buffer-rows.ts';
import type { StoredObject } from './objects/object-store.ts';
import { forgetRejected } from './search/batches.ts';

/** A retry waits at most so long; one that seems to be further away was stored by a clock that was set back. */
export const RETRY_MAX_MS = 300_000;

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
  database.get(selectReady, { deliveryStream, now, latestMs: now + RETRY_MAX_MS });

export const spanOf = ({ first_position, last_position }: Delivery): Span => ({
  from: first_position,
  until: last_position,
});

const selectReadyForStep = query((bind: Bind<{ deliveryStream: number; step: Delivery['step']; now: number }>, db) =>
  db
    .selectFrom('deliveries')
    .selectAll()
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED'))
    .where('step', '=', bind('step'))
    .where('retry_ms', '<=', bind('now'))
    .orderBy('id'),
);

/** The batches of a delivery stream of which this step is to be tried. */
export const readyForStep = (
  deliveryStream: number,
  step: Delivery['step'],
  now: number,
  database: Database,
): readonly Delivery[] => database.all(selectReadyForStep, { deliveryStream, step, now });

interface Kept extends StoredObject {
  readonly id: number;
  readonly place: string;
}

const setObject = query((bind: Bind<Kept>, db) =>
  db
    .updateTable('deliveries')
    .set({
      place: bind('place'),
      path: bind('path'),
      object_bytes: bind('sizeBytes'),
      sha256: bind('sha256'),
      md5: bind('md5'),
    })
    .where('id', '=', bind('id')),
);

/** Notes that the object of a batch is in its place. Only inside the body of a write. */
export function keepObject(
  { id }: Delivery,
  object: StoredObject & { readonly place: string },
  database: Database,
): void {
  database.run(setObject, { ...object, id });
}

const setStep = query((bind: Bind<{ id: number; step: Delivery['step']; error: string | null }>, db) =>
  db
    .updateTable('deliveries')
    .set({
      step: bind('step'),
      attempts: sql.lit(0),
      retry_ms: sql.lit(0),
      started_ms: sql.lit(null),
      last_error: bind('error'),
    })
    .where('id', '=', bind('id'))
    .where('state', '=', sql.lit('PLANNED'))
    .returning('id'),
);

/**
 * Goes on to a step; `error` tells why, if that is an error. Only inside the body of a write. Returns false when the
 * batch was dropped meanwhile.
 */
export function nextStep({ id }: Delivery, step: Delivery['step'], error: string | null, database: Database): boolean {
  return database.get(setStep, { id, step, error }) !== undefined;
}

const markDelivered = query((bind: Bind<{ id: number; now: number }>, db) =>
  db
    .updateTable('deliveries')
    .set({ state: sql.lit('DELIVERED'), ended_ms: bind('now'), last_error: sql.lit(null) })
    .where('id', '=', bind('id')),
);

/**
 * All of a batch is where it belongs. Also right when the batch was dropped meanwhile, for it is there. Only inside the
 * body of a write.
 */
export function confirm({ id }: Delivery, { database, now }: Pick<Call, 'database' | 'now'>): void {
  database.run(markDelivered, { id, now });
}

/** How long the next attempt waits: `firstMs`, twice as long after each attempt, at most `mostMs`. */
export interface Pacing {
  readonly firstMs: number;
  readonly mostMs: number;
}

interface Failure {
  readonly id: number;
  readonly startedMs: number;
  readonly retryMs: number;
  readonly error: string;
}

const markFailed = query((bind: Bind<Failure>, db) =>
  db
    .updateTable('deliveries')
    .set((column) => ({
      attempts: column('attempts', '+', sql.lit(1)),
      started_ms: sql<number>`min(ifnull(started_ms, ${bind('startedMs')}), ${bind('startedMs')})`,
      retry_ms: bind('retryMs'),
      last_error: bind('error'),
    }))
    .where('id', '=', bind('id'))
    .where('state', '=', sql.lit('PLANNED')),
);

/**
 * An attempt that began at `startedMs` failed: another one comes later, at `latestMs` at the latest. Only inside the body
 * of a write.
 */
export function postpone(
  { id, attempts }: Delivery,
  failure: { readonly startedMs: number; readonly error: string; readonly latestMs?: number },
  { firstMs, mostMs }: Pacing,
  { database, now }: Pick<Call, 'database' | 'now'>,
): void {
  const { startedMs, error, latestMs = Infinity } = failure;
  const waitMs = Math.min(mostMs, firstMs * 2 ** Math.min(attempts, 16));
  database.run(markFailed, { id, startedMs, retryMs: Math.min(now + waitMs, latestMs), error });
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

/** Deletes a slice of the buffered records of a batch that has ended, and of what else it needed. Only inside the body of a write. */
export function clear(delivery: Delivery, database: Database): void {
  if (!clearSlice(delivery.buffer, spanOf(delivery), database)) return;
  if (forgetRejected(delivery.id, database)) database.run(markCleared, { id: delivery.id });
}

const selectExpired = query((bind: Bind<{ deliveryStream: number; untilMs: number }>, db) =>
  db
    .selectFrom('deliveries')
    .selectAll()
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED'))
    .where('attempts', '>', sql.lit(0))
    // Attempts of other steps end by themselves.
    .where((column) => column.or([column('step', '=', sql.lit('STORE')), column('step', '=', sql.lit('REPORT'))]))
    .where('last_arrived_ms', '<=', bind('untilMs'))
    .orderBy('id'),
);

/** The batches of a delivery stream that were tried in vain and whose records all arrived at or before `untilMs`. */
export const expiredDeliveries = (deliveryStream: number, untilMs: number, database: Database): readonly Delivery[] =>
  database.all(selectExpired, { deliveryStream, untilMs });
