/**
 * C3: the power is cut while the server is under load, again and again upon the same data. The server is stopped in the
 * middle of what it does, the disk is copied as it is without the page cache, the server is killed, and the next one
 * starts upon the copy. Whatever a client had an answer for was answered before the copy, so it must be there.
 *
 * Cuts inside of an fsync are not seen this way, because the copy waits for its end; C4 makes these.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPowerCutDisk, type PowerCutDisk, standStill } from '../disk/power-cut-disk.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { NotReady, type Server, type ServerProcess, spawnServer, start } from '../server.ts';
import { createWorld, type LoadShape, type World } from '../world.ts';

const DISK_BYTES = 128 * 1024 * 1024;

interface Course {
  readonly shape: LoadShape;
  /** So few that the disk never gets full, which is the business of others. */
  readonly cutsMax: number;
}

const USUAL: Course = { shape: {}, cutsMax: 12 };
/** Enough for the write-ahead log to be moved into the data file and begun anew. */
const LARGE: Course = { shape: { bodyBytes: { min: 200, max: 1500 } }, cutsMax: 3 };
const LARGE_CHANCE = 1 / 4;

const CUT_AT_START_CHANCE = 1 / 8;
const FULL_CHECK_CHANCE = 1 / 5;
const LOAD_LIMIT_MS = 5_000;
const CANARY_BYTES = 64 * 1024;
/** A server that starts upon existing data opens the database in this time. */
const START_MS = 400;

export const powerCut: Scenario = {
  name: 'C3',
  title: 'the power is cut under load (ext4 on a loop device, copied without its page cache)',
  needs: ['root', 'loop', 'tmpfs'],
  counts: { short: 100, long: 2000 },
  run,
};

interface Tally {
  cuts: number;
  disks: number;
  acknowledged: number;
  unknown: number;
  copies: number;
  /** Cuts after which a file that was written, and not synced, was gone. */
  canariesLost: number;
  /** Cuts after which files of the server were not as the server had last seen them. */
  unsyncedLost: number;
  cutsWhileStarting: number;
  fullChecks: number;
  readonly readyMs: number[];
}

async function run(context: Context): Promise<Result> {
  const disk = await createPowerCutDisk(context.directory, DISK_BYTES, context.cleanup);
  const violations: Violation[] = [];
  const tally: Tally = {
    cuts: 0,
    disks: 0,
    acknowledged: 0,
    unknown: 0,
    copies: 0,
    canariesLost: 0,
    unsyncedLost: 0,
    cutsWhileStarting: 0,
    fullChecks: 0,
    readyMs: [],
  };
  while (violations.length === 0 && !isDone(context, tally)) {
    violations.push(...(await oneDisk(context, disk, tally)));
  }
  return { violations, done: tally.cuts, ...told(tally) };
}

const isDone = (context: Context, { cuts }: Tally): boolean => cuts >= context.count || context.isTimeUp();

function told(tally: Tally): Pick<Result, 'sometimes' | 'figures'> {
  const { acknowledged, unknown, canariesLost, unsyncedLost, cutsWhileStarting, fullChecks, readyMs } = tally;
  const sorted = readyMs.toSorted((a, b) => a - b);
  return {
    sometimes: {
      acknowledged,
      'in flight at a cut': unknown,
      'un-synced file lost': canariesLost,
      'cut while starting': cutsWhileStarting,
      'everything read': fullChecks,
    },
    figures: {
      acknowledged,
      unknown,
      'file systems': tally.disks,
      'copies made': tally.copies,
      'copies valid': tally.cuts,
      'un-synced file lost': canariesLost,
      'un-synced writes of the server lost': unsyncedLost,
      'ready p99 ms': Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
    },
  };
}

/** A new file system, and one world that goes through several power cuts upon it. */
async function oneDisk(context: Context, disk: PowerCutDisk, tally: Tally): Promise<Violation[]> {
  const { random, directory } = context;
  tally.disks += 1;
  await disk.renew();
  const world = createWorld({
    directory: join(directory, `world-${tally.disks}`),
    // Made by the server: that it is there after a cut is the server's business too.
    dataDir: join(disk.directory, 'data'),
    random: random.fork(`world ${tally.disks}`),
  });
  const { shape, cutsMax } = random.chance(LARGE_CHANCE) ? LARGE : USUAL;
  const cuts = random.integer(1, cutsMax);
  const violations: Violation[] = [];
  for (let cut = 0; cut <= cuts && violations.length === 0; cut += 1) {
    const isLast = cut === cuts || isDone(context, tally);
    violations.push(...(await oneLife(context, { disk, world, shape, tally, isFirst: cut === 0, isLast })));
    context.progress(`${tally.cuts} cuts, ${tally.acknowledged + world.acknowledged} acknowledged`);
    if (isLast) break;
  }
  tally.acknowledged += world.acknowledged;
  tally.unknown += world.unknown;
  if (violations.length > 0) await disk.keep(join(directory, `violation-${tally.disks}.img`));
  return violations;
}

