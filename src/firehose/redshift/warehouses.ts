/** The databases that play Redshift clusters: a server where there is one, else an embedded database. */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import type { World } from '../../call.ts';
import { isAwsHost } from '../network.ts';
import { parseJdbcUrl } from './address.ts';
import { type EmbeddedDatabases, openEmbeddedDatabases } from './embedded.ts';
import type { ScriptResult } from './engine.ts';
import { type ServerAddress, withServer } from './postgres.ts';
import type { Session } from './session.ts';

/** A PostgreSQL server that stands in for others. */
export type ServerEndpoint = Pick<ServerAddress, 'host' | 'port' | 'tls'>;

export interface Cluster {
  readonly jdbcUrl: string;
  readonly user: string;
  readonly password: string;
}

export interface Warehouses {
  /** Runs `work` with a session of the database of a cluster. */
  use<T>(cluster: Cluster, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T>;
  /**
   * Runs SQL in the embedded database of this name, which it makes if there is none. Of its results as much is shown as
   * the limits let through.
   * @throws Error whose message is for whoever wrote the SQL
   */
  script(database: string, sql: string): Promise<readonly ScriptResult[]>;
  /** Ends scripts that run or wait. */
  endScripts(): void;
  close(): Promise<void>;
}

/** A batch has at most 128 MB. */
const LOAD_MS = 10 * 60_000;
const SCRIPT_MS = 60_000;
const SCRIPT_LIMITS = { rowsMax: 10_000, charactersMax: 16 * 1024 * 1024 };

/** `endpoint` stands in for all hosts on AWS; null: embedded databases do. */
export function openWarehouses(world: World, endpoint: ServerEndpoint | null): Warehouses {
  const embedded: EmbeddedDatabases = openEmbeddedDatabases(join(world.dataDir, 'redshift'), world);
  const closing = new AbortController();
  // Every script listens.
  setMaxListeners(0, closing.signal);
  return {
    use({ jdbcUrl, user, password }, work, signal) {
      const url = parseJdbcUrl(jdbcUrl);
      const isOnAws = isAwsHost(url.host);
      const bounds = { limitMs: LOAD_MS, signal };
      if (isOnAws && endpoint === null) return embedded.use(url.database, work, bounds);
      const { host, port, tls } = isOnAws ? endpoint! : { ...url, tls: 'disable' as const };
      return withServer({ host, port, tls, database: url.database, user, password }, work, bounds, world.clock);
    },
    script: (database, sql) =>
      embedded.use(database, (engine) => engine.script(sql, SCRIPT_LIMITS), {
        limitMs: SCRIPT_MS,
        signal: closing.signal,
      }),
    endScripts() {
      closing.abort(new Error('The server stops'));
    },
    close: () => embedded.close(),
  };
}
