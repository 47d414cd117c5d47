/**
 * C5: a second fault while the first one is being recovered from. After a kill under load the next starts are killed too,
 * at any moment, or in the middle of what only a start does; their disk reports errors; or they are those that bring
 * the data of an older version up to date. Then a start without a fault has everything.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cleanup } from '../../bench/cleanup.ts';
import { carriedOut, give, ORDER_VARIABLE } from '../failpoint.ts';
import type { Random } from '../random.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { lastWords, type Server, type ServerProcess, spawnServer } from '../server.ts';
import { inject } from '../strace.ts';
import type { World } from '../world.ts';
import { attempt, sentenceIn } from './attempt.ts';
import { DATA_FILE, WAL_FILE } from './damage.ts';
import { copyWithFailpoints, FAILPOINTS, type Occasion } from './failpoint-table.ts';
import { makeOlderData, missingOf } from './older-data.ts';
import { isCarriedOut, orderIn, withdraw } from './orders.ts';
import { startOn } from './restart.ts';
import { discard, inWorld, worldOf } from './rounds.ts';
import { pause, within } from './within.ts';

const ROUNDS_PER_WORLD = 6;
const WORLDS_AT_ONCE = 2;
const LOAD = { records: 300, limitMs: 3000 };
const START_LIMIT_MS = 20_000;

/** The second faults, in this order again and again. */
const KINDS = ['kills', 'errors', 'points', 'migration', 'kills', 'errors'] as const;
type Kind = (typeof KINDS)[number];

/** What fails is the so-and-so-manieth call; a recovery has few of each. */
const CALLS: readonly { readonly name: string; readonly last: number }[] = [
  { name: 'pread64', last: 12 },
  { name: 'pwrite64', last: 4 },
  { name: 'fsync', last: 2 },
];
const ERROR_TRIES = 5;

export const doubleFaults: Scenario = {
  name: 'C5',
  title: 'a second fault during the recovery from the first, or inside a migration',
  needs: ['strace'],
  counts: { short: 20, long: 500 },
  run,
};

interface Tally {
  readonly violations: Violation[];
  begun: number;
  done: number;
  acknowledged: number;
  killedStarts: number;
  points: number;
  migrations: number;
  errors: number;
}

async function run(given: Context): Promise<Result> {
  const build = copyWithFailpoints(given.build, join(given.directory, 'build'));
  const context = { ...given, build };
  const tally: Tally = {
    violations: [],
    begun: 0,
    done: 0,
    acknowledged: 0,
    killedStarts: 0,
    points: 0,
    migrations: 0,
    errors: 0,
  };
  let worlds = 0;
  const inWorlds = async () => {
    while (goesOn(tally, context)) {
      worlds += 1;
      await liveIn(`world-${worlds}`, tally, context);
    }
  };
  await Promise.all(Array.from({ length: WORLDS_AT_ONCE }, inWorlds));
  if (tally.violations.length === 0) rmSync(join(given.directory, 'build'), { recursive: true, force: true });
  const { violations, done, acknowledged, killedStarts, points, migrations, errors } = tally;
  return {
    violations,
    done,
    sometimes: {
      acknowledged,
      'starts killed before they were ready': killedStarts,
      'starts killed at a point': points,
      'migrations killed': migrations,
      'starts with an I/O error': errors,
    },
    figures: { acknowledged, worlds },
  };
}

const goesOn = ({ begun, violations }: Tally, { count, isTimeUp }: Context): boolean =>
  begun < count && violations.length === 0 && !isTimeUp();

async function liveIn(name: string, tally: Tally, context: Context): Promise<void> {
  const world = worldOf(context, name);
  const random = context.random.fork(`second faults of ${name}`);
  for (let round = 0; round < ROUNDS_PER_WORLD && goesOn(tally, context); round += 1) {
    const kind = KINDS[tally.begun % KINDS.length]!;
    tally.begun += 1;
    const found =
      kind === 'migration'
        ? await faultInMigration(`migration-${tally.begun}`, random, tally, context)
        : await faultInRecovery(kind, world, random, tally, context);
    tally.violations.push(...inWorld(name, found));
    tally.done += 1;
    context.progress(`${tally.done} double faults`);
  }
  if (world.acknowledged > 0) tally.violations.push(...inWorld(name, await checkAll(world, context)));
  tally.acknowledged += world.acknowledged;
  if (tally.violations.length === 0) discard(context, name);
}

const restartFailed = (error: unknown): Violation[] => [{ guarantee: 'Restart', message: (error as Error).message }];

async function checkAll(world: World, context: Context): Promise<Violation[]> {
  try {
    const server = await startOn(world, context);
    await world.prepare(server);
    const violations = await world.check(server, 'all');
    await server.end('SIGKILL');
    return violations;
  } catch (error) {
    return restartFailed(error);
  }
}

/** A kill under load, and what makes the next starts fail. Whether all is there, the start after these tells. */
async function faultInRecovery(
  kind: Exclude<Kind, 'migration'>,
  world: World,
  random: Random,
  tally: Tally,
  context: Context,
): Promise<Violation[]> {
  const before = world.acknowledged;
  let server: Server;
  try {
    server = await startOn(world, context);
  } catch (error) {
    return restartFailed(error);
  }
  await world.prepare(server);
  const violations = before > 0 ? await world.check(server, 'since') : [];
  const load = world.load(server);
  await within(load.reached(LOAD.records), LOAD.limitMs);
  await server.end('SIGKILL');
  await load.stop();
  if (violations.length > 0) return violations;
  switch (kind) {
    case 'kills':
      await killStarts(world, server.readyMs, random, tally, context);
      return [];
    case 'points':
      return killAtPoints(world.dataDir, orderIn(world), 'start', { random, tally, context });
    case 'errors':
      return failReads(world, random, tally, context);
  }
}

