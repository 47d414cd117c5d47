/** Delivery streams as the API shows them: descriptions, states, listings, updates. */
import { describe, expect, it } from 'vitest';
import {
  bucketFiles,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  describeDeliveryStream,
  firehose,
  putRecords,
  ROLE,
  S3,
} from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const DESTINATION = 'destinationId-000000000001';
const ARN = 'arn:aws:firehose:us-east-1:000000000000:deliverystream/d';

describe('DescribeDeliveryStream', () => {
  it('answers for a plain S3 destination exactly so', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', { S3DestinationConfiguration: S3 });
    const { text } = await callFirehose(server, 'DescribeDeliveryStream', { DeliveryStreamName: 'd' });
    const s3 =
      '"BucketARN":"arn:aws:s3:::b","BufferingHints":{"IntervalInSeconds":300,"SizeInMBs":5},' +
      '"CloudWatchLoggingOptions":{"Enabled":false},"CompressionFormat":"UNCOMPRESSED",' +
      `"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"RoleARN":"${ROLE}"`;
    expect(text).toBe(
      `{"DeliveryStreamDescription":{"CreateTimestamp":1767323045.678,"DeliveryStreamARN":"${ARN}",` +
        '"DeliveryStreamEncryptionConfiguration":{"Status":"DISABLED"},"DeliveryStreamName":"d",' +
        '"DeliveryStreamStatus":"ACTIVE","DeliveryStreamType":"DirectPut","Destinations":[{' +
        `"DestinationId":"${DESTINATION}","ExtendedS3DestinationDescription":{${s3},"S3BackupMode":"Disabled"},` +
        `"S3DestinationDescription":{${s3}}}],"HasMoreDestinations":false,"VersionId":"1"}}`,
    );
  });

  it('neither a limit nor a start hides the one destination', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    const answer = await firehose(server, 'DescribeDeliveryStream', {
      DeliveryStreamName: 'd',
      Limit: 1,
      ExclusiveStartDestinationId: 'unknown',
    });
    expect(answer.DeliveryStreamDescription.Destinations).toHaveLength(1);
  });

  it('shows the hint for direct puts, and no encryption where a stream is the source', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await createDeliveryStream(server, 'd', {
      S3DestinationConfiguration: S3,
      DirectPutSourceConfiguration: { ThroughputHintInMBs: 7 },
    });
    expect((await describeDeliveryStream(server, 'd')).Source).toEqual({
      DirectPutSourceDescription: { ThroughputHintInMBs: 7 },
    });
    const KinesisStreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
    const sourced = {
      S3DestinationConfiguration: S3,
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: { KinesisStreamARN, RoleARN: ROLE },
    };
    await createDeliveryStream(server, 'e', sourced);
    expect(await describeDeliveryStream(server, 'e')).not.toHaveProperty('DeliveryStreamEncryptionConfiguration');
    const both = await callFirehose(server, 'CreateDeliveryStream', {
      DeliveryStreamName: 'f',
      ...sourced,
      DirectPutSourceConfiguration: { ThroughputHintInMBs: 7 },
    });
    expect(both.body).toEqual({
      __type: 'InvalidArgumentException',
      message: 'DirectPutSourceConfiguration is only applicable for DirectPut stream type.',
    });
  });
});

type Ask = (server: TestServer) => ReturnType<typeof callFirehose>;

const ask =
  (operation: string, more: object = {}): Ask =>
  (server) =>
    callFirehose(server, operation, { DeliveryStreamName: 'd', ...more });

const OPERATIONS: Readonly<Record<string, Ask>> = {
  create: ask('CreateDeliveryStream', { S3DestinationConfiguration: S3 }),
  describe: ask('DescribeDeliveryStream'),
  put: ask('PutRecord', { Record: { Data: '' } }),
  putBatch: ask('PutRecordBatch', { Records: [{ Data: '' }] }),
  update: ask('UpdateDestination', {
    CurrentDeliveryStreamVersionId: '1',
    DestinationId: DESTINATION,
    ExtendedS3DestinationUpdate: { Prefix: 'p' },
  }),
  tag: ask('TagDeliveryStream', { Tags: [{ Key: 'k' }] }),
  untag: ask('UntagDeliveryStream', { TagKeys: ['k'] }),
  listTags: ask('ListTagsForDeliveryStream'),
  startEncryption: ask('StartDeliveryStreamEncryption'),
  stopEncryption: ask('StopDeliveryStreamEncryption'),
};

