/** Extended S3 destinations, which are what every S3 destination is described as. */
import type { Decoded } from '../../protocol/shape.ts';
import type { extendedS3DestinationConfiguration, extendedS3DestinationUpdate } from '../shapes/s3.ts';
import { assertBackupOf, type Backup, completedBackup, mergedBackup } from './backup.ts';
import {
  assertS3,
  completedS3,
  mergedS3,
  objectSettings,
  type S3Description,
  type S3Update,
  s3ConfigurationOf,
} from './s3.ts';
import type { DestinationContext, ObjectSettings } from './settings.ts';
import {
  assertSupportedTransformation,
  completedTransformation,
  mergedTransformation,
  type Transformation,
} from './unsupported.ts';

type ExtendedConfiguration = Decoded<typeof extendedS3DestinationConfiguration>;
type ExtendedUpdate = Decoded<typeof extendedS3DestinationUpdate>;

/** The ExtendedS3DestinationDescription of the API. */
export interface ExtendedS3Description extends S3Description, Backup, Transformation {
  /** Absent and empty both mean that of the format. */
  readonly FileExtension?: string | undefined;
  /** Absent and empty both mean UTC. */
  readonly CustomTimeZone?: string | undefined;
}

/**
 * The description that a configuration leads to.
 * @throws ApiError InvalidArgumentException, AccessDeniedException
 */
export function createExtendedS3(input: ExtendedConfiguration, context: DestinationContext): ExtendedS3Description {
  return checked(
    {
      ...completedS3(input),
      ...completedBackup(input),
      ...completedTransformation(input),
      FileExtension: input.FileExtension,
      CustomTimeZone: input.CustomTimeZone,
    },
    context,
  );
}

/** @throws ApiError InvalidArgumentException, AccessDeniedException */
export function updateExtendedS3(
  current: ExtendedS3Description,
  update: ExtendedUpdate,
  context: DestinationContext,
): ExtendedS3Description {
  return checked(
    {
      ...mergedS3(current, update),
      ...mergedBackup(current, update),
      ...mergedTransformation(current, update),
      FileExtension: update.FileExtension ?? current.FileExtension,
      CustomTimeZone: update.CustomTimeZone ?? current.CustomTimeZone,
    },
    context,
  );
}

/** The configuration that an update amounts to for a delivery stream which had another destination. */
export function extendedConfigurationOf(update: ExtendedUpdate & S3Update, occasion: string): ExtendedConfiguration {
  const { S3BackupUpdate, ...rest } = update;
  const backup = S3BackupUpdate && s3ConfigurationOf(S3BackupUpdate, occasion);
  return { ...rest, ...s3ConfigurationOf(rest, occasion), ...(backup && { S3BackupConfiguration: backup }) };
}

function checked(description: ExtendedS3Description, context: DestinationContext): ExtendedS3Description {
  assertSupportedTransformation(description);
  assertS3(description, context, description.CustomTimeZone);
  assertBackupOf(description, context);
  return description;
}

/** The members that the legacy description has, too. */
export const legacyPart = (description: ExtendedS3Description): S3Description => ({
  RoleARN: description.RoleARN,
  BucketARN: description.BucketARN,
  Prefix: description.Prefix,
  ErrorOutputPrefix: description.ErrorOutputPrefix,
  BufferingHints: description.BufferingHints,
  CompressionFormat: description.CompressionFormat,
  EncryptionConfiguration: description.EncryptionConfiguration,
  CloudWatchLoggingOptions: description.CloudWatchLoggingOptions,
});

export function extendedObjectSettings(description: ExtendedS3Description): ObjectSettings {
  const { FileExtension, CustomTimeZone } = description;
  return {
    ...objectSettings(description),
    ...(FileExtension ? { fileExtension: FileExtension } : {}),
    ...(CustomTimeZone ? { timeZone: CustomTimeZone } : {}),
  };
}
