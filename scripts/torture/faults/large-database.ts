/**
 * F10: a database of more than 1 GiB. SQLite never uses the page at 2^30, and a server that reads or checks all of its
 * data before it is ready is slow to start with so much of it.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { createWorld, type World } from '../world.ts';
import { restartAndCheck, startOn } from './restart.ts';
import { within } from './within.ts';

const LOCK_PAGE_AT = 2 ** 30;
const FILL_BYTES = 1.15 * LOCK_PAGE_AT;
/** In records. */
const FILL_STEP = 1000;
const FILL_LIMIT_MS = 180_000;
const READY_LIMIT_MS = 3000;

const MIB = 1024 * 1024;
/** Batches of up to the 10 MiB that a request may have. */
const FILLING = { clients: 6, kinds: ['kinesis'], bodyBytes: { min: 15_000, max: 20_000 } } as const;
const USUAL = { clients: 8, bodyBytes: { min: 100, max: 5000 } } as const;
const USUAL_RECORDS = 2000;
const USUAL_LIMIT_MS = 20_000;

export const largeDatabase: Scenario = {
  name: 'F10',
  title: 'a database of more than 1 GiB is filled, killed and started',
  needs: [],
  counts: { short: 1, long: 3 },
  alone: true,
  run: runLargeDatabase,
};

interface Tally {
  readonly violations: Violation[];
  readonly readyMs: number[];
  acknowledged: number;
  /** Records that were put while the file was that large. */
  acknowledgedLater: number;
  bytes: number;
}

async function runLargeDatabase(context: Context): Promise<Result> {
  const tally: Tally = { violations: [], readyMs: [], acknowledged: 0, acknowledgedLater: 0, bytes: 0 };
  let done = 0;
  while (done < context.count && !context.isTimeUp() && tally.violations.length === 0) {
    const random = context.random.fork(`world ${done}`);
    const world = createWorld({ directory: join(context.directory, `world-${done}`), random });
    await fillUp(world, context);
    await killAndGoOn(world, context, tally);
    tally.violations.push(...(await restartAndCheck(world, context, 'all')));
    examine(world, tally);
    tally.acknowledged += world.acknowledged;
    done += 1;
  }
  const { violations, readyMs, acknowledged, acknowledgedLater, bytes } = tally;
  const sometimes = { acknowledged, 'acknowledged beyond 1 GiB': acknowledgedLater };
  return { violations, done, sometimes, figures: { 'ready ms': Math.max(...readyMs), 'MiB in the file': bytes / MIB } };
}

/** Big records until the file is beyond the page, and then a kill in the middle of it. */
async function fillUp(world: World, context: Context): Promise<void> {
  const server = await startOn(world, context);
  await world.prepare(server);
  const load = world.load(server, FILLING);
  const endMs = performance.now() + FILL_LIMIT_MS;
  for (let records = FILL_STEP; sizeOf(world) < FILL_BYTES; records += FILL_STEP) {
    if (performance.now() > endMs) throw new Error(`Only ${sizeOf(world)} bytes after ${FILL_LIMIT_MS} ms.`);
    await within(load.reached(records), FILL_LIMIT_MS);
    context.progress(`${Math.round(sizeOf(world) / MIB)} MiB`);
  }
  await server.end('SIGKILL');
  await load.stop();
}

const sizeOf = ({ dataDir }: World) => statSync(join(dataDir, 'millrace.db')).size;

/** The next start is quick, what was put is there, and more can be put. */
async function killAndGoOn(world: World, context: Context, tally: Tally): Promise<void> {
  const server = await startOn(world, context);
  tally.readyMs.push(server.readyMs);
  if (server.readyMs > READY_LIMIT_MS) {
    const message = `Ready after ${server.readyMs.toFixed(0)} ms with ${Math.round(sizeOf(world) / MIB)} MiB, which is more than ${READY_LIMIT_MS} ms.`;
    tally.violations.push({ guarantee: 'Restart', message });
  }
  await world.prepare(server);
  const load = world.load(server, USUAL);
  await within(load.reached(USUAL_RECORDS), USUAL_LIMIT_MS);
  tally.acknowledgedLater += (await load.stop()).acknowledged;
  tally.violations.push(...(await world.check(server, 'since')));
  await server.end('SIGKILL');
}

/** Of the file that was closed in order. */
function examine(world: World, tally: Tally): void {
  tally.bytes = Math.max(tally.bytes, sizeOf(world));
  const database = new Database(join(world.dataDir, 'millrace.db'), { readonly: true });
  try {
    const found = database.pragma('integrity_check', { simple: true }) as string;
    if (found !== 'ok') tally.violations.push({ guarantee: 'Integrity', message: `integrity_check says: ${found}` });
  } finally {
    database.close();
  }
}
