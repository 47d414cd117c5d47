/**
 * PutRecord at a fixed rate while the sweeper deletes expired records and another program's read transaction keeps the
 * WAL from being moved; and the same afterwards, when there is nothing left to delete. The records expire some seconds
 * after the server has started, because the first seconds of a process are slow for reasons of their own.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cleanup } from './cleanup.ts';
import type { Figure } from './figure.ts';
import { databaseIn, filledDirectory, RETENTION_MS, watchExpired } from './filled-database.ts';
import { type Helper, startHelper } from './helper.ts';
import { startProgram } from './millrace.ts';
import type { OpenLoop } from './open-loop.ts';
import { countText, type Plan, RECORD_BYTES } from './plan.ts';
import { putRecordRequests } from './requests.ts';
import type { Snapshot } from './snapshot-reader.ts';
import { quantile, spreadOf } from './statistics.ts';

const SHORT = { records: 250_000, warmUpMs: 1000, restSlices: 2, sliceMs: 500, slicesMax: 10 };
const LONG = { records: 1_000_000, warmUpMs: 5000, restSlices: 10, sliceMs: 1000, slicesMax: 60 };
const BYTES = 100;

/** Filling and starting take less than this, so that there is time for warming up before the records expire. */
const FILL_MS = 2500;
const FILL_MS_PER_RECORD = 0.006;
const DELETED_MS = 60_000;
const DELETED_LOOK_MS = 100;
const EVERY_SECOND = '* * * * * *';

const PER_SECOND = 1000;
const CONNECTIONS = 32;
const TARGET_MS = 5;

/** The latencies of the requests of a slice of time. */
type Slice = Float64Array;

export async function benchUnderSweep(plan: Plan, cleanup: Cleanup): Promise<Figure[]> {
  const { records, warmUpMs, restSlices, sliceMs, slicesMax } = plan.isLong ? LONG : SHORT;
  const expiryMs = Date.now() + FILL_MS + records * FILL_MS_PER_RECORD + warmUpMs;
  const directory = await filledDirectory({ records, bytes: BYTES, arrivedMs: expiryMs - RETENTION_MS }, cleanup);
  const sender: Helper<OpenLoop, Slice> = startHelper('open-loop', cleanup);
  const reader: Helper<Snapshot, number> = startHelper('snapshot-reader', cleanup);
  const expiredLeft = watchExpired(directory, records, cleanup);
  const { port } = await startProgram(directory, { SWEEP_SCHEDULE: EVERY_SECOND }, cleanup);
  const requests = putRecordRequests(port, RECORD_BYTES.usual);
  const slice = (ms = sliceMs) => sender.do({ port, requests, connections: CONNECTIONS, perSecond: PER_SECOND, ms });
  while (Date.now() < expiryMs) await slice(warmUpMs / 2);
  await reader.do({ path: databaseIn(directory) });
  const swept: Slice[] = [];
  while (expiredLeft() > 0 && swept.length < slicesMax) swept.push(await slice());
  await until(() => expiredLeft() === 0);
  const rested: Slice[] = [];
  while (rested.length < restSlices) rested.push(await slice());
  const name = `PutRecord at ${countText(PER_SECOND)}/s while the sweeper deletes and a reader holds a transaction`;
  return [
    figureOf(`${name}, p50`, 0.5, swept, rested),
    { ...figureOf(`${name}, p99`, 0.99, swept, rested), target: TARGET_MS },
    figureOf(`${name}, slowest`, 1, swept, rested),
  ];
}

/** What is not deleted while it is measured is waited for, because the rest is to be without deletion. */
async function until(isDone: () => boolean): Promise<void> {
  const endMs = performance.now() + DELETED_MS;
  while (!isDone()) {
    if (performance.now() > endMs) throw new Error(`The sweeper has not deleted everything after ${DELETED_MS} ms.`);
    await pause(DELETED_LOOK_MS);
  }
}

function figureOf(name: string, share: number, swept: readonly Slice[], rested: readonly Slice[]): Figure {
  const beside = { name: 'without deletion', value: spreadOfAll(rested, share) };
  return { name, unit: 'ms', value: spreadOfAll(swept, share), beside };
}

/** Of all requests together, because a slice that is slow as a whole must count; the ends are those of the slices. */
function spreadOfAll(slices: readonly Slice[], share: number) {
  const all = Float64Array.from(slices.flatMap((slice) => [...slice])).sort();
  return { ...spreadOf(slices.map((slice) => quantile(slice.toSorted(), share))), median: quantile(all, share) };
}
