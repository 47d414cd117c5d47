/** F-001 to F-029: CreateDeliveryStream, its sources, destinations and defaults. */
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { databaseRows } from '../support/database-rows.ts';
import {
  bucketFiles,
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  deliverAllAfter,
  describeDeliveryStream,
  firehose,
  putRecords,
  ROLE,
  S3,
  select,
} from '../support/firehose.ts';
import type { TestServer } from '../support/server.ts';
import { statement } from '../support/statement.ts';

const ARN = 'arn:aws:firehose:us-east-1:000000000000:deliverystream/d';
const KMS_KEY = 'arn:aws:kms:us-east-1:000000000000:key/k';

const create = (server: TestServer, more: object = { S3DestinationConfiguration: S3 }) =>
  callFirehose(server, 'CreateDeliveryStream', { DeliveryStreamName: 'd', ...more });

const REDSHIFT = {
  RoleARN: ROLE,
  ClusterJDBCURL: 'jdbc:redshift://c.x.us-east-1.redshift.amazonaws.com:5439/dev',
  CopyCommand: { DataTableName: 't', CopyOptions: "json 'auto'" },
  Username: 'loader',
  Password: 'secret1',
  S3Configuration: S3,
};
const ELASTICSEARCH = {
  RoleARN: ROLE,
  DomainARN: 'arn:aws:es:us-east-1:000000000000:domain/logs',
  IndexName: 'i',
  S3Configuration: S3,
};

/** The description of a new S3 destination with these members. */
async function s3Description(server: TestServer, more: object = {}) {
  await createDeliveryStream(server, 'd', { S3DestinationConfiguration: { ...S3, ...more } });
  return (await describeDeliveryStream(server, 'd')).Destinations[0].S3DestinationDescription;
}

const refused = (message: string) => ({ __type: 'InvalidArgumentException', message });

statement('F-001', 'CreateDeliveryStream creates a delivery stream', async (server) => {
  const { status, text } = await create(server);
  expect([status, text]).toEqual([200, `{"DeliveryStreamARN":"${ARN}"}`]);
  const { DeliveryStreamARN, DeliveryStreamName } = await describeDeliveryStream(server, 'd');
  expect([DeliveryStreamARN, DeliveryStreamName]).toEqual([ARN, 'd']);
});

/** Creates delivery streams until there are `count`. */
async function fill(server: TestServer, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `d${String(index).padStart(2, '0')}`);
  for (const name of names) await createDeliveryStream(server, name);
  return names;
}

statement('F-002', 'there can be 20 delivery streams per region', {
  async documented(server) {
    const names = await fill(server, 20);
    const { status, body } = await create(server);
    expect([status, body]).toEqual([
      400,
      {
        __type: 'LimitExceededException',
        message:
          `You have already consumed your firehose quota of 20 hoses. Firehose names: [${names.join(', ')}] ` +
          '(quota deliveryStreams of QUOTAS=documented)',
      },
    ]);
    const elsewhere = await callFirehose(
      server,
      'CreateDeliveryStream',
      { DeliveryStreamName: 'd', S3DestinationConfiguration: S3 },
      { region: 'eu-west-1' },
    );
    expect(elsewhere.status, 'another region').toBe(200);
    await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd00' });
    server.clock.advance(1000);
    expect((await create(server)).status, 'after a deletion').toBe(200);
  },
  otherwise: [
    'today there can be 5,000',
    async (server) => {
      await fill(server, 21);
      expect((await create(server)).status).toBe(200);
    },
  ],
});

statement('F-003', 'the call is asynchronous and returns at once', async (server) => {
  await create(server);
  const before = await describeDeliveryStream(server, 'd');
  server.clock.advance(1000);
  const after = await describeDeliveryStream(server, 'd');
  expect([before.DeliveryStreamStatus, after.DeliveryStreamStatus]).toEqual(['CREATING', 'ACTIVE']);
});

statement('F-004', 'the first status is CREATING', async (server) => {
  await create(server);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus).toBe('CREATING');
});

statement('F-005', 'when creation completes the status is ACTIVE', async (server) => {
  await create(server);
  server.clock.advance(500);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus).toBe('ACTIVE');
  await server.restart();
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus, 'after a restart').toBe('ACTIVE');
});

