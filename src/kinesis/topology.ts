/** The shards of a stream at one instant: which are listed, and which open one takes a hash key. Pure. */
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
  /** The creation second inside the shard's sequence numbers. */
  readonly createdS: number;
  /** From here on it takes records, if a split or merge made it; 0 for the shards of a new stream. */
  readonly openedMs: number;
  /**
   * Since when it takes no records, because it was split or merged; null while it is open. Of a shard that was needed
   * only between two others, this is `openedMs`: it is never open, so it is not there before and closed afterwards.
   */
  readonly closedMs: number | null;
  readonly sequenceNumbers: ReturnType<typeof sequenceNumbersOf>;
}

export interface Topology {
  /** By index, closed shards included. */
  readonly listed: readonly Shard[];
  readonly byIndex: ReadonlyMap<number, Shard>;
  /** By hash key range, ascending: together they cover 0 to 2^128 - 1 without gaps. */
  readonly open: readonly Shard[];
}

/** What the row of a shard says. */
export interface ShardRow {
  readonly id: number;
  readonly shard_index: number;
  readonly parent_shard_index: number | null;
  readonly adjacent_parent_shard_index: number | null;
  readonly starting_hash_key: string;
  readonly ending_hash_key: string;
  readonly created_s: number;
  readonly opened_ms: number;
  readonly closed_ms: number | null;
}

export const NO_SHARDS: Topology = { listed: [], byIndex: new Map(), open: [] };

/**
 * The topologies before and after the change that takes effect at the instant `changeMs`; the same one twice when there
 * is none. Everybody who asks at one instant gets one of them whole, so listings and routing never disagree.
 */
export function topologiesOf(
  rows: readonly ShardRow[],
  changeMs: number | null,
): { before: Topology; after: Topology } {
  const shards = rows.map((row) => shardOf(row, row.closed_ms));
  const after = topologyOf(shards);
  const isChanging = changeMs !== null && rows.some((row) => row.opened_ms === changeMs);
  if (!isChanging) return { before: after, after };
  const before = rows.flatMap((row, offset) => {
    if (row.opened_ms === changeMs) return [];
    return [row.closed_ms === changeMs ? shardOf(row, null) : shards[offset]!];
  });
  return { before: topologyOf(before), after };
}

function topologyOf(shards: readonly Shard[]): Topology {
  return {
    listed: shards,
    byIndex: new Map(shards.map((shard) => [shard.index, shard])),
    open: shards.filter(({ closedMs }) => closedMs === null).sort((a, b) => (a.startingHex < b.startingHex ? -1 : 1)),
  };
}

function shardOf(row: ShardRow, closedMs: number | null): Shard {
  let sequenceNumbers: Shard['sequenceNumbers'] | undefined;
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
    openedMs: row.opened_ms,
    closedMs,
    // Made when it is asked for: of thousands of shards only a few are, and the numbers take as long as all the rest.
    get sequenceNumbers() {
      sequenceNumbers ??= sequenceNumbersOf(row.created_s, row.shard_index);
      return sequenceNumbers;
    },
  };
}

/** The open shard whose hash key range contains `hex`. */
export function shardFor(hex: HexHashKey, { open }: Topology): Shard {
  let low = 0;
  let high = open.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (open[middle]!.startingHex <= hex) low = middle;
    else high = middle - 1;
  }
  return open[low]!;
}

/** The shards that `shard` was split or merged into. */
export const childrenOf = ({ index }: Shard, { listed }: Topology): readonly Shard[] =>
  listed.filter(({ parentIndex, adjacentParentIndex }) => parentIndex === index || adjacentParentIndex === index);

/** The parents of `shard`, as indices: none, one (split) or two (merge). */
export const parentIndicesOf = ({ parentIndex, adjacentParentIndex }: Shard): readonly number[] =>
  [parentIndex, adjacentParentIndex].filter((index) => index !== null);

interface Created {
  readonly createdS: number;
}

/** The first creation second of `shards`. There may be more of them than a call takes arguments, here and below. */
export const oldestSecond = (shards: readonly Created[]): number =>
  shards.reduce((oldest, { createdS }) => Math.min(oldest, createdS), Number.POSITIVE_INFINITY);

/** The last creation second of `shards`, or of consumers; below all seconds when there are none. */
export const newestSecond = (shards: readonly Created[]): number =>
  shards.reduce((newest, { createdS }) => Math.max(newest, createdS), Number.NEGATIVE_INFINITY);

/** The second in a closed shard's EndingSequenceNumber; not before its first, should the clock be behind. */
export const closingSecond = ({ createdS }: Pick<Shard, 'createdS'>, closedMs: number): number =>
  Math.max(Math.floor(closedMs / 1000), createdS);
