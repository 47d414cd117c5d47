/** Deleting from a buffer what has been delivered or dropped. */
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { atMost, type Bind, query } from '../database/query.ts';
import { idOf, positionOfId, type Span } from './buffer-rows.ts';

/** A slice of deletion ends at whichever comes first; it bounds the time that other writes wait for it. */
const SLICE_RECORDS = 2000;
const SLICE_BYTES = 4 * 1024 * 1024;

/** So much is deleted at once when it is all there is, which takes as long as a slice, or a few from a cold cache. */
const ALL_RECORDS = 100_000;
const ALL_BYTES = 48 * 1024 * 1024;

const selectFirst = query((bind: Bind<{ buffer: number } & Span>, db) =>
  db
    .selectFrom('buffered_records')
    .select([positionOfId.as('position'), 'end_bytes as endBytes'])
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<=', idOf(bind, bind('until')))
    .orderBy('id')
    .limit(sql.lit(1)),
);

/** The last record of a span, and whether no buffer has any that is not in the span. */
const selectLast = query((bind: Bind<{ buffer: number } & Span>, db) =>
  db
    .selectFrom('buffered_records')
    .select([positionOfId.as('position'), 'end_bytes as endBytes'])
    .select(
      sql<0 | 1>`
        id = (select max(id) from buffered_records)
        and (select min(id) from buffered_records) >= ${idOf(bind, bind('from'))}
      `.as('isAll'),
    )
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<=', idOf(bind, bind('until')))
    .orderBy('id', 'desc')
    .limit(sql.lit(1)),
);

/** The last of the first `limit` records of a span up to a number of bytes. */
const selectEnd = query((bind: Bind<{ buffer: number; limit: number; endBytes: number } & Span>, db) =>
  db
    .selectFrom(
      db
        .selectFrom('buffered_records')
        .select([positionOfId.as('position'), 'end_bytes'])
        .where('id', '>=', idOf(bind, bind('from')))
        .where('id', '<=', idOf(bind, bind('until')))
        .orderBy('id')
        .limit(atMost(bind('limit')))
        .as('chunk'),
    )
    .select(sql<number | null>`max(position)`.as('position'))
    .where('end_bytes', '<=', bind('endBytes')),
);

const deleteSpan = query((bind: Bind<{ buffer: number } & Span>, db) =>
  db
    .deleteFrom('buffered_records')
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<=', idOf(bind, bind('until'))),
);

const deleteAll = query((_bind: Bind<object>, db) => db.deleteFrom('buffered_records'));

/**
 * Deletes the first records of a span that are left, as many as one slice takes. Only inside the body of a write.
 * Returns whether none of the span is left.
 */
export function clearSlice(buffer: number, span: Span, database: Database): boolean {
  const slice = nextSlice(buffer, span, database);
  if (slice === undefined) return true;
  remove(slice, database);
  return slice.isLast;
}

interface Slice extends Span {
  readonly buffer: number;
  /** Whether nothing of what is to be deleted is left behind it. */
  readonly isLast: boolean;
  /** Whether there are no other buffered records, of whomever. */
  readonly isAll: boolean;
}

/** Undefined when nothing of the span is left. */
function nextSlice(buffer: number, span: Span, database: Database): Slice | undefined {
  const first = database.get(selectFirst, { buffer, ...span });
  const last = database.get(selectLast, { buffer, ...span });
  if (first === undefined || last === undefined) return undefined;
  const isLittle = last.position - first.position < ALL_RECORDS && last.endBytes - first.endBytes <= ALL_BYTES;
  if (isLittle && last.isAll === 1) return { buffer, ...span, isLast: true, isAll: true };
  const endBytes = first.endBytes + SLICE_BYTES;
  const end = database.get(selectEnd, { buffer, ...span, limit: SLICE_RECORDS, endBytes })!;
  // At least one, whatever a damaged row says about its size.
  const until = end.position ?? first.position;
  return { buffer, from: span.from, until, isLast: until === last.position, isAll: false };
}

/**
 * What is deleted record by record writes most of its pages into the WAL before they become free. A table that is
 * emptied gives them back as they are: that takes a thirtieth of the time, and next to no room in the WAL.
 */
function remove({ buffer, from, until, isAll }: Slice, database: Database): void {
  if (isAll) database.run(deleteAll, {});
  else database.run(deleteSpan, { buffer, from, until });
}
