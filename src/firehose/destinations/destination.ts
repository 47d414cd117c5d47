/**
 * Destinations of delivery streams: chosen, created, updated, described. A destination is kept as what
 * DescribeDeliveryStream shows, complete with all defaults. Pure; everything survives JSON.
 */
import type { WireValue } from '../../protocol/wire-value.ts';
import { invalidArgument } from '../errors.ts';
import type { CreateDeliveryStreamInput, UpdateDestinationInput } from '../shapes.ts';
import {
  createElasticsearch,
  type ElasticsearchDescription,
  searchSettings,
  updateElasticsearch,
} from './elasticsearch.ts';
import {
  createExtendedS3,
  type ExtendedS3Description,
  extendedConfigurationOf,
  extendedObjectSettings,
  legacyPart,
  updateExtendedS3,
} from './extended-s3.ts';
import { deadLetterSettings, type LinesDescription, lineSettings } from './lines.ts';
import { createRedshift, type Redshift, redshiftConfigurationOf, updateRedshift } from './redshift.ts';
import { objectSettings } from './s3.ts';
import { type Buffering, bufferingFrom, type DeliverySettings, type DestinationContext, inOrder } from './settings.ts';
import { assertSupportedCreation, assertSupportedUpdate } from './unsupported.ts';

export type { Buffering, DeliverySettings, DestinationContext } from './settings.ts';

export type Destination =
  | { readonly type: 'S3'; readonly description: ExtendedS3Description }
  | ({ readonly type: 'Redshift' } & Redshift)
  | { readonly type: 'Elasticsearch'; readonly description: ElasticsearchDescription }
  /** Of other services; see hosted-deliveries.ts. */
  | { readonly type: 'Lines'; readonly description: LinesDescription };

const ONE_DESTINATION = 'Exactly one destination configuration is supported for a Firehose';

/** How many members whose names end in `suffix` are there. */
const countOf = (input: object, suffix: string): number =>
  Object.keys(input).filter((name) => name.endsWith(suffix)).length;

/**
 * The destination that CreateDeliveryStream asks for.
 * @throws ApiError InvalidArgumentException, AccessDeniedException
 */
export function createDestination(input: CreateDeliveryStreamInput, context: DestinationContext): Destination {
  if (countOf(input, 'DestinationConfiguration') !== 1) throw invalidArgument(ONE_DESTINATION);
  assertSupportedCreation(input);
  const { S3DestinationConfiguration, ExtendedS3DestinationConfiguration, RedshiftDestinationConfiguration } = input;
  // The legacy spelling has fewer members; what else stood in it was dropped with the unknown ones.
  const s3 = ExtendedS3DestinationConfiguration ?? S3DestinationConfiguration;
  if (s3) return { type: 'S3', description: createExtendedS3(s3, context) };
  if (RedshiftDestinationConfiguration) {
    return { type: 'Redshift', ...createRedshift(RedshiftDestinationConfiguration, context) };
  }
  return {
    type: 'Elasticsearch',
    description: createElasticsearch(input.ElasticsearchDestinationConfiguration!, context),
  };
}

/**
 * The destination after UpdateDestination: merged with the current one when it is of the same type, made anew when it is
 * of another.
 * @throws ApiError InvalidArgumentException, AccessDeniedException
 */
export function updateDestination(
  current: Destination,
  input: UpdateDestinationInput,
  context: DestinationContext,
): Destination {
  assertOneUpdate(input);
  assertSupportedUpdate(input);
  const { RedshiftDestinationUpdate, ElasticsearchDestinationUpdate } = input;
  if ((current.type === 'Elasticsearch') !== (ElasticsearchDestinationUpdate !== undefined)) {
    throw invalidArgument('Changing the destination type to or from Elasticsearch is not supported at this time.');
  }
  if (ElasticsearchDestinationUpdate) {
    const description = current.description as ElasticsearchDescription;
    return {
      type: 'Elasticsearch',
      description: updateElasticsearch(description, ElasticsearchDestinationUpdate, context),
    };
  }
  if (RedshiftDestinationUpdate) {
    if (current.type === 'Redshift') {
      return { type: 'Redshift', ...updateRedshift(current, RedshiftDestinationUpdate, context) };
    }
    const configuration = redshiftConfigurationOf(RedshiftDestinationUpdate, 'the destination changes to Redshift');
    return { type: 'Redshift', ...createRedshift(configuration, context) };
  }
  const update = (input.ExtendedS3DestinationUpdate ?? input.S3DestinationUpdate)!;
  if (current.type === 'S3') {
    return { type: 'S3', description: updateExtendedS3(current.description, update, context) };
  }
  const configuration = extendedConfigurationOf(update, 'the destination changes to S3');
  return { type: 'S3', description: createExtendedS3(configuration, context) };
}

function assertOneUpdate(input: UpdateDestinationInput): void {
  const count = countOf(input, 'DestinationUpdate');
  if (count === 0) {
    throw invalidArgument('At least one destination or source configuration update must be provided');
  }
  if (input.S3DestinationUpdate !== undefined && input.ExtendedS3DestinationUpdate !== undefined) {
    throw invalidArgument('Exactly one of s3DestinationUpdate or extendedS3DestinationUpdate must be specified.');
  }
  if (count > 1) throw invalidArgument(ONE_DESTINATION);
}

/** Whether an update changed nothing. */
export const isSameDestination = (a: Destination, b: Destination): boolean =>
  JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));

/** The entry of Destinations, without its DestinationId. */
export function describeDestination(destination: Destination): { readonly [member: string]: WireValue } {
  switch (destination.type) {
    case 'S3':
      return {
        ExtendedS3DestinationDescription: inOrder(destination.description),
        S3DestinationDescription: inOrder(legacyPart(destination.description)),
      };
    case 'Redshift':
      return { RedshiftDestinationDescription: inOrder(destination.description) };
    case 'Elasticsearch':
      return { ElasticsearchDestinationDescription: inOrder(destination.description) };
    case 'Lines':
      throw new Error('A delivery of another service has no description here.');
  }
}

/** What becomes of the records themselves. */
export function deliverySettingsOf({ type, description }: Destination): DeliverySettings {
  switch (type) {
    case 'Lines':
      return lineSettings(description);
    case 'S3':
      return { kind: 'object', ...extendedObjectSettings(description) };
    case 'Redshift':
      return { kind: 'redshift', ...objectSettings(description.S3DestinationDescription) };
    case 'Elasticsearch':
      return searchSettings(description);
  }
}

/** How copies of all records, or those that make no lines, become objects; undefined where none are wanted. */
export function backupSettingsOf({ type, description }: Destination): DeliverySettings | undefined {
  if (type === 'Lines') return deadLetterSettings(description);
  if (type === 'Elasticsearch') {
    return description.S3BackupMode === 'AllDocuments'
      ? { kind: 'object', ...objectSettings(description.S3DestinationDescription) }
      : undefined;
  }
  const { S3BackupMode, S3BackupDescription } = description;
  return S3BackupMode === 'Enabled' ? { kind: 'object', ...objectSettings(S3BackupDescription!) } : undefined;
}

/** When the buffer of the records themselves is due. Redshift's is that of its intermediate bucket. */
export function bufferingOf({ type, description }: Destination): Buffering {
  if (type === 'Lines') return lineSettings(description);
  return bufferingFrom((type === 'Redshift' ? description.S3DestinationDescription : description).BufferingHints);
}
