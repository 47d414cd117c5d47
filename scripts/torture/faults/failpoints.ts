/**
 * C2: the program ends, fails or stands still at a named point, under load, at a start, at the stop or inside of a
 * migration. Whatever it does then: nothing that it acknowledged is lost, nobody waits for an answer for ever, and the
 * next start is as good as any.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Action, EXIT_CODE, give, LOOK_MS, ORDER_VARIABLE } from '../failpoint.ts';
import type { Random } from '../random.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { type Exit, lastWords, NotReady, type Server } from '../server.ts';
import type { Load, LoadShape, World } from '../world.ts';
import { attempt } from './attempt.ts';
import { copyWithFailpoints, FAILPOINTS, type Failpoint, type Occasion } from './failpoint-table.ts';
import { makeOlderData, missingOf } from './older-data.ts';
import { isCarriedOut, orderIn, withdraw } from './orders.ts';
import { startOn } from './restart.ts';
import { discard, inWorld, worldOf } from './rounds.ts';
import { pause, within } from './within.ts';

/** After so many lives of its servers a world is checked as a whole, and another one begins. */
const LIVES_PER_WORLD = 14;
const WORLDS_AT_ONCE = 2;

/** So many points that the server may survive come before one that ends it. */
const GENTLE_PER_LIFE = 3;

/** A point is reached within this time, or tried again later. */
const REACHED_LIMIT_MS = 6000;
const TRIES = 4;

/** An answer takes no longer, whatever fails inside; a client that never gets one would wait for ten seconds. */
const ANSWER_LIMIT_MS = 9000;
const END_LIMIT_MS = 8000;

/** Afterwards so many records are acknowledged, or the server ends. */
const GOES_ON_RECORDS = 5;

/** Little, because it goes on for long: what counts are the points, not the records. */
const LOAD: LoadShape = { clients: 12, paceMs: 200 };

/** Deleted streams are removed every second. */
const SETTINGS = { SWEEP_SCHEDULE: '* * * * * *' };

/** So many starts that do not go well follow the end of a server. */
const STARTS_PER_LIFE = 2;

/** In the short run each point has one of each. */
const ACTIONS: readonly (readonly Action[])[] = [['kill', 'exit'], ['throw'], ['sleep']];

export const failpoints: Scenario = {
  name: 'C2',
  title: 'the program ends, fails or stands still at named points',
  needs: [],
  counts: { short: 2 * FAILPOINTS.length, long: 50 * FAILPOINTS.length },
  run: (context) => runTasks(tasksOf(context.count, context.random), context),
};

export interface Task {
  readonly point: Failpoint;
  readonly action: Action;
  readonly hit: number;
  readonly tries: number;
}

/** All points once, then all again with other actions, and so on. */
function tasksOf(count: number, random: Random): Task[] {
  return Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / FAILPOINTS.length);
    const place = index % FAILPOINTS.length;
    return taskFor(FAILPOINTS[place]!, random.pick(ACTIONS[(round + place) % ACTIONS.length]!), random);
  });
}

/** The end of a thread alone is nothing that happens. */
export const taskFor = (point: Failpoint, action: Action, random: Random): Task => ({
  point,
  action: point.isThread && action === 'exit' ? 'kill' : action,
  hit: random.integer(1, point.hits),
  tries: TRIES,
});

interface Tally {
  readonly violations: Violation[];
  /** How often each point was reached, and did what it was told. */
  readonly reached: Map<string, number>;
  done: number;
  lives: number;
  /** Servers that went on after something was thrown, and that ended. */
  survived: number;
  gaveUp: number;
  acknowledged: number;
  /** Nobody reached them in time, however often it was tried. */
  readonly missed: Set<string>;
}

interface Stage {
  readonly context: Context;
  readonly tally: Tally;
  /** What may be survived, and what ends the process. */
  readonly gentle: Task[];
  readonly hard: Task[];
  readonly starts: Task[];
  readonly stops: Task[];
  readonly migrations: Task[];
}

