/**
 * Delivery streams, what they buffer, what they delivered, and the views that people read. The columns are explained in
 * src/database/tables.ts.
 */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const nowMs = `((julianday('now') - 2440587.5) * 86400000)`;
const exists = `(gone_ms is null or (${nowMs} >= deleted_ms and ${nowMs} < gone_ms))`;
const isoOf = (ms: string) => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;

const statements = [
  `create table delivery_streams (
    id integer primary key autoincrement,
    account_id text not null,
    region text not null,
    name text not null,
    incarnation text not null,
    stream_type text not null check (stream_type in ('DirectPut', 'KinesisStreamAsSource')),
    source text,
    version integer not null,
    created_ms integer not null,
    active_ms integer not null,
    updated_ms integer,
    deleted_ms integer,
    gone_ms integer
  ) strict`,

  // The row of a deleted delivery stream stays as long as its deliveries are remembered; its name is free at once.
  `create unique index delivery_streams_by_name on delivery_streams (account_id, region, name) where gone_ms is null`,
  `create index delivery_streams_by_name_ever on delivery_streams (account_id, region, name)`,
  `create index delivery_streams_gone on delivery_streams (gone_ms) where gone_ms is not null`,

  `create table delivery_stream_versions (
    delivery_stream integer not null references delivery_streams (id),
    version integer not null,
    created_ms integer not null,
    destination text not null,
    primary key (delivery_stream, version)
  ) strict, without rowid`,

  `create table encryption_changes (
    id integer primary key autoincrement,
    delivery_stream integer not null references delivery_streams (id),
    is_enabled integer not null,
    key_type text,
    key_arn text,
    changed_ms integer not null,
    settled_ms integer not null
  ) strict`,
  `create index encryption_changes_by_delivery_stream on encryption_changes (delivery_stream, changed_ms)`,

  // 23 bits for the buffer and 40 for the position fill the 63 bits of a buffered record's id.
  `create table buffers (
    id integer primary key autoincrement check (id < 8388608),
    delivery_stream integer not null references delivery_streams (id),
    role text not null check (role in ('destination', 'backup')),
    settings text,
    takes_records integer not null default 1,
    size_bytes integer not null,
    interval_ms integer not null,
    next_position integer not null default 1 check (next_position <= 1099511627776),
    total_bytes integer not null default 0,
    last_arrived_ms integer not null default 0,
    planned_position integer not null default 1,
    planned_bytes integer not null default 0,
    unique (delivery_stream, role)
  ) strict`,

  `create table buffered_records (
    id integer primary key,
    buffer integer generated always as (id >> 40) virtual,
    end_bytes integer not null,
    arrived_ms integer not null,
    is_text integer not null,
    crc32 integer not null,
    data blob not null
  ) strict`,

  `create table source_checkpoints (
    delivery_stream integer not null references delivery_streams (id),
    shard integer not null,
    next_position integer not null,
    primary key (delivery_stream, shard)
  ) strict, without rowid`,

  `create table deliveries (
    id integer primary key autoincrement,
    buffer integer not null,
    delivery_stream integer not null references delivery_streams (id),
    role text not null,
    version integer not null,
    state text not null check (state in ('PLANNED', 'DELIVERED', 'DROPPED')),
    first_position integer not null,
    last_position integer not null,
    start_bytes integer not null,
    bytes integer not null,
    first_arrived_ms integer not null,
    last_arrived_ms integer not null,
    bucket text not null,
    key text not null,
    compression text not null,
    content_type text not null,
    content_encoding text,
    kms_key_arn text,
    planned_ms integer not null,
    attempts integer not null default 0,
    retry_ms integer not null default 0,
    last_error text,
    ended_ms integer,
    place text,
    path text,
    object_bytes integer,
    sha256 text,
    md5 text,
    is_cleared integer not null default 0
  ) strict`,
  `create index deliveries_open on deliveries (buffer) where is_cleared = 0`,
  `create index deliveries_by_delivery_stream on deliveries (delivery_stream)`,

  `create table incidents (
    id integer primary key autoincrement,
    happened_ms integer not null,
    kind text not null,
    account_id text not null,
    region text not null,
    subject text not null,
    records integer not null,
    bytes integer,
    first_record integer,
    last_record integer,
    reason text not null
  ) strict`,

  `create view v_delivery_streams as
  select
    name as delivery_stream,
    account_id as account,
    region,
    case
      when gone_ms is not null then 'DELETING'
      when ${nowMs} >= delivery_streams.created_ms and ${nowMs} < active_ms then 'CREATING'
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
  where ${exists}`,

  // What waits to become a batch, and the batches that wait for their destination.
  `create view v_buffers as
  select
    name as delivery_stream,
    role,
    next_position - planned_position as records,
    total_bytes - planned_bytes as bytes,
    ${isoOf('oldest_ms')} as oldest,
    round((${nowMs} - oldest_ms) / 1000.0, 1) as age_seconds,
    case when settings is not null then ${isoOf('(oldest_ms + interval_ms)')} end as due,
    size_bytes as size_limit_bytes,
    interval_ms / 1000 as interval_seconds,
    (select count(*) from deliveries where buffer = waiting.id and is_cleared = 0 and state = 'PLANNED')
      as waiting_batches,
    (select ifnull(sum(bytes), 0) from deliveries where buffer = waiting.id and is_cleared = 0 and state = 'PLANNED')
      as waiting_bytes,
    (
      select last_error from deliveries
      where buffer = waiting.id and is_cleared = 0 and state = 'PLANNED' and last_error is not null
      order by id desc limit 1
    ) as last_error,
    account_id as account,
    region,
    waiting.id as buffer_id
  from (
    select buffers.*, (
      select arrived_ms from buffered_records
      where buffered_records.id >= ((buffers.id << 40) | planned_position)
        and buffered_records.id < ((buffers.id + 1) << 40)
      order by buffered_records.id limit 1
    ) as oldest_ms
    from buffers
  ) as waiting
  join delivery_streams on delivery_streams.id = waiting.delivery_stream
  where ${exists}`,

  `create view v_deliveries as
  select
    name as delivery_stream,
    role,
    state,
    last_position - first_position + 1 as records,
    bytes,
    bucket,
    key,
    object_bytes,
    content_type,
    content_encoding,
    case when kms_key_arn is null then 'none' else 'aws:kms' end as encryption,
    kms_key_arn,
    sha256,
    md5,
    ${isoOf('first_arrived_ms')} as first_arrived,
    ${isoOf('deliveries.last_arrived_ms')} as last_arrived,
    ${isoOf('planned_ms')} as planned,
    case when state = 'DELIVERED' then ${isoOf('ended_ms')} end as delivered,
    case when state = 'PLANNED' and attempts > 0 then ${isoOf('retry_ms')} end as next_attempt,
    attempts,
    last_error,
    place,
    path,
    deliveries.version,
    account_id as account,
    region,
    deliveries.id as delivery_id
  from deliveries join delivery_streams on delivery_streams.id = deliveries.delivery_stream`,

  `create view v_buffered_records as
  select
    delivery_streams.name as delivery_stream,
    buffers.role,
    ${isoOf('buffered_records.arrived_ms')} as arrived,
    case when buffered_records.is_text then cast(buffered_records.data as text)
      else 'x''' || hex(buffered_records.data) || '''' end as data,
    length(buffered_records.data) as bytes,
    delivery_streams.account_id as account,
    delivery_streams.region,
    buffered_records.id as record_id
  from delivery_streams
  cross join buffers on buffers.delivery_stream = delivery_streams.id
  cross join buffered_records
    on buffered_records.id >= (buffers.id << 40) and buffered_records.id < ((buffers.id + 1) << 40)
  where ${exists}`,
];
