/** Destinations: defaults, refusals with their texts, merging, change of type, and what is described. */
import { describe, expect, it } from 'vitest';
import {
  backupSettingsOf,
  bufferingOf,
  createDestination,
  type Destination,
  type DestinationContext,
  deliverySettingsOf,
  describeDestination,
  isSameDestination,
  updateDestination,
} from '../../../src/firehose/destinations/destination.ts';
import type { CreateDeliveryStreamInput, UpdateDestinationInput } from '../../../src/firehose/shapes.ts';
import { ApiError } from '../../../src/protocol/error.ts';
import { type Profile, quotasOf } from '../../../src/quotas.ts';

const contextOf = (profile: Profile = 'relaxed'): DestinationContext => ({
  account: '000000000000',
  region: 'us-east-1',
  now: Date.UTC(2026, 10, 21),
  quotas: quotasOf(profile),
  seal: (secret) => `sealed ${secret.length}`,
});

const ROLE = 'arn:aws:iam::000000000000:role/r';
const OTHER_ROLE = 'arn:aws:iam::111111111111:role/r';
const BUCKET = 'arn:aws:s3:::b';
const S3 = { RoleARN: ROLE, BucketARN: BUCKET };
const KMS = { KMSEncryptionConfig: { AWSKMSKeyARN: 'arn:aws:kms:us-east-1:000000000000:key/k' } };
const REDSHIFT = {
  RoleARN: ROLE,
  ClusterJDBCURL: 'jdbc:redshift://c.x.us-east-1.redshift.amazonaws.com:5439/dev',
  CopyCommand: { DataTableName: 't' },
  Username: 'u',
  Password: 'secret1',
  S3Configuration: S3,
};
const ELASTICSEARCH = {
  RoleARN: ROLE,
  DomainARN: 'arn:aws:es:us-east-1:000000000000:domain/logs',
  IndexName: 'i',
  S3Configuration: S3,
};

type Blocks = Record<string, object>;

const create = (blocks: Blocks, context = contextOf()): Destination =>
  throughJson(createDestination({ DeliveryStreamName: 'd', ...blocks } as CreateDeliveryStreamInput, context));

const update = (current: Destination, blocks: Blocks, context = contextOf()): Destination =>
  throughJson(updateDestination(current, { ...blocks } as unknown as UpdateDestinationInput, context));

/** As it comes back from the database. */
const throughJson = (destination: Destination): Destination => JSON.parse(JSON.stringify(destination));

/** `code: message` of the refusal; `accepted` when there is none. */
function refusalOf(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.code === 'InvalidArgumentException' ? error.message : `${error.code}: ${error.message}`;
  }
}

const extended = (more: object = {}) => ({ ExtendedS3DestinationConfiguration: { ...S3, ...more } });
const redshift = (more: object = {}) => ({ RedshiftDestinationConfiguration: { ...REDSHIFT, ...more } });
const elasticsearch = (more: object = {}) => ({
  ElasticsearchDestinationConfiguration: { ...ELASTICSEARCH, ...more },
});

const S3_DEFAULTS = {
  BucketARN: BUCKET,
  BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 5 },
  CloudWatchLoggingOptions: { Enabled: false },
  CompressionFormat: 'UNCOMPRESSED',
  EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' },
  RoleARN: ROLE,
};