/** Does each task once. */
export async function runTasks(tasks: readonly Task[], given: Context): Promise<Result> {
  const build = copyWithFailpoints(given.build, join(given.directory, 'build'));
  const context = { ...given, build };
  const tally: Tally = {
    violations: [],
    reached: new Map(tasks.map(({ point }) => [point.name, 0])),
    done: 0,
    lives: 0,
    survived: 0,
    gaveUp: 0,
    acknowledged: 0,
    missed: new Set(),
  };
  const isGentle = ({ action }: Task) => action === 'throw' || action === 'sleep';
  const isUnderLoad = ({ point }: Task) => point.occasion === 'load' || point.occasion === 'copy';
  const at = (occasion: Occasion) => tasks.filter(({ point }) => point.occasion === occasion);
  const stage: Stage = {
    context,
    tally,
    gentle: tasks.filter((task) => isUnderLoad(task) && isGentle(task)),
    hard: tasks.filter((task) => isUnderLoad(task) && !isGentle(task)),
    starts: at('start'),
    stops: at('stop'),
    migrations: at('migration'),
  };
  let worlds = 0;
  const inWorlds = async () => {
    while (isMore(stage)) {
      worlds += 1;
      await liveIn(`world-${worlds}`, stage);
    }
  };
  await Promise.all([...Array.from({ length: WORLDS_AT_ONCE }, inWorlds), migrate(stage)]);
  const { violations, done, reached, lives, survived, gaveUp, acknowledged, missed } = tally;
  if (violations.length === 0) rmSync(join(given.directory, 'build'), { recursive: true, force: true });
  return {
    violations,
    done,
    sometimes: Object.fromEntries(reached),
    figures: {
      points: reached.size,
      'lives of servers': lives,
      'went on after an error': survived,
      'ended after an error': gaveUp,
      acknowledged,
      ...(missed.size > 0 ? { 'not reached in time': [...missed].join('; ') } : {}),
    },
  };
}

/** Each point once in any case: with one that was never reached the run would mean nothing. */
const mayGoOn = ({ tally, context }: Stage): boolean =>
  tally.violations.length === 0 && (!context.isTimeUp() || [...tally.reached.values()].includes(0));

const isMore = (stage: Stage): boolean =>
  mayGoOn(stage) && stage.gentle.length + stage.hard.length + stage.starts.length + stage.stops.length > 0;

/** Beside the worlds, for each has a data directory of its own. */
async function migrate(stage: Stage): Promise<void> {
  for (let task = stage.migrations.shift(); task !== undefined && mayGoOn(stage); task = stage.migrations.shift()) {
    stage.tally.violations.push(...(await doInMigration(task, stage)));
  }
}

/** The life of one world, to the check of everything. */
async function liveIn(name: string, stage: Stage): Promise<void> {
  const { context, tally } = stage;
  const world = worldOf(context, name);
  for (let life = 0; life <= LIVES_PER_WORLD; life += 1) {
    const isLast = life === LIVES_PER_WORLD || (life > 0 && !isMore(stage));
    const server = await startedOn(world, stage);
    if (server === undefined) return;
    await world.prepare(server);
    if (life > 0) tally.violations.push(...inWorld(name, await world.check(server, isLast ? 'all' : 'since')));
    if (isLast || tally.violations.length > 0) {
      await server.end('SIGKILL');
      break;
    }
    tally.lives += 1;
    tally.violations.push(...inWorld(name, await liveOnce(world, server, stage)));
    rmSync(join(world.dataDir, 'snapshots'), { recursive: true, force: true });
    context.progress(`${tally.done} failpoints, ${tally.acknowledged + world.acknowledged} records acknowledged`);
  }
  tally.acknowledged += world.acknowledged;
  if (tally.violations.length === 0) discard(context, name);
}

/** A server without an order; undefined when it does not start, which is told. */
async function startedOn(world: World, { context, tally }: Stage): Promise<Server | undefined> {
  withdraw(orderIn(world));
  try {
    return await startOn(world, context, { settings: SETTINGS, environment: { [ORDER_VARIABLE]: orderIn(world) } });
  } catch (error) {
    tally.violations.push({ guarantee: 'Restart', message: (error as Error).message });
    return undefined;
  }
}

