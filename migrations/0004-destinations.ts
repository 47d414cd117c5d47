/**
 * Deliveries in several steps, to Redshift and to Elasticsearch. The columns are explained in src/database/tables.ts.
 */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
  await giveSettings(db);
}

const isoOf = (ms: string) => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;

const statements = [
  `alter table deliveries add column kind text not null default 'object'
    check (kind in ('object', 'redshift', 'search'))`,
  `alter table deliveries add column step text not null default 'STORE'
    check (step in ('STORE', 'LOAD', 'INDEX', 'REPORT'))`,
  `alter table deliveries add column started_ms integer`,

  `create table redshift_loads (
    delivery integer primary key references deliveries (id),
    load_id text not null,
    manifest_key text not null,
    error_manifest_key text not null,
    rows_loaded integer,
    rows_rejected integer
  ) strict`,

  `create table search_batches (
    delivery integer primary key references deliveries (id),
    id_prefix text not null,
    index_name text not null,
    rotation text not null,
    type_name text not null,
    id_format text not null,
    next_position integer not null,
    failed integer not null default 0,
    unsent_attempts integer not null default 0,
    unsent_code text,
    unsent_message text,
    unsent_ended_ms integer
  ) strict`,

  `create table rejected_documents (
    delivery integer not null references search_batches (delivery),
    position integer not null,
    attempts integer not null,
    code text not null,
    message text not null,
    ended_ms integer not null,
    is_final integer not null,
    primary key (delivery, position)
  ) strict, without rowid`,

  `create table search_documents (
    domain text not null,
    index_name text not null,
    id text not null,
    type_name text not null,
    body text not null,
    arrived_ms integer not null,
    unique (domain, index_name, id)
  ) strict`,

  `create view v_search_documents as
  select domain, index_name, id, type_name, body, ${isoOf('arrived_ms')} as arrived from search_documents`,

  `drop view v_deliveries`,
  // Where a batch of documents has no object yet, its bucket and key say where one would be; nobody is to look there.
  `create view v_deliveries as
  select
    name as delivery_stream,
    role,
    kind,
    state,
    case when state = 'PLANNED' then step end as step,
    last_position - first_position + 1 as records,
    coalesce(search_batches.failed, rows_rejected, 0) as failed,
    bytes,
    case when kind != 'search' or object_bytes is not null then bucket end as bucket,
    case when kind != 'search' or object_bytes is not null then key end as key,
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
    rows_loaded,
    manifest_key,
    deliveries.version,
    account_id as account,
    region,
    deliveries.id as delivery_id
  from deliveries
  join delivery_streams on delivery_streams.id = deliveries.delivery_stream
  left join redshift_loads on redshift_loads.delivery = deliveries.id
  left join search_batches on search_batches.delivery = deliveries.id`,
];

interface S3Description {
  readonly BucketARN: string;
  readonly Prefix?: string;
  readonly ErrorOutputPrefix?: string;
  readonly CompressionFormat: string;
  readonly EncryptionConfiguration: { readonly KMSEncryptionConfig?: { readonly AWSKMSKeyARN: string } };
  readonly BufferingHints: { readonly SizeInMBs: number; readonly IntervalInSeconds: number };
}

interface OldBuffer {
  readonly id: number;
  readonly settings: string | null;
  readonly destination: string;
}

/** Buffers that nothing could deliver get their settings, and those of objects say that they are. */
async function giveSettings(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<OldBuffer>`
    select buffers.id, settings, destination
    from buffers
    join delivery_streams on delivery_streams.id = buffers.delivery_stream
    join delivery_stream_versions as versions
      on versions.delivery_stream = delivery_streams.id and versions.version = delivery_streams.version`.execute(db);
  for (const { id, settings, destination } of rows) {
    const given = settings === null ? settingsOf(JSON.parse(destination)) : { ...JSON.parse(settings), kind: 'object' };
    await sql`update buffers set settings = ${JSON.stringify(given)} where id = ${id}`.execute(db);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as it was stored then
function settingsOf({ type, description }: any): object {
  const bucket: S3Description = description.S3DestinationDescription;
  const objects = {
    bucket: bucket.BucketARN.split(':').at(-1),
    prefix: bucket.Prefix,
    compression: bucket.CompressionFormat,
    kmsKeyArn: bucket.EncryptionConfiguration.KMSEncryptionConfig?.AWSKMSKeyARN,
    sizeBytes: (type === 'Redshift' ? bucket : description).BufferingHints.SizeInMBs * 1024 * 1024,
    intervalMs: (type === 'Redshift' ? bucket : description).BufferingHints.IntervalInSeconds * 1000,
  };
  if (type === 'Redshift') return { ...objects, kind: 'redshift' };
  return {
    ...objects,
    kind: 'search',
    errorOutputPrefix: bucket.ErrorOutputPrefix,
    indexName: description.IndexName,
    rotation: description.IndexRotationPeriod,
    typeName: description.TypeName ?? '',
    idFormat: description.DocumentIdOptions.DefaultDocumentIdFormat,
  };
}
