/** PutRecord, PutRecords, GetRecords: records in, records out. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import {
  blob,
  boolean,
  type Decoded,
  integer,
  list,
  required,
  requiredIn,
  string,
  structure,
} from '../protocol/shape.ts';
import { quotaHint } from '../quotas.ts';
import {
  dryRun,
  invalidArgument,
  invalidOrderingNumber,
  KMS_ERRORS,
  limitTooLarge,
  recordsTooLarge,
  requestTooLarge,
  streamNotFound,
  throughputExceeded,
} from './errors.ts';
import { iteratorAt, openIterator } from './iterators.ts';
import { append, type NewRecord, PositionsExhausted, tipOf } from './record-log.ts';
import { read, type StoredRecord } from './record-reading.ts';
import { assertPartitionKeys, shardsFor, takeTurns } from './routing.ts';
import { parseSequenceNumber } from './sequence-number.ts';
import { hashKey, sequenceNumber, streamArn, streamId, streamReference } from './shapes.ts';
import {
  horizonOf,
  isArnOf,
  requireStream,
  type Stream,
  type StreamReference,
  settle,
  statusOf,
  streamNameOf,
  topologyAt,
} from './stream-store.ts';
import { assertReadable, assertWritable, chargeRead, refusedWrites } from './throughput.ts';
import type { Shard } from './topology.ts';
import { childShards, encryptionTypeAt, wireRecord } from './wire-records.ts';

const PUT_ERRORS = [
  'ResourceNotFoundException',
  'InvalidArgumentException',
  'ProvisionedThroughputExceededException',
  ...KMS_ERRORS,
  'AccessDeniedException',
  'InternalFailureException',
  'DryRunOperationException',
] as const;

const partitionKey = string({ min: 1, max: 256, quota: 'partitionKeyCharacters' });
const data = blob({ min: 0, max: 10_485_760, quota: 'recordBytesCeiling' });

// Streams with the distribution AUTO take records without a partition key; see routing.ts.
const entry = {
  PartitionKey: requiredIn('documented', partitionKey),
  ExplicitHashKey: hashKey,
  Data: required(data),
} as const;
const entryShape = structure(entry);
type Entry = Decoded<typeof entryShape>;

export const PutRecord = operation({
  access: 'append',
  input: structure({
    SequenceNumberForOrdering: sequenceNumber,
    ...entry,
    ...streamReference,
    DryRun: boolean(),
  }),
  errors: PUT_ERRORS,
  run(input, call) {
    const stream = requireWritable(input, call);
    assertPartitionKeys([input], stream);
    const shard = shardsFor([input], stream, call)[0]!;
    if (input.SequenceNumberForOrdering !== undefined) {
      assertOrderingNumber(input.SequenceNumberForOrdering, stream, call);
    }
    const sizes = [storedBytes(input)];
    assertRecordSizes([input], sizes, stream, call, () => 'data');
    if (input.DryRun) {
      assertWritable(shard, sizes[0]!, stream, call);
      throw dryRun();
    }
    takeTurns(1, stream, call);
    if (refusedWrites('PutRecord', shard, sizes, stream, call).size > 0) {
      throw throughputExceeded(shard.shardId, stream);
    }
    settle(stream, call);
    const [number] = append(shard, [newRecord(input)], call.now, call.database);
    return {
      ShardId: shard.shardId,
      SequenceNumber: number,
      EncryptionType: encryptionTypeOfPut([shard], stream, call),
    };
  },
});

export const PutRecords = operation({
  access: 'append',
  input: structure({
    Records: required(list(entryShape, { min: 1, max: 500, quota: 'putRecordsEntries' })),
    ...streamReference,
    DryRun: boolean(),
  }),
  errors: PUT_ERRORS,
  run({ Records, DryRun, ...reference }, call) {
    const stream = requireWritable(reference, call);
    assertPartitionKeys(Records, stream, (index) => `records.${index + 1}.member.partitionKey`);
    const shards = shardsFor(Records, stream, call);
    const sizes = Records.map(storedBytes);
    assertRecordSizes(Records, sizes, stream, call, (index) => `records.${index + 1}.member.data`);
    assertRequestSize(sizes, call);
    // Throughput fails single records, never the request: a dry run does not ask for it.
    if (DryRun) throw dryRun();
    takeTurns(Records.length, stream, call);
    settle(stream, call);
    const results = putAll({ records: Records, sizes, shards }, stream, call);
    return {
      FailedRecordCount: results.filter((result) => 'ErrorCode' in result).length,
      Records: results,
      EncryptionType: encryptionTypeOfPut(shards, stream, call),
    };
  },
});

type PutResult =
  | { readonly SequenceNumber: string; readonly ShardId: string }
  | { readonly ErrorCode: string; readonly ErrorMessage: string };

/** The records of a request with what each takes of the budgets and where it goes, in the same order. */
interface Batch {
  readonly records: readonly Entry[];
  readonly sizes: readonly number[];
  readonly shards: readonly Shard[];
}

