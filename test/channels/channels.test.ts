/** Channels as resources: made, described, listed, changed, deleted. */
import { describe, expect, it } from 'vitest';
import {
  CHANNEL_ROLE,
  channelInput,
  createChannel,
  createOnDemand,
  describeChannel,
  setMode,
  streamArn,
} from '../support/channels.ts';
import { databaseRows } from '../support/database-rows.ts';
import { createDeliveryStream, deliverAfter, firehose, select } from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

async function startWithStream(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await createOnDemand(server);
  return server;
}

/** The code and message with which a call is refused; it changes no row. */
async function refusal(server: TestServer, operation: string, input: object): Promise<string> {
  const before = databaseRows(server.directory);
  const { status, body } = await server.call(operation, input);
  expect(status, `${operation} ${JSON.stringify(input)}`).toBe(400);
  expect(databaseRows(server.directory), 'a refused call changed rows').toEqual(before);
  return `${body.__type}: ${body.message}`;
}

/** The names of all channels that ListChannels tells, page by page. */
async function namesOf(server: TestServer, input: object = {}): Promise<string[]> {
  const names: string[] = [];
  for (let NextToken: string | undefined; ; ) {
    const page = await server.ok('ListChannels', { ...input, NextToken });
    names.push(...page.ChannelSummaries.map(({ ChannelName }: { ChannelName: string }) => ChannelName));
    NextToken = page.NextToken;
    if (NextToken === undefined) return names;
  }
}

