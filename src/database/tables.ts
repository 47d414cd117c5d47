/**
 * The map of the data: every table and column, as the migrations leave them. test/database/schema.test.ts compares
 * it with the real schema, so it cannot drift.
 *
 * Instants are milliseconds since the epoch (`…_ms`) unless the name ends in `_s`.
 */
import type { Generated, GeneratedAlways } from 'kysely';
import type {
  BufferedRecordsTable,
  BuffersTable,
  DeliveriesTable,
  DeliveryStreamsTable,
  DeliveryStreamVersionsTable,
  EncryptionChangesTable,
  IncidentsTable,
  RedshiftLoadsTable,
  RejectedDocumentsTable,
  SearchBatchesTable,
  SearchDocumentsTable,
  SourceCheckpointsTable,
} from './firehose-tables.ts';

export interface Tables {
  server_state: ServerStateTable;
  streams: StreamsTable;
  stream_names: StreamNamesTable;
  shards: ShardsTable;
  records: RecordsTable;
  stream_encryption: StreamEncryptionTable;
  stream_changes: StreamChangesTable;
  consumers: ConsumersTable;
  resource_policies: ResourcePoliciesTable;
  account_settings: AccountSettingsTable;
  channels: ChannelsTable;
  tags: TagsTable;
  delivery_streams: DeliveryStreamsTable;
  delivery_stream_versions: DeliveryStreamVersionsTable;
  encryption_changes: EncryptionChangesTable;
  buffers: BuffersTable;
  buffered_records: BufferedRecordsTable;
  source_checkpoints: SourceCheckpointsTable;
  deliveries: DeliveriesTable;
  redshift_loads: RedshiftLoadsTable;
  search_batches: SearchBatchesTable;
  rejected_documents: RejectedDocumentsTable;
  search_documents: SearchDocumentsTable;
  incidents: IncidentsTable;
  metric_data: MetricDataTable;
}

/**
 * What the server must remember about itself: the key of its tokens, the version that wrote the file, the number of its
 * newest commit, an identity of the file.
 */
interface ServerStateTable {
  name: string;
  value: Buffer | string | number;
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
  /** UPDATING from here until updated_ms, because of the latest update, such as a split; null when there was none. */
  updating_ms: number | null;
  updated_ms: number | null;
  /** JSON: the names of the enhanced metrics that are on, in the order of the API model. */
  shard_level_metrics: Generated<string>;
  /** AUTO: records go to shards in turn, whatever their partition keys. On-demand streams only. */
  record_distribution: Generated<'AUTO' | 'USER_PARTITION_KEY'>;
  /** What arrived at or before this instant had expired when the retention was changed last, and does not come back. */
  trimmed_ms: Generated<number>;
}

/**
 * How far the sequence numbers of a name's former streams went, and the ARNs of their consumers, so that a new stream of
 * that name starts above.
 */
interface StreamNamesTable {
  account_id: string;
  region: string;
  name: string;
  /** The latest creation second that a shard or consumer of any stream of this name has used. */
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
  /** Empty: it was put without one, which a stream with the distribution AUTO takes. */
  partition_key: string;
  arrived_ms: number;
  /** Whether the data is valid UTF-8 without NUL, for the views. */
  is_text: 0 | 1;
  /**
   * CRC-32 of the partition key's UTF-8 bytes, the data, and the text `sequence_number arrived_ms`; checked on every read.
   */
  crc32: number;
  data: Buffer;
}

/** The key with which the records of a stream count as encrypted, from one instant on until the next row's. */
interface StreamEncryptionTable {
  /** streams.id */
  stream: number;
  from_ms: number;
  /** As the client named it; null: not encrypted. */
  key_id: string | null;
}

/** Changes of which a stream may have so many in 24 hours. Older ones are deleted with the next. */
interface StreamChangesTable {
  id: Generated<number>;
  /** streams.id */
  stream: number;
  kind: 'SHARD_COUNT' | 'MODE' | 'START_ENCRYPTION' | 'STOP_ENCRYPTION';
  changed_ms: number;
}

/** Registered consumers (enhanced fan-out). */
interface ConsumersTable {
  /** Never reused. */
  id: Generated<number>;
  /** streams.id */
  stream: number;
  name: string;
  /** The creation second that its ARN ends with: above that of every former consumer of the name. */
  created_s: number;
  created_ms: number;
  /** CREATING from created_ms until this instant, as for streams. */
  active_ms: number;
  /** DELETING from here until gone_ms, gone otherwise. */
  deleted_ms: number | null;
  gone_ms: number | null;
}

/** Policies of streams and consumers, as they were put. They are shown, not applied. */
interface ResourcePoliciesTable {
  resource_arn: string;
  policy: string;
  put_ms: number;
}

/** The commitment of an account to a minimum throughput, in a region. No row: it never was made. */
interface AccountSettingsTable {
  account_id: string;
  region: string;
  /** Whether it was asked for last; 0: it ends at ended_ms, which may lie in the future. */
  is_committed: 0 | 1;
  started_ms: number;
  ended_ms: number | null;
}

/** Channels: deliveries of a stream's records as objects, each through a delivery stream of its own. */
interface ChannelsTable {
  /** Never reused. */
  id: Generated<number>;
  account_id: string;
  region: string;
  name: string;
  /** The last part of its ARN, random. */
  channel_id: string;
  /** streams.id */
  stream: number;
  /** delivery_streams.id: a row that no operation of Firehose shows, and that may be gone when the channel is. */
  delivery_stream: number;
  /** JSON: what DescribeChannel tells beside name, status and instants; see src/channels/configuration.ts. */
  configuration: string;
  created_ms: number;
  /** CREATING from created_ms until this instant, as for streams. */
  active_ms: number;
  /** UPDATING from here until updated_ms. */
  updating_ms: number | null;
  updated_ms: number | null;
  /** DELETING from here until gone_ms, gone otherwise. */
  deleted_ms: number | null;
  gone_ms: number | null;
}

interface TagsTable {
  resource_arn: string;
  key: string;
  value: string;
}

/** What was sent to CloudWatch's PutMetricData; the newest only. */
interface MetricDataTable {
  id: Generated<number>;
  account_id: string;
  region: string;
  namespace: string;
  metric_name: string;
  /** JSON: an object of names and values, in the order of the names. */
  dimensions: string;
  timestamp_ms: number;
  unit: string;
  /** How many values, and what they were. */
  samples: number;
  sum: number;
  minimum: number;
  maximum: number;
  received_ms: number;
}
