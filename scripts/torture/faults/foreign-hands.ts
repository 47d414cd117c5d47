/** F7: other programs and people on the files of a running server. */
import { join } from 'node:path';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { interfere } from './foreign-locks.ts';
import { watchOpens } from './foreign-opens.ts';
import { removeFiles } from './foreign-removals.ts';

async function run(context: Context): Promise<Result> {
  const violations: Violation[] = [];
  const sometimes = { removals: 0, rescued: 0, 'refused writes': 0, reads: 0, 'opens by SQLite': 0 };
  let figures: Record<string, string | number> = {};
  let done = 0;
  for (; done < context.count && (done === 0 || !context.isTimeUp()); done += 1) {
    const removed = await removeFiles(context);
    const interfered = await interfere(join(context.directory, `locks-${done}`), context);
    const opens = await watchOpens(join(context.directory, `opens-${done}`), context);
    violations.push(...removed.violations, ...interfered.violations, ...opens.violations);
    sometimes.removals += removed.removals;
    sometimes.rescued += removed.rescued;
    sometimes['refused writes'] += interfered.refusedWrites;
    sometimes.reads += interfered.reads;
    sometimes['opens by SQLite'] += opens.bySqlite;
    figures = { ...interfered.stalls, 'rescued records': removed.records, acknowledged: interfered.acknowledged };
  }
  return { violations, done, sometimes, figures };
}

export const foreignHands: Scenario = {
  name: 'F7',
  title: 'files removed or replaced, locks held and the WAL moved by others, while the server runs',
  needs: ['sqlite3', 'strace'],
  counts: { short: 1, long: 20 },
  run,
};
