/** S3_ENDPOINT: the same objects go to a real S3 server. */

import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect, it, onTestFinished } from 'vitest';
import { createDeliveryStream, deliverAfter, putRecords, S3, select } from '../support/firehose.ts';
import { startS3Server } from '../support/s3-server.ts';
import { startTestServer } from '../support/server.ts';

/** The objects of a bucket, by key. */
async function objectsOf(endpoint: string, Bucket: string) {
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  onTestFinished(() => client.destroy());
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  return Promise.all(
    Contents.map(async ({ Key }) => {
      const { Body, ContentType, ContentEncoding } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return { Key, ContentType, ContentEncoding, content: Buffer.from(await Body!.transformToByteArray()) };
    }),
  );
}

it('objects are stored there under the same keys, with their types', async () => {
  const s3 = await startS3Server('b');
  const server = await startTestServer({ settings: { S3_ENDPOINT: s3.url } });
  await createDeliveryStream(server, 'd', {
    ExtendedS3DestinationConfiguration: { ...S3, CompressionFormat: 'GZIP', Prefix: 'a b/ü+=/' },
  });
  await putRecords(server, 'd', ['first\n', 'second\n']);
  await deliverAfter(server, 300_000);
  const [row] = select(server, 'select * from v_deliveries');
  expect(row).toMatchObject({ state: 'DELIVERED', place: s3.url, path: null, records: 2 });
  const objects = await objectsOf(s3.url, 'b');
  expect(objects).toEqual([
    {
      Key: row.key,
      ContentType: 'application/octet-stream',
      ContentEncoding: 'gzip',
      content: expect.any(Buffer),
    },
  ]);
  expect(gunzipSync(objects[0]!.content).toString()).toBe('first\nsecond\n');
  expect(objects[0]!.content.length).toBe(row.object_bytes);
});

it('a bucket that is missing is a failed delivery, tried again until it is there', async () => {
  const s3 = await startS3Server('other');
  const server = await startTestServer({ settings: { S3_ENDPOINT: s3.url } });
  await createDeliveryStream(server, 'd');
  await createDeliveryStream(server, 'e', {
    ExtendedS3DestinationConfiguration: { ...S3, BucketARN: 'arn:aws:s3:::other' },
  });
  for (const name of ['d', 'e']) await putRecords(server, name, [name]);
  await deliverAfter(server, 300_000);
  expect(select(server, 'select delivery_stream, state, last_error from v_deliveries order by 1')).toEqual([
    { delivery_stream: 'd', state: 'PLANNED', last_error: expect.stringContaining('NoSuchBucket') },
    { delivery_stream: 'e', state: 'DELIVERED', last_error: null },
  ]);
});

it('a server that is not there delays nothing but the deliveries', async () => {
  const server = await startTestServer({ settings: { S3_ENDPOINT: 'http://127.0.0.1:1' } });
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  await deliverAfter(server, 300_000);
  expect(select(server, 'select state, attempts from v_deliveries')).toEqual([{ state: 'PLANNED', attempts: 1 }]);
  expect((await putRecords(server, 'd', ['b'])).FailedPutCount).toBe(0);
});
