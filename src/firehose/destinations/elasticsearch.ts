/** Elasticsearch destinations. */
import { hash } from 'node:crypto';
import type { Decoded } from '../../protocol/shape.ts';
import { invalidArgument } from '../errors.ts';
import type {
  elasticsearchDestinationConfiguration,
  elasticsearchDestinationUpdate,
  vpcConfiguration,
} from '../shapes/elasticsearch.ts';
import {
  assertBackup,
  assertLogging,
  completedS3,
  type LoggingDescription,
  mergedS3,
  NO_LOGGING,
  objectSettings,
  type S3Description,
} from './s3.ts';
import { assertOwnRole, bufferingFrom, type DestinationContext, overlaid, type SearchSettings } from './settings.ts';
import {
  assertSupportedTransformation,
  completedTransformation,
  mergedTransformation,
  type Transformation,
} from './unsupported.ts';

type Configuration = Decoded<typeof elasticsearchDestinationConfiguration>;
type Update = Decoded<typeof elasticsearchDestinationUpdate>;
type Vpc = Decoded<typeof vpcConfiguration>;

/** The ElasticsearchDestinationDescription of the API. */
export interface ElasticsearchDescription extends Transformation {
  readonly RoleARN: string;
  readonly DomainARN?: string | undefined;
  readonly ClusterEndpoint?: string | undefined;
  readonly IndexName: string;
  readonly TypeName?: string | undefined;
  readonly IndexRotationPeriod: NonNullable<Configuration['IndexRotationPeriod']>;
  readonly BufferingHints: { readonly SizeInMBs: number; readonly IntervalInSeconds: number };
  readonly RetryOptions: { readonly DurationInSeconds: number };
  readonly S3BackupMode: NonNullable<Configuration['S3BackupMode']>;
  readonly S3DestinationDescription: S3Description;
  readonly CloudWatchLoggingOptions: LoggingDescription;
  readonly VpcConfigurationDescription?: (Vpc & { readonly VpcId: string }) | undefined;
  readonly DocumentIdOptions: NonNullable<Configuration['DocumentIdOptions']>;
}

const DEFAULT_HINTS = { IntervalInSeconds: 300, SizeInMBs: 5 };
const RETRY_S = 300;

/** @throws ApiError InvalidArgumentException, AccessDeniedException */
export function createElasticsearch(input: Configuration, context: DestinationContext): ElasticsearchDescription {
  const { RoleARN, DomainARN, ClusterEndpoint, IndexName, TypeName, VpcConfiguration } = input;
  return checked(
    {
      RoleARN,
      DomainARN,
      ClusterEndpoint,
      IndexName,
      TypeName,
      IndexRotationPeriod: input.IndexRotationPeriod ?? 'OneDay',
      BufferingHints: overlaid(DEFAULT_HINTS, input.BufferingHints),
      RetryOptions: { DurationInSeconds: input.RetryOptions?.DurationInSeconds ?? RETRY_S },
      S3BackupMode: input.S3BackupMode ?? 'FailedDocumentsOnly',
      S3DestinationDescription: completedS3(input.S3Configuration),
      ...completedTransformation(input),
      CloudWatchLoggingOptions: overlaid(NO_LOGGING, input.CloudWatchLoggingOptions),
      VpcConfigurationDescription: VpcConfiguration && { ...VpcConfiguration, VpcId: vpcIdOf(VpcConfiguration) },
      DocumentIdOptions: input.DocumentIdOptions ?? { DefaultDocumentIdFormat: 'FIREHOSE_DEFAULT' },
    },
    context,
  );
}

/** The mode of the backup and the VPC stay as they were made. */
export function updateElasticsearch(
  current: ElasticsearchDescription,
  update: Update,
  context: DestinationContext,
): ElasticsearchDescription {
  const { S3Update } = update;
  const bucket = current.S3DestinationDescription;
  return checked(
    {
      ...current,
      ...addressOf(current, update),
      RoleARN: update.RoleARN ?? current.RoleARN,
      IndexName: update.IndexName ?? current.IndexName,
      TypeName: update.TypeName ?? current.TypeName,
      IndexRotationPeriod: update.IndexRotationPeriod ?? current.IndexRotationPeriod,
      BufferingHints: overlaid(current.BufferingHints, update.BufferingHints),
      RetryOptions: {
        DurationInSeconds: update.RetryOptions?.DurationInSeconds ?? current.RetryOptions.DurationInSeconds,
      },
      S3DestinationDescription: S3Update === undefined ? bucket : mergedS3(bucket, S3Update),
      ...mergedTransformation(current, update),
      CloudWatchLoggingOptions: overlaid(current.CloudWatchLoggingOptions, update.CloudWatchLoggingOptions),
      DocumentIdOptions: update.DocumentIdOptions ?? current.DocumentIdOptions,
    },
    context,
  );
}

type Address = Pick<ElasticsearchDescription, 'DomainARN' | 'ClusterEndpoint'>;

/** A domain takes the place of an endpoint, and an endpoint that of a domain. */
function addressOf(current: Address, { DomainARN, ClusterEndpoint }: Update): Address {
  if (DomainARN === undefined && ClusterEndpoint === undefined) return current;
  return { DomainARN, ClusterEndpoint };
}

function checked(description: ElasticsearchDescription, context: DestinationContext): ElasticsearchDescription {
  const { DomainARN, ClusterEndpoint } = description;
  assertSupportedTransformation(description);
  if (DomainARN === undefined && ClusterEndpoint === undefined) {
    throw invalidArgument('Provide either the Elasticsearch cluster endpoint or domain arn.');
  }
  if (DomainARN !== undefined && ClusterEndpoint !== undefined) {
    throw invalidArgument(
      'Cannot provide both Elasticsearch cluster endpoint and domain ARN. Provide either the cluster endpoint or ' +
        'domain arn.',
    );
  }
  if (ClusterEndpoint !== undefined) assertEndpoint(ClusterEndpoint);
  assertLogging(description.CloudWatchLoggingOptions);
  // The bucket of an Elasticsearch destination is a backup, in either mode.
  assertBackup(description.S3DestinationDescription, context);
  assertOwnRole(description.RoleARN, context);
  return description;
}

/** Everybody who may describe the delivery stream sees the endpoint. */
function assertEndpoint(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || url.hostname === '') throw invalidArgument('ClusterEndpoint must be an http or https URL.');
  if (url.username === '' && url.password === '') return;
  throw invalidArgument(
    'ClusterEndpoint must not contain a user or a password; give a DomainARN and put them into the setting ' +
      'ELASTICSEARCH_ENDPOINT.',
  );
}

/** There is no VPC to look up: an id that is always the same for the same subnets. */
const vpcIdOf = ({ SubnetIds }: Vpc): string => `vpc-${hash('sha1', SubnetIds.join(' ')).slice(0, 17)}`;

/** How documents are made with these settings, and objects of those that fail. */
export function searchSettings(description: ElasticsearchDescription): SearchSettings {
  const { S3DestinationDescription, BufferingHints, TypeName, DocumentIdOptions } = description;
  const { ErrorOutputPrefix } = S3DestinationDescription;
  return {
    ...objectSettings(S3DestinationDescription),
    ...bufferingFrom(BufferingHints),
    kind: 'search',
    ...(ErrorOutputPrefix === undefined ? {} : { errorOutputPrefix: ErrorOutputPrefix }),
    indexName: description.IndexName,
    rotation: description.IndexRotationPeriod,
    typeName: TypeName ?? '',
    idFormat: DocumentIdOptions.DefaultDocumentIdFormat,
  };
}
