/**
 * F8: another program reads in one transaction for a long time, while records come in at a steady rate. The WAL grows,
 * because nothing of it can be moved; the server goes on as before, says once what the matter is, and gets its space
 * back soon after.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { type Server, start } from '../server.ts';
import { isStall, probeStall, type Stall, type StallProbe } from '../stall.ts';
import { ask, eventually } from './api.ts';
import { logged } from './attempt.ts';
import { WAL_FILE } from './damage.ts';
import { inspect } from './inspector.ts';
import { pause } from './within.ts';

const STREAM = 'steady';
const SHARDS = 8;
const RECORDS_PER_SECOND = 5000;
const RECORDS_PER_REQUEST = 100;
const RECORD_BYTES = 1024;

const READING_SHORT_MS = 10_000;
const READING_LONG_MS = 60_000;
const MEBIBYTE = 1024 * 1024;
/** What the WAL may be without readers, and from where on the log has to tell who keeps it. */
const WAL_BYTES = 64 * MEBIBYTE;
const RECOVERY_MS = 10_000;
const SHARE_MIN = 0.8;

interface Phase {
  readonly recordsPerSecond: number;
  readonly failures: number;
  readonly stall: Stall;
}

interface Round {
  readonly violations: Violation[];
  readonly calm: Phase;
  readonly reading: Phase;
  readonly walBytes: number;
  readonly recoveredMs: number;
}

async function run(context: Context): Promise<Result> {
  const violations: Violation[] = [];
  const rounds: Round[] = [];
  const readingMs = context.count > 1 ? READING_LONG_MS : READING_SHORT_MS;
  do {
    context.progress(`a reader of ${readingMs / 1000} s, round ${rounds.length + 1}`);
    rounds.push(await settledRound(rounds.length, readingMs, context));
    violations.push(...rounds.at(-1)!.violations);
  } while (rounds.length < context.count && !context.isTimeUp());
  const last = rounds.at(-1)!;
  return {
    violations,
    done: rounds.length,
    sometimes: { 'WAL over 64 MiB': rounds.filter(({ walBytes }) => walBytes > WAL_BYTES).length },
    figures: {
      'records/s before': Math.round(last.calm.recordsPerSecond),
      'records/s with the reader': Math.round(last.reading.recordsPerSecond),
      'longest stall ms before': Math.round(last.calm.stall.longestMs),
      'longest stall ms with the reader': Math.round(last.reading.stall.longestMs),
      'WAL MiB': Math.round(last.walBytes / MEBIBYTE),
      'WAL is short again after ms': Math.round(last.recoveredMs),
    },
  };
}

const TRIES = 3;

/** Noise of the machine does not come three times; what the server does itself comes every time. */
async function settledRound(index: number, readingMs: number, context: Context): Promise<Round> {
  for (let attempt = 1; ; attempt += 1) {
    const result = await round(join(context.directory, `data-${index}-${attempt}`), readingMs, context);
    const isTimely = result.violations.every(({ guarantee }) => guarantee !== TIMING);
    if (isTimely || attempt === TRIES) return result;
    context.progress(`once more: ${result.violations[0]!.message}`);
  }
}

/** Violations of this name may be the machine's. */
const TIMING = 'NothingBlocks';

async function round(dataDir: string, readingMs: number, context: Context): Promise<Round> {
  const { build, cleanup } = context;
  const server = await start({ build, dataDir }, cleanup);
  await ask(server.url, 'kinesis', 'CreateStream', { StreamName: STREAM, ShardCount: SHARDS });
  await eventually('the stream takes records', () => put(server.url).catch(() => false));
  const probe = probeStall(server.url, cleanup);
  let acknowledged = 0;
  const walPath = join(dataDir, WAL_FILE);
  const phase = async (ms: number): Promise<Phase> => {
    await probe.read();
    const { records, failures, tookMs } = await putSteadily(server.url, ms);
    acknowledged += records;
    return { recordsPerSecond: (records * 1000) / tookMs, failures, stall: await probe.read() };
  };
  await phase(1000);
  // As long as the other, for the longest answer of a longer time is longer.
  const calm = await phase(readingMs);
  const inspector = inspect(dataDir, cleanup);
  const before = await inspector.run('begin; select count(*) from records;');
  const reading = await phase(readingMs);
  const after = await inspector.run('select count(*) from records;');
  const walBytes = statSync(walPath).size;
  await inspector.leave();
  const recoveredMs = await recovery(server, walPath);
  const violations = judge({ calm, reading, walBytes, recoveredMs }, server);
  const counted = numberIn(after);
  if (numberIn(before) !== counted) violations.push(broken('Snapshot', `The reader saw ${before}, then ${after}.`));
  violations.push(...(await countAll(dataDir, acknowledged, context)));
  await stop(server, probe, violations);
  return { violations, calm, reading, walBytes, recoveredMs };
}

