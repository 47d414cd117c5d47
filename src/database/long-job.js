/**
 * A program of its own for what takes long with a large database: checking its structure, or copying all of it. It reads
 * one moment of the database, while the server goes on, and can be ended at any time, which a thread inside of SQLite
 * cannot.
 *
 * Arguments: `check <database>` or `copy <database> <to>`. Prints a line of JSON: {found}, what SQLite says, `ok` when all
 * is well, or {error: {code, message}}. A copy is on disk then.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';

const [job, path, to] = /** @type {[string, string, string]} */ (/** @type {unknown} */ (process.argv.slice(2)));

/** @param {object} line */
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

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
