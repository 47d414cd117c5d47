/**
 * Configurations of channels: checked, completed with defaults, changed. Pure; everything survives JSON. What is in one
 * stands as DescribeChannel shows it.
 */
import type { Call } from '../call.ts';
import {
  assertOwnRole,
  type LinesDescription,
  type LinesPlace,
  missingZstd,
  prefixProblem,
} from '../firehose/hosted-deliveries.ts';
import { invalidArgument } from '../kinesis/errors.ts';
import { tablesNotSupported } from './errors.ts';
import type { CreateChannelInput, LoggingInput, S3DestinationInput, UpdateChannelInput } from './shapes.ts';

type Storage = S3DestinationInput['StorageConfiguration'];

export interface Configuration {
  readonly ServiceExecutionRoleARN: string;
  readonly stream: {
    /** As Millrace writes it. */
    readonly arn: string;
    readonly createdMs: number;
  };
  readonly RecordConfiguration: { readonly RecordFormatType: LinesDescription['format'] };
  readonly S3DestinationConfiguration: {
    readonly DataFreshnessInSeconds: number;
    readonly DeadLetterQueueS3Configuration: NonNullable<S3DestinationInput['DeadLetterQueueS3Configuration']>;
    readonly StorageConfiguration: Storage & { readonly StorageClass: NonNullable<Storage['StorageClass']> };
  };
  readonly EncryptionConfiguration?: CreateChannelInput['EncryptionConfiguration'];
  readonly LoggingConfiguration: LoggingInput;
}

/** All of a configuration but the stream. */
export type Settings = Omit<Configuration, 'stream'>;

const DEFAULT_FRESHNESS_S = 300;
/** AWS says that there is a prefix, but not which. */
const DEFAULT_ERROR_PREFIX = 'errors/';
const DEFAULT_LOG_STREAM = 'DestinationDelivery';

interface Identity {
  readonly name: string;
  readonly channelId: string;
}

/**
 * The settings that CreateChannel asks for.
 * @throws ApiError InvalidArgumentException, AccessDeniedException
 */
export function settingsOf(input: CreateChannelInput, identity: Identity, call: Call): Settings {
  const destination = destinationOf(input);
  const format = formatOf(input);
  assertStorage(destination, call);
  assertKey(input.EncryptionConfiguration);
  assertOwnRole(input.ServiceExecutionRoleARN, call);
  const { BucketARN, ExpectedBucketOwner } = destination.StorageConfiguration;
  const deadLetters = { BucketARN, ExpectedBucketOwner, ...destination.DeadLetterQueueS3Configuration };
  return {
    ServiceExecutionRoleARN: input.ServiceExecutionRoleARN,
    RecordConfiguration: { RecordFormatType: format },
    S3DestinationConfiguration: {
      DataFreshnessInSeconds: destination.DataFreshnessInSeconds ?? DEFAULT_FRESHNESS_S,
      DeadLetterQueueS3Configuration: {
        ...deadLetters,
        ErrorOutputPrefix: deadLetters.ErrorOutputPrefix ?? DEFAULT_ERROR_PREFIX,
      },
      StorageConfiguration: {
        ...destination.StorageConfiguration,
        StorageClass: destination.StorageConfiguration.StorageClass ?? 'STANDARD',
      },
    },
    ...(input.EncryptionConfiguration && { EncryptionConfiguration: input.EncryptionConfiguration }),
    LoggingConfiguration: completedLogging(input.LoggingConfiguration, identity),
  };
}

function destinationOf(input: CreateChannelInput): S3DestinationInput {
  const { S3DestinationConfiguration, S3TablesDestinationConfiguration } = input;
  if ((S3DestinationConfiguration === undefined) === (S3TablesDestinationConfiguration === undefined)) {
    throw invalidArgument(
      'Exactly one of S3DestinationConfiguration and S3TablesDestinationConfiguration must be specified.',
    );
  }
  if (S3DestinationConfiguration === undefined) throw tablesNotSupported();
  return S3DestinationConfiguration;
}

function formatOf({ StreamConfigurationList }: CreateChannelInput): LinesDescription['format'] {
  if (StreamConfigurationList.length !== 1) {
    throw invalidArgument(
      `StreamConfigurationList must name exactly one stream; it names ${StreamConfigurationList.length}.`,
    );
  }
  const { RecordFormatType, GSRSchemaARN } = StreamConfigurationList[0]!.RecordConfiguration;
  if (RecordFormatType === 'GSR_JSON') {
    throw invalidArgument(
      'RecordFormatType GSR_JSON is for S3 Tables destinations only, which are not supported by Millrace; use JSON, ' +
        'STRING or BYTE_ARRAY.',
    );
  }
  if (GSRSchemaARN !== undefined) {
    throw invalidArgument('GSRSchemaARN is not supported by Millrace: records are not compared with schemas; omit it.');
  }
  return RecordFormatType;
}