/** Puts each record into its shard; results stand in the order of the request, as do the numbers within a shard. */
function putAll({ records, sizes, shards }: Batch, stream: Stream, call: Call): PutResult[] {
  const indicesByShard = new Map<Shard, number[]>();
  for (const [index, shard] of shards.entries()) {
    const indices = indicesByShard.get(shard);
    if (indices === undefined) indicesByShard.set(shard, [index]);
    else indices.push(index);
  }
  const results = new Array<PutResult>(records.length);
  for (const [shard, indices] of indicesByShard) {
    const bytes = indices.map((index) => sizes[index]!);
    const refused = refusedWrites('PutRecords', shard, bytes, stream, call);
    const admitted = refused.size === 0 ? indices : indices.filter((_index, offset) => !refused.has(offset));
    const batch = admitted.map((index) => records[index]!);
    for (const [offset, result] of putInto(shard, batch, call).entries()) results[admitted[offset]!] = result;
    if (refused.size === 0) continue;
    const { code: ErrorCode, message: ErrorMessage } = throughputExceeded(shard.shardId, stream);
    for (const offset of refused) results[indices[offset]!] = { ErrorCode, ErrorMessage };
  }
  return results;
}

/** A shard that cannot take any record fails its own entries, not the request. */
function putInto(shard: Shard, batch: readonly Entry[], { now, database, log }: Call): PutResult[] {
  if (batch.length === 0) return [];
  try {
    const numbers = append(shard, batch.map(newRecord), now, database);
    return numbers.map((SequenceNumber) => ({ SequenceNumber, ShardId: shard.shardId }));
  } catch (error) {
    if (!(error instanceof PositionsExhausted)) throw error;
    log.error({ err: error }, 'Records could not be put into one of their shards.');
    return batch.map(() => ({ ErrorCode: 'InternalFailure', ErrorMessage: 'Internal Service Failure' }));
  }
}

const newRecord = ({ PartitionKey, Data }: Entry): NewRecord => ({ partitionKey: PartitionKey ?? '', data: Data });

/** By the arrivals of the records just put into `shards`, which are later than now after the clock was set back. */
function encryptionTypeOfPut(shards: readonly Shard[], stream: Stream, { database, now }: Call): 'KMS' | undefined {
  if (stream.encryption.length === 0) return undefined;
  return encryptionTypeAt(stream, Math.max(now, ...shards.map(({ id }) => tipOf(id, database).lastArrivedMs)));
}

/** A stream that takes records: not in CREATING, which the data plane reports as not found. */
function requireWritable(reference: StreamReference, call: Call): Stream {
  const stream = requireStream(reference, call);
  if (statusOf(stream, call.now) === 'CREATING') throw streamNotFound(streamNameOf(reference, call));
  return stream;
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
  const isReached = topologyAt(stream, now).listed.some(
    ({ id, createdS }) => number.recordS <= Math.max(createdS, Math.floor(tipOf(id, database).lastArrivedMs / 1000)),
  );
  if (!isReached) throw invalidOrderingNumber(text, stream);
}

