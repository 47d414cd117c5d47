/** ListShards by its rules: which shards a filter lets through. */
import { assertActiveOrUpdating, type Model } from './model.ts';
import type { ModelShard, ModelStream } from './stream.ts';

export type ShardFilter =
  | { readonly Type: 'AFTER_SHARD_ID'; readonly index: number }
  | { readonly Type: 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON' | 'AT_LATEST' }
  | { readonly Type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'; readonly ms: number };

/** All pages together. */
export function listShards(model: Model, name: string, filter: ShardFilter | undefined): readonly ModelShard[] {
  const stream = model.require(name);
  assertActiveOrUpdating(stream);
  return stream.listed().filter((shard) => isLet(shard, filter, stream));
}

function isLet(shard: ModelShard, filter: ShardFilter | undefined, stream: ModelStream): boolean {
  const { openedMs, closedMs = Number.POSITIVE_INFINITY } = shard;
  switch (filter?.Type) {
    case 'AFTER_SHARD_ID':
      return shard.index > filter.index;
    case 'AT_TRIM_HORIZON':
      return openedMs <= stream.horizonMs || openedMs === Number.NEGATIVE_INFINITY;
    case 'AT_LATEST':
      return shard.closedMs === undefined;
    case 'AT_TIMESTAMP': {
      // Of what was before the horizon some shards are gone: there the horizon is meant.
      const ms = Math.max(filter.ms, stream.horizonMs);
      return openedMs <= ms && closedMs >= ms;
    }
    case 'FROM_TIMESTAMP':
      return closedMs >= filter.ms;
    default:
      return true;
  }
}
