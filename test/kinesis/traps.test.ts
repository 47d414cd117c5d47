/** What emulators of Kinesis got wrong, and what is easily forgotten: a test by name for each, however small. */
import { once } from 'node:events';
import http from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseSequenceNumber } from '../../src/kinesis/sequence-number.ts';
import { answerOf, askHttp1, awsHeaders, awsQuestion, oneConnection } from '../support/http-client.ts';
import { type ReadRecord, readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const HASH_END = 2n ** 128n - 1n;
const DAY_MS = 24 * 3_600_000;
const UNDER = 'under account 000000000000';
const AT_ONCE = { TRANSITION_MS: '0' };
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Has the stream `s` with one shard, unless a test starts another. */
let server: TestServer;

async function start(shards: number, settings: Record<string, string> = {}): Promise<void> {
  server = await startTestServer({ settings });
  await server.createStream('s', shards);
}

beforeEach(() => start(1));

const put = (PartitionKey: string, more: object = {}) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '', ...more });
const iteratorOf = (type: string, more: object = {}) => shardIterator(server, 's', type, more);
const read = (ShardIterator: string, more: object = {}) => server.ok('GetRecords', { ShardIterator, ...more });
const recordsIn = (shard: number) => readShard(server, 's', id(shard));
const keysOf = (records: readonly Pick<ReadRecord, 'PartitionKey'>[]) => records.map((record) => record.PartitionKey);
const keysFrom = async (iterator: string) => keysOf((await read(iterator)).Records);
const describeStream = async (more: object = {}) =>
  (await server.ok('DescribeStream', { StreamName: 's', ...more })).StreamDescription;
const split = (shard: number, key = 2n ** 127n) =>
  server.call('SplitShard', { StreamName: 's', ShardToSplit: id(shard), NewStartingHashKey: String(key) });
const merge = (first: number, second: number) =>
  server.call('MergeShards', { StreamName: 's', ShardToMerge: id(first), AdjacentShardToMerge: id(second) });

/** The answers of `count` reads that follow one another from the oldest record on. */
async function reads(count: number, Limit: number) {
  const answers = [await read(await iteratorOf('TRIM_HORIZON'), { Limit })];
  while (answers.length < count) answers.push(await read(answers.at(-1).NextShardIterator, { Limit }));
  return answers;
}

interface ListedShard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly EndingSequenceNumber?: string };
}

/** The open shards of the stream; throws unless their ranges cover every hash key once. */
async function openShards(): Promise<ListedShard[]> {
  const shards: ListedShard[] = (await describeStream()).Shards;
  const open = shards.filter(({ SequenceNumberRange: range }) => range.EndingSequenceNumber === undefined);
  const ranges = open.map(({ HashKeyRange: range }) => [BigInt(range.StartingHashKey), BigInt(range.EndingHashKey)]);
  const edges = ranges.sort(([a], [b]) => (a! < b! ? -1 : 1)).flatMap(([first, last]) => [first! - 1n, last!]);
  expect([edges[0], edges.at(-1)]).toEqual([-1n, HASH_END]);
  for (let at = 1; at < edges.length - 1; at += 2) expect(edges[at + 1], 'a gap or an overlap').toBe(edges[at]);
  return open;
}

