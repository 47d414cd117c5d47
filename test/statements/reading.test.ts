/** S-110 to S-126: GetRecords. What exceeds a rate is refused in `documented` and `current`, only counted in `relaxed`. */
import { expect } from 'vitest';
import type { Profile } from '../../src/quotas.ts';
import { type ReadRecord, readShard, shardIterator } from '../support/kinesis.ts';
import { throttleCount } from '../support/metrics.ts';
import type { TestServer } from '../support/server.ts';
import { type Check, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const SHARD = 'shardId-000000000000';
const HALF = (1n << 127n).toString();

const getRecords = (server: TestServer, ShardIterator: string, Limit?: number) =>
  server.ok('GetRecords', { ShardIterator, Limit });
const keysOf = ({ Records }: { readonly Records: readonly ReadRecord[] }) =>
  Records.map(({ PartitionKey }) => PartitionKey);
const put = (server: TestServer, PartitionKey: string, more: object = {}) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '', ...more });

/** Creates the stream `s` of one shard with a record for each of `keys`; returns an iterator from its start. */
async function streamWith(server: TestServer, ...keys: readonly string[]): Promise<string> {
  await server.createStream('s');
  for (const key of keys) await put(server, key);
  return shardIterator(server, 's', 'TRIM_HORIZON');
}

/** 32 of them are a mebibyte, the partition key included. */
const RECORD = { PartitionKey: 'k', Data: Buffer.alloc(32 * 1024 - 1, 'record').toString('base64') };
const RECORDS_PER_MIB = 32;

/** Creates the stream `s` of one shard with that many mebibytes of records, put at one a second; returns an iterator. */
async function streamOf(server: TestServer, mebibytes: number): Promise<string> {
  await server.createStream('s');
  const Records = new Array(RECORDS_PER_MIB).fill(RECORD);
  for (let count = 0; count < mebibytes; count += 1) {
    expect((await server.ok('PutRecords', { StreamName: 's', Records })).FailedRecordCount).toBe(0);
    server.clock.advance(SECOND_MS);
  }
  return shardIterator(server, 's', 'TRIM_HORIZON');
}

/** How many reads of the shard AWS would have refused until now. */
const throttledReads = (server: TestServer) => throttleCount(server, 'GetRecords', { stream: 's', shard: SHARD });

/** Reads within the rate of the shard: answered, and not counted. */
async function readWithinRate(server: TestServer, ShardIterator: string, Limit?: number) {
  const before = await throttledReads(server);
  const answer = await getRecords(server, ShardIterator, Limit);
  expect(await throttledReads(server), 'a read within the rate is not counted').toBe(before);
  return answer;
}

/** Reads beyond the rate of the shard: counted, and refused except in relaxed. Returns the body. */
async function readBeyondRate(server: TestServer, profile: Profile, ShardIterator: string) {
  const before = await throttledReads(server);
  const { status, body } = await server.call('GetRecords', { ShardIterator });
  expect(await throttledReads(server), 'a read beyond the rate is counted').toBe(before + 1);
  if (profile === 'relaxed') expect(status, 'relaxed refuses nothing').toBe(200);
  else {
    expect([status, body]).toEqual([
      400,
      {
        __type: 'ProvisionedThroughputExceededException',
        message: `Rate exceeded for shard ${SHARD} in stream s under account 000000000000.`,
      },
    ]);
  }
  return body;
}

statement('S-110', 'GetRecords requires ShardIterator; Limit is optional', async (server) => {
  const ShardIterator = await streamWith(server, 'a', 'b', 'c');
  expect((await server.call('GetRecords', { Limit: 1 })).body).toEqual({
    __type: 'ValidationException',
    message:
      "1 validation error detected: Value null at 'shardIterator' failed to satisfy constraint: Member must not be null",
  });
  expect(keysOf(await server.ok('GetRecords', { ShardIterator }))).toEqual(['a', 'b', 'c']);
  expect(keysOf(await server.ok('GetRecords', { ShardIterator, Limit: 2 }))).toEqual(['a', 'b']);
});

statement('S-111', 'it returns Records, NextShardIterator and MillisBehindLatest', async (server) => {
  const iterator = await streamWith(server, 'a');
  expect(await getRecords(server, iterator)).toEqual({
    Records: [expect.objectContaining({ PartitionKey: 'a' })],
    NextShardIterator: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/),
    MillisBehindLatest: 0,
  });
});

statement('S-112', 'Records is empty where nothing is, and following the iterators reaches data', async (server) => {
  let iterator = await streamWith(server);
  for (let call = 0; call < 3; call += 1) {
    const answer = await getRecords(server, iterator);
    expect(answer.Records, `call ${call}`).toEqual([]);
    iterator = answer.NextShardIterator;
    server.clock.advance(SECOND_MS);
  }
  await put(server, 'late');
  expect(keysOf(await getRecords(server, iterator))).toEqual(['late']);
});

