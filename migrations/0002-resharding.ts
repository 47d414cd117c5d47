/** Splits and merges: when a stream is UPDATING, when shards open; the views that tell it. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const nowMs = `((julianday('now') - 2440587.5) * 86400000)`;
const exists = `(gone_ms is null or (${nowMs} >= deleted_ms and ${nowMs} < gone_ms))`;
// Null, which is neither true nor false, when a stream was never updated: hence `is true` and `is not true` below.
const isUpdating = `(${nowMs} >= updating_ms and ${nowMs} < updated_ms)`;

const statements = [
  `alter table streams add column updating_ms integer`,
  `alter table streams add column updated_ms integer`,
  `alter table shards add column opened_ms integer not null default 0`,

  `drop view v_streams`,
  `create view v_streams as
  select
    name as stream,
    account_id as account,
    region,
    case
      when gone_ms is not null then 'DELETING'
      when ${nowMs} >= created_ms and ${nowMs} < active_ms then 'CREATING'
      when ${isUpdating} then 'UPDATING'
      else 'ACTIVE'
    end as status,
    stream_mode as mode,
    (
      select count(*) from shards
      where shards.stream = streams.id
        and (closed_ms is null or (${isUpdating} and closed_ms = updated_ms))
        and (${isUpdating} and opened_ms = updated_ms) is not true
    ) as open_shards,
    retention_hours,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_ms / 1000.0, 'unixepoch') as created
  from streams
  where ${exists}`,

  // While a stream is UPDATING its future shards are not there yet, and those they replace are open.
  // A closed shard is gone when its last record has expired.
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
  where ${exists}
    and (${isUpdating} and opened_ms = updated_ms) is not true
    and (max(closed_ms, last_arrived_ms) <= ${nowMs} - retention_hours * 3600000) is not true`,
];
