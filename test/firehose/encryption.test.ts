/** Server-side encryption of delivery streams. */
import { expect, it } from 'vitest';
import {
  callFirehose,
  createDeliveryStream,
  describeDeliveryStream,
  firehose,
  putRecords,
  ROLE,
  S3,
} from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const KEY = 'arn:aws:kms:us-east-1:000000000000:key/k';

const start = (server: TestServer, input?: object) =>
  callFirehose(server, 'StartDeliveryStreamEncryption', {
    DeliveryStreamName: 'd',
    DeliveryStreamEncryptionConfigurationInput: input,
  });
const stop = (server: TestServer) => callFirehose(server, 'StopDeliveryStreamEncryption', { DeliveryStreamName: 'd' });
const encryption = async (server: TestServer) =>
  (await describeDeliveryStream(server, 'd')).DeliveryStreamEncryptionConfiguration;

it('encryption is enabled and disabled again, after a while, and survives a restart', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  const seen = [await encryption(server)];
  expect((await start(server)).text).toBe('{}');
  seen.push(await encryption(server));
  server.clock.advance(1000);
  await server.restart();
  seen.push(await encryption(server));
  expect((await putRecords(server, 'd', ['a'])).Encrypted).toBe(true);
  expect((await stop(server)).text).toBe('{}');
  seen.push(await encryption(server));
  expect((await putRecords(server, 'd', ['a'])).Encrypted).toBe(false);
  server.clock.advance(1000);
  seen.push(await encryption(server));
  const KeyType = 'AWS_OWNED_CMK';
  expect(seen).toEqual([
    { Status: 'DISABLED' },
    { KeyType, Status: 'ENABLING' },
    { KeyType, Status: 'ENABLED' },
    { KeyType, Status: 'DISABLING' },
    { Status: 'DISABLED' },
  ]);
  expect((await describeDeliveryStream(server, 'd')).VersionId, 'no version of the destination').toBe('1');
});

it('it may have a key of the customer, which can be changed', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await start(server, { KeyType: 'CUSTOMER_MANAGED_CMK', KeyARN: KEY });
  server.clock.advance(1000);
  expect(await encryption(server)).toEqual({ KeyARN: KEY, KeyType: 'CUSTOMER_MANAGED_CMK', Status: 'ENABLED' });
  await start(server, { KeyType: 'CUSTOMER_MANAGED_CMK', KeyARN: `${KEY}2` });
  expect(await encryption(server)).toMatchObject({ KeyARN: `${KEY}2`, Status: 'ENABLING' });
});

it('what is given at the creation is there when the delivery stream is', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd', {
    S3DestinationConfiguration: S3,
    DeliveryStreamEncryptionConfigurationInput: { KeyType: 'AWS_OWNED_CMK' },
  });
  expect(await encryption(server)).toEqual({ KeyType: 'AWS_OWNED_CMK', Status: 'ENABLED' });
});

it('encryption that is off may be stopped', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  expect((await stop(server)).status).toBe(200);
  expect(await encryption(server)).toEqual({ Status: 'DISABLED' });
});

it.each([
  [{ KeyType: 'CUSTOMER_MANAGED_CMK' }, 'KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK'],
  [{ KeyType: 'AWS_OWNED_CMK', KeyARN: KEY }, 'KeyARN cannot be specified when KeyType is AWS_OWNED_CMK'],
  [
    { KeyType: 'CUSTOMER_MANAGED_CMK', KeyARN: KEY.replace('us-east-1', 'eu-west-1') },
    'Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose',
  ],
])('it is refused for %o', async (input, message) => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  const refused = { __type: 'InvalidArgumentException', message };
  expect((await start(server, input)).body).toEqual(refused);
  const created = await callFirehose(server, 'CreateDeliveryStream', {
    DeliveryStreamName: 'e',
    S3DestinationConfiguration: S3,
    DeliveryStreamEncryptionConfigurationInput: input,
  });
  expect(created.body).toEqual(refused);
  expect((await firehose(server, 'ListDeliveryStreams', {})).DeliveryStreamNames).toEqual(['d']);
});

it('it is refused where a stream is the source', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', {
    S3DestinationConfiguration: S3,
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: {
      KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
      RoleARN: ROLE,
    },
  });
  const message =
    'Server side encryption from firehose is only allowed for direct put delivery streams and database as a source delivery streams';
  expect((await start(server)).body.message).toBe(message);
  expect((await stop(server)).body.message).toBe(message);
});

it.each(['current', 'documented'])('it can be changed 25 times a day with QUOTAS=%s', async (QUOTAS) => {
  const server = await startTestServer({ settings: { QUOTAS } });
  await createDeliveryStream(server, 'd');
  for (let change = 0; change < 25; change += 1) {
    expect((await (change % 2 === 0 ? start(server) : stop(server))).status).toBe(200);
    server.clock.advance(1000);
  }
  expect((await stop(server)).body.__type).toBe('LimitExceededException');
  server.clock.advance(86_400_000);
  expect((await stop(server)).status).toBe(200);
});