/** Several starts in a row, each killed at any moment of the time that a whole one takes. */
async function killStarts(
  { dataDir }: World,
  readyMs: number,
  random: Random,
  tally: Tally,
  { build, cleanup }: Context,
): Promise<void> {
  for (let starts = random.integer(2, 5); starts > 0; starts -= 1) {
    const server = spawnServer({ build, dataDir }, cleanup);
    await pause(random.integer(5, Math.max(150, readyMs)));
    if (server.stdout() === '') tally.killedStarts += 1;
    await server.end('SIGKILL');
  }
}

interface Scene {
  readonly random: Random;
  readonly tally: Tally;
  readonly context: Context;
}

/** Several starts in a row, each killed at one of the points of its kind. */
async function killAtPoints(
  dataDir: string,
  order: string,
  occasion: Occasion,
  { random, tally, context }: Scene,
): Promise<Violation[]> {
  const points = FAILPOINTS.filter((point) => point.occasion === occasion);
  for (let starts = random.integer(1, 3); starts > 0; starts -= 1) {
    const { name } = random.pick(points);
    withdraw(order);
    give(order, { point: name, action: 'kill', hit: 1 });
    const launch = { build: context.build, dataDir, environment: { [ORDER_VARIABLE]: order } };
    const result = await attempt(launch, context.cleanup, START_LIMIT_MS);
    if (result.kind === 'ready') await result.server.end('SIGKILL');
    const isKilled = result.kind === 'ended' && result.exit.signal === 'SIGKILL';
    if (isKilled && occasion === 'start') tally.points += 1;
    if (isKilled && occasion === 'migration') tally.migrations += 1;
    if (isKilled) continue;
    // A migration that is behind the point already is not made again.
    if (result.kind === 'ready' && occasion === 'migration' && !isCarriedOut(order)) continue;
    const what = result.kind === 'ended' ? `ended with ${result.exit.code}: ${result.stderr}` : `was ${result.kind}`;
    return [{ guarantee: 'Restart', message: `A start to be killed ${name} ${what}.` }];
  }
  return [];
}

/** The data of an older version: the start that changes its schema is killed inside of that, again and again. */
async function faultInMigration(name: string, random: Random, tally: Tally, context: Context): Promise<Violation[]> {
  const directory = join(context.directory, name);
  const dataDir = join(directory, 'data');
  const contents = await makeOlderData(dataDir, random.fork(name));
  const scene = { random, tally, context };
  const violations = await killAtPoints(dataDir, join(directory, 'order'), 'migration', scene);
  const result = await attempt({ build: context.build, dataDir }, context.cleanup, START_LIMIT_MS);
  if (result.kind !== 'ready') {
    const what = result.kind === 'ended' ? result.stderr : result.kind;
    return [...violations, { guarantee: 'Restart', message: `After a migration was killed: ${what}` }];
  }
  await result.server.end('SIGTERM');
  violations.push(...missingOf(contents, dataDir).map((message) => ({ guarantee: 'NoLoss', message })));
  if (violations.length === 0) discard(context, name);
  return violations;
}

/** A start whose disk reports an error ends with a sentence. */
async function failReads(world: World, random: Random, tally: Tally, context: Context): Promise<Violation[]> {
  for (let tries = 0; tries < ERROR_TRIES; tries += 1) {
    const { name, last } = random.pick(CALLS);
    const fault = `error=EIO:when=${random.integer(1, last)}`;
    const { injected, server, isReady } = await startWithFault(world, { name, fault }, context);
    if (injected === 0) continue;
    tally.errors += 1;
    const { code, signal } = await server.exited;
    const isTold = !isReady && (code ?? 0) > 0 && sentenceIn(server.stderr()) !== undefined;
    if (isTold) return [];
    const end = isReady ? 'was ready' : `ended with ${code ?? signal}: ${lastWords(server)}`;
    return [{ guarantee: 'Refusal', message: `A start whose ${name} failed (${fault}) ${end}.` }];
  }
  return [];
}

interface Faulty {
  readonly injected: number;
  /** It has ended, one way or the other. */
  readonly server: ServerProcess;
  readonly isReady: boolean;
}

/** The start waits, before it looks at any file of the database, until strace is attached. */
async function startWithFault(
  world: World,
  { name, fault }: { readonly name: string; readonly fault: string },
  context: Context,
): Promise<Faulty> {
  const own = new Cleanup();
  context.cleanup.add(() => own.run());
  const order = orderIn(world);
  withdraw(order);
  give(order, { point: 'before the inspection', action: 'wait', hit: 1 });
  const { build } = context;
  const { dataDir } = world;
  const server = spawnServer({ build, dataDir, environment: { [ORDER_VARIABLE]: order } }, own);
  const endMs = performance.now() + START_LIMIT_MS;
  const isWaiting = () => server.child.exitCode === null && performance.now() < endMs;
  while (!isCarriedOut(order) && isWaiting()) await pause(5);
  const injection = { syscalls: [name], fault, paths: [DATA_FILE, WAL_FILE].map((file) => join(dataDir, file)) };
  const tracing = await inject(server.pid, injection, join(context.directory, `${server.pid}.strace`), own);
  rmSync(carriedOut(order), { force: true });
  while (server.stdout() === '' && isWaiting()) await pause(5);
  const isReady = server.stdout() !== '';
  await tracing.detach();
  await server.end('SIGKILL');
  const injected = tracing.injected();
  await own.run();
  return { injected, server, isReady };
}
