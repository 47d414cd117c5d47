/** Resident memory: at rest, under loads, and with much stored. Beside it, a Node.js program that does nothing. */
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import type { LoadGenerator } from './contestants.ts';
import type { Figure } from './figure.ts';
import { filledDirectory, fresh } from './filled-database.ts';
import { ended, startHelper } from './helper.ts';
import { createStream, type Program, startProgram } from './millrace.ts';
import { connectionsText, type Plan, RECORD_BYTES, SHARDS, sizeText } from './plan.ts';
import { canLookInto, forgetPeak, memoryOf } from './process-figures.ts';
import { putRecordRequests, putRecordsRequests, requestBytes, STREAM } from './requests.ts';
import { type Spread, spreadOf } from './statistics.ts';

const TARGET_MB = 150;
const SAMPLE_MS = 50;

/** After a start, until what it needed was given back. */
const SETTLE_MS = 500;
const REST_SAMPLES = 5;

const SHORT_LOAD_MS = 1200;
const LONG_LOAD_MS = 10_000;

/** 1 KB records of about 5 GB. */
const MANY_RECORDS = 4_400_000;

interface Load {
  readonly name: string;
  readonly connections: number;
  readonly requests: (program: Program) => Buffer[] | Promise<Buffer[]>;
}

const { usual } = RECORD_BYTES;

/** In this order: the last reads what the second has put. */
const LOADS: readonly Load[] = [
  { name: `PutRecord, ${sizeText(usual)}`, connections: 64, requests: ({ port }) => putRecordRequests(port, usual) },
  { name: `PutRecords, ${sizeText(usual)}`, connections: 8, requests: ({ port }) => putRecordsRequests(port, usual) },
  { name: 'GetRecords, pages of 10 MB', connections: 4, requests: readRequests },
];

/** Nothing where the memory of another process cannot be told. */
export async function benchMemory(plan: Plan, cleanup: Cleanup): Promise<Figure[]> {
  if (!canLookInto()) return [];
  const emptyMb = await memoryOfNode(cleanup);
  const beside = { name: 'empty Node.js program', value: emptyMb };
  const loadMs = plan.isLong ? LONG_LOAD_MS : SHORT_LOAD_MS;
  const program = await startProgram(temporaryDirectory(cleanup), {}, cleanup);
  await createStream(SHARDS, program.call);
  const figures = await measure(program, loadMs, '', cleanup);
  await program.stop();
  if (plan.isLong) {
    const directory = await filledDirectory({ records: MANY_RECORDS, bytes: usual, arrivedMs: fresh() }, cleanup);
    const full = await startProgram(directory, {}, cleanup);
    figures.push(...(await measure(full, loadMs, ' with 5 GB stored', cleanup)));
  }
  return figures.map((figure) => ({ ...figure, beside }));
}

async function measure(program: Program, loadMs: number, where: string, cleanup: Cleanup): Promise<Figure[]> {
  await pause(SETTLE_MS);
  const rest = await sample(program.pid, pause(REST_SAMPLES * SAMPLE_MS));
  const figures: Figure[] = [{ name: `Memory at rest${where}`, unit: 'MB', value: rest }];
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  for (const { name, connections, requests } of LOADS) {
    const bytes = await requests(program);
    const load = generator.do({ port: program.port, requests: bytes, connections, ms: loadMs });
    const value = await sample(program.pid, load);
    figures.push({
      name: `Memory, ${name}, ${connectionsText(connections)}${where}`,
      unit: 'MB',
      value,
      target: TARGET_MB,
    });
  }
  return figures;
}

/** The memory of a process while something runs; the end above is the peak that the system has seen. */
async function sample(pid: number, running: Promise<unknown>): Promise<Spread> {
  forgetPeak(pid);
  const samplesMb: number[] = [];
  let isRunning = true;
  const done = running.finally(() => {
    isRunning = false;
  });
  // Whoever waits for it below learns of its failure.
  done.catch(() => undefined);
  while (isRunning) {
    samplesMb.push(memoryOf(pid).nowMb);
    await pause(SAMPLE_MS);
  }
  await done;
  return { ...spreadOf(samplesMb), max: memoryOf(pid).peakMb };
}

/** GetRecords from the beginning of each shard, as much as an answer holds. */
function readRequests({ port, call }: Program): Promise<Buffer[]> {
  return Promise.all(
    Array.from({ length: SHARDS }, async (_, shard) => {
      const ShardId = `shardId-${String(shard).padStart(12, '0')}`;
      const input = { StreamName: STREAM, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
      const { ShardIterator } = await call('GetShardIterator', input);
      return requestBytes(port, 'GetRecords', { ShardIterator });
    }),
  );
}

async function memoryOfNode(cleanup: Cleanup): Promise<Spread> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  cleanup.add(() => {
    child.kill();
    return ended(child);
  });
  await pause(SETTLE_MS);
  return sample(child.pid!, pause(REST_SAMPLES * SAMPLE_MS));
}
