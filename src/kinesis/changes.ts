/**
 * How often streams, shards or consumers have changed: who watches them asks for this number after a commit, instead of
 * for all of them. Records that come do not count.
 */
import type { Database } from '../database/database.ts';

const counts = new WeakMap<Database, number>();

/** To be called inside of the write that changes them. */
export function noteChange(database: Database): void {
  counts.set(database, changesOf(database) + 1);
}

/** Another number than before means that something may have changed. */
export const changesOf = (database: Database): number => counts.get(database) ?? 0;
