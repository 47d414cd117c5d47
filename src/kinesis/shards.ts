/**
 * SplitShard, MergeShards. Both write at once how the stream will look when the update ends, at an instant that everybody
 * derives the same from: until then the parents take the records, from then on the children.
 */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { required, structure } from '../protocol/shape.ts';
import { assertRoomForShards } from './account-limits.ts';
import { invalidSplitKey, shardClosed, shardNotFound, shardsNotAdjacent } from './errors.ts';
import { nextIndex, RESHARD_ERRORS, requireReshardable, reshard } from './resharding.ts';
import { hashKey, shardId, streamReference } from './shapes.ts';
import { shardIdOf, shardIndexOf } from './shard-id.ts';
import { findShard, type Stream, type StreamReference, streamNameOf } from './stream-store.ts';
import { closingSecond, type Shard } from './topology.ts';
import { updateEndOf } from './updates.ts';

/** Inclusive hash keys. */
interface Range {
  readonly starting: bigint;
  readonly ending: bigint;
}

export const SplitShard = operation({
  access: 'write',
  input: structure({
    NewStartingHashKey: required(hashKey),
    ...streamReference,
    ShardToSplit: required(shardId),
  }),
  rate: 'splitShardCallsPerSecond',
  errors: RESHARD_ERRORS,
  run({ NewStartingHashKey, ShardToSplit, ...reference }, call) {
    const [index] = shardIndices([ShardToSplit], reference, call);
    const stream = requireReshardable(reference, call);
    const parent = requireShard(index!, stream, call);
    assertOpen(parent, stream);
    assertRoomForShards(1, stream, call);
    const key = BigInt(NewStartingHashKey);
    const [starting, ending] = [BigInt(parent.startingHashKey), BigInt(parent.endingHashKey)];
    if (key <= starting + 1n || key >= ending) {
      throw invalidSplitKey(NewStartingHashKey, parent, stream);
    }
    const ranges = [
      { starting, ending: key - 1n },
      { starting: key, ending },
    ];
    replace(stream, [parent], ranges, call);
  },
});

export const MergeShards = operation({
  access: 'write',
  input: structure({
    ShardToMerge: required(shardId),
    AdjacentShardToMerge: required(shardId),
    ...streamReference,
  }),
  rate: 'mergeShardsCallsPerSecond',
  errors: RESHARD_ERRORS,
  run({ ShardToMerge, AdjacentShardToMerge, ...reference }, call) {
    const indices = shardIndices([ShardToMerge, AdjacentShardToMerge], reference, call);
    const stream = requireReshardable(reference, call);
    const [lower, upper] = indices.map((index) => requireShard(index, stream, call)) as [Shard, Shard];
    assertOpen(lower, stream);
    assertOpen(upper, stream);
    // AWS takes the pair in the order of the hash keys only.
    if (BigInt(lower.endingHashKey) + 1n !== BigInt(upper.startingHashKey)) {
      throw shardsNotAdjacent(lower.shardId, upper.shardId, stream);
    }
    const range = { starting: BigInt(lower.startingHashKey), ending: BigInt(upper.endingHashKey) };
    replace(stream, [lower, upper], [range], call);
  },
});

/** AWS reads the ids before it looks for the stream. */
function shardIndices(texts: readonly string[], reference: StreamReference, call: Call): number[] {
  const name = streamNameOf(reference, call);
  return texts.map((text) => {
    const index = shardIndexOf(text);
    if (index === undefined) throw shardNotFound(text, name);
    return index;
  });
}

function requireShard(index: number, stream: Stream, call: Call): Shard {
  const shard = findShard(index, stream, call);
  if (shard === undefined) throw shardNotFound(shardIdOf(index), stream);
  return shard;
}

function assertOpen({ closedMs, shardId }: Shard, stream: Stream): void {
  if (closedMs !== null) throw shardClosed(shardId, stream);
}

/**
 * Replaces `parents` by shards with the hash key `ranges`, from the end of the update on. The children's creation second
 * is the one after the parents' last, so that their sequence numbers are above all of the parents'.
 */
function replace(stream: Stream, parents: readonly Shard[], ranges: readonly Range[], call: Call): void {
  const firstIndex = nextIndex(stream, call);
  const createdS = Math.max(...parents.map((parent) => closingSecond(parent, updateEndOf(call)))) + 1;
  const created = ranges.map((range, offset) => ({
    ...range,
    index: firstIndex + offset,
    parent: parents[0]!.index,
    adjacentParent: parents[1]?.index ?? null,
    createdS,
  }));
  reshard(stream, { created, closed: new Set(parents.map(({ index }) => index)) }, call);
}
