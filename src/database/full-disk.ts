/**
 * What happens when the disk is full. Deleting needs room too, in the write-ahead log, so a reserve is kept for that
 * moment. From then on only what makes room may be written; everything else is refused with one sentence, while reads go
 * on. When there is room again, the reserve is made anew and all goes on as before, without a restart.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { SpaceReserve } from './space-reserve.ts';

/** How often it is tried to go on. */
const RETRY_MS = 1000;

/** Without a reserve, so much room must there be before writes go on: a few of them, and a step of deletion. */
const ROOM_BYTES = 4 * 1024 * 1024;

const OBSTACLE =
  'The disk of DATA_DIR is full, so nothing can be written: free some space, or delete streams; what is stored can be read.';

export interface FullDiskOptions {
  /** How much of the disk is free. */
  readonly room: () => { readonly freeBytes: number };
  readonly reserve: SpaceReserve;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Moves the write-ahead log into the data file and cuts it, as far as that can be done now. Returns how many bytes of
   * room moving the rest will take.
   */
  readonly settleLog: () => number;
}

export class FullDisk {
  readonly #options: FullDiskOptions;
  readonly #listeners: (() => void)[] = [];
  #isFull = false;
  #isClosed = false;

  /** Holds the reserve from now on, if there is room for it. */
  constructor(options: FullDiskOptions) {
    this.#options = options;
    const { reserve } = options;
    if (reserve.sizeBytes === 0) reserve.release();
    else if (!reserve.hold()) options.log.warn({}, 'There is no room for SPACE_RESERVE; the disk is nearly full.');
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Why nothing may be written, as a sentence; undefined when it may. */
  get obstacle(): string | undefined {
    return this.#isFull ? OBSTACLE : undefined;
  }

  /** `listener` is to make room, if it can; it runs when the disk is found to be full, and every second while it is. */
  onFull(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** To be called when there was no room for a write. */
  met(): void {
    const { reserve, log } = this.#options;
    if (this.#isFull || this.#isClosed) return;
    this.#isFull = true;
    log.error({}, OBSTACLE);
    reserve.release();
    this.#makeRoom();
  }

  close(): void {
    this.#isClosed = true;
  }

  #makeRoom(): void {
    for (const listener of this.#listeners) listener();
    this.#tryLater();
  }

  #tryLater(): void {
    this.#options.clock.after(RETRY_MS, () => {
      if (this.#isClosed) return;
      if (!this.#hasRoom(this.#options.settleLog())) return this.#makeRoom();
      this.#isFull = false;
      this.#options.log.warn({}, 'There is room on the disk again; writes go on.');
    });
  }

  /** The room that the log will take must not be given to more of it. */
  #hasRoom(owedBytes: number): boolean {
    const { room, reserve } = this.#options;
    const { freeBytes } = room();
    if (reserve.sizeBytes === 0) return freeBytes >= ROOM_BYTES + owedBytes;
    return freeBytes >= 2 * reserve.sizeBytes + owedBytes && reserve.hold();
  }
}
