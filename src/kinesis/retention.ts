/**
 * Retention. What is older than a stream's retention is invisible from that instant on, for every reader; the sweeper
 * deletes it later, in short slices, and gives the space back to the file system. Stopping the sweeper changes nothing
 * that a client sees.
 */
import { sql } from 'kysely';
import type { World } from '../call.ts';
import { pause } from '../clock.ts';
import { createClockTrust } from '../clock-trust.ts';
import { type Bind, query } from '../database/query.ts';
import { giveBackSpace } from '../database/space.ts';
import { WriteUnavailable } from '../database/writer.ts';
import { existsAt } from '../lifecycle.ts';
import { deleteSlice, hasExpired } from './record-log.ts';
import { forgetStream, horizonOf } from './stream-store.ts';

/** Every shard with the instant up to which its records can be deleted: all of them when the stream is gone. */
const selectShards = query((bind: Bind<{ now: number }>, db) =>
  db
    .selectFrom('shards')
    .innerJoin('streams', 'streams.id', 'shards.stream')
    .select(['shards.id', 'streams.retention_hours as retentionHours', 'streams.trimmed_ms as trimmedMs'])
    .select(sql<0 | 1>`not ${existsAt(bind('now'))}`.as('isGone')),
);

const selectGone = query((bind: Bind<{ now: number }>, db) =>
  db
    .selectFrom('streams')
    .select(['id', 'account_id as account', 'region', 'name'])
    .where('gone_ms', 'is not', null)
    .where(sql<boolean>`not ${existsAt(bind('now'))}`),
);

const selectClosed = query((_bind: Bind<object>, db) =>
  db
    .selectFrom('shards')
    .innerJoin('streams', 'streams.id', 'shards.stream')
    .select(['shards.id as shard', 'account_id as account', 'region', 'name'])
    .select(['retention_hours as retentionHours', 'trimmed_ms as trimmedMs'])
    .select(sql<number>`max(closed_ms, last_arrived_ms)`.as('endMs'))
    .where('closed_ms', 'is not', null),
);

const deleteShard = query((bind: Bind<{ shard: number }>, db) =>
  db.deleteFrom('shards').where('id', '=', bind('shard')),
);

const deleteShards = query((bind: Bind<{ stream: number }>, db) =>
  db.deleteFrom('shards').where('stream', '=', bind('stream')),
);

/** The rows that belong to a stream besides its shards; those of channels after it was deleted with them. */
const deleteBelongings = (['stream_encryption', 'stream_changes', 'consumers', 'channels'] as const).map((table) =>
  query((bind: Bind<{ stream: number }>, db) => db.deleteFrom(table).where('stream', '=', bind('stream'))),
);

const deleteStream = query((bind: Bind<{ stream: number }>, db) =>
  db.deleteFrom('streams').where('id', '=', bind('stream')),
);

/** Between two slices, so that the disk and the checkpoints are not busy with deletion alone. */
const PAUSE_MS = 1;

const selectNewest = query((_bind: Bind<object>, db) =>
  db
    .selectFrom('streams')
    .leftJoin('shards', 'shards.stream', 'streams.id')
    .select(sql<number | null>`max(max(created_ms), max(ifnull(last_arrived_ms, 0)))`.as('newestMs')),
);

/**
 * A sweeper: deletes the records that have expired and all that is left of deleted streams, then shrinks the file. Each
 * slice is a write of its own, so requests run between them. Returns the number of records deleted.
 *
 * A clock that is wrong, as after a suspend or before the first synchronisation, must not cost the data: reads hide what
 * has expired by it, but when it seems to have jumped, deletion of expired records waits until it has been steady for
 * ten minutes. What the user deleted goes in any case.
 */
export function createSweeper(world: World): (signal: AbortSignal) => Promise<number> {
  const isTrusted = createClockTrust(world, world.database.get(selectNewest, {})?.newestMs ?? null);
  return async (signal) => {
    try {
      return await sweep(world, isTrusted(), signal);
    } catch (error) {
      if (!(error instanceof WriteUnavailable)) throw error;
      // It was said already what is wrong with the database; the next sweep goes on.
      world.log.debug({ err: error }, 'A sweep could not be ended.');
      return 0;
    }
  };
}

async function sweep(world: World, isClockTrusted: boolean, signal: AbortSignal): Promise<number> {
  const { database, clock, log } = world;
  const now = clock.now();
  let deleted = 0;
  for (const shard of database.all(selectShards, { now })) {
    if (!shard.isGone && !isClockTrusted) continue;
    const untilMs = shard.isGone ? Number.MAX_SAFE_INTEGER : horizonOf(shard, now);
    while (!signal.aborted && hasExpired(shard.id, untilMs, database)) {
      deleted += await database.reclaim(() => deleteSlice(shard.id, untilMs, database));
      await pause(PAUSE_MS, clock, signal);
    }
  }
  await removeGoneStreams(now, world, signal);
  if (isClockTrusted) await removeTrimmedShards(now, world, signal);
  if (deleted > 0) log.info({ deleted }, 'Expired records and those of deleted streams were deleted.');
  await giveBackSpace(database, signal);
  return deleted;
}

/** The rows of deleted streams, none of whose records is left. */
async function removeGoneStreams(now: number, { database }: World, signal: AbortSignal): Promise<void> {
  for (const { id, account, region, name } of database.all(selectGone, { now })) {
    if (signal.aborted) return;
    await database.reclaim(() => {
      database.run(deleteShards, { stream: id });
      for (const statement of deleteBelongings) database.run(statement, { stream: id });
      database.run(deleteStream, { stream: id });
      forgetStream({ account, region, name }, { database });
    });
  }
}

/** So many rows take a few milliseconds. Thousands become due at once when a stream of many shards was scaled. */
const SLICE_SHARDS = 500;

/** Closed shards none of whose records is left: clients do not see them any more. */
async function removeTrimmedShards(now: number, { database }: World, signal: AbortSignal): Promise<void> {
  const trimmed = database.all(selectClosed, {}).filter(({ endMs, ...stream }) => endMs <= horizonOf(stream, now));
  for (let at = 0; at < trimmed.length && !signal.aborted; at += SLICE_SHARDS) {
    await database.reclaim(() => {
      for (const { shard, account, region, name } of trimmed.slice(at, at + SLICE_SHARDS)) {
        database.run(deleteShard, { shard });
        forgetStream({ account, region, name }, { database });
      }
    });
  }
}
