/**
 * What a copy of the program with failpoints runs at each of them; see faults/failpoint-table.ts. An order in a file,
 * which may come while the program runs, says what happens at which point, and the how-manieth time. Each thread looks
 * for it by itself. When it was carried out, the file has another name: so it happens once.
 *
 * Imported by the copy only, in which this file stands alone.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

export const ACTIONS = ['exit', 'kill', 'throw', 'sleep', 'wait'] as const;
/** `wait`: for as long as the file of the order that was carried out is there. */
export type Action = (typeof ACTIONS)[number];

export interface Order {
  readonly point: string;
  readonly action: Action;
  /** 1: the first time that the point is reached. */
  readonly hit: number;
}

/** The environment variable with the path of the file. */
export const ORDER_VARIABLE = 'FAILPOINT_ORDER';

/** The exit code of `exit`, which the program does not use. */
export const EXIT_CODE = 77;

export const carriedOut = (path: string): string => `${path}.carried-out`;

/** An order is known to a program at the first failpoint that it reaches after this time. */
export const LOOK_MS = 10;
const SLEEP_MS = 200;

const path = process.env[ORDER_VARIABLE];
let order: Order | undefined;
let known: string | undefined;
let hits = 0;
let lookAgainMs = 0;

function failpoint(point: string): void {
  if (path === undefined) return;
  const nowMs = performance.now();
  if (nowMs >= lookAgainMs) {
    lookAgainMs = nowMs + LOOK_MS;
    look(path);
  }
  if (order?.point !== point) return;
  hits += 1;
  if (hits < order.hit) return;
  const { action } = order;
  order = undefined;
  if (!take(path)) return;
  if (action === 'exit') process.exit(EXIT_CODE);
  if (action === 'kill') process.kill(process.pid, 'SIGKILL');
  if (action === 'throw') throw new Error(`Thrown at the failpoint "${point}".`);
  if (action === 'sleep') sleep(SLEEP_MS);
  if (action === 'wait') while (read(carriedOut(path)) !== undefined) sleep(5);
}

/** Takes note of a new order, and of one that was withdrawn. */
function look(from: string): void {
  const text = read(from);
  if (text === known) return;
  known = text;
  order = text === undefined ? undefined : (JSON.parse(text) as Order);
  hits = 0;
}

function read(from: string): string | undefined {
  try {
    return readFileSync(from, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether it is this thread that carries the order out. */
function take(from: string): boolean {
  try {
    renameSync(from, carriedOut(from));
    return true;
  } catch {
    return false;
  }
}

/** The whole thread stands still, as the program does when the disk takes its time. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Gives an order to whoever has it in its environment; the one before, carried out or not, is forgotten. */
export function give(to: string, next: Order): void {
  const draft = `${to}.draft`;
  writeFileSync(draft, JSON.stringify({ ...next, givenMs: performance.now() }));
  renameSync(draft, to);
}

(globalThis as { failpoint?: typeof failpoint }).failpoint = failpoint;
