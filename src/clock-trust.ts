/**
 * Whether the wall clock can be believed. One that is wrong, as after a suspend or before the first synchronisation, must
 * not cost data: what deletes by age asks here, and waits for ten minutes after the clock seems to have jumped.
 */
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

const HOUR_MS = 3_600_000;
/** A clock that went forward by so much at once is not trusted for a while. */
const JUMP_MS = HOUR_MS;
/** Nor is one that, at the start, is so far from the newest instant that is stored. Longer than a night. */
const GAP_MS = 48 * HOUR_MS;
const GRACE_MS = 10 * 60_000;

/**
 * Tells, each time it is asked, whether the wall clock has been steady. `newestMs` is the newest instant that is stored;
 * null when there is none.
 */
export function createClockTrust({ clock, log }: { clock: Clock; log: Log }, newestMs: number | null): () => boolean {
  let last = { wallMs: clock.now(), steadyMs: clock.monotonicMs() };
  let graceEndsMs = last.wallMs - (newestMs ?? last.wallMs) > GAP_MS ? last.steadyMs + GRACE_MS : 0;
  return () => {
    const current = { wallMs: clock.now(), steadyMs: clock.monotonicMs() };
    const jumpedMs = current.wallMs - last.wallMs - (current.steadyMs - last.steadyMs);
    last = current;
    if (jumpedMs > JUMP_MS) {
      graceEndsMs = current.steadyMs + GRACE_MS;
      log.warn({ jumpedMs }, 'The clock went forward at once; deletion of expired records waits ten minutes.');
    }
    return current.steadyMs >= graceEndsMs;
  };
}
