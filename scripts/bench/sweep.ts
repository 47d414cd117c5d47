/**
 * `npm run bench:sweep`: requests while the retention sweeper deletes. Fills a database with records that have expired,
 * starts Millrace on it, and sends requests until the last one is deleted and the file has shrunk.
 *
 *     --records N     how many (default 2,000,000; with 50,000,000 it writes 12 GB and takes about ten minutes)
 *     --bytes N       bytes of data in each (default 100)
 *
 * Writes into the system's directory for temporary files, and removes it.
 */
import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openConnection } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { Cleanup, temporaryDirectory } from './cleanup.ts';
import { createStream, type Millrace, startProgram } from './millrace.ts';
import { countText, SHARDS } from './plan.ts';
import { rowsOf } from './raw-table.ts';
import { makeRecords } from './records.ts';
import { STREAM } from './requests.ts';
import { quantile } from './statistics.ts';

const HOUR_MS = 3_600_000;
/** Rows inserted in one transaction of the filling. */
const BATCH = 50_000;
const NEVER = '0 0 1 1 *';
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
  const directory = temporaryDirectory(cleanup);
  const path = join(directory, 'millrace.db');
  const empty = await startProgram(directory, { SWEEP_SCHEDULE: NEVER }, cleanup);
  await createStream(SHARDS, empty.call);
  await empty.stop();
  fill(path);
  const fullBytes = statSync(path).size;

  const left = watch(path);
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

/** Fills the first stream with expired records: quickly, because nobody loses them. */
function fill(path: string): void {
  const handle = openConnection(path);
  handle.pragma('synchronous = off');
  const perShard = records / SHARDS;
  const newestMs = Date.now() - 24 * HOUR_MS - 60_000;
  const row = rowsOf(makeRecords(1, bytes), 1)[0]!;
  const insert = handle.prepare(
    `insert into records (id, sequence_number, partition_key, arrived_ms, is_text, crc32, data)
     values ((? << 40) | ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (let shard = 1; shard <= SHARDS; shard += 1) {
    for (let position = 1; position <= perShard; ) {
      handle.exec('begin');
      for (let end = Math.min(perShard, position + BATCH - 1); position <= end; position += 1) {
        // Over the last 23 hours before they expired.
        const arrivedMs = Math.floor(newestMs - 23 * HOUR_MS * (1 - position / perShard));
        insert.run(shard, position, row.sequenceNumber, row.partitionKey, arrivedMs, row.isText, row.crc32, row.data);
      }
      handle.exec('commit');
      progress(`filled ${countText((shard - 1) * perShard + position - 1)}`);
    }
  }
  handle.prepare('update shards set next_position = ?, last_arrived_ms = ?').run(perShard + 1, newestMs);
  // What lies in the page cache now would be written by the first fsync that is measured.
  handle.pragma('synchronous = full');
  handle.pragma('wal_checkpoint(truncate)');
  handle.close();
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
}

/** Tells how many expired records are stored. Positions begin with 1 and are deleted in their order: no counting. */
function watch(path: string): () => number {
  const handle = openHandle(path, { readonly: true });
  cleanup.add(() => void handle.close());
  const selectOldest = handle
    .prepare(
      'select (select id & 1099511627775 from records where id >= shards.id << 40 order by id limit 1) from shards',
    )
    .pluck();
  const end = records / SHARDS + 1;
  const left = () => {
    const oldest = selectOldest.all() as (number | null)[];
    return oldest.reduce<number>((sum, position) => sum + Math.max(0, end - (position ?? end)), 0);
  };
  left();
  return left;
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
