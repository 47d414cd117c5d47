/** SubscribeToShard: the records of a shard as a stream of events, for five minutes, to one registered consumer. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { boolean, type Decoded, required, structure, timestamp } from '../protocol/shape.ts';
import { type Consumer, consumerStatusOf, parseConsumerArn, requireConsumer } from './consumer-store.ts';
import {
  consumerNotActive,
  dryRun,
  otherSubscription,
  shardDoesNotExist,
  shardNotFound,
  subscribeRateExceeded,
} from './errors.ts';
import { consumerArn, sequenceNumber, shardId, streamId, targetOf } from './shapes.ts';
import { shardIdOf, shardIndexOf } from './shard-id.ts';
import { iteratorType, startingPosition } from './starting-position.ts';
import { findShard, type Stream } from './stream-store.ts';
import { hubOf } from './subscriptions/hub.ts';
import type { Shard } from './topology.ts';

const input = structure({
  ConsumerARN: required(consumerArn),
  StreamId: streamId,
  ShardId: required(shardId),
  StartingPosition: required(
    structure({ Type: required(iteratorType), SequenceNumber: sequenceNumber, Timestamp: timestamp() }),
  ),
  DryRun: boolean(),
});
type Input = Decoded<typeof input>;

export const SubscribeToShard = operation({
  access: 'read',
  input,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'ResourceInUseException',
    'LimitExceededException',
    'AccessDeniedException',
    'DryRunOperationException',
  ],
  run(request, call) {
    const { consumer, stream, shard } = requireSubscribable(request, call);
    assertRate(consumer, stream, shard, request, call);
    const { Type: type, SequenceNumber: number, Timestamp: timestampMs } = request.StartingPosition;
    const start = { type, number, timestampMs, operation: 'SubscribeToShard' } as const;
    const position = startingPosition(start, stream, shard, call);
    const hub = hubOf(call);
    if (hub.hasRecent({ consumer, shard }, call.now)) throw otherSubscription(consumer, shard.shardId, stream);
    if (request.DryRun) throw dryRun();
    return hub.begin({ consumer, stream, shard, position }, call.now);
  },
});

/** As with iterators, the id of the shard is read before anything is looked for. */
function requireSubscribable({ ConsumerARN, ShardId }: Input, call: Call) {
  const index = shardIndexOf(ShardId);
  const named = parseConsumerArn(ConsumerARN);
  if (index === undefined && named !== undefined) throw shardNotFound(ShardId, named.stream);
  const { consumer, stream } = requireConsumer(ConsumerARN, call);
  if (consumerStatusOf(consumer, call.now) !== 'ACTIVE') throw consumerNotActive(consumer, stream);
  const shard = findShard(index!, stream, call);
  if (shard === undefined) throw shardDoesNotExist(shardIdOf(index!), stream);
  return { consumer, stream, shard };
}

/** Every call counts, also one that is refused for another reason: nothing else keeps clients from trying all the time. */
function assertRate(consumer: Consumer, stream: Stream, shard: Shard, { DryRun }: Input, call: Call): void {
  const { now, rates } = call;
  const budget = rates.budget(`SubscribeToShard ${consumer.id} ${shard.id}`, 'subscribeCallsPerSecond', now);
  if (budget.hasRoomFor(1, now)) {
    if (!DryRun) budget.use(1, now);
    return;
  }
  const { account, region, name } = stream;
  const subject = { target: targetOf('SubscribeToShard'), account, region, stream: name, shard: shard.shardId };
  if (rates.refuse(subject)) throw subscribeRateExceeded(consumer, shard.shardId, stream);
}
