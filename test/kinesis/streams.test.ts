import { describe, expect, it } from 'vitest';
import { TEST_START_MS } from '../support/clock.ts';
import { readShard, streamIdOf } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';

const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'x']));

async function statusOf(server: TestServer, name: string) {
  const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: name });
  return StreamDescriptionSummary.StreamStatus;
}

describe('CreateStream', () => {
  it('answers an empty body and leaves the stream in CREATING, without shards, until it is ACTIVE', async () => {
    const server = await startTestServer();
    const answer = await server.call('CreateStream', { StreamName: 's', ShardCount: 2 });
    expect([answer.status, answer.text]).toEqual([200, '']);
    const { StreamDescription: creating } = await server.ok('DescribeStream', { StreamName: 's' });
    expect(creating).toMatchObject({ StreamStatus: 'CREATING', Shards: [], HasMoreShards: false });
    server.clock.advance(499);
    expect(await statusOf(server, 's')).toBe('CREATING');
    server.clock.advance(1);
    expect(await statusOf(server, 's')).toBe('ACTIVE');
  });

  it('describes a new stream with every member that AWS shows', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    expect((await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription).toEqual({
      StreamName: 's',
      StreamARN: ARN,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      RetentionPeriodHours: 24,
      StreamCreationTimestamp: Math.floor(TEST_START_MS / 1000),
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
      HasMoreShards: false,
      Shards: [
        ['0', '113427455640312821154458202477256070484'],
        ['113427455640312821154458202477256070485', '226854911280625642308916404954512140969'],
        ['226854911280625642308916404954512140970', '340282366920938463463374607431768211455'],
      ].map(([StartingHashKey, EndingHashKey], index) => ({
        ShardId: `shardId-00000000000${index}`,
        HashKeyRange: { StartingHashKey, EndingHashKey },
        SequenceNumberRange: { StartingSequenceNumber: expect.stringMatching(/^\d{56}$/) },
      })),
    });
    expect((await server.ok('DescribeStreamSummary', { StreamARN: ARN })).StreamDescriptionSummary).toEqual({
      StreamName: 's',
      StreamARN: ARN,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      RetentionPeriodHours: 24,
      StreamCreationTimestamp: Math.floor(TEST_START_MS / 1000),
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
      OpenShardCount: 3,
      ConsumerCount: 0,
      ChannelCount: 0,
      MaxRecordSizeInKiB: 1024,
    });
  });

  it('makes an on-demand stream of four shards when asked for, or when no capacity is given', async () => {
    const server = await startTestServer();
    const mode = { StreamModeDetails: { StreamMode: 'ON_DEMAND' } };
    await server.ok('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } });
    await server.ok('CreateStream', { StreamName: 'asked', ...mode, WarmThroughputMiBps: 7 });
    await server.ok('CreateStream', { StreamName: 'silent' });
    server.clock.advance(1000);
    for (const StreamName of ['asked', 'silent']) {
      const { StreamDescriptionSummary: summary } = await server.ok('DescribeStreamSummary', { StreamName });
      expect(summary).toMatchObject({ OpenShardCount: 4, StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
      expect(summary.WarmThroughput).toEqual(StreamName === 'asked' ? { TargetMiBps: 7, CurrentMiBps: 7 } : undefined);
    }
  });

  it.each([
    ['ON_DEMAND with a shard count', { ShardCount: 1, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }],
    ['PROVISIONED without a shard count', { StreamModeDetails: { StreamMode: 'PROVISIONED' } }],
    ['warm throughput of a provisioned stream', { ShardCount: 1, WarmThroughputMiBps: 1 }],
    ['AUTO for a provisioned stream', { ShardCount: 1, RecordDistributionStrategy: 'AUTO' }],
  ])('refuses %s', async (_case, input) => {
    const server = await startTestServer();
    const { status, body } = await server.call('CreateStream', { StreamName: 's', ...input });
    expect([status, body.__type]).toEqual([400, 'InvalidArgumentException']);
    expect((await server.ok('ListStreams', {})).StreamNames).toEqual([]);
  });

  it('refuses a name that exists in any state, before it looks at limits', async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '1' } });
    const message = 'Stream s under account 000000000000 already exists.';
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    const again = () => server.call('CreateStream', { StreamName: 's', ShardCount: 5 });
    expect((await again()).body).toEqual({ __type: 'ResourceInUseException', message });
    server.clock.advance(1000);
    expect((await again()).body).toEqual({ __type: 'ResourceInUseException', message });
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await again()).body).toEqual({ __type: 'ResourceInUseException', message });
  });

  it('keeps to the shard limit of the account and region', async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '5' } });
    await server.createStream('a', 3);
    const { body } = await server.call('CreateStream', { StreamName: 'b', ShardCount: 3 });
    expect(body).toEqual({
      __type: 'LimitExceededException',
      message:
        'This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for ' +
        'the account: 3. Limit: 5. Number of additional shards that would have resulted from this request: 3. Refer to ' +
        'the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current ' +
        'limits and how to request higher limits.',
    });
    await server.ok('CreateStream', { StreamName: 'b', ShardCount: 3 }, { region: 'eu-west-1' });
    await server.ok('CreateStream', { StreamName: 'b', ShardCount: 2 });
  });

  it('keeps to five streams in transition where AWS does', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '1500' } });
    for (const name of ['a', 'b', 'c', 'd', 'e']) await server.ok('CreateStream', { StreamName: name, ShardCount: 1 });
    server.clock.advance(1000);
    const { body } = await server.call('CreateStream', { StreamName: 'f', ShardCount: 1 });
    expect(body).toEqual({
      __type: 'LimitExceededException',
      message:
        'This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or ' +
        'DELETING for the account 000000000000. Limit: 5.',
    });
    server.clock.advance(500);
    await server.ok('CreateStream', { StreamName: 'f', ShardCount: 1 });
  });

  it('keeps to fifty on-demand streams where AWS does', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '0' } });
    for (let index = 0; index < 50; index += 1) {
      await server.ok('CreateStream', { StreamName: `s${index}` });
      server.clock.advance(200);
    }
    expect((await server.call('CreateStream', { StreamName: 'more' })).body).toEqual({
      __type: 'LimitExceededException',
      message:
        'This request would exceed the limit on the number of On-Demand streams for the account 000000000000 in ' +
        'us-east-1. Current On-Demand streams count: 50. Limit: 50.',
    });
  });

  it('stores tags, and refuses illegal characters and too many of them as a whole', async () => {
    const server = await startTestServer();
    const create = (Tags: object) => server.call('CreateStream', { StreamName: 's', ShardCount: 1, Tags });
    expect((await create({ 'a;b': 'c' })).body).toEqual({
      __type: 'InvalidArgumentException',
      message:
        'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
    });
    expect((await create(tags(51))).body).toEqual({
      __type: 'InvalidArgumentException',
      message:
        'Failed to add tags to stream s under account 000000000000 because a given stream cannot have more than 10 tags ' +
        'associated with it.',
    });
    expect((await server.ok('ListStreams', {})).StreamNames, 'nothing of the refused ones stayed').toEqual([]);
    expect((await create({ 'Größe %': 'x', ...tags(49) })).status).toBe(200);
  });

  it('takes ten tags in the reference documents, and names the setting', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'documented' } });
    const create = (Tags: object) => server.call('CreateStream', { StreamName: 's', ShardCount: 1, Tags });
    const { body } = await create(tags(11));
    expect(body.__type).toBe('ValidationException');
    expect(body.message).toMatch(
      /at 'tags' .* length less than or equal to 10 \(quota tagsPerCall of QUOTAS=documented\)$/,
    );
    expect((await create(tags(10))).status).toBe(200);
  });
});

