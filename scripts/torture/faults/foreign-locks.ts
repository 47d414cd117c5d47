/**
 * The second half of F7: the sqlite3 command on the data file of a server under load. Nothing is lost, reads never
 * fail, and the server never stands still for it.
 */
import type { Cleanup } from '../../bench/cleanup.ts';
import type { Context, Violation } from '../scenario.ts';
import { lastWords, type Server, start } from '../server.ts';
import { compareStalls, isStall, probeStall, type StallProbe } from '../stall.ts';
import { ErrorAnswer } from './api.ts';
import { logged } from './attempt.ts';
import { inspect, runOnce } from './inspector.ts';
import { audit, createStreams, type LoadReport, lackOf, load, newReceipts, readSome } from './receipts.ts';
import { pause } from './within.ts';

const LOOP_MS = 3000;
/** The server waits so long for somebody else's write lock before it refuses the writes that wait. */
const BUSY_LIMIT_MS = 5000;

interface Interference {
  readonly name: string;
  /** About how long it takes, if not as long as a loop: the server is watched that long without it, too. */
  readonly ms?: number;
  readonly act: (dataDir: string, cleanup: Cleanup) => Promise<string | undefined>;
  /** Whether writes are refused meanwhile: true that they must be, undefined that they must not. */
  readonly isRefusing?: true;
  /** Whether the log has to name who was in the way. */
  readonly isNamed?: true;
  /** How often, for what takes long. */
  readonly tries?: number;
}

const transactionOf = (ms: number): Interference => ({
  name: `a write transaction of ${ms / 1000} s`,
  ms,
  act: (dataDir, cleanup) => holdLock(ms, dataDir, cleanup),
  isNamed: true,
});

const INTERFERENCES: readonly Interference[] = [
  transactionOf(4000),
  { ...transactionOf(8000), isRefusing: true, tries: 3 },
  { name: 'VACUUM', act: (dataDir, cleanup) => command(dataDir, '.timeout 4000\nvacuum;', cleanup) },
  {
    name: 'wal_checkpoint(TRUNCATE) in a loop',
    act: (dataDir, cleanup) => inLoop(dataDir, 'pragma wal_checkpoint(truncate);', cleanup),
  },
  {
    name: 'journal_mode=delete in a loop',
    act: (dataDir, cleanup) => inLoop(dataDir, 'pragma journal_mode = delete;', cleanup),
  },
  {
    name: 'readers that come and go',
    act: (dataDir, cleanup) => comeAndGo(dataDir, cleanup),
  },
];

/** Returns what the command printed when that was not expected. */
async function holdLock(ms: number, dataDir: string, cleanup: Cleanup): Promise<string | undefined> {
  const inspector = inspect(dataDir, cleanup);
  const begun = await inspector.run(".timeout 2000\nbegin immediate; select 'begun';");
  await pause(ms);
  const ended = await inspector.run("rollback; select 'ended';");
  await inspector.leave();
  return begun.includes('begun') && ended.includes('ended') ? undefined : `${begun} ${ended}`;
}

async function command(dataDir: string, sql: string, cleanup: Cleanup): Promise<string | undefined> {
  const inspector = inspect(dataDir, cleanup);
  const output = await inspector.run(sql);
  await inspector.leave();
  // That it does not get its lock is its own affair.
  return /error/i.test(output) && !/locked/.test(output) ? output : undefined;
}

async function inLoop(dataDir: string, sql: string, cleanup: Cleanup): Promise<string | undefined> {
  const inspector = inspect(dataDir, cleanup);
  const endMs = performance.now() + LOOP_MS;
  let output = '';
  while (performance.now() < endMs) {
    output = await inspector.run(sql);
    await pause(5);
  }
  await inspector.leave();
  return /malformed|disk I\/O|not a database/.test(output) ? output : undefined;
}

async function comeAndGo(dataDir: string, cleanup: Cleanup): Promise<string | undefined> {
  const endMs = performance.now() + LOOP_MS;
  while (performance.now() < endMs) {
    const { code, output } = await runOnce(dataDir, 'select count(*) from records; select * from v_streams;', cleanup);
    if (code !== 0) return output;
  }
  return undefined;
}

export interface Interfered {
  readonly violations: Violation[];
  interferences: number;
  refusedWrites: number;
  reads: number;
  acknowledged: number;
  readonly stalls: Record<string, string>;
}

