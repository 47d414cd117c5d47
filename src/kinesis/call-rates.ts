/** How often operations of the control plane may be called per second and stream; account-wide rates are the gateway's. */
import type { Call } from '../call.ts';
import type { QuotaName } from '../quotas.ts';
import { streamRateExceeded } from './errors.ts';
import { targetOf } from './shapes.ts';
import type { Stream } from './stream-store.ts';

/**
 * Counts a call of `operation` against the stream's `quota` of calls per second. A call that is refused costs nothing;
 * where rates are only metered, none is refused.
 * @throws ApiError LimitExceededException
 */
export function assertStreamCallRate(
  operation: string,
  quota: QuotaName,
  { id, account, region, name }: Pick<Stream, 'id' | 'account' | 'region' | 'name'>,
  { now, rates }: Call,
): void {
  const budget = rates.budget(`${operation} ${id}`, quota, now);
  if (budget.hasRoomFor(1, now)) return budget.use(1, now);
  const subject = { target: targetOf(operation), account, region, stream: name };
  if (rates.refuse(subject)) throw streamRateExceeded({ account, name });
}