describe('names', () => {
  it('belong to an account and a region: the same name is another stream elsewhere', async () => {
    const server = await startTestServer();
    const elsewhere = [{}, { account: '123456789012' }, { region: 'eu-west-1' }];
    for (const [index, options] of elsewhere.entries()) await server.createStream('s', index + 1, options);
    for (const [index, options] of elsewhere.entries()) {
      const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' }, options);
      expect(StreamDescriptionSummary.OpenShardCount).toBe(index + 1);
      expect((await server.ok('ListStreams', {}, options)).StreamNames).toEqual(['s']);
    }
    const arn = 'arn:aws:kinesis:us-east-1:123456789012:stream/s';
    const byArn = await server.ok('DescribeStreamSummary', { StreamARN: arn });
    expect(byArn.StreamDescriptionSummary, 'an ARN counts, not the caller').toMatchObject({
      StreamARN: arn,
      OpenShardCount: 2,
    });
  });

  it('that name nothing are ResourceNotFound, by ARN with the name and account in the text', async () => {
    const server = await startTestServer();
    for (const input of [{ StreamName: 'gone' }, { StreamARN: ARN.replace('/s', '/gone') }]) {
      for (const operation of ['DescribeStream', 'DescribeStreamSummary', 'DeleteStream']) {
        expect((await server.call(operation, input)).body).toEqual({
          __type: 'ResourceNotFoundException',
          message: 'Stream gone under account 000000000000 not found.',
        });
      }
    }
  });

  it('that are missing or contradict the ARN are InvalidArgument', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (const input of [{}, { StreamName: 't', StreamARN: ARN }]) {
      expect((await server.call('DescribeStream', input)).body.__type).toBe('InvalidArgumentException');
    }
    await server.ok('DescribeStream', { StreamName: 's', StreamARN: ARN });
  });
});

