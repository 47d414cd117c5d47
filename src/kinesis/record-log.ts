/**
 * The log: records appended to shards and read from them. The hot SQL of the program.
 *
 * Invariants: positions of a shard grow by one per record and are never given out twice; arrivals within a shard never
 * decrease, whatever the clock does; so a shard's records in id order are in arrival order too, and an instant is found
 * by binary search.
 */
import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import type { Shard } from './topology.ts';

export interface NewRecord {
  readonly partitionKey: string;
  readonly data: Buffer;
}

export interface StoredRecord {
  readonly position: number;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly arrivedMs: number;
  readonly data: Buffer;
}

/** The id of a record, composed in SQL because it exceeds what a JavaScript number holds exactly. */
const idOf = <P extends { shard: number }>(bind: Bind<P>, position: number | undefined) =>
  sql<number>`(${bind('shard')} << 40) | ${position}`;
const positionOfId = sql<number>`id & 1099511627775`;

const reserve = query((bind: Bind<{ shard: number; count: number; now: number }>, db) =>
  db
    .updateTable('shards')
    .set((column) => ({
      next_position: column('next_position', '+', bind('count')),
      last_arrived_ms: sql<number>`max(last_arrived_ms, ${bind('now')})`,
    }))
    .where('id', '=', bind('shard'))
    .returning(['next_position', 'last_arrived_ms']),
);

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

interface Range {
  shard: number;
  from: number;
  limit: number;
}

const selectRecords = query((bind: Bind<Range>, db) =>
  db
    .selectFrom('records')
    .select([positionOfId.as('position'), 'sequence_number', 'partition_key', 'arrived_ms', 'crc32', 'data'])
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<', sql<number>`(${bind('shard')} + 1) << 40`)
    .orderBy('id')
    .limit(bind('limit')),
);

const selectFirst = query((bind: Bind<Omit<Range, 'limit'>>, db) =>
  db
    .selectFrom('records')
    .select([positionOfId.as('position'), 'arrived_ms'])
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<', sql<number>`(${bind('shard')} + 1) << 40`)
    .orderBy('id')
    .limit(sql.lit(1)),
);

const selectTip = query((bind: Bind<{ shard: number }>, db) =>
  db.selectFrom('shards').select(['next_position', 'last_arrived_ms']).where('id', '=', bind('shard')),
);

/** Of a shard (by row id): the position that its next record gets, and the arrival of its newest record ever (0: none yet). */
export interface Tip {
  readonly nextPosition: number;
  readonly lastArrivedMs: number;
}

