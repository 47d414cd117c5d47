/** What a subscriber is sent: the records of a shard from a position on, as one event. */
import type { Database } from '../../database/database.ts';
import { eventFrame } from '../../protocol/event-stream.ts';
import { json } from '../../protocol/json.ts';
import { tipOf } from '../record-log.ts';
import { read } from '../record-reading.ts';
import { horizonOf, type Stream } from '../stream-store.ts';
import type { Shard } from '../topology.ts';
import { childShards, wireRecord } from '../wire-records.ts';

/** A shard and its stream as they are at the instant `now`. */
export interface Place {
  readonly stream: Stream;
  readonly shard: Shard;
  readonly now: number;
  readonly database: Database;
}

export interface ShardEvent {
  readonly frame: Buffer;
  /** Of the records' data and keys. */
  readonly bytes: number;
  /** The position behind the event. */
  readonly next: number;
  /** Whether more records are there already. */
  readonly hasMore: boolean;
  /** Whether it is the shard's end: nothing follows. */
  readonly isLast: boolean;
}

/** Whether at the position `from` there is anything to tell: records, or the end of the shard. */
export const hasNews = (from: number, { shard, database }: Place): boolean =>
  shard.closedMs !== null || from < tipOf(shard.id, database).nextPosition;

/**
 * The event that follows the position `from`: of records with `bytesMax` bytes together, at least one if there is any.
 * @throws Error when its first record is damaged
 */
export function eventFrom(from: number, bytesMax: number, place: Place): ShardEvent {
  const { stream, shard, now, database } = place;
  const { nextPosition } = tipOf(shard.id, database);
  const limits = { records: RECORDS_MAX, bytes: bytesMax, arrivedAfterMs: horizonOf(stream, now) };
  const { records, bytes } = from < nextPosition ? read(shard, from, limits, database) : NOTHING;
  const last = records.at(-1);
  // Where nothing is left to read, all that is stored has expired.
  const next = last === undefined ? nextPosition : last.position + 1;
  const hasMore = next < nextPosition;
  const isLast = !hasMore && shard.closedMs !== null;
  const payload = json.encode({
    Records: records.map((record) => wireRecord(record, stream)),
    // Its absence tells consumers that they have read the whole shard.
    ContinuationSequenceNumber: isLast ? undefined : (last?.sequenceNumber ?? newestNumber(shard, database)),
    MillisBehindLatest: hasMore ? Math.max(1, now - last!.arrivedMs) : 0,
    ChildShards: isLast ? childShards(shard, stream, place) : undefined,
  });
  return { frame: eventFrame('SubscribeToShardEvent', payload), bytes, next, hasMore, isLast };
}

/** Tiny records take long for their bytes, and nobody else is served meanwhile. */
const RECORDS_MAX = 2000;

const NOTHING = { records: [], bytes: 0 } as const;

/** The number of the shard's newest record, also when it has expired; the number with which the shard starts before it. */
function newestNumber({ id, sequenceNumbers, createdS }: Shard, database: Database): string {
  const { nextPosition, lastArrivedMs } = tipOf(id, database);
  if (nextPosition <= 1) return sequenceNumbers.starting;
  return sequenceNumbers.of(nextPosition - 1, Math.max(Math.floor(lastArrivedMs / 1000), createdS));
}