describe('DeleteStream', () => {
  it('shows DELETING at once, still takes and gives records, and then is gone', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const deleted = await server.call('DeleteStream', { StreamName: 's', EnforceConsumerDeletion: false });
    expect([deleted.status, deleted.text]).toEqual([200, '']);
    expect(await statusOf(server, 's')).toBe('DELETING');
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    await server.ok('DeleteStream', { StreamName: 's' });
    server.clock.advance(500);
    for (const [operation, input] of Object.entries({
      DescribeStream: {},
      PutRecord: { PartitionKey: 'k', Data: '' },
      PutRecords: { Records: [{ PartitionKey: 'k', Data: '' }] },
      DeleteStream: {},
    })) {
      const { body } = await server.call(operation, { StreamName: 's', ...input });
      expect(body, operation).toEqual({
        __type: 'ResourceNotFoundException',
        message: 'Stream s under account 000000000000 not found.',
      });
    }
    expect((await server.ok('ListStreams', {})).StreamNames).toEqual([]);
  });

  it('works in CREATING and frees the name and its shards', async () => {
    const server = await startTestServer({ settings: { SHARD_LIMIT: '2' } });
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 2 });
    await server.ok('DeleteStream', { StreamName: 's' });
    server.clock.advance(500);
    await server.createStream('s', 2);
  });

  it('makes a re-created stream start above every sequence number of the former one, even if the clock went back', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    const put = () => server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    let last = 0n;
    for (const step of [0, 0, -3_600_000, 1000]) {
      await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
      const first = BigInt((await put()).SequenceNumber);
      expect(first > last, `above ${last}`).toBe(true);
      last = BigInt((await put()).SequenceNumber);
      await server.ok('DeleteStream', { StreamName: 's' });
      await server.runJob('sweep');
      server.clock.jump(step);
      await server.restart();
    }
  });
});

describe('a stream that is re-created', () => {
  it('is not replaced by the former one when the clock goes back a little', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('DeleteStream', { StreamName: 's' });
    server.clock.advance(510);
    await server.createStream('s');
    server.clock.jump(-1050);
    expect((await server.ok('ListStreams', {})).StreamNames).toEqual(['s']);
    const { body } = await server.call('CreateStream', { StreamName: 's', ShardCount: 1 });
    expect(body.__type).toBe('ResourceInUseException');
    server.clock.advance(1050);
    const put = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    expect((await readShard(server, 's', put.ShardId)).map(({ SequenceNumber }) => SequenceNumber)).toEqual([
      put.SequenceNumber,
    ]);
  });
});

describe('ListStreams', () => {
  it('pages by name or by token, sorted, with summaries, and shows every state', async () => {
    const server = await startTestServer();
    await server.createStream('b');
    await server.createStream('C');
    await server.createStream('a');
    await server.ok('CreateStream', { StreamName: 'c', ShardCount: 1 });
    await server.ok('DeleteStream', { StreamName: 'a' });
    const first = await server.ok('ListStreams', { Limit: 3 });
    expect(first).toMatchObject({ StreamNames: ['C', 'a', 'b'], HasMoreStreams: true });
    expect(first.StreamSummaries[1]).toEqual({
      StreamName: 'a',
      StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/a',
      StreamStatus: 'DELETING',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      StreamCreationTimestamp: Math.floor((TEST_START_MS + 2000) / 1000),
    });
    for (const next of [
      { NextToken: first.NextToken },
      { ExclusiveStartStreamName: 'b' },
      { ExclusiveStartStreamName: 'bb' },
    ]) {
      const rest = await server.ok('ListStreams', next);
      expect(rest).toMatchObject({ StreamNames: ['c'], HasMoreStreams: false });
      expect(rest).not.toHaveProperty('NextToken');
      expect(rest.StreamSummaries[0].StreamStatus).toBe('CREATING');
    }
  });

  it('refuses tokens that are made up, damaged, of another caller, or too old', async () => {
    const server = await startTestServer();
    for (const name of ['a', 'b']) await server.createStream(name);
    const { NextToken } = await server.ok('ListStreams', { Limit: 1 });
    const damaged = `${NextToken.slice(0, -8)}AAAAAAA=`;
    for (const token of ['made up', damaged]) {
      expect((await server.call('ListStreams', { NextToken: token })).body.__type).toBe('InvalidArgumentException');
    }
    const other = await server.call('ListStreams', { NextToken }, { account: '123456789012' });
    expect(other.body.__type).toBe('InvalidArgumentException');
    server.clock.advance(300_000);
    await server.ok('ListStreams', { NextToken });
    server.clock.advance(1);
    expect((await server.call('ListStreams', { NextToken })).body.__type).toBe('ExpiredNextTokenException');
  });

  it.each([
    ['relaxed', 100, 100],
    ['current', 100, 100],
    ['documented', 10, 12],
  ])('has the page sizes of QUOTAS=%s', async (QUOTAS, byDefault, atMost) => {
    const server = await startTestServer({ settings: { QUOTAS, TRANSITION_MS: '0', SHARD_LIMIT: '1000' } });
    const count = QUOTAS === 'documented' ? 12 : 103;
    for (let index = 0; index < count; index += 1) {
      await server.ok('CreateStream', { StreamName: `s${index}`, ShardCount: 1 });
      server.clock.advance(200);
    }
    expect((await server.ok('ListStreams', {})).StreamNames).toHaveLength(byDefault);
    expect((await server.ok('ListStreams', { Limit: 10_000 })).StreamNames).toHaveLength(atMost);
  });
});

