/** GetCallerIdentity: whose the credentials of a request are, for clients that ask before they begin. */
import { operation } from '../protocol/operation.ts';
import { structure } from '../protocol/shape.ts';

/**
 * Access keys have no users behind them here, only accounts; so the caller is who owns the account, whose UserId is the
 * account's number on AWS too.
 */
export const GetCallerIdentity = operation({
  access: 'read',
  input: structure({}),
  errors: [],
  run: (_input, { account }) => ({ UserId: account, Account: account, Arn: `arn:aws:iam::${account}:root` }),
});
