/** Records read from shards, in order, and found by time. The hot half of GetRecords. */
import type { Database } from '../database/database.ts';
import { chunkOf, type PackedRecord } from './packed-records.ts';
import { tipOf } from './record-log.ts';
import { selectFirst } from './record-rows.ts';
import type { Shard } from './topology.ts';

export interface StoredRecord {
  readonly position: number;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly arrivedMs: number;
  /** A part of a chunk: to keep it is to keep about a megabyte of its neighbours. */
  readonly data: Buffer;
}

export interface ReadLimits {
  readonly records: number;
  /** Of data and the UTF-8 of partition keys together. The first record is returned whatever its size. */
  readonly bytes: number;
  /** Only records that arrived after this instant. */
  readonly arrivedAfterMs: number;
}

export interface Reading {
  readonly records: readonly StoredRecord[];
  /** Of their data and the UTF-8 of their partition keys. */
  readonly bytes: number;
}

/**
 * The records of a shard from the position `from` on, in order.
 * @throws Error when a stored record is damaged: it is named, never returned.
 */
export function read(shard: Shard, from: number, limits: ReadLimits, database: Database): Reading {
  const records: StoredRecord[] = [];
  let bytes = 0;
  let previous = -1;
  for (const chunk of chunksFrom(shard, from, limits, database)) {
    for (const packed of chunk) {
      if (bytes + packed.contentBytes > limits.bytes && records.length > 0) return { records, bytes };
      const record = packed.isCut ? wholeOf(packed, shard, database) : packed;
      if (!record.isIntact || record.position <= previous) {
        // What lies before the damage can still be read.
        if (records.length > 0) return { records, bytes };
        throw damaged(shard, record.sequenceNumber);
      }
      previous = record.position;
      bytes += record.contentBytes;
      records.push(record);
    }
  }
  return { records, bytes };
}

/** Whether any record from the position `from` on arrived after the instant `arrivedAfterMs`. */
export function hasReadable(shard: Shard, from: number, arrivedAfterMs: number, database: Database): boolean {
  const { nextPosition, lastArrivedMs } = tipOf(shard.id, database);
  // Arrivals never decrease, so the newest record decides.
  return from < nextPosition && lastArrivedMs > arrivedAfterMs;
}

/** Records fetched at once: as many as are about this large together, judged by those before. */
const CHUNK_BYTES = 1024 * 1024;
const CHUNK_RECORDS = 1000;
const FIRST_CHUNK_RECORDS = 32;

/** The records from the position `from` on that have not expired: not more than `limits.records`, in chunks. */
function* chunksFrom(shard: Shard, from: number, limits: ReadLimits, database: Database) {
  let left = limits.records;
  let limit = Math.min(FIRST_CHUNK_RECORDS, left);
  let mayHaveExpired = true;
  for (let next = from; limit > 0; ) {
    const chunk = chunkOf({ shard: shard.id, from: next, limit }, database);
    const first = chunk[0];
    if (first === undefined) return;
    if (mayHaveExpired && first.arrivedMs <= limits.arrivedAfterMs) {
      // Expired records that the sweeper has not reached yet are passed over in one jump.
      next = Math.max(from, positionAfter(shard, limits.arrivedAfterMs, database));
      mayHaveExpired = false;
      continue;
    }
    mayHaveExpired = false;
    yield chunk;
    if (chunk.length < limit) return;
    left -= chunk.length;
    const last = chunk.at(-1)!;
    next = last.position + 1;
    limit = Math.min(left, CHUNK_RECORDS, Math.max(1, Math.floor((CHUNK_BYTES / last.end) * chunk.length)));
  }
}

/** A record that was cut, with its data. */
const wholeOf = ({ position }: PackedRecord, shard: Shard, database: Database): PackedRecord =>
  chunkOf({ shard: shard.id, from: position, limit: 1 }, database)[0]!;

/**
 * The position of the shard's first record that arrived after the instant `ms`; the position of the next record to come
 * when there is none.
 */
export function positionAfter(shard: Shard, ms: number, database: Database): number {
  let low = 0;
  let high = tipOf(shard.id, database).nextPosition;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = database.get(selectFirst, { shard: shard.id, from: middle });
    if (row === undefined || row.arrived_ms > ms) high = middle;
    else low = row.position + 1;
  }
  // Below the oldest stored record the search ends early; the first stored one at or after is the same for a reader.
  return low;
}

function damaged(shard: Shard, sequenceNumber: string): Error {
  return new Error(
    `The record ${sequenceNumber} in shard row ${shard.id} is damaged on disk: its checksum does not match.`,
  );
}
