/**
 * What a shard can take and give per second. Records and reads beyond it are refused with
 * ProvisionedThroughputExceededException, or only counted where rates are metered; see Rates.
 */
import type { Call } from '../call.ts';
import { type RecordBudgets, unfitRecords } from '../rates.ts';
import { throughputExceeded } from './errors.ts';
import { targetOf } from './shapes.ts';
import type { Stream } from './stream-store.ts';
import type { Shard } from './topology.ts';

/**
 * Takes records of the sizes `bytes` (data and partition key) from the shard's budgets, in their order.
 * Returns the offsets of those that are refused.
 */
export function refusedWrites(
  operation: string,
  shard: Shard,
  bytes: readonly number[],
  stream: Stream,
  call: Call,
): ReadonlySet<number> {
  const unfit = unfitRecords(bytes, writeBudgets(shard, call), call.now);
  return unfit.size > 0 && isRefused(operation, shard, stream, call, unfit.size) ? unfit : NONE;
}

const NONE: ReadonlySet<number> = new Set();

const writeBudgets = (shard: Shard, { now, rates }: Call): RecordBudgets => ({
  records: rates.budget(`records ${shard.id}`, 'shardWriteRecordsPerSecond', now),
  bytes: rates.budget(`bytes ${shard.id}`, 'shardWriteBytesPerSecond', now),
});

/**
 * Whether the shard would take a record of the size `bytes` now; takes nothing from its budgets.
 * @throws ApiError ProvisionedThroughputExceededException
 */
export function assertWritable(shard: Shard, bytes: number, stream: Stream, call: Call): void {
  const budgets = writeBudgets(shard, call);
  const fits = budgets.records.hasRoomFor(1, call.now) && budgets.bytes.hasRoomFor(bytes, call.now);
  if (!fits && isRefused('PutRecord', shard, stream, call)) throw throughputExceeded(shard.shardId, stream);
}

/** What a call takes of the budgets of calls: one, or none when it is a dry run, which is refused like any other. */
export type Calls = 0 | 1;

/** @throws ApiError ProvisionedThroughputExceededException when the shard's reads of this second are used up. */
export function assertReadable(shard: Shard, stream: Stream, call: Call, used: Calls = 1): void {
  const { now, rates } = call;
  const calls = rates.budget(`reads ${shard.id}`, 'shardReadCallsPerSecond', now);
  if (calls.hasRoomFor(1, now) && readBudget(shard, call).hasRoomFor(1, now)) calls.use(used, now);
  else if (isRefused('GetRecords', shard, stream, call)) throw throughputExceeded(shard.shardId, stream);
}

/** Charges a read with the `bytes` that it returned: 10 MiB use up the next five seconds. */
export function chargeRead(shard: Shard, bytes: number, call: Call): void {
  const budget = readBudget(shard, call);
  // Reads that are only metered must not push the end of the budget away for ever.
  if (budget.hasRoomFor(1, call.now)) budget.use(bytes, call.now);
}

const readBudget = (shard: Shard, { now, rates }: Call) =>
  rates.budget(`read bytes ${shard.id}`, 'shardReadBytesPerSecond', now);

/** @throws ApiError ProvisionedThroughputExceededException when the account asks for too many iterators of the shard. */
export function assertIteratorRate(shard: Shard, stream: Stream, call: Call, used: Calls = 1): void {
  const { account, now, rates } = call;
  const budget = rates.budget(`iterators ${account} ${shard.id}`, 'getShardIteratorCallsPerSecond', now);
  if (budget.hasRoomFor(1, now)) budget.use(used, now);
  else if (isRefused('GetShardIterator', shard, stream, call)) throw throughputExceeded(shard.shardId, stream);
}

function isRefused(operation: string, { shardId }: Shard, stream: Stream, { rates }: Call, count = 1): boolean {
  const { account, region, name } = stream;
  return rates.refuse({ target: targetOf(operation), account, region, stream: name, shard: shardId }, count);
}
