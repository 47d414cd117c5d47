/** The control that delivers at once, and the metrics. */
import { expect, it } from 'vitest';
import {
  breakBucket,
  bucketText,
  createDeliveryStream,
  deliverAfter,
  firehose,
  flushNow,
  putRecords,
  ROLE,
  S3,
  select,
} from '../support/firehose.ts';
import { metricValue } from '../support/metrics.ts';
import { startTestServer } from '../support/server.ts';

it('what is buffered is delivered at once, and the answer tells the objects', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a', 'bc']);
  const response = await flushNow(server, 'd');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    deliveries: [
      {
        role: 'destination',
        bucket: 'b',
        key: expect.stringMatching(/^2026\/01\/02\/03\/d-1-2026-01-02-03-04-06-[0-9a-f-]{36}$/),
        records: 2,
        bytes: 3,
        state: 'DELIVERED',
        error: null,
      },
    ],
  });
  expect(bucketText(server)).toBe('abc');
  expect(await (await flushNow(server, 'd')).json(), 'nothing is left').toEqual({ deliveries: [] });
});

it('of other accounts and regions too', async () => {
  const server = await startTestServer();
  const options = { account: '123456789012', region: 'eu-west-1' };
  await createDeliveryStream(server, 'd', undefined, options);
  await putRecords(server, 'd', ['a'], options);
  expect((await flushNow(server, 'd')).status).toBe(404);
  expect((await flushNow(server, 'd', '?account=123456789012')).status).toBe(404);
  expect((await flushNow(server, 'd', '?account=123456789012&region=eu-west-1')).status).toBe(200);
  expect(bucketText(server)).toBe('a');
});

it('a failing destination is tried once, also when it is not yet time for that', async () => {
  const server = await startTestServer();
  const repair = breakBucket(server);
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  const failed = await flushNow(server, 'd');
  expect(failed.status).toBe(502);
  expect(await failed.json()).toMatchObject({
    deliveries: [{ state: 'PLANNED', error: expect.stringContaining('symbolic link') }],
  });
  expect((await flushNow(server, 'd')).status).toBe(502);
  expect(select(server, 'select attempts from v_deliveries')).toEqual([{ attempts: 2 }]);
  repair();
  expect((await flushNow(server, 'd')).status).toBe(200);
  expect(bucketText(server)).toBe('a');
});

it('two at the same time deliver everything once', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(
    server,
    'd',
    Array.from({ length: 500 }, (_, index) => `${index} `),
  );
  const responses = await Promise.all([flushNow(server, 'd'), flushNow(server, 'd'), server.runJob('flush')]);
  expect(responses.slice(0, 2).map((response) => (response as Response).status)).toEqual([200, 200]);
  expect(bucketText(server)).toBe(Array.from({ length: 500 }, (_, index) => `${index} `).join(''));
});

it('records of a source are read before', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', {
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: {
      KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
      RoleARN: ROLE,
    },
    ExtendedS3DestinationConfiguration: S3,
  });
  await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: 'YQ==' });
  expect((await flushNow(server, 'd')).status).toBe(200);
  expect(bucketText(server)).toBe('a');
});

it('is refused for web pages, other content types and unknown names', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  expect((await flushNow(server, 'd', '', { Origin: 'https://evil.example' })).status).toBe(403);
  expect((await flushNow(server, 'd', '', { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    expect((await flushNow(server, 'd', '', { 'Content-Type': type })).status, type).toBe(415);
  }
  expect((await flushNow(server, 'unknown')).status).toBe(404);
  expect((await flushNow(server, '..%2f')).status).toBe(404);
  const get = await fetch(`${server.url}/_millrace/delivery-streams/d/flush`);
  expect(get.status).toBe(403);
  const other = await fetch(`${server.url}/_millrace/unknown`, { method: 'POST' });
  expect(other.status).toBe(404);
  expect(bucketText(server)).toBe('');
});

it('not after the deletion', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
  expect((await flushNow(server, 'd')).status).toBe(404);
  expect(bucketText(server)).toBe('');
});

it('metrics tell what came in, what waits and what was delivered, also after a restart', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a', 'bc']);
  server.clock.advance(10_000);
  const value = (name: string) => metricValue(server, `millrace_firehose_${name}`, { deliveryStream: 'd' });
  expect(await value('data_freshness_seconds')).toBe(10);
  await deliverAfter(server, 290_000);
  await putRecords(server, 'd', ['d']);
  await server.restart();
  expect({
    records: await value('incoming_records_total'),
    bytes: await value('incoming_bytes_total'),
    objects: await value('delivered_objects_total'),
    delivered: await value('delivered_records_total'),
    deliveredBytes: await value('delivered_bytes_total'),
    freshness: await value('data_freshness_seconds'),
  }).toEqual({ records: 3, bytes: 4, objects: 1, delivered: 2, deliveredBytes: 3, freshness: 0 });
});
