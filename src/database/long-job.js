/**
 * A program of its own for what takes long with a large database: checking its structure, or copying all of it. It reads
 * one moment of the database, while the server goes on, and can be ended at any time, which a thread inside of SQLite
 * cannot. It ends with the server, however that ends.
 *
 * Arguments: the process id of the server, then `check <database>` or `copy <database> <to>`. Prints a line of JSON: {found}, what SQLite says, `ok` when all
 * is well, or {error: {code, message}}. A copy is on disk then.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';

/** How often the second thread looks whether the server still runs. */
const LOOK_MS = 250;

if (isMainThread) {
  const [server, ...job] = process.argv.slice(2);
  new Worker(new URL(import.meta.url), { workerData: Number(server) }).unref();
  work(/** @type {[string, string, string]} */ (/** @type {unknown} */ (job)));
} else {
  endWith(workerData);
}

/**
 * A server that was killed can end nobody, and a check of many gigabytes would go on reading for minutes. Seen from a
 * thread, because the other one is inside of SQLite. Whoever has lost their parent gets another one, perhaps before they
 * could look who the first was: they are told.
 * @param {number} server
 */
function endWith(server) {
  setInterval(() => {
    if (process.ppid !== server) process.kill(process.pid, 'SIGKILL');
  }, LOOK_MS);
}

/** @param {[string, string, string]} job */
function work([job, path, to]) {
  try {
    const handle = new BetterSqlite3(path, { timeout: 5000, readonly: true, fileMustExist: true });
    handle.exec('pragma cell_size_check = on');
    if (job === 'check') {
      print({ found: handle.pragma('quick_check(1)', { simple: true }) });
    } else {
      handle.prepare('vacuum into ?').run(to);
      const copy = openSync(to, 'r');
      fsyncSync(copy);
      closeSync(copy);
      print({ found: 'ok' });
    }
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    print({ error: { code, message } });
  }
}

/** @param {object} line */
function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
