/**
 * The Kinesis Producer Library, unchanged, with its native part: over https, by the map of the shards that it makes of
 * ListShards, many user records packed into one; it asks STS for its account and sends metrics to CloudWatch. It is fetched
 * first, so it runs with `npm run test:clients`.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { type UserRecord, userRecordsOf } from '../support/aggregated-record.ts';
import { PRODUCER_LIBRARY, prepare, runProgram } from '../support/client-program.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient, type WireClient } from '../support/wire.ts';

const ALL = process.env.CLIENTS === 'all';
const STREAM = 'kpl';
const SHARDS = 3;
const COUNT = 1000;
const KEYS = 50;

interface StoredRecord extends UserRecord {
  readonly shard: string;
  readonly number: string;
}

/** Every user record, and how many records they were stored in. */
async function readAll(client: WireClient) {
  const userRecords: StoredRecord[] = [];
  let records = 0;
  const { Shards } = await client.send('ListShards', { StreamName: STREAM });
  for (const { ShardId } of Shards) {
    const first = { StreamName: STREAM, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    let { ShardIterator } = await client.send('GetShardIterator', first);
    for (let isOver = false; !isOver; ) {
      const page = await client.send('GetRecords', { ShardIterator });
      for (const { SequenceNumber, PartitionKey, Data } of page.Records) {
        const data = Buffer.from(Data, 'base64');
        const unpacked = userRecordsOf(data) ?? [{ key: PartitionKey, data: data.toString() }];
        userRecords.push(...unpacked.map((record) => ({ ...record, shard: ShardId, number: SequenceNumber })));
        records++;
      }
      isOver = page.Records.length === 0 && page.MillisBehindLatest === 0;
      ShardIterator = page.NextShardIterator;
    }
  }
  return { userRecords, records };
}

/** The metrics that the library has sent, with their sums. */
function metricsIn(directory: string): unknown[] {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  try {
    // Each of its messages says all of the latest minute.
    const sums = handle.prepare(
      `select metric || ' ' || cast(max(sum) as integer) from v_metric_data
       where namespace = 'KinesisProducerLibrary' group by metric`,
    );
    return sums.pluck().all();
  } finally {
    handle.close();
  }
}

it.runIf(ALL)(
  `the KPL puts ${COUNT} user records, each once and where it says`,
  { timeout: 1_000_000 },
  async ({ skip }) => {
    const reason = await prepare(PRODUCER_LIBRARY);
    if (reason !== undefined) skip(reason);
    const directory = temporaryDirectory();
    const settings = { DATA_DIR: directory, TLS: 'on', INITIALIZE_STREAMS: `${STREAM}:${SHARDS}` };
    const { url } = await startMillrace(settings);
    const args = [new URL(url).port, STREAM, String(COUNT)];
    const { passed, said } = await runProgram(PRODUCER_LIBRARY, args, {});
    expect(passed.length, said).toBe(COUNT);

    const client = createWireClient(url);
    const { userRecords, records } = await readAll(client);
    client.close();
    const stored = userRecords.map(({ shard, number, data }) => `${shard} ${number} ${data}`);
    expect(stored.sort(), 'as the library was told').toEqual([...passed].sort());
    for (const { key, data } of userRecords) expect(key).toBe(`key-${Number(data.split(' ')[1]) % KEYS}`);
    // Without the map of the shards it puts each user record by itself.
    expect(records, 'records that were stored').toBeLessThan(COUNT / 5);
    expect(metricsIn(directory)).toContain(`UserRecordsPut ${COUNT}`);
  },
);
