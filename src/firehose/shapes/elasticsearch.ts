/** Inputs of Elasticsearch destinations. */
import { integer, list, oneOf, required, structure } from '../../protocol/shape.ts';
import { cloudWatchLoggingOptions, s3DestinationConfiguration, s3DestinationUpdate } from './s3.ts';
import {
  elasticsearchClusterEndpoint,
  elasticsearchDomainARN,
  elasticsearchIndexName,
  elasticsearchIndexRotationPeriod,
  elasticsearchTypeName,
  nonEmptyStringWithoutWhitespace,
  roleARN,
} from './scalars.ts';
import { processingConfiguration } from './transformation.ts';

const elasticsearchBufferingHints = structure({
  IntervalInSeconds: integer({ min: 0, max: 900 }),
  SizeInMBs: integer({ min: 1, max: 100 }),
});

const elasticsearchRetryOptions = structure({
  DurationInSeconds: integer({ min: 0, max: 7200 }),
});

export const vpcConfiguration = structure({
  SubnetIds: required(list(nonEmptyStringWithoutWhitespace, { min: 1, max: 16 })),
  RoleARN: required(roleARN),
  SecurityGroupIds: required(list(nonEmptyStringWithoutWhitespace, { min: 1, max: 5 })),
});

const documentIdOptions = structure({
  DefaultDocumentIdFormat: required(oneOf('FIREHOSE_DEFAULT', 'NO_DOCUMENT_ID')),
});

export const elasticsearchDestinationConfiguration = structure({
  RoleARN: required(roleARN),
  DomainARN: elasticsearchDomainARN,
  ClusterEndpoint: elasticsearchClusterEndpoint,
  IndexName: required(elasticsearchIndexName),
  TypeName: elasticsearchTypeName,
  IndexRotationPeriod: elasticsearchIndexRotationPeriod,
  BufferingHints: elasticsearchBufferingHints,
  RetryOptions: elasticsearchRetryOptions,
  S3BackupMode: oneOf('FailedDocumentsOnly', 'AllDocuments'),
  S3Configuration: required(s3DestinationConfiguration),
  ProcessingConfiguration: processingConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
  VpcConfiguration: vpcConfiguration,
  DocumentIdOptions: documentIdOptions,
});

export const elasticsearchDestinationUpdate = structure({
  RoleARN: roleARN,
  DomainARN: elasticsearchDomainARN,
  ClusterEndpoint: elasticsearchClusterEndpoint,
  IndexName: elasticsearchIndexName,
  TypeName: elasticsearchTypeName,
  IndexRotationPeriod: elasticsearchIndexRotationPeriod,
  BufferingHints: elasticsearchBufferingHints,
  RetryOptions: elasticsearchRetryOptions,
  S3Update: s3DestinationUpdate,
  ProcessingConfiguration: processingConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
  DocumentIdOptions: documentIdOptions,
});
