/** An embedded PostgreSQL as seen from the main thread: a worker that answers one request after the other. */
import { Worker } from 'node:worker_threads';
import type { Session } from './session.ts';

/** The result of one statement of a script. */
export interface ScriptResult {
  readonly columns: readonly string[];
  readonly rows: readonly Record<string, unknown>[];
  /** All of them, or those that a statement without columns changed. */
  readonly rowCount: number;
}

export interface Engine extends Session {
  /** Runs the statements of `sql`; each result has at most `rowsMax` rows. */
  script(sql: string, rowsMax: number): Promise<readonly ScriptResult[]>;
  /** Whether it has ended, by itself or because it was stopped. */
  readonly hasEnded: boolean;
  /** Writes everything out and ends. */
  close(): Promise<void>;
  /** Ends at once; the next start recovers, as after a crash. */
  kill(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly ready?: true;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code?: string; readonly where?: string };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The engine itself lives outside of this; its results must not fill the memory. */
const HEAP_MB = 1024;

/**
 * Starts the engine on a data directory, which it makes when it is missing.
 * @throws Error when it cannot start
 */
export async function startEngine(directory: string): Promise<Engine> {
  const worker = new Worker(new URL('./embedded-worker.js', import.meta.url), {
    workerData: { directory },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    // What the engine prints is not the server's log; errors come as answers.
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let hasEnded = false;
  let started: Waiting | undefined;
  const ready = new Promise<unknown>((resolve, reject) => {
    started = { resolve, reject };
  });
  const end = (error: Error) => {
    hasEnded = true;
    started?.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', ({ id, result, error }: Answer) => {
    const asker = id === undefined ? started : waiting.get(id);
    if (id !== undefined) waiting.delete(id);
    if (error === undefined) asker?.resolve(result);
    else asker?.reject(Object.assign(new Error(error.message), { code: error.code, where: error.where }));
  });
  worker.on('error', (error) => end(new Error(`The embedded database failed: ${error.message}`)));
  worker.on('exit', () => end(new Error('The embedded database has ended')));

  const ask = (request: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (hasEnded) return reject(new Error('The embedded database has ended'));
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      worker.postMessage({ id: lastId, ...request });
    });
  await ready;
  return {
    query: async (sql, parameters = []) => (await ask({ kind: 'query', sql, parameters })) as Record<string, unknown>[],
    copy: async (target, text) => {
      await ask({ kind: 'copy', target, text });
    },
    script: async (sql, rowsMax) => (await ask({ kind: 'script', sql, rowsMax })) as ScriptResult[],
    get hasEnded() {
      return hasEnded;
    },
    async close() {
      await ask({ kind: 'close' }).catch(() => {});
      await worker.terminate();
    },
    async kill() {
      hasEnded = true;
      await worker.terminate();
    },
  };
}
