/**
 * The inputs of channels. What members there are, and which must be given, is the newest SDK's knowledge; it says nothing
 * of lengths and patterns, so those are what the API's other names and ARNs have.
 */
import { nextToken, streamArn, tagMap } from '../kinesis/shapes.ts';
import {
  boolean,
  type Decoded,
  integer,
  list,
  oneOf,
  required,
  string,
  structure,
  timestamp,
} from '../protocol/shape.ts';

const channelName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' });
const channelArn = string({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:channel/\\S+' });
const roleArn = string({ min: 1, max: 512, pattern: 'arn:.*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+' });
const bucketArn = string({ min: 1, max: 2048, pattern: 'arn:.*:s3:::[\\w\\.\\-]{1,255}' });
const accountId = string({ min: 12, max: 12, pattern: '\\d{12}' });
/** An empty one is none. */
const keyPrefix = string({ min: 0, max: 1024 });
const freshness = integer({ min: 1 });
const keyId = string({ min: 1, max: 2048 });

const recordConfiguration = structure({
  RecordFormatType: required(oneOf('GSR_JSON', 'JSON', 'STRING', 'BYTE_ARRAY')),
  GSRSchemaARN: string({ min: 1, max: 2048 }),
});

const deadLetterQueue = structure({
  BucketARN: required(bucketArn),
  ExpectedBucketOwner: required(accountId),
  ErrorOutputPrefix: keyPrefix,
});

const s3Destination = structure({
  DataFreshnessInSeconds: freshness,
  DeadLetterQueueS3Configuration: deadLetterQueue,
  StorageConfiguration: required(
    structure({
      BucketARN: required(bucketArn),
      ExpectedBucketOwner: required(accountId),
      OutputKeyTemplate: keyPrefix,
      StorageClass: oneOf('STANDARD', 'INTELLIGENT_TIERING', 'GLACIER_IR'),
      CompressionType: required(oneOf('NONE', 'GZIP', 'ZSTD')),
    }),
  ),
});

const partitionField = structure({
  Transform: required(oneOf('TIME_HOUR')),
  SourceName: required(string()),
});

const table = structure({
  TableBucketARN: required(string()),
  Namespace: required(string()),
  TableName: required(string()),
  CompressionType: required(oneOf('NONE', 'ZSTD', 'SNAPPY')),
  PartitionSpec: structure({ PartitionFields: required(list(partitionField)) }),
});

const s3TablesDestination = structure({
  DataFreshnessInSeconds: freshness,
  DeadLetterQueueS3Configuration: required(deadLetterQueue),
  S3TablesConfigurationList: required(list(table)),
});

const logging = structure({
  CloudWatchLogs: required(
    structure({
      Enabled: required(boolean()),
      LogGroupName: string({ min: 1, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]+' }),
      LogStreamName: string({ min: 1, max: 512, pattern: '[^:*]+' }),
    }),
  ),
});

export const createChannelInput = structure({
  ChannelName: required(channelName),
  ServiceExecutionRoleARN: required(roleArn),
  StreamConfigurationList: required(
    list(structure({ StreamARN: required(streamArn), RecordConfiguration: required(recordConfiguration) })),
  ),
  S3DestinationConfiguration: s3Destination,
  S3TablesDestinationConfiguration: s3TablesDestination,
  EncryptionConfiguration: structure({ EncryptionType: required(oneOf('KMS')), KeyId: required(keyId) }),
  Tags: tagMap,
  LoggingConfiguration: logging,
});

export const channelReference = structure({ ChannelARN: required(channelArn) });

const destinationUpdate = structure({ DataFreshnessInSeconds: required(freshness) });

export const updateChannelInput = structure({
  ChannelARN: required(channelArn),
  S3DestinationConfiguration: destinationUpdate,
  S3TablesDestinationConfiguration: destinationUpdate,
  LoggingConfiguration: logging,
});

export const listChannelsInput = structure({
  StreamFilter: list(structure({ StreamARN: required(streamArn), StreamCreationTimestamp: timestamp() })),
  MaxResults: integer({ min: 1 }),
  NextToken: nextToken,
});

export type CreateChannelInput = Decoded<typeof createChannelInput>;
export type UpdateChannelInput = Decoded<typeof updateChannelInput>;
export type ListChannelsInput = Decoded<typeof listChannelsInput>;
export type S3DestinationInput = NonNullable<CreateChannelInput['S3DestinationConfiguration']>;
export type LoggingInput = NonNullable<CreateChannelInput['LoggingConfiguration']>;
