/**
 * Keeps the WAL short without stopping anybody. Copying thousands of pages and syncing the data file takes a second
 * when a reader has held the WAL for a while; on the main thread no request would be answered meanwhile. So a worker
 * copies, and the main thread only finishes the little that was written while the worker copied, because the WAL can
 * start anew only when all of it is in the data file.
 *
 * Nothing that was acknowledged depends on this: what is in the WAL is on disk.
 */
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type BetterSqlite3 from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

/** Pages in the WAL from which on they are moved: 16 MiB. */
const PAGES_MOVED_FROM = 2000;

/**
 * Pages that the main thread moves itself: a few milliseconds. On a slow disk under load more than these are always new
 * when the worker is done; the share of the WAL makes sure that it ends all the same.
 */
const PAGES_FINISHED = 500;
const SHARE_FINISHED = 1 / 8;

const PAGE_BYTES = 8192;

/** What must be left of the disk when the WAL was moved. */
const ROOM_BYTES = 1024 * 1024;

/** A WAL file above this size is cut when it is empty: 64 MiB. */
const PAGES_CUT_FROM = 8192;

/** While a reader pins the WAL, it may grow to this size, and as long as this much of the disk is left: 256 MiB, or 5 %. */
const PINNED_BYTES_MAX = 2 * 1024 ** 3;
const FREE_BYTES_MIN = 256 * 1024 ** 2;
const FREE_SHARE_MIN = 0.05;

/** How often the WAL is looked at while there are commits, and while a reader pins it. */
const LOOK_MS = 100;
const PINNED_LOOK_MS = 1000;

interface Progress {
  /** 1 when somebody else was in the way. */
  readonly busy: number;
  /** Pages in the WAL. */
  readonly log: number;
  /** Pages of it that are in the data file. */
  readonly checkpointed: number;
}

type Answer = Progress | { readonly error: { readonly code: string; readonly message: string } };

