/** Whole, consistent copies of the database in one file, made by SQLite itself. */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { makeDirectory, syncPath } from '../durable-file.ts';
import { runLongJob } from './long-jobs.ts';

export interface DatabaseCopy {
  readonly path: string;
  readonly bytes: number;
}

/** A name for a copy made at `nowMs` that sorts by time: `<directory>/<prefix>-2026-11-21-14-05-31.db`, and is not taken. */
export function copyPath(directory: string, prefix: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
  for (let index = 1; ; index += 1) {
    const path = join(directory, `${prefix}-${time}${index === 1 ? '' : `-${index}`}.db`);
    if (!existsSync(path)) return path;
  }
}

/**
 * Copies the database of `handle`, as its connection sees it now, to `path`. The copy is there whole or not at all.
 * Blocks the thread for as long as copying takes; works also when the data file has lost its name.
 * @throws Error when it cannot be written; nothing is left of it then.
 */
export function copyDatabase(handle: BetterSqlite3.Database, path: string): DatabaseCopy {
  const partial = partialOf(path);
  try {
    handle.prepare('vacuum into ?').run(partial);
    syncPath(partial);
    return name(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

/** Like `copyDatabase`, of the database in the file `from`, in a process of its own, which an abort ends. */
export async function copyInBackground(from: string, path: string, signal: AbortSignal): Promise<DatabaseCopy> {
  const partial = partialOf(path);
  try {
    await runLongJob({ job: 'copy', path: from, to: partial }, signal);
    return name(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

const PARTIAL = '.partial';

/** Removes from `directory` what a killed process had copied by half. */
export function removePartialCopies(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (name.endsWith(PARTIAL)) rmSync(join(directory, name), { force: true });
  }
}

function partialOf(path: string): string {
  makeDirectory(dirname(path));
  const partial = `${path}${PARTIAL}`;
  rmSync(partial, { force: true });
  return partial;
}

/** A copy that is on disk gets its name. */
function name(partial: string, path: string): DatabaseCopy {
  renameSync(partial, path);
  syncPath(dirname(path));
  return { path, bytes: statSync(path).size };
}
