/**
 * Reads a stream through enhanced fan-out with the AWS SDK for JavaScript v3; test/clients/fan-out.test.ts says how.
 *
 * Usage: node fan-out.mjs <endpoint> <stream> <consumer>
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Kinesis } from '@aws-sdk/client-kinesis';

const [endpoint, StreamName, ConsumerName] = process.argv.slice(2);
const kinesis = new Kinesis({ endpoint });

async function activeConsumer() {
  const { StreamDescriptionSummary } = await kinesis.describeStreamSummary({ StreamName });
  const { StreamARN } = StreamDescriptionSummary;
  await kinesis.registerStreamConsumer({ StreamARN, ConsumerName });
  for (;;) {
    const { ConsumerDescription } = await kinesis.describeStreamConsumer({ StreamARN, ConsumerName });
    if (ConsumerDescription.ConsumerStatus === 'ACTIVE') return ConsumerDescription.ConsumerARN;
    await pause(20);
  }
}

/** Whatever can be tried again: no connection, or a subscription that is still held. */
function assertTransient(error) {
  const refusals = ['ResourceInUseException', 'LimitExceededException'];
  if (error.$fault === 'client' && error.$response !== undefined && !refusals.includes(error.name)) throw error;
}

/** The children of the shard, once it has ended; none when its last record says that there are no more. */
async function follow(ShardId) {
  let StartingPosition = { Type: 'TRIM_HORIZON' };
  for (;;) {
    try {
      const { EventStream } = await kinesis.subscribeToShard({ ConsumerARN, ShardId, StartingPosition });
      for await (const { SubscribeToShardEvent: event } of EventStream) {
        for (const { SequenceNumber, Data } of event.Records) {
          const text = Buffer.from(Data).toString();
          if (text === 'end') return [];
          console.log(ShardId, SequenceNumber, text);
        }
        if (event.ChildShards !== undefined) {
          console.log(ShardId, 'end', event.ChildShards.map((child) => child.ShardId).join());
          return event.ChildShards;
        }
        const SequenceNumber = event.ContinuationSequenceNumber;
        StartingPosition = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber };
      }
    } catch (error) {
      assertTransient(error);
      console.log(ShardId, 'again', error.name, error.message);
      await pause(200);
    }
  }
}

const ended = new Set();
const followed = new Set();

/** Follows the shard and then those children of which all parents have ended. */
async function followLineage(shardId) {
  if (followed.has(shardId)) return;
  followed.add(shardId);
  const children = await follow(shardId);
  ended.add(shardId);
  const ready = children.filter(({ ParentShards }) => ParentShards.every((parent) => ended.has(parent)));
  await Promise.all(ready.map((child) => followLineage(child.ShardId)));
}

const ConsumerARN = await activeConsumer();
const { Shards } = await kinesis.listShards({ StreamName });
await Promise.all(Shards.map(({ ShardId }) => followLineage(ShardId)));
process.exit(0);
