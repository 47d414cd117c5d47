/**
 * What a delivery stream takes per second, over PutRecord and PutRecordBatch together. A call beyond the rate of calls
 * is refused whole; records beyond the rates of records and bytes are refused one by one. Where rates are metered, what
 * would have been refused is only counted; see Rates.
 */
import type { Call } from '../call.ts';
import { unfitRecords } from '../rates.ts';
import type { DeliveryStream } from './delivery-stream-store.ts';
import { serviceUnavailable } from './errors.ts';
import { targetOf } from './target.ts';

const NONE: ReadonlySet<number> = new Set();

/**
 * Takes a call with records of the sizes `bytes` from the budgets of a delivery stream. Returns the offsets of the
 * records that are refused.
 * @throws ApiError ServiceUnavailableException when the call itself is refused; then it costs nothing.
 */
export function refusedPuts(
  operation: string,
  bytes: readonly number[],
  deliveryStream: DeliveryStream,
  call: Call,
): ReadonlySet<number> {
  const { now, rates } = call;
  const { id } = deliveryStream;
  const isRefused = (count: number) => rates.refuse(subjectOf(operation, deliveryStream), count);
  const calls = rates.budget(`delivery stream calls ${id}`, 'deliveryStreamTransactionsPerSecond', now);
  if (calls.hasRoomFor(1, now)) calls.use(1, now);
  else if (isRefused(1)) throw serviceUnavailable();
  const budgets = {
    records: rates.budget(`delivery stream records ${id}`, 'deliveryStreamRecordsPerSecond', now),
    bytes: rates.budget(`delivery stream bytes ${id}`, 'deliveryStreamBytesPerSecond', now),
  };
  const unfit = unfitRecords(bytes, budgets, now);
  return unfit.size > 0 && isRefused(unfit.size) ? unfit : NONE;
}

const subjectOf = (operation: string, { account, region, name }: DeliveryStream) => ({
  target: targetOf(operation),
  account,
  region,
  deliveryStream: name,
});
