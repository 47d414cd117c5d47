/** Whatever is wrong with a request, the answer says it in AWS's words, and the data is as it was before. */
import { describe, expect, it } from 'vitest';
import { kinesis } from '../../src/kinesis/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { quotasOf } from '../../src/quotas.ts';
import { databaseRows } from '../support/database-rows.ts';
import { shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { badSamples, jsonOf, wrongTypeSamples } from '../support/shape-samples.ts';
import { itemsOf, pathsOf } from '../support/validation-items.ts';

const operations = [...kinesis.operations].map(([name, { input }]) => [name, input as StructureShape] as const);

/** A server with something that a bad request could damage. */
async function startWithData(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.createStream('a', 2);
  await server.ok('AddTagsToStream', { StreamName: 'a', Tags: { kept: 'value' } });
  const Records = ['k', 'l', 'm'].map((PartitionKey) => ({ PartitionKey, Data: 'AAAA' }));
  await server.ok('PutRecords', { StreamName: 'a', Records });
  return server;
}

// The rules of `current` are those of `relaxed`.
describe.each(['relaxed', 'documented'] as const)('with QUOTAS=%s', (profile) => {
  const quotas = quotasOf(profile);

  it('there is a bad input for every rule and type', () => {
    const withInput = operations.filter(([, shape]) => shape.members.length > 0);
    const counts = withInput.map(([name, shape]) => ({
      name,
      members: shape.members.length,
      wrongTypes: wrongTypeSamples(shape).length,
      badValues: badSamples(shape, quotas).length,
    }));
    expect(counts.length, 'operations without input are few').toBeGreaterThan(operations.length - 3);
    expect(
      counts.filter(({ members, wrongTypes, badValues }) => wrongTypes < 4 * members || badValues < members),
      'every member has four wrong types, and most have rules',
    ).toEqual([]);
    expect(counts.reduce((sum, { wrongTypes }) => sum + wrongTypes, 0)).toBeGreaterThan(150);
    expect(counts.reduce((sum, { badValues }) => sum + badValues, 0)).toBeGreaterThan(150);
  });

  it.each(operations)('%s names the wrong type or the broken rule, and changes no row', async (operation, shape) => {
    const server = await startWithData({ QUOTAS: profile });
    const before = databaseRows(server.directory);
    for (const { title, input, message, wire } of wrongTypeSamples(shape)) {
      const { status, body } = await server.call(operation, input as object, { wire });
      expect.soft([status, body], title).toEqual([400, { __type: 'SerializationException', Message: message }]);
    }
    for (const { title, input, item } of badSamples(shape, quotas)) {
      const { status, body } = await server.call(operation, jsonOf(shape, input) as object);
      expect
        .soft([status, body.__type, Object.keys(body)], title)
        .toEqual([400, 'ValidationException', ['__type', 'message']]);
      const items = itemsOf(body.message);
      expect.soft(items, title).toContain(item);
      expect.soft(new Set(pathsOf(items)).size, `${title}: nothing else is wrong with it`).toBe(1);
    }
    expect(databaseRows(server.directory)).toEqual(before);
  });
});

describe('a pattern is for the whole value', () => {
  const HASH = '0|([1-9]\\d{0,38})';
  const SEQUENCE = '0|([1-9]\\d{0,128})';
  const NAME = '[a-zA-Z0-9_.-]+';
  const ARN = 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+';

  it.each([
    ['ExplicitHashKey', HASH, ['', '00', '01', '-1', '+1', '1.0', '1e3', ' 1', '1 ', '0x1', '1'.repeat(40), '１']],
    ['SequenceNumberForOrdering', SEQUENCE, ['', '01', '-1', '5\n', '1'.repeat(130)]],
    ['StreamName', NAME, [' a', 'a/b', 'a b', 'a\n', 'ä', '😀', 'a:b']],
    ['StreamARN', ARN, ['a', 'arn:aws:kinesis:us-east-1:12345678901:stream/a', 'arn:aws:sqs:us-east-1:000000000000:a']],
  ])('%s', async (member, pattern, values) => {
    const server = await startTestServer();
    const path = member.charAt(0).toLowerCase() + member.slice(1);
    for (const value of values) {
      const input = { StreamName: 'a', PartitionKey: 'k', Data: '', [member]: value };
      const { body } = await server.call('PutRecord', input);
      expect.soft(body.__type, JSON.stringify(value)).toBe('ValidationException');
      expect
        .soft(itemsOf(body.message)[0])
        .toBe(
          `Value '${value}' at '${path}' failed to satisfy constraint: Member must satisfy regular expression pattern: ${pattern}`,
        );
    }
  });
});

describe('several broken rules', () => {
  const matches = (pattern: string) => ['#', `Member must satisfy regular expression pattern: ${pattern}`] as const;
  const tooSmall = [0, 'Member must have value greater than or equal to 1'] as const;
  const empty = (value: object | string) => [value, 'Member must have length greater than or equal to 1'] as const;
  const missing = [undefined, 'Member must not be null'] as const;
  const name = matches('[a-zA-Z0-9_.-]+');
  const hashKey = matches('0|([1-9]\\d{0,38})');
  const sequenceNumber = matches('0|([1-9]\\d{0,128})');
  const types = '[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]';
  const iteratorType = ['NEWEST', `Member must satisfy enum value set: ${types}`] as const;
  const entry = { PartitionKey: empty(''), ExplicitHashKey: hashKey, Data: missing };

  type Broken = Readonly<Record<string, readonly [value: unknown, constraint: string]>>;
  /** Members in the order in which kinesalite, and so the tests of many clients, lists them. */
  const ORDERS: readonly (readonly [operation: string, broken: Broken])[] = [
    ['AddTagsToStream', { Tags: empty({}), StreamName: name }],
    ['CreateStream', { ShardCount: tooSmall, StreamName: name }],
    ['DecreaseStreamRetentionPeriod', { RetentionPeriodHours: missing, StreamName: name }],
    ['DeleteStream', { StreamName: name }],
    ['DescribeStreamSummary', { StreamName: name }],
    ['DescribeStream', { Limit: tooSmall, ExclusiveStartShardId: name, StreamName: name }],
    ['GetRecords', { Limit: tooSmall, ShardIterator: empty('') }],
    [
      'ListShards',
      {
        ExclusiveStartShardId: name,
        MaxResults: tooSmall,
        NextToken: empty(''),
        StreamName: name,
      },
    ],
    [
      'UpdateShardCount',
      {
        ScalingType: ['NONE', 'Member must satisfy enum value set: [UNIFORM_SCALING]'],
        StreamName: name,
        TargetShardCount: tooSmall,
      },
    ],
    [
      'GetShardIterator',
      { ShardId: name, ShardIteratorType: iteratorType, StartingSequenceNumber: sequenceNumber, StreamName: name },
    ],
    ['IncreaseStreamRetentionPeriod', { RetentionPeriodHours: missing, StreamName: name }],
    ['ListStreams', { Limit: tooSmall, ExclusiveStartStreamName: name }],
    ['ListTagsForStream', { Limit: tooSmall, ExclusiveStartTagKey: empty(''), StreamName: name }],
    ['MergeShards', { ShardToMerge: name, AdjacentShardToMerge: name, StreamName: name }],
    ['PutRecord', { SequenceNumberForOrdering: sequenceNumber, ...entry, StreamName: name }],
    ['RemoveTagsFromStream', { TagKeys: empty([]), StreamName: name }],
    ['SplitShard', { NewStartingHashKey: hashKey, StreamName: name, ShardToSplit: name }],
  ];

  const shown = (value: unknown) => {
    if (value === undefined) return 'null';
    return `'${typeof value === 'object' ? JSON.stringify(value) : value}'`;
  };
  const itemsFor = (broken: Broken) =>
    Object.entries(broken).map(([name, [value, constraint]]) => {
      const path = name.charAt(0).toLowerCase() + name.slice(1);
      return `Value ${shown(value)} at '${path}' failed to satisfy constraint: ${constraint}`;
    });

  it.each(ORDERS)(
    'of %s are all listed, in the declared order, whatever the order of the request',
    async (operation, broken) => {
      const server = await startTestServer();
      const values = Object.entries(broken).map(([name, [value]]) => [name, value] as const);
      const items = itemsFor(broken);
      const message = `${items.length} validation error${items.length === 1 ? '' : 's'} detected: ${items.join('; ')}`;
      for (const given of [values, values.toReversed()]) {
        const { body } = await server.call(operation, Object.fromEntries(given));
        expect(body).toEqual({ __type: 'ValidationException', message });
      }
    },
  );

  it('of PutRecords are listed entry by entry, then the rest, ten at most', async () => {
    const server = await startTestServer();
    const bad = { Data: null, ExplicitHashKey: '#', PartitionKey: '' };
    const good = { PartitionKey: 'k', Data: '' };
    const itemsOfEntry = (index: number) =>
      itemsFor(entry).map((item) => item.replace(" at '", ` at 'records.${index}.member.`));
    const itemsOfPut = async (...Records: object[]) =>
      itemsOf((await server.call('PutRecords', { StreamName: '#', Records })).body.message);
    const [nameItem] = itemsFor({ StreamName: name });
    expect(await itemsOfPut(bad, good, bad)).toEqual([...itemsOfEntry(1), ...itemsOfEntry(3), nameItem]);
    expect(await itemsOfPut(bad, bad, good, bad)).toEqual([...[1, 2, 4].flatMap(itemsOfEntry), nameItem]);
    expect(await itemsOfPut(bad, bad, bad, bad)).toEqual([1, 2, 3, 4].flatMap(itemsOfEntry).slice(0, 10));
  });
});

/** Expects that a request is refused with `error`, written as `Code: message`, and that it changes nothing. */
async function expectRefused(server: TestServer, operation: string, input: object, error: string): Promise<void> {
  const title = `${operation} ${JSON.stringify(input).slice(0, 200)}`;
  const before = databaseRows(server.directory);
  const { body } = await server.call(operation, input);
  const [, code, message] = /^(\w+): (.*)$/.exec(error)!;
  expect.soft(body, title).toEqual({ __type: code, message });
  expect.soft(databaseRows(server.directory), `${title} changed rows`).toEqual(before);
}

describe('a request that what is stored forbids', () => {
  const UNDER = 'under account 000000000000';
  const HASH_END = String(2n ** 128n - 1n);
  const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;
  const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'x']));

  const arnOf = (stream: string) => `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`;
  const consumer = (stream: string, ConsumerName = 'consumer') => ({ StreamARN: arnOf(stream), ConsumerName });
  const record = (more: object = {}) => ({ PartitionKey: 'k', Data: 'AAAA', ...more });
  const put = (StreamName: string, more: object = {}) => ({ StreamName, ...record(more) });
  /** The bad record stands between good ones, which must not stay. */
  const putAround = (StreamName: string, bad: object) => ({
    StreamName,
    Records: [record({ ExplicitHashKey: '0' }), record(bad), record({ ExplicitHashKey: HASH_END })],
  });
  const split = (StreamName: string, shard = 1, key = '7') => ({
    StreamName,
    ShardToSplit: id(shard),
    NewStartingHashKey: key,
  });
  const merge = (StreamName: string, first: number, second: number) => ({
    StreamName,
    ShardToMerge: id(first),
    AdjacentShardToMerge: id(second),
  });

  /** Streams in every state. The clock stands, so nothing changes by itself. */
  async function startWithStates(): Promise<TestServer> {
    const server = await startTestServer();
    await server.createStream('active', 3);
    await server.ok('SplitShard', split('active', 0));
    server.clock.advance(500);
    await server.ok('AddTagsToStream', { StreamName: 'active', Tags: tags(49) });
    await server.ok('PutRecord', put('active'));
    await server.ok('CreateStream', { StreamName: 'demand' });
    await server.createStream('updating', 2);
    await server.createStream('deleting');
    for (const StreamARN of [arnOf('active'), arnOf('deleting')]) {
      await server.ok('RegisterStreamConsumer', { StreamARN, ConsumerName: 'consumer' });
    }
    // Nothing was put into it: the first put also has to note that its creation is over.
    await server.createStream('fresh', 2);
    await server.ok('MergeShards', merge('updating', 0, 1));
    await server.ok('DeleteStream', { StreamName: 'deleting', EnforceConsumerDeletion: true });
    await server.ok('CreateStream', { StreamName: 'creating', ShardCount: 1 });
    return server;
  }

  const exists = (stream: string) => `ResourceInUseException: Stream ${stream} ${UNDER} already exists.`;
  const notFound = (stream: string) => `ResourceNotFoundException: Stream ${stream} ${UNDER} not found.`;
  const inState = (state: string, needed = 'ACTIVE') =>
    `ResourceInUseException: Stream ${state} ${UNDER} not ${needed}, instead in state ${state.toUpperCase()}`;
  const noShard = (shard: string) =>
    `ResourceNotFoundException: Could not find shard ${shard} in stream active ${UNDER}.`;
  const CLOSED =
    `InvalidArgumentException: Shard ${id(0)} in stream active ${UNDER} has already been merged or split, and thus is ` +
    'not eligible for merging or splitting.';
  const notAdjacent = (first: number, second: number) =>
    `InvalidArgumentException: Shards ${id(first)} and ${id(second)} in stream active ${UNDER} are not an adjacent pair ` +
    'of shards eligible for merging';
  const OUT_OF_RANGE =
    `InvalidArgumentException: NewStartingHashKey 7 used in SplitShard() on shard ${id(1)} in stream active ${UNDER} is ` +
    "not both greater than one plus the shard's StartingHashKey 113427455640312821154458202477256070485 and less than " +
    "the shard's EndingHashKey 226854911280625642308916404954512140969.";
  const BAD_HASH_KEY =
    'InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified ' +
    `value was ${2n ** 128n}`;
  const BAD_CHARACTERS =
    'InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, digits, white ' +
    'space, _ . / = + - % @.';
  const tooManyTags = (stream: string) =>
    `InvalidArgumentException: Failed to add tags to stream ${stream} ${UNDER} because a given stream cannot have more ` +
    'than 10 tags associated with it.';
  const tooLarge = (path: string) =>
    `ValidationException: 1 validation error detected: Value at '${path}' failed to satisfy constraint: Member must ` +
    'have length less than or equal to 1048576';

  const HAS_CONSUMERS =
    "ResourceInUseException: DeleteStream can't delete 000000000000:active because there are consumers associated with " +
    'this data stream. To delete active anyway, set the EnforceConsumerDeletion parameter to true to force the deletion ' +
    'of all the consumers that are associated with it.';
  const CONSUMER_EXISTS =
    'ResourceInUseException: Consumer consumer under stream active, account 000000000000 already exists.';
  const NO_CONSUMER = 'ResourceNotFoundException: Consumer none, account 000000000000 not found.';
  const NO_POLICY = `ResourceNotFoundException: No resource policy found for resource ARN ${arnOf('active')}`;
  const EMPTY_POLICY = 'InvalidArgumentException: The policy has no Statement.';

  const NO_NUMBER = String(2n ** 185n);
  const BAD_NUMBER =
    `InvalidArgumentException: ExclusiveMinimumSequenceNumber ${NO_NUMBER} used in PutRecord on stream fresh ${UNDER} ` +
    'is invalid.';
  const ON_DEMAND = `ValidationException: Request is invalid. Stream demand ${UNDER} is in On-Demand mode.`;

  const outside = { ExplicitHashKey: String(2n ** 128n) };
  const large = { Data: Buffer.alloc(1_048_577).toString('base64') };
  const tooMuch = {
    StreamName: 'fresh',
    Records: Array.from({ length: 11 }, () => record({ Data: 'AAAA'.repeat(333_333) })),
  };
  const newStream = { StreamName: 'new', ShardCount: 1 };

  type Refused = readonly [operation: string, input: object, error: string];

  const key = { EncryptionType: 'KMS', KeyId: 'alias/a' };
  /** Operations that only an ACTIVE stream takes, with what they ask for. */
  const SETTINGS: readonly (readonly [operation: string, input: object])[] = [
    ['IncreaseStreamRetentionPeriod', { RetentionPeriodHours: 48 }],
    ['DecreaseStreamRetentionPeriod', { RetentionPeriodHours: 24 }],
    ['StartStreamEncryption', key],
    ['StopStreamEncryption', key],
    ['EnableEnhancedMonitoring', { ShardLevelMetrics: ['ALL'] }],
    ['DisableEnhancedMonitoring', { ShardLevelMetrics: ['ALL'] }],
    ['UpdateStreamMode', { StreamModeDetails: { StreamMode: 'ON_DEMAND' } }],
    ['UpdateMaxRecordSize', { MaxRecordSizeInKiB: 2048 }],
    ['UpdateStreamRecordDistributionStrategy', { RecordDistributionStrategy: 'USER_PARTITION_KEY' }],
  ];
  const refusedByState = (operation: string, input: object): Refused[] =>
    ['none', 'creating', 'updating', 'deleting'].map((stream) => [
      operation,
      { StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`, ...input },
      stream === 'none' ? notFound(stream) : inState(stream),
    ]);

  it.each<[subject: string, refused: Refused[]]>([
    [
      'streams',
      [
        ['CreateStream', { StreamName: 'active', ShardCount: 1 }, exists('active')],
        ['CreateStream', { StreamName: 'creating', ShardCount: 1 }, exists('creating')],
        ['CreateStream', { StreamName: 'updating', ShardCount: 1 }, exists('updating')],
        ['CreateStream', { StreamName: 'deleting', ShardCount: 1 }, exists('deleting')],
        ['CreateStream', { ...newStream, Tags: { fine: 'x', 'not;fine': 'x' } }, BAD_CHARACTERS],
        ['CreateStream', { ...newStream, Tags: tags(51) }, tooManyTags('new')],
        ['DeleteStream', { StreamName: 'none' }, notFound('none')],
        ['DescribeStream', { StreamName: 'none' }, notFound('none')],
        ['DescribeStream', { StreamName: 'active', ExclusiveStartShardId: 'x-y' }, noShard('x-y')],
      ],
    ],
    [
      'records',
      [
        ['PutRecord', put('none'), notFound('none')],
        ['PutRecord', put('creating'), notFound('creating')],
        ['PutRecord', put('fresh', outside), BAD_HASH_KEY],
        ['PutRecord', put('fresh', large), tooLarge('data')],
        ['PutRecord', put('fresh', { SequenceNumberForOrdering: NO_NUMBER }), BAD_NUMBER],
        ['PutRecords', putAround('none', {}), notFound('none')],
        ['PutRecords', putAround('creating', {}), notFound('creating')],
        ['PutRecords', putAround('fresh', outside), BAD_HASH_KEY],
        ['PutRecords', putAround('fresh', large), tooLarge('records.2.member.data')],
        ['PutRecords', tooMuch, 'InvalidArgumentException: Records size exceeds 10 MB limit'],
        ['GetShardIterator', { StreamName: 'active', ShardId: 'x-y', ShardIteratorType: 'LATEST' }, noShard('x-y')],
        ['GetRecords', { ShardIterator: 'AAAA' }, 'InvalidArgumentException: Invalid ShardIterator.'],
      ],
    ],
    [
      'shards',
      [
        ['SplitShard', split('none'), notFound('none')],
        ['SplitShard', split('creating'), inState('creating')],
        ['SplitShard', split('updating'), inState('updating')],
        ['SplitShard', split('deleting'), inState('deleting')],
        ['SplitShard', split('active', 0), CLOSED],
        ['SplitShard', split('active', 9), noShard(id(9))],
        ['SplitShard', split('active', 1, '7'), OUT_OF_RANGE],
        ['SplitShard', split('demand'), ON_DEMAND],
        ['MergeShards', merge('none', 0, 1), notFound('none')],
        ['MergeShards', merge('creating', 0, 1), inState('creating')],
        ['MergeShards', merge('updating', 0, 1), inState('updating')],
        ['MergeShards', merge('deleting', 0, 1), inState('deleting')],
        ['MergeShards', merge('active', 1, 0), CLOSED],
        ['MergeShards', merge('active', 1, 9), noShard(id(9))],
        ['MergeShards', merge('active', 2, 1), notAdjacent(2, 1)],
        ['MergeShards', merge('active', 3, 1), notAdjacent(3, 1)],
        ['MergeShards', merge('active', 1, 1), notAdjacent(1, 1)],
      ],
    ],
    [
      'tags',
      [
        ['AddTagsToStream', { StreamName: 'none', Tags: { a: 'x' } }, notFound('none')],
        ['AddTagsToStream', { StreamName: 'creating', Tags: { a: 'x' } }, inState('creating', 'ACTIVE or UPDATING')],
        ['AddTagsToStream', { StreamName: 'deleting', Tags: { a: 'x' } }, inState('deleting', 'ACTIVE or UPDATING')],
        ['AddTagsToStream', { StreamName: 'active', Tags: { fine: 'x', not: 'fine;' } }, BAD_CHARACTERS],
        ['AddTagsToStream', { StreamName: 'active', Tags: { k0: 'new', a: 'x', b: 'x' } }, tooManyTags('active')],
        ['RemoveTagsFromStream', { StreamName: 'none', TagKeys: ['a'] }, notFound('none')],
        ['RemoveTagsFromStream', { StreamName: 'creating', TagKeys: ['a'] }, inState('creating', 'ACTIVE or UPDATING')],
        ['RemoveTagsFromStream', { StreamName: 'active', TagKeys: ['k0', 'not;fine'] }, BAD_CHARACTERS],
        ['ListTagsForStream', { StreamName: 'none' }, notFound('none')],
        ['TagResource', { ResourceARN: arnOf('active'), Tags: { k0: 'new', a: 'x', b: 'x' } }, tooManyTags('active')],
        ['UntagResource', { ResourceARN: arnOf('active'), TagKeys: ['k0', 'not;fine'] }, BAD_CHARACTERS],
        ['ListTagsForResource', { ResourceARN: arnOf('none') }, notFound('none')],
      ],
    ],
    [
      'consumers and policies',
      [
        ['RegisterStreamConsumer', consumer('none'), notFound('none')],
        ['RegisterStreamConsumer', consumer('creating'), inState('creating', 'ACTIVE or UPDATING')],
        ['RegisterStreamConsumer', consumer('deleting', 'new'), inState('deleting', 'ACTIVE or UPDATING')],
        ['RegisterStreamConsumer', consumer('active'), CONSUMER_EXISTS],
        ['RegisterStreamConsumer', { ...consumer('active', 'new'), Tags: { 'not;fine': 'x' } }, BAD_CHARACTERS],
        ['DescribeStreamConsumer', consumer('active', 'none'), NO_CONSUMER],
        ['DeregisterStreamConsumer', consumer('active', 'none'), NO_CONSUMER],
        ['DeregisterStreamConsumer', consumer('none'), notFound('none')],
        ['ListStreamConsumers', { StreamARN: arnOf('none') }, notFound('none')],
        ['DeleteStream', { StreamName: 'active' }, HAS_CONSUMERS],
        ['PutResourcePolicy', { ResourceARN: arnOf('active'), Policy: '{}' }, EMPTY_POLICY],
        ['PutResourcePolicy', { ResourceARN: arnOf('none'), Policy: '{}' }, notFound('none')],
        ['DeleteResourcePolicy', { ResourceARN: arnOf('active') }, NO_POLICY],
        ['GetResourcePolicy', { ResourceARN: arnOf('none') }, notFound('none')],
      ],
    ],
    ['settings of streams', SETTINGS.flatMap(([operation, input]) => refusedByState(operation, input))],
  ])('is refused in the words of AWS and changes no row: %s', async (_subject, refused) => {
    const server = await startWithStates();
    for (const [operation, input, error] of refused) await expectRefused(server, operation, input, error);
  });

  it('because a limit or a rate is reached changes no row either', async () => {
    const settings = { QUOTAS: 'current', SHARD_LIMIT: '2', TRANSITION_MS: '3000' };
    const server = await startTestServer({ settings });
    await server.ok('CreateStream', { StreamName: 'a', ShardCount: 2 });
    server.clock.advance(3000);
    const shardLimit =
      'LimitExceededException: This request would exceed the shard limit for the account 000000000000 in us-east-1. ' +
      'Current shard count for the account: 2. Limit: 2. Number of additional shards that would have resulted from ' +
      'this request: 1. Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service' +
      '_limits.html) for current limits and how to request higher limits.';
    await expectRefused(server, 'CreateStream', newStream, shardLimit);
    await expectRefused(server, 'SplitShard', split('a', 0), shardLimit);

    const Records = Array.from({ length: 500 }, () => record({ ExplicitHashKey: '0' }));
    for (let half = 0; half < 2; half += 1) await server.ok('PutRecords', { StreamName: 'a', Records });
    const ErrorCode = 'ProvisionedThroughputExceededException';
    const ErrorMessage = `Rate exceeded for shard ${id(0)} in stream a ${UNDER}.`;
    await expectRefused(server, 'PutRecord', put('a', { ExplicitHashKey: '0' }), `${ErrorCode}: ${ErrorMessage}`);
    const before = databaseRows(server.directory);
    expect(await server.ok('PutRecords', { StreamName: 'a', Records: Records.slice(0, 2) })).toEqual({
      FailedRecordCount: 2,
      Records: [
        { ErrorCode, ErrorMessage },
        { ErrorCode, ErrorMessage },
      ],
    });
    expect(databaseRows(server.directory)).toEqual(before);

    for (let call = 0; call < 5; call += 1) await server.ok('AddTagsToStream', { StreamName: 'a', Tags: { a: 'x' } });
    const tooFast = 'LimitExceededException: Rate exceeded for account 000000000000.';
    await expectRefused(server, 'AddTagsToStream', { StreamName: 'a', Tags: { a: 'y' } }, tooFast);
  });

  it('because five streams are changing their state changes no row either', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '3000' } });
    const create = (StreamName: string) => server.ok('CreateStream', { StreamName, ShardCount: 1 });
    await create('a');
    server.clock.advance(3000);
    for (const name of ['b', 'c', 'd', 'e', 'f']) await create(name);
    server.clock.advance(1000);
    const limit = (number: string, states: string) =>
      `LimitExceededException: This request would have exceed the limit on the ${number} of streams that can ` +
      `simultaneously be in ${states} for the account 000000000000. Limit: 5.`;
    await expectRefused(server, 'CreateStream', newStream, limit('number ', 'CREATING or DELETING'));
    await expectRefused(server, 'DeleteStream', { StreamName: 'a' }, limit('number ', 'CREATING or DELETING'));
    await expectRefused(server, 'SplitShard', split('a', 0), limit('number', 'CREATING, UPDATING or DELETING'));
  });

  it('with QUOTAS=documented includes a Limit above 10,000, which validation leaves to GetRecords', async () => {
    const server = await startWithData({ QUOTAS: 'documented' });
    const ShardIterator = await shardIterator(server, 'a', 'TRIM_HORIZON');
    const error = 'InvalidArgumentException: Limit 10001 used in GetRecords is greater than 10000.';
    await expectRefused(server, 'GetRecords', { ShardIterator, Limit: 10_001 }, error);
  });
});
