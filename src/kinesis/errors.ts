/** The errors of Kinesis with AWS's exact texts, as seen on the service. Odd blanks and missing periods are AWS's. */
import { ApiError, constraintItem, validationException } from '../protocol/error.ts';

interface StreamName {
  readonly name: string;
  readonly account: string;
}

/** A consumer as messages tell it from others that had its name. */
interface ConsumerName {
  readonly name: string;
  /** The creation second of its ARN. */
  readonly createdS: number;
}

export const invalidArgument = (message: string) => new ApiError('InvalidArgumentException', message);
export const resourceNotFound = (message: string) => new ApiError('ResourceNotFoundException', message);
export const resourceInUse = (message: string) => new ApiError('ResourceInUseException', message);
export const limitExceeded = (message: string) => new ApiError('LimitExceededException', message);
export const expiredNextToken = (message: string) => new ApiError('ExpiredNextTokenException', message);

export const streamNotFound = ({ name, account }: StreamName) =>
  resourceNotFound(`Stream ${name} under account ${account} not found.`);

/** The text is ours, after that for consumers. */
export const streamHasChannels = ({ name, account }: StreamName) =>
  resourceInUse(
    `DeleteStream can't delete ${account}:${name} because there are channels associated with this data stream. To ` +
      `delete ${name}, delete its channels with DeleteChannel first.`,
  );

/** `shard` did not parse as a shard id, or names none where the stream is known to exist. */
export const shardNotFound = (shard: string, { name, account }: StreamName) =>
  resourceNotFound(`Could not find shard ${shard} in stream ${name} under account ${account}.`);

/** The other text for a missing shard: for iterators, and when the stream itself is missing. */
export const shardDoesNotExist = (shard: string, { name, account }: StreamName) =>
  resourceNotFound(`Shard ${shard} in stream ${name} under account ${account} does not exist`);

export const channelNotFound = (arn: string) => resourceNotFound(`Channel ${arn} not found.`);

export const streamExists = ({ name, account }: StreamName) =>
  resourceInUse(`Stream ${name} under account ${account} already exists.`);

export const notActive = ({ name, account }: StreamName, status: string) =>
  resourceInUse(`Stream ${name} under account ${account} not ACTIVE, instead in state ${status}`);

/** For what is also possible while a stream is being split or merged. */
export const notActiveOrUpdating = ({ name, account }: StreamName, status: string) =>
  resourceInUse(`Stream ${name} under account ${account} not ACTIVE or UPDATING, instead in state ${status}`);

/** `consumer`: its name or ARN, as the client named it. */
export const consumerNotFound = (consumer: string, account: string) =>
  resourceNotFound(`Consumer ${consumer}, account ${account} not found.`);

/** For what a consumer is needed for; the blank before the comma is AWS's. */
export const consumerNotActive = (consumer: ConsumerName, { name, account }: StreamName) =>
  resourceInUse(
    `Consumer ${consumer.name} with creation timestamp ${consumer.createdS} under stream: ${name} , account ${account} ` +
      'is not in ACTIVE status.',
  );

/** The other text for the same, of policies. */
export const consumerNotActiveForPolicy = (consumer: ConsumerName, { name, account }: StreamName) =>
  resourceInUse(
    `Consumer ${consumer.name} with creation timestamp ${consumer.createdS} under stream ${name} and account ${account} ` +
      'is not in ACTIVE status.',
  );

export const consumerExists = (consumer: string, { name, account }: StreamName) =>
  resourceInUse(`Consumer ${consumer} under stream ${name}, account ${account} already exists.`);

export const tooManyConsumers = ({ name, account }: StreamName, count: number, limit: number) =>
  limitExceeded(
    `This request would exceed the limit on the number of consumers of stream ${name} under account ${account}. ` +
      `Current consumer count: ${count}. Limit: ${limit}.`,
  );

export const tooManyConsumersCreating = (account: string, limit: number) =>
  limitExceeded(
    'This request would exceed the limit on the number of consumers that can simultaneously be in CREATING for the ' +
      `account ${account}. Limit: ${limit}.`,
  );

/** The account stands before the name, as in AWS's text. */
export const streamHasConsumers = ({ name, account }: StreamName) =>
  resourceInUse(
    `DeleteStream can't delete ${account}:${name} because there are consumers associated with this data stream. To ` +
      `delete ${name} anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the ` +
      'consumers that are associated with it.',
  );

/** Clients search the text for "simultaneously be in CREATING or DELETING". */
export const tooManyCreatingOrDeleting = (account: string, limit: number) =>
  limitExceeded(
    'This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or ' +
      `DELETING for the account ${account}. Limit: ${limit}.`,
  );

