/**
 * How long the server's event loop stands still, seen from outside: a thread of its own asks for the health page every
 * few milliseconds, on one connection, and remembers the longest answer. The machine itself is noisy, so one figure
 * alone says little: what counts is the difference to the same load without the disturbance, measured several times.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Cleanup } from '../bench/cleanup.ts';

export interface Stall {
  readonly longestMs: number;
  readonly p99Ms: number;
  readonly answers: number;
  /** Questions that were not answered with 200. */
  readonly failures: number;
}

export interface StallProbe {
  /** What was measured since the last time. */
  read(): Promise<Stall>;
  stop(): Promise<void>;
}

/** Begins to ask the server at `url`. */
export function probeStall(url: string, cleanup: Cleanup): StallProbe {
  const worker = new Worker(new URL('./stall-worker.js', import.meta.url), { workerData: { url } });
  const stop = async () => void (await worker.terminate());
  cleanup.add(stop);
  return {
    async read() {
      worker.postMessage(null);
      const [stall] = (await once(worker, 'message')) as [Stall];
      return stall;
    },
    stop,
  };
}

export interface StallComparison {
  /** Of the try that was no stall, or in which they differed least: the others are put down to the machine. */
  readonly calmMs: number;
  readonly disturbedMs: number;
  /** In all tries. */
  readonly failures: number;
}

/** Above this the disturbance, and not the machine, is what made the server stand still. */
const STALL_LIMIT_MS = 50;

/** Where the calm phase has long answers as well, the cores are busy with others. A server that waits takes seconds. */
const STALL_FACTOR = 2;

/** Whether it was the disturbance that made the server stand still, and not the machine. */
export const isStall = (calmMs: number, disturbedMs: number): boolean =>
  disturbedMs - calmMs > STALL_LIMIT_MS && disturbedMs > STALL_FACTOR * calmMs;

const TRIES = 5;

/**
 * Compares the longest answer without and with a disturbance, again when they differ too much: noise does not come back
 * five times, a server that waits for others does.
 */
export async function compareStalls(
  probe: StallProbe,
  phases: { readonly calm: () => Promise<void>; readonly disturbed: () => Promise<void> },
  tries = TRIES,
): Promise<StallComparison> {
  let best: StallComparison | undefined;
  let failures = 0;
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    await probe.read();
    await phases.calm();
    const calm = await probe.read();
    await phases.disturbed();
    const disturbed = await probe.read();
    failures += calm.failures + disturbed.failures;
    const differenceMs = disturbed.longestMs - calm.longestMs;
    const isNone = !isStall(calm.longestMs, disturbed.longestMs);
    if (best === undefined || isNone || differenceMs < best.disturbedMs - best.calmMs) {
      best = { calmMs: calm.longestMs, disturbedMs: disturbed.longestMs, failures };
    }
    if (isNone) break;
  }
  return { ...best!, failures };
}
