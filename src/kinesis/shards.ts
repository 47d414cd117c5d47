/**
 * SplitShard, MergeShards. Both write at once how the stream will look when the update ends, at an instant that everybody
 * derives the same from: until then the parents take the records, from then on the children.
 */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { required, structure } from '../protocol/shape.ts';
import { assertRoomForShards } from './account-limits.ts';
import { invalidSplitKey, onDemand, shardClosed, shardNotFound, shardsNotAdjacent } from './errors.ts';
import { hashKey, shardId, streamReference } from './shapes.ts';
import { shardIdOf, shardIndexOf } from './shard-id.ts';
import {
  addShard,
  findShard,
  forgetStream,
  requireStream,
  type Stream,
  type StreamReference,
  streamNameOf,
  topologyAt,
} from './stream-store.ts';
import { closingSecond, type Shard } from './topology.ts';
import { assertActive, beginUpdate } from './updates.ts';

const RESHARD_ERRORS = [
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
  'ValidationException',
  'AccessDeniedException',
] as const;

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
    const { startingHashKey: starting, endingHashKey: ending } = parent;
    if (key <= BigInt(starting) + 1n || key >= BigInt(ending)) {
      throw invalidSplitKey(NewStartingHashKey, parent, stream);
    }
    reshard(
      stream,
      [parent],
      [
        { starting, ending: String(key - 1n) },
        { starting: String(key), ending },
      ],
      call,
    );
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
    reshard(stream, [lower, upper], [{ starting: lower.startingHashKey, ending: upper.endingHashKey }], call);
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

function requireReshardable(reference: StreamReference, call: Call): Stream {
  const stream = requireStream(reference, call);
  assertActive(stream, call);
  if (stream.mode === 'ON_DEMAND') throw onDemand(stream);
  return stream;
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
function reshard(
  stream: Stream,
  parents: readonly Shard[],
  ranges: readonly { readonly starting: string; readonly ending: string }[],
  call: Call,
): void {
  const { database, now } = call;
  const changeMs = beginUpdate(stream, call);
  for (const { id } of parents) database.run(closeShard, { id, closedMs: changeMs });
  const createdS = Math.max(...parents.map((parent) => closingSecond(parent, changeMs))) + 1;
  // The newest shard is open or has newer children: its row is never removed, so no index is given out twice.
  const firstIndex = topologyAt(stream, now).listed.at(-1)!.index + 1;
  for (const [offset, range] of ranges.entries()) {
    addShard(
      {
        ...range,
        stream: stream.id,
        index: firstIndex + offset,
        parent: parents[0]!.index,
        adjacentParent: parents[1]?.index ?? null,
        createdS,
        openedMs: changeMs,
      },
      call,
    );
  }
  forgetStream(stream, call);
}

const closeShard = query((bind: Bind<{ id: number; closedMs: number }>, db) =>
  db
    .updateTable('shards')
    .set({ closed_ms: bind('closedMs') })
    .where('id', '=', bind('id')),
);