describe('CreateChannel', () => {
  it('answers with the description, complete with defaults, which stays the same', async () => {
    const server = await startWithStream({ TRANSITION_MS: '3000' });
    server.clock.advance(2000);
    const { ChannelDescription } = await server.ok('CreateChannel', channelInput('c'));
    const { ChannelId } = ChannelDescription;
    expect(ChannelId).toMatch(/^[0-9a-f-]{36}$/);
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
    const described = {
      ChannelName: 'c',
      ChannelARN: `arn:aws:kinesis:us-east-1:000000000000:channel/${ChannelId}`,
      ChannelId,
      ChannelStatus: 'CREATING',
      ChannelCreationTimestamp: Math.floor(server.clock.now() / 1000),
      ServiceExecutionRoleARN: CHANNEL_ROLE,
      StreamConfigurationList: [
        {
          StreamARN: streamArn('s'),
          StreamCreationTimestamp: StreamDescriptionSummary.StreamCreationTimestamp,
          RecordConfiguration: { RecordFormatType: 'JSON' },
        },
      ],
      S3DestinationConfiguration: {
        DataFreshnessInSeconds: 300,
        DeadLetterQueueS3Configuration: {
          BucketARN: 'arn:aws:s3:::b',
          ExpectedBucketOwner: '000000000000',
          ErrorOutputPrefix: 'errors/',
        },
        StorageConfiguration: {
          BucketARN: 'arn:aws:s3:::b',
          ExpectedBucketOwner: '000000000000',
          StorageClass: 'STANDARD',
          CompressionType: 'NONE',
        },
      },
      LoggingConfiguration: { CloudWatchLogs: { Enabled: false } },
    };
    expect(ChannelDescription).toEqual(described);
    expect(StreamDescriptionSummary.ChannelCount).toBe(1);
    server.clock.advance(2999);
    expect(await describeChannel(server, ChannelDescription.ChannelARN)).toEqual(described);
    server.clock.advance(1);
    await server.restart();
    expect(await describeChannel(server, ChannelDescription.ChannelARN)).toEqual({
      ...described,
      ChannelStatus: 'ACTIVE',
    });
  });

  it('keeps what was given', async () => {
    const server = await startWithStream();
    const destination = {
      DataFreshnessInSeconds: 77,
      DeadLetterQueueS3Configuration: {
        BucketARN: 'arn:aws:s3:::letters',
        ExpectedBucketOwner: '111111111111',
        ErrorOutputPrefix: '',
      },
    };
    const storage = {
      ExpectedBucketOwner: '222222222222',
      OutputKeyTemplate: 'in/!{timestamp:yyyy}/',
      StorageClass: 'GLACIER_IR',
      CompressionType: 'GZIP',
    };
    const more = {
      EncryptionConfiguration: { EncryptionType: 'KMS', KeyId: 'alias/mine' },
      LoggingConfiguration: { CloudWatchLogs: { Enabled: true } },
      Tags: { owner: 'me', empty: '' },
    };
    const arn = await createChannel(server, 'c', { format: 'STRING', destination, storage, more });
    const { ChannelId, ...described } = await describeChannel(server, arn);
    expect(described).toMatchObject({
      S3DestinationConfiguration: { ...destination, StorageConfiguration: storage },
      EncryptionConfiguration: more.EncryptionConfiguration,
      LoggingConfiguration: {
        CloudWatchLogs: {
          Enabled: true,
          LogGroupName: `/aws/kinesis/c/${ChannelId}`,
          LogStreamName: 'DestinationDelivery',
        },
      },
    });
    expect(select(server, `select key, value from tags where resource_arn = '${arn}' order by key`)).toEqual([
      { key: 'empty', value: '' },
      { key: 'owner', value: 'me' },
    ]);
  });

  it('refuses what it cannot do, in a sentence that says why', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c');
    await server.createStream('provisioned');
    const channel = (parts: object, more: object = {}) => ({ ...channelInput('new', parts), ...more });
    const [stream] = channelInput('new').StreamConfigurationList;
    const inStream = (more: object) => [{ ...stream, RecordConfiguration: { RecordFormatType: 'JSON', ...more } }];
    const tables = {
      DeadLetterQueueS3Configuration: { BucketARN: 'arn:aws:s3:::b', ExpectedBucketOwner: '000000000000' },
      S3TablesConfigurationList: [
        { TableBucketARN: 'arn:aws:s3tables:::t', Namespace: 'n', TableName: 't', CompressionType: 'NONE' },
      ],
    };
    const ONE = 'Exactly one of S3DestinationConfiguration and S3TablesDestinationConfiguration must be specified.';
    const foreign = streamArn('s').replace('us-east-1', 'eu-west-1');
    const letters = (ErrorOutputPrefix: string) => ({
      DeadLetterQueueS3Configuration: {
        BucketARN: 'arn:aws:s3:::b',
        ExpectedBucketOwner: '000000000000',
        ErrorOutputPrefix,
      },
    });
    const cases: [string, object, string][] = [
      ['ResourceInUse', channelInput('c'), 'Channel c under account 000000000000 already exists.'],
      ['InvalidArgument', channel({}, { S3DestinationConfiguration: null }), ONE],
      ['InvalidArgument', channel({}, { S3TablesDestinationConfiguration: tables }), ONE],
      [
        'InvalidArgument',
        channel({}, { S3DestinationConfiguration: null, S3TablesDestinationConfiguration: tables }),
        'S3 Tables destinations are not supported by Millrace; use S3DestinationConfiguration.',
      ],
      [
        'InvalidArgument',
        channel({}, { StreamConfigurationList: [] }),
        'StreamConfigurationList must name exactly one stream; it names 0.',
      ],
      [
        'InvalidArgument',
        channel({}, { StreamConfigurationList: [stream, stream] }),
        'StreamConfigurationList must name exactly one stream; it names 2.',
      ],
      [
        'InvalidArgument',
        channel({ format: 'GSR_JSON' }),
        'RecordFormatType GSR_JSON is for S3 Tables destinations only, which are not supported by Millrace; use JSON, ' +
          'STRING or BYTE_ARRAY.',
      ],
      [
        'InvalidArgument',
        channel({}, { StreamConfigurationList: inStream({ GSRSchemaARN: 'arn' }) }),
        'GSRSchemaARN is not supported by Millrace: records are not compared with schemas; omit it.',
      ],
      [
        'InvalidArgument',
        channel({ storage: { OutputKeyTemplate: '!{no' } }),
        'OutputKeyTemplate cannot be used. Ths supplied prefix(es) do not satisfy the following constraint: Invalid ' +
          'expression usage.',
      ],
      [
        'InvalidArgument',
        channel({ storage: { OutputKeyTemplate: '!{no:where}' } }),
        'OutputKeyTemplate cannot be used. Ths supplied prefix(es) do not satisfy the following constraint: Namespace to ' +
          'the left of colon (no) is an invalid keyword!',
      ],
      [
        'InvalidArgument',
        channel({ destination: letters('!{firehose:error-output-type}/') }),
        'ErrorOutputPrefix cannot be used. It must not contain !{firehose:error-output-type}.',
      ],
      [
        'InvalidArgument',
        channel({}, { EncryptionConfiguration: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' } }),
        'KeyId must be a customer managed key; the service key alias/aws/kinesis cannot be used.',
      ],
      [
        'InvalidArgument',
        channel({}, { Tags: { 'not;fine': '' } }),
        'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
      ],
      ['ResourceNotFound', channel({ stream: 'none' }), 'Stream none under account 000000000000 not found.'],
      [
        'InvalidArgument',
        channel({ stream: 'provisioned' }),
        'Stream provisioned under account 000000000000 is in provisioned mode. Channels read on-demand streams only; ' +
          'change the mode with UpdateStreamMode.',
      ],
    ];
    for (const [code, input, message] of cases) {
      expect.soft(await refusal(server, 'CreateChannel', input)).toBe(`${code}Exception: ${message}`);
    }
    await createOnDemand(server, 's', { region: 'eu-west-1' });
    const elsewhere = channel({}, { StreamConfigurationList: [{ ...stream, StreamARN: foreign }] });
    expect(await refusal(server, 'CreateChannel', elsewhere)).toBe(
      `InvalidArgumentException: StreamARN ${foreign} must be in the channel's account 000000000000 and region us-east-1.`,
    );
  });

  it('needs a stream that is ACTIVE or UPDATING', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's' });
    const inState = (state: string) =>
      `ResourceInUseException: Stream s under account 000000000000 not ACTIVE or UPDATING, instead in state ${state}`;
    expect(await refusal(server, 'CreateChannel', channelInput('c'))).toBe(inState('CREATING'));
    server.clock.advance(1000);
    await server.ok('DeleteStream', { StreamName: 's' });
    expect(await refusal(server, 'CreateChannel', channelInput('c'))).toBe(inState('DELETING'));
  });

  it('of many at once with one name makes one', async () => {
    const server = await startWithStream();
    const calls = Array.from({ length: 5 }, () => server.call('CreateChannel', channelInput('c')));
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400]);
    expect(select(server, "select count(*) as count from delivery_streams where name like 'channel/%'")).toEqual([
      { count: 1 },
    ]);
  });

  it('is refused beyond the quota and the rate, and the role must be the own one', async () => {
    const server = await startWithStream({ QUOTAS: 'current' });
    for (let second = 0; second < 10; second += 1) {
      const calls = [1, 2, 3, 4, 5].map((number) => server.ok('CreateChannel', channelInput(`c${second}${number}`)));
      await Promise.all(calls);
      server.clock.advance(1000);
    }
    expect(await refusal(server, 'CreateChannel', channelInput('more'))).toBe(
      'LimitExceededException: This request would exceed the limit on the number of channels for the account ' +
        '000000000000 in us-east-1. Current channel count: 50. Limit: 50.',
    );
    const [ChannelARN] = select(server, 'select channel_id as id from channels').map(
      ({ id }) => `arn:aws:kinesis:us-east-1:000000000000:channel/${id}`,
    );
    await server.ok('DeleteChannel', { ChannelARN });
    server.clock.advance(1000);
    const ServiceExecutionRoleARN = 'arn:aws:iam::111111111111:role/a';
    expect(await refusal(server, 'CreateChannel', { ...channelInput('more'), ServiceExecutionRoleARN })).toBe(
      'AccessDeniedException: Cross-account pass role is not allowed.',
    );
    await createChannel(server, 'more');
    const listings = Array.from({ length: 6 }, () => server.call('ListChannels', {}));
    const refused = (await Promise.all(listings)).filter(({ status }) => status !== 200);
    expect(refused.map(({ body }) => body)).toEqual([
      { __type: 'LimitExceededException', message: 'Rate exceeded for account 000000000000.' },
    ]);
  });
});

