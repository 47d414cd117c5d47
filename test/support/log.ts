/** A log that remembers, so that a test fails when the server complains about something the test did not expect. */
import type { Log } from '../../src/log.ts';

export interface LogEntry {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

export interface TestLog extends Log {
  readonly entries: LogEntry[];
  /** The entries of `level`, taken out. */
  take(level: keyof Log): LogEntry[];
}

export function createTestLog(): TestLog {
  const entries: LogEntry[] = [];
  const at = (level: keyof Log) => (fields: object, message: string) => void entries.push({ level, fields, message });
  return {
    entries,
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    take(level) {
      const taken = entries.filter((entry) => entry.level === level);
      for (const entry of taken) entries.splice(entries.indexOf(entry), 1);
      return taken;
    },
  };
}
