/**
 * The map of the data: every table and column, as the migrations leave them. test/database/schema.test.ts compares
 * this file with the real schema, so it cannot drift.
 *
 * Instants are milliseconds since the epoch (`…_ms`) unless the name ends in `_s`.
 */
import type { Generated, GeneratedAlways } from 'kysely';

export interface Tables {
  server_state: ServerStateTable;
  streams: StreamsTable;
  stream_names: StreamNamesTable;
  shards: ShardsTable;
  records: RecordsTable;
  tags: TagsTable;
}

/** What the server must remember about itself: the key of its tokens, the version that wrote the file. */
interface ServerStateTable {
  name: string;
  value: Buffer | string;
}

/** One row per stream, from CreateStream until the sweeper has removed what a deleted stream left behind. */
interface StreamsTable {
  /** Never reused; distinguishes streams that had the same name one after the other. */
  id: Generated<number>;
  account_id: string;
  region: string;
  name: string;
  /** The API's StreamId, random. */
  stream_id: string;
  stream_mode: 'PROVISIONED' | 'ON_DEMAND';
  retention_hours: number;
  /** Null: the quota in force. */
  max_record_kib: number | null;
  /** Only for on-demand streams that asked for it. */
  warm_throughput_mibps: number | null;
  created_ms: number;
  /** CREATING from created_ms until this instant. A clock that was set back ends a transition, it never repeats one. */
  active_ms: number;
  /** Set by DeleteStream: DELETING from here until gone_ms, gone otherwise. */
  deleted_ms: number | null;
  gone_ms: number | null;
  /** UPDATING from here until updated_ms, because of a split or merge; null when there was none. */
  updating_ms: number | null;
  updated_ms: number | null;
}

/** How far the sequence numbers of a name's former streams went, so that a new stream of that name starts above. */
interface StreamNamesTable {
  account_id: string;
  region: string;
  name: string;
  /** The latest shard creation second that any stream of this name has used. */
  last_created_s: number;
}

interface ShardsTable {
  /** Never reused; the upper bits of the ids of its records. */
  id: Generated<number>;
  /** streams.id */
  stream: number;
  /** The number in `shardId-000000000000`. */
  shard_index: number;
  parent_shard_index: number | null;
  adjacent_parent_shard_index: number | null;
  /** 128-bit integers in decimal, as the API prints them. */
  starting_hash_key: string;
  ending_hash_key: string;
  /** The creation second inside the shard's sequence numbers. */
  created_s: number;
  /** Set by a split or merge: from here on it takes no records. In the future while the stream is UPDATING. */
  closed_ms: number | null;
  /** The position that the next record gets. A column, so that a rolled back put gives its position back. */
  next_position: Generated<number>;
  /** Arrival of the newest record ever; arrivals within a shard never decrease, even if the clock does. */
  last_arrived_ms: Generated<number>;
  /** For the shards that a split or merge made: from here on they take records. 0 for those of a new stream. */
  opened_ms: Generated<number>;
}

interface RecordsTable {
  /** shards.id × 2^40 + position. Exceeds 2^53: composed and taken apart in SQL, with bit operators. */
  id: number;
  /** shards.id, computed from the id. */
  shard: GeneratedAlways<number>;
  /** As the API prints it. */
  sequence_number: string;
  partition_key: string;
  arrived_ms: number;
  /** Whether the data is valid UTF-8 without NUL, for the views. */
  is_text: 0 | 1;
  /** CRC-32 of the partition key's UTF-8 bytes followed by the data; checked on every read. */
  crc32: number;
  data: Buffer;
}

interface TagsTable {
  resource_arn: string;
  key: string;
  value: string;
}