describe('a new destination is complete:', () => {
  it.each([{ S3DestinationConfiguration: S3 }, extended()])('S3, in both spellings %#', (blocks) => {
    expect(describeDestination(create(blocks))).toEqual({
      ExtendedS3DestinationDescription: { ...S3_DEFAULTS, S3BackupMode: 'Disabled' },
      S3DestinationDescription: S3_DEFAULTS,
    });
  });

  it('S3 with everything that was given', () => {
    const more = {
      Prefix: '',
      ErrorOutputPrefix: 'errors/',
      BufferingHints: { SizeInMBs: 64 },
      CompressionFormat: 'Snappy',
      EncryptionConfiguration: KMS,
      CloudWatchLoggingOptions: { Enabled: true, LogGroupName: 'g', LogStreamName: 's' },
      FileExtension: '',
      CustomTimeZone: 'UTC',
      ProcessingConfiguration: { Enabled: false },
      DataFormatConversionConfiguration: { Enabled: false },
      DynamicPartitioningConfiguration: { Enabled: false },
    };
    expect(describeDestination(create(extended(more))).ExtendedS3DestinationDescription).toEqual({
      ...S3_DEFAULTS,
      ...more,
      S3BackupMode: 'Disabled',
      BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 64 },
      ProcessingConfiguration: { Enabled: false, Processors: [] },
      DynamicPartitioningConfiguration: { Enabled: false, RetryOptions: { DurationInSeconds: 300 } },
    });
  });

  it('Redshift, without its password', () => {
    const destination = create(redshift());
    expect(describeDestination(destination)).toEqual({
      RedshiftDestinationDescription: {
        CloudWatchLoggingOptions: { Enabled: false },
        ClusterJDBCURL: REDSHIFT.ClusterJDBCURL,
        CopyCommand: { DataTableName: 't' },
        RetryOptions: { DurationInSeconds: 3600 },
        RoleARN: ROLE,
        S3BackupMode: 'Disabled',
        S3DestinationDescription: S3_DEFAULTS,
        Username: 'u',
      },
    });
    expect(JSON.stringify(destination)).not.toContain('secret1');
    expect(destination).toMatchObject({ password: 'sealed 7' });
  });

  it('Elasticsearch', () => {
    const VpcConfiguration = { RoleARN: ROLE, SecurityGroupIds: ['sg-1'], SubnetIds: ['subnet-1'] };
    const described = describeDestination(create(elasticsearch({ VpcConfiguration })));
    expect(described).toEqual({
      ElasticsearchDestinationDescription: {
        BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 5 },
        CloudWatchLoggingOptions: { Enabled: false },
        DocumentIdOptions: { DefaultDocumentIdFormat: 'FIREHOSE_DEFAULT' },
        DomainARN: ELASTICSEARCH.DomainARN,
        IndexName: 'i',
        IndexRotationPeriod: 'OneDay',
        RetryOptions: { DurationInSeconds: 300 },
        RoleARN: ROLE,
        S3BackupMode: 'FailedDocumentsOnly',
        S3DestinationDescription: S3_DEFAULTS,
        VpcConfigurationDescription: { ...VpcConfiguration, VpcId: expect.stringMatching(/^vpc-[0-9a-f]{17}$/) },
      },
    });
  });
});

