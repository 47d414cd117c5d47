/**
 * `npm run bench:sweep`: requests while the retention sweeper deletes. Fills a database with records that have expired,
 * starts Millrace on it, and sends requests until the last one is deleted and the file has shrunk.
 *
 *     --records N     how many (default 2,000,000; with 50,000,000 it writes 12 GB and takes about ten minutes)
 *     --bytes N       bytes of data in each (default 100)
 *
 * Writes into the system's directory for temporary files, and removes it.
 */
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Cleanup } from './cleanup.ts';
import { databaseIn, expired, filledDirectory, watchExpired } from './filled-database.ts';
import { type Millrace, startProgram } from './millrace.ts';
import { countText, SHARDS } from './plan.ts';
import { STREAM } from './requests.ts';
import { quantile } from './statistics.ts';

/** No request should take longer; those that do are told when it happens, between the lines of progress. */
const SLOW_MS = 50;

const { records, bytes } = readOptions();
const cleanup = new Cleanup();
process.once('SIGINT', () => giveUp('Interrupted.'));
process.once('SIGTERM', () => giveUp('Terminated.'));

try {
  process.stdout.write(await trial());
  await cleanup.run();
} catch (error) {
  await giveUp((error as Error).message);
}

function readOptions(): { readonly records: number; readonly bytes: number } {
  const { values } = parseArgs({
    options: { records: { type: 'string', default: '2000000' }, bytes: { type: 'string', default: '100' } },
  });
  const [count, size] = [Number(values.records), Number(values.bytes)];
  if (!(count >= SHARDS) || !(size >= 0)) throw new Error('--records and --bytes take whole numbers.');
  return { records: Math.floor(count / SHARDS) * SHARDS, bytes: size };
}

async function trial(): Promise<string> {
  const onProgress = (count: number) => progress(`filled ${countText(count)}`);
  const directory = await filledDirectory({ records, bytes, arrivedMs: expired(), onProgress }, cleanup);
  const path = databaseIn(directory);
  const fullBytes = statSync(path).size;

  const left = watchExpired(directory, records, cleanup);
  const startMs = performance.now();
  const millrace = await startProgram(directory, {}, cleanup);
  // The first request loads the client, which is not what is measured.
  await millrace.call('ListStreams', {});
  const probes = startProbes(millrace);
  await until('deleted', left);
  const sweptMs = performance.now() - startMs;
  await until('shrunk', () => Math.max(0, statSync(path).size - fullBytes / 2));
  const shrunkMs = performance.now() - startMs;
  const latencies = await probes.stop();
  const perSecond = countText(records / (sweptMs / 1000));
  return [
    `${countText(records)} expired records of ${bytes} B deleted in ${seconds(sweptMs)} (${perSecond}/s),`,
    `the file shrunk from ${megabytes(fullBytes)} to ${megabytes(statSync(path).size)} after ${seconds(shrunkMs)}`,
    ...latencies,
    '',
  ].join('\n');
}

async function until(what: string, left: () => number): Promise<void> {
  for (let rest = left(); rest > 0; rest = left()) {
    progress(`to be ${what}: ${countText(rest)}`);
    await pause(500);
  }
}

interface Probe {
  readonly name: string;
  readonly everyMs: number;
  readonly send: () => Promise<unknown>;
}

/** Sends requests of each kind, one at a time, until it is stopped; returns a line about each kind then. */
function startProbes({ call }: Millrace): { stop(): Promise<string[]> } {
  let isRunning = true;
  const data = Buffer.alloc(bytes, 'x').toString('base64');
  const oldest = { StreamName: STREAM, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' };
  const probes: readonly Probe[] = [
    {
      name: 'PutRecord',
      everyMs: 4,
      send: () => call('PutRecord', { StreamName: STREAM, PartitionKey: 'probe', Data: data }),
    },
    {
      name: 'GetShardIterator and GetRecords',
      everyMs: 20,
      send: async () => {
        const { ShardIterator } = await call('GetShardIterator', oldest);
        return call('GetRecords', { ShardIterator, Limit: 100 });
      },
    },
    { name: 'DescribeStream', everyMs: 50, send: () => call('DescribeStream', { StreamName: STREAM }) },
  ];
  const run = async ({ name, everyMs, send }: Probe): Promise<string> => {
    const latencies: number[] = [];
    while (isRunning) {
      const startMs = performance.now();
      await send();
      const tookMs = performance.now() - startMs;
      latencies.push(tookMs);
      if (tookMs > SLOW_MS) process.stderr.write(`\nbench: ${name} took ${tookMs.toFixed(0)} ms\n`);
      await pause(everyMs);
    }
    latencies.sort((a, b) => a - b);
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => `${quantile(latencies, share).toFixed(1)} ms`);
    return `${name}: ${countText(latencies.length)} calls, p50 ${p50}, p99 ${p99}, slowest ${max}`;
  };
  const running = Promise.all(probes.map(run));
  // Whoever stops them learns of a failure; after an interrupt nobody does, and the directory is still to be removed.
  running.catch(() => undefined);
  return {
    stop: () => {
      isRunning = false;
      return running;
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function megabytes(count: number): string {
  return `${countText(count / 1024 / 1024)} MiB`;
}

function progress(text: string): void {
  process.stderr.write(`\rbench: ${text.padEnd(50)}`);
}

async function giveUp(reason: string): Promise<void> {
  process.stderr.write(`\nbench: ${reason}\n`);
  await cleanup.run();
  process.exit(1);
}
