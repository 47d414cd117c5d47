/**
 * The log: records appended to shards, and deleted when they have expired; record-reading.ts reads them. The hot SQL of
 * the program.
 *
 * Invariants: positions of a shard grow by one per record and are never given out twice; arrivals within a shard never
 * decrease, whatever the clock does; so a shard's records in id order are in arrival order too, and an instant is found
 * by binary search.
 */
import { isUtf8 } from 'node:buffer';
import { sql } from 'kysely';
import { counters } from '../database/counters.ts';
import type { Database } from '../database/database.ts';
import { atMost, type Bind, query } from '../database/query.ts';
import { checksum, checksumOfContent, idOf, positionOfId, selectFirst } from './record-rows.ts';
import type { Shard } from './topology.ts';

export interface NewRecord {
  readonly partitionKey: string;
  readonly data: Buffer;
}

interface RecordValues {
  shard: number;
  position: number;
  sequenceNumber: string;
  partitionKey: string;
  arrivedMs: number;
  isText: 0 | 1;
  crc32: number;
  data: Buffer;
}

const insertRecord = query((bind: Bind<RecordValues>, db) =>
  db.insertInto('records').values({
    id: idOf(bind, bind('position')),
    sequence_number: bind('sequenceNumber'),
    partition_key: bind('partitionKey'),
    arrived_ms: bind('arrivedMs'),
    is_text: bind('isText'),
    crc32: bind('crc32'),
    data: bind('data'),
  }),
);

/** Of a shard (by row id): the position that its next record gets, and the arrival of its newest record ever (0: none yet). */
export interface Tip {
  readonly nextPosition: number;
  readonly lastArrivedMs: number;
}

const selectTip = query((bind: Bind<{ shard: number }>, db) =>
  db
    .selectFrom('shards')
    .select(['next_position as nextPosition', 'last_arrived_ms as lastArrivedMs'])
    .where('id', '=', bind('shard')),
);

const updateTip = query((bind: Bind<Tip & { shard: number }>, db) =>
  db
    .updateTable('shards')
    .set({ next_position: bind('nextPosition'), last_arrived_ms: bind('lastArrivedMs') })
    .where('id', '=', bind('shard')),
);

const tips = counters<Tip>(
  (shard, database) => database.get(selectTip, { shard })!,
  (shard, tip, database) => database.run(updateTip, { ...tip, shard }),
);

export const tipOf = (shard: number, database: Database): Tip => tips.of(shard, database);

/** Shards (by row id) that records were appended to since the last commit; none are noted where nobody listens. */
const appended = new WeakMap<Database, Set<number>>();

/**
 * `listener` is given the row ids of the shards that got records, after each commit that has brought some and before
 * those who put them are told; sometimes a shard that got none. The set is valid during the call. It must not throw.
 */
export function onAppended(listener: (shards: ReadonlySet<number>) => void, database: Database): void {
  if (appended.has(database)) throw new Error('Somebody listens for appended records already.');
  const shards = new Set<number>();
  appended.set(database, shards);
  database.onCommit(() => {
    if (shards.size === 0) return;
    listener(shards);
    shards.clear();
  });
}

/** The schema limits positions to what a record's id has room for. */
const POSITIONS_END = 2 ** 40;

/** A shard has given out all of its 2^40 positions. */
export class PositionsExhausted extends Error {
  override readonly name = 'PositionsExhausted';
}

/**
 * Appends records to a shard at the instant `now`, in their order. Only inside the body of a write.
 * Returns their sequence numbers.
 * @throws PositionsExhausted when nothing was appended because there is no position left.
 */
export function append(shard: Shard, records: readonly NewRecord[], now: number, database: Database): string[] {
  const { nextPosition, lastArrivedMs } = tipOf(shard.id, database);
  if (nextPosition + records.length > POSITIONS_END) {
    throw new PositionsExhausted(`Shard row ${shard.id} has no position left for ${records.length} records.`);
  }
  const arrivedMs = Math.max(lastArrivedMs, now);
  // The children of a split or merge are created in the second after it, and no record is older than its shard.
  const recordS = Math.max(Math.floor(arrivedMs / 1000), shard.createdS);
  tips.set(shard.id, { nextPosition: nextPosition + records.length, lastArrivedMs: arrivedMs }, database);
  appended.get(database)?.add(shard.id);
  return records.map(({ partitionKey, data }, offset) => {
    const position = nextPosition + offset;
    const sequenceNumber = shard.sequenceNumbers.of(position, recordS);
    database.run(insertRecord, {
      shard: shard.id,
      position,
      sequenceNumber,
      partitionKey,
      arrivedMs,
      isText: isText(data),
      crc32: checksum(sequenceNumber, arrivedMs, checksumOfContent(partitionKey, data)),
      data,
    });
    return sequenceNumber;
  });
}

/** A slice of deletion ends at whichever comes first; it bounds the time that other writes wait for it. */
const SLICE_RECORDS = 500;
const SLICE_BYTES = 4 * 1024 * 1024;

const selectSizes = query((bind: Bind<{ shard: number; limit: number }>, db) =>
  db
    .selectFrom('records')
    .select([positionOfId.as('position'), 'arrived_ms', sql<number>`length(data)`.as('bytes')])
    .where('id', '>=', sql<number>`${bind('shard')} << 40`)
    .where('id', '<', sql<number>`(${bind('shard')} + 1) << 40`)
    .orderBy('id')
    .limit(atMost(bind('limit'))),
);

const deleteUpTo = query((bind: Bind<{ shard: number; position: number }>, db) =>
  db
    .deleteFrom('records')
    .where('id', '>=', sql<number>`${bind('shard')} << 40`)
    .where('id', '<=', idOf(bind, bind('position'))),
);

/** Whether a shard (by row id) has records that arrived at or before `untilMs`. */
export function hasExpired(shard: number, untilMs: number, database: Database): boolean {
  const oldest = database.get(selectFirst, { shard, from: 0 });
  return oldest !== undefined && oldest.arrived_ms <= untilMs;
}

/**
 * Deletes the oldest records of a shard (by row id) that arrived at or before `untilMs`, as many as one slice takes.
 * Only inside the body of a write. Returns how many.
 */
export function deleteSlice(shard: number, untilMs: number, database: Database): number {
  let position = 0;
  let bytes = 0;
  for (const row of database.all(selectSizes, { shard, limit: SLICE_RECORDS })) {
    if (row.arrived_ms > untilMs || bytes > SLICE_BYTES) break;
    position = row.position;
    bytes += row.bytes;
  }
  return position === 0 ? 0 : database.run(deleteUpTo, { shard, position });
}

/** Valid UTF-8 without NUL: what a person can read in a view. */
const isText = (data: Buffer): 0 | 1 => (isUtf8(data) && !data.includes(0) ? 1 : 0);
