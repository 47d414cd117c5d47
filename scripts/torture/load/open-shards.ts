/** The shards of a stream that take records, as a client finds them out. */
import { hexOfDecimal, indexOfShard } from '../layout.ts';
import type { Session } from './session.ts';

export interface OpenShard {
  readonly index: number;
  /** Hash keys in 32 hexadecimal digits. */
  readonly from: string;
  readonly to: string;
}

/** By hash key; undefined when they cannot be found out. */
export async function openShards(stream: string, session: Session): Promise<OpenShard[] | undefined> {
  const open: OpenShard[] = [];
  let after: { ExclusiveStartShardId?: string } = {};
  for (let isMore = true; isMore; ) {
    const { outcome, body } = await session.call('DescribeStream', { StreamName: stream, ...after });
    if (outcome !== 'ok') return undefined;
    // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
    const shards: any[] = body.StreamDescription.Shards;
    for (const { ShardId, HashKeyRange, SequenceNumberRange } of shards) {
      after = { ExclusiveStartShardId: ShardId };
      if (SequenceNumberRange.EndingSequenceNumber !== undefined) continue;
      const { StartingHashKey, EndingHashKey } = HashKeyRange;
      open.push({ index: indexOfShard(ShardId), from: hexOfDecimal(StartingHashKey), to: hexOfDecimal(EndingHashKey) });
    }
    isMore = body.StreamDescription.HasMoreShards;
  }
  return open.length === 0 ? undefined : open.sort((a, b) => (a.from < b.from ? -1 : 1));
}
