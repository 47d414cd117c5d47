/** Everything that clients can see, compared with the model. */
import { expect } from 'vitest';
import { shardIterator } from '../support/kinesis.ts';
import type { TestServer } from '../support/server.ts';
import { type Model, type ModelShard, type ModelStream, type Reading, shardIdOf, statusOf } from './model.ts';

/** Streams, their shards with lineage, tags, and every record from the oldest on. */
export async function compare(model: Model, server: TestServer): Promise<void> {
  const { StreamSummaries } = await server.ok('ListStreams', {});
  const shown = StreamSummaries.map((summary: { StreamName: string; StreamStatus: string }) => [
    summary.StreamName,
    summary.StreamStatus,
  ]);
  const streams = [...model.streams.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(shown, 'the streams and their states').toEqual(streams.map((stream) => [stream.name, statusOf(stream)]));
  for (const stream of streams) await compareStream(stream, model, server);
}

interface ShownShard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly AdjacentParentShardId?: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
  readonly SequenceNumberRange: { readonly StartingSequenceNumber: string; readonly EndingSequenceNumber?: string };
}

async function compareStream(stream: ModelStream, model: Model, server: TestServer): Promise<void> {
  const { StreamDescription } = await server.ok('DescribeStream', { StreamName: stream.name });
  const listed = model.listed(stream);
  expect(StreamDescription.StreamStatus).toBe(statusOf(stream));
  expect(StreamDescription.Shards.map(outlineOfShown), `the shards of ${stream.name}`).toEqual(listed.map(outlineOf));
  await compareTags(stream, server);
  for (const [place, shard] of listed.entries()) {
    compareNumbers(stream, shard, StreamDescription.Shards[place]);
    await compareRecords(stream, shard, model, server);
  }
}

const outlineOf = ({ index, start, end, parents, closedMs }: ModelShard) => ({
  id: shardIdOf(index),
  range: [start.toString(), end.toString()],
  parents: parents.map(shardIdOf),
  isClosed: closedMs !== null,
});

const outlineOfShown = ({ ShardId, HashKeyRange, SequenceNumberRange, ...parents }: ShownShard) => ({
  id: ShardId,
  range: [HashKeyRange.StartingHashKey, HashKeyRange.EndingHashKey],
  parents: [parents.ParentShardId, parents.AdjacentParentShardId].filter((id) => id !== undefined),
  isClosed: SequenceNumberRange.EndingSequenceNumber !== undefined,
});

/** The numbers of a shard's records lie between those that its description states, and above its parents'. */
function compareNumbers(stream: ModelStream, shard: ModelShard, { SequenceNumberRange }: ShownShard): void {
  const starting = BigInt(SequenceNumberRange.StartingSequenceNumber);
  const numbers = shard.records.map(({ number }) => BigInt(number));
  expect(numbers.every((number) => number > starting)).toBe(true);
  if (SequenceNumberRange.EndingSequenceNumber !== undefined) {
    const ending = BigInt(SequenceNumberRange.EndingSequenceNumber);
    expect(numbers.every((number) => number < ending)).toBe(true);
  }
  for (const parent of shard.parents) {
    const last = stream.shards[parent]!.records.at(-1);
    expect(starting > BigInt(last?.number ?? 0), `${shard.index} starts above its parent ${parent}`).toBe(true);
  }
}

async function compareTags(stream: ModelStream, server: TestServer): Promise<void> {
  const tags: [string, string][] = [];
  for (let more = true, after: string | undefined; more; after = tags.at(-1)?.[0]) {
    const input = { StreamName: stream.name, Limit: 2, ExclusiveStartTagKey: after };
    const page = await server.ok('ListTagsForStream', input);
    tags.push(...page.Tags.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]));
    more = page.HasMoreTags;
  }
  expect(tags, `the tags of ${stream.name}`).toEqual([...stream.tags].sort());
}

async function compareRecords(stream: ModelStream, shard: ModelShard, model: Model, server: TestServer): Promise<void> {
  const ShardIterator = await shardIterator(server, stream.name, 'TRIM_HORIZON', { ShardId: shardIdOf(shard.index) });
  const answer = await server.ok('GetRecords', { ShardIterator });
  expectReading(answer, model.read(shard, 0, 10_000), stream, shard, model);
}

/** `answer` of GetRecords must be what the model reads. */
export function expectReading(
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
  answer: any,
  { records, next, millisBehind }: Reading,
  stream: ModelStream,
  shard: ModelShard,
  model: Model,
): void {
  const children = model.childrenOf(stream, shard).map((child) => ({
    ShardId: shardIdOf(child.index),
    ParentShards: child.parents.map(shardIdOf),
    HashKeyRange: { StartingHashKey: child.start.toString(), EndingHashKey: child.end.toString() },
  }));
  expect(answer, `records of shard ${shard.index} of ${stream.name}`).toEqual({
    Records: records.map((record) => ({
      SequenceNumber: record.number,
      PartitionKey: record.partitionKey,
      Data: record.data,
      ApproximateArrivalTimestamp: record.arrivedMs / 1000,
    })),
    MillisBehindLatest: millisBehind,
    ...(next === undefined ? { ChildShards: children } : { NextShardIterator: expect.any(String) }),
  });
}