describe('DescribeStream', () => {
  it('pages by shard id, at most a hundred shards at a time', async () => {
    const server = await startTestServer();
    await server.createStream('s', 205);
    const pages: string[][] = [];
    for (let from: string | undefined, more = true; more; ) {
      const page = await server.ok('DescribeStream', { StreamName: 's', Limit: 10_000, ExclusiveStartShardId: from });
      const ids = page.StreamDescription.Shards.map(({ ShardId }: { ShardId: string }) => ShardId);
      pages.push(ids);
      from = ids.at(-1);
      more = page.StreamDescription.HasMoreShards;
    }
    expect(pages.map((page) => page.length)).toEqual([100, 100, 5]);
    expect(new Set(pages.flat()).size).toBe(205);
    const two = await server.ok('DescribeStream', { StreamName: 's', Limit: 2, ExclusiveStartShardId: 'shardId-7' });
    expect(two.StreamDescription.Shards.map(({ ShardId }: { ShardId: string }) => ShardId)).toEqual([
      'shardId-000000000008',
      'shardId-000000000009',
    ]);
  });
});

describe('StreamId', () => {
  it('is not told: a library that knows one sends it back, and SDKs then ask AWS instead of their endpoint', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (const operation of ['DescribeStream', 'DescribeStreamSummary']) {
      expect((await server.call(operation, { StreamName: 's' })).text).not.toContain('StreamId');
    }
  });

  it('names a stream where it stands alone, for every kind of operation', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    await server.createStream('other');
    const StreamId = streamIdOf(server, 's');
    await server.restart();
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamId });
    expect(StreamDescriptionSummary).toMatchObject({ StreamName: 's' });
    await server.ok('PutRecord', { StreamId, PartitionKey: 'k', ExplicitHashKey: '0', Data: '' });
    expect(await readShard(server, 's', 'shardId-000000000000')).toHaveLength(1);
    await server.ok('AddTagsToStream', { StreamId, Tags: { a: 'b' } });
    expect((await server.ok('ListTagsForStream', { StreamName: 's' })).Tags).toEqual([{ Key: 'a', Value: 'b' }]);
    await server.ok('DeleteStream', { StreamId });
    expect([await statusOf(server, 's'), await statusOf(server, 'other')]).toEqual(['DELETING', 'ACTIVE']);
  });

  it('is not looked at beside a name or an ARN', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (const reference of [{ StreamName: 's' }, { StreamARN: ARN }]) {
      const input = { ...reference, StreamId: 'abcdefghijklmnopqrst-abc' };
      expect((await server.ok('DescribeStreamSummary', input)).StreamDescriptionSummary.StreamName).toBe('s');
    }
  });

  it('is of one account, region and stream: nobody else finds it, nor who asks when it is gone', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const StreamId = streamIdOf(server, 's');
    const missing = (account: string) => ({
      __type: 'ResourceNotFoundException',
      message: `Stream ${StreamId} under account ${account} not found.`,
    });
    const elsewhere = { account: '111111111111', region: 'us-east-1' };
    await server.createStream('s', 1, elsewhere);
    expect(streamIdOf(server, 's', elsewhere.account)).not.toBe(StreamId);
    expect((await server.call('DescribeStream', { StreamId }, elsewhere)).body).toEqual(missing('111111111111'));
    const otherRegion = await server.call('DescribeStream', { StreamId }, { region: 'eu-west-1' });
    expect(otherRegion.body).toEqual(missing('000000000000'));
    await server.ok('DeleteStream', { StreamName: 's' });
    server.clock.advance(500);
    await server.createStream('s');
    expect((await server.call('DescribeStream', { StreamId })).body).toEqual(missing('000000000000'));
  });

  it('or another way to name the stream must be given', async () => {
    const server = await startTestServer();
    expect((await server.call('DescribeStream', {})).body).toEqual({
      __type: 'InvalidArgumentException',
      message: 'Either StreamName or StreamARN must be provided.',
    });
  });
});
