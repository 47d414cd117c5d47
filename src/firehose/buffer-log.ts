/**
 * The log of a buffer: the records of a delivery stream that wait for one of the places they go to. The hot SQL of
 * Firehose.
 *
 * Invariants: positions grow by one per record and are never given out twice; `end_bytes` grows with them, so that the
 * record at which a size is reached is found by binary search; arrivals never decrease, whatever the clock does.
 */
import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';

/** The id of a record, composed in SQL because it exceeds what a JavaScript number holds exactly. */
const idOf = <P extends { buffer: number }>(bind: Bind<P>, position: number | undefined) =>
  sql<number>`(${bind('buffer')} << 40) | ${position}`;
const positionOfId = sql<number>`id & 1099511627775`;

const reserve = query((bind: Bind<{ buffer: number; count: number; bytes: number; now: number }>, db) =>
  db
    .updateTable('buffers')
    .set((column) => ({
      next_position: column('next_position', '+', bind('count')),
      total_bytes: column('total_bytes', '+', bind('bytes')),
      last_arrived_ms: sql<number>`max(last_arrived_ms, ${bind('now')})`,
    }))
    .where('id', '=', bind('buffer'))
    .returning(['next_position', 'total_bytes', 'last_arrived_ms']),
);

interface RecordValues {
  buffer: number;
  position: number;
  endBytes: number;
  arrivedMs: number;
  isText: 0 | 1;
  crc32: number;
  data: Buffer;
}

const insertRecord = query((bind: Bind<RecordValues>, db) =>
  db.insertInto('buffered_records').values({
    id: idOf(bind, bind('position')),
    end_bytes: bind('endBytes'),
    arrived_ms: bind('arrivedMs'),
    is_text: bind('isText'),
    crc32: bind('crc32'),
    data: bind('data'),
  }),
);

/** Appends records to a buffer (by row id) at the instant `now`, in their order. Only inside the body of a write. */
export function append(buffer: number, records: readonly Buffer[], now: number, database: Database): void {
  if (records.length === 0) return;
  const bytes = records.reduce((sum, { length }) => sum + length, 0);
  const reserved = database.get(reserve, { buffer, count: records.length, bytes, now })!;
  let position = reserved.next_position - records.length;
  let endBytes = reserved.total_bytes - bytes;
  for (const data of records) {
    endBytes += data.length;
    database.run(insertRecord, {
      buffer,
      position,
      endBytes,
      arrivedMs: reserved.last_arrived_ms,
      isText: isUtf8(data) && !data.includes(0) ? 1 : 0,
      crc32: checksum(data),
      data,
    });
    position += 1;
  }
}

/** zlib starts anew when it is given no bytes, which is what an empty blob may or may not have. */
const checksum = (data: Buffer): number => (data.length === 0 ? 0 : crc32(data));

/** A place in a buffer: a record, the bytes of all records up to and including it, and when it arrived. */
export interface Mark {
  readonly position: number;
  readonly endBytes: number;
  readonly arrivedMs: number;
}

const selectMark = query((bind: Bind<{ buffer: number; position: number }>, db) =>
  db
    .selectFrom('buffered_records')
    .select([positionOfId.as('position'), 'end_bytes as endBytes', 'arrived_ms as arrivedMs'])
    .where('id', '=', idOf(bind, bind('position'))),
);

/** The record at a position of a buffer; undefined when it is not there any more, or not yet. */
const markAt = (buffer: number, position: number, database: Database): Mark | undefined =>
  database.get(selectMark, { buffer, position });

/** The positions from `from` up to and including `until`. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** The first record of a complete span that fulfils `isReached`, which no record after one that does may fail; else the last. */
export function firstMark(buffer: number, span: Span, isReached: (mark: Mark) => boolean, database: Database): Mark {
  let { from, until } = span;
  while (from < until) {
    const middle = Math.floor((from + until) / 2);
    if (isReached(requireMark(buffer, middle, database))) until = middle;
    else from = middle + 1;
  }
  return requireMark(buffer, from, database);
}

/** @throws Error when it is missing: somebody deleted buffered records by hand. */
export function requireMark(buffer: number, position: number, database: Database): Mark {
  const mark = markAt(buffer, position, database);
  if (mark === undefined) throw new Error(`The record ${position} of buffer ${buffer} is missing.`);
  return mark;
}