it('the tags of a channel are changed by its ARN', async () => {
  const server = await startWithStream();
  const ResourceARN = await createChannel(server, 'c', { more: { Tags: { a: '1' } } });
  await server.ok('TagResource', { ResourceARN, Tags: { b: '2' } });
  await server.ok('UntagResource', { ResourceARN, TagKeys: ['a'] });
  expect((await server.ok('ListTagsForResource', { ResourceARN })).Tags).toEqual([{ Key: 'b', Value: '2' }]);
});

describe('DeleteChannel', () => {
  it('leaves it DELETING for a while, then nothing of it, and its name is free', async () => {
    const server = await startWithStream();
    const ChannelARN = await createChannel(server, 'c', { more: { Tags: { a: 'b' } } });
    expect((await server.call('DeleteChannel', { ChannelARN })).text).toBe('');
    expect((await describeChannel(server, ChannelARN)).ChannelStatus).toBe('DELETING');
    expect(select(server, `select * from tags where resource_arn = '${ChannelARN}'`)).toEqual([]);
    expect(await refusal(server, 'CreateChannel', channelInput('c'))).toMatch(/already exists/);
    await server.ok('DeleteChannel', { ChannelARN });
    server.clock.advance(1000);
    const gone = `ResourceNotFoundException: Channel ${ChannelARN} not found.`;
    for (const operation of ['DescribeChannel', 'DeleteChannel']) {
      expect(await refusal(server, operation, { ChannelARN })).toBe(gone);
    }
    const LoggingConfiguration = { CloudWatchLogs: { Enabled: true } };
    expect(await refusal(server, 'UpdateChannel', { ChannelARN, LoggingConfiguration })).toBe(gone);
    expect(await namesOf(server)).toEqual([]);
    const next = await createChannel(server, 'c');
    expect(next).not.toBe(ChannelARN);
    expect(await namesOf(server)).toEqual(['c']);
    server.clock.advance(-1500);
    expect(await namesOf(server), 'a clock that is set back does not bring the former one back').toEqual(['c']);
  });

  it('is possible while it is CREATING', async () => {
    const server = await startWithStream();
    const { ChannelDescription } = await server.ok('CreateChannel', channelInput('c'));
    await server.ok('DeleteChannel', { ChannelARN: ChannelDescription.ChannelARN });
    server.clock.advance(1000);
    expect(await namesOf(server)).toEqual([]);
  });

  it('must come before the deletion of the stream, all of whose rows can go then', async () => {
    const server = await startWithStream();
    const ChannelARN = await createChannel(server, 'c');
    expect(await refusal(server, 'DeleteStream', { StreamName: 's', EnforceConsumerDeletion: true })).toBe(
      "ResourceInUseException: DeleteStream can't delete 000000000000:s because there are channels associated with this " +
        'data stream. To delete s, delete its channels with DeleteChannel first.',
    );
    await server.ok('DeleteChannel', { ChannelARN });
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await describeChannel(server, ChannelARN)).ChannelStatus).toBe('DELETING');
    server.clock.advance(1000);
    await deliverAfter(server, 0);
    await server.runJob('sweep');
    for (const table of ['channels', 'delivery_streams', 'buffers', 'source_checkpoints', 'streams']) {
      expect(select(server, `select count(*) as count from ${table}`), table).toEqual([{ count: 0 }]);
    }
  });
});

