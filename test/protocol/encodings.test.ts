/** Every operation of both services says the same in JSON and in CBOR, and each encoding has AWS's forms. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { channelService } from '../../src/channels/index.ts';
import { firehose } from '../../src/firehose/index.ts';
import { kinesis } from '../../src/kinesis/index.ts';
import { cbor } from '../../src/protocol/cbor.ts';
import { ApiError } from '../../src/protocol/error.ts';
import { json } from '../../src/protocol/json.ts';
import type { Service } from '../../src/protocol/operation.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { validate } from '../../src/protocol/validate.ts';
import { quotasOf } from '../../src/quotas.ts';
import { CBOR_TYPE, cborOf, jsonOf } from '../support/cbor.ts';
import { channelInput } from '../support/channels.ts';
import type { TestClock } from '../support/clock.ts';
import { ROLE, S3 } from '../support/firehose.ts';
import { askHttp1, awsHeaders, type RawAnswer } from '../support/http-client.ts';
import { type Answer, startTestServer, type TestServer, type Wire } from '../support/server.ts';
import {
  badSamples,
  edgeSamples,
  goodValue,
  jsonOf as jsonOfSample,
  wrongTypeSamples,
} from '../support/shape-samples.ts';

const WIRES = ['json', 'cbor'] as const;
const CONTENT_TYPES = { json: 'application/x-amz-json-1.1', cbor: CBOR_TYPE } as const;

const SECOND_MS = 1000;
const FIVE_MINUTES_MS = 300_000;
const HALF = String(2n ** 127n);
const SHARD = 'shardId-000000000000';
const OTHER_SHARD = 'shardId-000000000001';

/** Every byte there is, in base64. */
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const Data = ALL_BYTES.toString('base64');

/** A call that must succeed. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
type Ask = (operation: string, input: object) => Promise<any>;

/** What is asked: known beforehand, or made of what earlier answers said. */
type Question = object | ((ask: Ask, clock: TestClock) => Promise<object>);

type Preparation = (ask: Ask, clock: TestClock) => Promise<void>;

/** One operation: what must be there, a call that succeeds, and how it can fail after that. */
interface Row {
  readonly before?: Preparation;
  readonly input: Question;
  /** Members of the answer, as JSON says them; `void` when there is no answer at all. */
  readonly answer: object | 'void';
  readonly errors: readonly (readonly [code: string, input: Question])[];
}

type Table = Readonly<Record<string, Row>>;

const withStream =
  (ShardCount = 1): Preparation =>
  async (ask, clock) => {
    await ask('CreateStream', { StreamName: 's', ShardCount, Tags: { first: '1', second: '2' } });
    clock.advance(SECOND_MS);
  };

const iteratorOf = async (ask: Ask, more: object = {}): Promise<string> => {
  const input = { StreamName: 's', ShardId: SHARD, ShardIteratorType: 'TRIM_HORIZON', ...more };
  return (await ask('GetShardIterator', input)).ShardIterator;
};

/** A key and a value of characters that are several bytes long. */
const LANGUAGES = { 'cl\u00e9': '\u043a\u043b\u044e\u0447', '\u9375': 'a' };
/** As a literal it would set the prototype. */
const TRAPS = JSON.parse('{"__proto__":"polluted","constructor":"1","tag":"2","value":"3"}') as object;

const NOT_FOUND = 'ResourceNotFoundException';
const IN_USE = 'ResourceInUseException';
const INVALID = 'InvalidArgumentException';
const MISSING = { StreamName: 'missing' };

