/** F-095 to F-110: UpdateDestination. */
import { expect } from 'vitest';
import {
  breakBucket,
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  describeDeliveryStream,
  putRecords,
  ROLE,
  S3,
  select,
} from '../support/firehose.ts';
import type { TestServer } from '../support/server.ts';
import { statement } from '../support/statement.ts';

const DESTINATION = 'destinationId-000000000001';
const KMS = { KMSEncryptionConfig: { AWSKMSKeyARN: 'arn:aws:kms:us-east-1:000000000000:key/k' } };
const REDSHIFT = {
  RoleARN: ROLE,
  // Nothing listens there.
  ClusterJDBCURL: 'jdbc:redshift://127.0.0.1:1/dev',
  CopyCommand: { DataTableName: 't' },
  Username: 'u',
  Password: 'secret1',
};
const ELASTICSEARCH = {
  RoleARN: ROLE,
  DomainARN: 'arn:aws:es:us-east-1:000000000000:domain/logs',
  IndexName: 'i',
  S3Configuration: S3,
};

const update = (server: TestServer, version: string | undefined, block: object) =>
  callFirehose(server, 'UpdateDestination', {
    DeliveryStreamName: 'd',
    CurrentDeliveryStreamVersionId: version,
    DestinationId: DESTINATION,
    ...block,
  });

/** The result of an update that must succeed. */
async function updated(server: TestServer, version: string, block: object) {
  const answer = await update(server, version, block);
  expect([answer.status, answer.text]).toEqual([200, '{}']);
  return describeDeliveryStream(server, 'd');
}

const bucket = (name: string) => ({ ExtendedS3DestinationUpdate: { BucketARN: `arn:aws:s3:::${name}` } });

statement('F-095', 'UpdateDestination updates the given destination of the given delivery stream', async (server) => {
  await createDeliveryStream(server, 'd');
  await createDeliveryStream(server, 'other');
  const before = await describeDeliveryStream(server, 'other');
  const { Destinations } = await updated(server, '1', bucket('c'));
  expect(Destinations[0].ExtendedS3DestinationDescription.BucketARN).toBe('arn:aws:s3:::c');
  expect(await describeDeliveryStream(server, 'other'), 'no other is touched').toEqual(before);
  const wrong = await callFirehose(server, 'UpdateDestination', {
    DeliveryStreamName: 'd',
    CurrentDeliveryStreamVersionId: '2',
    DestinationId: 'destinationId-000000000002',
    ...bucket('x'),
  });
  expect(wrong.body).toEqual({
    __type: 'InvalidArgumentException',
    message: 'Destination Id destinationId-000000000002 not found',
  });
});

statement('F-096', 'it can change the type of the destination, from S3 to Redshift', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['before']);
  const { Destinations } = await updated(server, '1', { RedshiftDestinationUpdate: { ...REDSHIFT, S3Update: S3 } });
  expect(Destinations).toHaveLength(1);
  expect(Object.keys(Destinations[0])).toEqual(['DestinationId', 'RedshiftDestinationDescription']);
  await putRecords(server, 'd', ['after']);
  await deliverAfter(server, 300_000);
  expect(bucketText(server), 'in the intermediate bucket').toContain('beforeafter');
});

statement('F-097', 'it can change parameters of the same destination, such as the bucket', async (server) => {
  await createDeliveryStream(server, 'd');
  await updated(server, '1', bucket('c'));
  await putRecords(server, 'd', ['to the other bucket']);
  await deliverAfter(server, 300_000);
  expect([bucketText(server, 'b'), bucketText(server, 'c')]).toEqual(['', 'to the other bucket']);
});

statement('F-098', 'what is already part of a batch is delivered as before the update', async (server) => {
  await createDeliveryStream(server, 'd');
  const repair = breakBucket(server);
  await putRecords(server, 'd', ['planned']);
  await deliverAfter(server, 300_000);
  expect(select(server, 'select waiting_batches from v_buffers')).toEqual([{ waiting_batches: 1 }]);
  await updated(server, '1', bucket('c'));
  repair();
  await putRecords(server, 'd', ['later']);
  await deliverAfter(server, 300_000);
  expect([bucketText(server, 'b'), bucketText(server, 'c')]).toEqual(['planned', 'later']);
});

statement('F-099', 'the delivery stream stays ACTIVE, and writes continue during the update', async (server) => {
  await createDeliveryStream(server, 'd');
  const [, answer] = await Promise.all([update(server, '1', bucket('c')), putRecords(server, 'd', ['a', 'b'])]);
  expect(answer.FailedPutCount).toBe(0);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus).toBe('ACTIVE');
  await deliverAfter(server, 300_000);
  expect(bucketText(server, 'b') + bucketText(server, 'c'), 'nothing is lost').toBe('ab');
});

statement('F-100', 'it is effective within minutes: here for all that is not yet part of a batch', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['before']);
  await updated(server, '1', bucket('c'));
  await deliverAfter(server, 300_000);
  expect([bucketText(server, 'b'), bucketText(server, 'c')]).toEqual(['', 'before']);
});

statement('F-101', 'switching between Elasticsearch and another type is not supported', async (server) => {
  const message = 'Changing the destination type to or from Elasticsearch is not supported at this time.';
  await createDeliveryStream(server, 'd');
  const { S3Configuration, ...elasticsearch } = ELASTICSEARCH;
  const there = await update(server, '1', {
    ElasticsearchDestinationUpdate: { ...elasticsearch, S3Update: S3Configuration },
  });
  expect([there.status, there.body]).toEqual([400, { __type: 'InvalidArgumentException', message }]);
  expect((await describeDeliveryStream(server, 'd')).VersionId).toBe('1');
});

