/** Delivery streams against plain files: what is put, and what is delivered. */
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type Contestant, type MatchResult, play } from './contest.ts';
import { type LoadGenerator, serverUnderLoad } from './contestants.ts';
import { type Helper, startHelper } from './helper.ts';
import { type Program, startProgram } from './millrace.ts';
import type { FileJob, FileResult } from './plain-files.ts';
import {
  BATCH_RECORDS,
  connectionsText,
  DELIVERY_BYTES,
  type Plan,
  PUT_RECORDS_CONNECTIONS,
  sizeText,
} from './plan.ts';
import { FIREHOSE, putRecordBatchInputs, requestBytes, STREAM } from './requests.ts';

const ACTIVE_POLL_MS = 50;

/** A program with a delivery stream that delivers only when it is told to. */
async function startDeliveryStream(CompressionFormat: string, cleanup: Cleanup): Promise<Program> {
  const program = await startProgram(temporaryDirectory(cleanup), { FLUSH_SCHEDULE: '0 0 1 1 *' }, cleanup);
  await program.call(`${FIREHOSE}.CreateDeliveryStream`, {
    DeliveryStreamName: STREAM,
    ExtendedS3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/bench',
      BucketARN: 'arn:aws:s3:::bench',
      BufferingHints: { SizeInMBs: 128, IntervalInSeconds: 900 },
      CompressionFormat,
    },
  });
  for (let status = ''; status !== 'ACTIVE'; ) {
    await new Promise((resolve) => setTimeout(resolve, ACTIVE_POLL_MS));
    const answer = await program.call(`${FIREHOSE}.DescribeDeliveryStream`, { DeliveryStreamName: STREAM });
    status = answer.DeliveryStreamDescription.DeliveryStreamStatus;
  }
  return program;
}

function startPlainFiles(cleanup: Cleanup): Helper<FileJob, FileResult> {
  return startHelper('plain-files', cleanup);
}

/** PutRecordBatch with `bytes` bytes of data per record, against a file that is synced after every 500 records. */
export async function benchPutRecordBatch(bytes: number, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const { port } = await startDeliveryStream('UNCOMPRESSED', cleanup);
  const files = startPlainFiles(cleanup);
  await files.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes });
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const requests = putRecordBatchInputs(bytes).map((input) => requestBytes(port, 'PutRecordBatch', input, FIREHOSE));
  const yardstick = {
    name: 'fs write + fsync',
    async round(ms: number) {
      const { records, elapsedMs } = await files.do({ do: 'append', ms });
      return { perSecond: (records * 1000) / elapsedMs };
    },
  };
  const matches = PUT_RECORDS_CONNECTIONS.map((connections) => ({
    name: `PutRecordBatch, ${BATCH_RECORDS} × ${sizeText(bytes)}, ${connectionsText(connections)}`,
    unit: 'records/s' as const,
    millrace: serverUnderLoad(generator, { port, connections, requests: () => requests, weight: BATCH_RECORDS }),
    yardstick,
  }));
  return play(matches, plan);
}

const RECORD_BYTES = 1024;
const MB = 1_000_000;

/** The delivery of what is buffered into one object, against the same bytes written to one file. */
export async function benchDelivery(plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const files = startPlainFiles(cleanup);
  await files.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes: RECORD_BYTES });
  const formats = ['UNCOMPRESSED', 'GZIP'] as const;
  const matches = [];
  for (const format of formats) {
    const program = await startDeliveryStream(format, cleanup);
    matches.push({
      name: `delivery of ${DELIVERY_BYTES / 1024 / 1024} MiB, ${format}`,
      unit: 'MB/s' as const,
      millrace: deliveringProgram(program),
      yardstick: {
        name: format === 'GZIP' ? 'fs write of gzip + fsync' : 'fs write + fsync',
        async round() {
          const { elapsedMs } = await files.do({ do: 'object', bytes: DELIVERY_BYTES, isGzip: format === 'GZIP' });
          return { perSecond: DELIVERY_BYTES / MB / (elapsedMs / 1000) };
        },
      },
    });
  }
  return play(matches, plan);
}

/** Fills the buffer, which is not timed, then has it delivered. */
function deliveringProgram({ port, call }: Program): Contestant {
  const inputs = putRecordBatchInputs(RECORD_BYTES);
  const batches = DELIVERY_BYTES / (BATCH_RECORDS * RECORD_BYTES);
  return {
    async round() {
      for (let batch = 0; batch < batches; batch += 1) {
        await call(`${FIREHOSE}.PutRecordBatch`, inputs[batch % inputs.length]!);
      }
      const startMs = performance.now();
      const response = await fetch(`http://127.0.0.1:${port}/_millrace/delivery-streams/${STREAM}/flush`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
      });
      const report = (await response.json()) as { deliveries: { bytes: number }[] };
      const seconds = (performance.now() - startMs) / 1000;
      if (response.status !== 200) throw new Error(`The flush answered ${response.status}.`);
      return { perSecond: report.deliveries.reduce((sum, { bytes }) => sum + bytes, 0) / MB / seconds };
    },
  };
}
