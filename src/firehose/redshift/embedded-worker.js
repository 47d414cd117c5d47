/**
 * The thread of an embedded PostgreSQL. JavaScript, because a worker is loaded by Node itself, also in tests that run the
 * TypeScript sources. Starting the engine takes seconds and a load keeps it busy; the main thread goes on meanwhile.
 *
 * Sends {id: 0} or {id: 0, error} first. Then answers messages {id, kind, …} with {id, result} or {id, error}.
 */
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** @typedef {{ nfd?: number, node: object }} FileStream */

/** PGlite does not sync its files, because most of its users run in browsers. Here what is loaded stays loaded. */
class SyncedFiles extends NodeFS {
  /**
   * @override
   * @param {Parameters<NodeFS['init']>[0]} pg
   * @param {Parameters<NodeFS['init']>[1]} options
   */
  async init(pg, options) {
    const made = await super.init(pg, options);
    const { emscriptenOpts } = made;
    const preRun = [...[emscriptenOpts.preRun ?? []].flat(), addSync];
    return { ...made, emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

/** @param {any} module the engine, whose file system knows no sync */
function addSync(module) {
  const { NODEFS } = module.FS.filesystems;
  /** @param {FileStream} stream */
  NODEFS.stream_ops.fsync = (stream) => {
    if (stream.nfd !== undefined) fsyncSync(stream.nfd);
    else syncDirectory(NODEFS.realPath(stream.node));
    return 0;
  };
}

/** @param {string} path */
function syncDirectory(path) {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** `-F` switches syncing off; of the ways to sync the log, the engine's library has only this one. */
const startParams = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
];

const { directory } = /** @type {{ directory: string }} */ (workerData);

/** @param {unknown} error */
function plain(error) {
  const { message, code, where } = /** @type {{ message: string, code?: string, where?: string }} */ (error);
  return { message, code, where };
}

/** @typedef {{ kind: 'query', sql: string, parameters: unknown[] }} Query */
/** @typedef {{ kind: 'copy', target: string, text: Uint8Array<ArrayBuffer> }} Copy */
/** @typedef {{ kind: 'script', sql: string, rowsMax: number, charactersMax: number }} Script */
/** @typedef {{ kind: 'close' }} Close */

/** @param {PGlite} database @param {Query | Copy | Script | Close} request */
async function perform(database, request) {
  switch (request.kind) {
    case 'query':
      return (await database.query(request.sql, request.parameters)).rows;
    case 'copy':
      await database.query(`copy ${request.target} from '/dev/blob'`, [], { blob: new Blob([request.text]) });
      return undefined;
    case 'script':
      return runScript(database, request);
    case 'close':
      return database.close();
  }
}

/**
 * What the script leaves behind in the session, a transaction or a setting, does not outlive it.
 * @param {PGlite} database
 * @param {Script} script
 */
async function runScript(database, { sql, rowsMax, charactersMax }) {
  try {
    const results = await database.exec(sql, { rowMode: 'array' });
    let left = charactersMax;
    return results.map(({ fields, rows, affectedRows }) => {
      const columns = distinct(fields.map(({ name }) => name));
      const names = columns.join('').length;
      const shown = [];
      for (const row of /** @type {unknown[][]} */ (rows)) {
        left -= row.reduce((/** @type {number} */ sum, value) => sum + lengthOf(value), names);
        if (shown.length === rowsMax || left < 0) break;
        shown.push(Object.fromEntries(columns.map((column, index) => [column, shownOf(row[index])])));
      }
      return { columns, rows: shown, rowCount: fields.length > 0 ? rows.length : (affectedRows ?? 0) };
    });
  } finally {
    // Two statements, for the second one cannot run inside what the first one ends.
    await database.exec('rollback');
    await database.exec('discard all');
  }
}

/**
 * Bytes as PostgreSQL writes them.
 * @param {unknown} value
 */
const shownOf = (value) => (value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value);

/**
 * About as many characters as it takes in an answer.
 * @param {unknown} value
 */
function lengthOf(value) {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length * 2;
  if (typeof value !== 'object' || value === null) return 8;
  return JSON.stringify(value, (_name, member) => (typeof member === 'bigint' ? String(member) : member))?.length ?? 8;
}

/**
 * Columns of a result may have the same name, members of an object may not: the second `max` is `max_2`.
 * @param {string[]} names
 */
function distinct(names) {
  /** @type {Set<string>} */
  const taken = new Set();
  return names.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number += 1) free = `${name}_${number}`;
    taken.add(free);
    return free;
  });
}

/**
 * A note of an engine that was killed, by which PostgreSQL tells whether another one works here. One that was killed
 * before it had written its number leaves an empty note, and no engine would ever start here again. That nobody else
 * works here is known without it: the data directory has one Millrace, and that one has one engine at a time.
 */
const LOCK_FILE = 'postmaster.pid';

/** What PostgreSQL said before it gave up; the error of a start that failed does not have it. */
let lastWords = '';
/** @param {string} line as `2026-11-20 12:00:00.000 UTC [42] FATAL:  …` */
function onStderr(line) {
  lastWords = /\b(?:FATAL|PANIC): +(.*)/.exec(line)?.[1] ?? lastWords;
  return true;
}

try {
  rmSync(join(directory, LOCK_FILE), { force: true });
  const database = await PGlite.create({ fs: new SyncedFiles(directory), startParams, onStderr });
  parentPort?.on('message', async ({ id, ...request }) => {
    try {
      parentPort?.postMessage({ id, result: await perform(database, request) });
    } catch (error) {
      parentPort?.postMessage({ id, error: plain(error) });
    }
  });
  parentPort?.postMessage({ id: 0 });
} catch (error) {
  const { message, ...rest } = plain(error);
  const reason = lastWords || message;
  parentPort?.postMessage({
    id: 0,
    error: { ...rest, message: `The embedded database in ${directory} did not start: ${reason}` },
  });
}