/** Some points on a server; it has ended then. */
async function liveOnce(world: World, server: Server, stage: Stage): Promise<Violation[]> {
  const violations: Violation[] = [];
  let load = world.load(server, LOAD);
  for (let count = 0; count < GENTLE_PER_LIFE && violations.length === 0; count += 1) {
    const task = stage.gentle.shift();
    if (task === undefined || hasEnded(server)) {
      if (task !== undefined) stage.gentle.unshift(task);
      break;
    }
    violations.push(...(await doUnderLoad(task, stage.gentle, world, server, stage)));
  }
  if (!hasEnded(server)) {
    violations.push(...(await stopLoad(load)));
    load = world.load(server, LOAD);
    const task = stage.stops.length > 0 ? undefined : stage.hard.shift();
    if (task !== undefined) violations.push(...(await doUnderLoad(task, stage.hard, world, server, stage)));
  }
  const stop = violations.length === 0 && !hasEnded(server) ? stage.stops.shift() : undefined;
  if (stop === undefined) await server.end('SIGKILL');
  else violations.push(...(await doAtStop(stop, world, server, stage)));
  await load.stop();
  for (let starts = 0; starts < STARTS_PER_LIFE && violations.length === 0; starts += 1) {
    const task = stage.starts.shift();
    if (task === undefined) break;
    violations.push(...(await startWith(task, world.dataDir, orderIn(world), stage)));
  }
  return violations;
}

const hasEnded = ({ child }: Server): boolean => child.exitCode !== null || child.signalCode !== null;

/** Every client has its answer soon, unless the server is gone. */
async function stopLoad(load: Load): Promise<Violation[]> {
  const startMs = performance.now();
  await load.stop();
  const tookMs = performance.now() - startMs;
  if (tookMs <= ANSWER_LIMIT_MS) return [];
  return [{ guarantee: 'NoHang', message: `The last answers took ${Math.round(tookMs)} ms.` }];
}

async function doUnderLoad(
  task: Task,
  queue: Task[],
  world: World,
  server: Server,
  stage: Stage,
): Promise<Violation[]> {
  const { point, action, hit, tries } = task;
  const order = orderIn(world);
  give(order, { point: point.name, action, hit });
  if (point.occasion === 'copy') void askForCopy(server.url);
  const endMs = performance.now() + REACHED_LIMIT_MS;
  while (!isCarriedOut(order) && !hasEnded(server) && performance.now() < endMs) await pause(5);
  const isReached = isCarriedOut(order);
  withdraw(order);
  if (!isReached) {
    if (hasEnded(server)) return [broken(task, 'Alive', `The server ended by itself: ${lastWords(server)}`)];
    if (tries > 1) queue.push({ ...task, hit: 1, tries: tries - 1 });
    else stage.tally.missed.add(point.name);
    return [];
  }
  count(task, stage);
  if (!point.isChild && (action === 'kill' || action === 'exit'))
    return judgeEnd(task, await within(server.exited, END_LIMIT_MS));
  return judgeGoingOn(task, world, server, stage);
}

async function askForCopy(url: string): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  await fetch(`${url}/_millrace/snapshot`, { method: 'POST', headers })
    .then((response) => response.arrayBuffer())
    .catch(() => undefined);
}

function count({ point }: Task, { tally }: Stage): void {
  tally.done += 1;
  tally.reached.set(point.name, (tally.reached.get(point.name) ?? 0) + 1);
}

/** It is as it was told to be, and not by chance. */
function judgeEnd(task: Task, exit: Exit | undefined): Violation[] {
  if (exit === undefined) return [broken(task, 'NoHang', `It has not ended after ${END_LIMIT_MS} ms.`)];
  const { action } = task;
  const isAsTold = action === 'kill' ? exit.signal === 'SIGKILL' : action === 'exit' && exit.code === EXIT_CODE;
  return isAsTold ? [] : [broken(task, 'Alive', `It ended with ${exit.code ?? exit.signal}.`)];
}

