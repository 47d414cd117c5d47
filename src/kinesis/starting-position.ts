/** Where reading of a shard begins: what GetShardIterator and SubscribeToShard are told in the same five ways. */
import type { Call } from '../call.ts';
import { ApiError } from '../protocol/error.ts';
import { type Decoded, oneOf } from '../protocol/shape.ts';
import { invalidArgument } from './errors.ts';
import { tipOf } from './record-log.ts';
import { positionAfter } from './record-reading.ts';
import { MAX_INDEX, parseSequenceNumber, type SequenceNumber } from './sequence-number.ts';
import { shardIdOf } from './shard-id.ts';
import type { Stream } from './stream-store.ts';
import type { Shard } from './topology.ts';

// The order of the types is that of AWS's own message.
export const iteratorType = oneOf(
  'AFTER_SEQUENCE_NUMBER',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'TRIM_HORIZON',
);
type IteratorType = Decoded<typeof iteratorType>;

export interface Start {
  readonly type: IteratorType;
  readonly number: string | undefined;
  readonly timestampMs: number | undefined;
  /** Who asks: messages name it. */
  readonly operation: 'GetShardIterator' | 'SubscribeToShard';
}

/**
 * The position of the first record that is read.
 * @throws ApiError InvalidArgumentException when `start` contradicts itself or does not fit the shard
 */
export function startingPosition(start: Start, stream: Stream, shard: Shard, call: Call): number {
  assertNumberFitsType(start);
  switch (start.type) {
    case 'TRIM_HORIZON':
      // What has expired by the time of reading is passed over then.
      return 0;
    case 'LATEST':
      return tipOf(shard.id, call.database).nextPosition;
    case 'AT_TIMESTAMP':
      return positionAfter(shard, requireTimestamp(start.timestampMs, call.now) - 1, call.database);
    case 'AT_SEQUENCE_NUMBER':
      return upToTip(requireNumberOf(start, stream, shard).index, shard, call);
    case 'AFTER_SEQUENCE_NUMBER':
      return upToTip(requireNumberOf(start, stream, shard).index + 1n, shard, call);
  }
}

function assertNumberFitsType({ type, number }: Start): void {
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
function requireNumberOf({ number: text = '', type, operation }: Start, stream: Stream, shard: Shard): SequenceNumber {
  const used =
    `StartingSequenceNumber ${text} used in ${operation} on shard ${shard.shardId} in stream ${stream.name} ` +
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
