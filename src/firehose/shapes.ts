/** The inputs of all operations, with the constraints of the API model (2015-08-04). */
import { blob, boolean, type Decoded, integer, list, oneOf, required, string, structure } from '../protocol/shape.ts';
import { elasticsearchDestinationConfiguration, elasticsearchDestinationUpdate } from './shapes/elasticsearch.ts';
import { redshiftDestinationConfiguration, redshiftDestinationUpdate } from './shapes/redshift.ts';
import {
  extendedS3DestinationConfiguration,
  extendedS3DestinationUpdate,
  s3DestinationConfiguration,
  s3DestinationUpdate,
} from './shapes/s3.ts';
import { deliveryStreamName, destinationId, kmsKeyARN, roleARN, tagKey } from './shapes/scalars.ts';

/** Destinations and sources that are refused by name, whatever is in them. */
const unsupported = structure({});

const deliveryStreamType = oneOf('DirectPut', 'KinesisStreamAsSource', 'MSKAsSource', 'DatabaseAsSource');

const directPutSourceConfiguration = structure({
  ThroughputHintInMBs: required(integer({ min: 1, max: 100 })),
});

const kinesisStreamSourceConfiguration = structure({
  KinesisStreamARN: required(
    string({ min: 1, max: 512, pattern: 'arn:.*:kinesis:[a-zA-Z0-9\\-]+:\\d{12}:stream/[a-zA-Z0-9_.-]+' }),
  ),
  RoleARN: required(roleARN),
});

const deliveryStreamEncryptionConfigurationInput = structure({
  KeyARN: kmsKeyARN,
  KeyType: required(oneOf('AWS_OWNED_CMK', 'CUSTOMER_MANAGED_CMK')),
});

const tag = structure({
  Key: required(tagKey),
  Value: string({ min: 0, max: 256, pattern: '^[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$' }),
});

const tags = list(tag, { min: 1, max: 50 });

export const createDeliveryStreamInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  DeliveryStreamType: deliveryStreamType,
  DirectPutSourceConfiguration: directPutSourceConfiguration,
  KinesisStreamSourceConfiguration: kinesisStreamSourceConfiguration,
  DeliveryStreamEncryptionConfigurationInput: deliveryStreamEncryptionConfigurationInput,
  S3DestinationConfiguration: s3DestinationConfiguration,
  ExtendedS3DestinationConfiguration: extendedS3DestinationConfiguration,
  RedshiftDestinationConfiguration: redshiftDestinationConfiguration,
  ElasticsearchDestinationConfiguration: elasticsearchDestinationConfiguration,
  AmazonopensearchserviceDestinationConfiguration: unsupported,
  SplunkDestinationConfiguration: unsupported,
  HttpEndpointDestinationConfiguration: unsupported,
  Tags: tags,
  AmazonOpenSearchServerlessDestinationConfiguration: unsupported,
  MSKSourceConfiguration: unsupported,
  SnowflakeDestinationConfiguration: unsupported,
  IcebergDestinationConfiguration: unsupported,
  DatabaseSourceConfiguration: unsupported,
});

export const deleteDeliveryStreamInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  AllowForceDelete: boolean(),
});

export const describeDeliveryStreamInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  Limit: integer({ min: 1, max: 10_000 }),
  ExclusiveStartDestinationId: destinationId,
});

export const listDeliveryStreamsInput = structure({
  Limit: integer({ min: 1, max: 10_000 }),
  DeliveryStreamType: deliveryStreamType,
  ExclusiveStartDeliveryStreamName: deliveryStreamName,
});

export const listTagsForDeliveryStreamInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  ExclusiveStartTagKey: tagKey,
  Limit: integer({ min: 1, max: 50 }),
});

const record = structure({
  Data: required(blob({ min: 0, max: 1_024_000 })),
});

export const putRecordInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  Record: required(record),
});

export const putRecordBatchInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  Records: required(list(record, { min: 1, max: 500 })),
});

export const startDeliveryStreamEncryptionInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  DeliveryStreamEncryptionConfigurationInput: deliveryStreamEncryptionConfigurationInput,
});

export const stopDeliveryStreamEncryptionInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
});

export const tagDeliveryStreamInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  Tags: required(tags),
});

export const untagDeliveryStreamInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  TagKeys: required(list(tagKey, { min: 1, max: 50 })),
});

export const updateDestinationInput = structure({
  DeliveryStreamName: required(deliveryStreamName),
  CurrentDeliveryStreamVersionId: required(string({ min: 1, max: 50, pattern: '[0-9]+' })),
  DestinationId: required(destinationId),
  S3DestinationUpdate: s3DestinationUpdate,
  ExtendedS3DestinationUpdate: extendedS3DestinationUpdate,
  RedshiftDestinationUpdate: redshiftDestinationUpdate,
  ElasticsearchDestinationUpdate: elasticsearchDestinationUpdate,
  AmazonopensearchserviceDestinationUpdate: unsupported,
  SplunkDestinationUpdate: unsupported,
  HttpEndpointDestinationUpdate: unsupported,
  AmazonOpenSearchServerlessDestinationUpdate: unsupported,
  SnowflakeDestinationUpdate: unsupported,
  IcebergDestinationUpdate: unsupported,
});

export type CreateDeliveryStreamInput = Decoded<typeof createDeliveryStreamInput>;
export type UpdateDestinationInput = Decoded<typeof updateDestinationInput>;
