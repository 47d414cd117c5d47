/** PutRecords against a raw loop that inserts the same rows, a commit per 500. */
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type MatchResult, play } from './contest.ts';
import { type LoadGenerator, type RawSqlite, rawLoop, serverUnderLoad } from './contestants.ts';
import { startHelper } from './helper.ts';
import { startMillrace } from './millrace.ts';
import { BATCH_RECORDS, connectionsText, type Plan, PUT_RECORDS_CONNECTIONS, SHARDS, sizeText } from './plan.ts';
import { putRecordsCborRequests, putRecordsRequests } from './requests.ts';

const REQUESTS = { JSON: putRecordsRequests, CBOR: putRecordsCborRequests };

/** With `bytes` bytes of data per record, in an encoding. */
export async function benchPutRecords(
  bytes: number,
  encoding: keyof typeof REQUESTS,
  plan: Plan,
  cleanup: Cleanup,
): Promise<MatchResult[]> {
  const millrace = await startMillrace(SHARDS, cleanup);
  const raw: RawSqlite = startHelper('raw-sqlite', cleanup);
  await raw.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes });
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const requests = REQUESTS[encoding](millrace.port, bytes);
  const yardstick = { name: 'raw insert', ...rawLoop(raw, 'insert') };
  const matches = PUT_RECORDS_CONNECTIONS.map((connections) => ({
    name: `PutRecords (${encoding}), ${BATCH_RECORDS} × ${sizeText(bytes)}, ${connectionsText(connections)}`,
    unit: 'records/s' as const,
    millrace: serverUnderLoad(generator, {
      port: millrace.port,
      connections,
      requests: () => requests,
      weight: BATCH_RECORDS,
    }),
    yardstick,
  }));
  return play(matches, plan);
}
