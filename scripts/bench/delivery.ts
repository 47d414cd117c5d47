/** The delivery of what is buffered as one object, against the same bytes written to one plain file. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type Contestant, type Match, type MatchResult, play } from './contest.ts';
import type { PlainFiles } from './contestants.ts';
import { type CompressionFormat, type DeliveringProgram, startDeliveryStream } from './delivery-stream.ts';
import { startHelper } from './helper.ts';
import { BATCH_RECORDS, type Plan, RECORD_BYTES } from './plan.ts';
import { FIREHOSE, type PutKind, putInputs, STREAM } from './requests.ts';

const FORMATS = ['UNCOMPRESSED', 'GZIP'] as const;
const MEGABYTE = 1_000_000;
/** PutRecordBatch requests that are buffered before a delivery is timed: 33 MB. */
const BATCHES = 64;
const DELIVERY_BYTES = BATCHES * BATCH_RECORDS * RECORD_BYTES.usual;

/** The least part of the speed of plain files. */
const TARGET = 0.8;

/** The delivery streams are filled as fast as possible; how fast is not what is measured here. */
const FILLING_CALLS = 8;
const FILLING: PutKind = {
  target: `${FIREHOSE}.PutRecordBatch`,
  records: BATCH_RECORDS,
  bytes: RECORD_BYTES.usual,
  encoding: 'JSON',
};

/** The checkpointer looks at the WAL ten times a second; a data file that rests for longer is complete. */
const REST_MS = 200;

export async function benchDelivery(plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const files: PlainFiles = startHelper('plain-files', cleanup);
  await files.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes: RECORD_BYTES.usual });
  const matches: Match[] = [];
  // GZIP takes both of them most of the time; it says less about Millrace.
  for (const format of plan.isLong ? FORMATS : FORMATS.slice(0, 1)) {
    matches.push({
      name: `Delivery of ${Math.round(DELIVERY_BYTES / MEGABYTE)} MB, ${format}`,
      unit: 'MB/s',
      millrace: delivery(await startDeliveryStream(format, cleanup)),
      yardstick: {
        name: format === 'GZIP' ? 'plain fs and zlib' : 'plain fs',
        contestant: writing(format, files),
      },
      target: TARGET,
    });
  }
  return play(matches, plan);
}

/** Rounds are of a fixed size, not of a fixed time: one delivery each. */
function delivery(program: DeliveringProgram): Contestant {
  const inputs = putInputs(FILLING, FILLING_CALLS);
  return {
    async round() {
      for (let put = 0; put < BATCHES; put += FILLING_CALLS) {
        await Promise.all(inputs.map((input) => program.call(FILLING.target, input)));
      }
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
      const { elapsedMs } = await files.do({ do: 'object', batches: BATCHES, format });
      return { perSecond: megabytesPerSecond(elapsedMs) };
    },
  };
}

/** Bytes count as they are buffered, before they are compressed. */
const megabytesPerSecond = (elapsedMs: number): number => DELIVERY_BYTES / MEGABYTE / (elapsedMs / 1000);

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
