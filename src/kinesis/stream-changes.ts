/** Changes of which a stream may have only so many in any 24 hours: of its shard count, its mode, its encryption. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import type { QuotaName } from '../quotas.ts';
import { dailyQuotaExceeded } from './errors.ts';
import type { Stream } from './stream-store.ts';

/** What is counted: the kinds of the table stream_changes. */
export type ChangeKind = 'SHARD_COUNT' | 'MODE' | 'START_ENCRYPTION' | 'STOP_ENCRYPTION';

const DAY_MS = 86_400_000;

interface OfKind {
  readonly stream: number;
  readonly kind: ChangeKind;
}

/** The last 24 hours. What lies further ahead than a clock may be wrong was changed by one that has been set back since. */
interface Period {
  readonly sinceMs: number;
  readonly untilMs: number;
}

const countedAt = (now: number): Period => ({ sinceMs: now - DAY_MS, untilMs: now + DAY_MS });

const selectCount = query((bind: Bind<OfKind & Period>, db) =>
  db
    .selectFrom('stream_changes')
    .select(sql<number>`count(*)`.as('count'))
    .where('stream', '=', bind('stream'))
    .where('kind', '=', bind('kind'))
    .where('changed_ms', '>', bind('sinceMs'))
    .where('changed_ms', '<', bind('untilMs')),
);

const insertChange = query((bind: Bind<OfKind & { now: number }>, db) =>
  db.insertInto('stream_changes').values({ stream: bind('stream'), kind: bind('kind'), changed_ms: bind('now') }),
);

const deleteOthers = query((bind: Bind<OfKind & Period>, db) =>
  db
    .deleteFrom('stream_changes')
    .where('stream', '=', bind('stream'))
    .where('kind', '=', bind('kind'))
    .where((where) =>
      where.or([where('changed_ms', '<=', bind('sinceMs')), where('changed_ms', '>=', bind('untilMs'))]),
    ),
);

/**
 * @throws ApiError LimitExceededException when the last 24 hours had as many changes of this kind as `quota` allows
 */
export function assertDailyQuota(kind: ChangeKind, quota: QuotaName, stream: Stream, call: Call): void {
  const limit = call.quotas[quota];
  const { count } = call.database.get(selectCount, { stream: stream.id, kind, ...countedAt(call.now) })!;
  if (count >= limit) throw dailyQuotaExceeded(stream, { quota, count, limit });
}

/** Counts a change that is made now, and forgets those that do not count any more. Only inside the body of a write. */
export function recordChange(kind: ChangeKind, stream: Stream, { database, now }: Call): void {
  database.run(deleteOthers, { stream: stream.id, kind, ...countedAt(now) });
  database.run(insertChange, { stream: stream.id, kind, now });
}
