/** The contestants: servers under load, and the raw loops. */
import type { Contestant, Round } from './contest.ts';
import type { Helper } from './helper.ts';
import type { Load, LoadResult } from './load-generator.ts';
import type { FileJob, FileResult } from './plain-files.ts';
import type { RawJob, RawResult } from './raw-sqlite.ts';

export type LoadGenerator = Helper<Load, LoadResult>;
export type PlainFiles = Helper<FileJob, FileResult>;
export type RawSqlite = Helper<RawJob, RawResult>;

export interface ServerUnderLoad {
  readonly port: number;
  /** Called before each round. */
  readonly requests: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  readonly connections: number;
  /** What an answer counts for: 1 for a request, or the number of records in it. */
  readonly weight: number;
}

/** A server that answers as fast as it can while `generator` asks. */
export function serverUnderLoad(generator: LoadGenerator, server: ServerUnderLoad): Contestant {
  const { port, connections, weight } = server;
  return {
    async round(ms): Promise<Round> {
      const requests = await server.requests();
      const { responses, elapsedMs, p50Ms, p99Ms, share } = await generator.do({ port, requests, connections, ms });
      return {
        perSecond: (responses * weight * 1000) / elapsedMs,
        latency: { p50Ms, p99Ms },
        generatorShare: share,
      };
    },
  };
}

/** One of the raw loops. */
export function rawLoop(raw: RawSqlite, loop: 'insert' | 'select'): Contestant {
  return {
    async round(ms) {
      const { rows, elapsedMs } = await raw.do({ do: loop, ms });
      return { perSecond: (rows * 1000) / elapsedMs };
    },
  };
}