describe('UpdateChannel', () => {
  it('changes freshness and logging, and is UPDATING for a while', async () => {
    const server = await startWithStream();
    const ChannelARN = await createChannel(server, 'c');
    const before = await describeChannel(server, ChannelARN);
    const input = {
      ChannelARN,
      S3DestinationConfiguration: { DataFreshnessInSeconds: 60 },
      LoggingConfiguration: { CloudWatchLogs: { Enabled: true, LogGroupName: '/mine' } },
    };
    const { ChannelDescription } = await server.ok('UpdateChannel', input);
    const after = {
      ...before,
      S3DestinationConfiguration: { ...before.S3DestinationConfiguration, DataFreshnessInSeconds: 60 },
      LoggingConfiguration: {
        CloudWatchLogs: { Enabled: true, LogGroupName: '/mine', LogStreamName: 'DestinationDelivery' },
      },
    };
    expect(ChannelDescription).toEqual({ ...after, ChannelStatus: 'UPDATING' });
    expect(await refusal(server, 'UpdateChannel', input)).toBe(
      'ResourceInUseException: Channel c under account 000000000000 not ACTIVE, instead in state UPDATING',
    );
    server.clock.advance(1000);
    await server.restart();
    expect(await describeChannel(server, ChannelARN)).toEqual(after);
    await server.ok('UpdateChannel', { ChannelARN, LoggingConfiguration: { CloudWatchLogs: { Enabled: true } } });
    expect((await describeChannel(server, ChannelARN)).LoggingConfiguration, 'names stay').toEqual(
      after.LoggingConfiguration,
    );
  });

  it('refuses what does not fit', async () => {
    const server = await startWithStream();
    const ChannelARN = await createChannel(server, 'c');
    expect(await refusal(server, 'UpdateChannel', { ChannelARN })).toBe(
      'InvalidArgumentException: At least one of S3DestinationConfiguration and LoggingConfiguration must be specified.',
    );
    const S3TablesDestinationConfiguration = { DataFreshnessInSeconds: 60 };
    expect(await refusal(server, 'UpdateChannel', { ChannelARN, S3TablesDestinationConfiguration })).toBe(
      'InvalidArgumentException: The channel delivers to S3; use S3DestinationConfiguration to change its data freshness.',
    );
  });
});

