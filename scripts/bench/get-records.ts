/** GetRecords against a raw select of the same rows. */
import type { Cleanup } from './cleanup.ts';
import { type Contestant, type MatchResult, play } from './contest.ts';
import { type LoadGenerator, rawLoop, serverUnderLoad } from './contestants.ts';
import { startHelper } from './helper.ts';
import { type Millrace, startMillrace } from './millrace.ts';
import { BATCH_RECORDS, batchText, type Plan } from './plan.ts';
import { type Encoding, putRecordsInputs, requestBytes, STREAM } from './requests.ts';

/** Reading a shard that holds `records` records with `bytes` bytes of data each, all of them at once. */
export interface ReadCase {
  readonly records: number;
  readonly bytes: number;
  readonly encoding: Encoding;
  /** The least part of a raw select that Millrace should do. */
  readonly target?: number;
}

export async function benchGetRecords(read: ReadCase, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const millrace = await startMillrace(1, cleanup);
  const match = {
    name: readText(read),
    unit: 'records/s' as const,
    millrace: await serverUnderReads(generator, millrace, read),
    yardstick: { name: 'raw select', contestant: await rawLoop('select', { ...read, table: 'records' }, cleanup) },
    target: read.target,
  };
  return play([match], plan);
}

export const readText = ({ records, bytes, encoding }: ReadCase): string =>
  `GetRecords, ${batchText({ records, bytes, encoding })}`;

/** A server whose only shard is filled, and which one client asks for all of it over and over. */
export async function serverUnderReads(
  generator: LoadGenerator,
  server: Millrace,
  read: ReadCase,
): Promise<Contestant> {
  await fillShard(server, read);
  const { records, encoding } = read;
  return serverUnderLoad(generator, {
    port: server.port,
    connections: 1,
    // Iterators live for five minutes, so each round gets one of its own.
    requests: async () => [requestBytes(server.port, 'GetRecords', await readInput(server, records), encoding)],
    weight: records,
  });
}

/** Puts the records into the only shard, and makes sure that one GetRecords returns them all. */
async function fillShard(server: Millrace, { records, bytes }: ReadCase): Promise<void> {
  for (const input of putRecordsInputs(records / BATCH_RECORDS, bytes)) await server.call('PutRecords', input);
  const { Records } = await server.call('GetRecords', await readInput(server, records));
  if (Records.length === records) return;
  throw new Error(`GetRecords returned ${Records.length} records where ${records} were put.`);
}

/** The input of a GetRecords from the beginning of the shard. */
async function readInput({ call }: Millrace, limit: number): Promise<object> {
  const { ShardIterator } = await call('GetShardIterator', {
    StreamName: STREAM,
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  });
  return { ShardIterator, Limit: limit };
}
