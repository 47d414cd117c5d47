/** Whether something that nobody caught was thrown in this process, where the servers of the tests run. */
import { afterAll, beforeAll, expect } from 'vitest';

/** Fails the file that calls it at its top level when an exception or a rejection was caught by nobody meanwhile. */
export function expectNothingUncaught(): void {
  const uncaught: unknown[] = [];
  const note = (reason: unknown): void => void uncaught.push(reason);
  beforeAll(() => {
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
  });
  afterAll(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
    expect(uncaught, 'S21: nobody caught these').toEqual([]);
  });
}
