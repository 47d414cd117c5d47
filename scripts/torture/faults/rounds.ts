/** What the scenarios with a world under load have in common: starting its server, the load before the fault, figures. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import { createWorld, type Load, type LoadShape, type LoadSummary, type World } from '../world.ts';
import { restartViolation, startOn } from './restart.ts';

/** With fewer records acknowledged before its fault, a round says little and does not count. */
export const ACKNOWLEDGED_MIN = 500;

/** So long the load may take to get there. */
const PATIENCE_MS = 10_000;

/** A world in a directory of its own below that of the scenario. */
export const worldOf = (context: Context, name: string): World =>
  createWorld({ directory: join(context.directory, name), random: context.random.fork(name) });

/** Gives the space of a world back; not of one that broke a promise. */
export const discard = (context: Context, name: string): void =>
  rmSync(join(context.directory, name), { recursive: true, force: true, maxRetries: 3 });

/** Starts a server on the data of a world; a start that fails is a broken promise, and is returned as one. */
export async function startOrViolation(
  world: World,
  context: Context,
  settings: Readonly<Record<string, string>> = {},
): Promise<Server | Violation> {
  try {
    return await startOn(world, context, { settings });
  } catch (error) {
    return restartViolation(error as Error);
  }
}

export const isServer = (started: Server | Violation): started is Server => 'url' in started;

/** Starts a load, and returns once it has gone on for `forMs` since its first success and enough was acknowledged. */
export async function loadFor(world: World, server: Server, forMs: number, shape?: LoadShape): Promise<Load> {
  const load = world.load(server, shape);
  const patience = new AbortController();
  const enough = load.reached(1).then(() => Promise.all([sleep(forMs), load.reached(ACKNOWLEDGED_MIN)]));
  await Promise.race([enough, sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
  patience.abort();
  return load;
}

/** Whether a load has done enough for what followed to mean something. */
export const isEnough = ({ acknowledged }: LoadSummary): boolean => acknowledged >= ACKNOWLEDGED_MIN;

/** The value below which this share of the values is; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

/** What happened in all worlds of a scenario. */
export interface Sums {
  readonly violations: Violation[];
  done: number;
  invalid: number;
  acknowledged: number;
  unknown: number;
  readonly readyMs: number[];
}

export const newSums = (): Sums => ({
  violations: [],
  done: 0,
  invalid: 0,
  acknowledged: 0,
  unknown: 0,
  readyMs: [],
});

export const figuresOf = ({ acknowledged, unknown, invalid, readyMs }: Sums): Record<string, number> => ({
  acknowledged,
  unknown,
  invalid,
  'ready p50 ms': percentile(readyMs, 0.5),
  'ready p99 ms': percentile(readyMs, 0.99),
});

/** Names the world in which something was found: its history and its observation are kept there. */
export const inWorld = (name: string, violations: readonly Violation[]): Violation[] =>
  violations.map(({ guarantee, message }) => ({ guarantee, message: `${message} (${name})` }));
