/** A wall clock that a scenario moves while the server runs: libfaketime, preloaded. Timers keep real time. */
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = join('faketime', 'libfaketime.so.1');

export class MovedClock {
  readonly #path: string;
  #offsetMs = 0;

  /** `directory` is where the file lies by which the clock is moved. */
  constructor(directory: string) {
    this.#path = join(directory, 'clock');
    this.moveTo(Date.now());
  }

  /** For the server whose clock it is. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: libraryPath(),
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /** From here on it goes on from the instant `ms`, as fast as ever. */
  moveTo(ms: number): void {
    this.#offsetMs = ms - Date.now();
    const seconds = this.#offsetMs / 1000;
    // Renamed, so that the server never reads half of it.
    writeFileSync(`${this.#path}.new`, `${seconds < 0 ? '' : '+'}${seconds.toFixed(3)}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }

  moveBy(ms: number): void {
    this.moveTo(this.now() + ms);
  }
}

/** Where Debian and others put it depends on the processor. */
function libraryPath(): string {
  const places = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))];
  const place = places.find((candidate) => existsSync(join(candidate, LIBRARY)));
  if (place === undefined) throw new Error('There is no libfaketime.so.1 below /usr/lib.');
  return join(place, LIBRARY);
}
