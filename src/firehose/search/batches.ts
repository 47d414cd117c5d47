/** What a batch of documents needs and how far it is, as rows. */
import { sql } from 'kysely';
import type { Call } from '../../call.ts';
import type { Database } from '../../database/database.ts';
import { atMost, type Bind, query } from '../../database/query.ts';
import type { SearchSettings } from '../destinations/settings.ts';
import type { Outcome } from './documents.ts';

export interface SearchPlan extends Pick<SearchSettings, 'indexName' | 'rotation' | 'typeName' | 'idFormat'> {
  readonly idPrefix: string;
}

const insertBatch = query((bind: Bind<SearchPlan & { delivery: number; nextPosition: number }>, db) =>
  db.insertInto('search_batches').values({
    delivery: bind('delivery'),
    id_prefix: bind('idPrefix'),
    index_name: bind('indexName'),
    rotation: bind('rotation'),
    type_name: bind('typeName'),
    id_format: bind('idFormat'),
    next_position: bind('nextPosition'),
  }),
);

/** Only inside the body of a write. */
export function addSearchBatch(
  batch: SearchPlan & { delivery: number; nextPosition: number },
  database: Database,
): void {
  database.run(insertBatch, batch);
}

const selectBatch = query((bind: Bind<{ delivery: number }>, db) =>
  db
    .selectFrom('search_batches')
    .select(['id_prefix as idPrefix', 'index_name as indexName', 'rotation', 'type_name as typeName'])
    .select(['id_format as idFormat', 'next_position as nextPosition', 'unsent_attempts as unsentAttempts'])
    .select(['unsent_code as unsentCode', 'unsent_message as unsentMessage', 'unsent_ended_ms as unsentEndedMs'])
    .where('delivery', '=', bind('delivery')),
);

export type SearchBatch = NonNullable<(typeof selectBatch)['row']>;

/** Of a delivery of documents, by its row id. */
export const searchBatchOf = (delivery: number, database: Database): SearchBatch =>
  database.get(selectBatch, { delivery })!;

const setPosition = query((bind: Bind<{ delivery: number; position: number }>, db) =>
  db
    .updateTable('search_batches')
    .set({ next_position: sql<number>`max(next_position, ${bind('position')})` })
    .where('delivery', '=', bind('delivery')),
);

interface Rejection {
  readonly delivery: number;
  readonly position: number;
  readonly code: string;
  readonly message: string;
  readonly now: number;
  readonly isFinal: 0 | 1;
}

const upsertRejected = query((bind: Bind<Rejection>, db) =>
  db
    .insertInto('rejected_documents')
    .values({
      delivery: bind('delivery'),
      position: bind('position'),
      attempts: sql.lit(1),
      code: bind('code'),
      message: bind('message'),
      ended_ms: bind('now'),
      is_final: bind('isFinal'),
    })
    .onConflict((conflict) =>
      conflict.columns(['delivery', 'position']).doUpdateSet((column) => ({
        attempts: sql<number>`rejected_documents.attempts + 1`,
        code: column.ref('excluded.code'),
        message: column.ref('excluded.message'),
        ended_ms: column.ref('excluded.ended_ms'),
        is_final: column.ref('excluded.is_final'),
      })),
    ),
);

const deleteRejected = query((bind: Bind<{ delivery: number; position: number }>, db) =>
  db
    .deleteFrom('rejected_documents')
    .where('delivery', '=', bind('delivery'))
    .where('position', '=', bind('position'))
    .where('is_final', '=', sql.lit(0)),
);

/** So much of an error is kept. */
const MESSAGE_MAX = 4096;

/**
 * Notes what became of documents, and that all below `nextPosition` have been sent. Only inside the body of a write.
 */
