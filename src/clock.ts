/**
 * Time, timers and chance. This file is the only one that reads a clock, sets a timer or draws a random byte;
 * test/tidy.test.ts enforces it, so that a test which replaces the clock controls everything that happens.
 */
import { randomFillSync, randomUUID } from 'node:crypto';

export interface Clock {
  /** Wall time in milliseconds since the epoch. A request reads it once, as `call.now`. */
  now(): number;
  /** Milliseconds since the process started. Never goes back; for measuring, never for storing. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs`. The timer does not keep the process alive. Returns its cancellation. */
  after(delayMs: number, action: () => void): () => void;
  /** `count` random bytes fit for keys and nonces. */
  randomBytes(count: number): Buffer;
  /** A random UUID in its usual text form. */
  randomUuid(): string;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  randomBytes: pooledRandomBytes(),
  randomUuid: () => randomUUID(),
};

/** Draws from the operating system 8 KiB at a time: one system call serves some hundred requests. */
function pooledRandomBytes(): (count: number) => Buffer {
  const pool = Buffer.alloc(8192);
  let used = pool.length;
  return (count) => {
    if (count > pool.length) return randomFillSync(Buffer.alloc(count));
    if (used + count > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += count;
    return Buffer.from(pool.subarray(used - count, used));
  };
}

/** Waits `delayMs`, or until `signal` is aborted: nobody who stops the server waits for a pause. */
export function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
