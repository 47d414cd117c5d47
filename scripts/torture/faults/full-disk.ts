/**
 * F3: the disk of the data directory gets full under load, more than once, with a neighbour's file on it. Writes are
 * refused then and reads go on; when the neighbour has gone, writes go on without a restart. In between the server is
 * also killed while there is no space left.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type FileSystem, mountTmpfs, occupy } from '../devices.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { lastWords, NotReady, type Server } from '../server.ts';
import { createWorld, type Load, type World } from '../world.ts';
import { sentenceIn } from './attempt.ts';
import { restartAndCheck, startOn } from './restart.ts';
import { pause, within } from './within.ts';

const SIZE_BYTES = { min: 24, max: 64 };
const MIB = 1024 * 1024;

/** What the neighbour leaves, for the load to fill. */
const LEFT_BYTES = 8 * MIB;
const FILL_LIMIT_MS = 30_000;
/** It is full when nothing was acknowledged for this long. */
const SILENCE_MS = 1500;
/** How long it stays full, with clients that go on asking. */
const FULL_MS = 1200;
const RESUME_LIMIT_MS = 5000;
/** "The data directory cannot be used": what a start may say as long as there is no space. */
const NOT_USABLE = 7;

const KINDS = ['kinesis', 'firehose', 'sourced'] as const;
const FILLING = { clients: 16, kinds: KINDS, bodyBytes: { min: 500, max: 20_000 } } as const;
const ASKING = { clients: 4, kinds: KINDS, bodyBytes: { min: 100, max: 2000 }, paceMs: 20 } as const;

export const fullDisk: Scenario = {
  name: 'F3',
  title: 'the disk gets full under load, and has space again',
  needs: ['root', 'tmpfs'],
  counts: { short: 4, long: 60 },
  run: runFullDisk,
};

interface Tally {
  readonly violations: Violation[];
  full: number;
  resumed: number;
  killedWhileFull: number;
  refusedStarts: number;
  /** In records. */
  refused: number;
  readonly resumeMs: number[];
}

async function runFullDisk(context: Context): Promise<Result> {
  const tally: Tally = {
    violations: [],
    full: 0,
    resumed: 0,
    killedWhileFull: 0,
    refusedStarts: 0,
    refused: 0,
    resumeMs: [],
  };
  let done = 0;
  let acknowledged = 0;
  while (done < context.count && !context.isTimeUp() && tally.violations.length === 0) {
    context.progress(`${done} times full, ${acknowledged} records`);
    acknowledged += await doRound(done, context, tally);
    done += 1;
  }
  const { violations, full, resumed, refused, killedWhileFull, refusedStarts, resumeMs } = tally;
  return {
    violations,
    done,
    sometimes: { acknowledged, full, resumed, refused, 'killed while full': killedWhileFull },
    figures: { 'longest wait for writes ms': Math.max(0, ...resumeMs), 'starts refused while full': refusedStarts },
  };
}

/** A file system of its own; returns how many records were acknowledged on it. */
async function doRound(round: number, context: Context, tally: Tally): Promise<number> {
  const { random, directory, cleanup } = context;
  const sizeBytes = random.integer(SIZE_BYTES.min, SIZE_BYTES.max) * MIB;
  const disk = await mountTmpfs(join(directory, `disk-${round}`), sizeBytes, cleanup);
  const world = createWorld({
    directory: join(directory, `world-${round}`),
    random: random.fork(`world ${round}`),
    dataDir: join(disk.path, 'data'),
  });
  const neighbour = join(disk.path, 'neighbour');
  const server = await startOn(world, context);
  await world.prepare(server);
  occupy(neighbour, disk, LEFT_BYTES);
  await fill(server, world, disk, tally);
  tally.violations.push(...(await world.check(server, 'since')).map(whileFull));
  // The first kills, so that no short run goes without.
  if (round % 2 === 0) await killAndRestart(server, neighbour, world, context, tally);
  else await giveSpaceBack(server, neighbour, world, tally);
  rmSync(neighbour, { force: true });
  tally.violations.push(...(await restartAndCheck(world, context, 'all')));
  // With violations its files stay to be looked at, which they can be only as long as it is mounted.
  await disk.unmount();
  return world.acknowledged;
}

