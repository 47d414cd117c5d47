/** A clock whose long timers run only when a test fires them: limits of seconds are tested without waiting for them. */
import { systemClock } from '../../src/clock.ts';
import { createTestClock, type TestClock } from './clock.ts';

export interface ManualClock extends TestClock {
  /** How many timers of `delayMs` are set. */
  waiting(delayMs: number): number;
  /** Runs every timer of `delayMs` now. */
  fire(delayMs: number): void;
  /** Resolves when timers of `delayMs`, a short pause, have run `times` times: somebody waits for something in vain. */
  ran(delayMs: number, times: number): Promise<void>;
}

/** Pauses up to this length are real: they are steps of a loop, not limits. */
const SHORT_MS = 100;

interface Timer {
  readonly delayMs: number;
  readonly action: () => void;
}

export function createManualClock(): ManualClock {
  const timers = new Set<Timer>();
  const runs = new Map<number, number>();
  const watchers = new Set<() => void>();

  const afterShort = (delayMs: number, action: () => void) =>
    systemClock.after(delayMs, () => {
      runs.set(delayMs, (runs.get(delayMs) ?? 0) + 1);
      action();
      for (const watcher of watchers) watcher();
    });
  const afterLong = (delayMs: number, action: () => void) => {
    const timer = { delayMs, action };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const of = (delayMs: number) => [...timers].filter((timer) => timer.delayMs === delayMs);
  return {
    ...createTestClock(),
    after: (delayMs, action) => (delayMs <= SHORT_MS ? afterShort : afterLong)(delayMs, action),
    waiting: (delayMs) => of(delayMs).length,
    fire(delayMs) {
      for (const timer of of(delayMs)) {
        timers.delete(timer);
        timer.action();
      }
    },
    ran: (delayMs, times) =>
      new Promise((resolve) => watchers.add(() => (runs.get(delayMs) ?? 0) >= times && resolve())),
  };
}
