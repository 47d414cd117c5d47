/** S3 settings as they stand in every destination: completed, merged, checked. */
import type { Decoded } from '../../protocol/shape.ts';
import { invalidArgument } from '../errors.ts';
import { assertPrefixes } from '../key-prefix.ts';
import type { s3DestinationConfiguration, s3DestinationUpdate } from '../shapes/s3.ts';
import {
  assertOwnRole,
  bufferingFrom,
  type DestinationContext,
  given,
  type ObjectSettings,
  overlaid,
} from './settings.ts';

export type S3Configuration = Decoded<typeof s3DestinationConfiguration>;
export type S3Update = Decoded<typeof s3DestinationUpdate>;
type Logging = NonNullable<S3Configuration['CloudWatchLoggingOptions']>;

/** The S3DestinationDescription of the API. */
export interface S3Description {
  readonly RoleARN: string;
  readonly BucketARN: string;
  /** Absent is not the same as empty, which is shown. */
  readonly Prefix?: string | undefined;
  readonly ErrorOutputPrefix?: string | undefined;
  readonly BufferingHints: { readonly SizeInMBs: number; readonly IntervalInSeconds: number };
  readonly CompressionFormat: NonNullable<S3Configuration['CompressionFormat']>;
  readonly EncryptionConfiguration: NonNullable<S3Configuration['EncryptionConfiguration']>;
  readonly CloudWatchLoggingOptions: LoggingDescription;
}

export interface LoggingDescription extends Omit<Logging, 'Enabled'> {
  readonly Enabled: boolean;
}

const DEFAULT_HINTS = { IntervalInSeconds: 300, SizeInMBs: 5 };
export const NO_LOGGING: LoggingDescription = { Enabled: false };

/** A configuration with all defaults. Takes the members that it knows and leaves those of larger structures. */
export function completedS3(input: S3Configuration): S3Description {
  const { RoleARN, BucketARN, Prefix, ErrorOutputPrefix } = input;
  return {
    RoleARN,
    BucketARN,
    Prefix,
    ErrorOutputPrefix,
    BufferingHints: overlaid(DEFAULT_HINTS, input.BufferingHints),
    CompressionFormat: input.CompressionFormat ?? 'UNCOMPRESSED',
    EncryptionConfiguration: input.EncryptionConfiguration ?? { NoEncryptionConfig: 'NoEncryption' },
    CloudWatchLoggingOptions: overlaid(NO_LOGGING, input.CloudWatchLoggingOptions),
  };
}

/** What is given replaces what was there; hints and logging options are merged member by member. */
export function mergedS3(current: S3Description, update: S3Update): S3Description {
  return {
    RoleARN: update.RoleARN ?? current.RoleARN,
    BucketARN: update.BucketARN ?? current.BucketARN,
    Prefix: update.Prefix ?? current.Prefix,
    ErrorOutputPrefix: update.ErrorOutputPrefix ?? current.ErrorOutputPrefix,
    BufferingHints: overlaid(current.BufferingHints, update.BufferingHints),
    CompressionFormat: update.CompressionFormat ?? current.CompressionFormat,
    EncryptionConfiguration: update.EncryptionConfiguration ?? current.EncryptionConfiguration,
    CloudWatchLoggingOptions: overlaid(current.CloudWatchLoggingOptions, update.CloudWatchLoggingOptions),
  };
}

/**
 * An update as a configuration, where there is nothing to merge it with.
 * @throws ApiError InvalidArgumentException when a required member is missing; `occasion` says why it is required.
 */
export function s3ConfigurationOf(update: S3Update, occasion: string): S3Configuration {
  return {
    ...update,
    RoleARN: given(update.RoleARN, `RoleARN is required when ${occasion}.`),
    BucketARN: given(update.BucketARN, `BucketARN is required when ${occasion}.`),
  };
}

/**
 * Checks that do not depend on the destination.
 * @throws ApiError InvalidArgumentException, AccessDeniedException
 */
export function assertS3(
  description: S3Description,
  context: DestinationContext,
  CustomTimeZone?: string | undefined,
): void {
  const { Prefix, ErrorOutputPrefix, CloudWatchLoggingOptions, RoleARN } = description;
  // An empty time zone is what Terraform sends for none.
  assertPrefixes({ Prefix, ErrorOutputPrefix, CustomTimeZone: CustomTimeZone || undefined }, context.now);
  assertLogging(CloudWatchLoggingOptions);
  assertOwnRole(RoleARN, context);
  assertEncryption(description, context);
}

/** @throws ApiError InvalidArgumentException */
export function assertLogging({ Enabled, LogGroupName }: LoggingDescription): void {
  if (!Enabled || (LogGroupName ?? '') !== '') return;
  throw invalidArgument('CloudWatch Log Group Name is required if CloudWatch Logging is enabled');
}

function assertEncryption({ EncryptionConfiguration }: S3Description, { region }: DestinationContext): void {
  const { NoEncryptionConfig, KMSEncryptionConfig } = EncryptionConfiguration;
  if ((NoEncryptionConfig === undefined) === (KMSEncryptionConfig === undefined)) {
    throw invalidArgument('Exactly one of NoEncryptionConfig or KMSEncryptionConfig must be specified');
  }
  const key = KMSEncryptionConfig?.AWSKMSKeyARN;
  if (key !== undefined && key.split(':')[3] !== region) {
    throw invalidArgument(`KMS Key ${key} does not exist in the same region as the S3 bucket`);
  }
}

const BACKUP_INTERVAL_MIN_S = 60;

/** @throws ApiError InvalidArgumentException */
export function assertBackup(description: S3Description, context: DestinationContext): void {
  assertS3(description, context);
  if (description.BufferingHints.IntervalInSeconds >= BACKUP_INTERVAL_MIN_S) return;
  throw invalidArgument('BufferingHints.IntervalInSeconds must be between 60 and 900 seconds for S3 backup.');
}

/** How objects are made with these settings. */
export function objectSettings(description: S3Description): ObjectSettings {
  const { BucketARN, Prefix, CompressionFormat, BufferingHints, EncryptionConfiguration } = description;
  const kmsKeyArn = EncryptionConfiguration.KMSEncryptionConfig?.AWSKMSKeyARN;
  return {
    bucket: BucketARN.slice(BucketARN.lastIndexOf(':::') + 3),
    ...(Prefix === undefined ? {} : { prefix: Prefix }),
    compression: CompressionFormat,
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
    ...bufferingFrom(BufferingHints),
  };
}
