/** The errors of Firehose with AWS's exact texts, as seen on the service. Odd spellings are AWS's. */
import { ApiError } from '../protocol/error.ts';

interface DeliveryStreamName {
  readonly name: string;
  readonly account: string;
}

export const invalidArgument = (message: string) => new ApiError('InvalidArgumentException', message);
export const accessDenied = (message: string) => new ApiError('AccessDeniedException', message);
export const resourceInUse = (message: string) => new ApiError('ResourceInUseException', message);
export const limitExceeded = (message: string) => new ApiError('LimitExceededException', message);
const resourceNotFound = (message: string) => new ApiError('ResourceNotFoundException', message);

export const deliveryStreamNotFound = ({ name, account }: DeliveryStreamName) =>
  resourceNotFound(`Firehose ${name} under account ${account} not found.`);

/** The other text for a missing delivery stream: for updates. */
export const deliveryStreamNotFoundForUpdate = ({ name, account }: DeliveryStreamName) =>
  resourceNotFound(`Firehose ${name} under accountId ${account} not found.`);

/** For records: while the delivery stream is CREATING or DELETING. */
export const notTakingRecords = ({ name, account }: DeliveryStreamName) =>
  resourceNotFound(`Firehose ${name} is not active in ${account} account.`);

export const deliveryStreamExists = ({ name, account }: DeliveryStreamName) =>
  resourceInUse(`Firehose ${name} under accountId ${account} already exists`);

export const tooManyDeliveryStreams = (limit: number, names: readonly string[], hint: string) =>
  limitExceeded(
    `You have already consumed your firehose quota of ${limit} hoses. Firehose names: [${names.join(', ')}]${hint}`,
  );

export const notUpdatable = ({ name }: DeliveryStreamName, status: string) =>
  resourceInUse(`Cannot update firehose: ${name} when it is in ${status} status`);

export const notDeletable = ({ name, account }: DeliveryStreamName, status: string) =>
  resourceInUse(`Firehose ${name} under account ${account} cannot be deleted in ${status} state`);

export const versionMismatch = ({ name }: DeliveryStreamName, current: string, given: string) =>
  new ApiError(
    'ConcurrentModificationException',
    `Cannot update firehose: ${name} since the current version id: ${current} and specified version id: ${given} do ` +
      'not match',
  );

export const destinationNotFound = (id: string) => invalidArgument(`Destination Id ${id} not found`);

/** For records that are put directly into a delivery stream which reads a Kinesis stream. */
export const readsItsSource = () =>
  invalidArgument('This operation is not permitted on KinesisStreamAsSource delivery stream type.');

export const recordsTooLarge = (maxBytes: number) =>
  invalidArgument(`The total size of the records exceeds the maximum allowed size of ${maxBytes} bytes.`);

export const SLOW_DOWN = 'Slow down.';
export const serviceUnavailable = () => new ApiError('ServiceUnavailableException', SLOW_DOWN, 503);

/** Of calls of the control plane. */
export const rateExceeded = (_account: string, limit: number) =>
  new ApiError('ThrottlingException', `Please slow down. Max limit of ${limit} RPS has breached.`);