describe('an iterator', () => {
  it('of the type LATEST stands at the end as it was when it was made, not when it is first used', async () => {
    await put('before');
    const latest = await iteratorOf('LATEST');
    await put('after');
    expect(await keysFrom(latest)).toEqual(['after']);
  });

  it('is new and good in every answer, also when there was nothing to read', async () => {
    const seen = [await iteratorOf('TRIM_HORIZON')];
    for (let round = 0; round < 5; round += 1) {
      server.clock.advance(299_000);
      const { Records, NextShardIterator } = await read(seen.at(-1)!);
      expect(Records).toEqual([]);
      seen.push(NextShardIterator);
    }
    expect(new Set(seen).size, 'none is given twice').toBe(6);
    await put('late');
    expect(await keysFrom(seen.at(-1)!)).toEqual(['late']);
  });

  it('works in the millisecond of its making, with the clock set back, and for exactly five minutes', async () => {
    await put('k');
    const ShardIterator = await iteratorOf('TRIM_HORIZON');
    for (const step of [0, -1, -3_600_000, 3_600_001 + 300_000]) {
      server.clock.jump(step);
      expect(await keysFrom(ShardIterator), `after ${step} ms`).toEqual(['k']);
    }
    server.clock.advance(1);
    expect((await server.call('GetRecords', { ShardIterator })).body.__type).toBe('ExpiredIteratorException');
  });

  it('goes on record by record: nothing is lost or repeated within a second or a millisecond', async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `${index}`);
    for (const [index, key] of keys.entries()) {
      await put(key);
      if (index % 3 === 0) server.clock.advance(7);
    }
    const pages = (await reads(8, 4)).map(({ Records }) => keysOf(Records));
    expect(pages.flat()).toEqual(keys);
    expect(pages.map((page) => page.length)).toEqual([4, 4, 4, 4, 4, 4, 4, 2]);
  });

  it('AT_TIMESTAMP of an empty shard is given, and finds what comes later', async () => {
    const iterator = await iteratorOf('AT_TIMESTAMP', { Timestamp: server.clock.now() / 1000 });
    await put('k');
    expect(await keysFrom(iterator)).toEqual(['k']);
  });

  it('AT and AFTER take the StartingSequenceNumber of the shard; AFTER leaves out its record and all before', async () => {
    const { StartingSequenceNumber: start } = (await describeStream()).Shards[0].SequenceNumberRange;
    const numbers: string[] = [];
    for (const key of ['a', 'b', 'c']) numbers.push((await put(key)).SequenceNumber);
    const from = async (type: string, StartingSequenceNumber: string) =>
      (await keysFrom(await iteratorOf(type, { StartingSequenceNumber }))).join('');
    expect(await from('AT_SEQUENCE_NUMBER', start)).toBe('abc');
    expect(await from('AFTER_SEQUENCE_NUMBER', start)).toBe('abc');
    expect(await from('AFTER_SEQUENCE_NUMBER', numbers[1]!)).toBe('c');
    expect(await from('AFTER_SEQUENCE_NUMBER', numbers[2]!)).toBe('');
  });

  it('below the trim point moves up to it: what has expired is never given, swept or not', async () => {
    const { SequenceNumber: StartingSequenceNumber } = await put('old');
    server.clock.advance(DAY_MS - 1000);
    await put('new');
    const made = await iteratorOf('AT_SEQUENCE_NUMBER', { StartingSequenceNumber });
    server.clock.advance(1000);
    for (const swept of [0, 1]) {
      if (swept) expect(await server.runJob('sweep'), 'the sweeper deletes what is hidden').toBe(1);
      expect(await keysFrom(made)).toEqual(['new']);
      expect(await keysFrom(await iteratorOf('AT_SEQUENCE_NUMBER', { StartingSequenceNumber }))).toEqual(['new']);
    }
  });
});

describe('GetRecords', () => {
  it('tells in milliseconds how far the last record lies behind, and 0 at the tip only', async () => {
    for (const key of ['a', 'b', 'c']) {
      await put(key);
      server.clock.advance(1234);
    }
    const behind = (await reads(4, 1)).map(({ MillisBehindLatest }) => MillisBehindLatest);
    expect(behind).toEqual([3 * 1234, 2 * 1234, 0, 0]);
  });

  it('ends a closed shard, whose records stay, without an iterator but with the children, which begin empty', async () => {
    await put('k');
    await split(0);
    server.clock.advance(500);
    const [, ...children] = (await describeStream()).Shards as ListedShard[];
    const ChildShards = children.map(({ ShardId, HashKeyRange }) => ({ ShardId, ParentShards: [id(0)], HashKeyRange }));
    for (const type of ['TRIM_HORIZON', 'LATEST']) {
      const { Records, ...end } = await read(await iteratorOf(type));
      expect(keysOf(Records)).toEqual(type === 'LATEST' ? [] : ['k']);
      expect(end).toEqual({ MillisBehindLatest: 0, ChildShards });
    }
    const open = await read(await iteratorOf('TRIM_HORIZON', { ShardId: id(1) }));
    expect(open).toEqual({ Records: [], NextShardIterator: expect.any(String), MillisBehindLatest: 0 });
  });

  it('returns at most 10 MiB', async () => {
    const Data = Buffer.alloc(1_000_000).toString('base64');
    const Records = Array.from({ length: 6 }, () => ({ PartitionKey: 'k', Data }));
    for (let half = 0; half < 2; half += 1) await server.ok('PutRecords', { StreamName: 's', Records });
    expect((await reads(2, 10_000)).map((answer) => answer.Records.length)).toEqual([10, 2]);
  });
});