export function tipOf(shard: number, database: Database): Tip {
  const row = database.get(selectTip, { shard })!;
  return { nextPosition: row.next_position, lastArrivedMs: row.last_arrived_ms };
}

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
  const reserved = reservePositions(shard, records.length, now, database);
  const firstPosition = reserved.next_position - records.length;
  const arrivedMs = reserved.last_arrived_ms;
  // The children of a split or merge are created in the second after it, and no record is older than its shard.
  const recordS = Math.max(Math.floor(arrivedMs / 1000), shard.createdS);
  return records.map(({ partitionKey, data }, offset) => {
    const position = firstPosition + offset;
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

function reservePositions(shard: Shard, count: number, now: number, database: Database) {
  try {
    return database.get(reserve, { shard: shard.id, count, now })!;
  } catch (error) {
    // The schema limits next_position. SQLite undoes the one statement; the transaction goes on.
    if ((error as { code?: string }).code !== 'SQLITE_CONSTRAINT_CHECK') throw error;
    throw new PositionsExhausted(`Shard row ${shard.id} has no position left for ${count} records.`, { cause: error });
  }
}

export interface ReadLimits {
  readonly records: number;
  /** Of data and the UTF-8 of partition keys together. The first record is returned whatever its size. */
  readonly bytes: number;
  /** Only records that arrived after this instant. */
  readonly arrivedAfterMs: number;
}

export interface Reading {
  readonly records: readonly StoredRecord[];
  /** Of their data and the UTF-8 of their partition keys. */
  readonly bytes: number;
}

/**
 * The records of a shard from the position `from` on, in order.
 * @throws Error when a stored record is damaged: it is named, never returned.
 */
export function read(shard: Shard, from: number, limits: ReadLimits, database: Database): Reading {
  const first = database.get(selectFirst, { shard: shard.id, from });
  if (first === undefined) return { records: [], bytes: 0 };
  // Expired records that the sweeper has not reached yet are passed over in one jump.
  const start = first.arrived_ms > limits.arrivedAfterMs ? from : positionAfter(shard, limits.arrivedAfterMs, database);
  const records: StoredRecord[] = [];
  let bytes = 0;
  for (const row of rowsFrom(shard, start, limits.records, database)) {
    const rowBytes = row.data.length + Buffer.byteLength(row.partition_key);
    if (bytes + rowBytes > limits.bytes && records.length > 0) break;
    if (!isIntact(row)) {
      // What lies before the damage can still be read.
      if (records.length > 0) break;
      throw damaged(shard, row.sequence_number);
    }
    bytes += rowBytes;
    records.push({
      position: row.position,
      sequenceNumber: row.sequence_number,
      partitionKey: row.partition_key,
      arrivedMs: row.arrived_ms,
      data: row.data,
    });
  }
  return { records, bytes };
}

/** Whether any record from the position `from` on arrived after the instant `arrivedAfterMs`. */
export function hasReadable(shard: Shard, from: number, arrivedAfterMs: number, database: Database): boolean {
  const { nextPosition, lastArrivedMs } = tipOf(shard.id, database);
  // Arrivals never decrease, so the newest record decides.
  return from < nextPosition && lastArrivedMs > arrivedAfterMs;
}

/** Rows fetched at once: as many as are about this large together, judged by those before. */
const CHUNK_BYTES = 1024 * 1024;
const CHUNK_ROWS = 1000;
const FIRST_CHUNK_ROWS = 32;

/**
 * At most `count` rows from the position `from` on, fetched in chunks: faster than row by row, and without holding much
 * more in memory than the reader takes.
 */
function* rowsFrom(shard: Shard, from: number, count: number, database: Database) {
  let left = count;
  let limit = Math.min(FIRST_CHUNK_ROWS, left);
  for (let next = from; limit > 0; ) {
    const rows = database.all(selectRecords, { shard: shard.id, from: next, limit });
    yield* rows;
    if (rows.length < limit) return;
    const bytes = rows.reduce((sum, { data }) => sum + data.length, 1);
    left -= rows.length;
    next = rows.at(-1)!.position + 1;
    limit = Math.min(left, CHUNK_ROWS, Math.max(1, Math.floor((CHUNK_BYTES / bytes) * rows.length)));
  }
}

/**
 * The position of the shard's first record that arrived after the instant `ms`; the position of the next record to come
 * when there is none.
 */
export function positionAfter(shard: Shard, ms: number, database: Database): number {
  let low = 0;
  let high = tipOf(shard.id, database).nextPosition;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = database.get(selectFirst, { shard: shard.id, from: middle });
    if (row === undefined || row.arrived_ms > ms) high = middle;
    else low = row.position + 1;
  }
  // Below the oldest stored record the search ends early; the first stored one at or after is the same for a reader.
  return low;
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
    .limit(bind('limit')),
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

/** The pair of `isIntact`: damage between memory, disk and back is noticed. */
const checksum = (sequenceNumber: string, arrivedMs: number, ofContent: number): number =>
  crc32(`${sequenceNumber} ${arrivedMs}`, ofContent);

function isIntact(row: NonNullable<(typeof selectRecords)['row']>): boolean {
  const ofContent = checksumOfContent(row.partition_key, row.data);
  // Rows of earlier schemas have the checksum of their content alone.
  return checksum(row.sequence_number, row.arrived_ms, ofContent) === row.crc32 || ofContent === row.crc32;
}

function checksumOfContent(partitionKey: string, data: Buffer): number {
  const ofKey = crc32(partitionKey);
  // zlib starts anew when it is given no bytes at a null address, which is what an empty blob may or may not have.
  return data.length === 0 ? ofKey : crc32(data, ofKey);
}

function damaged(shard: Shard, sequenceNumber: string): Error {
  return new Error(
    `The record ${sequenceNumber} in shard row ${shard.id} is damaged on disk: its checksum does not match.`,
  );
}
