/** A helper that runs the raw SQLite loops. */
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { READ_RECORDS, SHARDS } from './plan.ts';
import { RawTable, rowsOf } from './raw-table.ts';
import { makeBatches } from './requests.ts';

export type RawJob =
  /** Must be the first: creates the database; the rows of later jobs have `bytes` bytes of data each. */
  | { readonly do: 'open'; readonly directory: string; readonly bytes: number }
  /** Inserts 500 rows per transaction into four shards, again and again. */
  | { readonly do: 'insert'; readonly ms: number }
  /** Fills the first shard with what `select` reads. */
  | { readonly do: 'fill' }
  /** Selects 10,000 rows of one shard, again and again. */
  | { readonly do: 'select'; readonly ms: number };

export interface RawResult {
  readonly rows: number;
  readonly elapsedMs: number;
  readonly facts: ReturnType<RawTable['facts']>;
}

/** As many different batches as PutRecords requests. */
const BATCHES = 8;

let table: RawTable;
let recordBytes: number;
let batches: ReturnType<typeof rowsOf>[] = [];

serveJobs(run);

async function run(job: RawJob): Promise<RawResult> {
  switch (job.do) {
    case 'open':
      table = await RawTable.open(job.directory);
      pin(process.pid, 'measured');
      recordBytes = job.bytes;
      batches = makeBatches(BATCHES, job.bytes).map((batch) => rowsOf(batch, SHARDS));
      return { rows: 0, elapsedMs: 0, facts: table.facts() };
    case 'fill':
      return repeat(0, fill);
    case 'insert':
      return repeat(job.ms, insertNext);
    case 'select':
      return repeat(job.ms, selectAll);
  }
}

/**
 * Repeats `step`, which returns a number of rows, until `ms` have passed; at least once. Between two steps the event
 * loop turns, because the checkpointer lives in it.
 */
async function repeat(ms: number, step: (index: number) => number): Promise<RawResult> {
  const startMs = performance.now();
  let rows = 0;
  for (let index = 0; index === 0 || performance.now() < startMs + ms; index += 1) {
    rows += step(index);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { rows, elapsedMs: performance.now() - startMs, facts: table.facts() };
}

function insertNext(index: number): number {
  const batch = batches[index % BATCHES]!;
  table.insert(batch);
  return batch.length;
}

function fill(): number {
  const filling = makeBatches(READ_RECORDS / batches[0]!.length, recordBytes);
  for (const batch of filling) table.insert(rowsOf(batch, 1));
  return READ_RECORDS;
}

function selectAll(): number {
  const rows = table.select(READ_RECORDS);
  if (rows !== READ_RECORDS) throw new Error(`${rows} rows were selected where ${READ_RECORDS} were inserted.`);
  return rows;
}