describe('shards', () => {
  it.each([1, 2, 3, 7, 100])('of a new stream (%i) cover all hash keys up to 2^128 - 1 without gaps', async (count) => {
    await start(count);
    expect(await openShards()).toHaveLength(count);
  });

  it('name their parents, one after a split, two after a merge, which cannot be split or merged again', async () => {
    await start(1, AT_ONCE);
    await split(0);
    await merge(1, 2);
    const { Shards } = await describeStream();
    expect(Shards[1]).toMatchObject({ ParentShardId: id(0) });
    expect(Shards[1]).not.toHaveProperty('AdjacentParentShardId');
    expect(Shards[3]).toMatchObject({ ParentShardId: id(1), AdjacentParentShardId: id(2) });
    const closed = /^Shard shardId-0{11}[01] in stream s .* has already been merged or split, and thus is not eligible/;
    for (const { body } of [await split(0), await merge(1, 2)]) expect(body.message).toMatch(closed);
    expect((await describeStream()).Shards).toHaveLength(4);
  });

  it('change in listings and in routing at the same instant', async () => {
    await start(2);
    await merge(0, 1);
    for (const count of [2, 2, 1]) {
      const open = await openShards();
      expect(open).toHaveLength(count);
      for (const { ShardId, HashKeyRange } of open) {
        for (const ExplicitHashKey of Object.values(HashKeyRange)) {
          expect((await put('k', { ExplicitHashKey })).ShardId).toBe(ShardId);
        }
      }
      server.clock.advance(250);
    }
  });

  it('are merged in the order of their ranges, and split above the first key plus one and below the last', async () => {
    await start(2, AT_ONCE);
    expect([(await merge(1, 0)).status, (await merge(0, 1)).status]).toEqual([400, 200]);
    for (const key of [0n, 1n, HASH_END]) expect((await split(2, key)).status, `${key}`).toBe(400);
    expect([(await split(2, 2n)).status, (await split(4, HASH_END - 1n)).status]).toEqual([200, 200]);
  });

  it('are limited for the account and region, not for each stream', async () => {
    await start(2, { SHARD_LIMIT: '3' });
    const create = (ShardCount: number) => server.call('CreateStream', { StreamName: 't', ShardCount });
    expect((await create(2)).body.__type).toBe('LimitExceededException');
    expect((await create(1)).status).toBe(200);
  });
});

