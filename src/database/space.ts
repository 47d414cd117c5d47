/** Giving space back to the file system after many rows were deleted: in short steps, never a VACUUM of a live file. */
import type { Database } from './database.ts';

/** Free pages are kept for the next records up to this share of the file, and below this number in any case. */
const FREE_SHARE_KEPT = 0.2;
const FREE_PAGES_KEPT = 1024;

/** Pages moved in one write: 2 MiB at 8 KiB each, a few milliseconds. */
const STEP_PAGES = 256;

/** Shrinks the file until at most a fifth of it is free, and has the WAL cut. */
export async function giveBackSpace(database: Database, signal: AbortSignal): Promise<void> {
  let { free, all } = database.pages();
  if (free <= FREE_PAGES_KEPT || free <= all * FREE_SHARE_KEPT) return;
  while (free > FREE_PAGES_KEPT && free > all * FREE_SHARE_KEPT && !signal.aborted) {
    await database.write(() => database.releasePages(STEP_PAGES));
    const after = database.pages();
    if (after.free >= free) break;
    ({ free, all } = after);
  }
  database.settleSpace();
}