/** After an error or a pause requests succeed again; or after an error the server gives up, and says so. */
async function judgeGoingOn(task: Task, world: World, server: Server, { tally }: Stage): Promise<Violation[]> {
  // A server that is about to end still acknowledges what was committed before, but nothing that is asked from now on.
  const acknowledged = world.acknowledgedFromNow();
  const isGoingOn = () => acknowledged() >= GOES_ON_RECORDS;
  const endMs = performance.now() + ANSWER_LIMIT_MS;
  while (!isGoingOn() && !hasEnded(server) && performance.now() < endMs) await pause(10);
  if (hasEnded(server)) {
    const { code, signal } = await server.exited;
    tally.gaveUp += 1;
    const isSaid = task.action === 'throw' && (code ?? 0) > 0 && server.stderr() !== '';
    return isSaid ? [] : [broken(task, 'Alive', `It ended with ${code ?? signal}: ${lastWords(server)}`)];
  }
  if (task.action === 'throw') tally.survived += 1;
  if (isGoingOn()) return [];
  return [broken(task, 'NoHang', `Nothing was acknowledged for ${ANSWER_LIMIT_MS} ms.`)];
}

async function doAtStop(task: Task, world: World, server: Server, stage: Stage): Promise<Violation[]> {
  const order = orderIn(world);
  const { point, action } = task;
  give(order, { point: point.name, action, hit: 1 });
  // Nothing comes after the last points of a stop, which may be over in a few milliseconds.
  await pause(2 * LOOK_MS);
  const exit = await within(server.end('SIGTERM'), END_LIMIT_MS);
  if (exit === undefined) {
    await server.end('SIGKILL');
    return [broken(task, 'NoHang', `It has not stopped after ${END_LIMIT_MS} ms.`)];
  }
  if (!isCarriedOut(order)) return [broken(task, 'Reached', `The stop did not reach it: ${lastWords(server)}`)];
  count(task, stage);
  if (action === 'throw') return (exit.code ?? 0) > 0 ? [] : [broken(task, 'Alive', `It ended with ${exit.code}.`)];
  if (action === 'sleep') return exit.code === 0 ? [] : [broken(task, 'Alive', `It ended with ${exit.code}.`)];
  return judgeEnd(task, exit);
}

async function doInMigration(task: Task, stage: Stage): Promise<Violation[]> {
  const { context } = stage;
  const name = `migration-${stage.tally.done}`;
  const dataDir = join(context.directory, name, 'data');
  const contents = await makeOlderData(dataDir, context.random.fork(name));
  const violations = await startWith(task, dataDir, join(context.directory, name, 'order'), stage);
  const next = await attempt({ build: context.build, dataDir }, context.cleanup);
  if (next.kind !== 'ready') return [...violations, broken(task, 'Restart', `No start afterwards: ${told(next)}`)];
  await next.server.end('SIGTERM');
  violations.push(...missingOf(contents, dataDir).map((message) => broken(task, 'NoLoss', message)));
  if (violations.length === 0) discard(context, name);
  return violations;
}

/** A start that reaches the point. */
async function startWith(task: Task, dataDir: string, order: string, stage: Stage): Promise<Violation[]> {
  const { context } = stage;
  const { point, action } = task;
  withdraw(order);
  give(order, { point: point.name, action, hit: 1 });
  const launch = { build: context.build, dataDir, environment: { [ORDER_VARIABLE]: order } };
  const result = await attempt(launch, context.cleanup, END_LIMIT_MS + REACHED_LIMIT_MS);
  if (result.kind === 'ready') await result.server.end('SIGKILL');
  if (!isCarriedOut(order)) return [broken(task, 'Reached', `The start did not reach it: ${told(result)}`)];
  count(task, stage);
  if (result.kind === 'hung') return [broken(task, 'NoHang', 'The start neither ended nor was ready.')];
  if (action === 'sleep') return result.kind === 'ready' ? [] : [broken(task, 'Restart', told(result))];
  if (result.kind === 'ready') return [broken(task, 'Restart', 'The server started all the same.')];
  if (action === 'throw') return (result.exit.code ?? 0) > 0 ? [] : [broken(task, 'Restart', told(result))];
  return judgeEnd(task, result.exit);
}

const told = (result: Awaited<ReturnType<typeof attempt>>): string =>
  result.kind === 'ended' ? new NotReady(result.exit, result.stderr).message : `It was ${result.kind}.`;

const broken = ({ point, action }: Task, guarantee: string, message: string): Violation => ({
  guarantee,
  message: `${action} ${point.name}: ${message}`,
});