describe('puts', () => {
  it('of many clients at once lose nothing, keep each client in order, and give no number twice', async () => {
    await start(3);
    // A split takes effect in their midst.
    await split(0, 7n);
    const keyOfNumber = new Map<string, string>();
    const work = async (client: number) => {
      for (let round = 0; round < 20; round += 1) {
        if (client === 0 && round === 10) server.clock.advance(500);
        const keys = Array.from({ length: round % 2 === 0 ? 1 : 6 }, (_, index) => `${client}/${round + 100}/${index}`);
        const Records = keys.map((PartitionKey) => ({ PartitionKey, Data: '' }));
        const putAll = async () => (await server.ok('PutRecords', { StreamName: 's', Records })).Records;
        const results = keys.length === 1 ? [await put(keys[0]!)] : await putAll();
        for (const [index, key] of keys.entries()) keyOfNumber.set(results[index].SequenceNumber, key);
      }
    };
    const clients = Array.from({ length: 12 }, (_, client) => client);
    await Promise.all(clients.map(work));
    expect(keyOfNumber.size, 'each number was given once').toBe(12 * (10 + 60));

    const shards = await Promise.all([0, 1, 2, 3, 4].map(recordsIn));
    expect(shards[0]!.length > 0 && shards[4]!.length > 0, 'parent and child got records').toBe(true);
    expect(shards.flat()).toHaveLength(keyOfNumber.size);
    const isWrong = (record: ReadRecord) => keyOfNumber.get(record.SequenceNumber) !== record.PartitionKey;
    expect(shards.flat().filter(isWrong)).toEqual([]);
    for (const records of shards) {
      const numbers = records.map(({ SequenceNumber }) => SequenceNumber);
      expect(numbers).toEqual(numbers.toSorted());
      for (const client of clients) {
        const own = keysOf(records).filter((key) => key.startsWith(`${client}/`));
        expect(own, `of client ${client}`).toEqual(own.toSorted());
      }
    }
  });

  it.each([
    ['malformed', { PartitionKey: 'k' }, 'ValidationException'],
    ['not base64', { PartitionKey: 'k', Data: 'A' }, 'SerializationException'],
    ['too large', { PartitionKey: 'k', Data: 'AAAA'.repeat(349_526) }, 'ValidationException'],
    ['out of range', { PartitionKey: 'k', Data: '', ExplicitHashKey: `${2n ** 128n}` }, 'InvalidArgumentException'],
  ])('of several records are refused as a whole when one is %s, and nothing is stored', async (_title, bad, code) => {
    const good = { PartitionKey: 'k', Data: 'AAAA' };
    const { status, body } = await server.call('PutRecords', { StreamName: 's', Records: [good, bad, good] });
    expect([status, body.__type]).toEqual([400, code]);
    expect(await recordsIn(0)).toEqual([]);
  });

  it('beyond the throughput fail record by record, with the account, stream and shard in the text', async () => {
    await start(1, { QUOTAS: 'current' });
    const Records = Array.from({ length: 400 }, () => ({ PartitionKey: 'k', Data: '' }));
    const answers = [];
    while (answers.length < 3) answers.push(await server.ok('PutRecords', { StreamName: 's', Records }));
    expect(answers.map(({ FailedRecordCount }) => FailedRecordCount)).toEqual([0, 0, 200]);
    const ErrorMessage = `Rate exceeded for shard ${id(0)} in stream s ${UNDER}.`;
    expect(answers[2].Records[200]).toEqual({ ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage });
  });

  it('get numbers of 56 digits that go on after a restart, also in a shard that was emptied', async () => {
    const { SequenceNumber: first } = await put('k');
    server.clock.advance(DAY_MS);
    expect(await server.runJob('sweep')).toBe(1);
    await server.restart();
    const { SequenceNumber: second } = await put('k');
    const lengthAndIndex = (number: string) => `${number.length} ${parseSequenceNumber(number)?.index}`;
    expect([first, second].map(lengthAndIndex)).toEqual(['56 1', '56 2']);
  });

  it('into a stream that was re-created within a second get higher numbers, and the old ones do not fit', async () => {
    server = await startTestServer({ settings: AT_ONCE });
    const create = () => server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    await create();
    const { SequenceNumber: old } = await put('k');
    await server.ok('DeleteStream', { StreamName: 's' });
    await create();
    expect(BigInt((await put('k')).SequenceNumber) > BigInt(old)).toBe(true);
    const iterator = iteratorOf('AT_SEQUENCE_NUMBER', { StartingSequenceNumber: old });
    await expect(iterator).rejects.toThrow('is invalid because it did not come from this stream."');
  });
});

describe('listings', () => {
  it('of shards and of tags keep to the Limit and leave out the item after which they start', async () => {
    await start(3);
    const page = async (ExclusiveStartShardId?: string) => {
      const { Shards, HasMoreShards } = await describeStream({ Limit: 2, ExclusiveStartShardId });
      return `${Shards.map(({ ShardId }: ListedShard) => ShardId)} ${HasMoreShards}`;
    };
    expect([await page(), await page(id(1))]).toEqual([`${id(0)},${id(1)} true`, `${id(2)} false`]);
    await server.ok('AddTagsToStream', { StreamName: 's', Tags: { a: '', b: '', c: '' } });
    const next = await server.ok('ListTagsForStream', { StreamName: 's', ExclusiveStartTagKey: 'a', Limit: 1 });
    expect(next).toEqual({ Tags: [{ Key: 'b', Value: '' }], HasMoreTags: true });
  });

  it('of streams show those that come and go, and have a token exactly when there are more', async () => {
    await server.ok('CreateStream', { StreamName: 'coming', ShardCount: 1 });
    await server.ok('DeleteStream', { StreamName: 's' });
    const first = await server.ok('ListStreams', { Limit: 1 });
    const last = await server.ok('ListStreams', { Limit: 1, NextToken: first.NextToken });
    expect([first.HasMoreStreams, last.HasMoreStreams, 'NextToken' in last]).toEqual([true, false, false]);
    expect(first.StreamSummaries[0]).toMatchObject({ StreamName: 'coming', StreamStatus: 'CREATING' });
    expect(last.StreamSummaries[0]).toMatchObject({ StreamName: 's', StreamStatus: 'DELETING' });
  });

  it('of nothing are empty lists, not absent', async () => {
    server = await startTestServer();
    expect(await server.ok('ListStreams', {})).toEqual({ StreamNames: [], HasMoreStreams: false, StreamSummaries: [] });
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    expect(await describeStream()).toMatchObject({ Shards: [], EnhancedMonitoring: [{ ShardLevelMetrics: [] }] });
    expect(await server.ok('ListTagsForStream', { StreamName: 's' })).toEqual({ Tags: [], HasMoreTags: false });
    server.clock.advance(500);
    expect((await read(await iteratorOf('LATEST'))).Records).toEqual([]);
  });
});

