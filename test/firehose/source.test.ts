/** A Kinesis stream as the source of delivery streams. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  base64,
  breakBucket,
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  firehose,
  putRecords,
  ROLE,
  S3,
  select,
} from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const HOUR_MS = 3_600_000;
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';

const fromStream = (bucket = 'b', hints: object = {}) => ({
  DeliveryStreamType: 'KinesisStreamAsSource',
  KinesisStreamSourceConfiguration: { KinesisStreamARN: ARN, RoleARN: ROLE },
  ExtendedS3DestinationConfiguration: {
    ...S3,
    BucketARN: `arn:aws:s3:::${bucket}`,
    BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 60, ...hints },
  },
});

/** Puts `{key}{number} ` for each key and number into the stream `s`. */
async function put(server: TestServer, keys: readonly string[], numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    const Records = keys.map((key) => ({ PartitionKey: key, Data: base64(`${key}${number} `) }));
    await server.ok('PutRecords', { StreamName: 's', Records });
  }
}

/** Copies what is new, then delivers it. */
async function deliver(server: TestServer): Promise<void> {
  await deliverAfter(server, 0);
  await deliverAfter(server, 60_000);
}

/** The numbers that were delivered of each key, in their order. */
function numbersByKey(text: string): Record<string, number[]> {
  const numbers: Record<string, number[]> = {};
  for (const [, key, number] of text.matchAll(/([a-z])(\d+) /g)) {
    numbers[key!] ??= [];
    numbers[key!]!.push(Number(number));
  }
  return numbers;
}

it('its records are delivered from the moment of the creation on', async () => {
  const server = await startTestServer();
  await server.createStream('s', 3);
  await put(server, ['a', 'b', 'c'], [1]);
  await createDeliveryStream(server, 'd', fromStream());
  await put(server, ['a', 'b', 'c'], [2, 3]);
  await deliver(server);
  expect(numbersByKey(bucketText(server))).toEqual({ a: [2, 3], b: [2, 3], c: [2, 3] });
});

it('every record is delivered once and in the order of its key across a split, a merge and restarts', async () => {
  const server = await startTestServer();
  const keys = [...'abcdefgh'];
  await server.createStream('s', 2);
  await createDeliveryStream(server, 'd', fromStream());
  const reshard = async (operation: string, input: object) => {
    await server.ok(operation, { StreamName: 's', ...input });
    server.clock.advance(1000);
  };
  await put(server, keys, [1, 2]);
  await reshard('SplitShard', {
    ShardToSplit: 'shardId-000000000000',
    NewStartingHashKey: (1n << 126n).toString(),
  });
  // Nothing was copied yet: the parent comes first, then its children.
  await put(server, keys, [3, 4]);
  await deliver(server);
  await server.restart();
  await put(server, keys, [5]);
  await reshard('MergeShards', {
    ShardToMerge: 'shardId-000000000003',
    AdjacentShardToMerge: 'shardId-000000000001',
  });
  await put(server, keys, [6, 7]);
  await deliverAfter(server, 0);
  await server.restart();
  await put(server, keys, [8]);
  await deliver(server);
  await deliver(server);
  const expected = Object.fromEntries(keys.map((key) => [key, [1, 2, 3, 4, 5, 6, 7, 8]]));
  expect(numbersByKey(bucketText(server))).toEqual(expected);
});

it('a shard that was split and merged again at once is read to its end before the grandchild', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream());
  const reshard = async (operation: string, input: object) => {
    await server.ok(operation, { StreamName: 's', ...input });
    server.clock.advance(1000);
  };
  // More than one slice of copying takes.
  const before = Array.from({ length: 1500 }, (_, index) => index);
  for (let from = 0; from < 1500; from += 500) {
    const Records = before.slice(from, from + 500).map((n) => ({ PartitionKey: 'k', Data: base64(`k${n} `) }));
    await server.ok('PutRecords', { StreamName: 's', Records });
  }
  await reshard('SplitShard', { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: (1n << 127n).toString() });
  await reshard('MergeShards', {
    ShardToMerge: 'shardId-000000000001',
    AdjacentShardToMerge: 'shardId-000000000002',
  });
  await put(server, ['k'], [1500]);
  await deliver(server);
  expect(numbersByKey(bucketText(server)).k).toEqual([...before, 1500]);
});