/** What a record takes of every budget: its data and the UTF-8 bytes of its partition key. */
const storedBytes = ({ Data, PartitionKey }: Pick<Entry, 'Data' | 'PartitionKey'>): number =>
  PartitionKey === undefined ? Data.length : Data.length + Buffer.byteLength(PartitionKey);

/** One record that is too large rejects the whole request; up to ten are named. */
function assertRecordSizes(
  records: readonly Entry[],
  sizes: readonly number[],
  stream: Stream,
  { quotas }: Call,
  pathOf: (index: number) => string,
): void {
  const maxBytes = stream.maxRecordKib === null ? quotas.recordBytes : stream.maxRecordKib * 1024;
  const tooLarge = records.flatMap(({ Data }, index) => {
    // The reference documents limit the data alone.
    const bytes = quotas.profile === 'documented' ? Data.length : sizes[index]!;
    return bytes > maxBytes ? [{ path: pathOf(index), hint: quotaHint(quotas, 'recordBytes', bytes) }] : [];
  });
  if (tooLarge.length > 0) throw recordsTooLarge(tooLarge.slice(0, 10), maxBytes);
}

function assertRequestSize(sizes: readonly number[], { quotas }: Call): void {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes <= quotas.putRecordsBytes) return;
  throw requestTooLarge(quotas.putRecordsBytes / (1024 * 1024), quotaHint(quotas, 'putRecordsBytes', bytes));
}

export const GetRecords = operation({
  access: 'read',
  input: structure({
    // Above the maximum, the reference documents promise another error than validation has.
    Limit: integer({ min: 1, max: 10_000, maxLeftIn: 'documented' }),
    ShardIterator: required(string({ min: 1, max: 512 })),
    StreamARN: streamArn,
    StreamId: streamId,
    DryRun: boolean(),
  }),
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ProvisionedThroughputExceededException',
    'ExpiredIteratorException',
    ...KMS_ERRORS,
    'AccessDeniedException',
    'InternalFailureException',
    'DryRunOperationException',
  ],
  run({ ShardIterator, Limit, StreamARN, DryRun }, call) {
    const { stream, shard, position } = openIterator(ShardIterator, call);
    if (StreamARN !== undefined && !isArnOf(StreamARN, stream)) {
      throw invalidArgument(`StreamARN ${StreamARN} does not name the stream of the ShardIterator.`);
    }
    if (Limit !== undefined && Limit > call.quotas.getRecordsLimit) {
      throw limitTooLarge(Limit, call.quotas.getRecordsLimit);
    }
    assertReadable(shard, stream, call, DryRun ? 0 : 1);
    if (DryRun) throw dryRun();
    const limits = {
      records: Limit ?? call.quotas.getRecordsLimit,
      bytes: call.quotas.getRecordsBytes,
      arrivedAfterMs: horizonOf(stream, call.now),
    };
    const { records, bytes } = read(shard, position, limits, call.database);
    chargeRead(shard, bytes, call);
    const last = records.at(-1);
    const next = last === undefined ? position : last.position + 1;
    const isNewest = last === undefined || next >= tipOf(shard.id, call.database).nextPosition;
    // Once closed, a shard gets no more records: what follows is in its children.
    const atEnd = isNewest && shard.closedMs !== null;
    return {
      Records: records.map((record) => wireRecord(record, stream)),
      NextShardIterator: atEnd ? undefined : iteratorAt(next, stream, shard, call),
      MillisBehindLatest: isNewest ? 0 : millisBehind(last, call),
      ChildShards: atEnd ? childShards(shard, stream, call) : undefined,
    };
  },
});

/**
 * How far the last returned record lies behind the tip in time. 0 would tell clients that nothing comes after it, so it
 * is never 0, also within the same millisecond or when the clock was set back.
 */
const millisBehind = ({ arrivedMs }: StoredRecord, { now }: Call): number => Math.max(1, now - arrivedMs);