describe('a request', () => {
  it('means the account and region that signed it; a name and an ARN may stand together', async () => {
    const caller = { account: '123456789012', region: 'eu-west-1' };
    await server.createStream('t', 1, caller);
    const StreamARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/t';
    expect(await describeStream({ StreamName: 't', StreamARN })).toMatchObject({ StreamARN });
    const { body } = await server.call('DescribeStream', { StreamName: 's' }, caller);
    expect(body.message).toBe('Stream s under account 123456789012 not found.');
  });

  it('is checked in the order types, rules, shard id, stream, state, shard; each has its own text', async () => {
    const ask = async (StreamName: unknown, ShardId: unknown) => {
      const { body } = await server.call('GetShardIterator', { StreamName, ShardId, ShardIteratorType: 'LATEST' });
      return `${body.__type} ${body.message ?? body.Message}`;
    };
    expect(await ask('#', 7)).toMatch(/^SerializationException class .*Number can not be converted to an String$/);
    expect(await ask('#', 'x-y')).toMatch(/^ValidationException 1 validation error detected: Value '#' at 'streamN/);
    const notFound = 'ResourceNotFoundException';
    expect(await ask('none', 'x-y')).toBe(`${notFound} Could not find shard x-y in stream none ${UNDER}.`);
    expect(await ask('none', 'x-9')).toBe(`${notFound} Shard ${id(9)} in stream none ${UNDER} does not exist`);
    expect(await ask('s', 'x-9')).toBe(`${notFound} Shard ${id(9)} in stream s ${UNDER} does not exist`);
    expect((await split(9)).body.message).toBe(`Could not find shard ${id(9)} in stream s ${UNDER}.`);
    await split(0);
    expect((await split(9)).body.message).toBe(`Stream s ${UNDER} not ACTIVE, instead in state UPDATING`);
  });

  it('is answered without EncryptionType where nothing is encrypted, but for descriptions, which say NONE', async () => {
    const answers = [await put('k')];
    const Records = [{ PartitionKey: 'k', Data: '' }];
    answers.push(await server.ok('PutRecords', { StreamName: 's', Records }), ...(await recordsIn(0)));
    expect(JSON.stringify(answers)).not.toContain('EncryptionType');
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
    const descriptions = [await describeStream(), StreamDescriptionSummary];
    expect(descriptions.map(({ EncryptionType }) => EncryptionType)).toEqual(['NONE', 'NONE']);
  });

  it('has its numbers cut off and clamped to 32 bits; the text of a wrong type, and only that, is Message', async () => {
    const ask = async (Limit: unknown) => (await server.call('ListStreams', { Limit })).body;
    expect((await ask(1.9)).StreamNames).toEqual(['s']);
    expect((await ask(1e12)).message).toContain(": Value '2147483647' at 'limit' failed to satisfy constraint: ");
    expect((await ask('2')).Message).toBe('class java.lang.String can not be converted to an Integer');
  });

  it('may come in chunks after 100 Continue, over a connection that survived an error and a body too large', async () => {
    const agent = oneConnection();
    const large = { headers: awsHeaders('PutRecord'), body: Buffer.alloc(16 * 1024 * 1024 + 1, ' ') };
    const answers = [await askHttp1(server.url, awsQuestion('PutRecord', {}), agent)];
    answers.push(await askHttp1(server.url, large, agent));
    const headers = { ...awsHeaders('PutRecord'), Expect: '100-continue', 'Transfer-Encoding': 'chunked' };
    const request = http.request(server.url, { method: 'POST', headers, agent });
    request.once('continue', () => {
      for (const part of ['{"StreamName":"s","Data":"",', '"PartitionKey":"k"}']) request.write(part);
      request.end();
    });
    request.flushHeaders();
    answers.push(await answerOf((await once(request, 'response'))[0]));
    expect(answers.map(({ status }) => status)).toEqual([400, 413, 200]);
    expect(new Set(answers.map(({ clientPort }) => clientPort)).size, 'the connection was closed').toBe(1);
    expect(keysOf(await recordsIn(0))).toEqual(['k']);
  });
});

// To come with their operations: ShardFilter, paging, StreamName with StreamARN of ListShards; lineage, rounding and open
// shards only in UpdateShardCount; retention set to the same value, longer, shorter; ARNs, EnforceConsumerDeletion and
// SubscribeToShard of consumers; CBOR and its timestamps.