export const tooManyInTransition = (account: string, limit: number) =>
  limitExceeded(
    'This request would have exceed the limit on the number of streams that can simultaneously be in CREATING, ' +
      `UPDATING or DELETING for the account ${account}. Limit: ${limit}.`,
  );

export const rateExceeded = (account: string) => limitExceeded(`Rate exceeded for account ${account}.`);

/** Clients search the text for "Rate exceeded for stream". */
export const streamRateExceeded = ({ name, account }: StreamName) =>
  limitExceeded(`Rate exceeded for stream ${name} under account ${account}.`);

/** AWS has such quotas, but nobody has written its texts down. */
export const dailyQuotaExceeded = (
  { name, account }: StreamName,
  { quota, count, limit }: { readonly quota: string; readonly count: number; readonly limit: number },
) =>
  limitExceeded(
    `Stream ${name} under account ${account} was changed so ${count} times in the last 24 hours. Limit: ${limit} ` +
      `(quota ${quota}). Wait until the oldest of these changes is 24 hours old.`,
  );

export const throughputExceeded = (shard: string, { name, account }: StreamName) =>
  new ApiError(
    'ProvisionedThroughputExceededException',
    `Rate exceeded for shard ${shard} in stream ${name} under account ${account}.`,
  );

export const onDemand = ({ name, account }: StreamName) =>
  new ApiError(
    'ValidationException',
    `Request is invalid. Stream ${name} under account ${account} is in On-Demand mode.`,
  );

export const provisioned = ({ name, account }: StreamName) =>
  new ApiError(
    'ValidationException',
    `Request is invalid. Stream ${name} under account ${account} is in Provisioned mode. Use UpdateStreamMode to make ` +
      'it On-Demand.',
  );

export const autoNeedsOnDemand = ({ name, account }: StreamName) =>
  invalidArgument(
    `RecordDistributionStrategy AUTO cannot be used with stream ${name} under account ${account}, which is in ` +
      'Provisioned mode: only On-Demand streams have it.',
  );

/** For warm throughput, which is part of what an account gets for the commitment. */
export const notCommitted = (account: string, region: string) =>
  new ApiError(
    'ValidationException',
    `Request is invalid. WarmThroughputMiBps needs MinimumThroughputBillingCommitment, which the account ${account} has ` +
      `not enabled in ${region}. Enable it with UpdateAccountSettings.`,
  );

export const warmThroughputTooHigh = (mibps: number, limit: number, hint: string) =>
  limitExceeded(`WarmThroughputMiBps ${mibps} exceeds the limit of an On-Demand stream. Limit: ${limit}.${hint}`);

export const shardClosed = (shard: string, { name, account }: StreamName) =>
  invalidArgument(
    `Shard ${shard} in stream ${name} under account ${account} has already been merged or split, and thus is not ` +
      'eligible for merging or splitting.',
  );

export const shardsNotAdjacent = (first: string, second: string, { name, account }: StreamName) =>
  invalidArgument(
    `Shards ${first} and ${second} in stream ${name} under account ${account} are not an adjacent pair of shards ` +
      'eligible for merging',
  );

export const invalidSplitKey = (
  value: string,
  { shardId, startingHashKey, endingHashKey }: Record<'shardId' | 'startingHashKey' | 'endingHashKey', string>,
  { name, account }: StreamName,
) =>
  invalidArgument(
    `NewStartingHashKey ${value} used in SplitShard() on shard ${shardId} in stream ${name} under account ${account} ` +
      `is not both greater than one plus the shard's StartingHashKey ${startingHashKey} and less than the shard's ` +
      `EndingHashKey ${endingHashKey}.`,
  );

interface ShardCounts {
  readonly current: number;
  readonly target: number;
}

const shardCounts = ({ current, target }: ShardCounts) =>
  `Current open shard count: ${current}, Target shard count: ${target}`;

export const scalesUpTooFar = (counts: ShardCounts) =>
  limitExceeded(`UpdateShardCount cannot scale up over double your current open shard count. ${shardCounts(counts)}`);

export const scalesDownTooFar = (counts: ShardCounts) =>
  limitExceeded(`UpdateShardCount cannot scale down below half your current open shard count. ${shardCounts(counts)}`);

export const tooManyShards = (limit: number, counts: ShardCounts) =>
  limitExceeded(`Target shard count or number of open shards cannot be greater than ${limit}. ${shardCounts(counts)}`);

