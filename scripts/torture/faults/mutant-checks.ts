/**
 * Two small checks for the negative controls: what becomes of records at the end of their retention, and whether other
 * programs on the database can stop the server or hold it up. Larger scenarios do all this more thoroughly, and take
 * longer.
 */
import { join } from 'node:path';
import { openHandle } from '../../../src/database/handle.ts';
import type { Patch } from '../build-copy.ts';
import { inspect } from '../observe/database.ts';
import { settle } from '../observe/settle.ts';
import type { Context, Result, Violation } from '../scenario.ts';
import { lastWords, type Server, start } from '../server.ts';
import { ask, eventually } from './api.ts';
import { runOnce } from './inspector.ts';
import { createStreams, load, newReceipts } from './receipts.ts';
import { pause } from './within.ts';

/** An hour of retention passes so quickly in the copy. */
const HOUR_MS = 60;
const RETENTION_MS = 24 * HOUR_MS;

/** So that nobody has to wait for a day. */
export const QUICK_RETENTION: readonly Patch[] = [
  {
    file: 'src/kinesis/stream-store.js',
    find: 'const HOUR_MS = 3_600_000;',
    replace: `const HOUR_MS = ${HOUR_MS};`,
  },
];

const STREAM = 'short-lived';
const SHARD = 'shardId-000000000000';
const PUT_EVERY_MS = 150;
const READ_EVERY_MS = 15;
const WATCH_MS = 5 * RETENTION_MS;
/** A sweep every second. */
const SETTINGS = { SWEEP_SCHEDULE: '* * * * * *' };

interface Put {
  readonly sequenceNumber: string;
  /** It arrived after this instant. */
  readonly sentMs: number;
}

/** Records stay to the end of their retention, to the millisecond, and their numbers are never given out again. */
export async function checkRetention({ build, directory, cleanup }: Context): Promise<Result> {
  const dataDir = join(directory, 'data');
  const launch = { build, dataDir, settings: SETTINGS };
  const violations: Violation[] = [];
  const server = await start(launch, cleanup);
  await ask(server.url, 'kinesis', 'CreateStream', { StreamName: STREAM, ShardCount: 1 });
  await eventually('the stream is active', () => isActive(server.url));
  const puts: Put[] = [];
  let isOver = false;
  const putting = (async () => {
    while (!isOver) {
      puts.push(await put(server.url));
      await pause(PUT_EVERY_MS);
    }
  })();
  const endMs = performance.now() + WATCH_MS;
  let reads = 0;
  while (violations.length === 0 && performance.now() < endMs) {
    const missing = await missingEarly(server.url, puts);
    reads += 1;
    if (missing !== undefined) violations.push({ guarantee: 'NoLoss', message: missing });
    await pause(READ_EVERY_MS);
  }
  isOver = true;
  await putting;
  const left = await settle(
    () => countRecords(dataDir),
    (count) => count === 0,
  );
  if (left > 0) violations.push({ guarantee: 'NoStuckState', message: `${left} expired records are not swept.` });
  await server.end('SIGKILL');
  const next = await start(launch, cleanup);
  const last = BigInt(puts.at(-1)!.sequenceNumber);
  const { sequenceNumber } = await put(next.url);
  if (BigInt(sequenceNumber) <= last) {
    const message = `After a restart the number ${sequenceNumber} was given out, and ${last} had been before.`;
    violations.push({ guarantee: 'Monotonic', message });
  }
  await next.end('SIGKILL');
  return { violations, done: 1, sometimes: { puts: puts.length, reads }, figures: {} };
}

async function isActive(url: string): Promise<boolean> {
  const answer = await ask<{ StreamDescriptionSummary: { StreamStatus: string } }>(
    url,
    'kinesis',
    'DescribeStreamSummary',
    { StreamName: STREAM },
  );
  return answer.StreamDescriptionSummary.StreamStatus === 'ACTIVE';
}

async function put(url: string): Promise<Put> {
  const sentMs = Date.now();
  const input = { StreamName: STREAM, PartitionKey: 'key', Data: btoa('data') };
  const { SequenceNumber } = await ask<{ SequenceNumber: string }>(url, 'kinesis', 'PutRecord', input);
  return { sequenceNumber: SequenceNumber, sentMs };
}

