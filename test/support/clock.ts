/** A clock that stands still until a test advances it. Timers and randomness are real. */
import { type Clock, systemClock } from '../../src/clock.ts';

export interface TestClock extends Clock {
  /** Lets `ms` pass. */
  advance(ms: number): void;
  /** Sets the wall clock forward or back by `ms`, while no time passes. */
  jump(ms: number): void;
}

/** 2026-01-02T03:04:05.678Z: an instant whose parts are all different. */
export const TEST_START_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function createTestClock(startMs = TEST_START_MS): TestClock {
  let now = startMs;
  let passedMs = 0;
  return {
    ...systemClock,
    now: () => now,
    monotonicMs: () => systemClock.monotonicMs() + passedMs,
    advance(ms) {
      now += ms;
      passedMs += ms;
    },
    jump(ms) {
      now += ms;
    },
  };
}
