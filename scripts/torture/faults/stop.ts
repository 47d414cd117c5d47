/** C8: SIGTERM under load. The program ends in order and in time, and leaves nothing in the WAL. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import type { World } from '../world.ts';
import {
  discard,
  figuresOf,
  inWorld,
  isEnough,
  isServer,
  loadFor,
  newSums,
  percentile,
  startOrViolation,
  worldOf,
} from './rounds.ts';

const LIMIT_MS = 5000;
const LOAD_MS = { min: 60, max: 600 };
/** After so many stops a world is checked as a whole. */
const STOPS_PER_WORLD = 10;

export const stop: Scenario = {
  name: 'C8',
  title: 'SIGTERM under load',
  needs: [],
  counts: { short: 10, long: 200 },
  run,
};

async function run(context: Context): Promise<Result> {
  const sums = { ...newSums(), answered: 0, stopMs: [] as number[] };
  for (let worlds = 1; sums.done < context.count && sums.violations.length === 0 && !context.isTimeUp(); worlds += 1) {
    const name = `world-${worlds}`;
    const world = worldOf(context, name);
    for (let round = 0; round <= STOPS_PER_WORLD && sums.violations.length === 0; round += 1) {
      const started = await startOrViolation(world, context);
      if (!isServer(started)) {
        sums.violations.push(...inWorld(name, [started]));
        break;
      }
      sums.readyMs.push(started.readyMs);
      await world.prepare(started);
      const isLast = round === STOPS_PER_WORLD || sums.done >= context.count || context.isTimeUp();
      const found = round === 0 ? [] : await world.check(started, isLast ? 'all' : 'since');
      sums.violations.push(...inWorld(name, found));
      if (isLast || found.length > 0) {
        await started.end('SIGKILL');
        break;
      }
      const { violations, isValid, stopMs } = await stopUnderLoad(world, started, context);
      sums.violations.push(...inWorld(name, violations));
      sums.stopMs.push(stopMs);
      if (isValid) sums.done += 1;
      else sums.invalid += 1;
      if (sums.invalid > context.count) break;
      context.progress(`${sums.done} stops`);
    }
    sums.acknowledged += world.acknowledged;
    sums.unknown += world.unknown;
    if (sums.violations.length === 0) discard(context, name);
    if (sums.invalid > context.count) break;
  }
  const { violations, done, stopMs } = sums;
  const figures = { ...figuresOf(sums), 'stop p50 ms': percentile(stopMs, 0.5), 'stop max ms': percentile(stopMs, 1) };
  return { violations, done, sometimes: { 'stopped under load': done }, figures };
}

interface Stopped {
  readonly violations: readonly Violation[];
  /** Whether there was load enough. */
  readonly isValid: boolean;
  readonly stopMs: number;
}

async function stopUnderLoad(world: World, server: Server, context: Context): Promise<Stopped> {
  const load = await loadFor(world, server, context.random.integer(LOAD_MS.min, LOAD_MS.max));
  const startMs = performance.now();
  // Whoever does not end in time is killed, for the round to end.
  const limit = setTimeout(() => server.child.kill('SIGKILL'), 2 * LIMIT_MS);
  const { code, signal } = await server.end('SIGTERM');
  clearTimeout(limit);
  const stopMs = performance.now() - startMs;
  const summary = await load.stop();
  const violations: Violation[] = [];
  const expect = (holds: boolean, guarantee: string, message: string) => {
    if (!holds) violations.push({ guarantee, message });
  };
  expect(code === 0, 'ExitCode', `After SIGTERM it ended with ${code ?? signal} instead of 0: ${server.stderr()}`);
  expect(stopMs <= LIMIT_MS, 'StopInTime', `It took ${Math.round(stopMs)} ms to end after SIGTERM.`);
  const wal = join(world.dataDir, 'millrace.db-wal');
  const bytes = existsSync(wal) ? statSync(wal).size : 0;
  expect(bytes === 0, 'CleanStop', `After SIGTERM the WAL has ${bytes} bytes.`);
  return { violations, isValid: isEnough(summary), stopMs };
}