statement('F-006', 'a delivery stream accepts data once it is ACTIVE', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putRecords(server, 'd', ['a'])).FailedPutCount).toBe(0);
});

statement('F-007', 'sending data to a delivery stream that is not ACTIVE is an error', async (server) => {
  await create(server);
  const Record = { Data: 'AAAA' };
  const notActive = {
    __type: 'ResourceNotFoundException',
    message: 'Firehose d is not active in 000000000000 account.',
  };
  const put = () => callFirehose(server, 'PutRecord', { DeliveryStreamName: 'd', Record });
  const putBatch = () => callFirehose(server, 'PutRecordBatch', { DeliveryStreamName: 'd', Records: [Record] });
  expect([(await put()).body, (await putBatch()).body], 'CREATING').toEqual([notActive, notActive]);
  server.clock.advance(1000);
  await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
  expect([(await put()).body, (await putBatch()).body], 'DELETING').toEqual([notActive, notActive]);
});

statement('F-008', 'DescribeDeliveryStream reads the state', async (server) => {
  const states = [];
  await create(server);
  states.push((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus);
  server.clock.advance(1000);
  states.push((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus);
  await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
  states.push((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus);
  expect(states).toEqual(['CREATING', 'ACTIVE', 'DELETING']);
});

statement('F-009', 'a delivery stream can take records directly from producers', async (server) => {
  await createDeliveryStream(server, 'd', { DeliveryStreamType: 'DirectPut', S3DestinationConfiguration: S3 });
  await firehose(server, 'PutRecord', { DeliveryStreamName: 'd', Record: { Data: 'YQ==' } });
  await putRecords(server, 'd', ['b']);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('ab');
});

const SOURCE = {
  DeliveryStreamType: 'KinesisStreamAsSource',
  KinesisStreamSourceConfiguration: {
    KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
    RoleARN: ROLE,
  },
  S3DestinationConfiguration: S3,
};

statement('F-010', 'a delivery stream can take an existing Kinesis stream as its source', async (server) => {
  await server.createStream('s');
  await createDeliveryStream(server, 'd', SOURCE);
  await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: 'YQ==' });
  await deliverAfter(server, 0);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('a');
});

statement('F-011', 'a Kinesis source is chosen with DeliveryStreamType=KinesisStreamAsSource', async (server) => {
  await server.createStream('s');
  const { DeliveryStreamType, ...untyped } = SOURCE;
  expect((await create(server, untyped)).body).toEqual(
    refused('KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type'),
  );
  await createDeliveryStream(server, 'd', SOURCE);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamType).toBe(DeliveryStreamType);
});

statement('F-012', 'stream and role of the source stand in KinesisStreamSourceConfiguration', async (server) => {
  await server.createStream('s');
  const { KinesisStreamSourceConfiguration, ...rest } = SOURCE;
  expect((await create(server, rest)).body).toEqual(
    refused('KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.'),
  );
  server.clock.advance(5000);
  await createDeliveryStream(server, 'd', SOURCE);
  const { Source, CreateTimestamp } = await describeDeliveryStream(server, 'd');
  expect(Source).toEqual({
    KinesisStreamSourceDescription: {
      ...KinesisStreamSourceConfiguration,
      DeliveryStartTimestamp: CreateTimestamp,
    },
  });
});

statement('F-013', 'a delivery stream has one destination: S3, Elasticsearch or Redshift', async (server) => {
  const kinds = {
    S3DestinationConfiguration: S3,
    ElasticsearchDestinationConfiguration: ELASTICSEARCH,
    RedshiftDestinationConfiguration: REDSHIFT,
  };
  for (const [kind, configuration] of Object.entries(kinds)) {
    await createDeliveryStream(server, kind, { [kind]: configuration });
    const { Destinations, HasMoreDestinations } = await describeDeliveryStream(server, kind);
    expect([Destinations.length, HasMoreDestinations], kind).toEqual([1, false]);
    const names = Object.keys(Destinations[0]);
    expect(names, kind).toContain(kind.replace('Configuration', 'Description'));
  }
});

