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

/** What is shown of the results of a script. */
export interface ScriptLimits {
  /** Of each result. */
  readonly rowsMax: number;
  /** Of all results together, about. */
  readonly charactersMax: number;
}

export interface Engine extends Session {
  /** Runs the statements of `sql`. */
  script(sql: string, limits: ScriptLimits): Promise<readonly ScriptResult[]>;
  /** Whether it has ended, by itself or because it was stopped. */
  readonly hasEnded: boolean;
  /** Writes everything out and ends. */
  close(): Promise<void>;
  /** Ends at once; the next start recovers, as after a crash. */
  kill(): Promise<void>;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code?: string; readonly where?: string };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The id of the answer that nobody asked for: the engine is there, or cannot start. */
const READY = 0;

/** The engine itself lives outside of this; its results must not fill the memory. */
const HEAP_MB = 1024;

/** An engine on its way. */
export interface StartingEngine {
  /** Rejects when it cannot start. */
  readonly ready: Promise<Engine>;
  /** Ends it at once, also before it is ready. */
  kill(): Promise<void>;
}

/** Starts the engine on a data directory, which it makes when it is missing. */
export function startEngine(directory: string): StartingEngine {
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
  const end = (error: Error) => {
    hasEnded = true;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', ({ id, result, error }: Answer) => {
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asker?.resolve(result);
    else asker?.reject(Object.assign(new Error(error.message), { code: error.code, where: error.where }));
  });
  worker.on('error', (error) => end(new Error(`The embedded database failed: ${error.message}`)));
  worker.on('exit', () => end(new Error('The embedded database has ended')));

  const answerTo = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  const ask = async (request: object): Promise<unknown> => {
    if (hasEnded) throw new Error('The embedded database has ended');
    lastId += 1;
    const answer = answerTo(lastId);
    worker.postMessage({ id: lastId, ...request });
    return answer;
  };
  const kill = async () => {
    hasEnded = true;
    await worker.terminate();
  };
  const engine: Engine = {
    query: async (sql, parameters = []) => (await ask({ kind: 'query', sql, parameters })) as Record<string, unknown>[],
    copy: async (target, text) => {
      await ask({ kind: 'copy', target, text });
    },
    script: async (sql, limits) => (await ask({ kind: 'script', sql, ...limits })) as ScriptResult[],
    get hasEnded() {
      return hasEnded;
    },
    async close() {
      await ask({ kind: 'close' }).catch(() => {});
      await worker.terminate();
    },
    kill,
  };
  return { ready: answerTo(READY).then(() => engine), kill };
}
