/**
 * The thread that moves the WAL into the data file. JavaScript, because a worker is loaded by Node itself, also in tests
 * that run the TypeScript sources. It shares the SQLite library with the main thread, as SQLite's locks require.
 *
 * Receives any message: do one checkpoint. Answers {log, checkpointed} (frames) or {error: {code, message}}.
 */
import { statSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';

const { path, dev, ino } = /** @type {{ path: string, dev: number, ino: number }} */ (workerData);
// It starts later than the server: whoever replaced the file meanwhile must not get another file's log moved into it.
const found = statSync(path);
if (found.dev !== dev || found.ino !== ino)
  throw new Error(`${path} was replaced by another file while it was in use.`);

const handle = new BetterSqlite3(path, { timeout: 0, fileMustExist: true });
handle.exec('pragma synchronous = full; pragma wal_autocheckpoint = 0');
// PASSIVE: as far as no reader is in the way, without waiting for anybody and without stopping the writer.
// Prepared once and kept, as handle.ts explains.
const checkpoint = handle.prepare('pragma wal_checkpoint(PASSIVE)');

parentPort?.on('message', () => {
  try {
    parentPort?.postMessage(checkpoint.get());
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    parentPort?.postMessage({ error: { code, message } });
  }
});
