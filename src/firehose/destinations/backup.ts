/** S3BackupMode of S3 and Redshift destinations: copies of all records in a bucket of their own. */
import { invalidArgument } from '../errors.ts';
import {
  assertBackup,
  completedS3,
  mergedS3,
  type S3Configuration,
  type S3Description,
  type S3Update,
  s3ConfigurationOf,
} from './s3.ts';
import type { DestinationContext } from './settings.ts';

export interface Backup {
  readonly S3BackupMode: 'Disabled' | 'Enabled';
  readonly S3BackupDescription?: S3Description | undefined;
}

interface BackupConfiguration {
  readonly S3BackupMode?: Backup['S3BackupMode'] | undefined;
  readonly S3BackupConfiguration?: S3Configuration | undefined;
}

interface BackupUpdate {
  readonly S3BackupMode?: Backup['S3BackupMode'] | undefined;
  readonly S3BackupUpdate?: S3Update | undefined;
}

export const completedBackup = ({ S3BackupMode, S3BackupConfiguration }: BackupConfiguration): Backup => ({
  S3BackupMode: S3BackupMode ?? 'Disabled',
  S3BackupDescription: S3BackupConfiguration && completedS3(S3BackupConfiguration),
});

/** @throws ApiError InvalidArgumentException when a backup that was enabled is to be disabled. */
export function mergedBackup(current: Backup, { S3BackupMode, S3BackupUpdate }: BackupUpdate): Backup {
  if (current.S3BackupMode === 'Enabled' && S3BackupMode === 'Disabled') {
    throw invalidArgument('Disabling S3 backup is not currently supported.');
  }
  const description = current.S3BackupDescription;
  return {
    S3BackupMode: S3BackupMode ?? current.S3BackupMode,
    S3BackupDescription: S3BackupUpdate === undefined ? description : mergedDescription(description, S3BackupUpdate),
  };
}

const mergedDescription = (current: S3Description | undefined, update: S3Update): S3Description =>
  current === undefined
    ? completedS3(s3ConfigurationOf(update, 'a backup is configured for the first time'))
    : mergedS3(current, update);

/** @throws ApiError InvalidArgumentException */
export function assertBackupOf({ S3BackupMode, S3BackupDescription }: Backup, context: DestinationContext): void {
  if (S3BackupDescription !== undefined) assertBackup(S3BackupDescription, context);
  else if (S3BackupMode === 'Enabled') {
    throw invalidArgument('S3 backup destination configuration is required when enabling S3 backup.');
  }
}
