/** A database without a server around it. */
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { openHandle } from '../../src/database/handle.ts';
import { createTestLog } from './log.ts';
import { temporaryDirectory } from './server.ts';

/** A new one, and a handle that sees what others see of it. Both are closed when the test is over. */
export async function openTestDatabase(): Promise<{ database: Database; other: BetterSqlite3.Database }> {
  const directory = temporaryDirectory();
  const database = await openDatabase({
    directory,
    clock: systemClock,
    log: createTestLog(),
    version: '0',
    reserveBytes: 0,
    acceptDataLoss: false,
    onFatal: (error) => {
      throw error;
    },
  });
  const other = openHandle(join(directory, 'millrace.db'));
  onTestFinished(async () => {
    other.close();
    await database.close();
  });
  return { database, other };
}
