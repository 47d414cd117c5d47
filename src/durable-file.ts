/** Making files and directories last: what is named in a directory is there after a power cut when that was synced. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Puts on disk what is known of a file or a directory. Never to be called for a database that is open. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Whether it was only refused to sync: not everywhere can a file be synced that was opened for reading, that belongs to
 * somebody else, or that lies where nothing can be written.
 */
export const isSyncRefused = (error: unknown): boolean =>
  /^(EPERM|EACCES|EINVAL|EROFS|EBADF|ENOTSUP)$/.test((error as NodeJS.ErrnoException).code ?? '');

/** Like `syncPath`, for what somebody else may have put there; where that is refused, it is theirs to care for. */
export function syncForeign(path: string): void {
  try {
    syncPath(path);
  } catch (error) {
    if (!isSyncRefused(error)) throw error;
  }
}

/**
 * Makes a directory for the user alone, and the missing ones above it, each synced into its parent. Not mkdir's own
 * recursion: where even root may not make a directory, such as /proc, Node repeats it for ever.
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  makeDirectory(parent);
  mkdirSync(path, { mode: 0o700 });
  syncPath(parent);
}

/** Like `makeDirectory`, and certain also when a process was killed that had just made it. */
export function settleDirectory(path: string): void {
  makeDirectory(path);
  syncForeign(dirname(path));
}

/** Writes a file for the user alone: after a power cut it is as it was before, or as it is now. */
export function replaceFile(path: string, content: string | Buffer): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  syncPath(dirname(path));
}
