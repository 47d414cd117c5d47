/**
 * The round trip that every client makes, with the AWS SDK for JavaScript v3.
 *
 * Usage: node checks.mjs <endpoint> <name> [<transport>]
 *
 * The stream and the delivery stream are called <name>. Transports:
 * - default: what the SDK takes by itself; HTTP/2 for Kinesis with a connection per request, HTTP/1.1 for Firehose
 * - http1: HTTP/1.1 for both
 * - http2: HTTP/2 for both, with concurrent streams on one connection per client
 * - http2-isolated: HTTP/2 for both, with disableConcurrentStreams: a connection per request
 *
 * Credentials and region are found by the SDK itself. CA_FILE, if set, is the PEM certificate to trust for https.
 * Prints the name of each check that passed; the first that fails is explained on standard error.
 */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect, isDeepStrictEqual } from 'node:util';
import { Firehose, ResourceNotFoundException as NoDeliveryStreamException } from '@aws-sdk/client-firehose';
import {
  InvalidArgumentException,
  Kinesis,
  ResourceNotFoundException as NoStreamException,
  ValidationException,
} from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';

const SECONDS = 55;
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const UNICODE_KEY = 'clé-ключ-🔑';
const BATCH = Array.from({ length: 500 }, (_, n) => ({ PartitionKey: `key-${n}`, Data: Buffer.from(`record ${n}`) }));

const [endpoint, name, transport = 'default'] = process.argv.slice(2);
const handlers = {
  default: () => undefined,
  http1: () => new NodeHttpHandler(),
  http2: () => new NodeHttp2Handler(),
  'http2-isolated': () => new NodeHttp2Handler({ disableConcurrentStreams: true }),
};
const kinesis = newClient(Kinesis);
const firehose = newClient(Firehose);

function newClient(Client) {
  const client = new Client({ endpoint, requestHandler: handlers[transport]() });
  if (process.env.CA_FILE) trust(client.config.requestHandler, readFileSync(process.env.CA_FILE));
  return client;
}

/** Adds a certificate to a handler that exists, as all else of the SDK's default handlers is to stay as it is. */
function trust(handler, ca) {
  if (handler instanceof NodeHttp2Handler) handler.updateHttpClientConfig('nodeHttp2ConnectOptions', { ca });
  else handler.updateHttpClientConfig('httpsAgent', new Agent({ ca, keepAlive: true }));
}

const described = async () => (await kinesis.describeStream({ StreamName: name })).StreamDescription;

async function describedDelivery() {
  const answer = await firehose.describeDeliveryStream({ DeliveryStreamName: name });
  return answer.DeliveryStreamDescription;
}

/** The first description with the status ACTIVE; the program's time bounds the wait. */
async function untilActive(describe, status) {
  for (;;) {
    const description = await describe();
    if (description[status] === 'ACTIVE') return description;
    await pause(50);
  }
}

const shown = (value) => inspect(value, { breakLength: Infinity, maxArrayLength: 10, maxStringLength: 500 });

function expect(condition, what, actual) {
  if (!condition) throw new Error(`expected ${what}, got ${shown(actual)}`);
}

function expectEqual(what, actual, expected) {
  expect(isDeepStrictEqual(actual, expected), `${what} ${shown(expected)}`, actual);
}

/** Within ten minutes of now: not off by the thousand between seconds and milliseconds. */
function expectRecent(what, moment) {
  expect(Math.abs(Date.now() - moment.getTime()) < 600_000, `${what} near now`, moment);
}

async function create() {
  await kinesis.createStream({ StreamName: name, ShardCount: 2 });
  const { StreamCreationTimestamp, StreamARN, Shards } = await untilActive(described, 'StreamStatus');
  expectRecent('StreamCreationTimestamp', StreamCreationTimestamp);
  expectEqual('number of shards', Shards.length, 2);
  expect(StreamARN.endsWith(`:stream/${name}`), `StreamARN of ${name}`, StreamARN);
  return Shards;
}

/** The shard of the record that is put. */
async function put() {
  const input = { StreamName: name, PartitionKey: UNICODE_KEY, Data: EVERY_BYTE };
  const { SequenceNumber, ShardId } = await kinesis.putRecord(input);
  expect(/^[0-9]+$/.test(SequenceNumber), 'SequenceNumber of digits', SequenceNumber);
  expect(ShardId.startsWith('shardId-'), 'ShardId that starts with shardId-', ShardId);
  return ShardId;
}

