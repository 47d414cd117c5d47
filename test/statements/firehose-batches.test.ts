/** F-067 to F-094: PutRecordBatch. */
import { expect } from 'vitest';
import {
  base64,
  breakBucket,
  bucketFiles,
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  firehose,
  putEmpty,
  putRecords,
  ROLE,
  S3,
  select,
} from '../support/firehose.ts';
import { metricValue } from '../support/metrics.ts';
import { openSocket } from '../support/raw-socket.ts';
import type { TestServer } from '../support/server.ts';
import { headerLines, signatureHeaders } from '../support/signature.ts';
import { type Check, statement } from '../support/statement.ts';
import { until } from '../support/until.ts';

const putBatch = (server: TestServer, records: readonly (string | Buffer)[]) =>
  callFirehose(server, 'PutRecordBatch', {
    DeliveryStreamName: 'd',
    Records: records.map((data) => ({ Data: base64(data) })),
  });

const invalid = (path: string, constraint: string) => ({
  __type: 'ValidationException',
  message: `1 validation error detected: Value at '${path}' failed to satisfy constraint: ${constraint}`,
});

const MEGABYTE = Buffer.alloc(1_000_000, 'x');
const REFUSED = { ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' };

/**
 * Uses up 4.5 MB of the second's 5 MB, then puts a small record, a megabyte and another small record. Where rates are
 * only metered nothing is refused, and `undefined` is returned.
 */
async function overload(server: TestServer, profile: string) {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', [MEGABYTE, MEGABYTE, MEGABYTE, MEGABYTE]);
  await putRecords(server, 'd', [Buffer.alloc(500_000)]);
  const answer = await putBatch(server, ['first', MEGABYTE, 'third']);
  expect(answer.status).toBe(200);
  if (profile !== 'relaxed') return answer.body;
  expect(answer.body.FailedPutCount, 'metered only').toBe(0);
  expect(await metricValue(server, 'millrace_throttled_total', { deliveryStream: 'd' })).toBe(1);
  return undefined;
}

statement('F-067', 'PutRecordBatch writes several records in one call', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putBatch(server, ['a', 'b', 'c'])).status).toBe(200);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('abc');
});

statement('F-068', 'it has the limits of PutRecord per delivery stream', async (server, profile) => {
  const body = await overload(server, profile);
  if (body !== undefined) expect(body.FailedPutCount).toBe(1);
});

statement('F-069', 'a request has at most 500 records', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putBatch(server, Array(500).fill('a'))).body.RequestResponses).toHaveLength(500);
  const { status, body } = await putBatch(server, Array(501).fill('a'));
  expect([status, body]).toEqual([400, invalid('records', 'Member must have length less than or equal to 500')]);
});

statement('F-070', 'each record has up to 1,000 KiB before base64', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putBatch(server, ['a', Buffer.alloc(1_024_000)])).body.FailedPutCount).toBe(0);
  const { status, body } = await putBatch(server, ['a', Buffer.alloc(1_024_001)]);
  expect([status, body]).toEqual([
    400,
    invalid('records.2.member.data', 'Member must have length less than or equal to 1024000'),
  ]);
  expect(select(server, 'select records from v_buffers'), 'none of a refused request is stored').toEqual([
    { records: 2 },
  ]);
});

statement('F-071', 'the whole request has at most 4 MB', async (server) => {
  await createDeliveryStream(server, 'd');
  const full = [...Array(4).fill(Buffer.alloc(1_024_000)), Buffer.alloc(4_194_304 - 4_096_000)];
  expect((await putBatch(server, full)).body.FailedPutCount).toBe(0);
  server.clock.advance(1000);
  const { status, body } = await putBatch(server, [...full, 'a']);
  expect([status, body]).toEqual([
    400,
    {
      __type: 'InvalidArgumentException',
      message: 'The total size of the records exceeds the maximum allowed size of 4194304 bytes.',
    },
  ]);
  expect(select(server, 'select records from v_buffers')).toEqual([{ records: 5 }]);
});

statement('F-072', 'these limits cannot be raised: they hold whatever the profile of quotas', async (server) => {
  await createDeliveryStream(server, 'd');
  const records = Array(501).fill('a');
  expect((await putBatch(server, records)).status).toBe(400);
  expect((await putBatch(server, Array(5).fill(MEGABYTE))).status).toBe(400);
  expect((await putBatch(server, [Buffer.alloc(1_024_001)])).status).toBe(400);
});