describe('a creation is refused:', () => {
  const one = 'Exactly one destination configuration is supported for a Firehose';
  const group = 'CloudWatch Log Group Name is required if CloudWatch Logging is enabled';
  const encryption = 'Exactly one of NoEncryptionConfig or KMSEncryptionConfig must be specified';
  const foreignKey = 'arn:aws:kms:eu-west-1:000000000000:key/k';
  const formats = 'Only the following compression formats are allowed when using Redshift: [UNCOMPRESSED, GZIP]';
  const prefixes = 'Prefix Expressions or ErrorOutputPrefix is currently not supported for this destination';

  it.each<[string, Blocks, string]>([
    ['no destination', {}, one],
    ['two destinations', { ...extended(), ...redshift() }, one],
    ['S3 in both spellings', { ...extended(), S3DestinationConfiguration: S3 }, one],
    ['one of two that is not supported', { ...extended(), SplunkDestinationConfiguration: {} }, one],
    ['logging without a group', extended({ CloudWatchLoggingOptions: { Enabled: true } }), group],
    ['no encryption member', extended({ EncryptionConfiguration: {} }), encryption],
    ['both', extended({ EncryptionConfiguration: { ...KMS, NoEncryptionConfig: 'NoEncryption' } }), encryption],
    [
      'a key elsewhere',
      extended({ EncryptionConfiguration: { KMSEncryptionConfig: { AWSKMSKeyARN: foreignKey } } }),
      `KMS Key ${foreignKey} does not exist in the same region as the S3 bucket`,
    ],
    [
      'a backup without its bucket',
      extended({ S3BackupMode: 'Enabled' }),
      'S3 backup destination configuration is required when enabling S3 backup.',
    ],
    [
      'a hasty backup',
      extended({ S3BackupConfiguration: { ...S3, BufferingHints: { IntervalInSeconds: 59 } } }),
      'BufferingHints.IntervalInSeconds must be between 60 and 900 seconds for S3 backup.',
    ],
    [
      'a hasty backup of Elasticsearch',
      elasticsearch({ S3Configuration: { ...S3, BufferingHints: { IntervalInSeconds: 0 } } }),
      'BufferingHints.IntervalInSeconds must be between 60 and 900 seconds for S3 backup.',
    ],
    [
      'expressions without an error prefix',
      extended({ Prefix: '!{timestamp:yyyy}' }),
      'Ths supplied prefix(es) do not satisfy the following constraint: ErrorOutputPrefix cannot be null or empty when Prefix contains expressions',
    ],
    ['SNAPPY for Redshift', redshift({ S3Configuration: { ...S3, CompressionFormat: 'Snappy' } }), formats],
    ['ZIP for Redshift', redshift({ S3Configuration: { ...S3, CompressionFormat: 'ZIP' } }), formats],
    [
      'no password',
      redshift({ Password: undefined }),
      'Redshift Database Password is required for Redshift Destination',
    ],
    ['an expression for Redshift', redshift({ S3Configuration: { ...S3, Prefix: '!{timestamp:yyyy}' } }), prefixes],
    ['an error prefix for Redshift', redshift({ S3Configuration: { ...S3, ErrorOutputPrefix: '' } }), prefixes],
    [
      'neither endpoint nor domain',
      elasticsearch({ DomainARN: undefined }),
      'Provide either the Elasticsearch cluster endpoint or domain arn.',
    ],
    [
      'both of them',
      elasticsearch({ ClusterEndpoint: 'https://x' }),
      'Cannot provide both Elasticsearch cluster endpoint and domain ARN. Provide either the cluster endpoint or domain arn.',
    ],
  ])('%s', (_title, blocks, message) => {
    expect(refusalOf(() => create(blocks))).toBe(message);
  });

  it.each<[string, Blocks]>([
    ['SplunkDestinationConfiguration', { SplunkDestinationConfiguration: {} }],
    ['HttpEndpointDestinationConfiguration', { HttpEndpointDestinationConfiguration: {} }],
    ['AmazonopensearchserviceDestinationConfiguration', { AmazonopensearchserviceDestinationConfiguration: {} }],
    ['AmazonOpenSearchServerlessDestinationConfiguration', { AmazonOpenSearchServerlessDestinationConfiguration: {} }],
    ['SnowflakeDestinationConfiguration', { SnowflakeDestinationConfiguration: {} }],
    ['IcebergDestinationConfiguration', { IcebergDestinationConfiguration: {} }],
    ['DeliveryStreamType MSKAsSource', { ...extended(), DeliveryStreamType: 'MSKAsSource' as never }],
    ['DeliveryStreamType DatabaseAsSource', { ...extended(), DeliveryStreamType: 'DatabaseAsSource' as never }],
    ['MSKSourceConfiguration', { ...extended(), MSKSourceConfiguration: {} }],
    [
      'ProcessingConfiguration (Lambda)',
      extended({ ProcessingConfiguration: { Enabled: true, Processors: [{ Type: 'Lambda' }] } }),
    ],
    ['DataFormatConversionConfiguration', extended({ DataFormatConversionConfiguration: {} })],
    ['DynamicPartitioningConfiguration', extended({ DynamicPartitioningConfiguration: { Enabled: true } })],
    ['SecretsManagerConfiguration', redshift({ SecretsManagerConfiguration: { Enabled: true } })],
    ['ProcessingConfiguration', elasticsearch({ ProcessingConfiguration: { Enabled: true } })],
  ])('by name: %s', (name, blocks) => {
    const message = refusalOf(() => create(blocks));
    expect(message.startsWith(`Millrace does not support ${name} yet; `), message).toBe(true);
  });

  it.each<[string, Blocks]>([
    ['S3', extended({ RoleARN: OTHER_ROLE })],
    ['a backup', extended({ S3BackupConfiguration: { ...S3, RoleARN: OTHER_ROLE } })],
    ['Redshift', redshift({ RoleARN: OTHER_ROLE })],
    ['Elasticsearch', elasticsearch({ RoleARN: OTHER_ROLE })],
  ])('a role of another account for %s, where quotas are enforced', (_title, blocks) => {
    const refused = 'AccessDeniedException: Cross-account pass role is not allowed.';
    expect(refusalOf(() => create(blocks, contextOf('current')))).toBe(refused);
    expect(refusalOf(() => create(blocks, contextOf('documented')))).toBe(refused);
    expect(refusalOf(() => create(blocks))).toBe('accepted');
  });
});

