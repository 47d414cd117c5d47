/** PutRecordBatch against a plain file to which the same bytes are appended, an fsync per 500 records. */
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type MatchResult, play } from './contest.ts';
import { type LoadGenerator, type PlainFiles, serverUnderLoad } from './contestants.ts';
import { startDeliveryStream } from './delivery-stream.ts';
import { startHelper } from './helper.ts';
import { BATCH_RECORDS, connectionsText, type Plan, PUT_RECORDS_CONNECTIONS, sizeText } from './plan.ts';
import { putRecordBatchRequests } from './requests.ts';

/** With `bytes` bytes of data per record. */
export async function benchPutRecordBatch(bytes: number, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const { port } = await startDeliveryStream('UNCOMPRESSED', cleanup);
  const files: PlainFiles = startHelper('plain-files', cleanup);
  await files.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes });
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const requests = putRecordBatchRequests(port, bytes);
  const yardstick = {
    name: 'plain fs',
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
