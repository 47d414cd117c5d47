/**
 * The Kinesis Client Library, unchanged: a worker with enhanced fan-out, then one that polls and goes on where the first
 * has ended. Its leases are in a DynamoDB Local within its process, its metrics go to Millrace. Meanwhile the stream is
 * put to, split and merged. It is fetched first, so it runs with `npm run test:clients`.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { CLIENT_LIBRARY, prepare, runProgram } from '../support/client-program.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient, type WireClient } from '../support/wire.ts';

const ALL = process.env.CLIENTS === 'all';
const STREAM = 'kcl';
const APPLICATION = 'kcl-application';

/** Records that each worker processes before it ends. */
const COUNT = 1000;
const BATCH = 20;
const KEYS = 50;

const shards = (...indices: number[]) => indices.map((index) => `shardId-00000000000${index}`);

/** Two shards become four, and these two again. */
const FIRST = shards(0, 1);
const SECOND = shards(2, 3, 4, 5);
const THIRD = shards(6, 7);
const PARENTS = new Map([
  ...shards(2, 3).map((child) => [child, shards(0)] as const),
  ...shards(4, 5).map((child) => [child, shards(1)] as const),
  ['shardId-000000000006', shards(2, 3)] as const,
  ['shardId-000000000007', shards(4, 5)] as const,
]);

interface Put {
  readonly shard: string;
  readonly number: string;
  readonly body: string;
}

/** Puts `COUNT` records over some seconds; half of them before the stream is resharded, the others meanwhile. */
async function putAndReshard(client: WireClient, from: number, target: number, put: Put[]): Promise<void> {
  for (let n = from; n < from + COUNT; n += BATCH) {
    if (n === from + COUNT / 2) {
      const change = { StreamName: STREAM, TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' };
      await client.send('UpdateShardCount', change);
    }
    const bodies = Array.from({ length: BATCH }, (_, index) => `record-${n + index}`);
    const { Records, FailedRecordCount } = await client.send('PutRecords', {
      StreamName: STREAM,
      Records: bodies.map((body, index) => ({
        PartitionKey: `key-${(n + index) % KEYS}`,
        Data: Buffer.from(body).toString('base64'),
      })),
    });
    expect(FailedRecordCount).toBe(0);
    for (const [index, body] of bodies.entries()) {
      put.push({ shard: Records[index].ShardId, number: Records[index].SequenceNumber, body });
    }
    await pause(50);
  }
}

/** Each record once, as it was put, in the order of its shard. */
function expectRecords(lines: readonly (readonly string[])[], put: readonly Put[]): void {
  const records = lines.filter(([, what]) => what === 'record').map((words) => words.slice(2).join(' '));
  expect([...records].sort()).toEqual(put.map(({ shard, number, body }) => `${shard} ${number} ${body}`).sort());
  const last = new Map<string, bigint>();
  for (const [shard, number] of records.map((record) => record.split(' '))) {
    expect(BigInt(number!) > (last.get(shard!) ?? 0n), `${shard} is read in order`).toBe(true);
    last.set(shard!, BigInt(number!));
  }
}

/** Each parent was ended once, and its children not begun before. */
function expectLineage(lines: readonly (readonly string[])[]): void {
  const ends = lines.filter(([, what]) => what === 'end').map(([, , shard]) => shard);
  expect([...ends].sort()).toEqual([...FIRST, ...SECOND]);
  const ended = new Set<string>();
  for (const [, what, shard] of lines) {
    if (what === 'end') ended.add(shard!);
    for (const parent of what === 'record' ? (PARENTS.get(shard!) ?? []) : []) {
      expect(ended.has(parent), `${parent} is read to its end before ${shard}`).toBe(true);
    }
  }
}

/** How many records it says to have processed. */
function metricsIn(directory: string): unknown[] {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  try {
    const sums = handle.prepare(
      `select cast(sum(sum) as integer) from v_metric_data where namespace = ? and metric = 'RecordsProcessed'`,
    );
    return sums.pluck().all(APPLICATION);
  } finally {
    handle.close();
  }
}

it.runIf(ALL)(
  'the KCL processes each record once, by enhanced fan-out and by polling, over splits and merges',
  { timeout: 1_000_000 },
  async ({ skip }) => {
    const reason = await prepare(CLIENT_LIBRARY);
    if (reason !== undefined) skip(reason);
    const directory = temporaryDirectory();
    const settings = { DATA_DIR: directory, TRANSITION_MS: '150', INITIALIZE_STREAMS: `${STREAM}:2` };
    const { url } = await startMillrace(settings);
    const client = createWireClient(url);
    let printed = '';
    // DynamoDB Local would tell its makers that it runs.
    const environment = { DDB_LOCAL_TELEMETRY: '0' };
    const run = runProgram(CLIENT_LIBRARY, [url, STREAM, APPLICATION, String(COUNT)], environment, (text) => {
      printed += text;
    });
    const ended = run.then(({ said }) => Promise.reject(new Error(`It has ended: ${said}`)));
    ended.catch(() => undefined);
    const until = async (line: string) => {
      while (!printed.includes(line)) await Promise.race([pause(20), ended]);
    };

    const put: Put[] = [];
    await until('fan-out start');
    await putAndReshard(client, 0, 4, put);
    await until('fan-out stopped');
    await putAndReshard(client, COUNT, 2, put);
    const { passed, said } = await run;
    client.close();

    const lines = passed.map((line) => line.split(' '));
    expect(printed, said).toContain('polling stopped');
    expectRecords(lines, put);
    expectLineage(lines);
    const leases = lines.filter(([what]) => what === 'lease').map(([, shard, checkpoint]) => `${shard} ${checkpoint}`);
    const lastOf = (shard: string) => put.findLast((record) => record.shard === shard)!.number;
    expect(leases.sort(), 'where its checkpoints are').toEqual([
      ...[...FIRST, ...SECOND].map((shard) => `${shard} SHARD_END`),
      ...THIRD.map((shard) => `${shard} ${lastOf(shard)}`),
    ]);
    // Polling goes on at the record of the checkpoint, which is counted again in each shard, but not processed.
    expect(metricsIn(directory), 'records that its metrics count').toEqual([2 * COUNT + SECOND.length]);
  },
);
