/**
 * kill -9 while delivery streams take records and deliver them: each record that was acknowledged is in exactly one
 * object, byte for byte and in order. SEED replays the kills; RECORDS and KILLS make the run longer,
 * COMPRESSION chooses another format.
 */
import { watch } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ACCOUNT, base64, ROLE } from '../support/firehose.ts';
import { type DeliveredObject, deliveredObjects, unconfirmedObjects } from '../support/firehose-objects.ts';
import { realLines } from '../support/lines.ts';
import { type RunningMillrace, startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient, type WireClient } from '../support/wire.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const RECORDS = Number(process.env.RECORDS ?? 4000);
const KILLS = Number(process.env.KILLS ?? 2);
const CLIENTS = 4;
const BATCH = 50;
const NAME = 'lines';

const S3 = {
  RoleARN: ROLE,
  BucketARN: 'arn:aws:s3:::b',
  BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
  CompressionFormat: process.env.COMPRESSION ?? 'GZIP',
};

/** When to kill: after so many acknowledged records, or as soon as a further object has its name. */
type Occasion = number | 'object';

function occasions(): Occasion[] {
  const step = Math.floor(RECORDS / (KILLS + 1));
  const counts = fc.sample(fc.integer({ min: 1, max: step }), { numRuns: KILLS, seed: SEED });
  return counts.map((count, index) => (index % 2 === 0 ? index * step + count : 'object'));
}

/** What the clients know: a line of theirs is acknowledged, or its fate is unknown because the connection broke. */
interface Ledger {
  readonly acknowledged: Set<string>;
  readonly unknown: Set<string>;
}

/** Each line says who sent it and as which of its lines. */
const lineOf = (client: number, index: number, lines: readonly string[]) =>
  `${client}:${index} ${lines[index % lines.length]}\n`;

/** Kills the process at the occasion. */
function killAt(occasion: Occasion, millrace: RunningMillrace, directory: string, ledger: Ledger): () => void {
  if (occasion === 'object') {
    const watcher = watch(join(directory, 's3'), { recursive: true }, (_event, name) => {
      if (name !== null && !name.startsWith('.tmp') && name.includes(`${NAME}-`)) millrace.child.kill('SIGKILL');
    });
    watcher.on('error', () => undefined);
    void millrace.exited.then(() => watcher.close());
    return () => undefined;
  }
  return () => {
    if (ledger.acknowledged.size >= occasion) millrace.child.kill('SIGKILL');
  };
}

it(`each acknowledged record is in exactly one object after ${KILLS} kills (SEED=${SEED})`, {
  timeout: 600_000,
}, async () => {
  const directory = temporaryDirectory();
  const ledger: Ledger = { acknowledged: new Set(), unknown: new Set() };
  const lines = realLines(5000);
  const sent = Array.from({ length: CLIENTS }, () => 0);
  const perClient = RECORDS / CLIENTS;
  const settings = { DATA_DIR: directory, TRANSITION_MS: '0' };
  let interrupted = 0;

  /** Puts from one client until its lines are sent or the server is gone. */
  const putOn = async (client: number, url: string, check: () => void): Promise<void> => {
    const wire = createWireClient(url, 'Firehose_20150804');
    while (sent[client]! < perClient) {
      const count = Math.min(BATCH, perClient - sent[client]!);
      const batch = Array.from({ length: count }, (_, index) => lineOf(client, sent[client]! + index, lines));
      sent[client]! += count;
      const answer = await wire.send('PutRecordBatch', {
        DeliveryStreamName: NAME,
        Records: batch.map((line) => ({ Data: base64(line) })),
      });
      for (const line of batch) (answer === undefined ? ledger.unknown : ledger.acknowledged).add(line);
      if (answer === undefined) break;
      check();
    }
    wire.close();
  };

  for (const occasion of [...occasions(), undefined]) {
    const millrace = await startMillrace(settings);
    if (sent[0] === 0) await create(millrace);
    const check = occasion === undefined ? () => undefined : killAt(occasion, millrace, directory, ledger);
    await Promise.all(sent.map((_, client) => putOn(client, millrace.url, check)));
    if (occasion === undefined) {
      await flush(millrace);
    } else {
      // Clients that have sent everything do not see the kill.
      setTimeout(() => millrace.child.kill('SIGKILL'), 3000).unref();
    }
    if (occasion === undefined) await millrace.kill('SIGTERM');
    else await millrace.exited;
    interrupted += unconfirmedObjects(directory).length;
  }

  const objects = deliveredObjects(directory);
  assertEachOnce(objects, ledger);
  expect(ledger.acknowledged.size, 'the test put enough to mean something').toBeGreaterThan(RECORDS / 2);
  if (process.env.RECORDS) {
    process.stdout.write(
      `${ledger.acknowledged.size} acknowledged, ${ledger.unknown.size} unknown, ${objects.length} objects (${S3.CompressionFormat}), ` +
        `${interrupted} kills between rename and confirmation\n`,
    );
  }
});

