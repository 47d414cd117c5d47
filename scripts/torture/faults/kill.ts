/**
 * C1: kill -9 at a random moment under load, again and again. What was acknowledged is there after the next start, what
 * was not is there completely or not at all.
 */
import { interrupted } from '../observe/database.ts';
import type { Random } from '../random.ts';
import type { Context, Result, Scenario } from '../scenario.ts';
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
  type Sums,
  startOrViolation,
  worldOf,
} from './rounds.ts';

/** After so many kills a world is checked as a whole, and another one begins. */
const KILLS_PER_WORLD = 15;

/** While one world's server starts, the clients of another one keep the cores busy. */
const WORLDS_AT_ONCE = 2;

/** One world after the other has the next of these: short transitions happen often, long ones are interrupted often. */
const TRANSITIONS_MS = [20, 400] as const;

const LOAD_MS = { min: 60, max: 300 };

/** Rounds with too little load are repeated, but not for ever. */
const INVALID_SHARE_MAX = 0.3;

export const kill: Scenario = {
  name: 'C1',
  title: 'kill -9 under load',
  needs: [],
  counts: { short: 300, long: 2000 },
  run,
};

type Settings = Readonly<Record<string, string>>;

interface Kills extends Sums {
  /** Kills that are done or under way. */
  begun: number;
  worlds: number;
  inFlight: number;
  deliveries: number;
  reshards: number;
}

async function run(context: Context): Promise<Result> {
  const kills: Kills = { ...newSums(), begun: 0, worlds: 0, inFlight: 0, deliveries: 0, reshards: 0 };
  const killOn = async () => {
    while (goesOn(kills, context)) {
      kills.worlds += 1;
      const settings = { TRANSITION_MS: String(TRANSITIONS_MS[kills.worlds % TRANSITIONS_MS.length]) };
      await killWorld(`world-${kills.worlds}`, settings, kills, context);
    }
  };
  await Promise.all(Array.from({ length: WORLDS_AT_ONCE }, killOn));
  const { violations, done, worlds, inFlight, deliveries, reshards } = kills;
  return {
    violations,
    done,
    sometimes: {
      'killed with requests in flight': inFlight,
      'killed inside a delivery': deliveries,
      'killed inside a split or merge': reshards,
    },
    figures: { ...figuresOf(kills), worlds },
  };
}

function goesOn(kills: Kills, context: Context): boolean {
  if (kills.invalid > INVALID_SHARE_MAX * context.count + 1) return false;
  return kills.begun < context.count && kills.violations.length === 0 && !context.isTimeUp();
}

/** The life of one world, to the check of everything. */
async function killWorld(name: string, settings: Settings, kills: Kills, context: Context): Promise<void> {
  const world = worldOf(context, name);
  const random = context.random.fork(`kills of ${name}`);
  let killedMs: number | undefined;
  for (let round = 0; round < KILLS_PER_WORLD && goesOn(kills, context); round += 1) {
    kills.begun += 1;
    const server = await prepared({ world, name, settings }, kills, context);
    if (server === undefined) return;
    if (killedMs !== undefined) {
      count(kills, world, killedMs);
      kills.violations.push(...inWorld(name, await world.check(server, 'since')));
      if (kills.violations.length > 0) return void (await server.end('SIGKILL'));
    }
    killedMs = await killUnderLoad(world, server, kills, random);
    context.progress(`${kills.done} kills, ${kills.acknowledged + world.acknowledged} records acknowledged`);
  }
  const server = await prepared({ world, name, settings }, kills, context);
  if (server === undefined) return;
  if (killedMs !== undefined) count(kills, world, killedMs);
  const violations = await world.check(server, 'all');
  await server.end('SIGKILL');
  kills.acknowledged += world.acknowledged;
  kills.unknown += world.unknown;
  kills.violations.push(...inWorld(name, violations));
  if (violations.length === 0) discard(context, name);
}

interface Named {
  readonly world: World;
  readonly name: string;
  readonly settings: Settings;
}

/** A server on the data of the world, whose unknown outcomes are found out; undefined when it does not start. */
async function prepared({ world, name, settings }: Named, kills: Kills, context: Context): Promise<Server | undefined> {
  const started = await startOrViolation(world, context, settings);
  if (!isServer(started)) {
    kills.violations.push(...inWorld(name, [started]));
    return undefined;
  }
  kills.readyMs.push(started.readyMs);
  await world.prepare(started);
  return started;
}

/** Returns when it was, on the clock of the data. */
async function killUnderLoad(world: World, server: Server, kills: Kills, random: Random): Promise<number> {
  const load = await loadFor(world, server, random.integer(LOAD_MS.min, LOAD_MS.max));
  const killedMs = Date.now();
  const { code, signal } = await server.end('SIGKILL');
  const summary = await load.stop();
  if (signal !== 'SIGKILL') {
    const message = `The server ended by itself with ${code ?? signal}: ${server.stderr()}`;
    kills.violations.push({ guarantee: 'Alive', message });
  }
  if (summary.unknown > 0) kills.inFlight += 1;
  if (isEnough(summary)) {
    kills.done += 1;
  } else {
    kills.invalid += 1;
    kills.begun -= 1;
  }
  return killedMs;
}

/** Counts what the last kill met. */
function count(kills: Kills, { dataDir }: World, killedMs: number): void {
  const { deliveries, reshards } = interrupted(dataDir, killedMs);
  if (deliveries > 0) kills.deliveries += 1;
  if (reshards > 0) kills.reshards += 1;
}
