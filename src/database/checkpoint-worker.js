/**
 * The thread that moves the WAL into the data file. JavaScript, because a worker is loaded by Node itself, also in tests
 * that run the TypeScript sources. It shares the SQLite library with the main thread, as SQLite's locks require.
 *
 * Receives any message: do one checkpoint. Answers {log, checkpointed} (frames) or {error: {code, message}}.
 */
import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';

const handle = new BetterSqlite3(/** @type {{ path: string }} */ (workerData).path, {
  timeout: 0,
  fileMustExist: true,
});
handle.pragma('synchronous = full');
handle.pragma('wal_autocheckpoint = 0');

parentPort?.on('message', () => {
  try {
    // PASSIVE: as far as no reader is in the way, without waiting for anybody and without stopping the writer.
    const [result] = /** @type {{ log: number, checkpointed: number }[]} */ (handle.pragma('wal_checkpoint(PASSIVE)'));
    parentPort?.postMessage(result);
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    parentPort?.postMessage({ error: { code, message } });
  }
});
