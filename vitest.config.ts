import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites that start real processes share two cores with everything else.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
  },
});
