/**
 * F4: only the directory of the objects is full. Kinesis must not notice; what Firehose has acknowledged stays planned,
 * is delivered within 75 s (retries are a minute apart at most) after there is space again, and lies in exactly one object.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { mountTmpfs, occupy } from '../devices.ts';
import { DELIVERY_STREAMS } from '../layout.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import type { Server } from '../server.ts';
import { createWorld, type LoadShape, type World } from '../world.ts';
import { flush } from './api.ts';
import { restartAndCheck, startOn } from './restart.ts';
import { pause } from './within.ts';

const MIB = 1024 * 1024;
/** Several times what is delivered. */
const SIZE_BYTES = 64 * MIB;

/** Long enough for several attempts to deliver. */
const FULL_MS = 3000;
/** So often in this time delivery is asked for in every second round, until the pauses between attempts are longest. */
const INSISTENCES = 10;
const DELIVERY_LIMIT_MS = 75_000;
/** Kinesis does not wait for objects: no gap between its answers is longer. */
const GAP_LIMIT_MS = 5000;

const FIREHOSE: LoadShape = {
  clients: 4,
  kinds: ['firehose', 'sourced'],
  bodyBytes: { min: 50, max: 200 },
  paceMs: 50,
};
const KINESIS: LoadShape = { clients: 4, kinds: ['kinesis'], bodyBytes: { min: 50, max: 500 }, paceMs: 20 };

export const fullBucket: Scenario = {
  name: 'F4',
  title: 'only the disk of the objects is full, and has space again',
  needs: ['root', 'tmpfs'],
  counts: { short: 1, long: 20 },
  run: runFullBucket,
};

interface Tally {
  readonly violations: Violation[];
  acknowledged: number;
  planned: number;
  delivered: number;
  killedWhileFull: number;
  readonly deliveryMs: number[];
}

async function runFullBucket(context: Context): Promise<Result> {
  const tally: Tally = {
    violations: [],
    acknowledged: 0,
    planned: 0,
    delivered: 0,
    killedWhileFull: 0,
    deliveryMs: [],
  };
  let done = 0;
  while (done < context.count && !context.isTimeUp() && tally.violations.length === 0) {
    await doRound(done, context, tally);
    done += 1;
  }
  const { violations, acknowledged, planned, delivered, killedWhileFull, deliveryMs } = tally;
  return {
    violations,
    done,
    sometimes: { acknowledged, 'batches planned while full': planned, 'batches delivered later': delivered },
    figures: { 'killed while full': killedWhileFull, 'longest delivery ms': Math.max(0, ...deliveryMs) },
  };
}

async function doRound(round: number, context: Context, tally: Tally): Promise<void> {
  const { random, cleanup } = context;
  const directory = join(context.directory, `world-${round}`);
  const dataDir = join(directory, 'data');
  const disk = await mountTmpfs(join(directory, 'disk'), SIZE_BYTES, cleanup);
  // A link, as people make it who keep objects on another disk; the neighbour does not lie among the objects.
  const objects = join(disk.path, 'objects');
  mkdirSync(objects);
  mkdirSync(dataDir, { recursive: true });
  symlinkSync(objects, join(dataDir, 's3'));
  const world = createWorld({ directory, dataDir, random: random.fork(`world ${round}`) });
  let server = await startOn(world, context);
  await world.prepare(server);
  const neighbour = join(disk.path, 'neighbour');
  occupy(neighbour, disk, 0);

  const isInsistent = round % 2 === 1;
  await loadWhileFull(server, world, isInsistent ? INSISTENCES : 1, tally);
  if (!isInsistent) {
    await server.end('SIGKILL');
    tally.killedWhileFull += 1;
    server = await startOn(world, context);
    await world.prepare(server);
  }
  const planned = batches(dataDir, 'PLANNED');
  tally.planned += planned;

  rmSync(neighbour);
  const tookMs = await delivered(dataDir);
  if (tookMs === undefined) {
    const left = batches(dataDir, 'PLANNED');
    const message = `${left} of ${planned} batches were not delivered ${DELIVERY_LIMIT_MS} ms after there was space again.`;
    tally.violations.push({ guarantee: 'FullBucket', message });
  } else {
    tally.delivered += planned;
    tally.deliveryMs.push(tookMs);
  }
  if (batches(dataDir, 'DROPPED') > 0) {
    tally.violations.push({
      guarantee: 'FullBucket',
      message: 'A batch was dropped, instead of being delivered later.',
    });
  }
  await server.end('SIGKILL');
  tally.violations.push(...(await restartAndCheck(world, context, 'all')));
  tally.acknowledged += world.acknowledged;
  await disk.unmount();
}

/** Both services, and this many attempts to deliver beside those that the server makes by itself. */
async function loadWhileFull(server: Server, world: World, attempts: number, tally: Tally): Promise<void> {
  const firehose = world.load(server, FIREHOSE);
  const kinesis = world.load(server, KINESIS);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    await pause(FULL_MS / attempts);
    for (const name of DELIVERY_STREAMS) await flush(server.url, name).catch(() => undefined);
  }
  const summaries = { Kinesis: await kinesis.stop(), Firehose: await firehose.stop() };
  for (const [service, { acknowledged, unknown, longestGapMs }] of Object.entries(summaries)) {
    const complain = (message: string) => tally.violations.push({ guarantee: 'FullBucket', message });
    if (acknowledged === 0) complain(`${service} acknowledged nothing while the objects had no space.`);
    if (unknown > 0) complain(`${service} failed for ${unknown} records, although only the objects had no space.`);
    if (longestGapMs > GAP_LIMIT_MS) complain(`${service} did not answer for ${longestGapMs.toFixed(0)} ms.`);
  }
}

/** How long it took until no batch was left, which a delivery stream does by itself; undefined when one still is. */
async function delivered(dataDir: string): Promise<number | undefined> {
  const startMs = performance.now();
  while (performance.now() - startMs < DELIVERY_LIMIT_MS) {
    if (batches(dataDir, 'PLANNED') === 0) return performance.now() - startMs;
    await pause(200);
  }
  return undefined;
}

/** As an inspector sees it, beside the server. */
function batches(dataDir: string, state: string): number {
  const database = new Database(join(dataDir, 'millrace.db'), { readonly: true });
  try {
    return database.prepare('select count(*) from deliveries where state = ?').pluck().get(state) as number;
  } finally {
    database.close();
  }
}
