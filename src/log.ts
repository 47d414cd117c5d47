/** Structured log: one JSON line per entry on standard error, so that standard output carries only the ready line. */
import { pino } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
export const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** The part of pino's logger that the program uses: fields first, then the sentence. */
export interface Log {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** Lines are written synchronously: the last line before a crash is the one that matters most. */
export function createLog(level: LogLevel): Log {
  const destination = pino.destination({ dest: 2, sync: true });
  // A log that nobody takes any more, on a full disk say, stops no request.
  destination.on('error', () => {});
  return pino({ level, base: null }, destination);
}
