/** A helper that writes the bytes of records to plain files, as fast as they can be made durable. */
import { closeSync, createWriteStream, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { makeBatches } from './requests.ts';

export type FileJob =
  /** Must be the first: the records of later jobs have `bytes` bytes of data each. */
  | { readonly do: 'open'; readonly directory: string; readonly bytes: number }
  /** Appends 500 records to a file and syncs it, again and again. */
  | { readonly do: 'append'; readonly ms: number }
  /** Writes one file of about `bytes` bytes of records under a temporary name, syncs and renames it. */
  | { readonly do: 'object'; readonly bytes: number; readonly isGzip: boolean };

export interface FileResult {
  readonly records: number;
  readonly elapsedMs: number;
}

const BATCHES = 8;
/** As much as a delivery reads at once. */
const PIECE_BATCHES = 2;

let directory: string;
let batches: Buffer[][] = [];

serveJobs(run);

async function run(job: FileJob): Promise<FileResult> {
  switch (job.do) {
    case 'open':
      directory = job.directory;
      pin(process.pid, 'measured');
      batches = makeBatches(BATCHES, job.bytes).map((batch) => batch.map(({ data }) => data));
      return { records: 0, elapsedMs: 0 };
    case 'append':
      return append(job.ms);
    case 'object':
      return writeObject(job.bytes, job.isGzip);
  }
}

function append(ms: number): FileResult {
  const file = openSync(join(directory, 'records'), 'w');
  const startMs = performance.now();
  let records = 0;
  for (let index = 0; index === 0 || performance.now() < startMs + ms; index += 1) {
    const batch = batches[index % BATCHES]!;
    writeSync(file, Buffer.concat(batch));
    fsyncSync(file);
    records += batch.length;
  }
  const elapsedMs = performance.now() - startMs;
  closeSync(file);
  return { records, elapsedMs };
}

async function writeObject(bytes: number, isGzip: boolean): Promise<FileResult> {
  const pieces = piecesOf(bytes);
  const [temporary, final] = [join(directory, 'temporary'), join(directory, 'object')];
  const startMs = performance.now();
  const output = createWriteStream(temporary, { flush: true });
  if (isGzip) await pipeline(Readable.from(pieces), createGzip({ level: 6 }), output);
  else await pipeline(Readable.from(pieces), output);
  renameSync(temporary, final);
  const parent = openSync(directory, 'r');
  fsyncSync(parent);
  closeSync(parent);
  const elapsedMs = performance.now() - startMs;
  rmSync(final);
  return { records: 0, elapsedMs };
}

function piecesOf(bytes: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let made = 0; made < bytes; made += pieces.at(-1)!.length) {
    const first = (pieces.length * PIECE_BATCHES) % BATCHES;
    pieces.push(Buffer.concat(batches.slice(first, first + PIECE_BATCHES).flat()));
  }
  return pieces;
}