statement('S-113', 'each call returns a new iterator for the following call', async (server) => {
  const iterators = [await streamWith(server, 'a', 'b', 'c')];
  const keys: string[] = [];
  for (let call = 0; call < 4; call += 1) {
    const answer = await getRecords(server, iterators.at(-1)!, 1);
    keys.push(...keysOf(answer));
    iterators.push(answer.NextShardIterator);
  }
  expect(keys, 'no record twice, none left out').toEqual(['a', 'b', 'c']);
  expect(new Set(iterators).size, 'also the empty read at the end gives a new iterator').toBe(5);
});

statement('S-114', 'NextShardIterator is null once the shard is closed and has no more', async (server) => {
  const iterator = await streamWith(server, 'a', 'b');
  await server.ok('SplitShard', { StreamName: 's', ShardToSplit: SHARD, NewStartingHashKey: HALF });
  server.clock.advance(SECOND_MS);
  const first = await getRecords(server, iterator, 1);
  expect([keysOf(first), typeof first.NextShardIterator], 'there is more').toEqual([['a'], 'string']);
  const last = await getRecords(server, first.NextShardIterator, 1);
  expect(keysOf(last)).toEqual(['b']);
  expect(last, 'nothing can follow').not.toHaveProperty('NextShardIterator');
});

statement('S-115', 'Limit may be up to 10,000', async (server) => {
  await server.createStream('s');
  const Records = new Array(500).fill({ PartitionKey: 'k', Data: '' });
  for (let call = 1; call <= 21; call += 1) {
    expect((await server.ok('PutRecords', { StreamName: 's', Records })).FailedRecordCount).toBe(0);
    if (call % 2 === 0) server.clock.advance(SECOND_MS);
  }
  const iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  const first = await getRecords(server, iterator, 10_000);
  expect(first.Records).toHaveLength(10_000);
  expect((await getRecords(server, first.NextShardIterator)).Records).toHaveLength(500);
});

statement('S-116', 'Limit above 10,000 gives InvalidArgumentException', {
  documented: async (server) => {
    const ShardIterator = await streamWith(server, 'a');
    const { status, body } = await server.call('GetRecords', { ShardIterator, Limit: 10_001 });
    expect([status, body.__type]).toEqual([400, 'InvalidArgumentException']);
  },
  otherwise: [
    'Limit above 10,000 gives ValidationException',
    async (server) => {
      const ShardIterator = await streamWith(server, 'a');
      expect((await server.call('GetRecords', { ShardIterator, Limit: 10_001 })).body).toEqual({
        __type: 'ValidationException',
        message:
          "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: " +
          'Member must have value less than or equal to 10000',
      });
    },
  ],
});

/** A record with that much data is stored and read back whole; one byte more is not taken. */
const largestRecordHas =
  (bytes: number): Check =>
  async (server) => {
    const iterator = await streamWith(server);
    const data = Buffer.alloc(bytes + 1, 'mill');
    await put(server, 'k', { Data: data.subarray(1).toString('base64') });
    const [record] = (await getRecords(server, iterator)).Records;
    expect(Buffer.from(record.Data, 'base64').equals(data.subarray(1)), `${bytes} bytes unchanged`).toBe(true);
    const tooLarge = { StreamName: 's', PartitionKey: 'k', Data: data.toString('base64') };
    expect((await server.call('PutRecord', tooLarge)).body.__type).toBe('ValidationException');
  };

statement('S-117', 'records are up to 50 KB each', {
  documented: largestRecordHas(50 * 1024),
  otherwise: ['records are up to 1 MiB each, with their key', largestRecordHas(1024 * 1024 - 1)],
});

statement('S-118', 'a shard can be read at up to 2 MB per second', async (server, profile) => {
  const iterator = await streamOf(server, 3);
  const first = await readWithinRate(server, iterator, RECORDS_PER_MIB);
  const second = await readWithinRate(server, first.NextShardIterator, RECORDS_PER_MIB);
  expect([first.Records.length, second.Records.length], 'two mebibytes').toEqual([RECORDS_PER_MIB, RECORDS_PER_MIB]);
  await readBeyondRate(server, profile, second.NextShardIterator);
  server.clock.advance(SECOND_MS);
  expect((await readWithinRate(server, second.NextShardIterator)).Records).toHaveLength(RECORDS_PER_MIB);
});

statement('S-119', 'one call returns at most 10 MB', async (server) => {
  const iterator = await streamOf(server, 11);
  const first = await getRecords(server, iterator);
  expect(first.Records).toHaveLength(10 * RECORDS_PER_MIB);
  server.clock.advance(5 * SECOND_MS);
  expect((await getRecords(server, first.NextShardIterator)).Records, 'the rest').toHaveLength(RECORDS_PER_MIB);
});

