/** Paging tokens: opaque, bound to their listing, valid for five minutes. */
import type { Call } from '../call.ts';
import { expiredNextToken, invalidArgument } from './errors.ts';
import { seal, unseal } from './sealed-token.ts';

/** A token with which `listing` goes on after the item named `last`, for this caller. */
export function pagingToken(listing: string, last: string, call: Call): string {
  return seal(`page:${listing}`, [call.now, call.account, call.region, last], call);
}

/**
 * The name after which the listing goes on.
 * @throws ApiError ExpiredNextTokenException, or InvalidArgumentException when it is not a token of this listing and caller.
 */
export function openPagingToken(listing: string, token: string, call: Call): string {
  const fields = unseal(`page:${listing}`, token, call);
  const [createdMs, account, region, last] = (fields ?? []) as [number, string, string, string];
  if (fields === undefined || account !== call.account || region !== call.region) {
    throw invalidArgument('NextToken is not valid for this request.');
  }
  if (call.now - createdMs > call.quotas.pagingTokenLifeMs) {
    throw expiredNextToken('NextToken has expired; start the listing again.');
  }
  return last;
}
