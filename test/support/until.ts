/** Waits for what other threads or processes do; the test's time limit ends it when it never happens. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
