/** Updates of streams: one at a time, UPDATING from the call until the transition time has passed. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { assertMayBeUpdated } from './account-limits.ts';
import { notActive, notActiveOrUpdating } from './errors.ts';
import { forgetStream, type Stream, statusOf } from './stream-store.ts';

/** @throws ApiError ResourceInUseException unless the stream is ACTIVE */
export function assertActive(stream: Stream, { now }: Call): void {
  const status = statusOf(stream, now);
  if (status !== 'ACTIVE') throw notActive(stream, status);
}

/** @throws ApiError ResourceInUseException unless the stream is ACTIVE or UPDATING: while it is created or deleted */
export function assertActiveOrUpdating(stream: Stream, { now }: Call): void {
  const status = statusOf(stream, now);
  if (status !== 'ACTIVE' && status !== 'UPDATING') throw notActiveOrUpdating(stream, status);
}

/** The instant at which an update that begins now is over. */
export const updateEndOf = ({ now, transitionMs }: Call): number => now + transitionMs;

const setUpdating = query((bind: Bind<{ stream: number; updatingMs: number; updatedMs: number }>, db) =>
  db
    .updateTable('streams')
    .set({ updating_ms: bind('updatingMs'), updated_ms: bind('updatedMs') })
    .where('id', '=', bind('stream')),
);

/**
 * Makes the stream UPDATING. Only inside the body of a write, before other changes of the stream's rows. Returns the
 * instant at which the update is over.
 * @throws ApiError ResourceInUseException unless it is ACTIVE, LimitExceededException when too many streams are in transition
 */
export function beginUpdate(stream: Stream, call: Call): number {
  assertActive(stream, call);
  assertMayBeUpdated(stream, call);
  const updatedMs = updateEndOf(call);
  call.database.run(setUpdating, { stream: stream.id, updatingMs: call.now, updatedMs });
  forgetStream(stream, call);
  return updatedMs;
}
