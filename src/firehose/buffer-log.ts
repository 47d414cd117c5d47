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
import { counters } from '../database/counters.ts';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { idOf, positionOfId, type Span } from './buffer-rows.ts';

/** Of a buffer: the position that its next record gets, the bytes of all its records ever, when the newest arrived. */
interface Tip {
  readonly nextPosition: number;
  readonly totalBytes: number;
  readonly lastArrivedMs: number;
}

const selectTip = query((bind: Bind<{ buffer: number }>, db) =>
  db
    .selectFrom('buffers')
    .select(['next_position as nextPosition', 'total_bytes as totalBytes', 'last_arrived_ms as lastArrivedMs'])
    .where('id', '=', bind('buffer')),
);

const updateTip = query((bind: Bind<Tip & { buffer: number }>, db) =>
  db
    .updateTable('buffers')
    .set({
      next_position: bind('nextPosition'),
      total_bytes: bind('totalBytes'),
      last_arrived_ms: bind('lastArrivedMs'),
    })
    .where('id', '=', bind('buffer')),
);

const tips = counters<Tip>(
  (buffer, database) => database.get(selectTip, { buffer })!,
  (buffer, tip, database) => database.run(updateTip, { ...tip, buffer }),
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

/** What a record's id has room for. Checked before anything is written: the row of the counters is written for all. */
const POSITIONS_END = 2 ** 40;

/** Appends records to a buffer (by row id) at the instant `now`, in their order. Only inside the body of a write. */
export function append(buffer: number, records: readonly Buffer[], now: number, database: Database): void {
  if (records.length === 0) return;
  const tip = tips.of(buffer, database);
  if (tip.nextPosition + records.length > POSITIONS_END) throw new Error(`Buffer ${buffer} has no position left.`);
  const arrivedMs = Math.max(tip.lastArrivedMs, now);
  let position = tip.nextPosition;
  let endBytes = tip.totalBytes;
  for (const data of records) {
    endBytes += data.length;
    database.run(insertRecord, {
      buffer,
      position,
      endBytes,
      arrivedMs,
      isText: isUtf8(data) && !data.includes(0) ? 1 : 0,
      crc32: checksum(data),
      data,
    });
    position += 1;
  }
  tips.set(buffer, { nextPosition: position, totalBytes: endBytes, lastArrivedMs: arrivedMs }, database);
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
  for (const part of partsOf(buffer, span, database)) yield requireRecords(buffer, part, database);
}

/** A span in parts of about a megabyte each. @throws Error when a record is missing where a part ends */
function* partsOf(buffer: number, span: Span, database: Database): Generator<Span> {
  let from = span.from;
  if (from > span.until) return;
  let startBytes = requireMark(buffer, from, database).endBytes;
  while (from <= span.until) {
    const most = { from, until: Math.min(span.until, from + CHUNK_RECORDS - 1) };
    const limitBytes = startBytes + CHUNK_BYTES;
    const last = firstMark(buffer, most, ({ endBytes }) => endBytes >= limitBytes, database);
    yield { from, until: last.position };
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

/** A chunk as one row: SQLite hands over a few long values many times faster than a thousand rows with a Buffer each. */
const selectChunk = query((bind: Bind<{ buffer: number } & Span>, db) =>
  db
    .selectFrom(
      db
        .selectFrom('buffered_records')
        .select(['end_bytes', 'crc32', 'data'])
        .where('id', '>=', idOf(bind, bind('from')))
        .where('id', '<=', idOf(bind, bind('until')))
        .orderBy('id')
        .as('chunk'),
    )
    .select([
      // Text is what SQLite can concatenate. It takes the bytes as they are, whatever they are.
      sql<Buffer | null>`cast(group_concat(data, ${sql.lit('')}) as blob)`.as('data'),
      sql<string>`json_group_array(end_bytes)`.as('ends'),
      sql<string>`json_group_array(crc32)`.as('checksums'),
    ]),
);

/** The data of a span, concatenated, in chunks of about a megabyte. @throws Error as `recordsOf` */
export function* chunksOf(buffer: number, span: Span, database: Database): Generator<Buffer> {
  for (const part of partsOf(buffer, span, database)) {
    // Reading record by record tells which one is damaged or missing.
    yield wholeChunk(buffer, part, database) ??
      Buffer.concat(requireRecords(buffer, part, database).map(({ data }) => data));
  }
}

/** The data of a span, concatenated; undefined unless every record of it is there and as it was stored. */
function wholeChunk(buffer: number, span: Span, database: Database): Buffer | undefined {
  const { data, ends, checksums } = database.get(selectChunk, { buffer, ...span })!;
  const endBytes = JSON.parse(ends) as number[];
  const wanted = JSON.parse(checksums) as number[];
  if (data === null || endBytes.length !== span.until - span.from + 1) return undefined;
  /** Of all records before the chunk, wherever they are by now. */
  const bytesBefore = endBytes.at(-1)! - data.length;
  let start = 0;
  for (const [index, endByte] of endBytes.entries()) {
    const end = endByte - bytesBefore;
    if (checksum(data.subarray(start, end)) !== wanted[index]) return undefined;
    start = end;
  }
  return data;
}
