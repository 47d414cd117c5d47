/** The contestants: servers under load, and the loops that need no server. */
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import type { Contestant } from './contest.ts';
import { type Helper, startHelper } from './helper.ts';
import type { Load, LoadResult } from './load-generator.ts';
import type { FileJob, FileResult } from './plain-files.ts';
import type { RawJob, RawResult } from './raw-sqlite.ts';
import type { TableName } from './raw-table.ts';
import { type PutKind, putRequests } from './requests.ts';

export type LoadGenerator = Helper<Load, LoadResult>;
export type PlainFiles = Helper<FileJob, FileResult>;
export type RawSqlite = Helper<RawJob, RawResult>;

export interface ServerUnderLoad {
  readonly port: number;
  /** Called before each round. */
  readonly requests: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  readonly connections: number;
  /** In flight on each connection with h2c; absent for HTTP/1.1. */
  readonly streams?: number | undefined;
  /** What an answer counts for: 1 for a request, or the number of records in it. */
  readonly weight: number;
}

/** A server that answers as fast as it can while `generator` asks. */
export function serverUnderLoad(generator: LoadGenerator, server: ServerUnderLoad): Contestant {
  const { port, connections, streams, weight } = server;
  return {
    async round(ms) {
      const load = { port, requests: await server.requests(), connections, ms };
      const result = await generator.do(streams === undefined ? load : { ...load, streams });
      const { responses, elapsedMs, p50Ms, p99Ms, share } = result;
      return {
        perSecond: (responses * weight * 1000) / elapsedMs,
        latency: { p50Ms, p99Ms },
        generatorShare: share,
      };
    },
  };
}

/** How many requests are in flight at a time, and on what. */
export type Wire = Pick<ServerUnderLoad, 'connections' | 'streams'>;

/** A server at `port` into which records of a kind are put. */
export function serverUnderPuts(generator: LoadGenerator, port: number, kind: PutKind, wire: Wire): Contestant {
  const requests = putRequests(port, kind);
  return serverUnderLoad(generator, { port, requests: () => requests, ...wire, weight: kind.records });
}

/** SQLite alone: a loop over batches of `records` rows with `bytes` bytes of data each. */
export async function rawLoop(
  loop: 'insert' | 'select',
  batch: { readonly table: TableName; readonly records: number; readonly bytes: number },
  cleanup: Cleanup,
): Promise<Contestant> {
  const raw: RawSqlite = startHelper('raw-sqlite', cleanup);
  const { table, records, bytes } = batch;
  await raw.do({ do: 'open', directory: temporaryDirectory(cleanup), table, records, bytes });
  if (loop === 'select') await raw.do({ do: 'fill' });
  return {
    async round(ms) {
      const { rows, elapsedMs } = await raw.do({ do: loop, ms });
      return { perSecond: (rows * 1000) / elapsedMs };
    },
  };
}

/** A file to which batches of 500 records with `bytes` bytes each are appended, an fsync per batch. */
export async function fileLoop(bytes: number, cleanup: Cleanup): Promise<Contestant> {
  const files: PlainFiles = startHelper('plain-files', cleanup);
  await files.do({ do: 'open', directory: temporaryDirectory(cleanup), bytes });
  return {
    async round(ms) {
      const { records, elapsedMs } = await files.do({ do: 'append', ms });
      return { perSecond: (records * 1000) / elapsedMs };
    },
  };
}
