/**
 * `npm run bench`: Millrace side by side with what it cannot be faster than. PutRecord against a bare node:http server,
 * PutRecords and GetRecords against better-sqlite3 alone on the same table; PutRecordBatch and the delivery of a delivery
 * stream against the same bytes written to plain files.
 *
 *     --json         the results as JSON instead of tables
 *     --long         more and longer rounds: some ten minutes instead of some two
 *     --only WORD    only the steps with this in their names, for example firehose or GetRecords
 *
 * Writes up to 2 GB (long: 8 GB) into the system's directory for temporary files, and removes them.
 */
import { parseArgs } from 'node:util';
import { Cleanup } from './bench/cleanup.ts';
import type { MatchResult } from './bench/contest.ts';
import { benchDelivery } from './bench/delivery.ts';
import { collectFacts } from './bench/facts.ts';
import { benchFirehosePutRecord } from './bench/firehose-put-record.ts';
import { benchGetRecords } from './bench/get-records.ts';
import { LONG_PLAN, RECORD_BYTES, SHORT_PLAN } from './bench/plan.ts';
import { benchPutRecord } from './bench/put-record.ts';
import { benchPutRecordBatch } from './bench/put-record-batch.ts';
import { benchPutRecords } from './bench/put-records.ts';
import { type Report, reportText } from './bench/report.ts';

/** Above this load average, other programs take part in the measurement. */
const QUIET_LOAD = 0.5;

const { small, usual } = RECORD_BYTES;
const STEPS: Readonly<Record<string, () => Promise<MatchResult[]>>> = {
  'Kinesis PutRecord, 1 KB': () => benchPutRecord(usual, plan, cleanup),
  'Kinesis PutRecord, 256 B': () => benchPutRecord(small, plan, cleanup),
  'Kinesis PutRecords, 256 B': () => benchPutRecords(small, 'JSON', plan, cleanup),
  'Kinesis PutRecords, 1 KB': () => benchPutRecords(usual, 'JSON', plan, cleanup),
  'Kinesis PutRecords, 1 KB, CBOR': () => benchPutRecords(usual, 'CBOR', plan, cleanup),
  'Kinesis GetRecords, 1 KB': () => benchGetRecords(usual, plan, cleanup),
  'Firehose PutRecord, 1 KB': () => benchFirehosePutRecord(usual, plan, cleanup),
  'Firehose PutRecordBatch, 1 KB': () => benchPutRecordBatch(usual, plan, cleanup),
  'Firehose delivery': () => benchDelivery(plan, cleanup),
};

const options = readOptions();
const plan = options.long ? LONG_PLAN : SHORT_PLAN;
const cleanup = new Cleanup();

process.once('SIGINT', () => giveUp('Interrupted.'));
process.once('SIGTERM', () => giveUp('Terminated.'));
setTimeout(() => giveUp(`Not finished after ${plan.limitMs / 60_000} minutes.`), plan.limitMs).unref();

try {
  const report = await bench();
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${reportText(report)}\n`);
} catch (error) {
  await giveUp((error as Error).message);
}

interface Options {
  readonly json: boolean;
  readonly long: boolean;
  /** Names of steps. */
  readonly steps: readonly string[];
}

function readOptions(): Options {
  try {
    const { json, long, only } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        long: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
      },
    }).values;
    const steps = Object.keys(STEPS).filter((name) => name.toLowerCase().includes(only.toLowerCase()));
    if (steps.length === 0) throw new Error(`No step has ${only} in its name: ${Object.keys(STEPS).join('; ')}.`);
    return { json, long, steps };
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message} The options are --json, --long and --only WORD.\n`);
    process.exit(2);
  }
}

async function bench(): Promise<Report> {
  const startMs = performance.now();
  const facts = await step('facts', () => collectFacts(plan, cleanup));
  if (facts.loadBefore > QUIET_LOAD) process.stderr.write('bench: other programs were busy just now; see min – max.\n');
  const matches: MatchResult[] = [];
  for (const name of options.steps) matches.push(...(await step(name, STEPS[name]!)));
  return { matches, facts, elapsedMs: performance.now() - startMs };
}

/** Runs one part of the benchmark with children and directories of its own, which are gone when it ends. */
async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  process.stderr.write(`bench: ${name}\n`);
  try {
    return await run();
  } finally {
    await cleanup.run();
  }
}

async function giveUp(reason: string): Promise<void> {
  process.stderr.write(`bench: ${reason}\n`);
  await cleanup.run();
  process.exit(1);
}
