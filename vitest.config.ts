import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

/** They take long: `npm run test:kill`, `test:clients` and `test:long` name them, and so can you. */
const LONG = [
  'test/clients/companions.test.ts',
  'test/clients/fan-out.test.ts',
  'test/firehose/redshift/embedded.test.ts',
  'test/recovery/channel-kill.test.ts',
  'test/recovery/destinations-kill.test.ts',
];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...LONG.filter((file) => !process.argv.includes(file))],
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
