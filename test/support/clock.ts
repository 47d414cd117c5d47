/** A clock that stands still until a test advances it. Timers and randomness are real. */
import { type Clock, systemClock } from '../../src/clock.ts';

export interface TestClock extends Clock {
  /** Moves the wall time by `ms`, which may be negative: a clock that is set back. */
  advance(ms: number): void;
}

/** 2026-01-02T03:04:05.678Z: an instant whose parts are all different. */
export const TEST_START_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function createTestClock(startMs = TEST_START_MS): TestClock {
  let now = startMs;
  return {
    ...systemClock,
    now: () => now,
    advance(ms) {
      now += ms;
    },
  };
}