const exists = 'ResourceInUseException: Firehose d under accountId 000000000000 already exists';
const missing = 'ResourceNotFoundException: Firehose d under account 000000000000 not found.';
const notActive = 'ResourceNotFoundException: Firehose d is not active in 000000000000 account.';
const inUse = (status: string) => `ResourceInUseException: Cannot update firehose: d when it is in ${status} status`;

const STATES: Readonly<Record<string, Readonly<Record<keyof typeof OPERATIONS, string>>>> = {
  'that is not there': {
    create: 'ok',
    describe: missing,
    put: missing,
    putBatch: missing,
    update: 'ResourceNotFoundException: Firehose d under accountId 000000000000 not found.',
    tag: missing,
    untag: missing,
    listTags: missing,
    startEncryption: missing,
    stopEncryption: missing,
  },
  CREATING: {
    create: exists,
    describe: 'ok',
    put: notActive,
    putBatch: notActive,
    update: inUse('CREATING'),
    tag: 'ok',
    untag: 'ok',
    listTags: 'ok',
    startEncryption: inUse('CREATING'),
    stopEncryption: inUse('CREATING'),
  },
  ACTIVE: {
    create: exists,
    describe: 'ok',
    put: 'ok',
    putBatch: 'ok',
    update: 'ok',
    tag: 'ok',
    untag: 'ok',
    listTags: 'ok',
    startEncryption: 'ok',
    stopEncryption: 'ok',
  },
  DELETING: {
    create: exists,
    describe: 'ok',
    put: notActive,
    putBatch: notActive,
    update: inUse('DELETING'),
    tag: inUse('DELETING'),
    untag: inUse('DELETING'),
    listTags: 'ok',
    startEncryption: inUse('DELETING'),
    stopEncryption: inUse('DELETING'),
  },
};

async function bring(server: TestServer, state: string): Promise<void> {
  if (state === 'that is not there') return;
  await OPERATIONS.create!(server);
  if (state === 'CREATING') return;
  server.clock.advance(1000);
  if (state === 'DELETING') await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
}

describe.each(Object.keys(STATES))('a delivery stream %s', (state) => {
  it.each(Object.keys(OPERATIONS))('%s', async (operation) => {
    const server = await startTestServer();
    await bring(server, state);
    const { status, body } = await OPERATIONS[operation]!(server);
    expect(status === 200 ? 'ok' : `${body.__type}: ${body.message}`).toBe(STATES[state]![operation]);
  });
});

describe('ListDeliveryStreams', () => {
  it('is in lexical order, and goes on after a name that does not exist', async () => {
    const server = await startTestServer();
    for (const name of ['b', 'B', 'a.1', 'a-1', 'a_1', 'a1']) await createDeliveryStream(server, name);
    const { DeliveryStreamNames } = await firehose(server, 'ListDeliveryStreams', {});
    expect(DeliveryStreamNames).toEqual(['B', 'a-1', 'a.1', 'a1', 'a_1', 'b']);
    const after = await firehose(server, 'ListDeliveryStreams', { ExclusiveStartDeliveryStreamName: 'a.0', Limit: 2 });
    expect(after).toEqual({ DeliveryStreamNames: ['a.1', 'a1'], HasMoreDeliveryStreams: true });
  });

  it('can be of one type, and has those that are CREATING or DELETING', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await createDeliveryStream(server, 'sourced', {
      S3DestinationConfiguration: S3,
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: {
        KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
        RoleARN: ROLE,
      },
    });
    await createDeliveryStream(server, 'deleting');
    await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'deleting' });
    await firehose(server, 'CreateDeliveryStream', { DeliveryStreamName: 'creating', S3DestinationConfiguration: S3 });
    const list = async (DeliveryStreamType?: string) =>
      (await firehose(server, 'ListDeliveryStreams', { DeliveryStreamType })).DeliveryStreamNames;
    expect([await list(), await list('DirectPut'), await list('KinesisStreamAsSource')]).toEqual([
      ['creating', 'deleting', 'sourced'],
      ['creating', 'deleting'],
      ['sourced'],
    ]);
    server.clock.advance(1000);
    expect(await list()).toEqual(['creating', 'sourced']);
  });
});

