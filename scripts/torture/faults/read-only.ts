/**
 * F5: the file system is read-only: before a start, which is refused then and changes nothing; and from one moment to
 * the next while the server is under load, as a kernel does it that has met an error. The server ends then, and when
 * the disk can be written again, all that was acknowledged is there.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileSystem, mountExt4 } from '../devices.ts';
import { standStill } from '../disk/power-cut-disk.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { lastWords } from '../server.ts';
import { createWorld, type World } from '../world.ts';
import { attempt, sentenceIn } from './attempt.ts';
import { restartAndCheck, startOn } from './restart.ts';
import { within } from './within.ts';

const SIZE_BYTES = 512 * 1024 * 1024;
const NOT_USABLE = 7;
const DISK_FAILED = 8;
const ACKNOWLEDGED_BEFORE = 500;
const LIMIT_MS = 10_000;

const SHAPE = { clients: 12, bodyBytes: { min: 100, max: 5000 } } as const;

export const readOnly: Scenario = {
  name: 'F5',
  title: 'the file system is read-only, or becomes it under load',
  needs: ['root', 'loop'],
  counts: { short: 4, long: 60 },
  run: runReadOnly,
};

interface Tally {
  readonly violations: Violation[];
  refused: number;
  ended: number;
}

async function runReadOnly(context: Context): Promise<Result> {
  const { directory, random, cleanup } = context;
  const disk = await mountExt4(join(directory, 'disk.img'), join(directory, 'disk'), SIZE_BYTES, cleanup);
  const world = createWorld({ directory, random: random.fork('world'), dataDir: join(disk.path, 'data') });
  const tally: Tally = { violations: [], refused: 0, ended: 0 };
  let done = 0;
  while (done < context.count && !context.isTimeUp() && tally.violations.length === 0) {
    context.progress(`${done} times, ${world.acknowledged} records`);
    await breakUnderLoad(disk, world, context, tally);
    await startReadOnly(disk, world, context, tally);
    done += 1;
    tally.violations.push(...(await restartAndCheck(world, context, done === context.count ? 'all' : 'since')));
  }
  const { violations, refused, ended } = tally;
  const sometimes = { acknowledged: world.acknowledged, 'starts refused': refused, 'ended by itself': ended };
  return { violations, done, sometimes, figures: {} };
}

/** The kernel gives the file system up, and from then on everything that writes is refused. */
async function breakUnderLoad(disk: FileSystem, world: World, context: Context, tally: Tally): Promise<void> {
  const server = await startOn(world, context);
  await world.prepare(server);
  const load = world.load(server, SHAPE);
  await within(load.reached(ACKNOWLEDGED_BEFORE + context.random.integer(0, ACKNOWLEDGED_BEFORE)), LIMIT_MS);
  // A sync that is under way at this moment is told by ext4 that all went well, although it was not: seen with programs
  // that do nothing but write and sync, once in three times. No program can know better, so none may be under way.
  await standStill(server.pid);
  await disk.remount('abort');
  server.child.kill('SIGCONT');
  const exit = await within(server.exited, LIMIT_MS);
  if (exit?.code === DISK_FAILED) tally.ended += 1;
  else {
    const what = exit === undefined ? 'went on' : `ended with ${exit.code ?? exit.signal}`;
    const message = `The disk became read-only, and the server ${what} instead of ending with ${DISK_FAILED}: ${lastWords(server)}`;
    tally.violations.push({ guarantee: 'ReadOnly', message });
  }
  await server.end('SIGKILL');
  await load.stop();
  // As after a repair: the file system's own log is replayed.
  await disk.unmount();
  await disk.mount();
}

async function startReadOnly(disk: FileSystem, world: World, context: Context, tally: Tally): Promise<void> {
  await disk.remount('ro');
  const before = fingerprint(world.dataDir);
  const { build, cleanup } = context;
  const result = await attempt({ build, dataDir: world.dataDir }, cleanup, LIMIT_MS);
  const complain = (message: string) => tally.violations.push({ guarantee: 'ReadOnly', message });
  if (result.kind === 'ready') {
    complain('A server started on a read-only file system.');
    await result.server.end('SIGKILL');
  } else if (result.kind === 'hung') complain(`A start on a read-only file system did not end within ${LIMIT_MS} ms.`);
  else {
    tally.refused += 1;
    const { exit, stderr } = result;
    const isPlain = exit.code === NOT_USABLE && sentenceIn(stderr) !== undefined;
    if (!isPlain) complain(`A start on a read-only file system ended with ${exit.code ?? exit.signal}: ${stderr}`);
  }
  if (fingerprint(world.dataDir) !== before) complain('A start on a read-only file system changed files.');
  await disk.remount('rw');
}

/** Of all files below a directory, their names included. */
function fingerprint(directory: string): string {
  const hash = createHash('sha256');
  for (const name of (readdirSync(directory, { recursive: true }) as string[]).sort()) {
    const path = join(directory, name);
    hash.update(name);
    if (statSync(path).isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}
