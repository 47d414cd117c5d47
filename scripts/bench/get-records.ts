/** GetRecords against a raw select of the same rows. */
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type MatchResult, play } from './contest.ts';
import { type LoadGenerator, type RawSqlite, rawLoop, serverUnderLoad } from './contestants.ts';
import { startHelper } from './helper.ts';
import { type Millrace, startMillrace } from './millrace.ts';
import { BATCH_RECORDS, connectionsText, countText, type Plan, READ_RECORDS, sizeText } from './plan.ts';
import { putRecordsInputs, requestBytes, STREAM } from './requests.ts';

/** With `bytes` bytes of data per record. */
export async function benchGetRecords(bytes: number, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const millrace = await startMillrace(1, cleanup);
  await fill(millrace, bytes);
  const raw: RawSqlite = startHelper('raw-sqlite', cleanup);
  await raw.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes });
  await raw.do({ do: 'fill' });
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const match = {
    name: `GetRecords, ${countText(READ_RECORDS)} × ${sizeText(bytes)}, ${connectionsText(1)}`,
    unit: 'records/s' as const,
    millrace: serverUnderLoad(generator, {
      port: millrace.port,
      connections: 1,
      // Iterators live for five minutes, so each round gets one of its own.
      requests: async () => [requestBytes(millrace.port, 'GetRecords', await readInput(millrace))],
      weight: READ_RECORDS,
    }),
    yardstick: { name: 'raw select', ...rawLoop(raw, 'select') },
  };
  return play([match], plan);
}

/** Puts the records into the only shard, and makes sure that one GetRecords returns them all. */
async function fill(millrace: Millrace, bytes: number): Promise<void> {
  for (const input of putRecordsInputs(READ_RECORDS / BATCH_RECORDS, bytes)) await millrace.call('PutRecords', input);
  const { Records: records } = await millrace.call('GetRecords', await readInput(millrace));
  if (records.length === READ_RECORDS) return;
  throw new Error(`GetRecords returned ${records.length} records where ${READ_RECORDS} were put.`);
}

/** The input of a GetRecords from the beginning of the shard. */
async function readInput(millrace: Millrace): Promise<object> {
  const { ShardIterator } = await millrace.call('GetShardIterator', {
    StreamName: STREAM,
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  });
  return { ShardIterator, Limit: READ_RECORDS };
}