export const shardLimitExceeded = (
  { account, region }: { readonly account: string; readonly region: string },
  figures: { readonly open: number; readonly limit: number; readonly additional: number; readonly hint: string },
) =>
  limitExceeded(
    `This request would exceed the shard limit for the account ${account} in ${region}. Current shard count for the ` +
      `account: ${figures.open}. Limit: ${figures.limit}. Number of additional shards that would have resulted from ` +
      `this request: ${figures.additional}. Refer to the AWS Service Limits page ` +
      '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request ' +
      `higher limits.${figures.hint}`,
  );

export const onDemandLimitExceeded = (
  { account, region }: { readonly account: string; readonly region: string },
  count: number,
  limit: number,
) =>
  limitExceeded(
    `This request would exceed the limit on the number of On-Demand streams for the account ${account} in ${region}. ` +
      `Current On-Demand streams count: ${count}. Limit: ${limit}.`,
  );

export const invalidExplicitHashKey = (value: string) =>
  invalidArgument(
    `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${value}`,
  );

export const invalidOrderingNumber = (value: string, { name, account }: StreamName) =>
  invalidArgument(
    `ExclusiveMinimumSequenceNumber ${value} used in PutRecord on stream ${name} under account ${account} is invalid.`,
  );

/** `paths`: of the partition keys that are needed and absent. */
export const partitionKeysMissing = (paths: readonly string[]) =>
  validationException(paths.map((path) => constraintItem('null', path, 'Member must not be null')));

/** `items`: path of a record's data, and what the message adds to the figure (see quotaHint). */
export const recordsTooLarge = (items: readonly { readonly path: string; readonly hint: string }[], maxBytes: number) =>
  validationException(
    items.map(({ path, hint }) =>
      constraintItem('', path, `Member must have length less than or equal to ${maxBytes}${hint}`),
    ),
  );

export const requestTooLarge = (megabytes: number, hint: string) =>
  invalidArgument(`Records size exceeds ${megabytes} MB limit${hint}`);

/** What the reference documents promise for a GetRecords Limit that is too large. The text is ours. */
export const limitTooLarge = (limit: number, max: number) =>
  invalidArgument(`Limit ${limit} used in GetRecords is greater than ${max}.`);

export const invalidIterator = () => invalidArgument('Invalid ShardIterator.');

export const expiredIterator = (createdMs: number, nowMs: number, lifeMs: number) =>
  new ApiError(
    'ExpiredIteratorException',
    `Iterator expired. The iterator was created at time ${javaDate(createdMs)} while right now it is ` +
      `${javaDate(nowMs)} which is further in the future than the tolerated delay of ${lifeMs} milliseconds.`,
  );

/** Java's Date.toString in UTC: `Thu Jan 22 01:22:02 UTC 2015`. */
function javaDate(ms: number): string {
  const [weekday, day, month, year, time] = new Date(ms).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}

export const retentionTooShort = (hours: number, min: number) =>
  invalidArgument(
    `Minimum allowed retention period is ${min} hours. Requested retention period (${hours} hours) is too short.`,
  );

export const retentionTooLong = (hours: number, max: number, hint: string) =>
  invalidArgument(
    `Maximum allowed retention period is ${max} hours. Requested retention period (${hours} hours) is too long.${hint}`,
  );

export const retentionNotIncreased = (hours: number, existing: number, { name }: StreamName) =>
  invalidArgument(
    `Requested retention period (${hours} hours) for stream ${name} can not be shorter than existing retention period ` +
      `(${existing} hours). Use DecreaseRetentionPeriod API.`,
  );

export const retentionNotReduced = (hours: number, existing: number, { name }: StreamName) =>
  invalidArgument(
    `Requested retention period (${hours} hours) for stream ${name} can not be longer than existing retention period ` +
      `(${existing} hours). Use IncreaseRetentionPeriod API.`,
  );

/** Everything else about the request was right, and nothing of it was done. */
export const dryRun = () =>
  new ApiError('DryRunOperationException', 'The request was rejected because the DryRun parameter was specified.');

/** What the data plane may throw besides its own: the model lists KMS errors with every operation that moves data. */
export const KMS_ERRORS = [
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSAccessDeniedException',
  'KMSNotFoundException',
  'KMSOptInRequired',
  'KMSThrottlingException',
] as const;

/** Of a consumer and shard that have a subscription already. */
export const otherSubscription = (consumer: { readonly name: string }, shard: string, { name, account }: StreamName) =>
  resourceInUse(`Another active subscription exists for this consumer: ${account}:${name}:${shard}:${consumer.name}`);

/** The text is ours; it begins as those of other rates. */
export const subscribeRateExceeded = (
  consumer: { readonly name: string },
  shard: string,
  { name, account }: StreamName,
) =>
  limitExceeded(
    `Rate exceeded for consumer ${consumer.name} and shard ${shard} in stream ${name} under account ${account}.`,
  );
