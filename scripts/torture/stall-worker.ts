/**
 * The thread of stall.ts: asks for the health page without a break, one question at a time, and answers every message
 * with what it has measured since the last one.
 */
import { Agent, get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import type { Stall } from './stall.ts';

const { url } = workerData as { url: string };
const PAUSE_MS = 5;
const TIMEOUT_MS = 30_000;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let timesMs: number[] = [];
let failures = 0;
/** When the question was asked that has no answer yet. */
let askedMs: number | undefined;
/** What came before was told; a question that was open then counts from here on. */
let readMs = 0;

function question(): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/_health`, { agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error('No answer.')));
    request.once('error', reject);
  });
}

async function askOn(): Promise<never> {
  for (;;) {
    const beganMs = performance.now();
    askedMs = beganMs;
    const status = await question().catch(() => 0);
    askedMs = undefined;
    if (status === 200) timesMs.push(performance.now() - Math.max(beganMs, readMs));
    else failures += 1;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

parentPort!.on('message', () => {
  // A question that is still open counts with the time that it has taken so far.
  const open = askedMs === undefined ? [] : [performance.now() - Math.max(askedMs, readMs)];
  const sorted = [...timesMs, ...open].sort((a, b) => a - b);
  const p99Ms = sorted[Math.floor((sorted.length - 1) * 0.99)] ?? 0;
  const stall: Stall = { longestMs: sorted.at(-1) ?? 0, p99Ms, answers: timesMs.length, failures };
  timesMs = [];
  failures = 0;
  readMs = performance.now();
  parentPort!.postMessage(stall);
});

void askOn();
