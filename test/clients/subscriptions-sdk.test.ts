/** SubscribeToShard as the AWS SDK for JavaScript v3 sees it: its default HTTP/2 handler and HTTP/1.1. */
import {
  CreateStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  type KinesisClientConfig,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  type StartingPosition,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  waitUntilStreamExists,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it } from 'vitest';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const STREAM = 'a';
const SHARD = 'shardId-000000000000';
const RECORDS = 300;

const handlers: Record<string, () => Partial<KinesisClientConfig>> = {
  'default handler (HTTP/2)': () => ({}),
  'NodeHttpHandler (HTTP/1.1)': () => ({ requestHandler: new NodeHttpHandler() }),
};

describe.each(Object.entries(handlers))('JS SDK with %s', (_name, handler) => {
  it('reads a shard by events, goes on where it was, and is told the end', { timeout: 60_000 }, async () => {
    const { url } = await startMillrace({ DATA_DIR: temporaryDirectory(), TRANSITION_MS: '0' });
    const newClient = () =>
      new KinesisClient({
        endpoint: url,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        ...handler(),
      });
    const client = newClient();
    await client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 1 }));
    await waitUntilStreamExists({ client, maxWaitTime: 10, minDelay: 0.1, maxDelay: 0.2 }, { StreamName: STREAM });
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: STREAM }));
    const { StreamARN } = StreamDescriptionSummary!;
    const register = async (ConsumerName: string) => {
      const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }));
      const { ConsumerARN } = Consumer!;
      const described = await client.send(new DescribeStreamConsumerCommand({ ConsumerARN }));
      expect(described.ConsumerDescription!.ConsumerStatus).toBe('ACTIVE');
      return ConsumerARN!;
    };
    const put = (from: number) =>
      client.send(
        new PutRecordsCommand({
          StreamName: STREAM,
          Records: Array.from({ length: RECORDS }, (_, index) => ({
            PartitionKey: 'k',
            Data: Buffer.from(String(from + index)),
          })),
        }),
      );

    const first = await register('first');
    const events = await subscribe(newClient(), first, { Type: 'LATEST' });
    const opening = (await events.next()).value as SubscribeToShardEvent;
    expect(opening.Records).toEqual([]);
    await put(0);
    const { numbers, last } = await readUntil(events, RECORDS);
    expect(numbers).toEqual(Array.from({ length: RECORDS }, (_, index) => index));
    expect(last.MillisBehindLatest).toBe(0);
    await events.return?.(undefined);

    await put(RECORDS);
    await client.send(
      new SplitShardCommand({ StreamName: STREAM, ShardToSplit: SHARD, NewStartingHashKey: String(2n ** 127n) }),
    );
    // Another consumer, because nobody waits five seconds here.
    const resumed = await subscribe(newClient(), await register('second'), {
      Type: 'AFTER_SEQUENCE_NUMBER',
      SequenceNumber: last.ContinuationSequenceNumber,
    });
    const rest = await readUntil(resumed, RECORDS);
    expect(rest.numbers).toEqual(Array.from({ length: RECORDS }, (_, index) => RECORDS + index));
    expect(rest.last.ContinuationSequenceNumber).toBeUndefined();
    expect(rest.last.ChildShards!.map(({ ParentShards }) => ParentShards)).toEqual([[SHARD], [SHARD]]);
    expect((await resumed.next()).done, 'the stream has ended').toBe(true);

    const refused = subscribe(newClient(), `${first.slice(0, -1)}x`, { Type: 'LATEST' });
    await expect(refused).rejects.toMatchObject({ name: 'ValidationException' });
    const missing = subscribe(newClient(), first.replace(/\d+$/, '1'), { Type: 'LATEST' });
    await expect(missing).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

type Events = AsyncGenerator<SubscribeToShardEvent>;

async function subscribe(client: KinesisClient, ConsumerARN: string, start: StartingPosition): Promise<Events> {
  const { EventStream } = await client.send(
    new SubscribeToShardCommand({ ConsumerARN, ShardId: SHARD, StartingPosition: start }),
  );
  return (async function* () {
    for await (const { SubscribeToShardEvent: event } of EventStream!) if (event !== undefined) yield event;
  })();
}

async function readUntil(events: Events, count: number): Promise<{ numbers: number[]; last: SubscribeToShardEvent }> {
  const numbers: number[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error(`The events have ended after ${numbers.length} records.`);
    const { Records }: SubscribeToShardEvent = value;
    numbers.push(...Records!.map(({ Data }) => Number(Buffer.from(Data!).toString())));
    if (numbers.length >= count && numbers.length > 0) return { numbers, last: value };
  }
}
