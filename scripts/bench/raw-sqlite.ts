/** A helper that runs the raw SQLite loops. */
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { SHARDS } from './plan.ts';
import { RawTable, rowsOf, type TableName } from './raw-table.ts';
import { makeBatches } from './requests.ts';

export type RawJob =
  /** Must be the first: creates the database, and batches of rows with `bytes` bytes of data each for later jobs. */
  | {
      readonly do: 'open';
      readonly directory: string;
      readonly table: TableName;
      /** Rows in a batch. */
      readonly records: number;
      readonly bytes: number;
    }
  /** Inserts a batch per transaction (into four shards, or one buffer), again and again. */
  | { readonly do: 'insert'; readonly ms: number }
  /** Fills the first shard with a batch, which is what `select` reads. */
  | { readonly do: 'fill' }
  /** Selects as many rows as are in a batch from the first shard, again and again. */
  | { readonly do: 'select'; readonly ms: number };

export interface RawResult {
  readonly rows: number;
  readonly elapsedMs: number;
  readonly facts: ReturnType<RawTable['facts']>;
}

/** As many different batches as requests. */
const BATCHES = 8;

let table: RawTable;
let batches: ReturnType<typeof rowsOf>[] = [];

serveJobs(run);

async function run(job: RawJob): Promise<RawResult> {
  // Before every job: the thread that moves the WAL starts when there is something to move.
  pin(process.pid, 'measured');
  switch (job.do) {
    case 'open':
      table = await RawTable.open(job.directory, job.table);
      batches = makeBatches(BATCHES, job.records, job.bytes).map((batch) =>
        rowsOf(batch, job.table === 'records' ? SHARDS : 1),
      );
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
  const batch = batches[0]!.map((row) => ({ ...row, shard: 1 }));
  table.insert(batch);
  return batch.length;
}

function selectAll(): number {
  const [batch] = batches;
  const rows = table.select(batch!.length);
  if (rows !== batch!.length) throw new Error(`${rows} rows were selected where ${batch!.length} were inserted.`);
  return rows;
}
