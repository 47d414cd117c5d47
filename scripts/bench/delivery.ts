/** The delivery of what is buffered as one object, against the same bytes written to one plain file. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type Contestant, type Match, type MatchResult, play } from './contest.ts';
import type { PlainFiles } from './contestants.ts';
import { type CompressionFormat, type DeliveringProgram, startDeliveryStream } from './delivery-stream.ts';
import { startHelper } from './helper.ts';
import { BATCH_RECORDS, DELIVERY_BATCHES, type Plan, RECORD_BYTES } from './plan.ts';
import { FIREHOSE, putRecordBatchInputs, STREAM } from './requests.ts';

const FORMATS = ['UNCOMPRESSED', 'GZIP'] as const;
const MEGABYTE = 1_000_000;
const DELIVERY_BYTES = DELIVERY_BATCHES * BATCH_RECORDS * RECORD_BYTES.usual;

/** The delivery streams are filled as fast as possible; how fast is not what is measured here. */
const FILLING_CALLS = 8;

/** The checkpointer looks at the WAL ten times a second; a data file that rests for longer is complete. */
const REST_MS = 200;

export async function benchDelivery(plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const files: PlainFiles = startHelper('plain-files', cleanup);
  await files.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes: RECORD_BYTES.usual });
  const matches: Match[] = [];
  for (const format of FORMATS) {
    matches.push({
      name: `Delivery of ${Math.round(DELIVERY_BYTES / MEGABYTE)} MB, ${format}`,
      unit: 'MB/s',
      millrace: delivery(await startDeliveryStream(format, cleanup)),
      yardstick: { name: format === 'GZIP' ? 'plain fs and zlib' : 'plain fs', ...writing(format, files) },
    });
  }
  return play(matches, plan);
}

/** Rounds are of a fixed size, not of a fixed time: one delivery each. */
function delivery(program: DeliveringProgram): Contestant {
  const inputs = putRecordBatchInputs(FILLING_CALLS, RECORD_BYTES.usual);
  return {
    async round() {
      await fill(program, inputs);
      await settle(program);
      const startMs = performance.now();
      const bytes = await flush(program);
      const elapsedMs = performance.now() - startMs;
      if (bytes !== DELIVERY_BYTES) throw new Error(`${bytes} B were delivered where ${DELIVERY_BYTES} B were put.`);
      return { perSecond: megabytesPerSecond(elapsedMs) };
    },
  };
}

function writing(format: CompressionFormat, files: PlainFiles): Contestant {
  return {
    async round() {
      const { elapsedMs } = await files.do({ do: 'object', batches: DELIVERY_BATCHES, format });
      return { perSecond: megabytesPerSecond(elapsedMs) };
    },
  };
}

/** Bytes count as they are buffered, before they are compressed. */
const megabytesPerSecond = (elapsedMs: number): number => DELIVERY_BYTES / MEGABYTE / (elapsedMs / 1000);

async function fill({ call }: DeliveringProgram, inputs: readonly object[]): Promise<void> {
  for (let put = 0; put < DELIVERY_BATCHES; put += inputs.length) {
    await Promise.all(inputs.map((input) => call(`${FIREHOSE}.PutRecordBatch`, input)));
  }
}

/** Waits until the WAL of the filling has been moved, which would otherwise go on during the delivery. */
async function settle({ directory }: DeliveringProgram): Promise<void> {
  const writtenMs = () => statSync(join(directory, 'millrace.db')).mtimeMs;
  for (let before = Number.NaN, now = writtenMs(); now !== before; ) {
    await pause(REST_MS);
    [before, now] = [now, writtenMs()];
  }
}

/** Delivers everything that is buffered; returns how many bytes that was. */
async function flush({ port }: DeliveringProgram): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/_millrace/delivery-streams/${STREAM}/flush`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`The flush answered ${response.status}: ${text}`);
  const { deliveries } = JSON.parse(text) as { deliveries: { bytes: number; state: string }[] };
  return deliveries.reduce((sum, { bytes, state }) => sum + (state === 'DELIVERED' ? bytes : 0), 0);
}
