import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites that start real processes share two cores with everything else.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    isolate: false,
    // Also on a machine with few cores: many tests wait for other processes.
    maxWorkers: Math.max(3, availableParallelism()),
  },
});