const requires = (path: string, input: object): Check => {
  return async (server) => {
    const { status, body } = await callFirehose(server, 'PutRecordBatch', input);
    expect([status, body]).toEqual([400, invalid(path, 'Member must not be null')]);
  };
};

statement('F-073', 'DeliveryStreamName is required', requires('deliveryStreamName', { Records: [{ Data: '' }] }));

statement('F-074', 'Records is required, one or more', async (server, profile) => {
  await requires('records', { DeliveryStreamName: 'd' })(server, profile);
  const { body } = await putBatch(server, []);
  expect(body).toEqual(invalid('records', 'Member must have length greater than or equal to 1'));
});

statement(
  'F-075',
  'the Data of each record is required',
  requires('records.2.member.data', { DeliveryStreamName: 'd', Records: [{ Data: '' }, {}] }),
);

statement('F-076', 'the response has FailedPutCount', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putBatch(server, ['a', 'b'])).text).toContain('"FailedPutCount":0,');
});

statement('F-077', 'the response has RequestResponses', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putBatch(server, ['a', 'b'])).body.RequestResponses).toEqual([
    { RecordId: expect.any(String) },
    { RecordId: expect.any(String) },
  ]);
});

statement('F-078', 'the response has Encrypted', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await putBatch(server, ['a'])).body.Encrypted).toBe(false);
  await firehose(server, 'StartDeliveryStreamEncryption', { DeliveryStreamName: 'd' });
  server.clock.advance(1000);
  expect((await putBatch(server, ['a'])).body.Encrypted).toBe(true);
});

statement('F-079', 'a call that succeeds may have failed records', async (server, profile) => {
  const body = await overload(server, profile);
  if (body !== undefined) expect(body).toMatchObject({ Encrypted: false, FailedPutCount: 1 });
});

statement('F-080', 'RequestResponses is as long as Records', async (server, profile) => {
  const body = await overload(server, profile);
  if (body !== undefined) expect(body.RequestResponses, 'with a failure').toHaveLength(3);
  server.clock.advance(1000);
  for (const count of [1, 7, 500]) {
    expect((await putBatch(server, Array(count).fill('a'))).body.RequestResponses).toHaveLength(count);
  }
});

statement('F-081', 'entry and record stand at the same place', async (server, profile) => {
  const body = await overload(server, profile);
  if (body === undefined) return;
  const failed = body.RequestResponses.map((entry: object) => 'ErrorCode' in entry);
  expect(failed).toEqual([false, true, false]);
  expect(select(server, 'select data from v_buffered_records where bytes < 10 order by record_id')).toEqual([
    { data: 'first' },
    { data: 'third' },
  ]);
});

statement('F-082', 'it tells of successes and of failures', async (server, profile) => {
  const body = await overload(server, profile);
  if (body === undefined) return;
  expect(body.RequestResponses).toEqual([{ RecordId: expect.any(String) }, REFUSED, { RecordId: expect.any(String) }]);
});

statement('F-083', 'every record is attempted', async (server) => {
  await createDeliveryStream(server, 'd');
  const records = Array.from({ length: 500 }, (_, index) => `${index},`);
  await putBatch(server, records);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe(records.join(''));
});

statement('F-084', 'the failure of one record does not stop later ones', async (server, profile) => {
  const body = await overload(server, profile);
  if (body !== undefined) expect(body.RequestResponses[2]).toHaveProperty('RecordId');
  expect(select(server, "select count(*) as found from v_buffered_records where data = 'third'")).toEqual([
    { found: 1 },
  ]);
});

statement('F-085', 'the entry of a success has a unique RecordId', async (server) => {
  await createDeliveryStream(server, 'd');
  const { body } = await putBatch(server, Array(500).fill('same'));
  const ids = body.RequestResponses.map(({ RecordId }: { RecordId: string }) => RecordId);
  expect(new Set(ids).size).toBe(500);
  expect(Object.keys(body.RequestResponses[0])).toEqual(['RecordId']);
});

statement('F-086', 'the entry of a failure has an ErrorCode', async (server, profile) => {
  const body = await overload(server, profile);
  if (body !== undefined) expect(body.RequestResponses[1].ErrorCode).toBe('ServiceUnavailableException');
});

statement('F-087', 'the entry of a failure has an ErrorMessage', async (server, profile) => {
  const body = await overload(server, profile);
  if (body !== undefined) expect(body.RequestResponses[1].ErrorMessage).toBe('Slow down.');
});