/** A sentence about a record that cannot be read although it has not expired. */
async function missingEarly(url: string, puts: readonly Put[]): Promise<string | undefined> {
  const known = [...puts];
  const from = { StreamName: STREAM, ShardId: SHARD, ShardIteratorType: 'TRIM_HORIZON' };
  const { ShardIterator } = await ask<{ ShardIterator: string }>(url, 'kinesis', 'GetShardIterator', from);
  const { Records } = await ask<{ Records: { SequenceNumber: string }[] }>(url, 'kinesis', 'GetRecords', {
    ShardIterator,
  });
  const readMs = Date.now();
  const found = new Set(Records.map(({ SequenceNumber }) => SequenceNumber));
  const missing = known.find(
    ({ sequenceNumber, sentMs }) => sentMs > readMs - RETENTION_MS && !found.has(sequenceNumber),
  );
  if (missing === undefined) return undefined;
  const leftMs = missing.sentMs + RETENTION_MS - readMs;
  return `The record ${missing.sequenceNumber} cannot be read, at least ${leftMs} ms before the end of its retention.`;
}

const countRecords = (dataDir: string): number =>
  inspect(dataDir, (database) => database.prepare('select count(*) from records').pluck().get() as number);

const HOLD_MS = 2000;
const LOCK_LIMIT_MS = 2000;
/** Much longer than noise makes it stand still, and much less than the lock is held. */
const STALL_MAX_MS = 1000;
/** So many look at the database, until so much was acknowledged meanwhile. */
const INSPECTORS = 12;
const ACKNOWLEDGED_MIN = 100;
const LOOK_LIMIT_MS = 10_000;

/** A write lock held by others holds up nothing but writes; inspectors that come and go disturb nobody. */
export async function checkInspectors({ build, directory, cleanup }: Context): Promise<Result> {
  const dataDir = join(directory, 'data');
  const path = join(dataDir, 'millrace.db');
  const server = await start({ build, dataDir }, cleanup);
  await createStreams(server.url);
  let isOver = false;
  const receipts = newReceipts();
  const loading = load(server.url, receipts, () => isOver, 4);
  const acknowledged = () => receipts.kinesis.size + receipts.firehose.size;
  const violations: Violation[] = [];
  await pause(200);
  const stallMs = await longestAnswer(server.url, () => holdWriteLock(path));
  if (stallMs > STALL_MAX_MS) {
    const message = `The server stood still for ${Math.round(stallMs)} ms while another program held the write lock.`;
    violations.push({ guarantee: 'NothingBlocks', message });
  }
  const wanted = acknowledged() + ACKNOWLEDGED_MIN;
  const endMs = performance.now() + LOOK_LIMIT_MS;
  for (let count = 0; isRunning(server) && performance.now() < endMs; count += 1) {
    if (count >= INSPECTORS && acknowledged() >= wanted) break;
    // The command, whose end moves and removes the write-ahead log when it believes to be the last.
    await runOnce(dataDir, 'select count(*) from streams;', cleanup);
    await pause(40);
  }
  if (!isRunning(server)) {
    const message = `After programs had looked at the database, the server ended: ${lastWords(server)}`;
    violations.push({ guarantee: 'SurvivesInspectors', message });
  }
  isOver = true;
  await server.end('SIGKILL');
  await loading;
  return {
    violations,
    done: 1,
    sometimes: { acknowledged: acknowledged() },
    figures: { 'stall ms': Math.round(stallMs) },
  };
}

const isRunning = ({ child }: Server): boolean => child.exitCode === null && child.signalCode === null;

async function holdWriteLock(path: string): Promise<void> {
  const database = openHandle(path, { fileMustExist: true, timeout: LOCK_LIMIT_MS });
  try {
    database.exec('begin immediate');
    await pause(HOLD_MS);
    database.exec('rollback');
  } finally {
    database.close();
  }
}

/** The longest time that an answer of the health page takes while `work` is under way. */
async function longestAnswer(url: string, work: () => Promise<void>): Promise<number> {
  let isOver = false;
  let longestMs = 0;
  const asking = (async () => {
    while (!isOver) {
      const startMs = performance.now();
      await fetch(`${url}/_health`).then((response) => response.arrayBuffer());
      longestMs = Math.max(longestMs, performance.now() - startMs);
      await pause(10);
    }
  })();
  await work();
  isOver = true;
  await asking;
  return longestMs;
}
