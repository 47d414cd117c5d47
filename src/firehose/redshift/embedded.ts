/**
 * The embedded databases that play the clusters on AWS: one directory for each, one of them running at a time, because
 * an engine takes hundreds of megabytes. It starts when it is needed and ends when nobody has needed it for a while.
 */
import { chmod, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { World } from '../../call.ts';
import { type Bounds, unlessAborted, within } from '../../deadline.ts';
import { settleDirectory } from '../../durable-file.ts';
import { type Engine, startEngine } from './engine.ts';

export interface EmbeddedDatabases {
  /**
   * Runs `work` with the engine of the database of this name, to which it belongs meanwhile.
   * @throws what `work` throws; Error when the engine cannot start or `work` takes longer than `limitMs`
   */
  use<T>(name: string, work: (engine: Engine) => Promise<T>, bounds: Bounds): Promise<T>;
  close(): Promise<void>;
}

/** Names of databases in JDBC URLs; they are names of directories, too. */
export const DATABASE_NAME = /^[a-zA-Z0-9_$-]{1,128}$/;

const IDLE_MS = 60_000;
/** The first start makes the database, which takes seconds. */
const START_MS = 120_000;
const CLOSE_MS = 1500;

interface Running {
  readonly name: string;
  readonly engine: Engine;
}

/** The databases in the directory `root`, which is made when the first of them is. */
export function openEmbeddedDatabases(root: string, { clock, log }: Pick<World, 'clock' | 'log'>): EmbeddedDatabases {
  const directoryOf = (name: string) => join(root, name);
  let running: Running | undefined;
  // An engine that was killed must be gone before another one opens its files.
  let killed: Promise<unknown> = Promise.resolve();
  let cancelIdle = () => {};
  // Who comes next waits for who came before.
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => {});
    return turn;
  };

  const kill = (engine: Pick<Engine, 'kill'>): void => {
    killed = Promise.all([killed, engine.kill()]);
  };
  const close = async (engine: Engine): Promise<void> => {
    const { signal } = new AbortController();
    const deadline = { limitMs: CLOSE_MS, failure: 'It did not end', abandon: () => kill(engine), signal };
    await within(engine.close(), deadline, clock).catch((error) => log.warn({ err: error }, 'A database was killed.'));
  };

  async function stop(): Promise<void> {
    const stopped = running;
    running = undefined;
    if (stopped === undefined) return;
    await close(stopped.engine);
  }

  async function engineOf(name: string, signal: AbortSignal): Promise<Engine> {
    if (running?.name === name && !running.engine.hasEnded) return running.engine;
    await stop();
    const engine = await started(directoryOf(name), signal);
    running = { name, engine };
    return engine;
  }

  async function started(directory: string, signal: AbortSignal): Promise<Engine> {
    await killed;
    if (!(await isThere(directory))) await make(directory, signal);
    return start(directory, signal);
  }

  const start = (directory: string, signal: AbortSignal): Promise<Engine> => {
    const starting = startEngine(directory);
    const abandon = () => kill(starting);
    return within(
      starting.ready,
      { limitMs: START_MS, failure: 'The embedded database did not start', abandon, signal },
      clock,
    );
  };

  /** Half of a database is none: it gets its name when it is complete. */
  async function make(directory: string, signal: AbortSignal): Promise<void> {
    log.info({ directory }, 'An embedded database is being made; this takes some seconds.');
    const unfinished = `${directory}.new`;
    settleDirectory(root);
    // The engine makes files that everybody may read.
    await chmod(root, 0o700);
    await rm(unfinished, { recursive: true, force: true });
    const engine = await start(unfinished, signal);
    await close(engine);
    await killed;
    await syncTree(unfinished, signal);
    await rename(unfinished, directory);
    await sync(dirname(directory));
  }

  return {
    use(name, work, { limitMs, signal }) {
      const turn = inTurn(async () => {
        signal.throwIfAborted();
        cancelIdle();
        const engine = await engineOf(name, signal);
        const abandon = () => kill(engine);
        const failure = `The embedded database ${name} did not finish`;
        try {
          return await within(work(engine), { limitMs, failure, abandon, signal }, clock);
        } finally {
          cancelIdle = clock.after(IDLE_MS, () => void inTurn(stop));
        }
      });
      // Whoever stops the server does not wait for those who came before.
      return unlessAborted(turn, signal);
    },
    async close() {
      cancelIdle();
      await inTurn(stop);
    },
  };
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Puts a directory and everything in it on disk. */
async function syncTree(directory: string, signal: AbortSignal): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    signal.throwIfAborted();
    if (entry.isFile() || entry.isDirectory()) await sync(join(entry.parentPath, entry.name));
  }
  await sync(directory);
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
