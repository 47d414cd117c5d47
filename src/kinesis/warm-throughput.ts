/** Warm throughput: what an on-demand stream takes without growing first. It is only kept, for nothing has to grow here. */
import type { Call } from '../call.ts';
import { quotaHint } from '../quotas.ts';
import { isCommitted } from './account-settings.ts';
import { notCommitted, warmThroughputTooHigh } from './errors.ts';

/**
 * Whether a stream of this account and region may have a warm throughput of `mibps` MiB/s, which AWS makes depend on a
 * commitment of the account, however it is asked for. Undefined, which asks for none, is always allowed.
 * @throws ApiError ValidationException without the commitment, LimitExceededException when it is too much
 */
export function assertWarmThroughput(
  mibps: number | undefined,
  { account, region }: { readonly account: string; readonly region: string },
  call: Call,
): void {
  if (mibps === undefined) return;
  if (!isCommitted(account, region, call)) throw notCommitted(account, region);
  const { warmThroughputMibps: max } = call.quotas;
  if (mibps > max) throw warmThroughputTooHigh(mibps, max, quotaHint(call.quotas, 'warmThroughputMibps', mibps));
}
