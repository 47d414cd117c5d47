/** F-044 to F-066: PutRecord. */
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
import type { TestServer } from '../support/server.ts';
import { type Check, statement } from '../support/statement.ts';

const put = (server: TestServer, data: string | Buffer) =>
  callFirehose(server, 'PutRecord', { DeliveryStreamName: 'd', Record: { Data: base64(data) } });

const invalid = (path: string, constraint: string) => ({
  __type: 'ValidationException',
  message: `1 validation error detected: Value at '${path}' failed to satisfy constraint: ${constraint}`,
});

const SLOW_DOWN = { __type: 'ServiceUnavailableException', message: 'Slow down.' };

/** What was counted as beyond a rate. */
const throttled = (server: TestServer, operation: string) =>
  metricValue(server, 'millrace_throttled_total', {
    target: `Firehose_20150804.${operation}`,
    deliveryStream: 'd',
  });

statement('F-044', 'PutRecord writes one record', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await put(server, 'a')).status).toBe(200);
  expect(select(server, 'select data from v_buffered_records')).toEqual([{ data: 'a' }]);
});

statement('F-045', 'a delivery stream takes 2,000 transactions per second', async (server, profile) => {
  await createDeliveryStream(server, 'd');
  const refused = await putEmpty(server, 'PutRecord', 2001);
  expect(refused).toBe(profile === 'relaxed' ? 0 : 1);
  expect(await throttled(server, 'PutRecord')).toBe(1);
  server.clock.advance(1000);
  expect((await put(server, '')).status, 'a second later').toBe(200);
});

/** Puts `count` empty records in batches of 500 and returns how many entries failed. */
async function putMany(server: TestServer, count: number): Promise<number> {
  let failed = 0;
  for (let left = count; left > 0; left -= 500) {
    failed += (await putRecords(server, 'd', Array(Math.min(500, left)).fill(''))).FailedPutCount;
  }
  return failed;
}

statement('F-046', 'a delivery stream takes 5,000 records per second', {
  async documented(server) {
    await createDeliveryStream(server, 'd');
    expect(await putMany(server, 5010)).toBe(10);
    expect((await put(server, '')).body).toEqual(SLOW_DOWN);
    server.clock.advance(1000);
    expect(await putMany(server, 5000), 'a second later').toBe(0);
  },
  otherwise: [
    'today the largest regions take 500,000',
    async (server) => {
      await createDeliveryStream(server, 'd');
      expect(await putMany(server, 5010)).toBe(0);
      expect(await throttled(server, 'PutRecordBatch')).toBe(0);
    },
  ],
});

statement('F-047', 'a delivery stream takes 5 MB per second', async (server, profile) => {
  await createDeliveryStream(server, 'd');
  const megabyte = Buffer.alloc(1_000_000);
  for (let record = 0; record < 5; record += 1) expect((await put(server, megabyte)).status).toBe(200);
  const beyond = await put(server, megabyte);
  if (profile === 'relaxed') expect([beyond.status, await throttled(server, 'PutRecord')]).toEqual([200, 1]);
  else expect([beyond.status, beyond.body]).toEqual([503, SLOW_DOWN]);
  expect((await put(server, 'small')).status, 'what still fits').toBe(200);
});

statement('F-048', 'the limits count PutRecord and PutRecordBatch together', async (server, profile) => {
  await createDeliveryStream(server, 'd');
  const megabyte = Buffer.alloc(1_000_000);
  await putRecords(server, 'd', [megabyte, megabyte, megabyte, megabyte]);
  expect((await put(server, megabyte)).status).toBe(200);
  const beyond = await put(server, megabyte);
  expect(beyond.status).toBe(profile === 'relaxed' ? 200 : 503);
  const batch = await putRecords(server, 'd', [megabyte, Buffer.alloc(1)]);
  expect(batch.FailedPutCount).toBe(profile === 'relaxed' ? 0 : 1);
});

