/** Whatever a destination has: it survives being stored, and an update with parts of what it has changes nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDestination,
  type Destination,
  type DestinationContext,
  describeDestination,
  isSameDestination,
  updateDestination,
} from '../../../src/firehose/destinations/destination.ts';
import { createDeliveryStreamInput, updateDestinationInput } from '../../../src/firehose/shapes.ts';
import { json } from '../../../src/protocol/json.ts';
import { quotasOf } from '../../../src/quotas.ts';

const RUNS = Number(process.env.DESTINATION_RUNS ?? 100);

const CONTEXT: DestinationContext = {
  account: '000000000000',
  region: 'us-east-1',
  now: Date.UTC(2026, 10, 21),
  quotas: quotasOf('current'),
  seal: (secret) => `sealed ${secret.length}`,
};

type Members = Record<string, unknown>;

const RoleARN = 'arn:aws:iam::000000000000:role/r';
const PLACE = { RoleARN, BucketARN: 'arn:aws:s3:::b' };
const LOGGING = { Enabled: true, LogGroupName: 'g', LogStreamName: 's' };
const SETTINGS = {
  Prefix: 'p/',
  BufferingHints: { SizeInMBs: 7, IntervalInSeconds: 70 },
  CompressionFormat: 'GZIP',
  EncryptionConfiguration: { KMSEncryptionConfig: { AWSKMSKeyARN: 'arn:aws:kms:us-east-1:000000000000:key/k' } },
  CloudWatchLoggingOptions: LOGGING,
};
const ProcessingConfiguration = {
  Enabled: false,
  Processors: [{ Type: 'Lambda', Parameters: [{ ParameterName: 'NumberOfRetries', ParameterValue: '1' }] }],
};
const BACKUP = { S3BackupMode: 'Enabled', S3BackupConfiguration: { ...PLACE, ...SETTINGS } };
const BUCKET = { S3Configuration: { ...PLACE, ...SETTINGS } };
const RetryOptions = { DurationInSeconds: 7 };

/** Of each type: what every such destination has, and all that it may have. */
const TYPES: readonly [name: string, required: Members, optional: Members][] = [
  ['S3', PLACE, SETTINGS],
  [
    'ExtendedS3',
    { ...PLACE, ...BACKUP },
    {
      ...SETTINGS,
      ErrorOutputPrefix: 'e/',
      ProcessingConfiguration,
      FileExtension: '.x',
      CustomTimeZone: 'UTC',
      DynamicPartitioningConfiguration: { Enabled: false, RetryOptions },
      DataFormatConversionConfiguration: {
        Enabled: false,
        SchemaConfiguration: { DatabaseName: 'd', TableName: 't' },
        InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: { ColumnToJsonKeyMappings: { ts: 'time' } } } },
        OutputFormatConfiguration: { Serializer: { OrcSerDe: { BloomFilterColumns: ['a'], PaddingTolerance: 0.05 } } },
      },
    },
  ],
  [
    'Redshift',
    {
      RoleARN,
      ClusterJDBCURL: 'jdbc:redshift://c.x.us-east-1.redshift.amazonaws.com:5439/dev',
      CopyCommand: { DataTableName: 't', CopyOptions: 'csv' },
      Password: 'secret1',
      ...BUCKET,
      ...BACKUP,
    },
    {
      Username: 'u',
      RetryOptions,
      ProcessingConfiguration,
      CloudWatchLoggingOptions: LOGGING,
      SecretsManagerConfiguration: { Enabled: false },
    },
  ],
  [
    'Elasticsearch',
    { RoleARN, DomainARN: 'arn:aws:es:us-east-1:000000000000:domain/logs', IndexName: 'i', ...BUCKET },
    {
      TypeName: 't',
      IndexRotationPeriod: 'OneWeek',
      BufferingHints: { SizeInMBs: 7, IntervalInSeconds: 7 },
      RetryOptions,
      S3BackupMode: 'AllDocuments',
      ProcessingConfiguration,
      CloudWatchLoggingOptions: LOGGING,
      VpcConfiguration: { RoleARN, SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] },
      DocumentIdOptions: { DefaultDocumentIdFormat: 'NO_DOCUMENT_ID' },
    },
  ],
];

/** Some of the members. */
const someOf = (members: Members): fc.Arbitrary<Members> =>
  fc.subarray(Object.keys(members)).map((names) => Object.fromEntries(names.map((name) => [name, members[name]])));

/** The names of described members in updates; undefined for those that cannot be updated. */
const IN_UPDATES: Record<string, string | undefined> = {
  S3DestinationDescription: 'S3Update',
  S3BackupDescription: 'S3BackupUpdate',
  VpcConfigurationDescription: undefined,
};

/** These are merged member by member, so that a part of them is an update, too. */
const MERGED = ['BufferingHints', 'CloudWatchLoggingOptions', 'S3Update', 'S3BackupUpdate'];

/** An update with some of the described members, and of those that are merged, some of theirs. */
function partialUpdate(described: Members): fc.Arbitrary<Members> {
  const members = Object.entries(described)
    .map(([name, member]) => [name in IN_UPDATES ? IN_UPDATES[name] : name, member] as const)
    .filter((entry): entry is readonly [string, unknown] => entry[0] !== undefined)
    .map(([name, member]) => [name, MERGED.includes(name) ? partialUpdate(member as Members) : fc.constant(member)]);
  return fc.record(Object.fromEntries(members), { requiredKeys: [] });
}

/** As it comes back from the database. */
const stored = (destination: Destination): Destination => JSON.parse(JSON.stringify(destination));

const created = (type: string, configuration: Members): Destination =>
  createDestination(
    json.decode(createDeliveryStreamInput, { [`${type}DestinationConfiguration`]: configuration }),
    CONTEXT,
  );

const descriptionOf = (type: string, destination: Destination): Members =>
  describeDestination(destination)[`${type}DestinationDescription`] as Members;

describe.each(TYPES)('%s:', (type, required, optional) => {
  const configurations = someOf(optional).map((some) => ({ ...required, ...some }));

  it('a destination is the same after it was stored', () => {
    fc.assert(
      fc.property(configurations, (configuration) => {
        const destination = created(type, configuration);
        expect(stored(destination)).toEqual(destination);
        expect(describeDestination(stored(destination))).toStrictEqual(describeDestination(destination));
      }),
      { numRuns: RUNS },
    );
  });

  it('an update with parts of what is described changes nothing', () => {
    const cases = configurations.chain((configuration) => {
      const current = stored(created(type, configuration));
      return fc.record({ current: fc.constant(current), update: partialUpdate(descriptionOf(type, current)) });
    });
    fc.assert(
      fc.property(cases, ({ current, update }) => {
        const input = json.decode(updateDestinationInput, { [`${type}DestinationUpdate`]: update });
        const after = updateDestination(current, input, CONTEXT);
        expect(stored(after)).toEqual(current);
        expect(isSameDestination(current, after)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('an update with another role does change something', () => {
    const current = stored(created(type, { ...required, ...optional }));
    const input = json.decode(updateDestinationInput, { [`${type}DestinationUpdate`]: { RoleARN: `${RoleARN}2` } });
    expect(isSameDestination(current, updateDestination(current, input, CONTEXT))).toBe(false);
  });
});