statement('F-102', 'an Elasticsearch destination can only be updated to Elasticsearch', async (server) => {
  await createDeliveryStream(server, 'd', { ElasticsearchDestinationConfiguration: ELASTICSEARCH });
  const message = 'Changing the destination type to or from Elasticsearch is not supported at this time.';
  for (const block of [bucket('c'), { RedshiftDestinationUpdate: { ...REDSHIFT, S3Update: S3 } }]) {
    expect((await update(server, '1', block)).body).toEqual({ __type: 'InvalidArgumentException', message });
  }
  const { Destinations } = await updated(server, '1', { ElasticsearchDestinationUpdate: { IndexName: 'j' } });
  expect(Destinations[0].ElasticsearchDestinationDescription.IndexName).toBe('j');
  await putRecords(server, 'd', ['{"a":1}']);
  await deliverAfter(server, 300_000);
  expect(select(server, 'select index_name, body from search_documents')).toEqual([
    { index_name: 'j-2026-01-02', body: '{"a":1}' },
  ]);
});

const FULL = {
  ExtendedS3DestinationConfiguration: {
    ...S3,
    Prefix: 'p/',
    CompressionFormat: 'GZIP',
    EncryptionConfiguration: KMS,
    BufferingHints: { SizeInMBs: 7, IntervalInSeconds: 70 },
  },
};

statement('F-103', 'of the same type, the given parameters are merged into the configuration', async (server) => {
  await createDeliveryStream(server, 'd', FULL);
  const before = (await describeDeliveryStream(server, 'd')).Destinations[0].ExtendedS3DestinationDescription;
  const { Destinations } = await updated(server, '1', {
    ExtendedS3DestinationUpdate: { Prefix: 'q/', BufferingHints: { SizeInMBs: 8 } },
  });
  expect(Destinations[0].ExtendedS3DestinationDescription).toEqual({
    ...before,
    Prefix: 'q/',
    BufferingHints: { IntervalInSeconds: 70, SizeInMBs: 8 },
  });
});

statement('F-104', 'unspecified parameters keep their values, such as EncryptionConfiguration', async (server) => {
  await createDeliveryStream(server, 'd', FULL);
  const { Destinations } = await updated(server, '1', { ExtendedS3DestinationUpdate: { Prefix: 'q/' } });
  const { EncryptionConfiguration, CompressionFormat } = Destinations[0].ExtendedS3DestinationDescription;
  expect([EncryptionConfiguration, CompressionFormat]).toEqual([KMS, 'GZIP']);
});

statement('F-105', 'of another type, nothing is merged and every required parameter is needed', async (server) => {
  await createDeliveryStream(server, 'd', FULL);
  const complete = { ...REDSHIFT, S3Update: S3 };
  const needed = (member: string) => `${member} is required when the destination changes to Redshift.`;
  const missing = {
    RoleARN: needed('RoleARN'),
    ClusterJDBCURL: needed('ClusterJDBCURL'),
    CopyCommand: needed('CopyCommand'),
    Password: 'Redshift Database Password is required for Redshift Destination',
    S3Update: needed('S3Update'),
  };
  for (const [member, message] of Object.entries(missing)) {
    const { body } = await update(server, '1', { RedshiftDestinationUpdate: { ...complete, [member]: undefined } });
    expect(body, member).toEqual({ __type: 'InvalidArgumentException', message });
    server.clock.advance(1000);
  }
  const { Destinations } = await updated(server, '1', { RedshiftDestinationUpdate: complete });
  const { CompressionFormat, EncryptionConfiguration, Prefix } =
    Destinations[0].RedshiftDestinationDescription.S3DestinationDescription;
  expect([CompressionFormat, EncryptionConfiguration, Prefix]).toEqual([
    'UNCOMPRESSED',
    { NoEncryptionConfig: 'NoEncryption' },
    undefined,
  ]);
});

statement('F-106', 'CurrentDeliveryStreamVersionId is required', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await update(server, undefined, bucket('c'))).body).toEqual({
    __type: 'ValidationException',
    message:
      "1 validation error detected: Value at 'currentDeliveryStreamVersionId' failed to satisfy constraint: Member must not be null",
  });
});

statement('F-107', 'the update applies only if it is the current version', async (server) => {
  await createDeliveryStream(server, 'd');
  const before = await describeDeliveryStream(server, 'd');
  const { status, body } = await update(server, '2', bucket('c'));
  expect([status, body]).toEqual([
    400,
    {
      __type: 'ConcurrentModificationException',
      message: 'Cannot update firehose: d since the current version id: 1 and specified version id: 2 do not match',
    },
  ]);
  expect(await describeDeliveryStream(server, 'd')).toEqual(before);
});

statement('F-108', 'after success the version changes', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await updated(server, '1', bucket('c'))).VersionId).toBe('2');
  expect((await updated(server, '2', bucket('e'))).VersionId).toBe('3');
});

statement('F-109', 'the new version is read with DescribeDeliveryStream', async (server) => {
  await createDeliveryStream(server, 'd');
  server.clock.advance(5000);
  const { VersionId, LastUpdateTimestamp } = await updated(server, '1', bucket('c'));
  expect([VersionId, LastUpdateTimestamp]).toEqual(['2', server.clock.now() / 1000]);
  await server.restart();
  expect((await describeDeliveryStream(server, 'd')).VersionId).toBe('2');
});

statement('F-110', 'the next update must carry the new version', async (server) => {
  await createDeliveryStream(server, 'd');
  await updated(server, '1', bucket('c'));
  const { body } = await update(server, '1', bucket('e'));
  expect(body.__type).toBe('ConcurrentModificationException');
  expect((await updated(server, '2', bucket('e'))).VersionId).toBe('3');
});