const requires = (path: string, input: object): Check => {
  return async (server) => {
    const { status, body } = await callFirehose(server, 'PutRecord', input);
    expect([status, body]).toEqual([400, invalid(path, 'Member must not be null')]);
  };
};

statement('F-049', 'DeliveryStreamName is required', requires('deliveryStreamName', { Record: { Data: '' } }));
statement('F-050', 'Record is required', requires('record', { DeliveryStreamName: 'd' }));
statement('F-051', 'Record.Data is required', requires('record.data', { DeliveryStreamName: 'd', Record: {} }));

statement('F-052', 'the data may have up to 1,000 KiB before base64', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await put(server, Buffer.alloc(1_024_000))).status).toBe(200);
  const { status, body } = await put(server, Buffer.alloc(1_024_001));
  expect([status, body]).toEqual([
    400,
    invalid('record.data', 'Member must have length less than or equal to 1024000'),
  ]);
});

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

statement('F-053', 'any bytes are allowed', async (server) => {
  await createDeliveryStream(server, 'd');
  await put(server, ALL_BYTES);
  await put(server, 'größer 😀');
  await deliverAfter(server, 300_000);
  expect(bucketFiles(server)[0]!.content).toEqual(Buffer.concat([ALL_BYTES, Buffer.from('größer 😀')]));
});

statement('F-054', 'Data travels base64-encoded, and the decoded bytes are stored', async (server) => {
  await createDeliveryStream(server, 'd');
  await firehose(server, 'PutRecord', { DeliveryStreamName: 'd', Record: { Data: 'aGVsbG8=' } });
  expect(select(server, 'select data, bytes from v_buffered_records')).toEqual([{ data: 'hello', bytes: 5 }]);
});

statement('F-055', 'records are buffered before delivery', async (server) => {
  await createDeliveryStream(server, 'd');
  await put(server, 'a');
  await deliverAfter(server, 60_000);
  expect(bucketText(server)).toBe('');
  await server.restart();
  expect(select(server, 'select records, bytes, age_seconds is not null as aged from v_buffers')).toEqual([
    { records: 1, bytes: 1, aged: 1 },
  ]);
});

statement('F-056', 'no delimiter is added, and one in the data survives', async (server) => {
  await createDeliveryStream(server, 'd');
  for (const data of ['a', 'b\n', '\nc', '']) await put(server, data);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('ab\n\nc');
});

statement('F-057', 'the response has a RecordId that is unique per record', async (server) => {
  await createDeliveryStream(server, 'd');
  const answers = await Promise.all(Array.from({ length: 50 }, () => put(server, 'same')));
  const ids = answers.map(({ body }) => body.RecordId as string);
  expect(new Set(ids).size).toBe(50);
  expect(ids.filter((id) => !/^[A-Za-z0-9+/]{224}$/.test(id))).toEqual([]);
});

statement('F-058', 'the response tells whether server-side encryption was on', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await put(server, 'a')).body.Encrypted).toBe(false);
  await firehose(server, 'StartDeliveryStreamEncryption', { DeliveryStreamName: 'd' });
  expect((await put(server, 'a')).body.Encrypted, 'ENABLING').toBe(false);
  server.clock.advance(1000);
  expect((await put(server, 'a')).body.Encrypted, 'ENABLED').toBe(true);
});

statement(
  'F-059',
  'traffic over the limit is answered with ServiceUnavailableException; a retry succeeds',
  async (server, profile) => {
    await createDeliveryStream(server, 'd');
    const megabyte = Buffer.alloc(1_000_000);
    const statuses = [];
    for (let record = 0; record < 6; record += 1) statuses.push((await put(server, megabyte)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, profile === 'relaxed' ? 200 : 503]);
    server.clock.advance(1000);
    expect((await put(server, megabyte)).status).toBe(200);
  },
);

const HOUR_MS = 3_600_000;