async function batch() {
  const { FailedRecordCount, Records } = await kinesis.putRecords({ StreamName: name, Records: BATCH });
  expectEqual('FailedRecordCount', FailedRecordCount, 0);
  expectEqual('number of entries', Records.length, BATCH.length);
  for (const entry of Records) {
    expect(entry.SequenceNumber && entry.ErrorCode === undefined, 'SequenceNumber and no ErrorCode', entry);
  }
}

/** All records of all shards, read at the same time, then positions in the shard `shardId`. */
async function read(shards, shardId) {
  const entries = await Promise.all(shards.map(async ({ ShardId }) => [ShardId, await readShard(ShardId)]));
  const records = Object.fromEntries(entries);
  const sent = [{ PartitionKey: UNICODE_KEY, Data: EVERY_BYTE }, ...BATCH];
  const everything = Object.values(records).flat();
  expectEqual('number of records', everything.length, sent.length);
  const received = everything.map(keyAndData).sort();
  for (const [index, expected] of sent.map(keyAndData).sort().entries()) {
    expectEqual('record (key and data in hex)', received[index], expected);
  }

  const [first, second] = records[shardId];
  const hourAgo = await recordAt(shardId, 'AT_TIMESTAMP', { Timestamp: new Date(Date.now() - 3_600_000) });
  expectEqual('AT_TIMESTAMP an hour ago', hourAgo, first);
  const after = await recordAt(shardId, 'AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: first.SequenceNumber });
  expectEqual('AFTER_SEQUENCE_NUMBER of the first record', after, second);
}

const keyAndData = ({ PartitionKey, Data }) => `${PartitionKey} ${Buffer.from(Data).toString('hex')}`;

async function readShard(shardId) {
  const records = [];
  let iterator = await iteratorAt(shardId, 'TRIM_HORIZON');
  for (;;) {
    const { Records, MillisBehindLatest, NextShardIterator } = await kinesis.getRecords({ ShardIterator: iterator });
    records.push(...Records);
    if (Records.length === 0 && MillisBehindLatest === 0) break;
    iterator = NextShardIterator;
  }
  let last = -1n;
  for (const { SequenceNumber, ApproximateArrivalTimestamp } of records) {
    expect(BigInt(SequenceNumber) > last, `number above ${last} in ${shardId}`, SequenceNumber);
    last = BigInt(SequenceNumber);
    expectRecent('ApproximateArrivalTimestamp', ApproximateArrivalTimestamp);
  }
  return records;
}

async function iteratorAt(shardId, kind, position = {}) {
  const input = { StreamName: name, ShardId: shardId, ShardIteratorType: kind, ...position };
  return (await kinesis.getShardIterator(input)).ShardIterator;
}

async function recordAt(shardId, kind, position) {
  const input = { ShardIterator: await iteratorAt(shardId, kind, position), Limit: 1 };
  const { Records } = await kinesis.getRecords(input);
  expectEqual(`number of records at ${kind}`, Records.length, 1);
  return Records[0];
}

async function tag() {
  const Tags = { env: 'test', ключ: 'значение' };
  await kinesis.addTagsToStream({ StreamName: name, Tags });
  expectEqual('tags', await listedTags(), Tags);
  await kinesis.removeTagsFromStream({ StreamName: name, TagKeys: ['env'] });
  expectEqual('tags', await listedTags(), { ключ: 'значение' });
}

async function listedTags() {
  const { Tags } = await kinesis.listTagsForStream({ StreamName: name });
  return Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
}

async function split(parent) {
  const [start, end] = hashRange(parent);
  const middle = (start + end + 1n) / 2n;
  const input = { StreamName: name, ShardToSplit: parent.ShardId, NewStartingHashKey: String(middle) };
  await kinesis.splitShard(input);
  const { Shards } = await untilActive(described, 'StreamStatus');
  expectEqual('number of shards', Shards.length, 4);
  const children = Shards.filter(({ ParentShardId }) => ParentShardId === parent.ShardId).map(hashRange);
  children.sort(([one], [other]) => (one < other ? -1 : 1));
  const halves = [
    [start, middle - 1n],
    [middle, end],
  ];
  expectEqual(`hash ranges of the children of ${parent.ShardId}`, children, halves);
  const { SequenceNumberRange } = Shards.find(({ ShardId }) => ShardId === parent.ShardId);
  const what = `EndingSequenceNumber in ${parent.ShardId}`;
  expect(SequenceNumberRange.EndingSequenceNumber, what, SequenceNumberRange);
}

function hashRange({ HashKeyRange }) {
  return [BigInt(HashKeyRange.StartingHashKey), BigInt(HashKeyRange.EndingHashKey)];
}

async function deliver() {
  const stream = { DeliveryStreamName: name };
  await firehose.createDeliveryStream({
    ...stream,
    ExtendedS3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/any',
      BucketARN: `arn:aws:s3:::${name}`,
    },
  });
  const { CreateTimestamp } = await untilActive(describedDelivery, 'DeliveryStreamStatus');
  expectRecent('CreateTimestamp', CreateTimestamp);
  const [one, two, three] = ['one\n', 'two\n', 'three\n'].map((line) => ({ Data: Buffer.from(line) }));
  const single = await firehose.putRecord({ ...stream, Record: one });
  const rest = await firehose.putRecordBatch({ ...stream, Records: [two, three] });
  expectEqual('FailedPutCount', rest.FailedPutCount, 0);
  expectEqual('number of responses', rest.RequestResponses.length, 2);
  for (const entry of [single, ...rest.RequestResponses]) expect(entry.RecordId, 'RecordId', entry);
  await firehose.deleteDeliveryStream(stream);
  const { DeliveryStreamNames } = await firehose.listDeliveryStreams({});
  expect(Array.isArray(DeliveryStreamNames), 'list of DeliveryStreamNames', DeliveryStreamNames);
}

