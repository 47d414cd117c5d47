/** EnableEnhancedMonitoring, DisableEnhancedMonitoring: which metrics of single shards are on. They are only kept. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { type Decoded, list, oneOf, required, structure } from '../protocol/shape.ts';
import { streamReference } from './shapes.ts';
import { requireStream, type Stream } from './stream-store.ts';
import { assertActive, beginUpdate } from './updates.ts';

const METRICS = [
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
] as const;

const input = structure({
  ShardLevelMetrics: required(list(oneOf(...METRICS, 'ALL'), { min: 1, max: 7 })),
  ...streamReference,
});

const MONITORING_ERRORS = [
  'InvalidArgumentException',
  'LimitExceededException',
  'ResourceInUseException',
  'ResourceNotFoundException',
  'AccessDeniedException',
] as const;

export const EnableEnhancedMonitoring = operation({
  access: 'write',
  input,
  rate: 'streamSettingsCallsPerSecond',
  errors: MONITORING_ERRORS,
  run: (request, call) => monitor(request, call, (isOn, isNamed) => isOn || isNamed),
});

export const DisableEnhancedMonitoring = operation({
  access: 'write',
  input,
  rate: 'streamSettingsCallsPerSecond',
  errors: MONITORING_ERRORS,
  run: (request, call) => monitor(request, call, (isOn, isNamed) => isOn && !isNamed),
});

const setMetrics = query((bind: Bind<{ stream: number; metrics: string }>, db) =>
  db
    .updateTable('streams')
    .set({ shard_level_metrics: bind('metrics') })
    .where('id', '=', bind('stream')),
);

/** `remains` tells of each metric whether it is on afterwards. Where that changes nothing the stream stays ACTIVE. */
function monitor(
  { ShardLevelMetrics: named, ...reference }: Decoded<typeof input>,
  call: Call,
  remains: (isOn: boolean, isNamed: boolean) => boolean,
) {
  const stream = requireStream(reference, call);
  assertActive(stream, call);
  const current = stream.shardLevelMetrics;
  const isAll = named.includes('ALL');
  const desired = METRICS.filter((metric) => remains(current.includes(metric), isAll || named.includes(metric)));
  if (desired.length !== current.length) save(desired, stream, call);
  return {
    StreamName: stream.name,
    StreamARN: stream.arn,
    CurrentShardLevelMetrics: current,
    DesiredShardLevelMetrics: desired,
  };
}

function save(metrics: readonly string[], stream: Stream, call: Call): void {
  beginUpdate(stream, call);
  call.database.run(setMetrics, { stream: stream.id, metrics: JSON.stringify(metrics) });
}