describe('ListChannels', () => {
  it('lists by name, in pages, those of the caller', async () => {
    const server = await startWithStream();
    for (const name of ['b', 'a', 'C', 'd']) await createChannel(server, name);
    expect(await namesOf(server)).toEqual(['C', 'a', 'b', 'd']);
    expect(await namesOf(server, { MaxResults: 2 })).toEqual(['C', 'a', 'b', 'd']);
    expect(await namesOf(server, { MaxResults: 3 })).toEqual(['C', 'a', 'b', 'd']);
    const { ChannelSummaries, NextToken } = await server.ok('ListChannels', { MaxResults: 1 });
    const { ChannelId } = ChannelSummaries[0];
    expect(ChannelSummaries).toEqual([
      {
        ChannelName: 'C',
        ChannelARN: `arn:aws:kinesis:us-east-1:000000000000:channel/${ChannelId}`,
        ChannelId,
        ChannelStatus: 'ACTIVE',
        ChannelCreationTimestamp: expect.any(Number),
        ChannelDestinationType: 'S3',
        Streams: [{ StreamARN: streamArn('s'), StreamCreationTimestamp: expect.any(Number) }],
      },
    ]);
    expect((await server.ok('ListChannels', {}, { region: 'eu-west-1' })).ChannelSummaries).toEqual([]);
    expect((await server.ok('ListChannels', {}, { account: '111111111111' })).ChannelSummaries).toEqual([]);
    const other = await server.call('ListChannels', { NextToken }, { account: '111111111111' });
    expect(other.body).toEqual({
      __type: 'InvalidArgumentException',
      message: 'NextToken is not valid for this request.',
    });
    expect(await refusal(server, 'ListChannels', { NextToken: 'x' })).toMatch(/^InvalidArgumentException: NextToken/);
    server.clock.advance(300_001);
    expect(await refusal(server, 'ListChannels', { NextToken })).toBe(
      'ExpiredNextTokenException: NextToken has expired; start the listing again.',
    );
  });

  it('answers with 100 at most, whatever is asked for', async () => {
    const server = await startWithStream();
    const names = Array.from({ length: 101 }, (_, number) => `c${number}`);
    await Promise.all(names.map((name) => server.ok('CreateChannel', channelInput(name))));
    for (const input of [{}, { MaxResults: 100 }, { MaxResults: 101 }, { MaxResults: 5000 }]) {
      const page = await server.ok('ListChannels', input);
      expect([page.ChannelSummaries.length, typeof page.NextToken], JSON.stringify(input)).toEqual([100, 'string']);
    }
  });

  it('filters by streams, and by when they were created', async () => {
    const server = await startWithStream();
    await createOnDemand(server, 't');
    await createChannel(server, 'a');
    await createChannel(server, 'b', { stream: 't' });
    await createChannel(server, 'c');
    const { StreamDescriptionSummary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
    const { StreamCreationTimestamp } = StreamDescriptionSummary;
    const s = { StreamARN: streamArn('s') };
    const names = (...StreamFilter: object[]) => namesOf(server, { StreamFilter, MaxResults: 1 });
    expect(await names(s)).toEqual(['a', 'c']);
    expect(await names({ StreamARN: streamArn('t') })).toEqual(['b']);
    expect(await names(s, { StreamARN: streamArn('t') })).toEqual(['a', 'b', 'c']);
    expect(await names({ ...s, StreamCreationTimestamp })).toEqual(['a', 'c']);
    expect(await names({ ...s, StreamCreationTimestamp: StreamCreationTimestamp - 1 })).toEqual([]);
    expect(await names({ StreamARN: streamArn('none') })).toEqual([]);
    expect(await namesOf(server, { StreamFilter: [] })).toEqual(['a', 'b', 'c']);
    const { NextToken } = await server.ok('ListChannels', { StreamFilter: [s], MaxResults: 1 });
    expect((await server.ok('ListChannels', { NextToken })).ChannelSummaries[0].ChannelName, 'the token knows').toBe(
      'c',
    );
    expect(await refusal(server, 'ListChannels', { NextToken, StreamFilter: [{ StreamARN: streamArn('t') }] })).toBe(
      'InvalidArgumentException: StreamFilter must be the one that NextToken was made with, or be left out.',
    );
    const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/a/b';
    expect(await refusal(server, 'ListChannels', { StreamFilter: [{ StreamARN }] })).toBe(
      `InvalidArgumentException: StreamARN ${StreamARN} is not the ARN of a stream.`,
    );
  });
});

it('an ARN names a channel in its own account and region only', async () => {
  const server = await startWithStream();
  const arn = await createChannel(server, 'c');
  const others = [
    arn.replace('us-east-1', 'eu-west-1'),
    arn.replace('000000000000', '111111111111'),
    `${arn}x`,
    arn.replace('aws', 'aws-x:y'),
  ];
  for (const ChannelARN of others) {
    expect(await refusal(server, 'DescribeChannel', { ChannelARN })).toBe(
      `ResourceNotFoundException: Channel ${ChannelARN} not found.`,
    );
  }
  const { body } = await server.call('DescribeChannel', { ChannelARN: arn }, { region: 'eu-west-1' });
  expect(body.ChannelDescription.ChannelName, 'as streams, by ARN from anywhere').toBe('c');
  const UNKNOWN = { ChannelARN: `${arn}x`, LoggingConfiguration: { CloudWatchLogs: { Enabled: true } } };
  expect(await refusal(server, 'UpdateChannel', UNKNOWN)).toMatch(/^ResourceNotFoundException/);
  // The same name in another account and region is another channel's.
  await createOnDemand(server, 's', { region: 'eu-west-1' });
  const [stream] = channelInput('c').StreamConfigurationList;
  const StreamConfigurationList = [{ ...stream, StreamARN: streamArn('s').replace('us-east-1', 'eu-west-1') }];
  await server.ok('CreateChannel', { ...channelInput('c'), StreamConfigurationList }, { region: 'eu-west-1' });
});

it('the delivery stream behind a channel is no delivery stream of Firehose', async () => {
  const server = await startTestServer({ settings: { QUOTAS: 'documented' } });
  await server.createStream('s');
  // In the documented profile streams are provisioned only.
  await setMode(server, 'ON_DEMAND');
  await createChannel(server, 'c');
  const [{ name }] = select(server, 'select name from delivery_streams');
  expect(name).toMatch(/^channel\/[0-9a-f-]{36}$/);
  expect((await firehose(server, 'ListDeliveryStreams', {})).DeliveryStreamNames).toEqual([]);
  expect(select(server, 'select * from v_delivery_streams')).toEqual([]);
  expect(select(server, 'select channel, delivery_stream, status from v_channels')).toEqual([
    { channel: 'c', delivery_stream: name, status: 'ACTIVE' },
  ]);
  for (const [operation, more] of [
    ['DescribeDeliveryStream', {}],
    ['DeleteDeliveryStream', {}],
    ['PutRecord', { Record: { Data: '' } }],
    ['ListTagsForDeliveryStream', {}],
  ] as const) {
    const { body } = await server.call(`Firehose_20150804.${operation}`, { DeliveryStreamName: name, ...more });
    expect(body.__type, operation).toBe('ValidationException');
  }
  for (let number = 0; number < 20; number += 1) await createDeliveryStream(server, `d${number}`);
  const more = { Limit: 10_000, ExclusiveStartDeliveryStreamName: 'a' };
  expect((await firehose(server, 'ListDeliveryStreams', more)).DeliveryStreamNames.length).toBe(20);
});
