/**
 * Retention. What is older than a stream's retention is invisible from that instant on, for every reader; the sweeper
 * deletes it later, in short slices, and gives the space back to the file system. Stopping the sweeper changes nothing
 * that a client sees.
 */
import { sql } from 'kysely';
import type { World } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { giveBackSpace } from '../database/space.ts';
import { deleteSlice } from './record-log.ts';
import { existsAt, type Stream } from './stream-store.ts';

const HOUR_MS = 3_600_000;

/** Records that arrived at or before this instant have expired. */
export const horizonOf = ({ retentionHours }: Pick<Stream, 'retentionHours'>, now: number): number =>
  now - retentionHours * HOUR_MS;

/** Every shard with the instant up to which its records can be deleted: all of them when the stream is gone. */
const selectShards = query((bind: Bind<{ now: number }>, db) =>
  db
    .selectFrom('shards')
    .innerJoin('streams', 'streams.id', 'shards.stream')
    .select(['shards.id', 'streams.retention_hours as retentionHours'])
    .select(sql<0 | 1>`not ${existsAt(bind('now'))}`.as('isGone')),
);

const selectGone = query((bind: Bind<{ now: number }>, db) =>
  db
    .selectFrom('streams')
    .select('id')
    .where('gone_ms', 'is not', null)
    .where(sql<boolean>`not ${existsAt(bind('now'))}`),
);

const deleteShards = query((bind: Bind<{ stream: number }>, db) =>
  db.deleteFrom('shards').where('stream', '=', bind('stream')),
);

const deleteStream = query((bind: Bind<{ stream: number }>, db) =>
  db.deleteFrom('streams').where('id', '=', bind('stream')),
);

/**
 * Deletes the records that have expired and all that is left of deleted streams, then shrinks the file. Each slice is a
 * write of its own, so requests run between them. Returns the number of records deleted.
 */
export async function sweep(world: World, signal: AbortSignal): Promise<number> {
  const { database, clock, log } = world;
  const now = clock.now();
  let deleted = 0;
  for (const shard of database.all(selectShards, { now })) {
    const untilMs = shard.isGone ? Number.MAX_SAFE_INTEGER : horizonOf(shard, now);
    for (let slice = -1; slice !== 0 && !signal.aborted; deleted += slice) {
      slice = await database.write(() => deleteSlice(shard.id, untilMs, database));
    }
  }
  if (!signal.aborted) await forgetGoneStreams(now, world);
  if (deleted > 0) log.info({ deleted }, 'Expired records were deleted.');
  await giveBackSpace(database, signal);
  return deleted;
}

/** The rows of deleted streams, once none of their records is left. */
async function forgetGoneStreams(now: number, { database }: World): Promise<void> {
  for (const { id } of database.all(selectGone, { now })) {
    await database.write(() => {
      database.run(deleteShards, { stream: id });
      database.run(deleteStream, { stream: id });
    });
  }
}
