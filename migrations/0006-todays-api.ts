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

const statements = [
  `alter table streams add column shard_level_metrics text not null default '[]'`,
  `alter table streams add column record_distribution text not null default 'USER_PARTITION_KEY'
    check (record_distribution in ('AUTO', 'USER_PARTITION_KEY'))`,

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

  `create table channels (
    id integer primary key autoincrement,
    account_id text not null,
    region text not null,
    name text not null,
    channel_id text not null unique,
    stream integer not null references streams (id),
    delivery_stream integer not null references delivery_streams (id),
    configuration text not null,
    created_ms integer not null,
    active_ms integer not null,
    updating_ms integer,
    updated_ms integer,
    deleted_ms integer,
    gone_ms integer
  ) strict`,
  `create unique index channels_by_name on channels (account_id, region, name) where gone_ms is null`,
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
    channels.delivery_stream
  from channels join streams on streams.id = channels.stream
  where ${existsIn('channels')}`,

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
