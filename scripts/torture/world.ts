/** A world: one data directory, the clients that load whatever server runs on it, and all they know of it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBodies } from './bodies.ts';
import { check } from './checker/check.ts';
import { furnish, removeObject } from './furnish.ts';
import { createHistory, type Entry, type Mark, nowUs } from './history.ts';
import { acknowledgedIn, createLedger } from './ledger.ts';
import { startLoad } from './load/load.ts';
import { doubtsResolved, observe } from './observe/observe.ts';
import { newBookmarks } from './observe/streams.ts';
import type { Random } from './random.ts';
import type { Violation } from './scenario.ts';

/** How often an object is deleted by hand before a load, to see that it stays away. */
const REMOVE_CHANCE = 0.3;

/** Where a server listens. */
export interface Endpoint {
  readonly url: string;
}

/** One data directory, the clients that load the server on it, and all they know of it. Lives longer than any server process. */
export interface World {
  readonly dataDir: string;
  /** The history file, outside of the data directory. */
  readonly historyPath: string;
  /** What was acknowledged so far, in records (Kinesis and Firehose). */
  readonly acknowledged: number;
  /** Outcomes that nobody knows so far, in records. */
  readonly unknown: number;
  /** Counts the acknowledged records of requests that begin from now on: an answer may be told well after it came. */
  acknowledgedFromNow(): () => number;
  /** Creates streams and delivery streams on the first call; on later calls only finds out what the unknown outcomes were. */
  prepare(server: Endpoint): Promise<void>;
  /** Starts all clients; they go on, one request after the other each, until `stop()`, or until the server is gone. */
  load(server: Endpoint, shape?: LoadShape): Load;
  /**
   * Reads everything through the API of a running server and from the objects, and checks all guarantees against the
   * history. `since` reads only what came after the last check; `all` reads all of it, flushes the delivery streams and
   * looks at the objects and the database too.
   */
  check(server: Endpoint, extent: 'since' | 'all'): Promise<Violation[]>;
}

export type LoadKind = 'kinesis' | 'firehose' | 'sourced' | 'control' | 'reshard';

export interface LoadShape {
  readonly clients?: number;
  readonly kinds?: readonly LoadKind[];
  readonly bodyBytes?: { readonly min: number; readonly max: number };
  /** How long each client waits between two requests. */
  readonly paceMs?: number;
}

export interface Load {
  /** Resolves once this many records were acknowledged since the load began, or when the clients have all ended. */
  reached(acknowledged: number): Promise<void>;
  /** No further requests; resolves with what this load did when all clients have ended. Never rejects for broken connections. */
  stop(): Promise<LoadSummary>;
}

export interface LoadSummary {
  /** In records, as are `unknown` and `failed`. */
  readonly acknowledged: number;
  readonly unknown: number;
  readonly failed: number;
  readonly requests: number;
  /** Of the requests that succeeded. */
  readonly latenciesMs: readonly number[];
  /** The longest time during the load in which no request succeeded. */
  readonly longestGapMs: number;
}

export interface WorldOptions {
  /** Where the history goes. */
  readonly directory: string;
  readonly random: Random;
  /** `directory`/data when absent. */
  readonly dataDir?: string;
}

/** A world of which nothing is known yet; the data directory need not be there. */
export function createWorld({ directory, random, dataDir = join(directory, 'data') }: WorldOptions): World {
  const history = createHistory(join(directory, 'history.jsonl'));
  const ledger = createLedger();
  const bodies = createBodies(random.integer(0, 0xffff_ffff));
  const compression = random.chance(0.5) ? 'GZIP' : 'UNCOMPRESSED';
  const bookmarks = newBookmarks();
  let isPrepared = false;
  let loads = 0;
  let clients = 0;

  const record = (entry: Entry): void => {
    ledger.learn(entry);
    history.append(entry);
  };
  const mark = (what: Mark['what'], { url }: Endpoint) => {
    record({ kind: 'mark', atUs: nowUs(), what, url });
    history.flush();
  };
  record({ kind: 'beginning', run: bodies.run, compression });

  return {
    dataDir,
    historyPath: history.path,
    get acknowledged() {
      return ledger.acknowledged;
    },
    get unknown() {
      return ledger.unknown;
    },
    acknowledgedFromNow() {
      const from = ledger.puts.length;
      const fromUs = nowUs();
      const later = () => ledger.puts.slice(from).filter(({ startUs }) => startUs >= fromUs);
      return () => later().reduce((count, put) => count + acknowledgedIn(put), 0);
    },
    async prepare(server) {
      if (isPrepared) {
        for (const entry of await doubtsResolved(server.url, ledger)) record(entry);
        if (random.chance(REMOVE_CHANCE)) removeObject(dataDir, bodies, ledger, random).forEach(record);
      } else {
        await furnish(server.url, compression);
        isPrepared = true;
      }
      mark('prepared', server);
    },
    load(server, shape) {
      loads += 1;
      mark('load', server);
      const newClient = () => clients++;
      const fork = random.fork(`load ${loads}`);
      const load = startLoad({ url: server.url, bodies, ledger, random: fork, newClient, record }, shape);
      return {
        reached: (acknowledged) => load.reached(acknowledged),
        async stop() {
          const summary = await load.stop();
          mark('stop', server);
          return summary;
        },
      };
    },
    async check(server, extent) {
      history.flush();
      const observation = await observe({ ...server, dataDir, extent, bodies, ledger, bookmarks });
      const { violations, learned } = check(ledger, observation);
      if (violations.length === 0) {
        for (const entry of learned) history.append(entry);
        mark('checked', server);
      } else {
        // The history stays as it was, so that whoever judges it again with this comes to the same verdict.
        writeFileSync(join(directory, 'observation.json'), JSON.stringify(observation));
      }
      return [...violations];
    },
  };
}