statement('F-014', 'exactly one destination configuration must be given', async (server) => {
  const message = 'Exactly one destination configuration is supported for a Firehose';
  expect((await create(server, {})).body, 'none').toEqual(refused(message));
  const two = { S3DestinationConfiguration: S3, ExtendedS3DestinationConfiguration: S3 };
  expect((await create(server, two)).body, 'two').toEqual(refused(message));
  expect(await firehose(server, 'ListDeliveryStreams', {}), 'nothing is left behind').toEqual({
    DeliveryStreamNames: [],
    HasMoreDeliveryStreams: false,
  });
});

statement('F-015', 'BufferingHints is optional', async (server) => {
  expect((await s3Description(server)).BufferingHints).toEqual({ IntervalInSeconds: 300, SizeInMBs: 5 });
});

statement('F-016', 'EncryptionConfiguration is optional', async (server) => {
  expect((await s3Description(server)).EncryptionConfiguration).toEqual({ NoEncryptionConfig: 'NoEncryption' });
});

statement('F-017', 'CompressionFormat is optional', async (server) => {
  expect((await s3Description(server)).CompressionFormat).toBe('UNCOMPRESSED');
});

const MEGABYTE = 1024 * 1024;

statement('F-018', 'by default 5 MB or 5 minutes are buffered', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  await deliverAfter(server, 299_999);
  expect(bucketText(server), 'before five minutes').toBe('');
  await deliverAfter(server, 1);
  expect(bucketText(server)).toBe('a');
});

statement('F-019', 'whichever of size and time is satisfied first triggers the delivery', async (server) => {
  await createDeliveryStream(server, 'd');
  const record = Buffer.alloc(MEGABYTE / 2, 'x');
  const putMegabytes = async (count: number) => {
    for (let megabyte = 0; megabyte < count; megabyte += 1) {
      await putRecords(server, 'd', [record, record]);
      server.clock.advance(1000);
    }
  };
  await putMegabytes(4);
  await deliverAfter(server, 0);
  expect(bucketFiles(server), '4 MB, 4 seconds').toEqual([]);
  await putMegabytes(1);
  await deliverAfter(server, 0);
  expect(
    bucketFiles(server).map(({ content }) => content.length),
    '5 MB, 5 seconds',
  ).toEqual([5 * MEGABYTE]);
  await putMegabytes(1);
  await deliverAfter(server, 300_000);
  expect(bucketText(server).length, '1 MB, 300 seconds').toBe(6 * MEGABYTE);
});

statement('F-020', 'records are not split, so a batch may be larger than the hint', async (server) => {
  const hints = { SizeInMBs: 1, IntervalInSeconds: 300 };
  await createDeliveryStream(server, 'd', { S3DestinationConfiguration: { ...S3, BufferingHints: hints } });
  const records = [700_000, 700_000, 100].map((bytes) => Buffer.alloc(bytes, 'x'));
  await putRecords(server, 'd', records);
  await deliverAfter(server, 0);
  expect(bucketFiles(server).map(({ content }) => content.length)).toEqual([1_400_000]);
});

statement('F-021', 'by default delivered data is not encrypted', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  await deliverAfter(server, 300_000);
  expect(select(server, 'select state, kms_key_arn from deliveries')).toMatchObject([
    { state: 'DELIVERED', kms_key_arn: null },
  ]);
  expect(bucketText(server)).toBe('a');
});

statement('F-022', 'encryption of the data in S3 can be switched on', async (server) => {
  const encryption = { KMSEncryptionConfig: { AWSKMSKeyARN: KMS_KEY } };
  expect((await s3Description(server, { EncryptionConfiguration: encryption })).EncryptionConfiguration).toEqual(
    encryption,
  );
  await putRecords(server, 'd', ['a']);
  await deliverAfter(server, 300_000);
  expect(select(server, 'select state, kms_key_arn from deliveries'), 'it is recorded with the object').toMatchObject([
    { state: 'DELIVERED', kms_key_arn: KMS_KEY },
  ]);
});

