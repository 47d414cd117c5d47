/**
 * F1: system calls of the server under load fail: once, or for ever, from the k-th on. Whatever it does about that,
 * what it acknowledged must be there after the next start, and it does what is documented: see io-error-cases.ts.
 */
import { join } from 'node:path';
import { DELIVERY_STREAMS } from '../layout.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { type Exit, lastWords, type Server } from '../server.ts';
import { type Injection, inject, threadsBesideMain } from '../strace.ts';
import { createWorld, type Load, type World } from '../world.ts';
import { flush } from './api.ts';
import { CASES_IN_ALL, type Case, caseText, chooseCases, faultOf, reactionTo } from './io-error-cases.ts';
import { restartAndCheck, restartViolation, startOn } from './restart.ts';
import { pause, within } from './within.ts';

const DISK_FAILED = 8;

/** How long the faults last, unless the server ends before. */
const FAULTS_MS = 900;

/** Within which an I/O error must have ended the server, and writes must go on after a fault that does not end it. */
const REACTION_MS = 5000;

/** Everything, objects included, is read after every so-and-so-manieth case. */
const CHECK_ALL_EVERY = 12;

const SHAPE = { clients: 12, bodyBytes: { min: 100, max: 2000 }, paceMs: 10 } as const;

export const ioErrors: Scenario = {
  name: 'F1',
  title: 'system calls fail with EIO, ENOSPC, EROFS and EDQUOT',
  needs: ['strace'],
  counts: { short: 33, long: CASES_IN_ALL },
  run: runIoErrors,
};

interface Tally {
  readonly violations: Violation[];
  injected: number;
  ended: number;
  survived: number;
  recovered: number;
  /** Cases whose fault was never met, such as a 40th sync in a short time. */
  unmet: number;
}

async function runIoErrors(context: Context): Promise<Result> {
  const world = createWorld({ directory: context.directory, random: context.random.fork('world') });
  const tally: Tally = { violations: [], injected: 0, ended: 0, survived: 0, recovered: 0, unmet: 0 };
  let done = 0;
  for (const one of chooseCases(context.count, context.random.fork('cases'))) {
    if (context.isTimeUp() || tally.violations.length > 0) break;
    context.progress(`${done} cases, ${world.acknowledged} records; ${caseText(one)}`);
    // Its start is also the one after the case before.
    const server = await startOn(world, context).catch(
      (error: Error) => void tally.violations.push(restartViolation(error)),
    );
    if (server === undefined) break;
    await world.prepare(server);
    tally.violations.push(...(await world.check(server, done % CHECK_ALL_EVERY === 0 ? 'all' : 'since')));
    await doCase(one, server, world, context, tally);
    done += 1;
  }
  tally.violations.push(...(await restartAndCheck(world, context, 'all')));
  const { violations, unmet, ...sometimes } = tally;
  return { violations, done, sometimes, figures: { acknowledged: world.acknowledged, 'faults not met': unmet } };
}

async function doCase(one: Case, server: Server, world: World, context: Context, tally: Tally): Promise<void> {
  const log = join(context.directory, 'strace.log');
  const tracing = await inject(server.pid, injectionOf(one, world, server), log, context.cleanup);
  const acknowledgedBefore = world.acknowledged;
  const load = world.load(server, SHAPE);
  const delivering = one.target === 'objects' ? deliver(server) : Promise.resolve();
  const isStop = one.syscalls.includes('ftruncate') || one.syscalls.includes('unlink');
  let exit = await within(server.exited, FAULTS_MS);
  // The WAL is cut and removed at the end of the process.
  if (exit === undefined && isStop && one.target === 'database') exit = await server.end('SIGTERM');
  // A file of the program itself, which cannot be told from one of the data beforehand: anything may come of that.
  const isForeign = () => tracing.paths().some((path) => !path.startsWith(world.dataDir));
  const reaction = reactionTo(one);
  if (exit === undefined && reaction === 'ends' && tracing.injected() > 0)
    exit = await within(server.exited, REACTION_MS);
  await tracing.detach();
  await delivering;
  const injected = tracing.injected();
  if (exit === undefined && reaction !== 'ends') {
    const next = await nextOf(server, load, world.acknowledged - acknowledgedBefore);
    if (next === 'acknowledges' && injected > 0) tally.recovered += 1;
    if (next === undefined && !isForeign())
      tally.violations.push(reactionViolation(one, `nothing was acknowledged within ${REACTION_MS} ms`));
    if (next !== undefined && next !== 'acknowledges') exit = next;
  }
  tally.injected += injected;
  if (injected === 0) tally.unmet += 1;
  else if (exit === undefined) tally.survived += 1;
  else tally.ended += 1;
  const complaint = injected === 0 || isForeign() ? undefined : complaintAbout(exit, reaction, isStop);
  if (complaint !== undefined) tally.violations.push(reactionViolation(one, complaint, server));
  await server.end('SIGKILL');
  await load.stop();
}

function injectionOf(one: Case, { dataDir }: World, server: Server): Injection {
  const fault = { syscalls: one.syscalls, fault: faultOf(one) };
  switch (one.target) {
    case 'database':
      return { ...fault, paths: ['millrace.db', 'millrace.db-wal'].map((name) => join(dataDir, name)) };
    case 'witness':
      return { ...fault, paths: [join(dataDir, 'commit-witness')] };
    case 'objects':
      // The thread that moves the WAL is started later, when there is something to move.
      return { ...fault, threads: threadsBesideMain(server.pid) };
  }
}

/** Has the delivery streams deliver while the faults last: those that fail are to be delivered later. */
async function deliver({ url }: Server): Promise<void> {
  const endMs = performance.now() + FAULTS_MS;
  while (performance.now() < endMs) {
    await pause(FAULTS_MS / 5);
    const flushes = DELIVERY_STREAMS.map((name) => flush(url, name).catch(() => undefined));
    // What fails is tried again after pauses that get longer, and is not waited for.
    await within(Promise.all(flushes), FAULTS_MS / 5);
  }
}

/** What a server does after its faults: it acknowledges again, or ends, of what it met last; undefined when neither. */
function nextOf(server: Server, load: Load, acknowledged: number): Promise<Exit | 'acknowledges' | undefined> {
  const again = load.reached(acknowledged + 1).then(() => 'acknowledges' as const);
  return within(Promise.race([again, server.exited]), REACTION_MS);
}

/** What is wrong with how the server reacted; undefined when all is well. */
function complaintAbout(exit: Exit | undefined, expected: string, isStop: boolean): string | undefined {
  if (exit === undefined) return expected === 'ends' ? `the server went on for ${REACTION_MS} ms` : undefined;
  const how = `it ended with ${exit.code ?? exit.signal}`;
  if (isStop && expected === 'either') return exit.signal === null ? undefined : how;
  if (expected === 'goes on') return how;
  return exit.code === DISK_FAILED ? undefined : `${how} instead of ${DISK_FAILED}`;
}

const reactionViolation = (one: Case, what: string, server?: Server): Violation => ({
  guarantee: 'Reaction',
  message: `With ${caseText(one)} ${what}.${server === undefined ? '' : ` It said: ${lastWords(server)}`}`,
});
