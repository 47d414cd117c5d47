/** Everything that clients can see, compared with the model. */
import { expect } from 'vitest';
import { shardIterator } from '../support/kinesis.ts';
import type { TestServer } from '../support/server.ts';
import type { Model, Reading } from './model.ts';
import type { ModelConsumer, ModelRecord, ModelShard, ModelStream } from './stream.ts';

/** The largest page that GetRecords gives: all records of a shard in the model. */
export const WHOLE = 10_000;

/** The largest page that DescribeStream gives. */
const DESCRIBED = 100;

/** Streams with all that describes them, shards with their lineage, consumers, tags, and every record from the oldest on. */
export async function compare(model: Model, server: TestServer): Promise<void> {
  const { StreamSummaries } = await server.ok('ListStreams', {});
  const streams = model.streams();
  expect(StreamSummaries, 'ListStreams').toEqual(streams.map(listedStream));
  for (const stream of streams) {
    await compareDescriptions(stream, server);
    await compareShards(stream, server);
    await compareConsumers(stream, server);
    await compareTags(stream, server);
    for (const shard of stream.listed()) await compareRecords(shard, stream, model, server);
  }
  await compareLimits(model, server);
}

const listedStream = ({ name, arn, state, mode, createdMs }: ModelStream) => ({
  StreamName: name,
  StreamARN: arn,
  StreamStatus: state,
  StreamModeDetails: { StreamMode: mode },
  StreamCreationTimestamp: Math.floor(createdMs / 1000),
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
type Shown = any;

async function compareDescriptions(stream: ModelStream, server: TestServer): Promise<void> {
  const { StreamDescriptionSummary: summary } = await server.ok('DescribeStreamSummary', { StreamName: stream.name });
  expect(inOrder(summary), `DescribeStreamSummary of ${stream.name}`).toEqual({
    ...description(stream),
    OpenShardCount: stream.listed().filter(({ closedMs }) => closedMs === undefined).length,
    ConsumerCount: stream.registered().length,
    ChannelCount: 0,
    MaxRecordSizeInKiB: stream.maxRecordKib,
    ...(stream.mode === 'ON_DEMAND' && { RecordDistributionStrategy: 'USER_PARTITION_KEY' }),
  });
}

/** What both descriptions of a stream show. */
const description = (stream: ModelStream) => ({
  ...listedStream(stream),
  RetentionPeriodHours: stream.retentionHours,
  EnhancedMonitoring: [{ ShardLevelMetrics: [...stream.metrics].sort() }],
  EncryptionType: stream.keyId === undefined ? 'NONE' : 'KMS',
  ...(stream.keyId !== undefined && { KeyId: stream.keyId }),
});

/** The order of the metrics says nothing. */
const inOrder = (shown: Shown): Shown => ({
  ...shown,
  EnhancedMonitoring: shown.EnhancedMonitoring.map(({ ShardLevelMetrics, ...rest }: Shown) => ({
    ...rest,
    ShardLevelMetrics: ShardLevelMetrics.sort(),
  })),
});

async function compareShards(stream: ModelStream, server: TestServer): Promise<void> {
  const { StreamDescription } = await server.ok('DescribeStream', { StreamName: stream.name });
  const listed = stream.listed();
  expect(inOrder(StreamDescription), `DescribeStream of ${stream.name}`).toEqual({
    ...description(stream),
    Shards: listed.slice(0, DESCRIBED).map(describedShard),
    HasMoreShards: listed.length > DESCRIBED,
  });
  // Clients look at ListShards while a stream is ready.
  if (stream.state !== 'ACTIVE' && stream.state !== 'UPDATING') return;
  const { Shards } = await server.ok('ListShards', { StreamName: stream.name });
  expect(Shards, `ListShards of ${stream.name}`).toEqual(listed.map(describedShard));
  for (const [place, shard] of listed.entries()) {
    const { StartingSequenceNumber, EndingSequenceNumber } = Shards[place].SequenceNumberRange;
    stream.see(shard, StartingSequenceNumber, EndingSequenceNumber);
  }
  assertWholeRange(Shards);
}

async function compareConsumers(stream: ModelStream, server: TestServer): Promise<void> {
  const { Consumers } = await server.ok('ListStreamConsumers', { StreamARN: stream.arn });
  const expected = stream.registered().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(Consumers, `consumers of ${stream.name}`).toEqual(expected.map(listedConsumer));
  for (const consumer of expected) {
    const { ConsumerDescription } = await server.ok('DescribeStreamConsumer', { ConsumerARN: consumer.arn });
    expect(ConsumerDescription).toEqual({ ...listedConsumer(consumer), StreamARN: stream.arn });
  }
}

const listedConsumer = ({ name, arn, state, createdS }: ModelConsumer) => ({
  ConsumerName: name,
  ConsumerARN: arn,
  ConsumerStatus: state,
  ConsumerCreationTimestamp: createdS,
});

/** Shards count as they will be while a stream changes: compared when none does. */
async function compareLimits(model: Model, server: TestServer): Promise<void> {
  const streams = model.streams();
  const OnDemandStreamCount = streams.filter(({ mode }) => mode === 'ON_DEMAND').length;
  const OpenShardCount = streams.reduce((sum, stream) => sum + stream.open().length, 0);
  const isQuiet = model.comingTransitions().length === 0;
  const limits = await server.ok('DescribeLimits', {});
  expect(limits, 'DescribeLimits').toMatchObject({ OnDemandStreamCount, ...(isQuiet && { OpenShardCount }) });
}

/** A shard as DescribeStream must show it. Numbers are not predicted: `ModelStream.see` judges them. */
export const describedShard = ({ id, start, end, parents: [parent, adjacent], closedMs }: ModelShard) => ({
  ShardId: id,
  ...(parent && { ParentShardId: parent.id }),
  ...(adjacent && { AdjacentParentShardId: adjacent.id }),
  HashKeyRange: rangeOf({ start, end }),
  SequenceNumberRange: {
    StartingSequenceNumber: expect.any(String),
    ...(closedMs !== undefined && { EndingSequenceNumber: expect.any(String) }),
  },
});

const rangeOf = ({ start, end }: Pick<ModelShard, 'start' | 'end'>) => ({
  StartingHashKey: start.toString(),
  EndingHashKey: end.toString(),
});

/** The open shards must take every hash key exactly once. */
function assertWholeRange(shards: readonly Shown[]): void {
  const ranges = shards
    .filter(({ SequenceNumberRange }) => SequenceNumberRange.EndingSequenceNumber === undefined)
    .map(({ HashKeyRange }) => [BigInt(HashKeyRange.StartingHashKey), BigInt(HashKeyRange.EndingHashKey)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (shards.length === 0) return;
  const starts = [...ranges.map(([start]) => start), 1n << 128n];
  expect(starts, 'open ranges begin at 0 and where others end').toEqual([0n, ...ranges.map(([, end]) => end + 1n)]);
}

async function compareTags({ name, arn, tags }: ModelStream, server: TestServer): Promise<void> {
  const answer = await server.ok('ListTagsForStream', { StreamName: name });
  expect(answer, `tags of ${name}`).toEqual({ Tags: listedTags(tags), HasMoreTags: false });
  const { Tags } = await server.ok('ListTagsForResource', { ResourceARN: arn });
  expect(Tags, `tags of ${arn}`).toEqual(answer.Tags);
}

/** Sorted by UTF-16 code units, as JavaScript compares. */
export const listedTags = (tags: ReadonlyMap<string, string>) =>
  [...tags].sort(([a], [b]) => (a < b ? -1 : 1)).map(([Key, Value]) => ({ Key, Value }));

async function compareRecords(shard: ModelShard, stream: ModelStream, model: Model, server: TestServer): Promise<void> {
  const token = await shardIterator(server, stream.name, 'TRIM_HORIZON', { ShardId: shard.id });
  const answer = await server.ok('GetRecords', { ShardIterator: token });
  const reading = model.read({ stream, shard, position: 0, token, createdMs: model.now }, WHOLE);
  expect(answer, `records of ${shard.id} of ${stream.name}`).toEqual(answeredReading(reading));
}

/** The answer of GetRecords that gives this reading. */
export const answeredReading = ({ records, next, millisBehind, children }: Reading) => ({
  Records: records.map(answeredRecord),
  MillisBehindLatest: millisBehind,
  ...(next === undefined ? { ChildShards: children.map(answeredChild) } : { NextShardIterator: expect.any(String) }),
});

const answeredRecord = ({ number, partitionKey, data, arrivedMs, isEncrypted }: ModelRecord) => ({
  SequenceNumber: number,
  ApproximateArrivalTimestamp: arrivedMs / 1000,
  PartitionKey: partitionKey,
  Data: data,
  ...(isEncrypted && { EncryptionType: 'KMS' }),
});

const answeredChild = ({ id, start, end, parents }: ModelShard) => ({
  ShardId: id,
  ParentShards: parents.map((parent) => parent.id),
  HashKeyRange: rangeOf({ start, end }),
});