interface Life {
  readonly disk: PowerCutDisk;
  readonly world: World;
  readonly shape: LoadShape;
  readonly tally: Tally;
  readonly isFirst: boolean;
  /** Nothing but the check. */
  readonly isLast: boolean;
}

/** A server starts, what it has is checked, it is put under load, and the power is cut. */
async function oneLife(context: Context, life: Life): Promise<Violation[]> {
  const { disk, world, shape, tally, isFirst, isLast } = life;
  const { build, random, cleanup } = context;
  const launch = { build, dataDir: world.dataDir };
  let server: Server;
  try {
    if (!isLast && random.chance(CUT_AT_START_CHANCE)) {
      // As when the power comes and goes: the recovery is cut, too.
      const starting = spawnServer(launch, cleanup);
      await sleep(random.integer(START_MS / 8, START_MS));
      if (starting.child.exitCode !== null) throw new NotReady(await starting.exited, starting.stderr());
      tally.cutsWhileStarting += 1;
      await cutPower(starting, disk, tally, world.dataDir);
    }
    server = await start(launch, cleanup);
  } catch (error) {
    if (!(error instanceof NotReady)) throw error;
    return [{ guarantee: 'Starts', message: `After a power cut the server does not start: ${error.message}` }];
  }
  tally.readyMs.push(server.readyMs);
  if (isFirst) await world.prepare(server);
  else {
    const violations = await looked(server, context, life);
    if (violations.length > 0 || isLast) {
      await server.end('SIGKILL');
      return violations;
    }
  }
  const load = world.load(server, shape);
  await Promise.race([load.reached(loadSize(context)), sleep(LOAD_LIMIT_MS, undefined, { ref: false })]);
  await sleep(random.integer(0, 20));
  await cutPower(server, disk, tally, world.dataDir, () => load.stop());
  return [];
}

/** Checks what is there after a cut. So much can be gone that there is nothing to look at. */
async function looked(server: Server, { random }: Context, { world, tally, isLast }: Life): Promise<Violation[]> {
  const extent = isLast || random.chance(FULL_CHECK_CHANCE) ? 'all' : 'since';
  if (extent === 'all') tally.fullChecks += 1;
  try {
    await world.prepare(server);
    return await world.check(server, extent);
  } catch (error) {
    const message = `After a power cut not all can be looked at: ${(error as Error).message}`;
    return [{ guarantee: 'NoLoss', message }];
  }
}

/** Mostly a good deal of load; at times so little that the cut comes right after the first answers. */
const loadSize = ({ random }: Context): number =>
  random.chance(1 / 5) ? random.integer(1, 50) : random.integer(200, 1500);

/** @param drain waits for what the clients still have to hear, once the server is gone */
async function cutPower(
  server: ServerProcess,
  disk: PowerCutDisk,
  tally: Tally,
  dataDir: string,
  drain: () => Promise<unknown> = async () => {},
): Promise<void> {
  const stopped = standStill(server.pid);
  // Written by this process and not by the server, but to the same disk at the same time.
  // A new one each time: ext4 takes care of the bytes of files that are written anew.
  const canary = join(disk.directory, `canary-${tally.cuts + 1}`);
  writeFileSync(canary, Buffer.alloc(CANARY_BYTES, tally.cuts + 1));
  await stopped;
  const seen = filesOf(dataDir);
  tally.copies += await disk.copy();
  await server.end('SIGKILL');
  await drain();
  await disk.restart();
  tally.cuts += 1;
  if (!isThere(canary, tally.cuts)) tally.canariesLost += 1;
  const found = filesOf(dataDir);
  if (found.some((bytes, index) => !bytes.equals(seen[index]!))) tally.unsyncedLost += 1;
}

/** What SQLite and the server write without a sync at one time or another. Read here, in a process without their locks. */
const filesOf = (dataDir: string): readonly Buffer[] =>
  ['millrace.db', 'millrace.db-wal', 'commit-witness'].map((name) => read(join(dataDir, name)));

function isThere(canary: string, cut: number): boolean {
  const bytes = read(canary);
  return bytes.length === CANARY_BYTES && bytes.every((byte) => byte === cut % 256);
}

function read(path: string): Buffer {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? Buffer.alloc(0) : readFileSync(path);
}
