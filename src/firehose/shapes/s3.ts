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

const bufferingHints = structure({
  SizeInMBs: integer({ min: 1, max: 128 }),
  IntervalInSeconds: integer({ min: 0, max: 900 }),
});

const kmsEncryptionConfig = structure({
  AWSKMSKeyARN: required(kmsKeyARN),
});

const encryptionConfiguration = structure({
  NoEncryptionConfig: oneOf('NoEncryption'),
  KMSEncryptionConfig: kmsEncryptionConfig,
});

export const cloudWatchLoggingOptions = structure({
  Enabled: boolean(),
  LogGroupName: string({ min: 0, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]*' }),
  LogStreamName: string({ min: 0, max: 512, pattern: '[^:*]*' }),
});

/** What every S3 destination may have, when it is created and when it is updated. */
const settings = {
  Prefix: prefix,
  ErrorOutputPrefix: errorOutputPrefix,
  BufferingHints: bufferingHints,
  CompressionFormat: compressionFormat,
  EncryptionConfiguration: encryptionConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
} as const;

const requiredPlace = { RoleARN: required(roleARN), BucketARN: required(bucketARN) } as const;
const place = { RoleARN: roleARN, BucketARN: bucketARN } as const;

export const s3DestinationConfiguration = structure({ ...requiredPlace, ...settings });

export const s3DestinationUpdate = structure({ ...place, ...settings });

/** What stands behind the backup's own settings in extended destinations. */
const extension = {
  DataFormatConversionConfiguration: dataFormatConversionConfiguration,
  DynamicPartitioningConfiguration: dynamicPartitioningConfiguration,
  FileExtension: fileExtension,
  CustomTimeZone: customTimeZone,
} as const;

export const extendedS3DestinationConfiguration = structure({
  ...requiredPlace,
  ...settings,
  ProcessingConfiguration: processingConfiguration,
  S3BackupMode: s3BackupMode,
  S3BackupConfiguration: s3DestinationConfiguration,
  ...extension,
});

export const extendedS3DestinationUpdate = structure({
  ...place,
  ...settings,
  ProcessingConfiguration: processingConfiguration,
  S3BackupMode: s3BackupMode,
  S3BackupUpdate: s3DestinationUpdate,
  ...extension,
});