async function errors() {
  const unknown = kinesis.putRecord({ StreamName: 'none', PartitionKey: 'k', Data: new Uint8Array() });
  const noStream = 'Stream none under account 000000000000 not found.';
  expectEqual('message', await refusal(unknown, NoStreamException), noStream);

  const damaged = kinesis.getRecords({ ShardIterator: 'damaged' });
  expectEqual('message', await refusal(damaged, InvalidArgumentException), 'Invalid ShardIterator.');

  const badName = kinesis.createStream({ StreamName: 'bad name!', ShardCount: 1 });
  const pattern = 'failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+';
  const message = await refusal(badName, ValidationException);
  expect(message.includes(pattern), `message with ${shown(pattern)}`, message);

  const unknownDelivery = firehose.describeDeliveryStream({ DeliveryStreamName: 'none' });
  const noDelivery = 'Firehose none under account 000000000000 not found.';
  expectEqual('message', await refusal(unknownDelivery, NoDeliveryStreamException), noDelivery);
}

/** The message of the error of a call, which must be of a class and carry a request id. */
async function refusal(call, expectedClass) {
  const error = await call.then(
    (answer) => expect(false, expectedClass.name, answer),
    (reason) => reason,
  );
  expect(error instanceof expectedClass, expectedClass.name, error);
  expectEqual('name', error.name, expectedClass.name);
  const { requestId } = error.$metadata;
  expect(requestId?.length === 36, 'request id of 36 characters', requestId);
  return error.message;
}

async function deleteStream() {
  await kinesis.deleteStream({ StreamName: name });
  try {
    while (await described()) await pause(50);
  } catch (error) {
    if (!(error instanceof NoStreamException)) throw error;
  }
}

/** Runs a check and prints its title; ends the program when it fails, or when its time is up. */
async function check(title, run) {
  const fail = (message) => {
    console.error(`${title}: ${message}`);
    process.exit(1);
  };
  const left = SECONDS * 1000 - performance.now();
  const timer = setTimeout(fail, left, `expected an end within ${SECONDS} seconds, got none`);
  const result = await run().catch((error) => fail(error.message));
  clearTimeout(timer);
  console.log(title);
  return result;
}

const shards = await check('create', create);
const shardOfPut = await check('put', put);
await check('batch', batch);
await check('read', () => read(shards, shardOfPut));
await check('tag', tag);
await check('split', () => split(shards[0]));
await check('deliver', deliver);
await check('errors', async () => {
  await errors();
  await deleteStream();
});
kinesis.destroy();
firehose.destroy();
