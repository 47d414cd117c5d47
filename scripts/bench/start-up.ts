/**
 * How long a start takes: from starting the process to the line that says it is ready, and to the first answered
 * PutRecord; after an orderly stop and after a crash that left acknowledged records in the WAL. The files lie in the
 * page cache, as they do after a restart; after booting the machine the disk comes on top.
 */
import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import type { Figure } from './figure.ts';
import { filledDirectory, fresh } from './filled-database.ts';
import { ended } from './helper.ts';
import { LoadConnection } from './load-connection.ts';
import { createStream, type Program, startProgram } from './millrace.ts';
import { BATCH_RECORDS, type Plan, RECORD_BYTES, SHARDS } from './plan.ts';
import { putRecordRequests, putRecordsInputs } from './requests.ts';
import { spreadOf } from './statistics.ts';

const MEGABYTE = 1024 ** 2;
const TARGET_MS = 300;

/** What the databases hold. A record of 1 KB takes a little more than that. */
const SIZES = [
  { name: '100 MB', records: 85_000, isLong: false },
  { name: '5 GB', records: 4_400_000, isLong: true },
] as const;

/** PutRecords requests before a crash: 10 MB, which is less than the WAL holds before it is moved into the data file. */
const BATCHES_BEFORE_CRASH = Math.floor((10 * MEGABYTE) / (BATCH_RECORDS * RECORD_BYTES.usual));

const SHORT_ROUNDS = 3;

const READ_BUFFER_BYTES = 64 * 1024;

/** Milliseconds since the process was started. */
interface StartTimes {
  readonly readyMs: number;
  readonly answeredMs: number;
}

/** A data directory and the starts on it. */
interface Trial {
  /** For example `with 100 MB stored`. */
  readonly name: string;
  readonly isTarget: boolean;
  /** Where the next round is to start. */
  readonly directory: () => string;
  readonly stopped: StartTimes[];
  readonly crashed: StartTimes[];
}

export async function benchStartUp(plan: Plan, cleanup: Cleanup): Promise<Figure[]> {
  const empty = await emptyDirectory(cleanup);
  const trials: Trial[] = [trial('with nothing stored', () => copyOf(empty, cleanup))];
  for (const { name, records, isLong: isTarget } of SIZES.filter(({ isLong }) => plan.isLong || !isLong)) {
    const directory = await filledDirectory({ records, bytes: RECORD_BYTES.usual, arrivedMs: fresh() }, cleanup);
    trials.push(trial(`with ${name} stored`, () => directory, isTarget));
  }
  const nodeMs: number[] = [];
  for (let round = 0; round < (plan.isLong ? plan.rounds : SHORT_ROUNDS); round += 1) {
    nodeMs.push(await timeOfNode(cleanup));
    for (const { directory, stopped, crashed } of trials) await startTwice(directory(), stopped, crashed, cleanup);
  }
  const beside = { name: 'node -e 0', value: spreadOf(nodeMs) };
  return trials.flatMap((done) => figuresOf(done, beside));
}

const trial = (name: string, directory: Trial['directory'], isTarget = false): Trial => ({
  name,
  isTarget,
  directory,
  stopped: [],
  crashed: [],
});

/** A directory with a stream and no records. */
async function emptyDirectory(cleanup: Cleanup): Promise<string> {
  const directory = temporaryDirectory(cleanup);
  const program = await startProgram(directory, {}, cleanup);
  await createStream(SHARDS, program.call);
  await program.stop();
  return directory;
}

/** Another one for every round, because the rounds put some records. */
function copyOf(template: string, cleanup: Cleanup): string {
  const directory = temporaryDirectory(cleanup);
  cpSync(template, directory, { recursive: true });
  return directory;
}

/** One start after an orderly stop, and one after a crash. */
async function startTwice(
  directory: string,
  stopped: StartTimes[],
  crashed: StartTimes[],
  cleanup: Cleanup,
): Promise<void> {
  const first = await start(directory, stopped, cleanup);
  for (const input of putRecordsInputs(BATCHES_BEFORE_CRASH, RECORD_BYTES.usual)) await first.call('PutRecords', input);
  await first.kill();
  const second = await start(directory, crashed, cleanup);
  await second.stop();
}

async function start(directory: string, times: StartTimes[], cleanup: Cleanup): Promise<Program> {
  const program = await startProgram(directory, {}, cleanup);
  const answerMs = await timeOfPut(program.port);
  times.push({ readyMs: program.readyMs, answeredMs: program.readyMs + answerMs });
  return program;
}

/** Of connecting, a PutRecord and its answer. */
async function timeOfPut(port: number): Promise<number> {
  const request = putRecordRequests(port, RECORD_BYTES.usual)[0]!;
  const startMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    const onResponse = (connection: LoadConnection) => {
      connection.close();
      resolve();
    };
    const options = { port, buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES), onResponse, onFailure: reject };
    LoadConnection.connect(options).then((connection) => connection.send(request), reject);
  });
  return performance.now() - startMs;
}

/** From starting the least that Node.js can do to its end. */
async function timeOfNode(cleanup: Cleanup): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  cleanup.add(() => ended(child));
  await ended(child);
  return performance.now() - startMs;
}

function figuresOf({ name, isTarget, stopped, crashed }: Trial, beside: NonNullable<Figure['beside']>): Figure[] {
  const figure = (what: string, times: readonly StartTimes[], of: keyof StartTimes): Figure => ({
    name: `${what} ${name}`,
    unit: 'ms',
    value: spreadOf(times.map((time) => time[of])),
    beside,
  });
  const ready = figure('Ready', stopped, 'readyMs');
  return [
    isTarget ? { ...ready, target: TARGET_MS } : ready,
    figure('First PutRecord answered', stopped, 'answeredMs'),
    figure('Ready after a crash', crashed, 'readyMs'),
    figure('First PutRecord answered after a crash', crashed, 'answeredMs'),
  ];
}