const numberIn = (output: string) => Number(/\d+/.exec(output)?.[0] ?? Number.NaN);

function judge({ calm, reading, walBytes, recoveredMs }: Omit<Round, 'violations'>, server: Server): Violation[] {
  const violations: Violation[] = [];
  if (reading.failures + calm.failures > 0) {
    violations.push(broken('Availability', `${reading.failures + calm.failures} puts failed.`));
  }
  if (reading.recordsPerSecond < SHARE_MIN * calm.recordsPerSecond) {
    violations.push(
      broken(TIMING, `${Math.round(reading.recordsPerSecond)} records/s, ${Math.round(calm.recordsPerSecond)} before.`),
    );
  }
  const longerMs = reading.stall.longestMs - calm.stall.longestMs;
  if (isStall(calm.stall.longestMs, reading.stall.longestMs)) {
    violations.push(
      broken(
        TIMING,
        `Stood still for ${Math.round(reading.stall.longestMs)} ms, ${Math.round(longerMs)} ms longer than before.`,
      ),
    );
  }
  if (recoveredMs > RECOVERY_MS) {
    violations.push(broken('Bounded', `The WAL was still above 64 MiB ${RECOVERY_MS} ms after the reader had left.`));
  }
  const warnings = logged(server.stderr(), /write-ahead log/);
  const wanted = walBytes > WAL_BYTES + 8 * MEBIBYTE ? [1] : [0, 1];
  if (!wanted.includes(warnings.length)) {
    violations.push(broken('Reported', `With a WAL of ${walBytes} bytes there are ${warnings.length} warnings.`));
  }
  return violations;
}

/** After how long the WAL is short again, while a few records still come in. */
async function recovery(server: Server, walPath: string): Promise<number> {
  const beganMs = performance.now();
  while (statSync(walPath).size > WAL_BYTES && performance.now() - beganMs <= RECOVERY_MS) {
    await put(server.url);
    await pause(50);
  }
  return performance.now() - beganMs;
}

/** All that was acknowledged can be counted in the table; a few more were put besides. */
async function countAll(dataDir: string, acknowledged: number, { cleanup }: Context): Promise<Violation[]> {
  const inspector = inspect(dataDir, cleanup);
  const count = numberIn(await inspector.run('select count(*) from records;'));
  await inspector.leave();
  if (count >= acknowledged) return [];
  return [broken('NoLoss', `${acknowledged} records were acknowledged, and ${count} are there.`)];
}

async function stop(server: Server, probe: StallProbe, violations: Violation[]): Promise<void> {
  await probe.stop();
  const { code } = await server.end('SIGTERM');
  if (code !== 0) violations.push(broken('Stop', `The server ended with ${code}.`));
}

/** Requests leave by the clock, whether those before were answered or not: a server that stands still falls behind. */
async function putSteadily(url: string, ms: number): Promise<{ records: number; failures: number; tookMs: number }> {
  const pauseMs = (1000 * RECORDS_PER_REQUEST) / RECORDS_PER_SECOND;
  const beganMs = performance.now();
  let [records, failures] = [0, 0];
  const open: Promise<void>[] = [];
  for (let index = 0; index * pauseMs < ms; index += 1) {
    const waitMs = beganMs + index * pauseMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
    open.push(
      put(url).then(
        () => {
          records += RECORDS_PER_REQUEST;
        },
        () => {
          failures += 1;
        },
      ),
    );
  }
  await Promise.all(open);
  return { records, failures, tookMs: performance.now() - beganMs };
}

const BODY = Buffer.alloc(RECORD_BYTES, 'steady ').toString('base64');

async function put(url: string): Promise<boolean> {
  const Records = Array.from({ length: RECORDS_PER_REQUEST }, (_, index) => ({
    Data: BODY,
    PartitionKey: `key-${index}`,
  }));
  const { FailedRecordCount } = await ask<{ FailedRecordCount: number }>(url, 'kinesis', 'PutRecords', {
    StreamName: STREAM,
    Records,
  });
  if (FailedRecordCount > 0) throw new Error(`${FailedRecordCount} records failed.`);
  return true;
}

const broken = (guarantee: string, message: string): Violation => ({ guarantee, message });

export const slowReader: Scenario = {
  name: 'F8',
  title: "another program's read transaction pins the WAL while records come in",
  needs: ['sqlite3'],
  counts: { short: 1, long: 5 },
  run,
};
