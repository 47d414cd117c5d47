/** Clients that read while others put: what they are shown must stay. */
import { STREAMS, shardIdOf } from '../layout.ts';
import { openShards } from './open-shards.ts';
import type { Session } from './session.ts';

const PAGES = 12;
const BETWEEN_MS = 4;
const LIMIT = 500;

/** Follows the newest records of a shard for a while. */
export async function follow(session: Session): Promise<void> {
  const { random, ground } = session;
  const { name } = random.pick(STREAMS);
  const open = await openShards(name, session);
  if (open === undefined) return session.pause(BETWEEN_MS);
  const { index } = random.pick(open);
  const input = { StreamName: name, ShardId: shardIdOf(index), ShardIteratorType: 'LATEST' };
  const first = await session.call('GetShardIterator', input);
  let iterator = first.outcome === 'ok' ? first.body.ShardIterator : undefined;
  for (let page = 0; page < PAGES && typeof iterator === 'string' && !session.isOver; page += 1) {
    const { outcome, body, endUs } = await session.call('GetRecords', { ShardIterator: iterator, Limit: LIMIT });
    if (outcome !== 'ok') return;
    iterator = body.NextShardIterator;
    const records = [];
    for (const { Data, SequenceNumber } of body.Records) {
      const known = ground.bodies.read(Buffer.from(Data, 'base64'));
      // What is none of ours is found by the check too.
      if (known !== undefined) records.push([known.client, known.counter, SequenceNumber] as const);
    }
    if (records.length > 0) ground.record({ kind: 'read', atUs: endUs, target: name, shard: index, records });
    await session.pause(BETWEEN_MS);
  }
}
