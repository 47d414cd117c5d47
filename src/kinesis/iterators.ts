/** GetShardIterator, and the iterator: a position in a shard that the client carries for five minutes. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { boolean, required, structure, timestamp } from '../protocol/shape.ts';
import { dryRun, expiredIterator, invalidIterator, shardDoesNotExist, shardNotFound } from './errors.ts';
import { hasReadable } from './record-reading.ts';
import { seal, unseal } from './sealed-token.ts';
import { sequenceNumber, shardId, streamReference } from './shapes.ts';
import { shardIdOf, shardIndexOf } from './shard-id.ts';
import { iteratorType, startingPosition } from './starting-position.ts';
import { findShard, findStream, horizonOf, type Stream, streamNameOf } from './stream-store.ts';
import { assertIteratorRate } from './throughput.ts';
import type { Shard } from './topology.ts';

const input = structure({
  ShardId: required(shardId),
  ShardIteratorType: required(iteratorType),
  StartingSequenceNumber: sequenceNumber,
  ...streamReference,
  Timestamp: timestamp(),
  DryRun: boolean(),
});

export const GetShardIterator = operation({
  access: 'read',
  input,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'AccessDeniedException',
    'InternalFailureException',
    'DryRunOperationException',
  ],
  run(request, call) {
    const name = streamNameOf(request, call);
    const index = shardIndexOf(request.ShardId);
    if (index === undefined) throw shardNotFound(request.ShardId, name);
    const stream = findStream(name, call);
    const shard = stream && findShard(index, stream, call);
    if (stream === undefined || shard === undefined) throw shardDoesNotExist(shardIdOf(index), name);
    assertIteratorRate(shard, stream, call, request.DryRun ? 0 : 1);
    const { ShardIteratorType: type, StartingSequenceNumber: number, Timestamp: timestampMs } = request;
    const start = { type, number, timestampMs, operation: 'GetShardIterator' } as const;
    const position = startingPosition(start, stream, shard, call);
    if (request.DryRun) throw dryRun();
    if (call.quotas.profile === 'documented' && isAtEnd(position, stream, shard, call)) return {};
    return { ShardIterator: iteratorAt(position, stream, shard, call) };
  },
});

/** Where the reference documents give no iterator. AWS gives one, and tells the end in the answer of GetRecords. */
const isAtEnd = (position: number, stream: Stream, shard: Shard, { now, database }: Call): boolean =>
  shard.closedMs !== null && !hasReadable(shard, position, horizonOf(stream, now), database);

/** A fresh iterator; its five minutes begin now. */
export function iteratorAt(position: number, stream: Stream, shard: Shard, call: Call): string {
  const { account, region, name, id } = stream;
  return seal('iterator', [call.now, account, region, name, id, shard.index, position], call);
}

export interface OpenIterator {
  readonly stream: Stream;
  readonly shard: Shard;
  readonly position: number;
}

/**
 * Where an iterator points.
 * @throws ApiError InvalidArgumentException (not an iterator), ExpiredIteratorException, or ResourceNotFoundException
 * when its stream is gone, even if another of the same name exists.
 */
export function openIterator(token: string, call: Call): OpenIterator {
  const fields = unseal('iterator', token, call);
  if (fields === undefined) throw invalidIterator();
  const [createdMs, account, region, name, id, shardIndex, position] = fields as [
    number,
    string,
    string,
    string,
    number,
    number,
    number,
  ];
  // Only age counts: an iterator "from the future" means that the clock was set back, which is no fault of the client.
  const lifeMs = call.quotas.iteratorLifeMs;
  if (call.now - createdMs > lifeMs) throw expiredIterator(createdMs, call.now, lifeMs);
  const streamName = { account, region, name };
  const stream = findStream(streamName, call);
  const shard = stream?.id === id ? findShard(shardIndex, stream, call) : undefined;
  if (stream === undefined || shard === undefined) throw shardDoesNotExist(shardIdOf(shardIndex), streamName);
  return { stream, shard, position };
}