it('every record is delivered once and in order across changes of the shard count', async () => {
  const server = await startTestServer();
  const keys = [...'abcdefgh'];
  await server.createStream('s', 4);
  await createDeliveryStream(server, 'd', fromStream());
  for (const [at, TargetShardCount] of [3, 5, 4].entries()) {
    await put(server, keys, [2 * at]);
    await server.ok('UpdateShardCount', { StreamName: 's', TargetShardCount, ScalingType: 'UNIFORM_SCALING' });
    await put(server, keys, [2 * at + 1]);
    server.clock.advance(1000);
  }
  await put(server, keys, [6]);
  await deliver(server);
  await deliver(server);
  const expected = Object.fromEntries(keys.map((key) => [key, [0, 1, 2, 3, 4, 5, 6]]));
  expect(numbersByKey(bucketText(server))).toEqual(expected);
});

it('several delivery streams may read one stream, each from its own beginning', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream('b'));
  await put(server, ['a'], [1]);
  await createDeliveryStream(server, 'e', fromStream('c'));
  await put(server, ['a'], [2]);
  await deliver(server);
  expect([bucketText(server, 'b'), bucketText(server, 'c')]).toEqual(['a1 a2 ', 'a2 ']);
  expect(await server.ok('ListStreams', {}), 'the stream knows nothing of it').toMatchObject({ StreamNames: ['s'] });
});

it('a delivery stream whose source is deleted stays ACTIVE, and reads another of that name from its beginning', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream());
  await put(server, ['a'], [1]);
  await deliver(server);
  await server.ok('DeleteStream', { StreamName: 's' });
  server.clock.advance(1000);
  await deliver(server);
  const { DeliveryStreamDescription } = await firehose(server, 'DescribeDeliveryStream', { DeliveryStreamName: 'd' });
  expect(DeliveryStreamDescription.DeliveryStreamStatus).toBe('ACTIVE');
  await server.createStream('s');
  await put(server, ['a'], [2]);
  await deliver(server);
  expect(bucketText(server)).toBe('a1 a2 ');
});

it('the source must exist', async () => {
  const server = await startTestServer();
  const { status, body } = await callFirehose(server, 'CreateDeliveryStream', {
    DeliveryStreamName: 'd',
    ...fromStream(),
  });
  expect([status, body]).toEqual([
    400,
    {
      __type: 'InvalidArgumentException',
      message: `The Kinesis stream ${ARN} does not exist; create it first.`,
    },
  ]);
});

it('aggregates of the producer library are unpacked', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream());
  const field = (number: number, value: Buffer) => Buffer.concat([Buffer.from([number * 8 + 2, value.length]), value]);
  const message = Buffer.concat(['one ', 'two '].map((text) => field(3, field(3, Buffer.from(text)))));
  const digest = createHash('md5').update(message).digest();
  const Data = Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, digest]).toString('base64');
  await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data });
  await deliver(server);
  expect(bucketText(server)).toBe('one two ');
  expect(select(server, 'select records from v_deliveries')).toEqual([{ records: 2 }]);
});

it('copying stops ahead of a destination that fails; the rest stays in the stream', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream('b', { SizeInMBs: 1 }));
  const repair = breakBucket(server);
  const Data = base64(Buffer.alloc(1_000_000, 'x'));
  for (let record = 0; record < 9; record += 1) {
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data });
  }
  for (let run = 0; run < 3; run += 1) await server.runJob('flush');
  const [{ bytes }] = select(server, 'select waiting_bytes + bytes as bytes from v_buffers');
  expect(bytes, 'four times the size and less than a slice more').toBeLessThanOrEqual(6_000_000);
  expect(bytes).toBeGreaterThanOrEqual(4 * 1024 * 1024);
  repair();
  for (let run = 0; run < 3; run += 1) await deliverAfter(server, 60_000);
  expect(bucketText(server).length, 'all of it').toBe(9_000_000);
});

it('records that expired in the stream before they were read are reported', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream());
  await put(server, ['a'], [1, 2]);
  for (let hour = 0; hour < 25; hour += 1) server.clock.advance(HOUR_MS);
  await put(server, ['a'], [3]);
  await deliver(server);
  expect(bucketText(server)).toBe('a3 ');
  expect(select(server, 'select kind, subject, records, bytes, reason from incidents')).toEqual([
    {
      kind: 'EXPIRED_IN_SOURCE',
      subject: 'd',
      records: 2,
      bytes: null,
      reason: `They expired in ${ARN} before they were read.`,
    },
  ]);
});

it('a delivery stream without a source is not disturbed by any of this', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await createDeliveryStream(server, 'd', fromStream());
  await createDeliveryStream(server, 'e');
  await putRecords(server, 'e', ['direct']);
  await deliverAfter(server, 300_000);
  expect(bucketText(server)).toBe('direct');
});
