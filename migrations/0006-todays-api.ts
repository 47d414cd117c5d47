/**
 * Consumers, channels, settings of streams and accounts, policies, metric data: what today's API has beyond that of the
 * reference documents. The columns are explained in src/database/tables.ts.
 */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const nowMs = `((julianday('now') - 2440587.5) * 86400000)`;
const isoOf = (ms: string) => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;
const existsIn = (table: string) =>
  `(${table}.gone_ms is null or (${nowMs} >= ${table}.deleted_ms and ${nowMs} < ${table}.gone_ms))`;
const statusOf = (table: string) => `case
      when ${table}.gone_ms is not null then 'DELETING'
      when ${nowMs} >= ${table}.created_ms and ${nowMs} < ${table}.active_ms then 'CREATING'`;

const exists = `(gone_ms is null or (${nowMs} >= deleted_ms and ${nowMs} < gone_ms))`;
const isUpdating = `(${nowMs} >= updating_ms and ${nowMs} < updated_ms)`;
// What arrived at or before it has expired. A longer retention does not bring back what had expired before; trimmed_ms of a
// later day was written by a clock that has been set back since.
const horizonMs = `max(
      ${nowMs} - retention_hours * 3600000,
      case when trimmed_ms <= ${nowMs} - 86400000 then trimmed_ms else 0 end
    )`;

const statements = [
  `alter table streams add column shard_level_metrics text not null default '[]'`,
  `alter table streams add column record_distribution text not null default 'USER_PARTITION_KEY'
    check (record_distribution in ('AUTO', 'USER_PARTITION_KEY'))`,
  `alter table streams add column trimmed_ms integer not null default 0`,

  `create table stream_encryption (
    stream integer not null references streams (id),
    from_ms integer not null,
    key_id text,
    primary key (stream, from_ms)
  ) strict, without rowid`,

  `create table stream_changes (
    id integer primary key autoincrement,
    stream integer not null references streams (id),
    kind text not null check (kind in ('SHARD_COUNT', 'MODE', 'START_ENCRYPTION', 'STOP_ENCRYPTION')),
    changed_ms integer not null
  ) strict`,
  `create index stream_changes_by_stream on stream_changes (stream, kind, changed_ms)`,

  `create table consumers (
    id integer primary key autoincrement,
    stream integer not null references streams (id),
    name text not null,
    created_s integer not null,
    created_ms integer not null,
    active_ms integer not null,
    deleted_ms integer,
    gone_ms integer
  ) strict`,
  // A name is free again as soon as its consumer is gone, whose row stays until the next of that name is registered.
  `create unique index consumers_by_name on consumers (stream, name) where gone_ms is null`,
  `create unique index consumers_by_name_ever on consumers (stream, name, created_s)`,

  `create table resource_policies (
    resource_arn text primary key,
    policy text not null,
    put_ms integer not null
  ) strict, without rowid`,

  `create table account_settings (
    account_id text not null,
    region text not null,
    is_committed integer not null,
    started_ms integer not null,
    ended_ms integer,
    primary key (account_id, region)
  ) strict, without rowid`,

  // Its delivery stream may be removed first: nothing keeps the row of one that never delivered anything.
  `create table channels (
    id integer primary key autoincrement,
    account_id text not null,
    region text not null,
    name text not null,
    channel_id text not null unique,
    stream integer not null references streams (id),
    delivery_stream integer not null,
    configuration text not null,
    created_ms integer not null,
    active_ms integer not null,
    updating_ms integer,
    updated_ms integer,
    deleted_ms integer,
    gone_ms integer
  ) strict`,
  `create unique index channels_by_name on channels (account_id, region, name) where gone_ms is null`,
  `create index channels_by_name_ever on channels (account_id, region, name)`,
  `create index channels_by_stream on channels (stream)`,

  `create table metric_data (
    id integer primary key autoincrement,
    account_id text not null,
    region text not null,
    namespace text not null,
    metric_name text not null,
    dimensions text not null,
    timestamp_ms integer not null,
    unit text not null,
    samples real not null,
    sum real not null,
    minimum real not null,
    maximum real not null,
    received_ms integer not null
  ) strict`,

  `drop view v_shards`,
  `create view v_shards as
  select
    streams.name as stream,
    printf('shardId-%012d', shard_index) as shard,
    case
      when closed_ms is null or (${isUpdating} and closed_ms = updated_ms) then 'OPEN'
      else 'CLOSED'
    end as state,
    next_position - 1 as records_ever,
    case when last_arrived_ms > 0 then ${isoOf('last_arrived_ms')} end as last_arrived,
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
  where ${exists}
    and (${isUpdating} and opened_ms = updated_ms) is not true
    and (max(closed_ms, last_arrived_ms) <= ${horizonMs}) is not true`,

  // A record that was put without a partition key has an empty one in its row, and none in the view.
  `drop view v_records`,
  `create view v_records as
  select
    streams.name as stream,
    printf('shardId-%012d', shards.shard_index) as shard,
    ${isoOf('records.arrived_ms')} as arrived,
    nullif(records.partition_key, '') as partition_key,
    case when records.is_text then cast(records.data as text) else 'x''' || hex(records.data) || '''' end as data,
    length(records.data) as bytes,
    records.sequence_number,
    streams.account_id as account,
    streams.region,
    records.id as record_id
  from streams
  cross join shards on shards.stream = streams.id
  cross join records on records.id >= (shards.id << 40) and records.id < ((shards.id + 1) << 40)
  where ${exists}
    and records.arrived_ms > ${horizonMs}`,

  `create view v_consumers as
  select
    consumers.name as consumer,
    streams.name as stream,
    ${statusOf('consumers')}
      else 'ACTIVE'
    end as status,
    ${isoOf('consumers.created_ms')} as created,
    streams.account_id as account,
    streams.region
  from consumers join streams on streams.id = consumers.stream
  where ${existsIn('streams')} and ${existsIn('consumers')}`,

  `create view v_channels as
  select
    channels.name as channel,
    streams.name as stream,
    ${statusOf('channels')}
      when ${nowMs} >= channels.updating_ms and ${nowMs} < channels.updated_ms then 'UPDATING'
      else 'ACTIVE'
    end as status,
    ${isoOf('channels.created_ms')} as created,
    channels.account_id as account,
    channels.region,
    channels.channel_id,
    'channel/' || channels.channel_id as delivery_stream
  from channels join streams on streams.id = channels.stream
  where ${existsIn('channels')}`,

  // Without those of other services, which a slash in the name tells.
  `drop view v_delivery_streams`,
  `create view v_delivery_streams as
  select
    name as delivery_stream,
    account_id as account,
    region,
    ${statusOf('delivery_streams')}
      else 'ACTIVE'
    end as status,
    stream_type as type,
    delivery_streams.version,
    json_extract(versions.destination, '$.type') as destination,
    ${isoOf('delivery_streams.created_ms')} as created,
    ${isoOf('updated_ms')} as updated
  from delivery_streams
  join delivery_stream_versions as versions
    on versions.delivery_stream = delivery_streams.id and versions.version = delivery_streams.version
  where ${existsIn('delivery_streams')} and instr(name, '/') = 0`,

  `create view v_metric_data as
  select
    namespace,
    metric_name as metric,
    dimensions,
    ${isoOf('timestamp_ms')} as timestamp,
    unit,
    samples,
    sum,
    minimum,
    maximum,
    ${isoOf('received_ms')} as received,
    account_id as account,
    region
  from metric_data`,
];
