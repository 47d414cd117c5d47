/** The only place that makes SQLite handles, because of what must never happen to one. */
import BetterSqlite3 from 'better-sqlite3';

/**
 * Every handle that was ever opened. better-sqlite3 12 aborts the process when V8 collects one on Node 24 (its
 * destructor asks for an environment that is not entered then), even one that was closed long ago. A server opens
 * three.
 */
const kept = new Set<BetterSqlite3.Database>();

/** Opens the SQLite file at `path`. It never waits for locks: see busy_timeout in connection.ts. */
export function openHandle(path: string, options: BetterSqlite3.Options = {}): BetterSqlite3.Database {
  const handle = new BetterSqlite3(path, { timeout: 0, ...options });
  kept.add(handle);
  return handle;
}
