/** GetShardIterator, and the iterator: a position in a shard that the client carries for five minutes. */
import type { Call } from '../call.ts';
import { ApiError } from '../protocol/error.ts';
import { operation } from '../protocol/operation.ts';
import { type Decoded, oneOf, required, structure, timestamp } from '../protocol/shape.ts';
import { expiredIterator, invalidArgument, invalidIterator, shardDoesNotExist, shardNotFound } from './errors.ts';
import { tipOf } from './record-log.ts';
import { hasReadable, positionAfter } from './record-reading.ts';
import { seal, unseal } from './sealed-token.ts';
import { MAX_INDEX, parseSequenceNumber, type SequenceNumber } from './sequence-number.ts';
import { sequenceNumber, shardId, streamReference } from './shapes.ts';
import { shardIdOf, shardIndexOf } from './shard-id.ts';
import { findShard, findStream, horizonOf, type Stream, streamNameOf } from './stream-store.ts';
import { assertIteratorRate } from './throughput.ts';
import type { Shard } from './topology.ts';

// The order of the types is that of AWS's own message.
const iteratorType = oneOf('AFTER_SEQUENCE_NUMBER', 'LATEST', 'AT_TIMESTAMP', 'AT_SEQUENCE_NUMBER', 'TRIM_HORIZON');
type IteratorType = Decoded<typeof iteratorType>;

const input = structure({
  ShardId: required(shardId),
  ShardIteratorType: required(iteratorType),
  StartingSequenceNumber: sequenceNumber,
  ...streamReference,
  Timestamp: timestamp(),
});
type Input = Decoded<typeof input>;

export const GetShardIterator = operation({
  access: 'read',
  input,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'AccessDeniedException',
    'InternalFailureException',
  ],
  run(request, call) {
    const name = streamNameOf(request, call);
    const index = shardIndexOf(request.ShardId);
    if (index === undefined) throw shardNotFound(request.ShardId, name);
    const stream = findStream(name, call);
    const shard = stream && findShard(index, stream, call);
    if (stream === undefined || shard === undefined) throw shardDoesNotExist(shardIdOf(index), name);
    assertIteratorRate(shard, stream, call);
    const position = startingPosition(request, stream, shard, call);
    if (call.quotas.profile === 'documented' && isAtEnd(position, stream, shard, call)) return {};
    return { ShardIterator: iteratorAt(position, stream, shard, call) };
  },
});

/** Where the reference documents give no iterator. AWS gives one, and tells the end in the answer of GetRecords. */
const isAtEnd = (position: number, stream: Stream, shard: Shard, { now, database }: Call): boolean =>
  shard.closedMs !== null && !hasReadable(shard, position, horizonOf(stream, now), database);

/** The position from which an iterator of the requested type reads. */
function startingPosition(request: Input, stream: Stream, shard: Shard, call: Call): number {
  const { ShardIteratorType: type, StartingSequenceNumber: number, Timestamp } = request;
  assertNumberFitsType(type, number);
  switch (type) {
    case 'TRIM_HORIZON':
      // What has expired by the time of reading is passed over then.
      return 0;
    case 'LATEST':
      return tipOf(shard.id, call.database).nextPosition;
    case 'AT_TIMESTAMP':
      return positionAfter(shard, requireTimestamp(Timestamp, call.now) - 1, call.database);
    case 'AT_SEQUENCE_NUMBER':
      return upToTip(requireNumberOf(number!, type, stream, shard).index, shard, call);
    case 'AFTER_SEQUENCE_NUMBER':
      return upToTip(requireNumberOf(number!, type, stream, shard).index + 1n, shard, call);
  }
}

function assertNumberFitsType(type: IteratorType, number: string | undefined): void {
  const takesNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER';
  if (type === 'AT_TIMESTAMP' || takesNumber === (number !== undefined)) return;
  throw invalidArgument(
    'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
      '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
      `Request specified ${type} and ${takesNumber ? 'no' : 'also a'} StartingSequenceNumber.`,
  );
}

function requireTimestamp(ms: number | undefined, now: number): number {
  if (ms === undefined) {
    throw invalidArgument(
      'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. ' +
        'Current request has no timestamp parameter.',
    );
  }
  if (ms > now) {
    throw invalidArgument(
      'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
        `timestampInMillis: ${ms}, currentTimestampInMillis: ${now}`,
    );
  }
  return ms;
}

/**
 * A sequence index is a position; that of the shard's own StartingSequenceNumber is 0. A number that was never given out
 * must not hide the records that will come, so the position of the next record is the limit.
 */
function upToTip(index: bigint, shard: Shard, { database }: Call): number {
  const { nextPosition } = tipOf(shard.id, database);
  return index > BigInt(nextPosition) ? nextPosition : Number(index);
}

/** @throws ApiError InvalidArgumentException when the number was not made for this shard. */
function requireNumberOf(text: string, type: IteratorType, stream: Stream, shard: Shard): SequenceNumber {
  const used =
    `StartingSequenceNumber ${text} used in GetShardIterator on shard ${shard.shardId} in stream ${stream.name} ` +
    `under account ${stream.account} is invalid`;
  const number = parseSequenceNumber(text);
  if (number === undefined) throw invalidArgument(`${used}.`);
  if (number.shardIndex !== shard.index) {
    throw invalidArgument(
      `Invalid StartingSequenceNumber. It encodes ${shardIdOf(number.shardIndex)}, ` +
        `while it was used in a call to a shard with ${shard.shardId}`,
    );
  }
  // AWS itself fails on the oldest format.
  if (number.version === 0) throw new ApiError('InternalFailure', '', 500);
  if (number.version !== 2 || number.createdS !== shard.createdS) {
    throw invalidArgument(`${used} because it did not come from this stream.`);
  }
  if (number.index === MAX_INDEX) {
    throw invalidArgument(
      `Invalid SequenceNumber for ShardIteratorType ${type}, SequenceNumber has reached max possible value for the shard.`,
    );
  }
  return number;
}

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
