/**
 * The thread for what takes long with a large database: checking its structure, or copying all of it. It reads one moment
 * of the database, while the main thread goes on. JavaScript, because a worker is loaded by Node itself, also in tests
 * that run the TypeScript sources. It shares the SQLite library with the main thread, as SQLite's locks require.
 *
 * workerData: {job: 'check', path} or {job: 'copy', path, to}. Answers with what SQLite says, 'ok' when all is well.
 */
import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';

const { job, path, to } = /** @type {{ job: 'check' | 'copy', path: string, to: string }} */ (workerData);

const handle = new BetterSqlite3(path, { timeout: 5000, readonly: true, fileMustExist: true });
handle.exec('pragma cell_size_check = on');

// Prepared once and kept, as handle.ts explains.
const statement = handle.prepare(job === 'check' ? 'pragma quick_check(1)' : 'vacuum into ?');

if (job === 'check') parentPort?.postMessage(/** @type {{ quick_check: string }} */ (statement.get()).quick_check);
else {
  statement.run(to);
  parentPort?.postMessage('ok');
}
handle.close();
