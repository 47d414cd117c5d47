/** DescribeStream and DescribeStreamSummary: what a stream is like. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { existsAt } from '../lifecycle.ts';
import { operation } from '../protocol/operation.ts';
import { structure } from '../protocol/shape.ts';
import { shardNotFound } from './errors.ts';
import { pageLimit, shardId, streamReference } from './shapes.ts';
import { shardIdOf, shardIndexOf } from './shard-id.ts';
import { keyIdAt, listedShards, requireStream, type Stream, statusOf, topologyAt } from './stream-store.ts';
import { wholeSeconds } from './streams.ts';
import { closingSecond, type Shard } from './topology.ts';

const DESCRIBE_ERRORS = [
  'ResourceNotFoundException',
  'LimitExceededException',
  'InvalidArgumentException',
  'AccessDeniedException',
] as const;

export const DescribeStream = operation({
  access: 'read',
  input: structure({ Limit: pageLimit, ExclusiveStartShardId: shardId, ...streamReference }),
  rate: 'describeStreamCallsPerSecond',
  errors: DESCRIBE_ERRORS,
  run({ Limit, ExclusiveStartShardId, ...reference }, call) {
    const stream = requireStream(reference, call);
    const limit = Math.min(Limit ?? call.quotas.describeStreamPage, call.quotas.describeStreamPage);
    const after = ExclusiveStartShardId === undefined ? -1 : requireIndex(ExclusiveStartShardId, stream);
    const rest = listedShards(stream, call).filter(({ index }) => index > after);
    return {
      StreamDescription: {
        ...describe(stream, call),
        Shards: rest.slice(0, limit).map(describeShard),
        HasMoreShards: rest.length > limit,
      },
    };
  },
});

export const DescribeStreamSummary = operation({
  access: 'read',
  input: structure(streamReference),
  rate: 'describeStreamSummaryCallsPerSecond',
  errors: DESCRIBE_ERRORS,
  run(reference, call) {
    const stream = requireStream(reference, call);
    return {
      // No StreamId: a library that is told one sends it back, and then SDKs ask AWS instead of their endpoint.
      StreamDescriptionSummary: {
        ...describe(stream, call),
        OpenShardCount: topologyAt(stream, call.now).open.length,
        ConsumerCount: countOf(selectConsumers, stream, call),
        ChannelCount: countOf(selectChannels, stream, call),
        MaxRecordSizeInKiB: stream.maxRecordKib ?? 1024,
        WarmThroughput: warmThroughputOf(stream),
        RecordDistributionStrategy: stream.mode === 'ON_DEMAND' ? stream.recordDistribution : undefined,
      },
    };
  },
});

const selectConsumers = query((bind: Bind<{ stream: number; now: number }>, db) =>
  db
    .selectFrom('consumers')
    .select(sql<number>`count(*)`.as('count'))
    .where('stream', '=', bind('stream'))
    .where(existsAt(bind('now'))),
);

const selectChannels = query((bind: Bind<{ stream: number; now: number }>, db) =>
  db
    .selectFrom('channels')
    .select(sql<number>`count(*)`.as('count'))
    .where('stream', '=', bind('stream'))
    .where(existsAt(bind('now'))),
);

const countOf = (select: typeof selectConsumers, { id }: Stream, { now, database }: Call): number =>
  database.get(select, { stream: id, now })!.count;

/** What was asked for is there at once. */
export const warmThroughputOf = ({ warmThroughputMibps: warm }: Pick<Stream, 'warmThroughputMibps'>) =>
  warm === null ? undefined : { TargetMiBps: warm, CurrentMiBps: warm };

function requireIndex(text: string, stream: Stream): number {
  const index = shardIndexOf(text);
  if (index === undefined) throw shardNotFound(text, stream);
  return index;
}

/** What both operations tell. Every member that the model requires is present, because some clients insist. */
function describe(stream: Stream, { now }: Call) {
  const keyId = keyIdAt(stream, now);
  return {
    StreamName: stream.name,
    StreamARN: stream.arn,
    StreamStatus: statusOf(stream, now),
    StreamModeDetails: { StreamMode: stream.mode },
    RetentionPeriodHours: stream.retentionHours,
    StreamCreationTimestamp: wholeSeconds(stream.createdMs),
    EnhancedMonitoring: [{ ShardLevelMetrics: stream.shardLevelMetrics }],
    EncryptionType: keyId === undefined ? 'NONE' : 'KMS',
    KeyId: keyId,
  };
}

export function describeShard(shard: Shard) {
  const { sequenceNumbers, closedMs } = shard;
  return {
    ShardId: shard.shardId,
    ParentShardId: shard.parentIndex === null ? undefined : shardIdOf(shard.parentIndex),
    AdjacentParentShardId: shard.adjacentParentIndex === null ? undefined : shardIdOf(shard.adjacentParentIndex),
    HashKeyRange: { StartingHashKey: shard.startingHashKey, EndingHashKey: shard.endingHashKey },
    SequenceNumberRange: {
      StartingSequenceNumber: sequenceNumbers.starting,
      EndingSequenceNumber: closedMs === null ? undefined : sequenceNumbers.ending(closingSecond(shard, closedMs)),
    },
  };
}
