/** How much is measured: the rounds and their length, and the sizes that several steps share. */

export interface Plan {
  /** How often each contestant is measured; contestants take turns. */
  readonly rounds: number;
  readonly roundMs: number;
  /** Unmeasured time before the first round of each contestant, for the compiler inside V8 and the caches. */
  readonly warmUpMs: number;
  /** The run is given up after this time. */
  readonly limitMs: number;
  /** Whether everything is measured, or only what has a target and what is close to it. */
  readonly isLong: boolean;
}

export const SHORT_PLAN: Plan = { rounds: 5, roundMs: 500, warmUpMs: 300, limitMs: 5 * 60_000, isLong: false };
export const LONG_PLAN: Plan = { rounds: 7, roundMs: 1000, warmUpMs: 1000, limitMs: 60 * 60_000, isLong: true };

/** Shards of the streams that are written to. */
export const SHARDS = 4;

/** The most records that PutRecords and PutRecordBatch take. */
export const BATCH_RECORDS = 500;

/** Bytes of data in a record. */
export const RECORD_BYTES = { small: 256, usual: 1024, large: 100 * 1024 } as const;

/** `10,000`. */
export const countText = (count: number): string => Math.round(count).toLocaleString('en-US');

/** `256 B`, `1 KB`. */
export const sizeText = (bytes: number): string => (bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KB`);

/** `1 KB`, `500 × 256 B, CBOR`. */
export function batchText(batch: {
  readonly records: number;
  readonly bytes: number;
  readonly encoding: string;
}): string {
  const { records, bytes, encoding } = batch;
  const size = records === 1 ? sizeText(bytes) : `${countText(records)} × ${sizeText(bytes)}`;
  return encoding === 'JSON' ? size : `${size}, ${encoding}`;
}

/** `1 connection`, `16 connections`. */
export const connectionsText = (count: number): string => `${count} connection${count === 1 ? '' : 's'}`;