/** All of them, one after the other, on one server. */
export async function interfere(dataDir: string, context: Context): Promise<Interfered> {
  const tally: Interfered = {
    violations: [],
    interferences: 0,
    refusedWrites: 0,
    reads: 0,
    acknowledged: 0,
    stalls: {},
  };
  const receipts = newReceipts();
  const server = await start({ build: context.build, dataDir }, context.cleanup);
  await createStreams(server.url);
  const probe = probeStall(server.url, context.cleanup);
  for (const one of INTERFERENCES) {
    context.progress(one.name);
    let isOver = false;
    const loading = load(server.url, receipts, () => isOver);
    const reading = readOn(server.url, () => isOver);
    const messages = await disturb(one, { server, probe, dataDir }, context, tally);
    isOver = true;
    const [report, readErrors] = await Promise.all([loading, reading.errors]);
    messages.push(...judgeLoad(one, report), ...judgeReads(readErrors));
    if (one.isNamed && !/sqlite3.{0,20}\d+/.test(logged(server.stderr(), /sqlite3/).at(-1) ?? '')) {
      messages.push(`The log should name sqlite3 and its pid: ${lastWords(server)}`);
    }
    tally.interferences += 1;
    tally.reads += reading.count();
    tally.acknowledged += report.acknowledged;
    tally.refusedWrites += report.errors.length;
    tally.violations.push(
      ...messages.map((message) => ({ guarantee: 'NothingBlocks', message: `${one.name}: ${message}` })),
    );
  }
  await probe.stop();
  tally.violations.push(...(await auditAtEnd(server, dataDir, receipts)));
  return tally;
}

interface Scene {
  readonly server: Server;
  readonly probe: StallProbe;
  readonly dataDir: string;
}

async function disturb(
  one: Interference,
  { probe, dataDir }: Scene,
  context: Context,
  tally: Interfered,
): Promise<string[]> {
  const messages: string[] = [];
  const phases = {
    calm: () => pause(one.ms ?? LOOP_MS),
    disturbed: async () => {
      const complaint = await one.act(dataDir, context.cleanup);
      if (complaint !== undefined) messages.push(`The command failed: ${complaint.slice(0, 300)}`);
    },
  };
  const { calmMs, disturbedMs, failures } = await compareStalls(probe, phases, one.tries);
  tally.stalls[`stall ms, ${one.name}`] = `${Math.round(disturbedMs)} (calm ${Math.round(calmMs)})`;
  if (isStall(calmMs, disturbedMs)) {
    messages.push(`The server stood still for ${Math.round(disturbedMs)} ms; without it for ${Math.round(calmMs)} ms.`);
  }
  if (failures > 0) messages.push(`The health page failed ${failures} times.`);
  return messages;
}

function judgeLoad({ isRefusing }: Interference, { acknowledged, errors }: LoadReport): string[] {
  const messages: string[] = [];
  if (acknowledged === 0) messages.push('Nothing was acknowledged.');
  const unexpected = errors.filter(
    ({ status, type }) => status < 500 || !/InternalFailure|ServiceUnavailable/.test(type),
  );
  if (unexpected.length > 0) messages.push(`Writes failed with ${unexpected[0]!.message}`);
  if (isRefusing && errors.length === 0) {
    messages.push(`After ${BUSY_LIMIT_MS} ms the writes that wait should be refused; none was.`);
  }
  if (!isRefusing && errors.length > 0) messages.push(`${errors.length} writes failed: ${errors[0]!.message}`);
  return messages;
}

const judgeReads = (errors: readonly Error[]): string[] =>
  errors.length === 0 ? [] : [`${errors.length} reads failed: ${errors[0]!.message}`];

/** One reader that goes on. */
function readOn(url: string, isOver: () => boolean): { errors: Promise<Error[]>; count: () => number } {
  let count = 0;
  const errors = (async () => {
    const met: Error[] = [];
    while (!isOver()) {
      try {
        await readSome(url);
        count += 1;
      } catch (error) {
        met.push(error as Error);
        if (!(error instanceof ErrorAnswer)) return met;
      }
      await pause(20);
    }
    return met;
  })();
  return { errors, count: () => count };
}

async function auditAtEnd(
  server: Server,
  dataDir: string,
  receipts: ReturnType<typeof newReceipts>,
): Promise<Violation[]> {
  const found = await audit(server.url, dataDir, receipts);
  const exit = await server.end('SIGTERM');
  const violations = found.wrong.slice(0, 5).map((message) => ({ guarantee: 'BytesEqual', message }));
  const lack = lackOf(found);
  if (lack !== undefined) violations.push({ guarantee: 'NoLoss', message: lack });
  if (exit.code !== 0) violations.push({ guarantee: 'Stop', message: `The server then ended with ${exit.code}.` });
  return violations;
}
