/** Waiting for what should happen soon. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Far above TRANSITION_MS, the pause of a sweep or a delivery. */
const LIMIT_MS = 5000;
const POLL_MS = 10;

/** Looks again and again until what is seen is settled; returns what was seen last, settled or not. */
export async function settle<T>(
  look: () => T | Promise<T>,
  isSettled: (seen: T) => boolean,
  limitMs = LIMIT_MS,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (isSettled(seen) || performance.now() > endMs) return seen;
    await sleep(POLL_MS);
  }
}