/** Lets `hours` pass, with attempts in every half hour. */
async function passHours(server: TestServer, hours: number): Promise<void> {
  for (let half = 0; half < hours * 2; half += 1) await deliverAfter(server, HOUR_MS / 2);
}

statement('F-060', 'records are kept for 24 hours while delivery is attempted', async (server) => {
  await createDeliveryStream(server, 'd');
  await put(server, 'a');
  const repair = breakBucket(server);
  await passHours(server, 23.5);
  expect(select(server, 'select waiting_batches from v_buffers')).toEqual([{ waiting_batches: 1 }]);
  repair();
  await deliverAfter(server, 60_000);
  expect(bucketText(server)).toBe('a');
});

statement('F-061', 'after 24 hours without delivery the data is gone', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a', 'bc']);
  const repair = breakBucket(server);
  await passHours(server, 25);
  repair();
  await deliverAfter(server, 60_000);
  expect(bucketText(server)).toBe('');
  const incidents = select(server, 'select kind, subject, records, bytes, first_record, last_record from incidents');
  expect(incidents, 'and a row says what was lost').toEqual([
    {
      kind: 'EXPIRED',
      subject: 'd',
      records: 2,
      bytes: 3,
      first_record: 2 ** 40 + 1,
      last_record: 2 ** 40 + 2,
    },
  ]);
});

statement('F-062', 'Data is decoded as one base64 value', async (server) => {
  await createDeliveryStream(server, 'd');
  const input = { DeliveryStreamName: 'd', Record: { Data: `${base64('a')}${base64('b')}` } };
  const { status, body } = await callFirehose(server, 'PutRecord', input);
  expect([status, body.__type]).toEqual([400, 'SerializationException']);
  await put(server, 'ab');
  expect(select(server, 'select data from v_buffered_records')).toEqual([{ data: 'ab' }]);
});

statement('F-063', 'it raises ResourceNotFoundException', async (server) => {
  const { status, body } = await put(server, 'a');
  expect([status, body]).toEqual([
    400,
    { __type: 'ResourceNotFoundException', message: 'Firehose d under account 000000000000 not found.' },
  ]);
});

/** A delivery stream `d` that reads the stream `s`. */
async function createSourced(server: TestServer): Promise<void> {
  await server.createStream('s');
  await createDeliveryStream(server, 'd', {
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: {
      KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
      RoleARN: ROLE,
    },
    S3DestinationConfiguration: S3,
  });
}

statement('F-064', 'it raises InvalidArgumentException', async (server) => {
  await createSourced(server);
  const { status, body } = await put(server, 'a');
  expect([status, body]).toEqual([
    400,
    {
      __type: 'InvalidArgumentException',
      message: 'This operation is not permitted on KinesisStreamAsSource delivery stream type.',
    },
  ]);
});

statement(
  'F-065',
  'InvalidKMSResourceException has no occasion: there is no key service to refuse a key',
  async (server) => {
    await createDeliveryStream(server, 'd');
    const KeyARN = 'arn:aws:kms:us-east-1:000000000000:key/unknown';
    await firehose(server, 'StartDeliveryStreamEncryption', {
      DeliveryStreamName: 'd',
      DeliveryStreamEncryptionConfigurationInput: { KeyType: 'CUSTOMER_MANAGED_CMK', KeyARN },
    });
    server.clock.advance(1000);
    const { status, body } = await put(server, 'a');
    expect([status, body.Encrypted]).toEqual([200, true]);
  },
);

statement('F-066', 'it raises ServiceUnavailableException', async (server, profile) => {
  await createDeliveryStream(server, 'd');
  for (let record = 0; record < 5; record += 1) await put(server, Buffer.alloc(1_024_000));
  const { status, body } = await put(server, Buffer.alloc(1_024_000));
  if (profile === 'relaxed') expect(status).toBe(200);
  else expect([status, body]).toEqual([503, SLOW_DOWN]);
});
