/** Inputs of Redshift destinations. */
import { boolean, integer, required, string, structure } from '../../protocol/shape.ts';
import { cloudWatchLoggingOptions, s3DestinationConfiguration, s3DestinationUpdate } from './s3.ts';
import { clusterJDBCURL, password, redshiftS3BackupMode, roleARN, username } from './scalars.ts';
import { processingConfiguration } from './transformation.ts';

const copyCommand = structure({
  DataTableName: required(string({ min: 1, max: 512, pattern: '.*' })),
  DataTableColumns: string({ min: 0, max: 10_240, pattern: '.*' }),
  CopyOptions: string({ min: 0, max: 10_240, pattern: '.*' }),
});

const redshiftRetryOptions = structure({
  DurationInSeconds: integer({ min: 0, max: 7200 }),
});

const secretsManagerConfiguration = structure({
  SecretARN: string({
    min: 1,
    max: 2048,
    pattern: 'arn:.*:secretsmanager:[a-zA-Z0-9\\-]+:\\d{12}:secret:[a-zA-Z0-9\\-/_+=.@!]+',
  }),
  RoleARN: roleARN,
  Enabled: required(boolean()),
});

export const redshiftDestinationConfiguration = structure({
  RoleARN: required(roleARN),
  ClusterJDBCURL: required(clusterJDBCURL),
  CopyCommand: required(copyCommand),
  Username: username,
  Password: password,
  RetryOptions: redshiftRetryOptions,
  S3Configuration: required(s3DestinationConfiguration),
  ProcessingConfiguration: processingConfiguration,
  S3BackupMode: redshiftS3BackupMode,
  S3BackupConfiguration: s3DestinationConfiguration,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
  SecretsManagerConfiguration: secretsManagerConfiguration,
});

export const redshiftDestinationUpdate = structure({
  RoleARN: roleARN,
  ClusterJDBCURL: clusterJDBCURL,
  CopyCommand: copyCommand,
  Username: username,
  Password: password,
  RetryOptions: redshiftRetryOptions,
  S3Update: s3DestinationUpdate,
  ProcessingConfiguration: processingConfiguration,
  S3BackupMode: redshiftS3BackupMode,
  S3BackupUpdate: s3DestinationUpdate,
  CloudWatchLoggingOptions: cloudWatchLoggingOptions,
  SecretsManagerConfiguration: secretsManagerConfiguration,
});