describe('an update of the same type', () => {
  const full = create(
    extended({
      Prefix: 'p/',
      ErrorOutputPrefix: 'e/',
      CompressionFormat: 'GZIP',
      EncryptionConfiguration: KMS,
      CloudWatchLoggingOptions: { Enabled: false, LogGroupName: 'g' },
      BufferingHints: { SizeInMBs: 7, IntervalInSeconds: 70 },
      FileExtension: '.x',
      CustomTimeZone: 'Asia/Calcutta',
      S3BackupMode: 'Enabled',
      S3BackupConfiguration: { ...S3, Prefix: 'b/' },
      ProcessingConfiguration: { Enabled: false, Processors: [{ Type: 'Lambda' }] },
      DataFormatConversionConfiguration: { Enabled: false, SchemaConfiguration: { DatabaseName: 'd', TableName: 't' } },
    }),
  );
  const described = (destination: Destination) =>
    // biome-ignore lint/suspicious/noExplicitAny: looked into, not typed
    describeDestination(destination).ExtendedS3DestinationDescription as any;
  const s3Update = (members: object) => described(update(full, { ExtendedS3DestinationUpdate: members }));
  const before = described(full);

  it.each<[string, object, object]>([
    ['keeps what is not given', { BucketARN: 'arn:aws:s3:::c' }, { BucketARN: 'arn:aws:s3:::c' }],
    ['replaces scalars', { Prefix: '', CompressionFormat: 'ZIP' }, { Prefix: '', CompressionFormat: 'ZIP' }],
    ['merges hints', { BufferingHints: { SizeInMBs: 9 } }, { BufferingHints: { IntervalInSeconds: 70, SizeInMBs: 9 } }],
    [
      'merges logging options',
      { CloudWatchLoggingOptions: { Enabled: true } },
      { CloudWatchLoggingOptions: { Enabled: true, LogGroupName: 'g' } },
    ],
    [
      'replaces encryption as a whole',
      { EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' } },
      { EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' } },
    ],
    [
      'replaces processing as a whole: processors that are not given are gone',
      { ProcessingConfiguration: {} },
      { ProcessingConfiguration: { Enabled: false, Processors: [] } },
    ],
    [
      'merges conversion with its schema',
      { DataFormatConversionConfiguration: { Enabled: false, SchemaConfiguration: { TableName: 'u' } } },
      {
        DataFormatConversionConfiguration: {
          Enabled: false,
          SchemaConfiguration: { DatabaseName: 'd', TableName: 'u' },
        },
      },
    ],
    ['takes an empty extension for that of the format', { FileExtension: '' }, { FileExtension: '' }],
    [
      'merges the backup',
      { S3BackupUpdate: { CompressionFormat: 'GZIP' } },
      { S3BackupDescription: { ...before.S3BackupDescription, CompressionFormat: 'GZIP' } },
    ],
  ])('%s', (_title, members, changes) => {
    expect(s3Update(members)).toEqual({ ...before, ...changes });
  });

  it('in the legacy spelling touches its members only', () => {
    const after = described(update(full, { S3DestinationUpdate: { Prefix: 'q/' } }));
    expect(after).toEqual({ ...before, Prefix: 'q/' });
  });

  it('makes a backup where there was none, over the defaults', () => {
    const plain = create(extended());
    const after = described(
      update(plain, { ExtendedS3DestinationUpdate: { S3BackupMode: 'Enabled', S3BackupUpdate: S3 } }),
    );
    expect(after.S3BackupDescription).toEqual(S3_DEFAULTS);
    expect(refusalOf(() => update(plain, { ExtendedS3DestinationUpdate: { S3BackupUpdate: { RoleARN: ROLE } } }))).toBe(
      'BucketARN is required when a backup is configured for the first time.',
    );
  });

  it.each<[string, Blocks, string]>([
    [
      'that disables the backup',
      { ExtendedS3DestinationUpdate: { S3BackupMode: 'Disabled' } },
      'Disabling S3 backup is not currently supported.',
    ],
    [
      'whose result is not valid',
      { ExtendedS3DestinationUpdate: { Prefix: '!{timestamp:yyyy}', ErrorOutputPrefix: '' } },
      'Ths supplied prefix(es) do not satisfy the following constraint: ErrorOutputPrefix cannot be null or empty when Prefix contains expressions',
    ],
    [
      'that switches conversion on by not switching it off',
      { ExtendedS3DestinationUpdate: { DataFormatConversionConfiguration: {} } },
      'Millrace does not support DataFormatConversionConfiguration yet; leave it out or set its Enabled to false.',
    ],
    ['of nothing', {}, 'At least one destination or source configuration update must be provided'],
    [
      'in both spellings',
      { S3DestinationUpdate: {}, ExtendedS3DestinationUpdate: {} },
      'Exactly one of s3DestinationUpdate or extendedS3DestinationUpdate must be specified.',
    ],
    [
      'to Elasticsearch',
      { ElasticsearchDestinationUpdate: {} },
      'Changing the destination type to or from Elasticsearch is not supported at this time.',
    ],
    [
      'to an HTTP endpoint',
      { HttpEndpointDestinationUpdate: {} },
      'Changing the destination type to or from HttpEndpoint is not supported at this time.',
    ],
    [
      'to Splunk',
      { SplunkDestinationUpdate: {} },
      'Millrace does not support SplunkDestinationUpdate yet; it supports S3, extended S3, Redshift and Elasticsearch destinations.',
    ],
  ])('is refused %s', (_title, blocks, message) => {
    expect(refusalOf(() => update(full, blocks))).toBe(message);
  });

  it.each([
    'AmazonopensearchserviceDestinationUpdate',
    'AmazonOpenSearchServerlessDestinationUpdate',
    'SplunkDestinationUpdate',
    'SnowflakeDestinationUpdate',
    'IcebergDestinationUpdate',
  ])('is refused by name: %s', (name) => {
    const message = refusalOf(() => update(full, { [name]: {} }));
    expect(message.startsWith(`Millrace does not support ${name} yet; `), message).toBe(true);
  });

  it('of Redshift cannot disable its backup, nor enable one that has no bucket', () => {
    const off = create(redshift());
    const on = create(redshift({ S3BackupMode: 'Enabled', S3BackupConfiguration: S3 }));
    const mode = (S3BackupMode: string) => ({ RedshiftDestinationUpdate: { S3BackupMode } });
    expect(refusalOf(() => update(on, mode('Disabled')))).toBe('Disabling S3 backup is not currently supported.');
    expect(refusalOf(() => update(off, mode('Enabled')))).toBe(
      'S3 backup destination configuration is required when enabling S3 backup.',
    );
    expect(refusalOf(() => update(off, mode('Disabled')))).toBe('accepted');
  });

  it('with any of its own members changes nothing', () => {
    for (const [name, member] of Object.entries(before)) {
      if (name === 'S3BackupDescription') continue;
      const after = update(full, { ExtendedS3DestinationUpdate: { [name]: member } });
      expect(isSameDestination(full, after), name).toBe(true);
    }
    const all = { ...before, S3BackupUpdate: before.S3BackupDescription };
    delete all.S3BackupDescription;
    expect(isSameDestination(full, update(full, { ExtendedS3DestinationUpdate: all }))).toBe(true);
    expect(isSameDestination(full, update(full, { ExtendedS3DestinationUpdate: { Prefix: 'other' } }))).toBe(false);
  });

  it('of Redshift merges, replaces CopyCommand and RetryOptions, and keeps the password', () => {
    const current = create(redshift({ CopyCommand: { DataTableName: 't', CopyOptions: 'csv' } }));
    const after = update(current, {
      RedshiftDestinationUpdate: { CopyCommand: { DataTableName: 'u' }, S3Update: { Prefix: 'p/' } },
    });
    expect(after).toEqual({
      ...current,
      description: {
        ...current.description,
        CopyCommand: { DataTableName: 'u' },
        S3DestinationDescription: { ...S3_DEFAULTS, Prefix: 'p/' },
      },
    });
    const changed = update(current, { RedshiftDestinationUpdate: { Password: 'longer secret' } });
    expect(changed).toMatchObject({ password: 'sealed 13', description: current.description });
  });

  it('of Elasticsearch puts an endpoint in the place of a domain, and keeps backup mode and VPC', () => {
    const current = create(elasticsearch({ S3BackupMode: 'AllDocuments' }));
    const after = update(current, {
      ElasticsearchDestinationUpdate: { ClusterEndpoint: 'https://x', BufferingHints: { SizeInMBs: 1 } },
    });
    const { DomainARN: _gone, ...kept } = current.description as { DomainARN?: string };
    expect(after.description).toEqual({
      ...kept,
      ClusterEndpoint: 'https://x',
      BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 1 },
    });
    expect(refusalOf(() => update(current, { ExtendedS3DestinationUpdate: {} }))).toBe(
      'Changing the destination type to or from Elasticsearch is not supported at this time.',
    );
  });
});

describe('a change of type', () => {
  const s3 = create(extended({ Prefix: 'p/' }));
  const { S3Configuration, ...rest } = REDSHIFT;
  const redshiftUpdate = { ...rest, S3Update: S3Configuration };

  it('from S3 to Redshift and back takes everything from the update', () => {
    const there = update(s3, { RedshiftDestinationUpdate: redshiftUpdate });
    expect(there).toEqual(create(redshift()));
    expect(update(there, { ExtendedS3DestinationUpdate: S3 })).toEqual(create(extended()));
    expect(update(there, { S3DestinationUpdate: S3 })).toEqual(create(extended()));
  });

  it.each(['RoleARN', 'ClusterJDBCURL', 'CopyCommand', 'S3Update'])('to Redshift needs %s', (member) => {
    const { [member as 'RoleARN']: _missing, ...incomplete } = redshiftUpdate;
    expect(refusalOf(() => update(s3, { RedshiftDestinationUpdate: incomplete }))).toBe(
      `${member} is required when the destination changes to Redshift.`,
    );
  });

  it('needs a password and a bucket', () => {
    const { Password: _password, ...open } = redshiftUpdate;
    expect(refusalOf(() => update(s3, { RedshiftDestinationUpdate: open }))).toBe(
      'Redshift Database Password is required for Redshift Destination',
    );
    expect(refusalOf(() => update(create(redshift()), { ExtendedS3DestinationUpdate: { RoleARN: ROLE } }))).toBe(
      'BucketARN is required when the destination changes to S3.',
    );
  });
});

describe('what delivers objects gets', () => {
  it('the settings of an S3 destination', () => {
    const more = { Prefix: 'p/', CompressionFormat: 'GZIP', EncryptionConfiguration: KMS, FileExtension: '.x' };
    const destination = create(extended({ ...more, CustomTimeZone: 'Europe/Kiev', BufferingHints: { SizeInMBs: 1 } }));
    expect(deliverySettingsOf(destination)).toEqual({
      kind: 'object',
      bucket: 'b',
      prefix: 'p/',
      compression: 'GZIP',
      kmsKeyArn: KMS.KMSEncryptionConfig.AWSKMSKeyARN,
      fileExtension: '.x',
      timeZone: 'Europe/Kiev',
      sizeBytes: 1_048_576,
      intervalMs: 300_000,
    });
    expect(bufferingOf(destination)).toEqual({ sizeBytes: 1_048_576, intervalMs: 300_000 });
  });

  it('the intermediate bucket of Redshift, and its buffering', () => {
    const hints = { SizeInMBs: 3, IntervalInSeconds: 30 };
    const staged = create(redshift({ S3Configuration: { ...S3, BufferingHints: hints, CompressionFormat: 'GZIP' } }));
    const buffering = { sizeBytes: 3_145_728, intervalMs: 30_000 };
    expect(bufferingOf(staged)).toEqual(buffering);
    expect(deliverySettingsOf(staged)).toEqual({ kind: 'redshift', bucket: 'b', compression: 'GZIP', ...buffering });
  });

  it('the index of Elasticsearch, its buffering, and the bucket of documents that fail', () => {
    const destination = create(
      elasticsearch({
        BufferingHints: { SizeInMBs: 3, IntervalInSeconds: 30 },
        TypeName: 't',
        S3Configuration: { ...S3, Prefix: 'p/', ErrorOutputPrefix: 'e/' },
      }),
    );
    expect(bufferingOf(destination)).toEqual({ sizeBytes: 3_145_728, intervalMs: 30_000 });
    expect(deliverySettingsOf(destination)).toEqual({
      kind: 'search',
      ...{ indexName: 'i', rotation: 'OneDay', typeName: 't', idFormat: 'FIREHOSE_DEFAULT' },
      ...{ bucket: 'b', prefix: 'p/', errorOutputPrefix: 'e/', compression: 'UNCOMPRESSED' },
      ...{ sizeBytes: 3_145_728, intervalMs: 30_000 },
    });
  });

  it.each<[string, Blocks, string | undefined]>([
    ['S3, disabled', extended({ S3BackupConfiguration: S3 }), undefined],
    [
      'S3, enabled',
      extended({ S3BackupMode: 'Enabled', S3BackupConfiguration: { ...S3, BucketARN: 'arn:aws:s3:::backup' } }),
      'backup',
    ],
    ['Redshift', redshift({ S3BackupMode: 'Enabled', S3BackupConfiguration: S3 }), 'b'],
    ['Elasticsearch, failed documents', elasticsearch(), undefined],
    ['Elasticsearch, all documents', elasticsearch({ S3BackupMode: 'AllDocuments' }), 'b'],
  ])('the backup of %s', (_title, blocks, bucket) => {
    expect(backupSettingsOf(create(blocks))?.bucket).toBe(bucket);
  });
});