const KINESIS: Table = {
  CreateStream: {
    input: { StreamName: 's', ShardCount: 2, Tags: { ...LANGUAGES } },
    answer: 'void',
    errors: [
      [IN_USE, { StreamName: 's', ShardCount: 1 }],
      [INVALID, { StreamName: 't', StreamModeDetails: { StreamMode: 'PROVISIONED' } }],
      ['ValidationException', { StreamName: 'd\u00e9j\u00e0 vu', ShardCount: 0 }],
      ['SerializationException', { StreamName: 't', ShardCount: '1' }],
    ],
  },
  DeleteStream: {
    before: withStream(),
    input: { StreamName: 's', EnforceConsumerDeletion: true },
    answer: 'void',
    errors: [
      [NOT_FOUND, MISSING],
      ['SerializationException', { StreamName: 's', EnforceConsumerDeletion: 'perhaps' }],
    ],
  },
  ListStreams: {
    async before(ask, clock) {
      await withStream()(ask, clock);
      await ask('CreateStream', { StreamName: 't' });
    },
    input: { Limit: 1 },
    answer: { StreamNames: ['s'], HasMoreStreams: true, NextToken: expect.any(String) },
    errors: [
      [INVALID, { NextToken: 'no token' }],
      ['ExpiredNextTokenException', expiredToken],
    ],
  },
  DescribeStream: {
    before: withStream(2),
    input: { StreamName: 's', Limit: 1 },
    answer: { StreamDescription: { StreamStatus: 'ACTIVE', HasMoreShards: true } },
    errors: [[NOT_FOUND, MISSING]],
  },
  DescribeStreamSummary: {
    before: withStream(2),
    input: { StreamName: 's' },
    answer: { StreamDescriptionSummary: { OpenShardCount: 2, StreamCreationTimestamp: expect.any(Number) } },
    errors: [[NOT_FOUND, MISSING]],
  },
  SplitShard: {
    before: withStream(),
    input: { StreamName: 's', ShardToSplit: SHARD, NewStartingHashKey: HALF },
    answer: 'void',
    errors: [
      [IN_USE, { StreamName: 's', ShardToSplit: SHARD, NewStartingHashKey: HALF }],
      [NOT_FOUND, { ...MISSING, ShardToSplit: SHARD, NewStartingHashKey: HALF }],
      [
        INVALID,
        async (_ask, clock) => {
          clock.advance(SECOND_MS);
          return { StreamName: 's', ShardToSplit: OTHER_SHARD, NewStartingHashKey: '0' };
        },
      ],
    ],
  },
  MergeShards: {
    before: withStream(2),
    input: { StreamName: 's', ShardToMerge: SHARD, AdjacentShardToMerge: OTHER_SHARD },
    answer: 'void',
    errors: [
      [NOT_FOUND, { ...MISSING, ShardToMerge: SHARD, AdjacentShardToMerge: OTHER_SHARD }],
      [NOT_FOUND, { StreamName: 's', ShardToMerge: 'first', AdjacentShardToMerge: OTHER_SHARD }],
    ],
  },
  PutRecord: {
    before: withStream(),
    input: { StreamName: 's', PartitionKey: 'cl\u00e9', Data },
    answer: { ShardId: SHARD, SequenceNumber: expect.stringMatching(/^\d+$/) },
    errors: [
      [NOT_FOUND, { ...MISSING, PartitionKey: 'k', Data }],
      [INVALID, { StreamName: 's', PartitionKey: 'k', Data, ExplicitHashKey: String(2n ** 128n) }],
      ['ValidationException', { StreamName: 's', PartitionKey: '\u{1f511}'.repeat(257), Data }],
      ['SerializationException', { StreamName: 's', PartitionKey: 'k', Data: [Data] }],
    ],
  },
  PutRecords: {
    before: withStream(2),
    input: {
      StreamName: 's',
      Records: [
        { PartitionKey: 'a', Data },
        { PartitionKey: 'b', Data: '', ExplicitHashKey: HALF },
      ],
    },
    answer: { FailedRecordCount: 0, Records: [{ ShardId: SHARD }, { ShardId: OTHER_SHARD }] },
    errors: [
      [NOT_FOUND, { ...MISSING, Records: [{ PartitionKey: 'a', Data }] }],
      ['ValidationException', { StreamName: 's', Records: [] }],
      [
        'SerializationException',
        {
          StreamName: 's',
          Records: [
            { PartitionKey: 'a', Data },
            { PartitionKey: 5, Data },
          ],
        },
      ],
    ],
  },
  GetShardIterator: {
    before: withStream(),
    input: (_ask, clock) =>
      Promise.resolve({
        StreamName: 's',
        ShardId: SHARD,
        ShardIteratorType: 'AT_TIMESTAMP',
        Timestamp: clock.now() / SECOND_MS,
      }),
    answer: { ShardIterator: expect.any(String) },
    errors: [
      [NOT_FOUND, { ...MISSING, ShardId: SHARD, ShardIteratorType: 'LATEST' }],
      [INVALID, { StreamName: 's', ShardId: SHARD, ShardIteratorType: 'AT_SEQUENCE_NUMBER' }],
      [INVALID, { StreamName: 's', ShardId: SHARD, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 4_102_444_800.125 }],
      ['ValidationException', { StreamName: 's', ShardId: SHARD, ShardIteratorType: 'FIRST' }],
      ['SerializationException', { StreamName: 's', ShardId: SHARD, ShardIteratorType: 'LATEST', Timestamp: '2026' }],
    ],
  },
  GetRecords: {
    async before(ask, clock) {
      await withStream()(ask, clock);
      await ask('PutRecord', { StreamName: 's', PartitionKey: 'cl\u00e9-\u{1f511}', Data });
      await ask('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    },
    input: async (ask) => ({ ShardIterator: await iteratorOf(ask), Limit: 2 }),
    answer: {
      MillisBehindLatest: 0,
      Records: [
        { Data, PartitionKey: 'cl\u00e9-\u{1f511}', ApproximateArrivalTimestamp: expect.any(Number) },
        { Data: '', PartitionKey: 'k' },
      ],
    },
    errors: [
      [INVALID, { ShardIterator: 'no iterator' }],
      ['ValidationException', { ShardIterator: '' }],
      [
        'ExpiredIteratorException',
        async (ask, clock) => {
          const ShardIterator = await iteratorOf(ask);
          clock.advance(FIVE_MINUTES_MS + 1);
          return { ShardIterator };
        },
      ],
    ],
  },
  AddTagsToStream: {
    before: withStream(),
    input: { StreamName: 's', Tags: { ...LANGUAGES } },
    answer: 'void',
    errors: [
      [NOT_FOUND, { ...MISSING, Tags: { a: 'b' } }],
      [INVALID, { StreamName: 's', Tags: { 'a!': 'b' } }],
      ['ValidationException', { StreamName: 's', Tags: {} }],
      ['SerializationException', { StreamName: 's', Tags: { a: 1 } }],
    ],
  },
  RemoveTagsFromStream: {
    before: withStream(),
    input: { StreamName: 's', TagKeys: ['first', 'cl\u00e9'] },
    answer: 'void',
    errors: [
      [NOT_FOUND, { ...MISSING, TagKeys: ['a'] }],
      [INVALID, { StreamName: 's', TagKeys: ['a!'] }],
    ],
  },
  ListTagsForStream: {
    async before(ask, clock) {
      await withStream()(ask, clock);
      await ask('AddTagsToStream', { StreamName: 's', Tags: TRAPS });
      await ask('AddTagsToStream', { StreamName: 's', Tags: LANGUAGES });
    },
    input: { StreamName: 's' },
    answer: {
      HasMoreTags: false,
      Tags: expect.arrayContaining([
        { Key: '__proto__', Value: 'polluted' },
        { Key: 'cl\u00e9', Value: '\u043a\u043b\u044e\u0447' },
      ]),
    },
    errors: [
      [NOT_FOUND, MISSING],
      ['ValidationException', { StreamName: 's', Limit: 51 }],
    ],
  },
};

const arnOf = async (ask: Ask): Promise<string> =>
  (await ask('DescribeStreamSummary', { StreamName: 's' })).StreamDescriptionSummary.StreamARN;

/** An input that names the stream `s` by its ARN, in the member `name`. */
const ofStream =
  (more: object = {}, name = 'StreamARN'): Question =>
  async (ask) => ({ [name]: await arnOf(ask), ...more });

/** Its ARN is of nobody's account. */
const NO_ARN = 'arn:aws:kinesis:us-east-1:999999999999:stream/missing';

const withConsumer: Preparation = async (ask, clock) => {
  await withStream()(ask, clock);
  await ask('RegisterStreamConsumer', { StreamARN: await arnOf(ask), ConsumerName: 'c' });
  clock.advance(60 * SECOND_MS);
};

const policyOf = (arn: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: 'cl\u00e9', Effect: 'Allow', Principal: '*', Action: 'kinesis:DescribeStream', Resource: arn }],
  });

const withPolicy: Preparation = async (ask, clock) => {
  await withStream()(ask, clock);
  const ResourceARN = await arnOf(ask);
  await ask('PutResourcePolicy', { ResourceARN, Policy: policyOf(ResourceARN) });
};

const KEY = { EncryptionType: 'KMS', KeyId: 'alias/a' };