async function create({ url }: RunningMillrace): Promise<void> {
  const wire = createWireClient(url, 'Firehose_20150804');
  await wire.send('CreateDeliveryStream', { DeliveryStreamName: NAME, ExtendedS3DestinationConfiguration: S3 });
  wire.close();
}

async function flush({ url }: RunningMillrace): Promise<void> {
  const response = await fetch(`${url}/_millrace/delivery-streams/${NAME}/flush`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  });
  if (response.status !== 200) throw new Error(`The flush answered ${response.status}: ${await response.text()}`);
}

/** Every acknowledged line once, no other line but those of unknown fate, each client's lines in their order. */
function assertEachOnce(objects: readonly DeliveredObject[], { acknowledged, unknown }: Ledger): void {
  const delivered = objects.flatMap(({ content }) => content.toString().split(/(?<=\n)/));
  const found = new Set(delivered);
  expect(delivered.length, 'no line is delivered twice').toBe(found.size);
  const lost = [...acknowledged].filter((line) => !found.has(line));
  expect(lost.slice(0, 5), `of ${acknowledged.size} acknowledged lines none is missing or different`).toEqual([]);
  const foreign = delivered.filter((line) => !acknowledged.has(line) && !unknown.has(line));
  expect(foreign.slice(0, 5), 'nothing is delivered that nobody sent').toEqual([]);
  const last = new Map<string, number>();
  for (const line of delivered) {
    const [, client, index] = /^(\d+):(\d+) /.exec(line)!;
    expect(Number(index) > (last.get(client!) ?? -1), `the lines of client ${client} are in order`).toBe(true);
    last.set(client!, Number(index));
  }
}

const SOURCE = 'source';
const SOURCE_ARN = `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${SOURCE}`;

it(`so is each record of a stream that is split, merged and killed three times (SEED=${SEED})`, {
  timeout: 120_000,
}, async () => {
  const directory = temporaryDirectory();
  const settings = { DATA_DIR: directory, TRANSITION_MS: '0' };
  const ledger: Ledger = { acknowledged: new Set(), unknown: new Set() };
  const lines = realLines(3000);
  let sent = 0;

  const putSome = async (kinesis: WireClient, count: number): Promise<void> => {
    for (const end = sent + count; sent < end; ) {
      const batch = Array.from({ length: BATCH }, (_, index) => [`k${index % 7}`, sent + index] as const);
      // Never sent again, for nobody knows whether it was taken.
      sent += BATCH;
      const records = batch.map(([key, index]) => ({
        PartitionKey: key,
        Data: base64(lineOf(Number(key.slice(1)), index, lines)),
      }));
      const answer = await kinesis.send('PutRecords', { StreamName: SOURCE, Records: records });
      for (const [key, index] of batch) {
        (answer === undefined ? ledger.unknown : ledger.acknowledged).add(lineOf(Number(key.slice(1)), index, lines));
      }
      if (answer === undefined) return;
    }
  };
  const reshard = [
    () =>
      ['SplitShard', { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: (1n << 127n).toString() }] as const,
    () =>
      ['MergeShards', { ShardToMerge: 'shardId-000000000001', AdjacentShardToMerge: 'shardId-000000000002' }] as const,
    () =>
      ['SplitShard', { ShardToSplit: 'shardId-000000000003', NewStartingHashKey: (1n << 126n).toString() }] as const,
  ];

  for (const [round, action] of [...reshard, undefined].entries()) {
    const millrace = await startMillrace(settings);
    const kinesis = createWireClient(millrace.url);
    if (round === 0) {
      await kinesis.send('CreateStream', { StreamName: SOURCE, ShardCount: 1 });
      await kinesis.send('PutRecord', { StreamName: SOURCE, PartitionKey: 'early', Data: base64('too early\n') });
      await createSourced(millrace);
    }
    await putSome(kinesis, 600);
    if (action === undefined) {
      await flush(millrace);
      kinesis.close();
      await millrace.kill('SIGTERM');
      break;
    }
    const [operation, input] = action();
    await kinesis.send(operation, { StreamName: SOURCE, ...input });
    const delay = fc.sample(fc.integer({ min: 0, max: 1500 }), { numRuns: 3, seed: SEED })[round]!;
    setTimeout(() => millrace.child.kill('SIGKILL'), delay).unref();
    await putSome(kinesis, 600);
    await millrace.exited;
    kinesis.close();
  }
  assertEachOnce(deliveredObjects(directory), ledger);
  expect(ledger.acknowledged.size, 'the test put enough to mean something').toBeGreaterThan(1500);
});

async function createSourced({ url }: RunningMillrace): Promise<void> {
  const wire = createWireClient(url, 'Firehose_20150804');
  await wire.send('CreateDeliveryStream', {
    DeliveryStreamName: NAME,
    DeliveryStreamType: 'KinesisStreamAsSource',
    KinesisStreamSourceConfiguration: { KinesisStreamARN: SOURCE_ARN, RoleARN: ROLE },
    ExtendedS3DestinationConfiguration: S3,
  });
  wire.close();
}
