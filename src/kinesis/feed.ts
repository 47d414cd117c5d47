/**
 * A stream as a source for other services: every record from a position on, shard by shard. The only door to this
 * service; what it hands out are row ids and positions, which never change their meaning.
 */
import { tipOf } from './record-log.ts';
import { read } from './record-reading.ts';
import { findStream, horizonOf, listedShards, type Moment, streamNameOfArn } from './stream-store.ts';
import { parentIndicesOf } from './topology.ts';

export interface Feed {
  readonly name: string;
  readonly retentionHours: number;
  /** Parents before their children. */
  readonly shards: readonly FeedShard[];
}

export interface FeedShard {
  /** Row id, never reused. */
  readonly id: number;
  /** The row ids of those parents that are still there. */
  readonly parents: readonly number[];
  /** A closed shard gets no more records. */
  readonly isClosed: boolean;
  /** The position that its next record gets. */
  readonly nextPosition: number;
  /** Its records from the position `from` on that have not expired: at least one, if there is any. */
  read(from: number, limits: { readonly records: number; readonly bytes: number }): readonly FeedRecord[];
}

export interface FeedRecord {
  readonly position: number;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly arrivedMs: number;
  readonly data: Buffer;
}

/** The stream that `arn` names, as it is at the instant `now`; undefined when there is none. */
export function findFeed(arn: string, moment: Moment): Feed | undefined {
  const name = streamNameOfArn(arn);
  const stream = name && findStream(name, moment);
  if (stream === undefined) return undefined;
  const listed = listedShards(stream, moment);
  const idByIndex = new Map(listed.map(({ index, id }) => [index, id]));
  const arrivedAfterMs = horizonOf(stream, moment.now);
  return {
    name: stream.name,
    retentionHours: stream.retentionHours,
    shards: listed.map((shard) => ({
      id: shard.id,
      parents: parentIndicesOf(shard).flatMap((index) => idByIndex.get(index) ?? []),
      isClosed: shard.closedMs !== null,
      nextPosition: tipOf(shard.id, moment.database).nextPosition,
      read: (from, limits) => read(shard, from, { ...limits, arrivedAfterMs }, moment.database).records,
    })),
  };
}
