/** Everything that clients can see, compared with the model. */
import { expect } from 'vitest';
import { shardIterator } from '../support/kinesis.ts';
import type { TestServer } from '../support/server.ts';
import type { Model, Reading } from './model.ts';
import type { ModelRecord, ModelShard, ModelStream } from './stream.ts';

/** The largest page that GetRecords gives: all records of a shard in the model. */
export const WHOLE = 10_000;

/** Streams with their states, shards with their lineage, tags, and every record from the oldest on. */
export async function compare(model: Model, server: TestServer): Promise<void> {
  const { StreamSummaries } = await server.ok('ListStreams', {});
  const shown = StreamSummaries.map(({ StreamName, StreamStatus }: Shown) => [StreamName, StreamStatus]);
  const streams = model.streams();
  expect(shown, 'ListStreams').toEqual(streams.map(({ name, state }) => [name, state]));
  for (const stream of streams) {
    await compareShards(stream, model, server);
    await compareTags(stream, server);
    for (const shard of stream.listed(model.now)) await compareRecords(shard, stream, model, server);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
type Shown = any;

async function compareShards(stream: ModelStream, model: Model, server: TestServer): Promise<void> {
  const { StreamDescription } = await server.ok('DescribeStream', { StreamName: stream.name });
  const { StreamStatus, Shards, HasMoreShards } = StreamDescription;
  expect({ StreamStatus, HasMoreShards }, `DescribeStream of ${stream.name}`).toEqual({
    StreamStatus: stream.state,
    HasMoreShards: false,
  });
  const listed = stream.listed(model.now);
  expect(Shards, `DescribeStream of ${stream.name}`).toEqual(listed.map(describedShard));
  for (const [place, shard] of listed.entries()) {
    const { StartingSequenceNumber, EndingSequenceNumber } = Shards[place].SequenceNumberRange;
    stream.see(shard, StartingSequenceNumber, EndingSequenceNumber);
  }
  assertWholeRange(Shards);
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

async function compareTags({ name, tags }: ModelStream, server: TestServer): Promise<void> {
  const answer = await server.ok('ListTagsForStream', { StreamName: name });
  expect(answer, `tags of ${name}`).toEqual({ Tags: listedTags(tags), HasMoreTags: false });
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

const answeredRecord = ({ number, partitionKey, data, arrivedMs }: ModelRecord) => ({
  SequenceNumber: number,
  ApproximateArrivalTimestamp: arrivedMs / 1000,
  PartitionKey: partitionKey,
  Data: data,
});

const answeredChild = ({ id, start, end, parents }: ModelShard) => ({
  ShardId: id,
  ParentShards: parents.map((parent) => parent.id),
  HashKeyRange: rangeOf({ start, end }),
});
