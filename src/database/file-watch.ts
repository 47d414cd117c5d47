/**
 * Watches whether the database's files are still the ones that were opened. SQLite does not notice when somebody removes
 * or replaces them: it goes on writing into files that have no name any more, and all of it is gone with the process.
 * Two calls of stat after each commit tell; nothing is acknowledged before.
 *
 * Only stat: whoever opens the data file and closes it again, in this process, drops SQLite's locks on it.
 */
import { type Stats, statSync } from 'node:fs';
import { DataReplaced } from './errors.ts';

const find = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

export class FileWatch {
  readonly #path: string;
  readonly #walPath: string;
  readonly #file: Stats | undefined;
  readonly #wal: Stats | undefined;
  #walBytes = 0;

  /** Takes the files as they are now for the right ones. There is no write-ahead log in rollback mode. */
  constructor(path: string) {
    this.#path = path;
    this.#walPath = `${path}-wal`;
    this.#file = find(path);
    this.#wal = find(this.#walPath);
  }

  /** The size of the write-ahead log when it was last looked at. */
  get walBytes(): number {
    return this.#walBytes;
  }

  /** @throws DataReplaced when a file is missing, or is another one. */
  assertUnchanged(): void {
    this.#assertSame(this.#path, this.#file);
    if (this.#wal !== undefined) this.#walBytes = this.#assertSame(this.#walPath, this.#wal).size;
  }

  #assertSame(path: string, before: Stats | undefined): Stats {
    const now = find(path);
    if (now === undefined) throw new DataReplaced(`${path} was removed while it was in use`);
    if (now.ino !== before?.ino || now.dev !== before.dev) {
      throw new DataReplaced(`${path} was replaced by another file while it was in use`);
    }
    return now;
  }
}