/** After a read of that many mebibytes the shard gives nothing for as long as `pauseMs`, and then again. */
const pausesAfter =
  (mebibytes: number, pauseMs: number): Check =>
  async (server, profile) => {
    const iterator = await streamOf(server, mebibytes);
    const { Records, NextShardIterator } = await readWithinRate(server, iterator);
    expect(Records).toHaveLength(mebibytes * RECORDS_PER_MIB);
    await readBeyondRate(server, profile, NextShardIterator);
    server.clock.advance(pauseMs - 1);
    await readBeyondRate(server, profile, NextShardIterator);
    server.clock.advance(1);
    await readWithinRate(server, NextShardIterator);
  };

statement(
  'S-120',
  'after a call that returned 10 MB, calls in the next 5 seconds throw',
  pausesAfter(10, 5 * SECOND_MS),
);

statement('S-121', 'when throughput is insufficient, calls in the next second throw', pausesAfter(2, SECOND_MS));

statement('S-122', 'a call that throws returns no data and moves nothing', async (server, profile) => {
  const iterator = await streamWith(server, 'a', 'b');
  for (let call = 0; call < 5; call += 1) await readWithinRate(server, iterator);
  const sixth = await readBeyondRate(server, profile, iterator);
  // What is only counted is answered like any other call.
  if (profile === 'relaxed') expect(keysOf(sixth)).toEqual(['a', 'b']);
  else expect(sixth).not.toHaveProperty('Records');
  server.clock.advance(SECOND_MS);
  expect(keysOf(await readWithinRate(server, iterator)), 'nothing was passed over').toEqual(['a', 'b']);
});

statement('S-123', 'a record has SequenceNumber, Data and PartitionKey', async (server) => {
  const iterator = await streamWith(server);
  const { SequenceNumber } = await put(server, 'Schlüssel', { Data: 'AQID' });
  const [record] = (await getRecords(server, iterator)).Records;
  expect(record).toEqual({
    SequenceNumber,
    Data: 'AQID',
    PartitionKey: 'Schlüssel',
    // AWS added the arrival after the document was written.
    ApproximateArrivalTimestamp: server.clock.now() / 1000,
  });
});

statement('S-124', 'Data is opaque and returned unchanged', async (server) => {
  const iterator = await streamWith(server);
  const blobs = [
    Buffer.alloc(0),
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    Buffer.from('{"looks": "like JSON"}\r\n\0'),
    Buffer.from('bG9va3MgbGlrZSBiYXNlNjQ='),
    Buffer.from('\ufeffUTF-16 with its mark', 'utf16le'),
  ].map((blob) => blob.toString('base64'));
  for (const Data of blobs) await put(server, 'k', { Data });
  const { Records } = await getRecords(server, iterator);
  expect(Records.map(({ Data }: ReadRecord) => Data)).toEqual(blobs);
});

statement('S-125', 'MillisBehindLatest is the distance from the tip; 0 is caught up', async (server) => {
  await server.createStream('s');
  for (const key of ['a', 'b', 'c']) {
    await put(server, key);
    server.clock.advance(10_000);
  }
  let iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  const distances: number[] = [];
  for (let call = 0; call < 4; call += 1) {
    const answer = await getRecords(server, iterator, 1);
    distances.push(answer.MillisBehindLatest);
    iterator = answer.NextShardIterator;
  }
  expect(distances).toEqual([30_000, 20_000, 0, 0]);
});

statement('S-126', 'records come in the order of their sequence numbers within the shard', async (server) => {
  await server.createStream('s', 2);
  const numbers = new Map<string, string[]>([
    [SHARD, []],
    ['shardId-000000000001', []],
  ]);
  for (let round = 0; round < 3; round += 1) {
    const Records = Array.from({ length: 20 }, (_, index) => ({ PartitionKey: `key ${index}`, Data: '' }));
    const batch = (await server.ok('PutRecords', { StreamName: 's', Records })).Records;
    for (const { ShardId, SequenceNumber } of [...batch, await put(server, `single ${round}`)]) {
      numbers.get(ShardId)!.push(SequenceNumber);
    }
    server.clock.advance(SECOND_MS);
  }
  for (const [ShardId, given] of numbers) {
    const read = (await readShard(server, 's', ShardId)).map(({ SequenceNumber }) => SequenceNumber);
    expect(given.length, `${ShardId} got records`).toBeGreaterThan(9);
    expect(read, 'in the order in which they were put').toEqual(given);
    expect(read, 'which is that of their numbers').toEqual([...read].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)));
  }
});
