/** The tables of Firehose, as tables.ts has those of everything else. */
import type { Generated, GeneratedAlways } from 'kysely';

/** One row per delivery stream; it stays after the deletion, because its deliveries refer to it. */
export interface DeliveryStreamsTable {
  /** Never reused; distinguishes delivery streams that had the same name one after the other. */
  id: Generated<number>;
  account_id: string;
  region: string;
  /** With a slash in it, that of a delivery for another service: `channel/` and the id of a channel. */
  name: string;
  /** A random UUID, from which the UUIDs in the keys of its objects are derived. */
  incarnation: string;
  stream_type: 'DirectPut' | 'KinesisStreamAsSource';
  /** JSON: the source as DescribeDeliveryStream tells it; null when there is nothing to tell. */
  source: string | null;
  /** The API's VersionId. */
  version: number;
  created_ms: number;
  /** CREATING from created_ms until this instant, as for streams. */
  active_ms: number;
  /** When UpdateDestination changed it last. */
  updated_ms: number | null;
  /** Set by DeleteDeliveryStream: DELETING from here until gone_ms, gone otherwise. */
  deleted_ms: number | null;
  gone_ms: number | null;
}

/** The configuration of a delivery stream's destination, in each of its versions. */
export interface DeliveryStreamVersionsTable {
  delivery_stream: number;
  version: number;
  created_ms: number;
  /** JSON: the destination with all defaults; passwords in it are sealed. */
  destination: string;
}

/** Every call that switched server-side encryption on or off, or changed its key; the latest is in force. */
export interface EncryptionChangesTable {
  id: Generated<number>;
  delivery_stream: number;
  is_enabled: 0 | 1;
  key_type: 'AWS_OWNED_CMK' | 'CUSTOMER_MANAGED_CMK' | null;
  key_arn: string | null;
  /** ENABLING or DISABLING from here until settled_ms. */
  changed_ms: number;
  settled_ms: number;
}

/** The records of a delivery stream that wait for one of the places they go to. */
export interface BuffersTable {
  /** Never reused; the upper bits of the ids of its records. */
  id: Generated<number>;
  delivery_stream: number;
  /** `backup`: the copies of all records for S3BackupMode; of a channel, what it could not deliver. */
  role: 'destination' | 'backup';
  /** JSON: what becomes of it; see DeliverySettings in src/firehose/destinations/settings.ts. Never null any more. */
  settings: string | null;
  /** 0: the delivery stream does not need it any more; what is in it is still delivered. */
  takes_records: Generated<0 | 1>;
  /** It is due with so many bytes, or when its oldest record is so old. */
  size_bytes: number;
  interval_ms: number;
  /** The position that the next record gets. */
  next_position: Generated<number>;
  /** Of all records ever. */
  total_bytes: Generated<number>;
  last_arrived_ms: Generated<number>;
  /** The first position that belongs to no batch yet. */
  planned_position: Generated<number>;
  /** The bytes of all records below planned_position. */
  planned_bytes: Generated<number>;
}

export interface BufferedRecordsTable {
  /** buffers.id × 2^40 + position; see records.id. */
  id: number;
  /** buffers.id, computed from the id. */
  buffer: GeneratedAlways<number>;
  /** The bytes of all records of the buffer up to and including this one: sizes are found by binary search. */
  end_bytes: number;
  arrived_ms: number;
  /** Whether the data is valid UTF-8 without NUL, for the views. */
  is_text: 0 | 1;
  /** CRC-32 of the data; checked on every read. */
  crc32: number;
  data: Buffer;
}

/** How far a delivery stream has read the shards of the stream that is its source. */
export interface SourceCheckpointsTable {
  delivery_stream: number;
  /** shards.id */
  shard: number;
  next_position: number;
}