statement('F-023', 'Redshift needs an intermediate bucket in S3Configuration', async (server) => {
  const { S3Configuration: _bucket, ...without } = REDSHIFT;
  expect((await create(server, { RedshiftDestinationConfiguration: without })).body).toEqual({
    __type: 'ValidationException',
    message:
      "1 validation error detected: Value at 'redshiftDestinationConfiguration.s3Configuration' failed to satisfy constraint: Member must not be null",
  });
});

statement('F-024', 'Redshift: records go to the bucket first, and are copied from there by COPY', async (server) => {
  // What COPY does is tested with databases in loading.test.ts; here the cluster does not answer.
  const ClusterJDBCURL = 'jdbc:redshift://127.0.0.1:1/dev';
  await createDeliveryStream(server, 'd', { RedshiftDestinationConfiguration: { ...REDSHIFT, ClusterJDBCURL } });
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}']);
  await deliverAllAfter(server, 300_000);
  const [object, manifest] = bucketFiles(server);
  expect(object!.content.toString()).toBe('{"a":1}{"a":2}');
  expect(JSON.parse(manifest!.content.toString()).entries).toEqual([
    { url: `s3://b/${object!.path}`, mandatory: true },
  ]);
  expect(select(server, 'select state, step, last_error from v_deliveries')).toEqual([
    { state: 'PLANNED', step: 'LOAD', last_error: expect.stringMatching(/^Redshift\.ConnectionFailed: /) },
  ]);
});

const FORMATS = 'Only the following compression formats are allowed when using Redshift: [UNCOMPRESSED, GZIP]';
const redshiftWith = (CompressionFormat: string) => ({
  RedshiftDestinationConfiguration: { ...REDSHIFT, S3Configuration: { ...S3, CompressionFormat } },
});

statement('F-025', 'SNAPPY is refused for Redshift', async (server) => {
  expect((await create(server, redshiftWith('Snappy'))).body).toEqual(refused(FORMATS));
  expect((await create(server, redshiftWith('GZIP'))).status).toBe(200);
});

statement('F-026', 'ZIP is refused for Redshift', async (server) => {
  expect((await create(server, redshiftWith('ZIP'))).body).toEqual(refused(FORMATS));
  expect((await create(server, redshiftWith('UNCOMPRESSED'))).status).toBe(200);
});

statement('F-027', 'Redshift takes a user name and a password, which is never shown', async (server) => {
  const { Password: _password, ...without } = REDSHIFT;
  expect((await create(server, { RedshiftDestinationConfiguration: without })).body).toEqual(
    refused('Redshift Database Password is required for Redshift Destination'),
  );
  await createDeliveryStream(server, 'd', { RedshiftDestinationConfiguration: REDSHIFT });
  const described = (await describeDeliveryStream(server, 'd')).Destinations[0].RedshiftDestinationDescription;
  expect(described.Username).toBe('loader');
  expect(described).not.toHaveProperty('Password');
  expect(JSON.stringify(databaseRows(server.directory)), 'nor stored as it is').not.toContain('secret1');
});

statement('F-028', 'the role of the destination is required, kept and shown', async (server) => {
  const { RoleARN: _role, ...without } = S3;
  expect((await create(server, { S3DestinationConfiguration: without })).body).toEqual({
    __type: 'ValidationException',
    message:
      "1 validation error detected: Value at 's3DestinationConfiguration.roleARN' failed to satisfy constraint: Member must not be null",
  });
  expect((await s3Description(server)).RoleARN).toBe(ROLE);
});

statement('F-029', 'what the role must allow is not checked here: delivery works with any', async (server, profile) => {
  const foreign = 'arn:aws:iam::111111111111:role/any';
  const { status, body } = await create(server, { S3DestinationConfiguration: { ...S3, RoleARN: foreign } });
  if (profile === 'relaxed') expect(status).toBe(200);
  else expect(body).toEqual({ __type: 'AccessDeniedException', message: 'Cross-account pass role is not allowed.' });
  await createDeliveryStream(server, 'other', { S3DestinationConfiguration: { ...S3, CompressionFormat: 'GZIP' } });
  await putRecords(server, 'other', ['a']);
  await deliverAfter(server, 300_000);
  expect(bucketFiles(server).map(({ content }) => gunzipSync(content).toString())).toEqual(['a']);
});
