import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites that start real processes share two cores and a disk with everything else; where each fsync takes 15 ms, an
    // embedded database that was killed takes 20 seconds to recover.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    isolate: false,
    // Also on a machine with few cores: many tests wait for other processes.
    maxWorkers: Math.max(3, availableParallelism()),
  },
});
