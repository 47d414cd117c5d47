/** S-030 to S-053: CreateStream, DeleteStream and what a shard can do. `relaxed` only counts what exceeds a rate. */
import { expect } from 'vitest';
import type { Profile } from '../../src/quotas.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { type Subject, throttleCount } from '../support/metrics.ts';
import type { CallOptions, TestServer } from '../support/server.ts';
import { type Check, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const TRANSITION_MS = 500;
const ACCOUNT = '000000000000';
const SHARD = 'shardId-000000000000';
const OTHER_SHARD = 'shardId-000000000001';
const HALF = (1n << 127n).toString();
const FIVE = ['a', 'b', 'c', 'd', 'e'];

/** The ARN of the stream `s` of such a caller. */
const arnFor = ({ account = ACCOUNT, region = 'us-east-1' }: CallOptions) =>
  `arn:aws:kinesis:${region}:${account}:stream/s`;

const create = (server: TestServer, StreamName: string, ShardCount = 1) =>
  server.call('CreateStream', { StreamName, ShardCount });
const remove = (server: TestServer) => server.call('DeleteStream', { StreamName: 's' });
const describeStream = async (server: TestServer, StreamName = 's') =>
  (await server.ok('DescribeStream', { StreamName })).StreamDescription;
/** A record for the stream `s`; unless `more` says otherwise, for the first of its shards. */
const recordWith = (more: object = {}) => ({ PartitionKey: 'k', Data: '', ExplicitHashKey: '0', ...more });

/** Puts `count` such records; all must be taken. */
async function putAll(server: TestServer, record: object, count: number): Promise<void> {
  const answer = await server.ok('PutRecords', { StreamName: 's', Records: new Array(count).fill(record) });
  expect(answer.FailedRecordCount).toBe(0);
}

const describeSummary = async (server: TestServer, options?: CallOptions) =>
  (await server.ok('DescribeStreamSummary', { StreamName: 's' }, options)).StreamDescriptionSummary;

/** The state of the stream `s`, or why it has none. */
async function stateOf(server: TestServer): Promise<string> {
  const { body } = await server.call('DescribeStream', { StreamName: 's' });
  return body.StreamDescription?.StreamStatus ?? body.__type;
}

/** The states of the stream `s`: now, just before the end of a transition that begins now, and at its end. */
async function statesOfTransition(server: TestServer): Promise<string[]> {
  const first = await stateOf(server);
  server.clock.advance(TRANSITION_MS - 1);
  const last = await stateOf(server);
  server.clock.advance(1);
  return [first, last, await stateOf(server)];
}

const refusal = (type: string, message: string) => ({ __type: type, message });
const NOT_FOUND = 'ResourceNotFoundException';
const STREAM_NOT_FOUND = refusal(NOT_FOUND, `Stream s under account ${ACCOUNT} not found.`);
const SHARD_DOES_NOT_EXIST = refusal(NOT_FOUND, `Shard ${SHARD} in stream s under account ${ACCOUNT} does not exist`);
const NOT_NULL = 'failed to satisfy constraint: Member must not be null';
const missing = (member: string) =>
  refusal('ValidationException', `1 validation error detected: Value null at '${member}' ${NOT_NULL}`);

/** Whose rate it is: as the metrics label it, and as AWS refuses what exceeds it. */
interface RateSubject {
  readonly counted: Subject;
  readonly refused: ReturnType<typeof refusal>;
}

const PER_ACCOUNT: RateSubject = {
  counted: {},
  refused: refusal('LimitExceededException', `Rate exceeded for account ${ACCOUNT}.`),
};
const PER_SHARD: RateSubject = {
  counted: { stream: 's', shard: SHARD },
  refused: refusal(
    'ProvisionedThroughputExceededException',
    `Rate exceeded for shard ${SHARD} in stream s under account ${ACCOUNT}.`,
  ),
};

interface Rate {
  readonly operation: string;
  readonly subject: RateSubject;
  /** A call that the rate has no room for; each attempt needs another where a call cannot be repeated. */
  readonly input: (attempt: number) => object;
  /** A call with a rate of its own. */
  readonly elsewhere: readonly [input: object, options?: CallOptions];
}

/** The rate has been used up at this instant: for the rest of the second what exceeds it is counted, and may be refused. */
async function expectUsedUp(server: TestServer, profile: Profile, { operation, subject, input, elsewhere }: Rate) {
  const counted = () => throttleCount(server, operation, subject.counted);
  expect(await counted(), 'all until now was within the rate').toBe(0);
  for (const [attempt, passMs] of [0, SECOND_MS - 1].entries()) {
    server.clock.advance(passMs);
    const { status, body } = await server.call(operation, input(attempt));
    if (profile === 'relaxed') expect(status, 'relaxed refuses nothing').toBe(200);
    else expect([status, body]).toEqual([400, subject.refused]);
    expect(await counted(), `after ${attempt + 1} beyond the rate`).toBe(attempt + 1);
  }
  await server.ok(operation, ...elsewhere);
  server.clock.advance(1);
  await server.ok(operation, input(2));
  expect(await counted(), 'the next second has room').toBe(2);
}

statement('S-030', 'CreateStream requires StreamName and ShardCount, an integer', {
  documented: async (server) => {
    expect((await server.call('CreateStream', { StreamName: 's' })).body).toEqual(missing('shardCount'));
    expect((await server.call('CreateStream', { ShardCount: 1 })).body).toEqual(missing('streamName'));
    const { body } = await server.call('CreateStream', { StreamName: 's', ShardCount: '1' });
    expect(body.Message).toBe('class java.lang.String can not be converted to an Integer');
    expect((await create(server, 's')).status).toBe(200);
  },
  otherwise: [
    'CreateStream requires StreamName; without ShardCount the stream is on demand and gets four shards',
    async (server) => {
      expect((await server.call('CreateStream', { ShardCount: 1 })).body).toEqual(missing('streamName'));
      await server.ok('CreateStream', { StreamName: 's' });
      server.clock.advance(TRANSITION_MS);
      expect(await describeSummary(server)).toMatchObject({ OpenShardCount: 4 });
    },
  ],
});

statement('S-031', 'a stream has as many shards as the caller asked for', async (server) => {
  for (const count of [1, 2, 7]) {
    await server.createStream(`of${count}`, count);
    const ids = Array.from({ length: count }, (_, index) => ({ ShardId: `shardId-00000000000${index}` }));
    expect((await describeStream(server, `of${count}`)).Shards).toMatchObject(ids);
  }
});

/** 32 of them are a mebibyte, the partition key included. */
const RECORD = recordWith({ Data: Buffer.alloc(32 * 1024 - 1, 'record').toString('base64') });
const RECORDS_PER_MIB = 32;

/** A rate of writes to the first of two shards. */
const WRITES: Rate = {
  operation: 'PutRecord',
  subject: PER_SHARD,
  input: () => ({ StreamName: 's', ...recordWith() }),
  elsewhere: [{ StreamName: 's', ...recordWith({ ExplicitHashKey: HALF }) }],
};

/** A rate of reads, of which `ShardIterator` is the next, of the first of two shards. */
const readsFrom = async (server: TestServer, ShardIterator: string): Promise<Rate> => ({
  operation: 'GetRecords',
  subject: PER_SHARD,
  input: () => ({ ShardIterator }),
  elsewhere: [{ ShardIterator: await shardIterator(server, 's', 'LATEST', { ShardId: OTHER_SHARD }) }],
});

statement('S-032', 'an open shard gives 5 reads per second', async (server, profile) => {
  await server.createStream('s', 2);
  const iterator = await shardIterator(server, 's', 'LATEST');
  for (let call = 0; call < 5; call += 1) await server.ok('GetRecords', { ShardIterator: iterator });
  await expectUsedUp(server, profile, await readsFrom(server, iterator));
});

statement('S-033', 'an open shard gives 2 MB per second in total', async (server, profile) => {
  await server.createStream('s', 2);
  await putAll(server, RECORD, RECORDS_PER_MIB);
  const iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  // Both read the same mebibyte: what counts is what leaves the shard.
  for (let read = 0; read < 2; read += 1) {
    const { Records } = await server.ok('GetRecords', { ShardIterator: iterator, Limit: RECORDS_PER_MIB });
    expect(Records, 'a mebibyte').toHaveLength(RECORDS_PER_MIB);
  }
  await expectUsedUp(server, profile, await readsFrom(server, iterator));
});

statement('S-034', 'a shard takes 1000 records per second', async (server, profile) => {
  await server.createStream('s', 2);
  for (let half = 0; half < 2; half += 1) await putAll(server, recordWith(), 500);
  await expectUsedUp(server, profile, WRITES);
});

statement('S-035', 'a shard takes 1 MB per second in total', async (server, profile) => {
  await server.createStream('s', 2);
  await putAll(server, RECORD, RECORDS_PER_MIB);
  await expectUsedUp(server, profile, WRITES);
});

statement('S-036', 'shards can be added and removed later', async (server) => {
  await server.createStream('s');
  await server.ok('SplitShard', { StreamName: 's', ShardToSplit: SHARD, NewStartingHashKey: HALF });
  server.clock.advance(TRANSITION_MS);
  expect(await describeSummary(server), 'after a split').toMatchObject({ OpenShardCount: 2 });
  const merged = { ShardToMerge: OTHER_SHARD, AdjacentShardToMerge: 'shardId-000000000002' };
  await server.ok('MergeShards', { StreamName: 's', ...merged });
  server.clock.advance(TRANSITION_MS);
  expect(await describeSummary(server), 'after a merge').toMatchObject({ OpenShardCount: 1 });
});

/** The name `s` means another stream for `others`; what happens to one does not touch the other. */
const isAnotherStreamFor =
  (others: CallOptions): Check =>
  async (server) => {
    await server.createStream('s', 1);
    await server.createStream('s', 2, others);
    const [own, other] = [await describeSummary(server), await describeSummary(server, others)];
    expect(own).toMatchObject({ StreamARN: arnFor({}), OpenShardCount: 1 });
    expect(other).toMatchObject({ StreamARN: arnFor(others), OpenShardCount: 2 });
    await remove(server);
    server.clock.advance(TRANSITION_MS);
    expect(await stateOf(server)).toBe(NOT_FOUND);
    expect(await describeSummary(server, others), 'the other is as it was').toEqual(other);
  };

statement('S-037', 'two accounts may hold the same name', isAnotherStreamFor({ account: '123456789012' }));

statement('S-038', 'one account may hold the same name in two regions', isAnotherStreamFor({ region: 'eu-west-1' }));

statement('S-039', 'CreateStream returns at once with the stream in CREATING', async (server) => {
  const answer = await create(server, 's');
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(await stateOf(server), 'before any time has passed').toBe('CREATING');
});

statement('S-040', 'when it is done the status is ACTIVE', async (server) => {
  await create(server, 's');
  expect(await statesOfTransition(server)).toEqual(['CREATING', 'CREATING', 'ACTIVE']);
});

statement('S-041', 'reads and writes are meant for ACTIVE streams only', async (server) => {
  await create(server, 's');
  const operations = [
    ['PutRecord', recordWith(), STREAM_NOT_FOUND],
    ['PutRecords', { Records: [recordWith()] }, STREAM_NOT_FOUND],
    ['GetShardIterator', { ShardId: SHARD, ShardIteratorType: 'LATEST' }, SHARD_DOES_NOT_EXIST],
  ] as const;
  for (const [operation, input, refusal] of operations) {
    expect((await server.call(operation, { StreamName: 's', ...input })).body, operation).toEqual(refusal);
  }
  server.clock.advance(TRANSITION_MS);
  for (const [operation, input] of operations) await server.ok(operation, { StreamName: 's', ...input });
  expect(await readShard(server, 's', SHARD), 'only what was put while ACTIVE').toHaveLength(2);
});

statement(
  'S-042',
  'more than five streams in CREATING at a time are refused (relaxed: allowed)',
  async (server, profile) => {
    for (const name of FIVE) expect((await create(server, name)).status, name).toBe(200);
    // So that the rate of calls is no reason to refuse the sixth.
    server.clock.advance(SECOND_MS);
    const { status, body } = await create(server, 'f');
    if (profile === 'relaxed') return expect(status).toBe(200);
    const message =
      'This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or ' +
      `DELETING for the account ${ACCOUNT}. Limit: 5.`;
    expect([status, body]).toEqual([400, refusal('LimitExceededException', message)]);
    server.clock.advance(SECOND_MS);
    expect((await create(server, 'f')).status, 'when the five are ACTIVE').toBe(200);
  },
  { TRANSITION_MS: String(2 * SECOND_MS) },
);

/** An account has `limit` shards and no more. */
const hasAtMost =
  (limit: number, hint = ''): Check =>
  async (server) => {
    await server.createStream('s');
    const message =
      `This request would exceed the shard limit for the account ${ACCOUNT} in us-east-1. Current shard count for the ` +
      `account: 1. Limit: ${limit}. Number of additional shards that would have resulted from this request: ${limit}. ` +
      'Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for ' +
      `current limits and how to request higher limits.${hint}`;
    expect((await create(server, 'large', limit)).body).toEqual(refusal('LimitExceededException', message));
    expect((await create(server, 'large', limit - 1)).status, 'up to the limit').toBe(200);
    expect((await create(server, 'more')).body.__type, 'one more').toBe('LimitExceededException');
  };

statement('S-043', 'more shards than the account is authorised for are refused (10)', {
  documented: hasAtMost(10, ' (quota shards of QUOTAS=documented)'),
  otherwise: ['more than 20,000 shards are refused', hasAtMost(20_000)],
});

statement('S-044', 'the status can be read as StreamStatus of DescribeStream', async (server) => {
  await create(server, 's');
  expect((await describeStream(server)).StreamStatus).toBe('CREATING');
  server.clock.advance(TRANSITION_MS);
  expect((await describeStream(server)).StreamStatus).toBe('ACTIVE');
});

/** An account may call `operation`, which takes the name of a stream and `more`, five times a second. */
const fivePerSecond =
  (operation: string, more: object = {}): Check =>
  async (server, profile) => {
    const input = (StreamName: string) => ({ StreamName, ...more });
    for (const name of FIVE) await server.ok(operation, input(name));
    await expectUsedUp(server, profile, {
      operation,
      subject: PER_ACCOUNT,
      input: (attempt) => input(`more${attempt}`),
      elsewhere: [input('elsewhere'), { account: '123456789012' }],
    });
  };

statement('S-045', 'CreateStream: 5 calls per second and account', fivePerSecond('CreateStream', { ShardCount: 1 }));

/** Deletes a stream as `reference` names it; then it, its shards and its data are gone. */
const removesAll = async (server: TestServer, reference: object) => {
  await server.createStream('s', 10);
  await putAll(server, recordWith(), 1);
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  await server.ok('DeleteStream', reference);
  server.clock.advance(TRANSITION_MS);
  expect((await server.ok('ListStreams', {})).StreamNames).toEqual([]);
  const read = async () => (await server.call('GetRecords', { ShardIterator })).body;
  expect(await read(), 'the data is gone').toEqual(SHARD_DOES_NOT_EXIST);
  // All shards of the documented limit: those of the deleted stream do not count any more.
  await server.createStream('s', 10);
  expect(await readShard(server, 's', SHARD), 'a new stream of the name is empty').toEqual([]);
  expect(await read(), 'and is not what the old iterator means').toEqual(SHARD_DOES_NOT_EXIST);
};

statement('S-046', 'DeleteStream requires StreamName; it removes the stream, its shards and its data', {
  documented: async (server) => {
    expect((await server.call('DeleteStream', { StreamARN: arnFor({}) })).body).toEqual(missing('streamName'));
    await removesAll(server, { StreamName: 's' });
  },
  otherwise: [
    'DeleteStream requires StreamName or StreamARN; it removes the stream, its shards and its data',
    async (server) => {
      expect((await server.call('DeleteStream', {})).body.__type).toBe('InvalidArgumentException');
      await removesAll(server, { StreamARN: arnFor({}) });
    },
  ],
});

statement('S-047', 'operations on a deleted stream get ResourceNotFoundException', async (server) => {
  await server.createStream('s');
  const ShardIterator = await shardIterator(server, 's', 'LATEST');
  await remove(server);
  server.clock.advance(SECOND_MS);
  const inputs = {
    AddTagsToStream: { Tags: { a: '1' } },
    DeleteStream: {},
    DescribeStream: {},
    DescribeStreamSummary: {},
    ListTagsForStream: {},
    MergeShards: { ShardToMerge: SHARD, AdjacentShardToMerge: OTHER_SHARD },
    PutRecord: recordWith(),
    PutRecords: { Records: [recordWith()] },
    RemoveTagsFromStream: { TagKeys: ['a'] },
    SplitShard: { ShardToSplit: SHARD, NewStartingHashKey: HALF },
  };
  for (const [operation, input] of Object.entries(inputs)) {
    const { status, body } = await server.call(operation, { StreamName: 's', ...input });
    expect([status, body], operation).toEqual([400, STREAM_NOT_FOUND]);
  }
  await expect(shardIterator(server, 's', 'LATEST')).rejects.toThrow(JSON.stringify(SHARD_DOES_NOT_EXIST));
  expect((await server.call('GetRecords', { ShardIterator })).body).toEqual(SHARD_DOES_NOT_EXIST);
});

statement('S-048', 'an ACTIVE stream can be deleted', async (server) => {
  await server.createStream('s');
  expect(await stateOf(server)).toBe('ACTIVE');
  const answer = await remove(server);
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(await stateOf(server)).toBe('DELETING');
});

statement('S-049', 'after DeleteStream the status is DELETING until it is complete', async (server) => {
  await server.createStream('s');
  await remove(server);
  expect(await statesOfTransition(server)).toEqual(['DELETING', 'DELETING', NOT_FOUND]);
});

statement('S-050', 'while DELETING, PutRecord, PutRecords and GetRecords are still accepted', async (server) => {
  await server.createStream('s');
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  await remove(server);
  await server.ok('PutRecord', { StreamName: 's', ...recordWith({ PartitionKey: 'single' }) });
  await putAll(server, recordWith({ PartitionKey: 'batch' }), 1);
  const { Records } = await server.ok('GetRecords', { ShardIterator });
  expect(Records.map(({ PartitionKey }: typeof RECORD) => PartitionKey)).toEqual(['single', 'batch']);
  expect(await stateOf(server)).toBe('DELETING');
});

statement('S-051', 'deletion removes the shards and dissociates the tags', async (server) => {
  await server.createStream('s', 3);
  await server.ok('AddTagsToStream', { StreamName: 's', Tags: { a: '1', b: '2' } });
  await remove(server);
  server.clock.advance(TRANSITION_MS);
  await server.createStream('s', 1);
  expect((await describeStream(server)).Shards, 'none of the former').toMatchObject([{ ShardId: SHARD }]);
  expect(await server.ok('ListTagsForStream', { StreamName: 's' })).toEqual({ Tags: [], HasMoreTags: false });
});

statement('S-052', 'DescribeStream shows the state during deletion', async (server) => {
  await server.createStream('s', 2);
  const before = await describeStream(server);
  await remove(server);
  server.clock.advance(TRANSITION_MS - 1);
  expect(await describeStream(server)).toEqual({ ...before, StreamStatus: 'DELETING' });
});

statement('S-053', 'DeleteStream: 5 calls per second and account', async (server, profile) => {
  for (const name of [...FIVE, 'more0', 'more1', 'more2']) await server.createStream(name);
  await server.createStream('elsewhere', 1, { account: '123456789012' });
  await fivePerSecond('DeleteStream')(server, profile);
});
