/**
 * N1: kill -9 where SQLite's write-ahead log is not safe. The server says so and uses a rollback journal; what was
 * acknowledged is there all the same, and somebody who reads meanwhile only makes commits wait.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountFuse } from '../devices.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import { createWorld, type World } from '../world.ts';
import { inspect } from './inspector.ts';
import { figuresOf, isEnough, isServer, loadFor, newSums, type Sums, startOrViolation } from './rounds.ts';

const LOAD_MS = { min: 300, max: 1500 };

/** So long the reader keeps its transaction, at most. */
const READ_MS = 200;

export const fuse: Scenario = {
  name: 'N1',
  title: 'kill -9 on a FUSE file system',
  needs: ['root', 'fuse', 'sqlite3'],
  counts: { short: 5, long: 100 },
  run,
};

async function run(context: Context): Promise<Result> {
  const { directory, random, cleanup } = context;
  const mount = await mountFuse(join(directory, 'source'), join(directory, 'mounted'), cleanup);
  const world = createWorld({ directory, random, dataDir: join(mount.path, 'data') });
  const kills: Sums = newSums();
  let warned = 0;
  for (let round = 0; round < context.count && !context.isTimeUp() && kills.violations.length === 0; round += 1) {
    const server = await startOrViolation(world, context);
    if (!isServer(server)) {
      kills.violations.push(server);
      break;
    }
    kills.readyMs.push(server.readyMs);
    if (server.stderr().includes('write-ahead log is not safe')) warned += 1;
    await world.prepare(server);
    kills.violations.push(...(await world.check(server, round % 5 === 4 ? 'all' : 'since')));
    await killWhileRead(world, server, kills, context);
  }
  const last = await startOrViolation(world, context);
  kills.violations.push(...(isServer(last) ? await checkedLast(world, last) : [last]));
  return {
    violations: kills.violations,
    done: kills.done,
    sometimes: { 'warned about the file system': warned, 'with unknown outcomes': world.unknown },
    figures: { ...figuresOf(kills), acknowledged: world.acknowledged, unknown: world.unknown },
  };
}

/** A reader comes and goes, as the sqlite3 command does, and the kill strikes at some moment of it. */
async function killWhileRead(world: World, server: Server, kills: Sums, { random, cleanup }: Context): Promise<void> {
  const load = await loadFor(world, server, random.integer(LOAD_MS.min, LOAD_MS.max));
  const reader = inspect(world.dataDir, cleanup);
  await reader.run('begin; select count(*) from records;');
  await sleep(random.integer(0, READ_MS));
  await server.end('SIGKILL');
  await reader.leave();
  const summary = await load.stop();
  if (isEnough(summary)) kills.done += 1;
  else kills.invalid += 1;
}

async function checkedLast(world: World, server: Server): Promise<Violation[]> {
  await world.prepare(server);
  const violations = await world.check(server, 'all');
  await server.end('SIGTERM');
  return violations;
}
