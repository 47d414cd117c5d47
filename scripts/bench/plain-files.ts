/** A helper that writes the bytes of records to plain files: the least that making them durable takes. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { pin } from './cores.ts';
import type { CompressionFormat } from './delivery-stream.ts';
import { serveJobs } from './helper.ts';
import { BATCH_RECORDS } from './plan.ts';
import { makeBatches } from './requests.ts';

export type FileJob =
  /** Must be the first: the records of later jobs have `bytes` bytes of data each. */
  | { readonly do: 'open'; readonly directory: string; readonly bytes: number }
  /** Appends 500 records to a file and syncs it, again and again. */
  | { readonly do: 'append'; readonly ms: number }
  /** Writes a file of `batches` times 500 records under a temporary name, syncs it, renames it, syncs the directory. */
  | { readonly do: 'object'; readonly batches: number; readonly format: CompressionFormat };

export interface FileResult {
  readonly records: number;
  readonly elapsedMs: number;
}

/** As many different batches as PutRecordBatch requests. */
const BATCHES = 8;
/** Written at once to an object: a megabyte of records of 1 KB, which is also what a delivery reads at once. */
const PIECE_BATCHES = 2;
/** Of a delivery's GZIP. */
const GZIP_LEVEL = 6;

let directory: string;
/** The data of 500 records each. */
let batches: Buffer[] = [];

serveJobs(run);

function run(job: FileJob): FileResult | Promise<FileResult> {
  switch (job.do) {
    case 'open':
      directory = job.directory;
      pin(process.pid, 'measured');
      batches = makeBatches(BATCHES, BATCH_RECORDS, job.bytes).map((batch) =>
        Buffer.concat(batch.map(({ data }) => data)),
      );
      return { records: 0, elapsedMs: 0 };
    case 'append':
      return append(job.ms);
    case 'object':
      return writeObject(job.batches, job.format);
  }
}

/** Until `ms` have passed, at least once. The file starts empty. */
function append(ms: number): FileResult {
  const file = openSync(join(directory, 'records'), 'w');
  const startMs = performance.now();
  let written = 0;
  for (; written === 0 || performance.now() < startMs + ms; written += 1) {
    writeSync(file, batches[written % BATCHES]!);
    fsyncSync(file);
  }
  const elapsedMs = performance.now() - startMs;
  closeSync(file);
  return { records: written * BATCH_RECORDS, elapsedMs };
}

async function writeObject(count: number, format: CompressionFormat): Promise<FileResult> {
  const pieces = piecesOf(count);
  const [temporary, final] = [join(directory, 'temporary'), join(directory, 'object')];
  const startMs = performance.now();
  const file = openSync(temporary, 'wx');
  const content = format === 'GZIP' ? Readable.from(pieces).pipe(createGzip({ level: GZIP_LEVEL })) : pieces;
  for await (const piece of content) writeSync(file, piece as Buffer);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, final);
  const parent = openSync(directory, 'r');
  fsyncSync(parent);
  closeSync(parent);
  const elapsedMs = performance.now() - startMs;
  rmSync(final);
  return { records: count * BATCH_RECORDS, elapsedMs };
}

/** `count` batches in their order, again from the first after the last, in the pieces that are written at once. */
function piecesOf(count: number): Buffer[] {
  const pieces = Array.from({ length: BATCHES / PIECE_BATCHES }, (_, piece) =>
    Buffer.concat(batches.slice(piece * PIECE_BATCHES, (piece + 1) * PIECE_BATCHES)),
  );
  return Array.from({ length: count / PIECE_BATCHES }, (_, index) => pieces[index % pieces.length]!);
}
