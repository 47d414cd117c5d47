/** How much is measured: the sizes, the connections, the rounds and their length. */

export interface Plan {
  /** How often each contestant is measured; contestants take turns. */
  readonly rounds: number;
  readonly roundMs: number;
  /** Unmeasured time before the first round of each contestant, for the compiler inside V8 and the caches. */
  readonly warmUpMs: number;
  /** The run is given up after this time. */
  readonly limitMs: number;
}

export const SHORT_PLAN: Plan = { rounds: 5, roundMs: 800, warmUpMs: 500, limitMs: 5 * 60_000 };
export const LONG_PLAN: Plan = { rounds: 9, roundMs: 2000, warmUpMs: 2000, limitMs: 30 * 60_000 };

/** Shards of the streams that are written to. */
export const SHARDS = 4;

/** Records in a PutRecords or PutRecordBatch request and rows in a transaction of the raw loop: the most that the API takes. */
export const BATCH_RECORDS = 500;

/** PutRecordBatch requests of 1 KB records that are buffered before a delivery is timed: 33 MB. */
export const DELIVERY_BATCHES = 64;

/** Records in a GetRecords answer and rows in a select of the raw loop: the most that the API gives. */
export const READ_RECORDS = 10_000;

/** Bytes of data in a record. */
export const RECORD_BYTES = { small: 256, usual: 1024 } as const;

export const PUT_RECORD_CONNECTIONS = [1, 16, 64] as const;
export const PUT_RECORDS_CONNECTIONS = [1, 8] as const;
export const FIREHOSE_PUT_RECORD_CONNECTIONS = 64;

/** `10,000`. */
export const countText = (count: number): string => Math.round(count).toLocaleString('en-US');

/** `256 B`, `1 KB`. */
export const sizeText = (bytes: number): string => (bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KB`);

/** `1 connection`, `16 connections`. */
export const connectionsText = (count: number): string => `${count} connection${count === 1 ? '' : 's'}`;
