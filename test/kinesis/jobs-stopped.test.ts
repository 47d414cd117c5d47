/** Status, retention and resharding follow from stored instants: jobs reclaim space and change nothing that clients see. */
import { expect, it } from 'vitest';
import { shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const HOUR_MS = 3_600_000;
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

const put = (server: TestServer, StreamName: string, PartitionKey: string) =>
  server.call('PutRecord', { StreamName, PartitionKey, Data: '' });

/** A day and a half in the life of two streams; each step is followed by a look at everything. */
const STEPS: readonly ((server: TestServer) => unknown)[] = [
  (server) => server.call('CreateStream', { StreamName: 'a', ShardCount: 2, Tags: { team: 'x' } }),
  ({ clock }) => clock.advance(500),
  (server) => put(server, 'a', 'first'),
  (server) => put(server, 'a', 'second'),
  ({ clock }) => clock.advance(HOUR_MS),
  (server) => server.call('SplitShard', { StreamName: 'a', ShardToSplit: id(0), NewStartingHashKey: '5' }),
  (server) => put(server, 'a', 'while updating'),
  ({ clock }) => clock.advance(500),
  (server) => put(server, 'a', 'third'),
  (server) => server.call('CreateStream', { StreamName: 'b', ShardCount: 1 }),
  ({ clock }) => clock.advance(10 * HOUR_MS),
  (server) => put(server, 'b', 'to be deleted'),
  (server) => server.call('DeleteStream', { StreamName: 'b' }),
  ({ clock }) => clock.advance(499),
  ({ clock }) => clock.advance(1),
  (server) => server.call('CreateStream', { StreamName: 'b', ShardCount: 1 }),
  (server) => server.call('MergeShards', { StreamName: 'a', ShardToMerge: id(3), AdjacentShardToMerge: id(1) }),
  ({ clock }) => clock.advance(13 * HOUR_MS - 2000),
  ({ clock }) => clock.advance(2000),
  ({ clock }) => clock.advance(HOUR_MS),
  (server) => server.restart(),
  (server) => put(server, 'a', 'late'),
  ({ clock }) => clock.advance(12 * HOUR_MS),
  (server) => server.call('SplitShard', { StreamName: 'a', ShardToSplit: id(4), NewStartingHashKey: '100' }),
];

interface ListedShard {
  readonly ShardId: string;
}

/** Everything that clients can see, without the iterators, which are random. */
async function lookAt(server: TestServer): Promise<unknown> {
  const seen: unknown[] = [];
  const { StreamSummaries } = await server.ok('ListStreams', {});
  seen.push(StreamSummaries);
  for (const { StreamName } of StreamSummaries) {
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName });
    seen.push(StreamDescription, await server.ok('ListTagsForStream', { StreamName }));
    for (const { ShardId } of StreamDescription.Shards as ListedShard[]) {
      const ShardIterator = await shardIterator(server, StreamName, 'TRIM_HORIZON', { ShardId });
      const { NextShardIterator, ...answer } = await server.ok('GetRecords', { ShardIterator });
      seen.push(ShardId, answer, NextShardIterator !== undefined);
    }
    // A shard that may have expired, and one that never was.
    for (const ShardId of [id(0), id(9)]) {
      const { status, body } = await server.call('GetShardIterator', {
        StreamName,
        ShardId,
        ShardIteratorType: 'LATEST',
      });
      seen.push(status, body.message);
    }
  }
  return seen;
}

it('with all jobs stopped clients see exactly the same', async () => {
  const swept = await startTestServer();
  const unswept = await startTestServer();
  let deleted = 0;
  for (const [index, step] of STEPS.entries()) {
    await step(swept);
    await step(unswept);
    deleted += (await swept.runJob('sweep')) as number;
    expect(await lookAt(unswept), `after step ${index + 1}`).toEqual(await lookAt(swept));
  }
  expect(deleted, 'the sweeper had something to do').toBeGreaterThan(3);
});
