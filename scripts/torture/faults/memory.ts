/**
 * C7: the server runs out of memory under load with big bodies: of the heap that Node may have, and of what the kernel
 * lets the process have. It may refuse and it may die; it must not acknowledge what it does not keep, and the next
 * start is as any other.
 */
import { createMemoryGroup, type MemoryGroup } from '../memory-group.ts';
import type { Context, Result, Scenario } from '../scenario.ts';
import { createWorld, type World } from '../world.ts';
import { restartAndCheck, startOn } from './restart.ts';
import { within } from './within.ts';

const MIB = 1024 * 1024;
const HEAP_MIB = 96;
/** What it may take beyond what it has when it is ready: pages from before it came into the group do not count. */
const GROUP_BYTES = 64 * MIB;

const LOAD_MS = 5000;
/** Batches of up to the 10 MiB that a request may have. */
const SHAPE = {
  clients: 32,
  kinds: ['kinesis', 'firehose', 'sourced'],
  bodyBytes: { min: 15_000, max: 20_000 },
} as const;

export const memory: Scenario = {
  name: 'C7',
  title: 'memory runs out: a small heap, and a small control group',
  needs: ['root', 'cgroup'],
  counts: { short: 2, long: 40 },
  run: runMemory,
};

async function runMemory(context: Context): Promise<Result> {
  const world = createWorld({ directory: context.directory, random: context.random.fork('world') });
  const violations = [];
  let done = 0;
  let hits = 0;
  let deaths = 0;
  while (done < context.count && !context.isTimeUp() && violations.length === 0) {
    context.progress(`${done} times, ${world.acknowledged} records, ${deaths} deaths`);
    const outcome = await starve(done, world, context);
    hits += outcome.hits;
    deaths += outcome.isDead ? 1 : 0;
    done += 1;
    violations.push(...(await restartAndCheck(world, context, done === context.count ? 'all' : 'since')));
  }
  const sometimes = { acknowledged: world.acknowledged, 'limit of the group met': hits };
  return { violations, done, sometimes, figures: { 'died of it': deaths, unknown: world.unknown } };
}

/** The heap and the group in turns; the process is killed at the end of the time unless it has died. */
async function starve(round: number, world: World, context: Context): Promise<{ hits: number; isDead: boolean }> {
  const isHeap = round % 2 === 1;
  const server = await startOn(world, context, isHeap ? { nodeOptions: [`--max-old-space-size=${HEAP_MIB}`] } : {});
  await world.prepare(server);
  let group: MemoryGroup | undefined;
  if (!isHeap) {
    // Removed after the server has ended, which cleanup does only later: the group must be the first to be added.
    group = createMemoryGroup(`millrace-torture-${process.pid}-${round}`, GROUP_BYTES, context.cleanup);
    context.cleanup.add(async () => void (await server.end('SIGKILL')));
    group.take(server.pid);
  }
  const load = world.load(server, SHAPE);
  const exit = await within(server.exited, LOAD_MS);
  const hits = group?.hits() ?? 0;
  await server.end('SIGKILL');
  await load.stop();
  return { hits, isDead: exit !== undefined };
}
