/** Steps about all shards of a stream at once: their number, and listings of them. */
import { expect } from 'vitest';
import { describedShard } from './compare.ts';
import type { Model } from './model.ts';
import { updateShardCount } from './shard-count.ts';
import { listShards, type ShardFilter } from './shard-filter.ts';
import { indexOf, pick, type ShardChoice, type Step, step, text } from './step.ts';
import { type ModelStream, shardIdOf } from './stream.ts';
import { ask } from './world.ts';

/** As a number, or as a share of those that are open. */
export type Target = number | 'half' | 'same' | 'double' | 'less than half' | 'more than double';

/** More would make the histories of shards long, and not different. */
const OPEN_MAX = 6;

function numberOf(target: Target, open: number): number {
  if (typeof target === 'number') return target;
  const few = Math.min(open, OPEN_MAX / 2);
  const targets = {
    half: Math.ceil(open / 2),
    same: Math.min(open, OPEN_MAX),
    double: 2 * few,
    'less than half': Math.max(1, Math.ceil(open / 2) - 1),
    'more than double': 2 * open + 1,
  };
  return targets[target];
}

export const scale = (StreamName: string, target: Target): Step =>
  step(`update the shard count of ${StreamName} to ${target}`, async (model, world) => {
    const TargetShardCount = numberOf(target, model.find(StreamName)?.open().length ?? 1);
    const input = { StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' };
    const result = await ask(world, 'UpdateShardCount', input, () =>
      updateShardCount(model, StreamName, TargetShardCount),
    );
    if (result === undefined) return;
    const StreamARN = model.require(StreamName).arn;
    expect(result.answer).toEqual({ StreamName, StreamARN, TargetShardCount, CurrentShardCount: result.expected });
  });

/** What to ask for, in terms of what will be there: instants are near the opening or the end of a shard. */
export type FilterChoice =
  | { readonly Type: 'AFTER_SHARD_ID'; readonly shard: ShardChoice }
  | { readonly Type: 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON' | 'AT_LATEST' }
  | { readonly Type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'; readonly change: number; readonly offsetMs: number };

/** Page by page to the end. */
export const listAllShards = (
  StreamName: string,
  chosen: FilterChoice | undefined,
  after: ShardChoice | undefined,
  MaxResults: number,
): Step =>
  step(`list shards of ${StreamName} by ${MaxResults}, ${text(chosen)}, after ${text(after)}`, async (model, world) => {
    const filter = chosen && filterOf(chosen, StreamName, model);
    const afterIndex = after && indexOf(after, StreamName, model);
    const selection = {
      ShardFilter: filter && requested(filter),
      ExclusiveStartShardId: afterIndex === undefined ? undefined : shardIdOf(afterIndex),
    };
    const first = await ask(world, 'ListShards', { StreamName, MaxResults, ...selection }, () =>
      listShards(model, StreamName, filter).filter(({ index }) => index > (afterIndex ?? -1)),
    );
    if (first === undefined) return;
    const { expected } = first;
    let page = first.answer;
    for (let place = 0; ; place += MaxResults) {
      expect(page.Shards).toEqual(expected.slice(place, place + MaxResults).map(describedShard));
      expect(page.NextToken !== undefined, 'a token whenever there is more').toBe(expected.length > place + MaxResults);
      if (page.NextToken === undefined) return;
      page = await world.server.ok('ListShards', { NextToken: page.NextToken, MaxResults });
    }
  });

function filterOf(chosen: FilterChoice, name: string, model: Model): ShardFilter {
  switch (chosen.Type) {
    case 'AFTER_SHARD_ID':
      return { Type: chosen.Type, index: indexOf(chosen.shard, name, model) };
    case 'AT_TIMESTAMP':
    case 'FROM_TIMESTAMP': {
      const ms = (pick(changesOf(model.find(name)), chosen.change) ?? model.now) + chosen.offsetMs;
      return { Type: chosen.Type, ms: Math.min(ms, model.now) };
    }
    default:
      return { Type: chosen.Type };
  }
}

/** The instants at which shards were closed, those of their expiry among them. */
function changesOf(stream: ModelStream | undefined): number[] {
  const closed = stream?.listed().flatMap(({ closedMs }) => (closedMs === undefined ? [] : [closedMs])) ?? [];
  return [...new Set([...closed, ...(stream === undefined ? [] : [Math.max(stream.createdMs, stream.horizonMs)])])];
}

function requested(filter: ShardFilter) {
  switch (filter.Type) {
    case 'AFTER_SHARD_ID':
      return { Type: filter.Type, ShardId: shardIdOf(filter.index) };
    case 'AT_TIMESTAMP':
    case 'FROM_TIMESTAMP':
      return { Type: filter.Type, Timestamp: filter.ms / 1000 };
    default:
      return { Type: filter.Type };
  }
}
