/**
 * A clock that a test advances, with its timers: those whose time has come run during the advance, in their order. Timers
 * also run in real time, so that what waits for a moment between two steps of its work goes on by itself.
 */
import { systemClock } from '../../src/clock.ts';
import { createTestClock, type TestClock } from './clock.ts';

export function createTimedClock(): TestClock {
  const clock = createTestClock();
  const timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();
  let passedMs = 0;
  return {
    ...clock,
    after(delayMs, action) {
      const run = (): void => {
        cancel();
        action();
      };
      const timer = { dueMs: passedMs + delayMs, run };
      const cancelReal = systemClock.after(delayMs, run);
      timers.add(timer);
      const cancel = (): void => {
        cancelReal();
        timers.delete(timer);
      };
      return cancel;
    },
    advance(ms) {
      const endMs = passedMs + ms;
      for (;;) {
        const due = [...timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (due === undefined) break;
        const stepMs = Math.max(0, due.dueMs - passedMs);
        clock.advance(stepMs);
        passedMs += stepMs;
        due.run();
      }
      clock.advance(endMs - passedMs);
      passedMs = endMs;
    },
  };
}
