/** Records and the ends of shards as answers show them: in GetRecords and in the events of SubscribeToShard. */
import type { Call } from '../call.ts';
import type { StoredRecord } from './record-reading.ts';
import { shardIdOf } from './shard-id.ts';
import { keyIdAt, type Stream, topologyAt } from './stream-store.ts';
import { childrenOf, parentIndicesOf, type Shard } from './topology.ts';

/**
 * A record of `stream`. It has an EncryptionType only if it arrived while the stream was encrypted, and no PartitionKey
 * if it was put without one.
 */
export const wireRecord = ({ sequenceNumber, arrivedMs, data, partitionKey }: StoredRecord, stream: Stream) => ({
  SequenceNumber: sequenceNumber,
  ApproximateArrivalTimestamp: new Date(arrivedMs),
  Data: data,
  PartitionKey: partitionKey === '' ? undefined : partitionKey,
  EncryptionType: encryptionTypeAt(stream, arrivedMs),
});

/** What answers about records say of records that arrive at the instant `ms`: nothing, unless they are encrypted. */
export function encryptionTypeAt(stream: Stream, ms: number): 'KMS' | undefined {
  // Most streams never were, and this is asked for every record.
  if (stream.encryption.length === 0) return undefined;
  return keyIdAt(stream, ms) === undefined ? undefined : 'KMS';
}

/** Where consumers go on after the end of a closed shard. */
export const childShards = (shard: Shard, stream: Stream, { now }: Pick<Call, 'now'>) =>
  childrenOf(shard, topologyAt(stream, now)).map((child) => ({
    ShardId: child.shardId,
    ParentShards: parentIndicesOf(child).map(shardIdOf),
    HashKeyRange: { StartingHashKey: child.startingHashKey, EndingHashKey: child.endingHashKey },
  }));
