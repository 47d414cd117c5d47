/**
 * One process per data directory. The lock is SQLite's own, on a file of its own: the kernel frees it the moment the
 * holder dies, so there is no stale lock to clean up, and the data file stays open to readers.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../refusal.ts';
import { openHandle } from './handle.ts';

export interface InstanceLock {
  /** Tells others where this instance listens. Only a note for people and scripts: nothing depends on it. */
  announce(note: object): void;
  release(): void;
}

/**
 * Takes the lock of `directory` for the life of this process.
 * @throws Refusal `dataInUse` with the pid of the holder when another process has it.
 */
export function acquireInstanceLock(directory: string): InstanceLock {
  const notePath = join(directory, 'instance.json');
  const lockPath = join(directory, 'lock.db');
  const handle = openHandle(lockPath);
  try {
    handle.pragma('locking_mode = exclusive');
    // Otherwise taking the lock would need room on the disk.
    handle.pragma('journal_mode = memory');
    handle.exec('begin exclusive');
  } catch (error) {
    handle.close();
    const { code = '', message } = error as { code?: string; message: string };
    if (!code.startsWith('SQLITE_BUSY')) {
      throw new Refusal('dataNotUsable', `${lockPath} cannot be used (${message}); remove it or set DATA_DIR.`);
    }
    throw new Refusal(
      'dataInUse',
      `The data directory ${directory} is in use by another Millrace${holder(notePath)}; stop it or set DATA_DIR.`,
    );
  }
  // What a killed instance left is not true any more.
  rmSync(notePath, { force: true });
  return {
    announce: (note) => writeFileSync(notePath, `${JSON.stringify({ pid: process.pid, ...note })}\n`),
    release() {
      rmSync(notePath, { force: true });
      handle.close();
    },
  };
}

/**
 * What the note says of the holder. Between the moment when a start has the lock and the moment when it removes the
 * note, the note is still that of an instance that was killed: nobody is sent after a process that is gone.
 */
function holder(notePath: string): string {
  try {
    const { pid, url } = JSON.parse(readFileSync(notePath, 'utf8')) as { pid: number; url: string };
    return isRunning(pid) ? ` (pid ${pid}, ${url})` : '';
  } catch {
    return '';
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
