/** What must be true of updates of the number of shards: done as a whole, or not at all. */
import type { Scale } from '../history.ts';
import type { ObservedShard, ObservedStream } from '../observation.ts';
import type { Findings } from './findings.ts';

/** NoLoss of one that was acknowledged. What one of unknown outcome did in part is explained by nobody: see `madeBy`. */
export function checkScale(scale: Scale, { name, shards }: ObservedStream, findings: Findings): void {
  if (scale.outcome !== 'ok' || isDone(scale, shards)) return;
  const message = `The UpdateShardCount of ${name} to ${scale.count} was acknowledged and is not there.`;
  findings.add('NoLoss', message);
}

/**
 * The shards that such an update may have made: the successors of those that were open before it, once it is done. Later
 * ones among them have been made by later splits and merges, and are explained by these too.
 */
export const madeBy = (scale: Scale, shards: readonly ObservedShard[]): number[] =>
  isDone(scale, shards)
    ? successorsOf(scale, shards).flatMap(({ index }) => (scale.from.includes(index) ? [] : [index]))
    : [];

/** Whether there are, or have been, as many equal shards, made of those that were open before. */
function isDone(scale: Scale, shards: readonly ObservedShard[]): boolean {
  const successors = successorsOf(scale, shards);
  const count = BigInt(scale.count);
  const startAt = (place: bigint) => (place * KEYS) / count;
  return Array.from({ length: scale.count }, (_, place) => BigInt(place)).every((place) =>
    successors.some(
      ({ from, to }) => isNear(from, startAt(place), count) && isNear(to, startAt(place + 1n) - 1n, count),
    ),
  );
}

const KEYS = 1n << 128n;

/** How the remainder of a division is spread is not promised. */
function isNear(hex: string, wanted: bigint, count: bigint): boolean {
  const apart = BigInt(`0x${hex}`) - wanted;
  return apart <= count && -apart <= count;
}

/** The shards that were open before, and all that descend from them alone. Children have higher indices than parents. */
function successorsOf({ from }: Scale, shards: readonly ObservedShard[]): ObservedShard[] {
  const found = new Map<number, ObservedShard>();
  for (const shard of shards.toSorted((a, b) => a.index - b.index)) {
    const { index, parents } = shard;
    if (from.includes(index) || (parents.length > 0 && parents.every((parent) => found.has(parent)))) {
      found.set(index, shard);
    }
  }
  return [...found.values()];
}