/** Batches: planned first, then delivered or dropped, in the steps that their kind takes. */
export interface DeliveriesTable {
  id: Generated<number>;
  /** An object; an object that is copied into a table; documents, of which those that fail become an object. */
  kind: 'object' | 'redshift' | 'search';
  /** What is to be done next: store the object, load it, index the documents, report what was given up. */
  step: 'STORE' | 'LOAD' | 'INDEX' | 'REPORT';
  /** When the step was attempted first; null before that. */
  started_ms: number | null;
  buffer: number;
  delivery_stream: number;
  /** buffers.role */
  role: 'destination' | 'backup';
  /** The version of the delivery stream with which it was planned, and which it keeps. */
  version: number;
  state: 'PLANNED' | 'DELIVERED' | 'DROPPED';
  /** Its records, both inclusive, and the bytes of the buffer's records before them. */
  first_position: number;
  last_position: number;
  start_bytes: number;
  /** Of its records. */
  bytes: number;
  first_arrived_ms: number;
  last_arrived_ms: number;
  bucket: string;
  key: string;
  compression: string;
  content_type: string;
  content_encoding: string | null;
  kms_key_arn: string | null;
  planned_ms: number;
  /** Failed attempts of the step so far, the instant of the next one, and what was wrong. */
  attempts: Generated<number>;
  retry_ms: Generated<number>;
  last_error: string | null;
  /** When it was delivered or dropped. */
  ended_ms: number | null;
  /** Where the object is: the directory or endpoint, and in a directory the path in it. */
  place: string | null;
  path: string | null;
  object_bytes: number | null;
  /** Of the object's bytes, in hexadecimal digits. */
  sha256: string | null;
  md5: string | null;
  /** Whether its buffered records have been deleted. */
  is_cleared: Generated<0 | 1>;
}

/** What a batch for Redshift needs besides its object. */
export interface RedshiftLoadsTable {
  /** deliveries.id */
  delivery: number;
  /** A UUID: the name of the load in the table millrace.loads of the target database. */
  load_id: string;
  /** Keys in the bucket of the object. The second is used when the batch is given up. */
  manifest_key: string;
  error_manifest_key: string;
  /** Of the load, once it is done. */
  rows_loaded: number | null;
  rows_rejected: number | null;
}

/** What a batch of documents needs, and how far it is. */
export interface SearchBatchesTable {
  /** deliveries.id */
  delivery: number;
  /** Stands before the position in the ids of its documents. */
  id_prefix: string;
  index_name: string;
  rotation: 'NoRotation' | 'OneHour' | 'OneDay' | 'OneWeek' | 'OneMonth';
  /** Empty: none. */
  type_name: string;
  id_format: 'FIREHOSE_DEFAULT' | 'NO_DOCUMENT_ID';
  /** All documents below have been sent; those that were refused are in rejected_documents. */
  next_position: number;
  /** Documents that were given up. */
  failed: Generated<number>;
  /** Why those from next_position on were given up; null while they were not. */
  unsent_attempts: Generated<number>;
  unsent_code: string | null;
  unsent_message: string | null;
  unsent_ended_ms: number | null;
}

/** Documents that the cluster refused, until their batch has ended. */
export interface RejectedDocumentsTable {
  /** deliveries.id */
  delivery: number;
  /** In the buffer. */
  position: number;
  attempts: number;
  /** HTTP status, and the error as the cluster tells it. */
  code: string;
  message: string;
  ended_ms: number;
  /** Whether it is given up. */
  is_final: 0 | 1;
}

/** Documents of delivery streams whose domain no server stands for. They stay until somebody deletes them. */
export interface SearchDocumentsTable {
  /** The ARN of the domain, or the endpoint of the cluster. */
  domain: string;
  index_name: string;
  id: string;
  /** Empty: none. */
  type_name: string;
  /** JSON, as the record was. */
  body: string;
  /** Of the record. */
  arrived_ms: number;
}

/** Data that was given up. */
export interface IncidentsTable {
  id: Generated<number>;
  happened_ms: number;
  /** For example `EXPIRED`. */
  kind: string;
  account_id: string;
  region: string;
  /** The name of what lost it. */
  subject: string;
  records: number;
  bytes: number | null;
  /** Row ids. */
  first_record: number | null;
  last_record: number | null;
  reason: string;
}
