/** PutRecord, PutRecords, GetRecords: records in, records out. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { blob, type Decoded, integer, list, required, string, structure } from '../protocol/shape.ts';
import { quotaHint } from '../quotas.ts';
import {
  invalidArgument,
  invalidExplicitHashKey,
  invalidOrderingNumber,
  KMS_ERRORS,
  recordsTooLarge,
  requestTooLarge,
  streamNotFound,
} from './errors.ts';
import { type HexHashKey, hexOfDecimal, hexOfPartitionKey } from './hash-key.ts';
import { iteratorAt, openIterator } from './iterators.ts';
import { append, type NewRecord, read, type StoredRecord, tipOf } from './record-log.ts';
import { horizonOf } from './retention.ts';
import { parseSequenceNumber } from './sequence-number.ts';
import { hashKey, sequenceNumber, streamArn, streamId, streamReference } from './shapes.ts';
import {
  requireStream,
  type Shard,
  type Stream,
  type StreamReference,
  shardFor,
  statusOf,
  streamNameOf,
} from './stream-store.ts';

const PUT_ERRORS = [
  'ResourceNotFoundException',
  'InvalidArgumentException',
  'ProvisionedThroughputExceededException',
  ...KMS_ERRORS,
  'AccessDeniedException',
  'InternalFailureException',
] as const;

const partitionKey = string({ min: 1, max: 256, quota: 'partitionKeyCharacters' });
const data = blob({ min: 0, max: 10_485_760, quota: 'recordBytesCeiling' });

const entry = { PartitionKey: required(partitionKey), ExplicitHashKey: hashKey, Data: required(data) } as const;
const entryShape = structure(entry);
type Entry = Decoded<typeof entryShape>;

export const PutRecord = operation({
  access: 'write',
  input: structure({ SequenceNumberForOrdering: sequenceNumber, ...entry, ...streamReference }),
  errors: PUT_ERRORS,
  run(input, call) {
    const stream = requireWritable(input, call);
    const hash = routingHash(input);
    if (input.SequenceNumberForOrdering !== undefined) {
      assertOrderingNumber(input.SequenceNumberForOrdering, stream, call);
    }
    assertRecordSizes([input], stream, call, () => 'data');
    const shard = shardFor(hash, stream);
    const [number] = append(shard, [newRecord(input)], call.now, call.database);
    return { ShardId: shard.shardId, SequenceNumber: number };
  },
});

export const PutRecords = operation({
  access: 'write',
  input: structure({
    Records: required(list(entryShape, { min: 1, max: 500, quota: 'putRecordsEntries' })),
    ...streamReference,
  }),
  errors: PUT_ERRORS,
  run({ Records, ...reference }, call) {
    const stream = requireWritable(reference, call);
    const shards = Records.map((record) => shardFor(routingHash(record), stream));
    assertRecordSizes(Records, stream, call, (index) => `records.${index + 1}.member.data`);
    assertRequestSize(Records, call);
    return { FailedRecordCount: 0, Records: appendAll(Records, shards, call) };
  },
});

/** Appends each record to its shard; results stand in the order of the request, as do the numbers within a shard. */
function appendAll(records: readonly Entry[], shards: readonly Shard[], call: Call) {
  const indicesByShard = new Map<Shard, number[]>();
  for (const [index, shard] of shards.entries()) {
    const indices = indicesByShard.get(shard);
    if (indices === undefined) indicesByShard.set(shard, [index]);
    else indices.push(index);
  }
  const results = new Array<{ SequenceNumber: string; ShardId: string }>(records.length);
  for (const [shard, indices] of indicesByShard) {
    const batch = indices.map((index) => newRecord(records[index]!));
    const numbers = append(shard, batch, call.now, call.database);
    for (const [offset, index] of indices.entries()) {
      results[index] = { SequenceNumber: numbers[offset]!, ShardId: shard.shardId };
    }
  }
  return results;
}

const newRecord = ({ PartitionKey, Data }: Entry): NewRecord => ({ partitionKey: PartitionKey, data: Data });

/** A stream that takes records: not in CREATING, which the data plane reports as not found. */
function requireWritable(reference: StreamReference, call: Call): Stream {
  const stream = requireStream(reference, call);
  if (statusOf(stream, call.now) === 'CREATING') throw streamNotFound(streamNameOf(reference, call));
  return stream;
}

