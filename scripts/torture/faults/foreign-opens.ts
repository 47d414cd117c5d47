/**
 * Nobody in the server but SQLite opens the data file: closing any descriptor of it drops SQLite's locks, and then the
 * next inspector that leaves deletes the WAL of the running server. Watched with strace.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Violation } from '../scenario.ts';
import { start } from '../server.ts';
import { attach } from '../strace.ts';
import { DATA_FILE, WAL_FILE } from './damage.ts';
import { audit, createStreams, load, newReceipts } from './receipts.ts';
import { pause } from './within.ts';

const LOAD_MS = 4000;

export interface Opens {
  readonly violations: Violation[];
  /** By SQLite itself: the thread that moves the WAL, snapshots. */
  readonly bySqlite: number;
}

/** Has a server do all that touches the data, and looks at who opens its files. */
export async function watchOpens(dataDir: string, context: Context): Promise<Opens> {
  const server = await start({ build: context.build, dataDir }, context.cleanup);
  const log = join(context.directory, 'opens.log');
  const options = ['-f', '-p', String(server.pid), '-s', '300', '-e', 'trace=open,openat'];
  const detach = await attach(options, { log, attachments: 1 }, context.cleanup);
  const receipts = newReceipts();
  await createStreams(server.url);
  const endMs = performance.now() + LOAD_MS;
  await load(server.url, receipts, () => performance.now() > endMs, 12);
  await audit(server.url, dataDir, receipts);
  await fetch(`${server.url}/_health`).then((response) => response.text());
  await fetch(`${server.url}/metrics`).then((response) => response.text());
  await fetch(`${server.url}/_millrace/snapshot`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  }).then((response) => response.text());
  await pause(200);
  await detach();
  await server.end('SIGTERM');
  const opens = opensIn(readFileSync(log, 'latin1'), dataDir);
  const foreign = opens.filter((line) => !isOfSqlite(line));
  return {
    bySqlite: opens.length - foreign.length,
    violations: foreign.map((line) => ({
      guarantee: 'OnlySqliteOpens',
      message: `The server itself opened the data file: ${line}`,
    })),
  };
}

/** Lines of the trace with an open that succeeded of the data file, its WAL or its shared memory. */
export const opensIn = (log: string, dataDir: string): string[] =>
  log.split('\n').filter((line) => {
    const [, path, result] = /open(?:at)?\((?:AT_FDCWD, )?"([^"]*)".*\) = (-?\d+)/.exec(line) ?? [];
    if (path === undefined || Number(result) < 0) return false;
    return [DATA_FILE, WAL_FILE, `${DATA_FILE}-shm`].some((name) => path === join(dataDir, name));
  });

/** SQLite says in every open of these files that it follows no symbolic links. Node does not unless it is asked to. */
export const isOfSqlite = (line: string): boolean => /O_NOFOLLOW/.test(line);
