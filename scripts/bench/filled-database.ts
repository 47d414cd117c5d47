/** Databases that hold many records which nobody has put: filled directly, because putting them would take too long. */
import { closeSync, fsyncSync, openSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { openConnection } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { createStream, NEVER, startProgram } from './millrace.ts';
import { countText, SHARDS } from './plan.ts';
import { rowsOf } from './raw-table.ts';

const MINUTE_MS = 60_000;

/** How long a stream keeps its records unless it is told otherwise. */
export const RETENTION_MS = 24 * 60 * MINUTE_MS;

/** For `arrivedMs`: records that do not expire, and records that have. */
export const fresh = (): number => Date.now() - MINUTE_MS;
export const expired = (): number => fresh() - RETENTION_MS;

const GIGABYTE = 1024 ** 3;

/** Rows inserted in one transaction of the filling. */
const BATCH = 50_000;

/** What a row takes besides its data, a little more than measured; and what else is to stay free of the disk. */
const ROW_BYTES = 130;
const SPARE_BYTES = 2 * GIGABYTE;

export interface Filling {
  /** In all; rounded down to as many in each shard of the stream. */
  readonly records: number;
  /** Bytes of data in each. */
  readonly bytes: number;
  /** When all of them arrived, in milliseconds since 1970. */
  readonly arrivedMs: number;
  /** Told now and then how many records are there. */
  readonly onProgress?: (records: number) => void;
}

/** A new data directory whose stream holds the records; no program runs on it any more. */
export async function filledDirectory(filling: Filling, cleanup: Cleanup): Promise<string> {
  const directory = temporaryDirectory(cleanup);
  assertRoom(filling, directory);
  const program = await startProgram(directory, { SWEEP_SCHEDULE: NEVER }, cleanup);
  await createStream(SHARDS, program.call);
  await program.stop();
  fill(databaseIn(directory), filling);
  return directory;
}

export const databaseIn = (directory: string): string => join(directory, 'millrace.db');

/** @throws Error when the disk has too little room, before anything is written. */
function assertRoom({ records, bytes }: Filling, directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const neededBytes = records * (bytes + ROW_BYTES) + SPARE_BYTES;
  if (bavail * bsize >= neededBytes) return;
  const [needed, free] = [neededBytes, bavail * bsize].map((count) => (count / GIGABYTE).toFixed(1));
  throw new Error(`${countText(records)} records need ${needed} GB in ${directory}, where ${free} GB are free.`);
}

/** Without a WAL and without syncing until the end: nobody loses what is lost. */
function fill(path: string, { records, bytes, arrivedMs, onProgress }: Filling): void {
  const handle = openConnection(path);
  handle.pragma('synchronous = off');
  handle.pragma('journal_mode = memory');
  const perShard = Math.floor(records / SHARDS);
  const insert = prepareInsert(handle);
  const record = { partitionKey: 'user-000001', data: Buffer.alloc(bytes, 'x') };
  const values = { ...rowsOf([record], 1)[0]!, arrivedMs };
  for (let shard = 1; shard <= SHARDS; shard += 1) {
    for (let first = 1; first <= perShard; first += BATCH) {
      const last = Math.min(perShard, first + BATCH - 1);
      insert.run({ ...values, shard, first, last });
      onProgress?.((shard - 1) * perShard + last);
    }
  }
  handle.prepare('update shards set next_position = ?, last_arrived_ms = ?').run(perShard + 1, arrivedMs);
  handle.pragma('journal_mode = wal');
  handle.close();
  sync(path);
}

/** The rows differ in their ids only, on which storing and deleting depend; they are not for reading. */
function prepareInsert(handle: BetterSqlite3.Database): BetterSqlite3.Statement {
  return handle.prepare(
    `with recursive numbers(position) as
       (values (cast(@first as integer)) union all select position + 1 from numbers where position < @last)
     insert into records (id, sequence_number, partition_key, arrived_ms, is_text, crc32, data)
     select (cast(@shard as integer) << 40) | position, @sequenceNumber, @partitionKey,
            cast(@arrivedMs as integer), @isText, @crc32, @data
     from numbers`,
  );
}

/** What lies in the page cache now would be written by the first fsync that is measured. */
function sync(path: string): void {
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
}

/**
 * A function that tells how many of the `records` expired records of a filled database are still stored. Positions begin
 * with 1 and are deleted in their order, so it need not count.
 */
export function watchExpired(directory: string, records: number, cleanup: Cleanup): () => number {
  const handle = openHandle(databaseIn(directory), { readonly: true });
  cleanup.add(() => void handle.close());
  const selectOldest = handle
    .prepare(
      `select (select id & 1099511627775 from records
               where id >= shards.id << 40 and id < (shards.id + 1) << 40 order by id limit 1) from shards`,
    )
    .pluck();
  const end = Math.floor(records / SHARDS) + 1;
  return () => {
    const oldest = selectOldest.all() as (number | null)[];
    return oldest.reduce<number>((sum, position) => sum + Math.max(0, end - (position ?? end)), 0);
  };
}