const selectRecords = query((bind: Bind<{ buffer: number } & Span>, db) =>
  db
    .selectFrom('buffered_records')
    .select([positionOfId.as('position'), 'arrived_ms as arrivedMs', 'crc32', 'data'])
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<=', idOf(bind, bind('until')))
    .orderBy('id'),
);

export interface BufferedRecord {
  readonly position: number;
  readonly arrivedMs: number;
  readonly data: Buffer;
}

/** About so much is read at once: little enough that requests do not wait for it. */
const CHUNK_BYTES = 1024 * 1024;
const CHUNK_RECORDS = 2000;

/**
 * The records of a span, in chunks of about a megabyte. Between two chunks other work may run; what is in a batch does
 * not change meanwhile.
 * @throws Error when a stored record is damaged or missing: it is named, never delivered.
 */
export function* recordsOf(buffer: number, span: Span, database: Database): Generator<readonly BufferedRecord[]> {
  let from = span.from;
  if (from > span.until) return;
  let startBytes = requireMark(buffer, from, database).endBytes;
  while (from <= span.until) {
    const most = { from, until: Math.min(span.until, from + CHUNK_RECORDS - 1) };
    const limitBytes = startBytes + CHUNK_BYTES;
    const last = firstMark(buffer, most, ({ endBytes }) => endBytes >= limitBytes, database);
    yield requireRecords(buffer, { from, until: last.position }, database);
    from = last.position + 1;
    startBytes = last.endBytes;
  }
}

/** The records at some positions of a buffer, in chunks of about a megabyte. @throws Error as `recordsOf` */
export function* recordsAt(
  buffer: number,
  positions: readonly number[],
  database: Database,
): Generator<readonly BufferedRecord[]> {
  let chunk: BufferedRecord[] = [];
  let bytes = 0;
  for (const position of positions) {
    const [record] = requireRecords(buffer, { from: position, until: position }, database);
    chunk.push(record!);
    bytes += record!.data.length;
    if (bytes < CHUNK_BYTES) continue;
    yield chunk;
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) yield chunk;
}

function requireRecords(buffer: number, span: Span, database: Database): readonly BufferedRecord[] {
  const rows = database.all(selectRecords, { buffer, ...span });
  if (rows.length !== span.until - span.from + 1) throw new Error(`Records of buffer ${buffer} are missing.`);
  for (const row of rows) {
    if (checksum(row.data) === row.crc32) continue;
    throw new Error(`The record ${row.position} of buffer ${buffer} is damaged on disk: its checksum does not match.`);
  }
  return rows;
}

/** The data of a span, concatenated, in chunks of about a megabyte. @throws Error as `recordsOf` */
export function* chunksOf(buffer: number, span: Span, database: Database): Generator<Buffer> {
  for (const records of recordsOf(buffer, span, database)) yield Buffer.concat(records.map(({ data }) => data));
}

/** A slice of deletion ends at whichever comes first; it bounds the time that other writes wait for it. */
const SLICE_RECORDS = 2000;
const SLICE_BYTES = 4 * 1024 * 1024;

const selectSizes = query((bind: Bind<{ buffer: number; limit: number } & Span>, db) =>
  db
    .selectFrom('buffered_records')
    .select([positionOfId.as('position'), sql<number>`length(data)`.as('bytes')])
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<=', idOf(bind, bind('until')))
    .orderBy('id')
    .limit(bind('limit')),
);

const deleteSpan = query((bind: Bind<{ buffer: number } & Span>, db) =>
  db
    .deleteFrom('buffered_records')
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<=', idOf(bind, bind('until'))),
);

/**
 * Deletes the first records of a span that are left, as many as one slice takes. Only inside the body of a write.
 * Returns whether none of the span is left.
 */
export function clearSlice(buffer: number, span: Span, database: Database): boolean {
  const rows = database.all(selectSizes, { buffer, ...span, limit: SLICE_RECORDS });
  let bytes = 0;
  let taken = 0;
  while (taken < rows.length && bytes < SLICE_BYTES) bytes += rows[taken++]!.bytes;
  if (taken === 0) return true;
  database.run(deleteSpan, { buffer, from: span.from, until: rows[taken - 1]!.position });
  return taken === rows.length && taken < SLICE_RECORDS;
}
