/**
 * Looking at a data directory without a server: the rows themselves, through SQLite, and the objects. Tells the same as
 * the API would, in a fraction of the time that a server needs to start. What a flush would deliver now appears as an
 * object of its own: what is buffered, and what is in the source and not copied yet.
 */
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Bodies, ReadBody } from '../bodies.ts';
import { THERE } from '../checker/states.ts';
import { ABSENT } from '../history.ts';
import {
  consumerCell,
  DELIVERY_STREAMS,
  hexOfDecimal,
  isPassing,
  NEW_HOURS,
  SET_STREAMS,
  SOURCE,
  SOURCED,
  settingCell,
  streamArn,
  streamCell,
  tagCell,
} from '../layout.ts';
import { REGISTERED } from '../load/settings.ts';
import type { Observation, ObservedObject, ObservedRecord, ObservedShard, ObservedStream } from '../observation.ts';
import { databaseFaults } from '../observe/database.ts';
import { readObject } from '../observe/objects.ts';

/** Handles are not collected: see src/database/handle.ts. */
const kept: unknown[] = [];

type Select = <T>(sql: string, ...values: readonly unknown[]) => T[];

/**
 * What is in `dataDir`, which nobody else uses.
 * @param cells those that must be told of when they are absent
 * @throws SqliteError when the database cannot be read
 */
export function observeAtRest(dataDir: string, bodies: Bodies, cells: readonly string[]): Observation {
  // Not read-only: what a power cut left may have to be recovered first.
  const database = new BetterSqlite3(join(dataDir, 'millrace.db'), { fileMustExist: true });
  kept.push(database);
  try {
    const select: Select = <T>(sql: string, ...values: readonly unknown[]) => {
      const statement = database.prepare(sql);
      kept.push(statement);
      return statement.all(...values) as T[];
    };
    const streams = select<StreamRow>('select id, name from streams where deleted_ms is null').map((row) =>
      streamOf(row, select, bodies),
    );
    return {
      extent: 'all',
      streams,
      cells: cellsOf(cells, streams, select),
      objects: DELIVERY_STREAMS.flatMap((name) => objectsOf(name, dataDir, select, bodies)),
      returned: [],
      stuck: [],
      database: databaseFaults(dataDir),
    };
  } finally {
    database.close();
  }
}

interface StreamRow {
  readonly id: number;
  readonly name: string;
}

interface ShardRow {
  readonly id: number;
  readonly shard_index: number;
  readonly parent_shard_index: number | null;
  readonly adjacent_parent_shard_index: number | null;
  readonly starting_hash_key: string;
  readonly ending_hash_key: string;
  readonly closed_ms: number | null;
}

interface RecordRow {
  readonly sequence_number: string;
  readonly partition_key: string;
  readonly arrived_ms: number;
  readonly data: Buffer;
}

function streamOf({ id, name }: StreamRow, select: Select, bodies: Bodies): ObservedStream {
  const shards = select<ShardRow>('select * from shards where stream = ? order by shard_index', id);
  return { name, status: 'ACTIVE', shards: shards.map((row) => shardOf(row, select, bodies)) };
}

function shardOf(row: ShardRow, select: Select, bodies: Bodies): ObservedShard {
  const records = select<RecordRow>('select * from records where id >= ? << 40 and id < (? + 1) << 40', row.id, row.id);
  return {
    index: row.shard_index,
    from: hexOfDecimal(row.starting_hash_key),
    to: hexOfDecimal(row.ending_hash_key),
    isOpen: row.closed_ms === null,
    parents: [row.parent_shard_index, row.adjacent_parent_shard_index].filter((index) => index !== null),
    before: null,
    records: records.map(
      (record): ObservedRecord => ({
        number: record.sequence_number,
        arrivedMs: record.arrived_ms,
        partitionKey: record.partition_key,
        body: bodies.read(record.data) ?? null,
      }),
    ),
  };
}

const ARN = /^arn:aws:(kinesis|firehose):[^:]*:\d*:(?:stream|deliverystream)\/(.*)$/;