export interface CheckpointerOptions {
  readonly handle: BetterSqlite3.Database;
  readonly clock: Clock;
  readonly log: Log;
  /** How much of the disk is free, and how large it is. */
  readonly room: () => { readonly freeBytes: number; readonly totalBytes: number };
  /** Called for every failed checkpoint; it is tried again. The owner decides which errors end the process. */
  readonly onError: (error: Error) => void;
  /** Called when the worker itself has failed. */
  readonly onFatal: (error: Error) => void;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #file: { readonly path: string; readonly dev: number; readonly ino: number };
  #worker: Worker | undefined;
  #isClosed = false;
  #isWorking = false;
  readonly #onRest: (() => void)[] = [];
  #isLookPlanned = false;
  #isWarned = false;
  #isCutWanted = false;
  #checkpointedBefore = 0;
  #obstacle: string | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    const path = options.handle.name;
    const { dev, ino } = statSync(path);
    this.#file = { path, dev, ino };
  }

  /** Started when there is something to move for the first time: many servers never get that far. */
  #startWorker(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.js', import.meta.url), { workerData: this.#file });
    worker.on('message', (answer: Answer) => {
      this.#rest();
      this.#attempt(() => this.#finish(answer));
    });
    worker.on('error', (error) => {
      this.#rest();
      this.#options.onFatal(error);
    });
    return worker;
  }

  /** Why nothing more may be written into the WAL, as a sentence; undefined when it may. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /** To be called after every commit; cheap. */
  committed(): void {
    this.#planLook(LOOK_MS);
  }

  /**
   * Moves the whole WAL and cuts it, soon: after the file was shrunk, this is the moment when the file system gets its
   * space back.
   */
  cut(): void {
    this.#isCutWanted = true;
    this.#planLook(0);
  }

  /**
   * Moves the WAL and cuts it at once, on this thread, as far as no reader is in the way. For a disk that is full. Returns
   * how many bytes of room moving the rest will take.
   */
  cutAtOnce(): number {
    this.#attempt(() => {
      if (this.#hasRoom()) this.#walk('TRUNCATE');
    });
    return this.#growthBytes();
  }

  /** Ends the worker. */
  async close(): Promise<void> {
    await this.stop();
    await this.#worker?.terminate();
  }

  /**
   * Begins nothing more. Resolves when the worker is not inside of SQLite: a worker that is ended there, also by the end
   * of the process, aborts the process if its checkpoint fails, because better-sqlite3 cannot make the error any more.
   */
  stop(): Promise<void> {
    this.#isClosed = true;
    return this.#isWorking ? new Promise((resolve) => this.#onRest.push(resolve)) : Promise.resolve();
  }

  #rest(): void {
    this.#isWorking = false;
    this.#worker?.unref();
    for (const listener of this.#onRest.splice(0)) listener();
  }

  #planLook(delayMs: number): void {
    if (this.#isLookPlanned || this.#isWorking) return;
    this.#isLookPlanned = true;
    this.#options.clock.after(delayMs, () => {
      this.#isLookPlanned = false;
      this.#attempt(() => this.#look());
    });
  }

  /** A step that fails, for instance because the disk is full, is tried again later. */
  #attempt(step: () => void): void {
    if (this.#isClosed) return;
    try {
      step();
    } catch (error) {
      this.#options.onError(error as Error);
      this.#planLook(PINNED_LOOK_MS);
    }
  }

  #look(): void {
    const { log, checkpointed } = this.#walk('NOOP');
    const isMuch = log - checkpointed >= PAGES_MOVED_FROM;
    // Whoever moved it, the reader that was in the way is gone.
    if (!isMuch) this.#reportProgress();
    if (isMuch || this.#isCutWanted) this.#work();
    else if (log >= PAGES_CUT_FROM) this.#cutNow();
  }

  #reportProgress(): void {
    this.#isWarned = false;
    this.#obstacle = undefined;
  }

  #work(): void {
    this.#assertRoom();
    this.#isWorking = true;
    this.#worker ??= this.#startWorker();
    // Whoever waits for its end must not wait in a process that ends because nothing else is to be done.
    this.#worker.ref();
    this.#worker.postMessage(null);
  }

  #finish(answer: Answer): void {
    if ('error' in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    const isStuck = answer.checkpointed === this.#checkpointedBefore && answer.checkpointed < answer.log;
    this.#checkpointedBefore = answer.checkpointed;
    const { log, checkpointed } = this.#walk('NOOP');
    if (isStuck) return this.#waitForReader(log);
    this.#reportProgress();
    if (log - checkpointed > Math.max(PAGES_FINISHED, log * SHARE_FINISHED)) return this.#work();
    this.#assertRoom();
    if (this.#isCutWanted || log >= PAGES_CUT_FROM) this.#cutNow();
    else this.#walk('PASSIVE');
    this.#planLook(LOOK_MS);
  }

  #cutNow(): void {
    const { busy } = this.#walk('TRUNCATE');
    if (busy === 0) this.#isCutWanted = false;
  }

  /** Somebody's long transaction keeps the WAL from being moved. It is never waited for; the WAL grows meanwhile. */
  #waitForReader(log: number): void {
    if (log >= PAGES_CUT_FROM && !this.#isWarned) {
      this.#isWarned = true;
      const megabytes = Math.round((log * PAGE_BYTES) / (1024 * 1024));
      this.#options.log.warn({ megabytes }, "Another program's read transaction keeps the write-ahead log growing.");
    }
    this.#obstacle = this.#limitOf(log * PAGE_BYTES);
    this.#planLook(PINNED_LOOK_MS);
  }

  /** Before the disk is full, and nothing can be done any more, writes are refused. */
  #limitOf(walBytes: number): string | undefined {
    const { freeBytes, totalBytes } = this.#options.room();
    const neededBytes = this.#growthBytes() + Math.min(FREE_BYTES_MIN, totalBytes * FREE_SHARE_MIN);
    if (walBytes <= PINNED_BYTES_MAX && freeBytes >= neededBytes) return undefined;
    return "Another program's read transaction keeps the write-ahead log from being moved, and there is no more room for it: end that transaction.";
  }

  /** A move that cannot end only takes the room that is left: the WAL becomes no shorter before it is moved as a whole. */
  #hasRoom(): boolean {
    const growthBytes = this.#growthBytes();
    return growthBytes === 0 || growthBytes + ROOM_BYTES <= this.#options.room().freeBytes;
  }

  #assertRoom(): void {
    if (this.#hasRoom()) return;
    throw Object.assign(new Error('there is no room to move the write-ahead log'), { code: 'SQLITE_FULL' });
  }

  /** By how much the data file grows when all of the WAL is moved. */
  #growthBytes(): number {
    const pages = this.#options.handle.pragma('page_count', { simple: true }) as number;
    const size = statSync(this.#file.path, { throwIfNoEntry: false })?.size ?? 0;
    return Math.max(0, pages * PAGE_BYTES - size);
  }

  /** One step on the main thread; none of these waits for anybody, because busy_timeout is 0. */
  #walk(mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE'): Progress {
    const [progress] = this.#options.handle.pragma(`wal_checkpoint(${mode})`) as Progress[];
    return progress!;
  }
}
