/** What must be undone however the benchmark ends: children that run, directories that exist. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Cleanup {
  readonly #undos: (() => Promise<void> | void)[] = [];
  #running: Promise<void> | undefined;

  add(undo: () => Promise<void> | void): void {
    this.#undos.push(undo);
  }

  /** Undoes everything that was added so far, the last first. Joins a run that is under way. */
  run(): Promise<void> {
    this.#running ??= this.#undoAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #undoAll(): Promise<void> {
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) await undo();
  }
}

/** A new directory that `cleanup` removes. */
export function temporaryDirectory(cleanup: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  cleanup.add(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