function cellsOf(known: readonly string[], streams: readonly ObservedStream[], select: Select): Record<string, string> {
  const cells: Record<string, string> = Object.fromEntries(known.map((cell) => [cell, ABSENT]));
  for (const { name } of streams) if (isPassing(name)) cells[streamCell(name)] = THERE;
  for (const { arn, key, value } of select<{ arn: string; key: string; value: string }>(
    'select resource_arn as arn, key, value from tags',
  )) {
    const [, service, resource] = ARN.exec(arn) ?? [];
    if (resource !== undefined && !isPassing(resource)) {
      cells[tagCell(service as 'kinesis' | 'firehose', resource, key)] = value;
    }
  }
  for (const { id, name } of select<StreamRow>('select id, name from streams where deleted_ms is null')) {
    if (SET_STREAMS.some((set) => set === name)) Object.assign(cells, settingsOf(id, name, select));
  }
  return cells;
}

/** As they are when what is under way has ended. */
function settingsOf(id: number, name: string, select: Select): Record<string, string> {
  const cells: Record<string, string> = {};
  const note = (cell: string, state: string | null | undefined) => {
    if (state !== null && state !== undefined) cells[cell] = state;
  };
  const [hours] = select<{ hours: string }>(
    'select cast(retention_hours as text) as hours from streams where id = ? and retention_hours <> ?',
    id,
    NEW_HOURS,
  );
  note(settingCell('retention', name), hours?.hours);
  const [key] = select<{ key: string | null }>(
    'select key_id as key from stream_encryption where stream = ? order by from_ms desc limit 1',
    id,
  );
  note(settingCell('encryption', name), key?.key);
  const [put] = select<{ policy: string }>(
    'select policy from resource_policies where resource_arn = ?',
    streamArn(name),
  );
  note(settingCell('policy', name), put?.policy);
  const consumers = select<{ name: string }>('select name from consumers where stream = ? and gone_ms is null', id);
  for (const consumer of consumers) note(consumerCell(name, consumer.name), REGISTERED);
  return cells;
}

const DELIVERED = `
  select path from deliveries join delivery_streams on delivery_streams.id = deliveries.delivery_stream
  where name = ? and state = 'DELIVERED' order by deliveries.id`;

/** Behind the last batch that was delivered: what is before may only not have been deleted yet. */
const BUFFERED = `
  select data from buffered_records join buffers on buffers.id = buffered_records.buffer
    join delivery_streams on delivery_streams.id = buffers.delivery_stream
  where name = ? and buffered_records.id & 1099511627775 > (
    select ifnull(max(last_position), 0) from deliveries where deliveries.buffer = buffers.id and state = 'DELIVERED')
  order by buffered_records.id`;

const NOT_COPIED = `
  select data from records join shards on shards.id = records.shard join streams on streams.id = shards.stream
    join delivery_streams on delivery_streams.name = ?
    left join source_checkpoints as checkpoint
      on checkpoint.shard = shards.id and checkpoint.delivery_stream = delivery_streams.id
  where streams.name = ? and records.id & 1099511627775 >= ifnull(checkpoint.next_position, 0) order by records.id`;

function objectsOf(name: string, dataDir: string, select: Select, bodies: Bodies): ObservedObject[] {
  const delivered = select<{ path: string }>(DELIVERED, name);
  const buffered = select<{ data: Buffer }>(BUFFERED, name);
  const notCopied = name === SOURCED ? select<{ data: Buffer }>(NOT_COPIED, name, SOURCE) : [];
  return [
    ...delivered.map(({ path }) => readObject(dataDir, path, bodies)),
    ...pending(`what is buffered of ${name}`, name, buffered, bodies),
    ...pending(`what is not copied to ${name}`, name, notCopied, bodies),
  ];
}

function pending(
  path: string,
  deliveryStream: string,
  rows: readonly { data: Buffer }[],
  bodies: Bodies,
): ObservedObject[] {
  if (rows.length === 0) return [];
  const read = rows.map(({ data }) => bodies.read(data));
  const whole = read.filter((body): body is ReadBody => body !== undefined);
  return [{ path, deliveryStream, bodies: whole, restBytes: rows.length - whole.length }];
}
