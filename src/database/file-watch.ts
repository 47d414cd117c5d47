/**
 * Watches whether the database's files are still the ones that were opened. SQLite does not notice when somebody removes
 * or replaces them: it goes on writing into files that have no name any more, and all of it is gone with the process.
 * Two calls of stat after each commit tell; nothing is acknowledged before.
 *
 * Only stat: whoever opens the data file and closes it again, in this process, drops SQLite's locks on it.
 */
import { type Stats, statSync } from 'node:fs';
import { DataReplaced } from './errors.ts';

export class FileWatch {
  readonly #path: string;
  readonly #walPath: string;
  readonly #file: Stats | undefined;
  readonly #wal: Stats | undefined;
  #walBytes: number;

  /** Takes the files as they are now for the right ones. There is no write-ahead log in rollback mode. */
  constructor(path: string) {
    this.#path = path;
    this.#walPath = `${path}-wal`;
    this.#file = find(path);
    this.#wal = find(this.#walPath);
    this.#walBytes = this.#wal?.size ?? 0;
  }

  /** The size of the write-ahead log when it was last looked at. */
  get walBytes(): number {
    return this.#walBytes;
  }

  /** @throws DataReplaced when a file is missing, is another one, or cannot be looked at any more */
  assertUnchanged(): void {
    assertSame(this.#path, this.#file);
    if (this.#wal !== undefined) this.#walBytes = assertSame(this.#walPath, this.#wal).size;
  }
}

function assertSame(path: string, before: Stats | undefined): Stats {
  const now = find(path);
  if (now === undefined) throw new DataReplaced(`${path} was removed while it was in use`);
  if (now.ino !== before?.ino || now.dev !== before.dev) {
    throw new DataReplaced(`${path} was replaced by another file while it was in use`);
  }
  return now;
}

function find(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // Whether the next start would find it cannot be told.
    throw new DataReplaced(`${path} cannot be looked at any more (${(error as Error).message})`);
  }
}
