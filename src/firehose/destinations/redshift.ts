/** Redshift destinations: records go to an intermediate bucket first and are copied into the table from there. */
import type { Decoded } from '../../protocol/shape.ts';
import { invalidArgument } from '../errors.ts';
import { CopyOptionsError, parseCopyOptions } from '../redshift/copy-options.ts';
import { columnNamesOf, tableNameOf } from '../redshift/identifiers.ts';
import type { redshiftDestinationConfiguration, redshiftDestinationUpdate } from '../shapes/redshift.ts';
import { assertBackupOf, type Backup, completedBackup, mergedBackup } from './backup.ts';
import {
  assertLogging,
  assertS3,
  completedS3,
  type LoggingDescription,
  mergedS3,
  NO_LOGGING,
  type S3Description,
  s3ConfigurationOf,
} from './s3.ts';
import { assertOwnRole, type DestinationContext, given, overlaid } from './settings.ts';
import {
  assertNoSecretsManager,
  assertSupportedTransformation,
  completedTransformation,
  mergedTransformation,
  type Transformation,
} from './unsupported.ts';

type Configuration = Decoded<typeof redshiftDestinationConfiguration>;
type Update = Decoded<typeof redshiftDestinationUpdate>;

/** The RedshiftDestinationDescription of the API, which does not show the password. */
export interface RedshiftDescription extends Backup, Transformation {
  readonly RoleARN: string;
  readonly ClusterJDBCURL: string;
  readonly CopyCommand: Configuration['CopyCommand'];
  readonly Username?: string | undefined;
  readonly RetryOptions: { readonly DurationInSeconds: number };
  readonly S3DestinationDescription: S3Description;
  readonly CloudWatchLoggingOptions: LoggingDescription;
  readonly SecretsManagerConfiguration?: Configuration['SecretsManagerConfiguration'];
}

export interface Redshift {
  readonly description: RedshiftDescription;
  /** Sealed. */
  readonly password: string;
}

const RETRY_S = 3600;

/** @throws ApiError InvalidArgumentException, AccessDeniedException */
export function createRedshift(input: Configuration, context: DestinationContext): Redshift {
  assertNoSecretsManager(input.SecretsManagerConfiguration);
  const { RoleARN, ClusterJDBCURL, CopyCommand, Username, SecretsManagerConfiguration } = input;
  const description = checked(
    {
      RoleARN,
      ClusterJDBCURL,
      CopyCommand,
      Username,
      RetryOptions: { DurationInSeconds: input.RetryOptions?.DurationInSeconds ?? RETRY_S },
      S3DestinationDescription: completedS3(input.S3Configuration),
      ...completedBackup(input),
      ...completedTransformation(input),
      CloudWatchLoggingOptions: overlaid(NO_LOGGING, input.CloudWatchLoggingOptions),
      SecretsManagerConfiguration,
    },
    context,
  );
  const password = given(input.Password, 'Redshift Database Password is required for Redshift Destination');
  return { description, password: context.seal(password) };
}

/** @throws ApiError InvalidArgumentException, AccessDeniedException */
export function updateRedshift(
  { description, password }: Redshift,
  update: Update,
  context: DestinationContext,
): Redshift {
  assertNoSecretsManager(update.SecretsManagerConfiguration);
  const { S3Update } = update;
  const staging = description.S3DestinationDescription;
  const merged: RedshiftDescription = {
    RoleARN: update.RoleARN ?? description.RoleARN,
    ClusterJDBCURL: update.ClusterJDBCURL ?? description.ClusterJDBCURL,
    CopyCommand: update.CopyCommand ?? description.CopyCommand,
    Username: update.Username ?? description.Username,
    RetryOptions: {
      DurationInSeconds: update.RetryOptions?.DurationInSeconds ?? description.RetryOptions.DurationInSeconds,
    },
    S3DestinationDescription: S3Update === undefined ? staging : mergedS3(staging, S3Update),
    ...mergedBackup(description, update),
    ...mergedTransformation(description, update),
    CloudWatchLoggingOptions: overlaid(description.CloudWatchLoggingOptions, update.CloudWatchLoggingOptions),
    SecretsManagerConfiguration: update.SecretsManagerConfiguration ?? description.SecretsManagerConfiguration,
  };
  return {
    description: checked(merged, context),
    password: update.Password === undefined ? password : context.seal(update.Password),
  };
}

/**
 * The configuration that an update amounts to for a delivery stream which had another destination.
 * @throws ApiError InvalidArgumentException when a required member is missing.
 */
export function redshiftConfigurationOf(update: Update, occasion: string): Configuration {
  const { S3Update, S3BackupUpdate, ...rest } = update;
  const need = <T>(value: T | undefined, member: string) => given(value, `${member} is required when ${occasion}.`);
  return {
    ...rest,
    RoleARN: need(rest.RoleARN, 'RoleARN'),
    ClusterJDBCURL: need(rest.ClusterJDBCURL, 'ClusterJDBCURL'),
    CopyCommand: need(rest.CopyCommand, 'CopyCommand'),
    S3Configuration: s3ConfigurationOf(need(S3Update, 'S3Update'), occasion),
    ...(S3BackupUpdate && { S3BackupConfiguration: s3ConfigurationOf(S3BackupUpdate, occasion) }),
  };
}

function checked(description: RedshiftDescription, context: DestinationContext): RedshiftDescription {
  const staging = description.S3DestinationDescription;
  assertSupportedTransformation(description);
  if (!['UNCOMPRESSED', 'GZIP'].includes(staging.CompressionFormat)) {
    throw invalidArgument(
      'Only the following compression formats are allowed when using Redshift: [UNCOMPRESSED, GZIP]',
    );
  }
  if (staging.Prefix?.includes('!{') || staging.ErrorOutputPrefix !== undefined) {
    throw invalidArgument('Prefix Expressions or ErrorOutputPrefix is currently not supported for this destination');
  }
  assertCopyCommand(description.CopyCommand);
  assertLogging(description.CloudWatchLoggingOptions);
  assertS3(staging, context);
  assertBackupOf(description, context);
  assertOwnRole(description.RoleARN, context);
  return description;
}

/** AWS finds out at the first COPY. What cannot be done here is said at once, before records wait for it. */
function assertCopyCommand({ DataTableName, DataTableColumns, CopyOptions }: Configuration['CopyCommand']): void {
  if (tableNameOf(DataTableName) === undefined) {
    throw invalidArgument(
      'DataTableName must be the name of a table, or of a schema and a table with a dot between them.',
    );
  }
  if (columnNamesOf(DataTableColumns) === undefined) {
    throw invalidArgument('DataTableColumns must be names of columns with commas between them.');
  }
  try {
    parseCopyOptions(CopyOptions);
  } catch (error) {
    if (!(error instanceof CopyOptionsError)) throw error;
    throw invalidArgument(error.message);
  }
}
