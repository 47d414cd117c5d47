/** The AWS SDK for JavaScript v3, unchanged, against the running program: its default HTTP/2 handler and HTTP/1.1. */
import {
  CreateStreamCommand,
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  type KinesisClientConfig,
  type _Record as KinesisRecord,
  PutRecordCommand,
  PutRecordsCommand,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it } from 'vitest';
import { realLines, tally } from '../support/lines.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const SHARDS = 4;
const CLIENTS = 8;
const LINES = Number(process.env.CLIENT_LINES ?? 800);
const STREAM = 'lines';

const handlers: Record<string, () => Partial<KinesisClientConfig>> = {
  'default handler (HTTP/2)': () => ({}),
  'NodeHttpHandler (HTTP/1.1)': () => ({ requestHandler: new NodeHttpHandler() }),
};

describe.each(Object.entries(handlers))('JS SDK with %s', (_name, handler) => {
  it(`reads back ${LINES} lines of ${CLIENTS} concurrent clients, each once and in order`, {
    timeout: 60_000,
  }, async () => {
    const { url } = await startMillrace({ DATA_DIR: temporaryDirectory() });
    const newClient = () =>
      new KinesisClient({
        endpoint: url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        ...handler(),
      });
    const client = newClient();
    await client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: SHARDS }));
    await waitUntilStreamExists({ client, maxWaitTime: 10, minDelay: 0.2, maxDelay: 0.5 }, { StreamName: STREAM });

    const lines = realLines(LINES);
    const share = LINES / CLIENTS;
    const puts = await Promise.all(
      Array.from({ length: CLIENTS }, (_, index) =>
        putLines(newClient(), lines.slice(index * share, (index + 1) * share)),
      ),
    );
    const read = await readAll(client);

    expect(tally(read.map(textOf)), 'every line exactly as often as it was put').toEqual(tally(lines));
    const acknowledged = new Map(puts.flat().map(({ number, line }) => [number, line]));
    expect(acknowledged.size, 'sequence numbers are unique in the stream').toBe(LINES);
    for (const record of read) expect(acknowledged.get(record.SequenceNumber!)).toBe(textOf(record));
  });
});

interface Put {
  readonly number: string;
  readonly line: string;
}

/** A fifth of the lines one by one with PutRecord, the rest with PutRecords. */
async function putLines(client: KinesisClient, lines: readonly string[]): Promise<Put[]> {
  const puts: Put[] = [];
  const single = Math.floor(lines.length / 5);
  for (const line of lines.slice(0, single)) {
    const { SequenceNumber } = await client.send(
      new PutRecordCommand({ StreamName: STREAM, PartitionKey: keyOf(line), Data: Buffer.from(line) }),
    );
    puts.push({ number: SequenceNumber!, line });
  }
  for (let start = single; start < lines.length; start += 250) {
    const batch = lines.slice(start, start + 250);
    const { Records, FailedRecordCount } = await client.send(
      new PutRecordsCommand({
        StreamName: STREAM,
        Records: batch.map((line) => ({ PartitionKey: keyOf(line), Data: Buffer.from(line) })),
      }),
    );
    expect(FailedRecordCount).toBe(0);
    puts.push(...Records!.map(({ SequenceNumber }, index) => ({ number: SequenceNumber!, line: batch[index]! })));
  }
  client.destroy();
  return puts;
}

const keyOf = (line: string) => line.trim().slice(0, 200) || 'empty';
const textOf = (record: KinesisRecord) => Buffer.from(record.Data!).toString();

/** All records from TRIM_HORIZON, shard after shard; fails when a shard's numbers do not strictly increase. */
async function readAll(client: KinesisClient): Promise<KinesisRecord[]> {
  const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamName: STREAM }));
  expect(StreamDescription!.Shards).toHaveLength(SHARDS);
  const records: KinesisRecord[] = [];
  for (const { ShardId } of StreamDescription!.Shards!) {
    const first = await client.send(
      new GetShardIteratorCommand({ StreamName: STREAM, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    let iterator = first.ShardIterator;
    let last = 0n;
    for (let caughtUp = false; !caughtUp; ) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 700 }));
      for (const record of page.Records!) {
        const number = BigInt(record.SequenceNumber!);
        expect(number > last, `sequence numbers of ${ShardId} strictly increase`).toBe(true);
        last = number;
        records.push(record);
      }
      caughtUp = page.Records!.length === 0 && page.MillisBehindLatest === 0;
      iterator = page.NextShardIterator;
    }
  }
  return records;
}