const whileFull = ({ guarantee, message }: Violation): Violation => ({
  guarantee,
  message: `While the disk is full: ${message}`,
});

/** Loads the server until it refuses, and for a while afterwards. */
async function fill(server: Server, world: World, disk: FileSystem, tally: Tally): Promise<void> {
  const load = world.load(server, FILLING);
  const endMs = performance.now() + FILL_LIMIT_MS;
  let health = await healthOf(server);
  for (let silentSinceMs = performance.now(), seen = -1; ; await pause(50)) {
    if (world.acknowledged !== seen) silentSinceMs = performance.now();
    seen = world.acknowledged;
    health = await healthOf(server);
    if (health === 'full' || performance.now() - silentSinceMs > SILENCE_MS) break;
    if (performance.now() > endMs)
      throw new Error(`Not full after ${FILL_LIMIT_MS} ms; ${disk.free()} bytes are free.`);
  }
  tally.full += 1;
  await pause(FULL_MS);
  health = await healthOf(server);
  const summary = await load.stop();
  tally.refused += summary.failed + summary.unknown;
  const complain = (message: string) => tally.violations.push({ guarantee: 'FullDisk', message });
  if (health !== 'full') complain(`The disk is full (${disk.free()} bytes are free), but the health says ${health}.`);
  if (server.child.exitCode !== null) complain(`The server ended with ${server.child.exitCode}: ${server.stderr()}`);
}

async function healthOf({ url }: Server): Promise<string> {
  try {
    const response = await fetch(`${url}/_health`, { signal: AbortSignal.timeout(5000) });
    return ((await response.json()) as { status: string }).status;
  } catch (error) {
    return `nothing (${(error as Error).message})`;
  }
}

/** The neighbour goes while clients go on asking. */
async function giveSpaceBack(server: Server, neighbour: string, world: World, tally: Tally): Promise<void> {
  const load = world.load(server, ASKING);
  await pause(FULL_MS);
  const before = world.acknowledged;
  rmSync(neighbour);
  const startMs = performance.now();
  // It may have a little space of its own: only what comes from now on counts.
  await moreThan(before, world, load);
  const tookMs = performance.now() - startMs;
  await load.stop();
  if (tookMs < RESUME_LIMIT_MS) {
    tally.resumed += 1;
    tally.resumeMs.push(tookMs);
    await pause(2 * FULL_MS);
    const health = await healthOf(server);
    if (health !== 'running') {
      tally.violations.push({ guarantee: 'FullDisk', message: `With space again the health says ${health}.` });
    }
  } else {
    const message = `Nothing was written within ${RESUME_LIMIT_MS} ms after there was space again: ${lastWords(server)}`;
    tally.violations.push({ guarantee: 'FullDisk', message });
  }
  await server.end('SIGKILL');
}

async function moreThan(before: number, world: World, load: Load): Promise<void> {
  const endMs = performance.now() + RESUME_LIMIT_MS;
  while (world.acknowledged <= before && performance.now() < endMs)
    await within(load.reached(1), 20).then(() => pause(10));
}

/** Killed without space, started without space: it serves what it has, or says that it cannot be used. */
async function killAndRestart(server: Server, neighbour: string, world: World, context: Context, tally: Tally) {
  const load = world.load(server, ASKING);
  await pause(FULL_MS / 2);
  await server.end('SIGKILL');
  await load.stop();
  tally.killedWhileFull += 1;
  try {
    const next = await startOn(world, context);
    await world.prepare(next);
    tally.violations.push(...(await world.check(next, 'since')).map(whileFull));
    await giveSpaceBack(next, neighbour, world, tally);
  } catch (error) {
    if (!(error instanceof NotReady)) throw error;
    tally.refusedStarts += 1;
    const isPlain = error.exit.code === NOT_USABLE && sentenceIn(error.stderr) !== undefined;
    const message = `A start without space ended with ${error.exit.code ?? error.exit.signal}: ${error.stderr}`;
    if (!isPlain) tally.violations.push({ guarantee: 'FullDisk', message });
  }
}
