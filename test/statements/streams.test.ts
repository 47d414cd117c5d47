/**
 * S-030 to S-053: CreateStream and DeleteStream, and what a shard can take and give. What exceeds a rate is refused in
 * `documented` and `current`, only counted in `relaxed`.
 */
import { expect } from 'vitest';
import type { Profile } from '../../src/quotas.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import type { CallOptions, TestServer } from '../support/server.ts';
import { type Check, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const TRANSITION_MS = 500;
const ACCOUNT = '000000000000';
const ARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/s`;
const SHARD = 'shardId-000000000000';
const OTHER_SHARD = 'shardId-000000000001';
const HALF = (1n << 127n).toString();

const create = (server: TestServer, StreamName: string, ShardCount = 1, options?: CallOptions) =>
  server.call('CreateStream', { StreamName, ShardCount }, options);
const remove = (server: TestServer) => server.call('DeleteStream', { StreamName: 's' });
const describeStream = async (server: TestServer) =>
  (await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription;
const put = (server: TestServer, PartitionKey = 'k', more: object = {}) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '', ...more });

async function openShards(server: TestServer, options?: CallOptions): Promise<number> {
  return (await server.ok('DescribeStreamSummary', { StreamName: 's' }, options)).StreamDescriptionSummary
    .OpenShardCount;
}

/** The state of the stream `s`; `gone` when there is none. */
async function stateOf(server: TestServer): Promise<string> {
  const { status, body } = await server.call('DescribeStream', { StreamName: 's' });
  if (status === 200) return body.StreamDescription.StreamStatus;
  expect(body).toEqual(STREAM_NOT_FOUND);
  return 'gone';
}

/** The states of the stream `s`: now, just before a transition that begins now ends, and at its end. */
async function statesOfTransition(server: TestServer): Promise<string[]> {
  const states = [await stateOf(server)];
  server.clock.advance(TRANSITION_MS - 1);
  states.push(await stateOf(server));
  server.clock.advance(1);
  return [...states, await stateOf(server)];
}

const STREAM_NOT_FOUND = {
  __type: 'ResourceNotFoundException',
  message: `Stream s under account ${ACCOUNT} not found.`,
};
const SHARD_DOES_NOT_EXIST = {
  __type: 'ResourceNotFoundException',
  message: `Shard ${SHARD} in stream s under account ${ACCOUNT} does not exist`,
};
const invalid = (constraint: string) => ({
  __type: 'ValidationException',
  message: `1 validation error detected: Value ${constraint}`,
});
const missing = (member: string) =>
  invalid(`null at '${member}' failed to satisfy constraint: Member must not be null`);

interface Rate {
  readonly operation: string;
  readonly of: 'shard' | 'account';
  /** A call that the rate has no room for; each attempt needs another where a call cannot be repeated. */
  readonly input: (attempt: number) => object;
  /** A call with a rate of its own. */
  readonly elsewhere: readonly [input: object, options?: CallOptions];
}

/** The rate has been used up at this instant: for the rest of the second what exceeds it is counted, and may be refused. */
async function expectUsedUp(server: TestServer, profile: Profile, { operation, of, input, elsewhere }: Rate) {
  const subject = of === 'shard' ? `,stream="s",shard="${SHARD}"` : '';
  const meter = `millrace_throttled_total{target="Kinesis_20131202.${operation}",account="${ACCOUNT}",region="us-east-1"${subject}} `;
  const counted = async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const line = metrics.split('\n').find((candidate) => candidate.startsWith(meter));
    return line === undefined ? 0 : Number(line.slice(meter.length));
  };
  const refusal =
    of === 'shard'
      ? ['ProvisionedThroughputExceededException', `shard ${SHARD} in stream s under account ${ACCOUNT}`]
      : ['LimitExceededException', `account ${ACCOUNT}`];

  expect(await counted(), 'all until now was within the rate').toBe(0);
  for (const [attempt, passMs] of [0, SECOND_MS - 1].entries()) {
    server.clock.advance(passMs);
    const { status, body } = await server.call(operation, input(attempt));
    if (profile === 'relaxed') expect(status, 'relaxed refuses nothing').toBe(200);
    else expect([status, body]).toEqual([400, { __type: refusal[0], message: `Rate exceeded for ${refusal[1]}.` }]);
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
    expect((await server.call('CreateStream', { StreamName: 's', ShardCount: '1' })).body).toEqual({
      __type: 'SerializationException',
      Message: 'class java.lang.String can not be converted to an Integer',
    });
    expect((await create(server, 's', 0)).body).toEqual(
      invalid("'0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    );
    expect((await create(server, 's')).status).toBe(200);
  },
  otherwise: [
    'CreateStream requires StreamName; without ShardCount the stream is on demand and gets four shards',
    async (server) => {
      expect((await server.call('CreateStream', { ShardCount: 1 })).body).toEqual(missing('streamName'));
      await server.ok('CreateStream', { StreamName: 's' });
      server.clock.advance(TRANSITION_MS);
      expect(await openShards(server)).toBe(4);
    },
  ],
});

statement('S-031', 'a stream has as many shards as the caller asked for', async (server) => {
  for (const count of [1, 2, 7]) {
    await server.createStream(`of${count}`, count);
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName: `of${count}` });
    const ids = StreamDescription.Shards.map(({ ShardId }: { ShardId: string }) => ShardId);
    expect(ids).toEqual(Array.from({ length: count }, (_, index) => `shardId-00000000000${index}`));
  }
});

const HASH_OF_OTHER_SHARD = { ExplicitHashKey: HALF };
const HASH_OF_SHARD = { ExplicitHashKey: '0' };

/** 32 of them are a mebibyte, the partition key included. */
const RECORD = { PartitionKey: 'k', Data: Buffer.alloc(32 * 1024 - 1, 'record').toString('base64'), ...HASH_OF_SHARD };
const RECORDS_PER_MIB = 32;

async function putAll(server: TestServer, record: object, count: number): Promise<void> {
  const answer = await server.ok('PutRecords', { StreamName: 's', Records: new Array(count).fill(record) });
  expect(answer.FailedRecordCount).toBe(0);
}

/** A rate of writes to the first of two shards. */
const WRITES: Rate = {
  operation: 'PutRecord',
  of: 'shard',
  input: () => ({ StreamName: 's', PartitionKey: 'k', Data: '', ...HASH_OF_SHARD }),
  elsewhere: [{ StreamName: 's', PartitionKey: 'k', Data: '', ...HASH_OF_OTHER_SHARD }],
};

/** A rate of reads, of which `ShardIterator` is the next, of the first of two shards. */
const readsFrom = async (server: TestServer, ShardIterator: string): Promise<Rate> => ({
  operation: 'GetRecords',
  of: 'shard',
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
  for (let mebibyte = 0; mebibyte < 3; mebibyte += 1) {
    await putAll(server, RECORD, RECORDS_PER_MIB);
    server.clock.advance(SECOND_MS);
  }
  const [first, second] = [
    await shardIterator(server, 's', 'TRIM_HORIZON'),
    await shardIterator(server, 's', 'TRIM_HORIZON'),
  ];
  for (const ShardIterator of [first, second]) {
    const { Records } = await server.ok('GetRecords', { ShardIterator, Limit: RECORDS_PER_MIB });
    expect(Records, 'a mebibyte').toHaveLength(RECORDS_PER_MIB);
  }
  await expectUsedUp(server, profile, await readsFrom(server, first));
});

statement('S-034', 'a shard takes 1000 records per second', async (server, profile) => {
  await server.createStream('s', 2);
  for (let half = 0; half < 2; half += 1) await putAll(server, { PartitionKey: 'k', Data: '', ...HASH_OF_SHARD }, 500);
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
  expect(await openShards(server), 'after a split').toBe(2);
  const merged = { ShardToMerge: OTHER_SHARD, AdjacentShardToMerge: 'shardId-000000000002' };
  await server.ok('MergeShards', { StreamName: 's', ...merged });
  server.clock.advance(TRANSITION_MS);
  expect(await openShards(server), 'after a merge').toBe(1);
});

/** The name `s` means different streams for `here` and `there`; what happens to one does not touch the other. */
const isAnotherStream =
  (here: CallOptions, there: CallOptions, arns: readonly string[]): Check =>
  async (server) => {
    await server.createStream('s', 1, here);
    await server.createStream('s', 2, there);
    const record = { StreamName: 's', PartitionKey: 'of here', Data: '' };
    await server.ok('PutRecord', record, here);
    for (const [index, options] of [here, there].entries()) {
      const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' }, options);
      expect([StreamDescription.StreamARN, StreamDescription.Shards.length]).toEqual([arns[index], index + 1]);
      for (const { ShardId } of StreamDescription.Shards) {
        const start = { StreamName: 's', ShardId, ShardIteratorType: 'TRIM_HORIZON' };
        const { ShardIterator } = await server.ok('GetShardIterator', start, options);
        const { Records } = await server.ok('GetRecords', { ShardIterator }, options);
        expect(Records.map(({ PartitionKey }: typeof record) => PartitionKey)).toEqual(index === 0 ? ['of here'] : []);
      }
    }
    await server.ok('DeleteStream', { StreamName: 's' }, here);
    server.clock.advance(TRANSITION_MS);
    expect((await server.call('DescribeStream', { StreamName: 's' }, here)).status, 'deleted').toBe(400);
    expect(await openShards(server, there), 'not deleted').toBe(2);
  };

statement(
  'S-037',
  'two accounts may hold the same name',
  isAnotherStream({ account: '111111111111' }, { account: '222222222222' }, [
    'arn:aws:kinesis:us-east-1:111111111111:stream/s',
    'arn:aws:kinesis:us-east-1:222222222222:stream/s',
  ]),
);

statement(
  'S-038',
  'one account may hold the same name in two regions',
  isAnotherStream({ region: 'us-east-1' }, { region: 'eu-west-1' }, [ARN, ARN.replace('us-east-1', 'eu-west-1')]),
);

statement('S-039', 'CreateStream returns at once with the stream in CREATING', async (server) => {
  const answer = await create(server, 's');
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(await stateOf(server), 'before any time has passed').toBe('CREATING');
});

statement('S-040', 'when it is done the status is ACTIVE', async (server) => {
  await create(server, 's');
  expect(await statesOfTransition(server)).toEqual(['CREATING', 'CREATING', 'ACTIVE']);
  expect(await openShards(server)).toBe(1);
});

statement('S-041', 'reads and writes are meant for ACTIVE streams only', async (server) => {
  await create(server, 's');
  const record = { PartitionKey: 'k', Data: '' };
  const operations = [
    ['PutRecord', record, STREAM_NOT_FOUND],
    ['PutRecords', { Records: [record] }, STREAM_NOT_FOUND],
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
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(server, name);
    // So that the rate of calls is no reason to refuse the sixth.
    server.clock.advance(SECOND_MS);
    const { status, body } = await create(server, 'f');
    if (profile === 'relaxed') return expect(status).toBe(200);
    expect([status, body]).toEqual([
      400,
      {
        __type: 'LimitExceededException',
        message:
          'This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING ' +
          `or DELETING for the account ${ACCOUNT}. Limit: 5.`,
      },
    ]);
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
    expect((await create(server, 'large', limit)).body).toEqual({
      __type: 'LimitExceededException',
      message:
        `This request would exceed the shard limit for the account ${ACCOUNT} in us-east-1. Current shard count for ` +
        `the account: 1. Limit: ${limit}. Number of additional shards that would have resulted from this request: ` +
        `${limit}. Refer to the AWS Service Limits page ` +
        '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request ' +
        `higher limits.${hint}`,
    });
    expect((await server.ok('ListStreams', {})).StreamNames, 'nothing of it was created').toEqual(['s']);
    expect((await create(server, 'large', limit - 1)).status, 'up to the limit').toBe(200);
    expect((await create(server, 'more')).body.__type, 'one more').toBe('LimitExceededException');
  };

statement('S-043', 'more shards than the account is authorised for are refused (10)', {
  documented: hasAtMost(10, ' (quota shards of QUOTAS=documented)'),
  otherwise: ['more than 20,000 shards are refused', hasAtMost(20_000)],
});

statement('S-044', 'the status can be read as StreamStatus of DescribeStream', async (server) => {
  await create(server, 's');
  expect(await describeStream(server)).toMatchObject({ StreamName: 's', StreamStatus: 'CREATING' });
  server.clock.advance(TRANSITION_MS);
  expect(await describeStream(server)).toMatchObject({ StreamName: 's', StreamStatus: 'ACTIVE' });
  await remove(server);
  expect(await describeStream(server)).toMatchObject({ StreamName: 's', StreamStatus: 'DELETING' });
});

/** A rate of the control plane; `input` names a stream. */
const callsOf = (operation: string, input: (name: string) => object): Rate => ({
  operation,
  of: 'account',
  input: (attempt) => input(`more${attempt}`),
  elsewhere: [input('elsewhere'), { account: '123456789012' }],
});

statement('S-045', 'CreateStream: 5 calls per second and account', async (server, profile) => {
  const input = (StreamName: string) => ({ StreamName, ShardCount: 1 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await server.ok('CreateStream', input(name));
  await expectUsedUp(server, profile, callsOf('CreateStream', input));
});

/** Deletes a stream as `reference` names it; then it, its shards and its data are gone. */
const removesAll = async (server: TestServer, reference: object) => {
  await server.createStream('s', 10);
  const { ShardId } = await put(server);
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON', { ShardId });
  await server.ok('DeleteStream', reference);
  server.clock.advance(TRANSITION_MS);
  expect(await stateOf(server)).toBe('gone');
  expect((await server.ok('ListStreams', {})).StreamNames).toEqual([]);
  const read = async () => (await server.call('GetRecords', { ShardIterator })).body;
  const notFound = { ...SHARD_DOES_NOT_EXIST, message: SHARD_DOES_NOT_EXIST.message.replace(SHARD, ShardId) };
  expect(await read(), 'the data is gone').toEqual(notFound);
  // All shards of the documented limit: those of the deleted stream do not count any more.
  await server.createStream('s', 10);
  expect(await readShard(server, 's', ShardId), 'a new stream of the name is empty').toEqual([]);
  expect(await read(), 'and is not what the old iterator means').toEqual(notFound);
};

statement('S-046', 'DeleteStream requires StreamName; it removes the stream, its shards and its data', {
  documented: async (server) => {
    for (const unnamed of [{}, { StreamARN: ARN }]) {
      expect((await server.call('DeleteStream', unnamed)).body).toEqual(missing('streamName'));
    }
    await removesAll(server, { StreamName: 's' });
  },
  otherwise: [
    'DeleteStream requires StreamName or StreamARN; it removes the stream, its shards and its data',
    async (server) => {
      expect((await server.call('DeleteStream', {})).body.__type).toBe('InvalidArgumentException');
      await removesAll(server, { StreamARN: ARN });
    },
  ],
});

statement('S-047', 'operations on a deleted stream get ResourceNotFoundException', async (server) => {
  await server.createStream('s');
  const ShardIterator = await shardIterator(server, 's', 'LATEST');
  await remove(server);
  server.clock.advance(SECOND_MS);
  const record = { PartitionKey: 'k', Data: '' };
  const inputs = {
    AddTagsToStream: { Tags: { a: '1' } },
    DeleteStream: {},
    DescribeStream: {},
    DescribeStreamSummary: {},
    ListTagsForStream: {},
    MergeShards: { ShardToMerge: SHARD, AdjacentShardToMerge: OTHER_SHARD },
    PutRecord: record,
    PutRecords: { Records: [record] },
    RemoveTagsFromStream: { TagKeys: ['a'] },
    SplitShard: { ShardToSplit: SHARD, NewStartingHashKey: HALF },
  };
  for (const [operation, input] of Object.entries(inputs)) {
    const { status, body } = await server.call(operation, { StreamName: 's', ...input });
    expect([status, body], operation).toEqual([400, STREAM_NOT_FOUND]);
  }
  const start = { StreamName: 's', ShardId: SHARD, ShardIteratorType: 'LATEST' };
  expect((await server.call('GetShardIterator', start)).body).toEqual(SHARD_DOES_NOT_EXIST);
  expect((await server.call('GetRecords', { ShardIterator })).body).toEqual(SHARD_DOES_NOT_EXIST);
});

statement('S-048', 'an ACTIVE stream can be deleted', async (server) => {
  await server.createStream('s');
  expect(await stateOf(server)).toBe('ACTIVE');
  const answer = await remove(server);
  expect([answer.status, answer.text]).toEqual([200, '']);
  server.clock.advance(TRANSITION_MS);
  expect(await stateOf(server)).toBe('gone');
});

statement('S-049', 'after DeleteStream the status is DELETING until it is complete', async (server) => {
  await server.createStream('s');
  await remove(server);
  expect(await statesOfTransition(server)).toEqual(['DELETING', 'DELETING', 'gone']);
});

statement('S-050', 'while DELETING, PutRecord, PutRecords and GetRecords are still accepted', async (server) => {
  await server.createStream('s');
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  await remove(server);
  await put(server, 'single');
  await putAll(server, { PartitionKey: 'batch', Data: '' }, 1);
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
  const ids = (await describeStream(server)).Shards.map(({ ShardId }: { ShardId: string }) => ShardId);
  expect(ids, 'none of the former shards').toEqual([SHARD]);
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
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of [...names, 'more0', 'more1', 'more2']) await server.createStream(name);
  await server.createStream('elsewhere', 1, { account: '123456789012' });
  const input = (StreamName: string) => ({ StreamName });
  for (const name of names) await server.ok('DeleteStream', input(name));
  await expectUsedUp(server, profile, callsOf('DeleteStream', input));
});
