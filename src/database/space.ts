/** Giving space back to the file system after many rows were deleted: in short steps, never a VACUUM of a live file. */
import type { Database } from './database.ts';

/** Free pages are kept for the next records up to this share of the file, and below this number in any case. */
const FREE_SHARE_KEPT = 0.2;
const FREE_PAGES_KEPT = 1024;

/** Pages moved in one write: 2 MiB at 8 KiB each, a few milliseconds. On a full disk less, for that needs room too. */
const STEP_PAGES = 256;
const STEP_PAGES_WHEN_FULL = 32;

/** Shrinks the file until at most a fifth of it is free, and has the WAL cut. On a full disk nothing is kept free. */
export async function giveBackSpace(database: Database, signal: AbortSignal): Promise<void> {
  let { free, all } = database.pages();
  if (!isTooMuch(free, all, database)) return;
  while (isTooMuch(free, all, database) && !signal.aborted) {
    const isFull = database.state === 'full';
    await database.reclaim(() => database.releasePages(isFull ? STEP_PAGES_WHEN_FULL : STEP_PAGES));
    if (isFull) database.settleSpace();
    const after = database.pages();
    if (after.free >= free) break;
    ({ free, all } = after);
  }
  database.settleSpace();
}

const isTooMuch = (free: number, all: number, database: Database): boolean =>
  database.state === 'full' ? free > 0 : free > FREE_PAGES_KEPT && free > all * FREE_SHARE_KEPT;