const withOnDemandStream: Preparation = async (ask, clock) => {
  await ask('CreateStream', { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  clock.advance(SECOND_MS);
  // Warm throughput is for accounts that have committed themselves to pay for some.
  await ask('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } });
};

/** Operations that came to the service later. */
const LATER_KINESIS: Table = {
  ListShards: {
    before: withStream(2),
    input: { StreamName: 's', MaxResults: 1, ShardFilter: { Type: 'AT_LATEST' } },
    answer: { Shards: [{ ShardId: SHARD }], NextToken: expect.any(String) },
    errors: [
      [NOT_FOUND, MISSING],
      [INVALID, { NextToken: 'no token' }],
    ],
  },
  UpdateShardCount: {
    before: withStream(),
    input: { StreamName: 's', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' },
    answer: { StreamName: 's', CurrentShardCount: 1, TargetShardCount: 2 },
    errors: [
      [IN_USE, { StreamName: 's', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' }],
      [NOT_FOUND, { ...MISSING, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' }],
    ],
  },
  RegisterStreamConsumer: {
    before: withStream(),
    input: ofStream({ ConsumerName: 'c', Tags: { ...LANGUAGES } }),
    answer: { Consumer: { ConsumerName: 'c', ConsumerCreationTimestamp: expect.any(Number) } },
    errors: [
      [IN_USE, ofStream({ ConsumerName: 'c' })],
      [NOT_FOUND, { StreamARN: NO_ARN, ConsumerName: 'c' }],
    ],
  },
  DescribeStreamConsumer: {
    before: withConsumer,
    input: ofStream({ ConsumerName: 'c' }),
    answer: { ConsumerDescription: { ConsumerStatus: 'ACTIVE', ConsumerCreationTimestamp: expect.any(Number) } },
    errors: [[NOT_FOUND, ofStream({ ConsumerName: 'missing' })]],
  },
  DeregisterStreamConsumer: {
    before: withConsumer,
    input: ofStream({ ConsumerName: 'c' }),
    answer: 'void',
    errors: [[NOT_FOUND, ofStream({ ConsumerName: 'missing' })]],
  },
  ListStreamConsumers: {
    before: withConsumer,
    input: ofStream({ MaxResults: 1 }),
    answer: { Consumers: [{ ConsumerName: 'c', ConsumerCreationTimestamp: expect.any(Number) }] },
    errors: [[NOT_FOUND, { StreamARN: NO_ARN }]],
  },
  TagResource: {
    before: withStream(),
    input: ofStream({ Tags: { ...LANGUAGES } }, 'ResourceARN'),
    answer: 'void',
    errors: [
      [NOT_FOUND, { ResourceARN: NO_ARN, Tags: { a: 'b' } }],
      [INVALID, ofStream({ Tags: { 'a!': 'b' } }, 'ResourceARN')],
    ],
  },
  UntagResource: {
    before: withStream(),
    input: ofStream({ TagKeys: ['first', 'cl\u00e9'] }, 'ResourceARN'),
    answer: 'void',
    errors: [[NOT_FOUND, { ResourceARN: NO_ARN, TagKeys: ['a'] }]],
  },
  ListTagsForResource: {
    before: withStream(),
    input: ofStream({}, 'ResourceARN'),
    answer: {
      Tags: [
        { Key: 'first', Value: '1' },
        { Key: 'second', Value: '2' },
      ],
    },
    errors: [[NOT_FOUND, { ResourceARN: NO_ARN }]],
  },
  PutResourcePolicy: {
    before: withStream(),
    input: async (ask) => {
      const ResourceARN = await arnOf(ask);
      return { ResourceARN, Policy: policyOf(ResourceARN) };
    },
    answer: 'void',
    errors: [
      [NOT_FOUND, { ResourceARN: NO_ARN, Policy: policyOf(NO_ARN) }],
      [INVALID, ofStream({ Policy: 'no policy' }, 'ResourceARN')],
    ],
  },
  GetResourcePolicy: {
    before: withPolicy,
    input: ofStream({}, 'ResourceARN'),
    answer: { Policy: expect.stringContaining('cl\u00e9') },
    errors: [[NOT_FOUND, { ResourceARN: NO_ARN }]],
  },
  DeleteResourcePolicy: {
    before: withPolicy,
    input: ofStream({}, 'ResourceARN'),
    answer: 'void',
    errors: [[NOT_FOUND, ofStream({}, 'ResourceARN')]],
  },
  IncreaseStreamRetentionPeriod: {
    before: withStream(),
    input: { StreamName: 's', RetentionPeriodHours: 48 },
    answer: 'void',
    errors: [
      [NOT_FOUND, { ...MISSING, RetentionPeriodHours: 48 }],
      [INVALID, { StreamName: 's', RetentionPeriodHours: 1 }],
    ],
  },
  DecreaseStreamRetentionPeriod: {
    async before(ask, clock) {
      await withStream()(ask, clock);
      await ask('IncreaseStreamRetentionPeriod', { StreamName: 's', RetentionPeriodHours: 48 });
      clock.advance(SECOND_MS);
    },
    input: { StreamName: 's', RetentionPeriodHours: 24 },
    answer: 'void',
    errors: [[NOT_FOUND, { ...MISSING, RetentionPeriodHours: 24 }]],
  },
  EnableEnhancedMonitoring: {
    before: withStream(),
    input: { StreamName: 's', ShardLevelMetrics: ['IncomingBytes'] },
    answer: { StreamName: 's', CurrentShardLevelMetrics: [], DesiredShardLevelMetrics: ['IncomingBytes'] },
    errors: [[NOT_FOUND, { ...MISSING, ShardLevelMetrics: ['ALL'] }]],
  },
  DisableEnhancedMonitoring: {
    async before(ask, clock) {
      await withStream()(ask, clock);
      await ask('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['IncomingBytes'] });
      clock.advance(SECOND_MS);
    },
    input: { StreamName: 's', ShardLevelMetrics: ['ALL'] },
    answer: { StreamName: 's', CurrentShardLevelMetrics: ['IncomingBytes'], DesiredShardLevelMetrics: [] },
    errors: [[NOT_FOUND, { ...MISSING, ShardLevelMetrics: ['ALL'] }]],
  },
  StartStreamEncryption: {
    before: withStream(),
    input: { StreamName: 's', ...KEY },
    answer: 'void',
    errors: [
      [NOT_FOUND, { ...MISSING, ...KEY }],
      [INVALID, { StreamName: 's', ...KEY, EncryptionType: 'NONE' }],
    ],
  },
  StopStreamEncryption: {
    async before(ask, clock) {
      await withStream()(ask, clock);
      await ask('StartStreamEncryption', { StreamName: 's', ...KEY });
      clock.advance(SECOND_MS);
    },
    input: { StreamName: 's', ...KEY },
    answer: 'void',
    errors: [[NOT_FOUND, { ...MISSING, ...KEY }]],
  },
  UpdateStreamMode: {
    before: withStream(),
    input: ofStream({ StreamModeDetails: { StreamMode: 'ON_DEMAND' } }),
    answer: 'void',
    errors: [[NOT_FOUND, { StreamARN: NO_ARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }]],
  },
  UpdateStreamWarmThroughput: {
    before: withOnDemandStream,
    input: { StreamName: 's', WarmThroughputMiBps: 100 },
    answer: { StreamName: 's', WarmThroughput: { TargetMiBps: 100 } },
    errors: [[NOT_FOUND, { ...MISSING, WarmThroughputMiBps: 100 }]],
  },
  UpdateMaxRecordSize: {
    before: withStream(),
    input: ofStream({ MaxRecordSizeInKiB: 2048 }),
    answer: 'void',
    errors: [[NOT_FOUND, { StreamARN: NO_ARN, MaxRecordSizeInKiB: 2048 }]],
  },
  UpdateStreamRecordDistributionStrategy: {
    before: withOnDemandStream,
    input: ofStream({ RecordDistributionStrategy: 'AUTO' }),
    answer: 'void',
    errors: [[NOT_FOUND, { StreamARN: NO_ARN, RecordDistributionStrategy: 'AUTO' }]],
  },
  DescribeLimits: {
    before: withStream(2),
    input: {},
    answer: { OpenShardCount: 2, ShardLimit: expect.any(Number) },
    errors: [],
  },
  DescribeAccountSettings: {
    input: {},
    answer: { MinimumThroughputBillingCommitment: { Status: 'DISABLED' } },
    errors: [],
  },
  UpdateAccountSettings: {
    input: { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } },
    answer: { MinimumThroughputBillingCommitment: { Status: 'ENABLED', StartedAt: expect.any(Number) } },
    errors: [['ValidationException', {}]],
  },
};

async function expiredToken(ask: Ask, clock: TestClock): Promise<object> {
  const { NextToken } = await ask('ListStreams', { Limit: 1 });
  clock.advance(FIVE_MINUTES_MS + 1);
  return { NextToken };
}

const withDeliveryStream: Preparation = async (ask, clock) => {
  await ask('CreateDeliveryStream', {
    DeliveryStreamName: 'd',
    ExtendedS3DestinationConfiguration: { ...S3, BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 60 } },
    Tags: [{ Key: 'first', Value: '1' }, { Key: 'second' }],
  });
  clock.advance(SECOND_MS);
};
const NO_D = { DeliveryStreamName: 'missing' };
const D = { DeliveryStreamName: 'd' };

const FIREHOSE: Table = {
  CreateDeliveryStream: {
    input: { ...D, ExtendedS3DestinationConfiguration: S3 },
    answer: { DeliveryStreamARN: expect.stringMatching(/^arn:aws:firehose:us-east-1:\d{12}:deliverystream\/d$/) },
    errors: [
      [IN_USE, { ...D, ExtendedS3DestinationConfiguration: S3 }],
      [INVALID, { DeliveryStreamName: 'e' }],
      ['ValidationException', { DeliveryStreamName: 'd\u00e9j\u00e0 vu' }],
      [
        'SerializationException',
        { ...D, ExtendedS3DestinationConfiguration: { ...S3, BufferingHints: { SizeInMBs: '5' } } },
      ],
    ],
  },
  DeleteDeliveryStream: {
    before: withDeliveryStream,
    input: { ...D, AllowForceDelete: true },
    answer: {},
    errors: [[NOT_FOUND, NO_D]],
  },
  DescribeDeliveryStream: {
    before: withDeliveryStream,
    input: D,
    answer: {
      DeliveryStreamDescription: {
        DeliveryStreamStatus: 'ACTIVE',
        CreateTimestamp: expect.any(Number),
        HasMoreDestinations: false,
        Destinations: [{ ExtendedS3DestinationDescription: { BufferingHints: { SizeInMBs: 5 } } }],
      },
    },
    errors: [[NOT_FOUND, NO_D]],
  },
  ListDeliveryStreams: {
    before: withDeliveryStream,
    input: { Limit: 1 },
    answer: { DeliveryStreamNames: ['d'], HasMoreDeliveryStreams: false },
    errors: [['ValidationException', { Limit: 0 }]],
  },
  UpdateDestination: {
    before: withDeliveryStream,
    input: {
      ...D,
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'destinationId-000000000001',
      ExtendedS3DestinationUpdate: {
        Prefix: 'pr\u00e9fixe/',
        DataFormatConversionConfiguration: {
          Enabled: false,
          InputFormatConfiguration: { Deserializer: { OpenXJsonSerDe: { ColumnToJsonKeyMappings: TRAPS } } },
        },
      },
    },
    answer: {},
    errors: [
      [NOT_FOUND, { ...NO_D, CurrentDeliveryStreamVersionId: '1', DestinationId: 'a' }],
      [INVALID, { ...D, CurrentDeliveryStreamVersionId: '2', DestinationId: 'a' }],
      ['ConcurrentModificationException', { ...D, CurrentDeliveryStreamVersionId: '9', DestinationId: 'a' }],
    ],
  },
  PutRecord: {
    before: withDeliveryStream,
    input: { ...D, Record: { Data } },
    answer: { RecordId: expect.any(String), Encrypted: false },
    errors: [
      [NOT_FOUND, { ...NO_D, Record: { Data } }],
      ['ValidationException', D],
      ['SerializationException', { ...D, Record: Data }],
    ],
  },
  PutRecordBatch: {
    before: withDeliveryStream,
    input: { ...D, Records: [{ Data }, { Data: '' }] },
    answer: { FailedPutCount: 0, RequestResponses: [{ RecordId: expect.any(String) }, {}] },
    errors: [
      [NOT_FOUND, { ...NO_D, Records: [{ Data }] }],
      ['ValidationException', { ...D, Records: [{}] }],
    ],
  },
  TagDeliveryStream: {
    before: withDeliveryStream,
    input: { ...D, Tags: Object.entries({ ...LANGUAGES, b: '' }).map(([Key, Value]) => ({ Key, Value })) },
    answer: {},
    errors: [
      [NOT_FOUND, { ...NO_D, Tags: [{ Key: 'a' }] }],
      ['ValidationException', { ...D, Tags: [{ Key: 'aws:a' }] }],
    ],
  },
  UntagDeliveryStream: {
    before: withDeliveryStream,
    input: { ...D, TagKeys: ['first'] },
    answer: {},
    errors: [[NOT_FOUND, { ...NO_D, TagKeys: ['a'] }]],
  },
  ListTagsForDeliveryStream: {
    before: withDeliveryStream,
    input: D,
    answer: { HasMoreTags: false, Tags: [{ Key: 'first', Value: '1' }, { Key: 'second' }] },
    errors: [[NOT_FOUND, NO_D]],
  },
  StartDeliveryStreamEncryption: {
    before: withDeliveryStream,
    input: { ...D, DeliveryStreamEncryptionConfigurationInput: { KeyType: 'AWS_OWNED_CMK' } },
    answer: {},
    errors: [
      [NOT_FOUND, NO_D],
      [INVALID, { ...D, DeliveryStreamEncryptionConfigurationInput: { KeyType: 'CUSTOMER_MANAGED_CMK' } }],
    ],
  },
  StopDeliveryStreamEncryption: {
    async before(ask, clock) {
      await withDeliveryStream(ask, clock);
      await ask('StartDeliveryStreamEncryption', D);
      clock.advance(SECOND_MS);
    },
    input: D,
    answer: {},
    errors: [[NOT_FOUND, NO_D]],
  },
};

/** The input of CreateChannel for the stream `s` of whoever asks, which must be there. */
const channelOf =
  (name: string, more: object = {}) =>
  async (ask: Ask) => {
    const { StreamDescriptionSummary } = await ask('DescribeStreamSummary', { StreamName: 's' });
    const { StreamARN } = StreamDescriptionSummary;
    const input = channelInput(name);
    const [stream] = input.StreamConfigurationList;
    return { ...input, StreamConfigurationList: [{ ...stream, StreamARN }], ...more };
  };

const withOnDemand: Preparation = async (ask, clock) => {
  await ask('CreateStream', { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  clock.advance(SECOND_MS);
};

const withChannels: Preparation = async (ask, clock) => {
  await withOnDemand(ask, clock);
  for (const name of ['c', 'd']) await ask('CreateChannel', await channelOf(name)(ask));
  clock.advance(SECOND_MS);
};

/** The input that names the first channel of whoever asks. */
const theChannel =
  (more: object = {}) =>
  async (ask: Ask) => {
    const { ChannelSummaries } = await ask('ListChannels', {});
    return { ChannelARN: ChannelSummaries[0].ChannelARN, ...more };
  };

const NO_CHANNEL = { ChannelARN: 'arn:aws:kinesis:us-east-1:000000000000:channel/none' };
const FRESHER = { S3DestinationConfiguration: { DataFreshnessInSeconds: 60 } };

const CHANNELS: Table = {
  CreateChannel: {
    before: withOnDemand,
    input: channelOf('c', { Tags: LANGUAGES }),
    answer: { ChannelDescription: { ChannelStatus: 'CREATING', ChannelCreationTimestamp: expect.any(Number) } },
    errors: [
      [IN_USE, channelOf('c')],
      [INVALID, channelOf('d', { S3DestinationConfiguration: null })],
    ],
  },
  DescribeChannel: {
    before: withChannels,
    input: theChannel(),
    answer: { ChannelDescription: { ChannelName: 'c', LoggingConfiguration: { CloudWatchLogs: { Enabled: false } } } },
    errors: [[NOT_FOUND, NO_CHANNEL]],
  },
  ListChannels: {
    before: withChannels,
    input: { MaxResults: 1 },
    answer: { ChannelSummaries: [{ ChannelName: 'c', ChannelDestinationType: 'S3' }], NextToken: expect.any(String) },
    errors: [[INVALID, { NextToken: 'none' }]],
  },
  UpdateChannel: {
    before: withChannels,
    input: theChannel(FRESHER),
    answer: { ChannelDescription: { ChannelStatus: 'UPDATING', ...FRESHER } },
    errors: [
      [IN_USE, theChannel(FRESHER)],
      [INVALID, theChannel()],
      [NOT_FOUND, { ...NO_CHANNEL, ...FRESHER }],
    ],
  },
  DeleteChannel: {
    before: withChannels,
    input: theChannel(),
    answer: 'void',
    errors: [[NOT_FOUND, NO_CHANNEL]],
  },
};

/** Members whose values are random, or made with a random key. */
const RANDOM = /^(?:NextToken|(?:Next)?ShardIterator|RecordId|StreamId|ChannelId|ChannelARN)$/;

/** The body of an answer as one text, in the order in which it came, without what is random. */
const withoutRandom = ({ body }: Answer): string | undefined =>
  JSON.stringify(body, (name, value) => (RANDOM.test(name) ? `a ${typeof value}` : value));

/** The answers to every question of a row, with what was asked; the success first. */
type Answers = readonly (readonly [title: string, answer: Answer])[];

async function answersTo(
  service: Service,
  name: string,
  row: Row,
  server: TestServer,
  account: string,
  wire: Wire,
): Promise<Answers> {
  const nameOf = (operation: string) => `${service.target}.${operation}`;
  const ask: Ask = (operation, input) => server.ok(nameOf(operation), input, { account, wire });
  const answerTo = async (question: Question) => {
    const input = typeof question === 'function' ? await question(ask, server.clock) : question;
    return server.call(nameOf(name), input, { account, wire });
  };
  await row.before?.(ask, server.clock);
  const answers: (readonly [string, Answer])[] = [[`${name}`, await answerTo(row.input)]];
  for (const [code, question] of row.errors) answers.push([`${name} with ${code}`, await answerTo(question)]);
  // What is wrong by its shape alone, one of each kind.
  const shape = service.operations.get(name)!.input as StructureShape;
  if (shape.members.length === 0) return answers;
  const wrongType = wrongTypeSamples(shape).find((sample) => sample.wire === undefined)!;
  answers.push([`${name} with ${wrongType.title}`, await answerTo(wrongType.input as object)]);
  const bad = badSamples(shape, quotasOf('relaxed'))[0]!;
  answers.push([`${name} with ${bad.title}`, await answerTo(jsonOfSample(shape, bad.input) as object)]);
  return answers;
}

function expectSuccess({ status, body, text, headers }: Answer, expected: Row['answer'], title: string): void {
  expect.soft(status, `${title}: ${text}`).toBe(200);
  expect.soft(headers.get('x-amzn-errortype'), title).toBeNull();
  if (expected !== 'void') return expect.soft(body, title).toMatchObject(expected);
  expect.soft([text, headers.get('content-length')], `${title}: an empty body`).toEqual(['', '0']);
}

function expectError({ status, body, text, headers }: Answer, code: string, title: string): void {
  expect.soft(status, `${title}: ${text}`).toBe(400);
  expect.soft(body?.__type, `${title}: ${text}`).toBe(code);
  const key = code === 'SerializationException' ? 'Message' : 'message';
  expect.soft(Object.keys(body ?? {}), title).toEqual(['__type', key]);
  expect.soft(headers.get('x-amzn-errortype'), title).toBe(code);
}

/** Their answers are streams of events, which are in JSON always; subscribe-to-shard.test.ts reads them. */
const EVENT_STREAMS: ReadonlySet<string> = new Set(['SubscribeToShard']);

describe.each([
  ['Kinesis', kinesis, { ...KINESIS, ...LATER_KINESIS }],
  ['Channels', channelService, CHANNELS],
  ['Firehose', firehose, FIREHOSE],
] as const)('%s', (_title, service, table) => {
  it('has a row for each of its operations', () => {
    const names = [...service.operations.keys()].filter((name) => !EVENT_STREAMS.has(name));
    expect(Object.keys(table).toSorted()).toEqual(names.toSorted());
    for (const [name, { input }] of service.operations) expect(goodValue(input), name).toBeDefined();
  });

  it('says the same in JSON and in CBOR', async () => {
    const servers = { json: await startTestServer(), cbor: await startTestServer() };
    for (const [index, [name, row]] of Object.entries(table).entries()) {
      // An account of its own: no row sees what another has done.
      const account = String(index + 1).padStart(12, '0');
      const [inJson, inCbor] = await Promise.all(
        WIRES.map((wire) => answersTo(service, name, row, servers[wire], account, wire)),
      );
      for (const [wire, answers] of [
        ['json', inJson!],
        ['cbor', inCbor!],
      ] as const) {
        const [[title, success], ...failures] = answers as [Answers[number], ...Answers];
        expectSuccess(success, row.answer, `${title} in ${wire}`);
        const codes = [...row.errors.map(([code]) => code), 'SerializationException', 'ValidationException'];
        for (const [at, [failureTitle, answer]] of failures.entries()) {
          expectError(answer, codes[at]!, `${failureTitle} in ${wire}`);
        }
        for (const [about, { headers }] of answers) {
          expect.soft(headers.get('content-type'), `${about} in ${wire}`).toBe(CONTENT_TYPES[wire]);
        }
      }
      for (const [at, [title, answer]] of inJson!.entries()) {
        expect.soft(withoutRandom(inCbor![at]![1]), title).toBe(withoutRandom(answer));
      }
    }
  });
});

describe.each([
  ['Kinesis', kinesis],
  ['Channels', channelService],
  ['Firehose', firehose],
] as const)('every limit and type of the inputs of %s', (_title, service) => {
  const quotas = quotasOf('relaxed');

  /** What decoding and validation say about an input, which is JSON, in one of the encodings. */
  function outcomeOf(name: string, input: object, wire: Wire): unknown {
    const shape = service.operations.get(name)!.input;
    const codec = wire === 'json' ? json : cbor;
    const body = wire === 'json' ? Buffer.from(JSON.stringify(input)) : cborOf(`${service.target}.${name}`, input);
    try {
      const decoded = codec.decode(shape, codec.parse(body));
      validate(shape, decoded, { quotas, showsValues: true });
      return decoded;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return `${error.code}: ${error.message}`;
    }
  }

  it('is the same in both encodings', () => {
    let count = 0;
    for (const [name, { input }] of service.operations) {
      const shape = input as StructureShape;
      const decoded = [...badSamples(shape, quotas), ...edgeSamples(shape, quotas)];
      const samples: readonly (readonly [title: string, input: unknown])[] = [
        ...wrongTypeSamples(shape)
          .filter(({ wire }) => wire === undefined)
          .map((sample) => [sample.title, sample.input] as const),
        ...decoded.map((sample) => [sample.title, jsonOfSample(shape, sample.input)] as const),
      ];
      count += samples.length;
      for (const [title, sample] of samples) {
        const [inJson, inCbor] = WIRES.map((wire) => outcomeOf(name, sample as object, wire));
        if (!isDeepStrictEqual(inCbor, inJson)) expect.soft(inCbor, `${name}: ${title}`).toEqual(inJson);
      }
    }
    expect(count, 'samples').toBeGreaterThan(300);
  });
});

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** Sends `body` as it is; the operation is one of Kinesis unless it is named with its service. */
function askCbor(url: string, operation: string, body: Buffer): Promise<RawAnswer> {
  const target = operation.includes('.') ? operation : `Kinesis_20131202.${operation}`;
  return askHttp1(url, {
    headers: { ...awsHeaders(operation), 'Content-Type': CBOR_TYPE, 'X-Amz-Target': target },
    body,
  });
}

/** The answer, which must be a success. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
function bodyOf({ status, bytes: body }: RawAnswer): any {
  const parsed = jsonOf(body);
  if (status !== 200) throw new Error(`It was answered with ${status}: ${JSON.stringify(parsed)}`);
  return parsed;
}

/** A text of less than 65,536 bytes, in hex. */
function text(value: string): string {
  const content = Buffer.from(value);
  const { length } = content;
  const head = length < 24 ? [0x60 + length] : length < 256 ? [0x78, length] : [0x79, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]).toString('hex');
}

/** A map without a length, of names and items in hex. */
const map = (members: Readonly<Record<string, string>>) =>
  bytes(
    `bf${Object.entries(members)
      .map(([name, item]) => text(name) + item)
      .join('')}ff`,
  );

const int64 = (value: number) => `1b${BigInt(value).toString(16).padStart(16, '0')}`;

describe('CBOR on the wire', () => {
  it('has bytes as byte strings and times as tagged milliseconds, in maps and lists without a length', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const createdMs = server.clock.now() - SECOND_MS;
    const putMs = server.clock.now();
    const record = { StreamName: text('s'), PartitionKey: text('k'), Data: `590100${ALL_BYTES.toString('hex')}` };
    bodyOf(await askCbor(server.url, 'PutRecord', map(record)));

    const summary = await askCbor(server.url, 'DescribeStreamSummary', map({ StreamName: text('s') }));
    const created = `${text('StreamCreationTimestamp')}c1${int64(Math.floor(createdMs / 1000) * 1000)}`;
    expect(summary.bytes.toString('hex')).toContain(created);
    expect(summary.bytes.toString('hex')).toMatch(/^bf.*ff$/);

    const ShardIterator = await iteratorOf(server.ok);
    const { bytes: answer } = await askCbor(server.url, 'GetRecords', map({ ShardIterator: text(ShardIterator) }));
    const hex = answer.toString('hex');
    expect(hex).toContain(`${text('Data')}590100${ALL_BYTES.toString('hex')}`);
    expect(hex).toContain(`${text('ApproximateArrivalTimestamp')}c1${int64(putMs)}`);
    expect(hex).toContain(`${text('Records')}9fbf`);
    expect(hex).toContain(`${text('MillisBehindLatest')}00`);
  });

  it('has all times of delivery streams as tagged milliseconds', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const startMs = server.clock.now();
    const source = { KinesisStreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s', RoleARN: ROLE };
    await server.ok('Firehose_20150804.CreateDeliveryStream', {
      ...D,
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: source,
      ExtendedS3DestinationConfiguration: S3,
    });
    server.clock.advance(SECOND_MS);
    await server.ok('Firehose_20150804.UpdateDestination', {
      ...D,
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'destinationId-000000000001',
      ExtendedS3DestinationUpdate: { Prefix: 'p/' },
    });
    const input = map({ DeliveryStreamName: text('d') });
    const described = await askCbor(server.url, 'Firehose_20150804.DescribeDeliveryStream', input);
    const hex = described.bytes.toString('hex');
    expect(hex).toContain(`${text('CreateTimestamp')}c1${int64(startMs)}`);
    expect(hex).toContain(`${text('DeliveryStartTimestamp')}c1${int64(startMs)}`);
    expect(hex).toContain(`${text('LastUpdateTimestamp')}c1${int64(server.clock.now())}`);
  });

  it('has errors as maps, SerializationException with its own key', async () => {
    const { url } = await startTestServer();
    const hexOf = async (operation: string, input: Buffer) =>
      (await askCbor(url, operation, input)).bytes.toString('hex');
    expect(await hexOf('DescribeStream', map({ StreamName: text('s') }))).toBe(
      map({
        __type: text('ResourceNotFoundException'),
        message: text('Stream s under account 000000000000 not found.'),
      }).toString('hex'),
    );
    expect(await hexOf('DescribeStream', map({ StreamName: '80' }))).toBe(
      map({
        __type: text('SerializationException'),
        Message: text('Start of list found where not expected'),
      }).toString('hex'),
    );
    expect(await hexOf('DescribeStream', bytes('bf'))).toBe(
      map({ __type: text('SerializationException') }).toString('hex'),
    );
    expect(await hexOf('NoSuchOperation', bytes('bfff'))).toBe(
      map({ __type: text('UnknownOperationException') }).toString('hex'),
    );
  });

  it('of an operation without an output is nothing', async () => {
    const { url } = await startTestServer();
    const {
      status,
      headers,
      bytes: body,
    } = await askCbor(url, 'CreateStream', map({ StreamName: text('s'), ShardCount: '01' }));
    expect([status, headers['content-type'], headers['content-length'], body.length]).toEqual([200, CBOR_TYPE, '0', 0]);
  });

  it('reads what JSON put, and JSON reads what it put', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (const wire of WIRES) {
      await server.ok('PutRecord', { StreamName: 's', PartitionKey: `cl\u00e9 ${wire}`, Data }, { wire });
    }
    for (const wire of WIRES) {
      const { Records } = await server.ok('GetRecords', { ShardIterator: await iteratorOf(server.ok) }, { wire });
      expect(Records.map((record: { Data: string }) => record.Data)).toEqual([Data, Data]);
      expect(Records.map((record: { PartitionKey: string }) => record.PartitionKey)).toEqual([
        'cl\u00e9 json',
        'cl\u00e9 cbor',
      ]);
    }
  });

  it('carries the largest record', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 10_240 });
    server.clock.advance(SECOND_MS);
    const content = Buffer.alloc(10 * 1024 * 1024 - 1, ALL_BYTES);
    const head = `5a${content.length.toString(16).padStart(8, '0')}`;
    const start = map({ StreamName: text('s'), PartitionKey: text('k') }).subarray(0, -1);
    const body = Buffer.concat([start, bytes(text('Data') + head), content, bytes('ff')]);
    expect(bodyOf(await askCbor(server.url, 'PutRecord', body)).ShardId).toBe(SHARD);
    const ShardIterator = await iteratorOf(server.ok);
    const { bytes: answer } = await askCbor(server.url, 'GetRecords', map({ ShardIterator: text(ShardIterator) }));
    const at = answer.indexOf(bytes(text('Data') + head)) + 'Data'.length + 1 + 5;
    expect(answer.subarray(at, at + content.length).equals(content)).toBe(true);
  });

  it('may ask for AT_TIMESTAMP with tagged milliseconds in every form of a number', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const PARTITION_KEYS = ['first', 'second', 'third'];
    const atMs = server.clock.now() + 10;
    for (const PartitionKey of PARTITION_KEYS) {
      await server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '' });
      server.clock.advance(10);
    }
    const double = Buffer.alloc(8);
    double.writeDoubleBE(atMs + 0.25);
    const float = `fb${double.toString('hex')}`;
    const from = async (Timestamp: string) => {
      const input = map({
        StreamName: text('s'),
        ShardId: text(SHARD),
        ShardIteratorType: text('AT_TIMESTAMP'),
        Timestamp,
      });
      const answer = await askCbor(server.url, 'GetShardIterator', input);
      if (answer.status !== 200) return jsonOf(answer.bytes);
      const { Records } = await server.ok('GetRecords', bodyOf(answer));
      return Records.map((record: { PartitionKey: string }) => record.PartitionKey);
    };
    const [second, third] = [PARTITION_KEYS.slice(1), PARTITION_KEYS.slice(2)];
    expect(await from(`c1${int64(atMs)}`), 'tag 1, as SDKs send it').toEqual(second);
    expect(await from(`c1${int64(atMs + 1)}`), 'one millisecond later').toEqual(third);
    expect(await from(`d801${int64(atMs)}`), 'tag 1 in two bytes').toEqual(second);
    expect(await from(int64(atMs)), 'without a tag').toEqual(second);
    expect(await from(`c1${float}`), 'tag 1 around a float').toEqual(second);
    expect(await from(float), 'a float').toEqual(second);
    expect(await from('c120'), 'before 1970').toEqual(PARTITION_KEYS);
    expect(await from('c100'), 'the epoch').toEqual(PARTITION_KEYS);
    expect(await from('c13bffffffffffffffff'), 'long before 1970').toEqual(PARTITION_KEYS);
    expect(await from('c1f9fc00'), 'the beginning of time').toEqual(PARTITION_KEYS);
    expect(await from(`c11a${Math.floor(atMs / 1000).toString(16)}`), 'seconds are not guessed').toEqual(
      PARTITION_KEYS,
    );
    const laterMs = server.clock.now() + 1;
    expect(await from(`c1${int64(laterMs)}`), 'the future').toMatchObject({
      __type: INVALID,
      message: expect.stringContaining(`timestampInMillis: ${laterMs}, currentTimestampInMillis: ${laterMs - 1}`),
    });
    expect(await from('c1f97c00'), 'the end of time').toMatchObject({ __type: INVALID });
    expect(await from('c16161'), 'a tagged text').toMatchObject({ __type: 'SerializationException' });
    expect(await from('f6'), 'null').toMatchObject({
      __type: INVALID,
      message: expect.stringContaining('no timestamp parameter'),
    });
  });
});

