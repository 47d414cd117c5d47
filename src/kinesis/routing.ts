/** Which shard takes a record: that of its hash key, or, where a stream has the distribution AUTO, the next in turn. */
import type { Call } from '../call.ts';
import { memory } from '../database/memory.ts';
import { invalidExplicitHashKey, partitionKeysMissing } from './errors.ts';
import { type HexHashKey, hexOfDecimal, hexOfPartitionKey } from './hash-key.ts';
import { type Stream, topologyAt } from './stream-store.ts';
import { type Shard, shardFor } from './topology.ts';

export interface Routed {
  readonly PartitionKey?: string | undefined;
  readonly ExplicitHashKey?: string | undefined;
}

const isAuto = ({ recordDistribution }: Stream) => recordDistribution === 'AUTO';

/**
 * Partition keys are optional only where they are not looked at.
 * @throws ApiError ValidationException when a record of another stream has none: up to ten are named, by `pathOf`
 */
export function assertPartitionKeys(
  records: readonly Routed[],
  stream: Stream,
  pathOf: (index: number) => string = () => 'partitionKey',
): void {
  if (isAuto(stream) || records.every(({ PartitionKey }) => PartitionKey !== undefined)) return;
  const missing = records.flatMap(({ PartitionKey }, index) => (PartitionKey === undefined ? [pathOf(index)] : []));
  throw partitionKeysMissing(missing.slice(0, 10));
}

/**
 * The shards of `records`, whose partition keys were asserted.
 * @throws ApiError InvalidArgumentException for an ExplicitHashKey that is too large
 */
export function shardsFor(records: readonly Routed[], stream: Stream, call: Call): Shard[] {
  const topology = topologyAt(stream, call.now);
  if (!isAuto(stream)) return records.map((record) => shardFor(routingHash(record), topology));
  const { open } = topology;
  const turn = turns.of(call.database).get(stream.id) ?? 0;
  return records.map((_record, offset) => open[(turn + offset) % open.length]!);
}

/** Of the streams (by row id) with the distribution AUTO: how many records had their turn. A restart begins anew. */
const turns = memory(() => new Map<number, number>());

/** Lets `count` records have had their turn, also when their shards refuse them: the next may find room in others. */
export function takeTurns(count: number, stream: Stream, { database }: Pick<Call, 'database'>): void {
  if (!isAuto(stream)) return;
  const taken = turns.of(database);
  taken.set(stream.id, (taken.get(stream.id) ?? 0) + count);
}

function routingHash({ PartitionKey, ExplicitHashKey }: Routed): HexHashKey {
  if (ExplicitHashKey === undefined) return hexOfPartitionKey(PartitionKey!);
  const hash = hexOfDecimal(ExplicitHashKey);
  if (hash === undefined) throw invalidExplicitHashKey(ExplicitHashKey);
  return hash;
}
