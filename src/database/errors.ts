/** What errors of the database mean for a request and for the process. */
import type { ExitReason } from '../refusal.ts';

/** The data file, or its write-ahead log, is not the one any more that was opened. */
export class DataReplaced extends Error {
  override readonly name = 'DataReplaced';
}

const codeOf = (error: unknown) => String((error as { code?: unknown } | null)?.code ?? '');

/** Another process is in the way, for now. */
export const isBusy = (error: unknown) => codeOf(error).startsWith('SQLITE_BUSY');

/** There is no room for the write, or for the index of the write-ahead log. Nothing is wrong with what is there. */
export const isFull = (error: unknown) => /^SQLITE_(FULL|IOERR_SHMSIZE)$/.test(codeOf(error));

/** After these the pages in memory may differ from those on disk, whatever SQLite says next: stop, do not go on. */
export const isFatal = (error: unknown) =>
  error instanceof DataReplaced ||
  (/^SQLITE_(IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN)/.test(codeOf(error)) && !isFull(error));

/** With which reason a process ends because of `error`. */
export function reasonOfFatal(error: unknown): ExitReason {
  if (error instanceof DataReplaced) return 'dataReplaced';
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))) return 'damagedData';
  return isFatal(error) ? 'diskFailed' : 'failure';
}
