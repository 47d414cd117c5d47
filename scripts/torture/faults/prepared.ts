/** Data directories for the catalogue of damages: moments in the life of one database, and two of others. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../scenario.ts';
import { type Server, start } from '../server.ts';
import { flush } from './api.ts';
import { Copy, DATA_FILE, WAL_FILE } from './damage.ts';
import { copyOf, createStreams, DELIVERY_STREAM, load, newReceipts, type Receipts } from './receipts.ts';
import { isAllMoved, parseWal } from './wal-file.ts';

/** A data directory, and what whoever serves it must answer for. */
export interface Moment {
  readonly directory: string;
  readonly receipts: Receipts;
}

export interface Prepared {
  /** Stopped in order, some time before the others. */
  readonly early: Moment;
  /** Killed, some time before `killed`. */
  readonly older: Moment;
  /** Killed under load: its WAL has many commits. */
  readonly killed: Moment;
  /** The same, then stopped in order: everything is in the data file. */
  readonly stopped: Moment;
  /** Another database, with fewer commits; and one with more. */
  readonly other: Moment;
  readonly busier: Moment;
}

const LOAD_MS = 700;
/** With fewer the damages in the middle of the WAL would mean nothing. */
const COMMITS_MIN = 40;
const LOADS_MAX = 20;
const LIVES_MAX = 10;

export async function prepare(context: Context): Promise<Prepared> {
  const { directory } = context;
  const live = join(directory, 'live');
  const receipts = newReceipts();
  const keep = (name: string): Moment => {
    const moment = { directory: join(directory, name), receipts: copyOf(receipts) };
    cpSync(live, moment.directory, { recursive: true });
    return moment;
  };

  const first = await launch(live, context);
  await createStreams(first.url);
  await loadFor(LOAD_MS, first, receipts);
  await flush(first.url, DELIVERY_STREAM);
  await loadFor(LOAD_MS, first, receipts);
  await end(first, 'SIGTERM');
  const early = keep('early');

  await runAndKill(live, receipts, context);
  const older = keep('older');
  await runAndKill(live, receipts, context);
  const killed = keep('killed');

  await end(await launch(live, context), 'SIGTERM');
  const stopped = keep('stopped');
  const other = await another('other', { loadMs: LOAD_MS / 2, clients: 3 }, context);
  // One client, so that each request is a commit of its own.
  const busier = await another('busier', { loadMs: 8 * LOAD_MS, clients: 1 }, context);
  return { early, older, killed, stopped, other, busier };
}

const launch = (dataDir: string, { build, cleanup }: Context): Promise<Server> => start({ build, dataDir }, cleanup);

/**
 * Everything is acknowledged when the clients have ended: the kill takes nothing back that nobody knows of. Some of it
 * is in the WAL alone.
 */
async function runAndKill(dataDir: string, receipts: Receipts, context: Context): Promise<void> {
  for (let lives = 0; lives === 0 || isAllMoved(new Copy(dataDir).read(`${DATA_FILE}-shm`)); lives += 1) {
    if (lives === LIVES_MAX) throw new Error(`All of the WAL in ${dataDir} is moved at each kill.`);
    await runOnceAndKill(dataDir, receipts, context);
  }
}

async function runOnceAndKill(dataDir: string, receipts: Receipts, context: Context): Promise<void> {
  const server = await launch(dataDir, context);
  for (let loads = 0; loads === 0 || commitsIn(dataDir) < COMMITS_MIN; loads += 1) {
    if (loads === LOADS_MAX) throw new Error(`The WAL in ${dataDir} does not get ${COMMITS_MIN} commits.`);
    await loadFor(LOAD_MS, server, receipts);
  }
  await end(server, 'SIGKILL');
}

const commitsIn = (dataDir: string): number =>
  parseWal(new Copy(dataDir).read(WAL_FILE)).frames.filter(({ isCommit }) => isCommit).length;

async function another(
  name: string,
  { loadMs, clients }: { loadMs: number; clients: number },
  context: Context,
): Promise<Moment> {
  const directory = join(context.directory, name);
  const receipts = newReceipts();
  const server = await launch(directory, context);
  await createStreams(server.url);
  await loadFor(loadMs, server, receipts, clients);
  await end(server, 'SIGKILL');
  return { directory, receipts };
}

async function loadFor(ms: number, { url }: Server, receipts: Receipts, clients?: number): Promise<void> {
  const endMs = performance.now() + ms;
  await load(url, receipts, () => performance.now() > endMs, clients);
}

async function end(server: Server, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const { code } = await server.end(signal);
  if (signal === 'SIGTERM' && code !== 0) throw new Error(`The server ended with ${code}: ${server.stderr()}`);
}

/**
 * Where the bytes of a record begin in the data file. Pages that were divided still hold what was moved to another page,
 * and the places do not tell which of them counts.
 */
export function placesOf(needle: string, copy: Copy): readonly number[] {
  const content = copy.read(DATA_FILE);
  const places: number[] = [];
  for (let at = content.indexOf(needle); at !== -1; at = content.indexOf(needle, at + 1)) places.push(at);
  if (places.length === 0)
    throw new Error(`${copy.path(DATA_FILE)} does not hold ${needle.slice(0, 80)} in one piece.`);
  return places;
}
