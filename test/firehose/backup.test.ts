/** S3BackupMode: every record also goes to a bucket of its own, with settings of its own. */
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import {
  breakBucket,
  bucketFiles,
  bucketText,
  createDeliveryStream,
  deliverAfter,
  firehose,
  putRecords,
  ROLE,
  S3,
  select,
} from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const BACKUP = {
  ...S3,
  BucketARN: 'arn:aws:s3:::backup',
  Prefix: 'originals/',
  CompressionFormat: 'GZIP',
  BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 60 },
};
const WITH_BACKUP = {
  ExtendedS3DestinationConfiguration: { ...S3, S3BackupMode: 'Enabled', S3BackupConfiguration: BACKUP },
};

const backupText = (server: TestServer) =>
  bucketFiles(server, 'backup')
    .map(({ content }) => gunzipSync(content).toString())
    .join('');

it('copies are delivered by their own hints, prefix and compression', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd', WITH_BACKUP);
  await putRecords(server, 'd', ['a', 'b']);
  await deliverAfter(server, 60_000);
  expect([bucketText(server), backupText(server)]).toEqual(['', 'ab']);
  expect(bucketFiles(server, 'backup')[0]!.path).toMatch(/^originals\/2026\/01\/02\/03\/d-1-.*\.gz$/);
  await deliverAfter(server, 240_000);
  expect([bucketText(server), backupText(server)]).toEqual(['ab', 'ab']);
  expect(select(server, 'select role, state from v_deliveries order by role')).toEqual([
    { role: 'backup', state: 'DELIVERED' },
    { role: 'destination', state: 'DELIVERED' },
  ]);
  const [first, second] = select(server, 'select key from v_deliveries').map(({ key }) => key.slice(-39));
  expect(first, 'the objects of one batch of records have different names').not.toBe(second);
});

it('a backup that fails does not hinder the destination', async () => {
  const server = await startTestServer();
  const repair = breakBucket(server, 'backup');
  await createDeliveryStream(server, 'd', WITH_BACKUP);
  await putRecords(server, 'd', ['a']);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('a');
  expect(select(server, 'select role, waiting_batches from v_buffers order by role')).toEqual([
    { role: 'backup', waiting_batches: 1 },
    { role: 'destination', waiting_batches: 0 },
  ]);
  repair();
  await deliverAfter(server, 60_000);
  expect(backupText(server)).toBe('a');
});

it('a backup that is enabled later gets the records put from then on', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['before ']);
  await firehose(server, 'UpdateDestination', {
    DeliveryStreamName: 'd',
    CurrentDeliveryStreamVersionId: '1',
    DestinationId: 'destinationId-000000000001',
    ExtendedS3DestinationUpdate: { S3BackupMode: 'Enabled', S3BackupUpdate: BACKUP },
  });
  await putRecords(server, 'd', ['after']);
  await deliverAfter(server, 300_000);
  expect([bucketText(server), backupText(server)]).toEqual(['before after', 'after']);
});

it('a backup that the next destination does not have still delivers what it got', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd', WITH_BACKUP);
  await putRecords(server, 'd', ['before']);
  await firehose(server, 'UpdateDestination', {
    DeliveryStreamName: 'd',
    CurrentDeliveryStreamVersionId: '1',
    DestinationId: 'destinationId-000000000001',
    RedshiftDestinationUpdate: {
      RoleARN: ROLE,
      // Nothing listens there.
      ClusterJDBCURL: 'jdbc:postgresql://127.0.0.1:1/dev',
      CopyCommand: { DataTableName: 't' },
      Password: 'secret1',
      S3Update: S3,
    },
  });
  await putRecords(server, 'd', ['after']);
  await deliverAfter(server, 300_000);
  expect(backupText(server)).toBe('before');
  expect(select(server, 'select role, state, records from v_deliveries order by role')).toEqual([
    { role: 'backup', state: 'DELIVERED', records: 1 },
    { role: 'destination', state: 'PLANNED', records: 2 },
  ]);
});