describe('UpdateDestination', () => {
  const update = (server: TestServer, members: object, version = '1', id = DESTINATION) =>
    callFirehose(server, 'UpdateDestination', {
      DeliveryStreamName: 'd',
      CurrentDeliveryStreamVersionId: version,
      DestinationId: id,
      ...members,
    });

  it('that changes nothing keeps version and timestamp', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    const before = await describeDeliveryStream(server, 'd');
    server.clock.advance(5000);
    const same = { ExtendedS3DestinationUpdate: { ...S3, CompressionFormat: 'UNCOMPRESSED' } };
    expect((await update(server, same)).status).toBe(200);
    expect(await describeDeliveryStream(server, 'd')).toEqual(before);
    expect((await update(server, { S3DestinationUpdate: {} })).status).toBe(200);
    expect((await describeDeliveryStream(server, 'd')).VersionId).toBe('1');
  });

  it('checks the version before the destination id, and that before the destination', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    const typeOf = async (...wrong: Parameters<typeof update>) => (await update(...wrong)).body.message;
    expect(await typeOf(server, {}, '2', 'unknown')).toContain('do not match');
    expect(await typeOf(server, {}, '1', 'unknown')).toBe('Destination Id unknown not found');
    expect(await typeOf(server, {})).toBe('At least one destination or source configuration update must be provided');
  });

  it('of two at the same time with the same version, one succeeds', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((Prefix) => update(server, { ExtendedS3DestinationUpdate: { Prefix } })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
    expect((await describeDeliveryStream(server, 'd')).VersionId).toBe('2');
  });

  it('shows in the key of what was put before it', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await putRecords(server, 'd', ['before']);
    await update(server, { ExtendedS3DestinationUpdate: { Prefix: 'new/', CompressionFormat: 'GZIP' } });
    await deliverAfter(server, 300_000);
    expect(bucketFiles(server).map(({ path }) => path)).toEqual([
      expect.stringMatching(/^new\/2026\/01\/02\/03\/d-2-2026-01-02-03-04-06-[0-9a-f-]{36}\.gz$/),
    ]);
  });
});

it('calls of the control plane are limited to five per second and operation where rates are enforced', async () => {
  const server = await startTestServer({ settings: { QUOTAS: 'current' } });
  const list = () => callFirehose(server, 'ListDeliveryStreams', {});
  for (let call = 0; call < 5; call += 1) expect((await list()).status).toBe(200);
  const { status, body } = await list();
  expect([status, body]).toEqual([
    400,
    { __type: 'ThrottlingException', message: 'Please slow down. Max limit of 5 RPS has breached.' },
  ]);
  server.clock.advance(1000);
  expect((await list()).status).toBe(200);
});

it('accounts and regions are kept apart', async () => {
  const server = await startTestServer();
  const places = [
    { account: '111111111111', region: 'us-east-1' },
    { account: '111111111111', region: 'eu-west-1' },
    { account: '222222222222', region: 'us-east-1' },
  ];
  for (const [index, place] of places.entries()) {
    const bucket = { ...S3, BucketARN: `arn:aws:s3:::b${index}` };
    await createDeliveryStream(server, 'd', { S3DestinationConfiguration: bucket }, place);
  }
  for (const [index, place] of places.entries()) {
    const { DeliveryStreamARN, Destinations } = await describeDeliveryStream(server, 'd', place);
    expect(DeliveryStreamARN).toBe(`arn:aws:firehose:${place.region}:${place.account}:deliverystream/d`);
    expect(Destinations[0].S3DestinationDescription.BucketARN).toBe(`arn:aws:s3:::b${index}`);
  }
  await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' }, places[0]);
  server.clock.advance(1000);
  const lists = await Promise.all(places.map((place) => firehose(server, 'ListDeliveryStreams', {}, place)));
  expect(lists.map(({ DeliveryStreamNames }) => DeliveryStreamNames)).toEqual([[], ['d'], ['d']]);
});
