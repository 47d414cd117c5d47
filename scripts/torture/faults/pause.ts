/** C6: the program is stopped for a while (SIGSTOP), as by a suspended machine, while clients wait for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, Result, Scenario } from '../scenario.ts';
import type { Server } from '../server.ts';
import type { World } from '../world.ts';
import {
  ACKNOWLEDGED_MIN,
  figuresOf,
  inWorld,
  isServer,
  loadFor,
  newSums,
  startOrViolation,
  worldOf,
} from './rounds.ts';

const PAUSE_MS = 3000;
/** Of the later ones; beyond ten seconds the clients give up and do not know the outcome. */
const LATER_PAUSE_MS = { min: 500, max: 14_000 };
const LOAD_MS = { min: 60, max: 300 };
/** Answers that were under way when the pause began come during it. */
const WAITED_SHARE = 0.8;
/** The load goes on for so long afterwards at most. */
const AFTER_MS = 10_000;

export const pause: Scenario = {
  name: 'C6',
  title: 'SIGSTOP and SIGCONT under load',
  needs: [],
  counts: { short: 1, long: 20 },
  run,
};

async function run(context: Context): Promise<Result> {
  const sums = { ...newSums(), waited: 0, longestGapMs: 0 };
  const name = 'world-1';
  const world = worldOf(context, name);
  const started = await startOrViolation(world, context);
  if (!isServer(started)) throw new Error(started.message);
  sums.readyMs.push(started.readyMs);
  await world.prepare(started);
  while (sums.done < context.count && sums.violations.length === 0 && !(sums.done > 0 && context.isTimeUp())) {
    const pauseMs = sums.done === 0 ? PAUSE_MS : context.random.integer(LATER_PAUSE_MS.min, LATER_PAUSE_MS.max);
    const longestGapMs = await pauseUnderLoad(world, started, pauseMs, context);
    sums.done += 1;
    if (longestGapMs >= WAITED_SHARE * pauseMs) sums.waited += 1;
    sums.longestGapMs = Math.max(sums.longestGapMs, longestGapMs);
    sums.violations.push(...inWorld(name, await world.check(started, 'since')));
    context.progress(`${sums.done} pauses`);
  }
  if (sums.violations.length === 0) sums.violations.push(...inWorld(name, await world.check(started, 'all')));
  await started.end('SIGKILL');
  sums.acknowledged = world.acknowledged;
  sums.unknown = world.unknown;
  return {
    violations: sums.violations,
    done: sums.done,
    sometimes: { 'clients waited through the pause': sums.waited },
    figures: { ...figuresOf(sums), 'longest gap ms': Math.round(sums.longestGapMs) },
  };
}

async function pauseUnderLoad(world: World, server: Server, pauseMs: number, context: Context): Promise<number> {
  const load = await loadFor(world, server, context.random.integer(LOAD_MS.min, LOAD_MS.max));
  server.child.kill('SIGSTOP');
  await sleep(pauseMs);
  server.child.kill('SIGCONT');
  const patience = new AbortController();
  await Promise.race([
    load.reached(2 * ACKNOWLEDGED_MIN),
    sleep(AFTER_MS, undefined, { signal: patience.signal }).catch(() => {}),
  ]);
  patience.abort();
  return (await load.stop()).longestGapMs;
}
