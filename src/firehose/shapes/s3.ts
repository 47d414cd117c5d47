/** Inputs of S3 destinations, plain and extended; other destinations use the plain one for what they keep in S3. */
import { boolean, integer, oneOf, required, string, structure } from '../../protocol/shape.ts';
import {
  bucketARN,
  compressionFormat,
  customTimeZone,
  errorOutputPrefix,
  fileExtension,
  kmsKeyARN,
  prefix,
  roleARN,
  s3BackupMode,
} from './scalars.ts';
import {
  dataFormatConversionConfiguration,
  dynamicPartitioningConfiguration,
  processingConfiguration,
} from './transformation.ts';

export const bufferingHints = structure({
  SizeInMBs: integer({ min: 1, max: 128 }),
  IntervalInSeconds: integer({ min: 0, max: 900 }),
});

export const kmsEncryptionConfig = structure({
  AWSKMSKeyARN: required(kmsKeyARN),
});

export const encryptionConfiguration = structure({
  NoEncryptionConfig: oneOf('NoEncryption'),
  KMSEncryptionConfig: kmsEncryptionConfig,
});

export const cloudWatchLoggingOptions = structure({
  Enabled: boolean(),
  LogGroupName: string({ min: 0, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]*' }),
  LogStreamName: string({ min: 0, max: 512, pattern: '[^:*]*' }),
});

export const s3DestinationConfiguration = structure({
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: prefix,
  ErrorOutputPrefix: errorOutputPrefix,
  BufferingHints: bufferingHints,
  CompressionFormat: compressionFormat,
  EncryptionConfiguration: encryptionConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
});

export const s3DestinationUpdate = structure({
  RoleARN: roleARN,
  BucketARN: bucketARN,
  Prefix: prefix,
  ErrorOutputPrefix: errorOutputPrefix,
  BufferingHints: bufferingHints,
  CompressionFormat: compressionFormat,
  EncryptionConfiguration: encryptionConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
});

export const extendedS3DestinationConfiguration = structure({
  RoleARN: required(roleARN),
  BucketARN: required(bucketARN),
  Prefix: prefix,
  ErrorOutputPrefix: errorOutputPrefix,
  BufferingHints: bufferingHints,
  CompressionFormat: compressionFormat,
  EncryptionConfiguration: encryptionConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
  ProcessingConfiguration: processingConfiguration,
  S3BackupMode: s3BackupMode,
  S3BackupConfiguration: s3DestinationConfiguration,
  DataFormatConversionConfiguration: dataFormatConversionConfiguration,
  DynamicPartitioningConfiguration: dynamicPartitioningConfiguration,
  FileExtension: fileExtension,
  CustomTimeZone: customTimeZone,
});

export const extendedS3DestinationUpdate = structure({
  RoleARN: roleARN,
  BucketARN: bucketARN,
  Prefix: prefix,
  ErrorOutputPrefix: errorOutputPrefix,
  BufferingHints: bufferingHints,
  CompressionFormat: compressionFormat,
  EncryptionConfiguration: encryptionConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
  ProcessingConfiguration: processingConfiguration,
  S3BackupMode: s3BackupMode,
  S3BackupUpdate: s3DestinationUpdate,
  DataFormatConversionConfiguration: dataFormatConversionConfiguration,
  DynamicPartitioningConfiguration: dynamicPartitioningConfiguration,
  FileExtension: fileExtension,
  CustomTimeZone: customTimeZone,
});
