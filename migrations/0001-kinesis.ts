/** Streams, shards, records, tags, and the views that people read. The columns are explained in src/database/tables.ts. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

// unixepoch('subsec') would be shorter, but the sqlite3 of many distributions is too old for it.
const nowMs = `((julianday('now') - 2440587.5) * 86400000)`;

const statements = [
  `create table server_state (
    name text primary key,
    value any not null
  ) strict, without rowid`,

  `create table streams (
    id integer primary key autoincrement,
    account_id text not null,
    region text not null,
    name text not null,
    stream_id text not null,
    stream_mode text not null check (stream_mode in ('PROVISIONED', 'ON_DEMAND')),
    retention_hours integer not null,
    max_record_kib integer,
    warm_throughput_mibps integer,
    created_ms integer not null,
    active_ms integer not null,
    deleted_ms integer,
    gone_ms integer
  ) strict`,

  // A deleted stream keeps its row until its records are swept; its name is free as soon as it is gone.
  `create unique index streams_by_name on streams (account_id, region, name) where gone_ms is null`,
  `create index streams_by_name_ever on streams (account_id, region, name)`,
  `create index streams_gone on streams (gone_ms) where gone_ms is not null`,

  `create table stream_names (
    account_id text not null,
    region text not null,
    name text not null,
    last_created_s integer not null,
    primary key (account_id, region, name)
  ) strict, without rowid`,

  // 23 bits for the shard and 40 for the position fill the 63 bits of a record's id.
  `create table shards (
    id integer primary key autoincrement check (id < 8388608),
    stream integer not null references streams (id),
    shard_index integer not null,
    parent_shard_index integer,
    adjacent_parent_shard_index integer,
    starting_hash_key text not null,
    ending_hash_key text not null,
    created_s integer not null,
    closed_ms integer,
    next_position integer not null default 1 check (next_position <= 1099511627776),
    last_arrived_ms integer not null default 0,
    unique (stream, shard_index)
  ) strict`,

  // No second index: a shard's records lie together in arrival order, so time is a binary search over the id.
  `create table records (
    id integer primary key,
    shard integer generated always as (id >> 40) virtual,
    sequence_number text not null,
    partition_key text not null,
    arrived_ms integer not null,
    is_text integer not null,
    crc32 integer not null,
    data blob not null
  ) strict`,

  `create table tags (
    resource_arn text not null,
    key text not null,
    value text not null,
    primary key (resource_arn, key)
  ) strict, without rowid`,

  `create view v_streams as
  select
    name as stream,
    account_id as account,
    region,
    case
      when gone_ms is not null then 'DELETING'
      when ${nowMs} >= created_ms and ${nowMs} < active_ms then 'CREATING'
      else 'ACTIVE'
    end as status,
    stream_mode as mode,
    (select count(*) from shards where shards.stream = streams.id and closed_ms is null) as open_shards,
    retention_hours,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_ms / 1000.0, 'unixepoch') as created
  from streams
  where gone_ms is null or (${nowMs} >= deleted_ms and ${nowMs} < gone_ms)`,

  `create view v_shards as
  select
    streams.name as stream,
    printf('shardId-%012d', shard_index) as shard,
    case when closed_ms is null then 'OPEN' else 'CLOSED' end as state,
    next_position - 1 as records_ever,
    case when last_arrived_ms > 0
      then strftime('%Y-%m-%dT%H:%M:%fZ', last_arrived_ms / 1000.0, 'unixepoch') end as last_arrived,
    starting_hash_key,
    ending_hash_key,
    case when parent_shard_index is not null
      then printf('shardId-%012d', parent_shard_index) end as parent,
    case when adjacent_parent_shard_index is not null
      then printf('shardId-%012d', adjacent_parent_shard_index) end as adjacent_parent,
    streams.account_id as account,
    streams.region,
    shards.id as shard_id
  from shards join streams on streams.id = shards.stream
  where gone_ms is null or (${nowMs} >= deleted_ms and ${nowMs} < gone_ms)`,

  // Expired records stay in the table until the sweeper comes; clients do not see them, so neither does the view.
  // The join by range of ids, in this order (which is what `cross` says to SQLite), lets a query for one stream read
  // only that stream's records.
  `create view v_records as
  select
    streams.name as stream,
    printf('shardId-%012d', shards.shard_index) as shard,
    strftime('%Y-%m-%dT%H:%M:%fZ', records.arrived_ms / 1000.0, 'unixepoch') as arrived,
    records.partition_key,
    case when records.is_text then cast(records.data as text) else 'x''' || hex(records.data) || '''' end as data,
    length(records.data) as bytes,
    records.sequence_number,
    streams.account_id as account,
    streams.region,
    records.id as record_id
  from streams
  cross join shards on shards.stream = streams.id
  cross join records on records.id >= (shards.id << 40) and records.id < ((shards.id + 1) << 40)
  where (gone_ms is null or (${nowMs} >= deleted_ms and ${nowMs} < gone_ms))
    and records.arrived_ms > ${nowMs} - streams.retention_hours * 3600000`,
];