function assertStorage({ StorageConfiguration, DeadLetterQueueS3Configuration }: S3DestinationInput, call: Call): void {
  const prefixes = {
    OutputKeyTemplate: StorageConfiguration.OutputKeyTemplate,
    ErrorOutputPrefix: DeadLetterQueueS3Configuration?.ErrorOutputPrefix,
  };
  for (const [member, prefix] of Object.entries(prefixes)) {
    const problem = prefixProblem(prefix ?? '', call.now);
    if (problem !== undefined) throw invalidArgument(`${member} cannot be used. ${problem}`);
  }
  const missing = StorageConfiguration.CompressionType === 'ZSTD' ? missingZstd() : undefined;
  if (missing !== undefined)
    throw invalidArgument(`CompressionType ZSTD cannot be used: ${missing}. Use GZIP or NONE.`);
}

/** A key of the user's, not the one that the service has of its own. */
function assertKey(encryption: CreateChannelInput['EncryptionConfiguration']): void {
  if (!/^(arn:.*:)?alias\/aws\/kinesis$/.test(encryption?.KeyId ?? '')) return;
  throw invalidArgument('KeyId must be a customer managed key; the service key alias/aws/kinesis cannot be used.');
}

/** Without a configuration nothing is logged; names matter only where something is. */
function completedLogging(input: LoggingInput | undefined, { name, channelId }: Identity): LoggingInput {
  const given = input?.CloudWatchLogs ?? { Enabled: false };
  if (!given.Enabled) return { CloudWatchLogs: given };
  const { LogGroupName = `/aws/kinesis/${name}/${channelId}`, LogStreamName = DEFAULT_LOG_STREAM } = given;
  return { CloudWatchLogs: { Enabled: true, LogGroupName, LogStreamName } };
}

/**
 * A configuration after UpdateChannel.
 * @throws ApiError InvalidArgumentException
 */
export function updatedConfiguration(
  current: Configuration,
  input: UpdateChannelInput,
  identity: Identity,
): Configuration {
  const { S3DestinationConfiguration, S3TablesDestinationConfiguration, LoggingConfiguration } = input;
  if (S3TablesDestinationConfiguration !== undefined) {
    throw invalidArgument('The channel delivers to S3; use S3DestinationConfiguration to change its data freshness.');
  }
  if (S3DestinationConfiguration === undefined && LoggingConfiguration === undefined) {
    throw invalidArgument('At least one of S3DestinationConfiguration and LoggingConfiguration must be specified.');
  }
  // Names that are not given stay as they are.
  const logging = LoggingConfiguration && {
    CloudWatchLogs: { ...current.LoggingConfiguration.CloudWatchLogs, ...LoggingConfiguration.CloudWatchLogs },
  };
  return {
    ...current,
    S3DestinationConfiguration: { ...current.S3DestinationConfiguration, ...S3DestinationConfiguration },
    LoggingConfiguration: logging === undefined ? current.LoggingConfiguration : completedLogging(logging, identity),
  };
}

const COMPRESSIONS = { NONE: 'UNCOMPRESSED', GZIP: 'GZIP', ZSTD: 'ZSTD' } as const;

/** What is delivered with a configuration. */
export function linesOf(settings: Settings, name: string): LinesDescription {
  const { DataFreshnessInSeconds, DeadLetterQueueS3Configuration, StorageConfiguration } =
    settings.S3DestinationConfiguration;
  return {
    ...placeOf(StorageConfiguration.BucketARN, StorageConfiguration.OutputKeyTemplate),
    format: settings.RecordConfiguration.RecordFormatType,
    compression: COMPRESSIONS[StorageConfiguration.CompressionType],
    objectName: name,
    deadLetters: placeOf(DeadLetterQueueS3Configuration.BucketARN, DeadLetterQueueS3Configuration.ErrorOutputPrefix),
    freshnessMs: DataFreshnessInSeconds * 1000,
  };
}

const placeOf = (bucketArn: string, prefix: string | undefined): LinesPlace => ({
  bucket: bucketArn.slice(bucketArn.lastIndexOf(':::') + 3),
  ...(prefix === undefined ? {} : { prefix }),
});
