/** What splits, merges and changes of the shard count have in common: which streams allow them, and how they are written. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { onDemand } from './errors.ts';
import { tipOf } from './record-log.ts';
import {
  addShard,
  forgetStream,
  requireStream,
  type Stream,
  type StreamReference,
  topologyAt,
} from './stream-store.ts';
import type { Shard } from './topology.ts';
import type { ScalingPlan } from './uniform-scaling.ts';
import { assertActive, beginUpdate } from './updates.ts';

export const RESHARD_ERRORS = [
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
  'ValidationException',
  'AccessDeniedException',
] as const;

/** @throws ApiError unless the stream is there, its shards are the caller's business, and it is ACTIVE */
export function requireReshardable(reference: StreamReference, call: Call): Stream {
  const stream = requireStream(reference, call);
  if (stream.mode === 'ON_DEMAND') throw onDemand(stream);
  assertActive(stream, call);
  return stream;
}

/** The newest shard is open or has newer children: its row is never removed, so no index is given out twice. */
export const nextIndex = (stream: Stream, { now }: Call): number => topologyAt(stream, now).listed.at(-1)!.index + 1;

/**
 * Makes the stream UPDATING and writes at once how its shards will be when that ends: which are made then, and which, of
 * those too, are closed. Only inside the body of a write.
 * @throws ApiError like `beginUpdate`
 */
export function reshard(
  stream: Stream,
  { created, closed }: Pick<ScalingPlan, 'created' | 'closed'>,
  call: Call,
): void {
  const { database, now } = call;
  const parents = topologyAt(stream, now).open;
  const changeMs = beginUpdate(stream, call);
  const closing = parents.filter(({ index }) => closed.has(index));
  for (const { id } of closing) database.run(closeShard, { id, closedMs: changeMs });
  const lastArrivedMs = arrivalsAfter(changeMs, closing, call);
  for (const { index, parent, adjacentParent, starting, ending, createdS } of created) {
    const lineage = { stream: stream.id, index, parent, adjacentParent, createdS };
    const range = { starting: String(starting), ending: String(ending) };
    const life = closed.has(index) ? { closedMs: changeMs, lastArrivedMs } : { closedMs: null, lastArrivedMs: 0 };
    addShard({ ...lineage, ...range, openedMs: changeMs, ...life }, call);
  }
  forgetStream(stream, call);
}

/**
 * The newest arrival in `closing` shards if it is above `changeMs`, because the clock was set back; otherwise 0. A parent
 * stays listed until its last record has expired, and the short-lived shards between it and its heirs no less.
 */
function arrivalsAfter(changeMs: number, closing: readonly Shard[], { database }: Call): number {
  const newestMs = closing.reduce((newest, { id }) => Math.max(newest, tipOf(id, database).lastArrivedMs), 0);
  return newestMs > changeMs ? newestMs : 0;
}

const closeShard = query((bind: Bind<{ id: number; closedMs: number }>, db) =>
  db
    .updateTable('shards')
    .set({ closed_ms: bind('closedMs') })
    .where('id', '=', bind('id')),
);
