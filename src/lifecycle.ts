/**
 * Transitions as intervals: what is created or deleted is in between from one stored instant until another. With an
 * interval a clock that is set back cuts a transition short instead of repeating it. Pure.
 */
import { sql } from 'kysely';

/** Whether `now` is in the interval; one that was never begun contains nothing. */
export const isWithin = (now: number, fromMs: number | null, untilMs: number | null): boolean =>
  fromMs !== null && untilMs !== null && fromMs <= now && now < untilMs;

export interface Deletion {
  readonly deletedMs: number | null;
  readonly goneMs: number | null;
}

/** Whether something is there at the instant `now`: not deleted, or still DELETING. */
export const exists = ({ deletedMs, goneMs }: Deletion, now: number): boolean =>
  goneMs === null || isWithin(now, deletedMs, goneMs);

/** The same rule as a condition on the columns deleted_ms and gone_ms. */
export const existsAt = (now: number) => sql<boolean>`(gone_ms is null or (${now} >= deleted_ms and ${now} < gone_ms))`;
