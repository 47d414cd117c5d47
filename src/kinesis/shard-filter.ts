/** ShardFilter: which shards a listing is about. */
import type { Call } from '../call.ts';
import { type Decoded, oneOf, required, structure, timestamp } from '../protocol/shape.ts';
import { invalidArgument } from './errors.ts';
import { tipOf } from './record-log.ts';
import { shardId } from './shapes.ts';
import { horizonOf, type Stream } from './stream-store.ts';
import type { Shard } from './topology.ts';

export const shardFilter = structure({
  Type: required(
    oneOf('AFTER_SHARD_ID', 'AT_TRIM_HORIZON', 'FROM_TRIM_HORIZON', 'AT_LATEST', 'AT_TIMESTAMP', 'FROM_TIMESTAMP'),
  ),
  ShardId: shardId,
  Timestamp: timestamp(),
});
type ShardFilter = Decoded<typeof shardFilter>;
type FilterType = ShardFilter['Type'];

const NEEDS_SHARD_ID: readonly FilterType[] = ['AFTER_SHARD_ID'];
const NEEDS_TIMESTAMP: readonly FilterType[] = ['AT_TIMESTAMP', 'FROM_TIMESTAMP'];

/** @throws ApiError InvalidArgumentException when a parameter is missing, or does not belong to the type */
export function assertFilter({ Type, ShardId, Timestamp }: ShardFilter): void {
  const parameters = [
    ['ShardId', ShardId, NEEDS_SHARD_ID],
    ['Timestamp', Timestamp, NEEDS_TIMESTAMP],
  ] as const;
  for (const [name, value, types] of parameters) {
    const isNeeded = types.includes(Type);
    if (isNeeded && value === undefined) throw invalidArgument(`ShardFilter of type ${Type} needs ${name}.`);
    if (!isNeeded && value !== undefined) {
      throw invalidArgument(`ShardFilter of type ${Type} does not take ${name}; it is for ${types.join(' and ')}.`);
    }
  }
}

/** The shards that had something to do with the instants from `fromMs` until `untilMs`, inclusively. */
export interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Later than any instant. */
const EVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * The period that a filter means. An instant before the trim horizon counts as the horizon. One in the future means what
 * is open now, as nothing else is known of it: a client whose clock is ahead by a little must not be refused.
 */
export function periodOf(filter: ShardFilter | undefined, stream: Stream, { now }: Call): Period {
  const horizonMs = horizonOf(stream, now);
  const fromMs = Math.max(filter?.Timestamp ?? 0, horizonMs);
  switch (filter?.Type) {
    case 'AT_LATEST':
      return { fromMs: EVER_MS, untilMs: EVER_MS };
    case 'AT_TRIM_HORIZON':
    case 'AT_TIMESTAMP':
      return { fromMs, untilMs: fromMs };
    case 'FROM_TIMESTAMP':
      return { fromMs, untilMs: EVER_MS };
    default:
      return { fromMs: 0, untilMs: EVER_MS };
  }
}

/** Whether the shard took records, or could have, in the period. A shard that closes at an instant was there at it. */
export function isFrom({ fromMs, untilMs }: Period, shard: Shard, { database }: Call): boolean {
  if (shard.openedMs > untilMs) return false;
  if (shard.closedMs === null || shard.closedMs >= fromMs) return true;
  // Records that came by a clock which was set back since.
  return fromMs < EVER_MS && tipOf(shard.id, database).lastArrivedMs >= fromMs;
}