export function noteOutcomes(
  delivery: number,
  outcomes: readonly Outcome[],
  nextPosition: number,
  { database, now }: Pick<Call, 'database' | 'now'>,
): void {
  const before = searchBatchOf(delivery, database).nextPosition;
  for (const { position, error } of outcomes) {
    if (error === undefined) {
      // What is sent for the first time was not refused before.
      if (position < before) database.run(deleteRejected, { delivery, position });
      continue;
    }
    const { code, isFinal } = error;
    const message = error.message.slice(0, MESSAGE_MAX);
    database.run(upsertRejected, { delivery, position, code, message, now, isFinal: isFinal ? 1 : 0 });
  }
  database.run(setPosition, { delivery, position: nextPosition });
}

const selectRejected = query((bind: Bind<{ delivery: number; after: number; limit: number }>, db) =>
  db
    .selectFrom('rejected_documents')
    .selectAll()
    .where('delivery', '=', bind('delivery'))
    .where('position', '>', bind('after'))
    .orderBy('position')
    .limit(atMost(bind('limit'))),
);

export type RejectedDocument = NonNullable<(typeof selectRejected)['row']>;

/** Documents of a batch that were refused, in their order, from behind the position `after`; at most `limit`. */
export const rejectedAfter = (
  delivery: number,
  after: number,
  limit: number,
  database: Database,
): readonly RejectedDocument[] => database.all(selectRejected, { delivery, after, limit });

const selectCounts = query((bind: Bind<{ delivery: number }>, db) =>
  db
    .selectFrom('rejected_documents')
    .select([
      sql<number>`count(*)`.as('all'),
      sql<number>`count(*) - ifnull(sum(is_final), 0)`.as('retryable'),
      sql<string | null>`(
        select message from rejected_documents as one
        where one.delivery = rejected_documents.delivery and not is_final order by position limit 1
      )`.as('message'),
    ])
    .where('delivery', '=', bind('delivery')),
);

/** How many documents of a batch were refused, how many of them may yet be taken, and what is wrong with one of those. */
export const countRejected = (
  delivery: number,
  database: Database,
): { readonly all: number; readonly retryable: number; readonly message: string | null } =>
  database.get(selectCounts, { delivery })!;

const setFailed = query((bind: Bind<{ delivery: number; failed: number }>, db) =>
  db
    .updateTable('search_batches')
    .set({ failed: bind('failed') })
    .where('delivery', '=', bind('delivery')),
);

/** Notes how many documents were given up. Only inside the body of a write. */
export function noteFailed(delivery: number, failed: number, database: Database): void {
  database.run(setFailed, { delivery, failed });
}

interface Unsent {
  readonly delivery: number;
  readonly attempts: number;
  readonly code: string;
  readonly message: string;
  readonly now: number;
}

const setUnsent = query((bind: Bind<Unsent>, db) =>
  db
    .updateTable('search_batches')
    .set({
      unsent_attempts: bind('attempts'),
      unsent_code: bind('code'),
      unsent_message: bind('message'),
      unsent_ended_ms: bind('now'),
    })
    .where('delivery', '=', bind('delivery')),
);

/** Gives up the documents that were never taken or refused one by one. Only inside the body of a write. */
export function noteUnsent(unsent: Unsent, database: Database): void {
  database.run(setUnsent, { ...unsent, message: unsent.message.slice(0, MESSAGE_MAX) });
}

const FORGOTTEN_AT_ONCE = 2000;

const deleteSlice = query((bind: Bind<{ delivery: number; limit: number }>, db) =>
  db
    .deleteFrom('rejected_documents')
    .where('delivery', '=', bind('delivery'))
    .where(
      sql<boolean>`position <= (
        select max(position) from (
          select position from rejected_documents where delivery = ${bind('delivery')}
          order by position limit ${bind('limit')}
        )
      )`,
    ),
);

/** Deletes refused documents of a batch that has ended. Only inside the body of a write. Returns whether none is left. */
export function forgetRejected(delivery: number, database: Database): boolean {
  database.run(deleteSlice, { delivery, limit: FORGOTTEN_AT_ONCE });
  return rejectedAfter(delivery, 0, 1, database).length === 0;
}
