/** UpdateShardCount: as many splits and merges as it takes, done as one change; see uniform-scaling.ts for which. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { integer, oneOf, required, structure } from '../protocol/shape.ts';
import { assertRoomForShards } from './account-limits.ts';
import { scalesDownTooFar, scalesUpTooFar, tooManyShards } from './errors.ts';
import { nextIndex, RESHARD_ERRORS, requireReshardable, reshard } from './resharding.ts';
import { streamReference } from './shapes.ts';
import { assertDailyQuota, recordChange } from './stream-changes.ts';
import { type Stream, topologyAt } from './stream-store.ts';
import { closingSecond, type Shard } from './topology.ts';
import { type Piece, planUniformScaling } from './uniform-scaling.ts';
import { updateEndOf } from './updates.ts';

export const UpdateShardCount = operation({
  access: 'write',
  input: structure({
    ScalingType: required(oneOf('UNIFORM_SCALING')),
    ...streamReference,
    TargetShardCount: required(integer({ min: 1 })),
  }),
  rate: 'updateShardCountCallsPerSecond',
  errors: RESHARD_ERRORS,
  run({ TargetShardCount: target, ScalingType: _, ...reference }, call) {
    const stream = requireReshardable(reference, call);
    const { length: current } = topologyAt(stream, call.now).open;
    assertReachable({ current, target }, call);
    // Asking for what is there changes nothing, so it is no change of those that are counted either.
    if (target !== current) scale(stream, target, call);
    return {
      StreamName: stream.name,
      CurrentShardCount: current,
      TargetShardCount: target,
      StreamARN: stream.arn,
    };
  },
});

/** @throws ApiError LimitExceededException when the step is too large, up or down, or the stream would be. */
function assertReachable(counts: { readonly current: number; readonly target: number }, { quotas }: Call): void {
  const { current, target } = counts;
  const { updateShardCountFactor: factor, updateShardCountMaximum: limit } = quotas;
  if (target > current * factor) throw scalesUpTooFar(counts);
  if (target < current / factor) throw scalesDownTooFar(counts);
  // A stream that is larger than that can only become smaller than that.
  if (target > limit || (current > limit && target === limit)) throw tooManyShards(limit, counts);
}

function scale(stream: Stream, target: number, call: Call): void {
  assertDailyQuota('SHARD_COUNT', 'updateShardCountPerDay', stream, call);
  const open = topologyAt(stream, call.now).open.map(pieceOf);
  const plan = planUniformScaling(open, target, {
    firstIndex: nextIndex(stream, call),
    closingSecondOf: (parent) => closingSecond(parent, updateEndOf(call)),
  });
  // AWS does the splits and merges one after the other, and the shards that are open meanwhile count for the limit.
  const additional = plan.peak - open.length;
  if (additional > 0) assertRoomForShards(additional, stream, call);
  reshard(stream, plan, call);
  recordChange('SHARD_COUNT', stream, call);
}

const pieceOf = ({ index, startingHashKey, endingHashKey, createdS }: Shard): Piece => ({
  index,
  starting: BigInt(startingHashKey),
  ending: BigInt(endingHashKey),
  createdS,
});
