/**
 * How shards become others of equal size by nothing but splits in two and merges of two neighbours. Pure.
 *
 * The hash keys are walked through from the lowest to the highest, one target range after the other. A shard in which
 * target boundaries lie is split at them; the pieces inside a target range are merged by pairs until one is left. A shard
 * that has exactly a target range stays open. So doubling is one split per shard, halving one merge per pair, and 4 -> 3
 * leaves 11 shards of which 6, 9 and 10 are open, as was seen on AWS. Boundaries are taken from the middle and merges
 * done in rounds, so that a lineage has few generations however uneven the shards are: about log2 of the pieces.
 */
import { evenRanges, type HashKeyRange } from './hash-key.ts';

/** A shard as far as it matters here. */
export interface Piece {
  readonly index: number;
  /** Inclusive. */
  readonly starting: bigint;
  readonly ending: bigint;
  /** The creation second in its sequence numbers. */
  readonly createdS: number;
}

/** A shard to be made: by a split of `parent`, or by merging it with `adjacentParent`, its upper neighbour. */
export interface PlannedShard extends Piece {
  readonly parent: number;
  readonly adjacentParent: number | null;
}

export interface ScalingPlan {
  /** In the order of their indices, parents before children. */
  readonly created: readonly PlannedShard[];
  /** The indices of all that are split or merged, of those in `created` too. */
  readonly closed: ReadonlySet<number>;
  /** How many shards are open at the same time at most, when the steps are done one after the other. */
  readonly peak: number;
}

/**
 * Boundaries that lie so close to each other are the same one: widths are rounded down to whole keys, so the boundaries
 * of n equal shards differ by up to n keys from those of 2n, and splits at these would leave slivers. Ranges that are
 * called equal may so differ by this many of their 10^34 keys or more.
 */
const TOLERANCE = 1n << 17n;

/**
 * The plan by which the open shards `open`, which cover all hash keys in ascending order, become `target` equal ones.
 * New indices count up from `firstIndex`; a child is created in the second after its parents' last, which is
 * `closingSecondOf` a parent.
 */
export function planUniformScaling(
  open: readonly Piece[],
  target: number,
  { firstIndex, closingSecondOf }: { firstIndex: number; closingSecondOf: (parent: Piece) => number },
): ScalingPlan {
  const created: PlannedShard[] = [];
  const closed = new Set<number>();
  let peak = open.length;

  const make = (parents: readonly [Piece] | readonly [Piece, Piece], starting: bigint, ending: bigint): Piece => {
    for (const { index } of parents) closed.add(index);
    const made = {
      index: firstIndex + created.length,
      starting,
      ending,
      createdS: Math.max(...parents.map(closingSecondOf)) + 1,
      parent: parents[0].index,
      adjacentParent: parents[1]?.index ?? null,
    };
    created.push(made);
    peak = Math.max(peak, open.length + created.length - closed.size);
    return made;
  };
  /** Splits `piece` before each of the keys `boundaries`, which lie inside of it. */
  const split = (piece: Piece, boundaries: readonly bigint[]): Piece[] => {
    if (boundaries.length === 0) return [piece];
    const middle = (boundaries.length - 1) >> 1;
    const key = boundaries[middle]!;
    const lower = make([piece], piece.starting, key - 1n);
    const upper = make([piece], key, piece.ending);
    return [...split(lower, boundaries.slice(0, middle)), ...split(upper, boundaries.slice(middle + 1))];
  };
  const mergeAll = (pieces: readonly Piece[]): void => {
    let round = pieces;
    while (round.length > 1) {
      round = pairsOf(round).map(([lower, upper]) =>
        upper === undefined ? lower : make([lower, upper], lower.starting, upper.ending),
      );
    }
  };

  const ends = targetEnds(open, evenRanges(target));
  let inRange: Piece[] = [];
  let end = 0;
  for (const shard of open) {
    const boundaries: bigint[] = [];
    for (let next = end; ends[next]! < shard.ending; next += 1) boundaries.push(ends[next]! + 1n);
    for (const piece of split(shard, boundaries)) {
      inRange.push(piece);
      if (piece.ending !== ends[end]) continue;
      mergeAll(inRange);
      inRange = [];
      end += 1;
    }
  }
  return { created, closed, peak };
}

/** The last keys of the target ranges: those of `open` shards where they are the same but for rounding. */
function targetEnds(open: readonly Piece[], ranges: readonly HashKeyRange[]): bigint[] {
  let at = 0;
  return ranges.map(({ ending }) => {
    const key = BigInt(ending);
    // The nearest: distances grow again from there on.
    while (at + 1 < open.length && distance(open[at + 1]!.ending, key) <= distance(open[at]!.ending, key)) at += 1;
    const nearest = open[at]!.ending;
    return distance(nearest, key) <= TOLERANCE ? nearest : key;
  });
}

const distance = (a: bigint, b: bigint): bigint => (a < b ? b - a : a - b);

const pairsOf = (pieces: readonly Piece[]): (readonly [Piece, Piece?])[] =>
  pieces.flatMap((piece, offset) => {
    if (offset % 2 === 1) return [];
    const upper = pieces[offset + 1];
    return [upper === undefined ? [piece] : [piece, upper]];
  });