statement(
  'F-088',
  'its code is ServiceUnavailableException, and no RecordId stands beside it',
  async (server, profile) => {
    const body = await overload(server, profile);
    if (body !== undefined) expect(Object.entries(body.RequestResponses[1])).toEqual(Object.entries(REFUSED));
  },
);

/** Sends the head of a request on a connection of its own, and as much of its body as `part` leaves; then hangs up. */
async function putAndHangUp(server: TestServer, part: (body: string) => string): Promise<void> {
  const body = JSON.stringify({ DeliveryStreamName: 'd', Records: [{ Data: base64('a') }, { Data: base64('b') }] });
  const socket = await openSocket(server.url);
  await socket.send(
    `POST / HTTP/1.1\r\nHost: ${new URL(server.url).host}\r\nContent-Type: application/x-amz-json-1.1\r\n` +
      headerLines(signatureHeaders()) +
      `X-Amz-Target: Firehose_20150804.PutRecordBatch\r\nContent-Length: ${body.length}\r\n\r\n${part(body)}`,
  );
  socket.destroy();
  await socket.closed;
}

const bufferedText = (server: TestServer) =>
  select(server, 'select data from v_buffered_records order by record_id')
    .map(({ data }) => data)
    .join('');

statement(
  'F-089',
  'whoever gets no answer does not know: nothing may have been written, or everything',
  async (server) => {
    await createDeliveryStream(server, 'd');
    await putAndHangUp(server, (body) => body.slice(0, -1));
    await putBatch(server, ['|']);
    expect(bufferedText(server), 'the server did not get the whole request').toBe('|');
    await putAndHangUp(server, (body) => body);
    await until(() => bufferedText(server) !== '|');
    await putBatch(server, ['a', 'b']);
    await deliverAfter(server, 300_000);
    expect(bucketText(server), 'the server got it all, and the client sends it again').toBe('|abab');
  },
);

statement('F-090', 'clients send only the failed records again', async (server, profile) => {
  const body = await overload(server, profile);
  if (body === undefined) return;
  const records = ['first', MEGABYTE, 'third'];
  const failed = records.filter((_record, index) => 'ErrorCode' in body.RequestResponses[index]);
  server.clock.advance(1000);
  expect((await putRecords(server, 'd', failed)).FailedPutCount).toBe(0);
  await deliverAfter(server, 300_000);
  const delivered = bucketFiles(server).reduce((sum, { content }) => sum + content.length, 0);
  expect(delivered, 'everything once').toBe(4_500_000 + 5 + 1_000_000 + 5);
});

statement('F-091', 'what is sent twice is delivered twice', async (server) => {
  await createDeliveryStream(server, 'd');
  await putBatch(server, ['same']);
  await putBatch(server, ['same']);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('samesame');
});

statement('F-092', 'the whole call may raise ServiceUnavailableException', async (server, profile) => {
  await createDeliveryStream(server, 'd');
  const refused = await putEmpty(server, 'PutRecordBatch', 2010);
  expect(refused).toBe(profile === 'relaxed' ? 0 : 10);
  expect(select(server, 'select records from v_buffers')).toEqual([{ records: profile === 'relaxed' ? 2010 : 2000 }]);
});

const HOUR_MS = 3_600_000;

statement('F-093', 'records are kept for 24 hours, then lost', async (server) => {
  await createDeliveryStream(server, 'd');
  await putBatch(server, ['a', 'b']);
  const repair = breakBucket(server);
  for (let hour = 0; hour < 12; hour += 1) await deliverAfter(server, HOUR_MS);
  await putBatch(server, ['later']);
  for (let hour = 0; hour < 13; hour += 1) await deliverAfter(server, HOUR_MS);
  repair();
  await deliverAfter(server, 60_000);
  expect(bucketText(server), 'what is younger').toBe('later');
  expect(await metricValue(server, 'millrace_firehose_dropped_records_total')).toBe(2);
});

statement('F-094', 'it raises the errors of PutRecord', async (server, profile) => {
  expect((await putBatch(server, ['a'])).body).toEqual({
    __type: 'ResourceNotFoundException',
    message: 'Firehose d under account 000000000000 not found.',
  });
  await server.createStream('s');
  await createDeliveryStream(server, 'd', {
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: {
      KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
      RoleARN: ROLE,
    },
    S3DestinationConfiguration: S3,
  });
  expect((await putBatch(server, ['a'])).body, profile).toEqual({
    __type: 'InvalidArgumentException',
    message: 'This operation is not permitted on KinesisStreamAsSource delivery stream type.',
  });
});