describe('what the SDKs for Java send', () => {
  interface Capture {
    readonly operation: string;
    readonly sdks: readonly string[];
    readonly explanation: string;
    readonly body: string;
  }
  const path = join(import.meta.dirname, '../fixtures/java-cbor.json');
  const { requests } = JSON.parse(readFileSync(path, 'utf8')) as { requests: readonly Capture[] };
  const [create, putRecord, putRecords, getIterator, getSome, getAll] = requests.map(
    ({ operation, body }) => [operation, bytes(body)] as const,
  ) as [[string, Buffer], [string, Buffer], [string, Buffer], [string, Buffer], [string, Buffer], [string, Buffer]];
  /** `body` with another iterator than the one it was captured with. */
  const withIterator = (body: Buffer, iterator: string) =>
    bytes(body.toString('hex').replace(text('AAAAAAAAAAE-iterator'), text(iterator)));

  it('is understood, and answered in the forms that they read', async () => {
    const server = await startTestServer();
    const send = ([operation, body]: readonly [string, Buffer]) => askCbor(server.url, operation, body);
    const created = await send(create);
    expect([created.status, created.bytes.length]).toEqual([200, 0]);
    server.clock.advance(SECOND_MS);
    expect(
      (await server.ok('DescribeStreamSummary', { StreamName: 'orders' })).StreamDescriptionSummary.OpenShardCount,
    ).toBe(2);
    const put = bodyOf(await send(putRecord));
    expect(put).toEqual({ ShardId: expect.stringMatching(/^shardId-\d{12}$/), SequenceNumber: expect.any(String) });
    const { FailedRecordCount, Records } = bodyOf(await send(putRecords));
    expect(FailedRecordCount).toBe(0);
    expect(Records[1].ShardId, 'of ExplicitHashKey 2^127').toBe(OTHER_SHARD);

    // The first shard; the records of the other one are read in JSON, which must see the same.
    const { ShardIterator } = bodyOf(await send(getIterator));
    const read = bodyOf(await send(['GetRecords', withIterator(getSome[1], ShardIterator)]));
    expect(bodyOf(await send(['GetRecords', withIterator(getAll[1], ShardIterator)])).Records).toEqual(read.Records);
    const other = await iteratorOf(server.ok, { StreamName: 'orders', ShardId: OTHER_SHARD });
    const rest = await server.ok('GetRecords', { ShardIterator: other }, { wire: 'json' });
    const all = [...read.Records, ...rest.Records].map((record) => [record.PartitionKey, record.Data]);
    expect(Object.fromEntries(all)).toEqual({
      'cl\u00e9-\u043a\u043b\u044e\u0447-\u{1f511}': Data,
      'key-0': Buffer.from('record 0').toString('base64'),
      'key-1': Buffer.from('record 1').toString('base64'),
    });
  });

  it('may be cut into texts and bytes of no announced length, also inside a character', async () => {
    const server = await startTestServer();
    await server.createStream('orders');
    const cut = (type: number, content: string | Buffer, at: number) => {
      const whole = Buffer.from(content as string);
      const chunk = (part: Buffer) => Buffer.concat([Buffer.from([(type << 5) | part.length]), part]);
      const chunks = [chunk(whole.subarray(0, at)), chunk(whole.subarray(at))];
      return Buffer.concat([Buffer.from([(type << 5) | 31]), ...chunks, Buffer.from([0xff])]);
    };
    const [BYTES, TEXT] = [2, 3];
    const body = Buffer.concat([
      Buffer.from([0xbf]),
      ...[cut(TEXT, 'StreamName', 3), cut(TEXT, 'orders', 0)],
      ...[cut(TEXT, 'PartitionKey', 12), cut(TEXT, 'clé', 3)],
      ...[cut(TEXT, 'Data', 2), cut(BYTES, Buffer.from([0, 255, 128]), 1)],
      Buffer.from([0xff]),
    ]);
    const { status, text: said } = await askCbor(server.url, 'PutRecord', body);
    expect(status, said).toBe(200);
    const iterator = await iteratorOf(server.ok, { StreamName: 'orders', ShardId: 'shardId-000000000000' });
    const { Records } = await server.ok('GetRecords', { ShardIterator: iterator }, { wire: 'json' });
    expect(Records.map((record: { PartitionKey: string; Data: string }) => [record.PartitionKey, record.Data])).toEqual(
      [['clé', Buffer.from([0, 255, 128]).toString('base64')]],
    );
  });

  it('is refused in CBOR where it is wrong', async () => {
    const { url } = await startTestServer();
    for (const [operation, body] of [getSome, getAll]) {
      const { status, headers, bytes: answer } = await askCbor(url, operation, body);
      expect([status, headers['content-type'], headers['x-amzn-errortype']]).toEqual([400, CBOR_TYPE, INVALID]);
      expect(jsonOf(answer)).toEqual({ __type: INVALID, message: 'Invalid ShardIterator.' });
    }
    const [operation, body] = putRecord;
    for (const length of [1, 15, 100, body.length - 1]) {
      const { status, bytes: answer } = await askCbor(url, operation, body.subarray(0, length));
      expect([status, jsonOf(answer)], `the first ${length} bytes`).toEqual([
        400,
        { __type: 'SerializationException' },
      ]);
    }
  });
});
