/** The errors of channels. AWS has not documented the texts; these are ours, in the style of those for streams. */
import { invalidArgument, limitExceeded, resourceInUse } from '../kinesis/errors.ts';

interface Name {
  readonly name: string;
  readonly account: string;
}

export const channelExists = ({ name, account }: Name) =>
  resourceInUse(`Channel ${name} under account ${account} already exists.`);

export const channelNotActive = ({ name, account }: Name, status: string) =>
  resourceInUse(`Channel ${name} under account ${account} not ACTIVE, instead in state ${status}`);

export const tooManyChannels = (
  { account, region }: { readonly account: string; readonly region: string },
  { count, limit, hint }: { readonly count: number; readonly limit: number; readonly hint: string },
) =>
  limitExceeded(
    `This request would exceed the limit on the number of channels for the account ${account} in ${region}. Current ` +
      `channel count: ${count}. Limit: ${limit}.${hint}`,
  );

export const notOnDemand = ({ name, account }: Name) =>
  invalidArgument(
    `Stream ${name} under account ${account} is in provisioned mode. Channels read on-demand streams only; change the ` +
      'mode with UpdateStreamMode.',
  );

export const tablesNotSupported = () =>
  invalidArgument('S3 Tables destinations are not supported by Millrace; use S3DestinationConfiguration.');
