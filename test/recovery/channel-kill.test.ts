/**
 * kill -9 while a channel delivers a stream: each record that was acknowledged is in exactly one object, and those of one
 * partition key are in order. SEED replays the kills; RECORDS and KILLS make the run longer.
 */
import { watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { channelInput } from '../support/channels.ts';
import { type DeliveredObject, deliveredObjects } from '../support/firehose-objects.ts';
import { realLines } from '../support/lines.ts';
import { type RunningMillrace, startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient } from '../support/wire.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const RECORDS = Number(process.env.RECORDS ?? 3000);
const KILLS = Number(process.env.KILLS ?? 3);
const CLIENTS = 3;
const BATCH = 50;
const STREAM = 's';
const CHANNEL = 'lines';

/** Far above the freshness of a second, on a machine that is busy. */
const DELIVERED_LIMIT_MS = 60_000;

/** A line is acknowledged, or its fate is unknown because the connection broke. */
interface Ledger {
  readonly acknowledged: Set<string>;
  readonly unknown: Set<string>;
}

/** Each line says whose it is and as which of them. */
const lineOf = (client: number, index: number, lines: readonly string[]) =>
  `${client}:${index} ${lines[index % lines.length]}`;

it(`each acknowledged record is in exactly one object of a channel after ${KILLS} kills (SEED=${SEED})`, {
  timeout: 300_000,
}, async () => {
  const directory = temporaryDirectory();
  const settings = { DATA_DIR: directory, TRANSITION_MS: '0' };
  const ledger: Ledger = { acknowledged: new Set(), unknown: new Set() };
  const lines = realLines(2000);
  const sent = Array.from({ length: CLIENTS }, () => 0);
  const delays = fc.sample(fc.integer({ min: 100, max: 1500 }), { numRuns: KILLS, seed: SEED });
  const perLife = Math.ceil(RECORDS / CLIENTS / (KILLS + 1));

  /** Puts from one client, evenly over a second and more, until its share of this life is sent or the server is gone. */
  const putOn = async (client: number, url: string): Promise<void> => {
    const wire = createWireClient(url);
    for (const end = sent[client]! + perLife; sent[client]! < end; ) {
      const first = sent[client]!;
      const batch = Array.from({ length: BATCH }, (_, index) => lineOf(client, first + index, lines));
      // Never sent again, for nobody knows whether it was taken.
      sent[client]! += BATCH;
      const Records = batch.map((line) => ({ PartitionKey: `${client}`, Data: Buffer.from(line).toString('base64') }));
      const answer = await wire.send('PutRecords', { StreamName: STREAM, Records });
      for (const line of batch) (answer === undefined ? ledger.unknown : ledger.acknowledged).add(line);
      if (answer === undefined) break;
      await sleep(60);
    }
    wire.close();
  };

  for (const [life, delay] of [...delays, undefined].entries()) {
    const millrace = await startMillrace(settings);
    if (life === 0) await create(millrace);
    const clients = sent.map((_, client) => putOn(client, millrace.url));
    if (delay === undefined) {
      await Promise.all(clients);
      await untilDelivered(directory, ledger);
      await millrace.kill('SIGTERM');
    } else {
      // Every second one as soon as a further object has its name, before anybody can have confirmed it.
      killAt(life % 2 === 0 ? delay : 'object', millrace, directory);
      await Promise.all([...clients, millrace.exited]);
    }
  }
  assertEachOnce(deliveredObjects(directory), ledger);
  expect(ledger.acknowledged.size, 'the test put enough to mean something').toBeGreaterThan(RECORDS / 3);
});

/** No longer than the wait for an object that does not come. */
const OBJECT_LIMIT_MS = 4000;

function killAt(occasion: number | 'object', { child, exited }: RunningMillrace, directory: string): void {
  const kill = () => child.kill('SIGKILL');
  setTimeout(kill, occasion === 'object' ? OBJECT_LIMIT_MS : occasion).unref();
  if (occasion !== 'object') return;
  const watcher = watch(join(directory, 's3'), { recursive: true }, (_event, name) => {
    if (name !== null && !name.startsWith('.tmp') && name.includes(CHANNEL)) kill();
  });
  watcher.on('error', () => undefined);
  void exited.then(() => watcher.close());
}

async function create({ url }: RunningMillrace): Promise<void> {
  const wire = createWireClient(url);
  await wire.send('CreateStream', { StreamName: STREAM, StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
  const storage = { CompressionType: 'GZIP' };
  const destination = { DataFreshnessInSeconds: 1 };
  await wire.send('CreateChannel', channelInput(CHANNEL, { stream: STREAM, format: 'STRING', storage, destination }));
  wire.close();
}

const linesIn = (objects: readonly DeliveredObject[]): string[] =>
  objects.flatMap(({ content }) => content.toString().split('\n').slice(0, -1));

/** Until every acknowledged line is in an object, and nothing is under way. */
async function untilDelivered(directory: string, { acknowledged }: Ledger): Promise<void> {
  let last: unknown;
  for (const endMs = performance.now() + DELIVERED_LIMIT_MS; performance.now() < endMs; await sleep(200)) {
    try {
      const found = new Set(linesIn(deliveredObjects(directory)));
      const missing = [...acknowledged].filter((line) => !found.has(line));
      if (missing.length === 0) return;
      last = new Error(`${missing.length} of ${acknowledged.size} acknowledged lines are not delivered: ${missing[0]}`);
    } catch (error) {
      // Something is planned and not delivered yet.
      last = error;
    }
  }
  throw last;
}

/** Every acknowledged line once, no other line but those of unknown fate, each client's lines in their order. */
function assertEachOnce(objects: readonly DeliveredObject[], { acknowledged, unknown }: Ledger): void {
  const delivered = linesIn(objects);
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