function routingHash({ PartitionKey, ExplicitHashKey }: Pick<Entry, 'PartitionKey' | 'ExplicitHashKey'>): HexHashKey {
  if (ExplicitHashKey === undefined) return hexOfPartitionKey(PartitionKey);
  const hash = hexOfDecimal(ExplicitHashKey);
  if (hash === undefined) throw invalidExplicitHashKey(ExplicitHashKey);
  return hash;
}

/**
 * AWS takes any well-formed number that does not lie in the future, also of another shard or stream. The number that
 * the record gets is above every number the shard has given out, so nothing more is needed to keep the order.
 */
function assertOrderingNumber(text: string, stream: Stream, { now, database }: Call): void {
  const number = parseSequenceNumber(text);
  if (number === undefined) throw invalidOrderingNumber(text, stream);
  if (number.recordS <= Math.floor(now / 1000)) return;
  // The stream's own numbers may be ahead of a clock that was set back.
  const latestS = stream.shards.map((shard) =>
    Math.max(shard.createdS, Math.floor(tipOf(shard, database).lastArrivedMs / 1000)),
  );
  if (number.recordS > Math.max(...latestS)) throw invalidOrderingNumber(text, stream);
}

/** Data and partition key count together, the key in UTF-8 bytes; in the reference documents the data alone. */
function sizeOf({ Data, PartitionKey }: Pick<Entry, 'Data' | 'PartitionKey'>, { quotas }: Call): number {
  return Data.length + (quotas.profile === 'documented' ? 0 : Buffer.byteLength(PartitionKey));
}

/** One record that is too large rejects the whole request; up to ten are named. */
function assertRecordSizes(
  records: readonly Entry[],
  stream: Stream,
  call: Call,
  pathOf: (index: number) => string,
): void {
  const { quotas } = call;
  const maxBytes = stream.maxRecordKib === null ? quotas.recordBytes : stream.maxRecordKib * 1024;
  const tooLarge = records.flatMap((record, index) => {
    const bytes = sizeOf(record, call);
    return bytes > maxBytes ? [{ path: pathOf(index), hint: quotaHint(quotas, 'recordBytes', bytes) }] : [];
  });
  if (tooLarge.length > 0) throw recordsTooLarge(tooLarge.slice(0, 10), maxBytes);
}

function assertRequestSize(records: readonly Entry[], { quotas }: Call): void {
  const bytes = records.reduce((sum, { Data, PartitionKey }) => sum + Data.length + Buffer.byteLength(PartitionKey), 0);
  if (bytes <= quotas.putRecordsBytes) return;
  throw requestTooLarge(quotas.putRecordsBytes / (1024 * 1024), quotaHint(quotas, 'putRecordsBytes', bytes));
}

export const GetRecords = operation({
  access: 'read',
  input: structure({
    Limit: integer({ min: 1, max: 10_000 }),
    ShardIterator: required(string({ min: 1, max: 512 })),
    StreamARN: streamArn,
    StreamId: streamId,
  }),
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'ExpiredIteratorException',
    ...KMS_ERRORS,
    'AccessDeniedException',
    'InternalFailureException',
  ],
  run({ ShardIterator, Limit, StreamARN }, call) {
    const { stream, shard, position } = openIterator(ShardIterator, call);
    if (StreamARN !== undefined && StreamARN !== stream.arn) {
      throw invalidArgument(`StreamARN ${StreamARN} does not name the stream of the ShardIterator.`);
    }
    const limits = {
      records: Limit ?? call.quotas.getRecordsLimit,
      bytes: call.quotas.getRecordsBytes,
      arrivedAfterMs: horizonOf(stream, call.now),
    };
    const records = read(shard, position, limits, call.database);
    const last = records.at(-1);
    const next = last === undefined ? position : last.position + 1;
    return {
      Records: records.map(wireRecord),
      NextShardIterator: iteratorAt(next, stream, shard, call),
      MillisBehindLatest: last === undefined ? 0 : millisBehind(last, shard, call),
    };
  },
});

const wireRecord = ({ sequenceNumber, arrivedMs, data, partitionKey }: StoredRecord) => ({
  SequenceNumber: sequenceNumber,
  ApproximateArrivalTimestamp: new Date(arrivedMs),
  Data: data,
  PartitionKey: partitionKey,
});

/**
 * How far the last returned record lies behind the tip in time. 0 tells clients that nothing comes after it, so it is
 * never 0 otherwise, also within the same millisecond or when the clock was set back.
 */
function millisBehind(last: StoredRecord, shard: Shard, { now, database }: Call): number {
  const isNewest = last.position + 1 >= tipOf(shard, database).nextPosition;
  return isNewest ? 0 : Math.max(1, now - last.arrivedMs);
}
