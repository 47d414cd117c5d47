/**
 * The writer turn: group commit.
 *
 * Bodies queued since the last turn run in one `BEGIN IMMEDIATE … COMMIT`, so that they share one fsync, and a failing
 * body undoes only itself: each has its own savepoint. Appends, which are most of all writes, do without: an append that
 * fails has changed nothing yet, so there is nothing to undo. Should one ever fail later than that, the turn is undone as
 * a whole and done again with a savepoint for everybody. Invariants:
 *
 * - A promise is settled after COMMIT has returned. Whoever awaits it may tell the world: the effect is on disk.
 * - A body is synchronous and runs to its end with nothing in between: reading then writing is atomic.
 * - A turn never waits. When another process holds the write lock, the queue stays and the turn is tried again.
 * - Each turn with an effect counts: the number of the commit is a row of the same transaction.
 */
import type BetterSqlite3 from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { isBusy, isFatal, isFull } from './errors.ts';

/** One turn ends when it has run this many bodies or has taken this long; the rest runs in the next turn. */
const BODIES_PER_TURN = 1000;
const MS_PER_TURN = 20;

/** Bodies that may wait, for instance while another process holds the lock. More are refused. */
const QUEUE_LIMIT = 10_000;

/** How long a foreign lock is waited out before the waiting bodies fail, and the pause between attempts. */
const BUSY_LIMIT_MS = 5000;
const BUSY_PAUSE_MS = [5, 10, 20, 40, 70, 100] as const;

/** The write could not be done now, but the same request may succeed later. Nothing of it was applied. */
export class WriteUnavailable extends Error {
  override readonly name = 'WriteUnavailable';
}

/** What a body may return: anything but a promise, because nothing may be awaited inside a transaction. */
export type Settled<T> = T extends PromiseLike<unknown> ? never : T;

interface Waiting {
  readonly body: () => unknown;
  /** Whether it fails before it changes anything, if it fails. */
  readonly isAppend: boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** An append has failed after it had changed something: a mistake of its author. */
class UndoNeeded extends Error {}

interface Outcome {
  readonly waiting: Waiting;
  readonly error?: unknown;
  readonly value?: unknown;
}

export interface WriterOptions {
  readonly handle: BetterSqlite3.Database;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Called after every turn's commit, before anybody is told of it, with the number of the newest commit that changed
   * rows in this turn. What it throws ends all writing: nothing of the turn is acknowledged then, although it is done.
   */
  readonly onCommit: (commit: number | undefined) => void;
  /** Why nothing may be written now, as a sentence; undefined when it may, or when only what makes room may. */
  readonly obstacle: () => string | undefined;
  /** Why not even room can be made now, because the log would only grow; as a sentence. */
  readonly pinned: () => string | undefined;
  /** Called when there was no room on the disk for a turn. */
  readonly onFull: () => void;
  /** Who holds the write lock, as far as that can be told: for the log. */
  readonly lockHolder: () => string | undefined;
  /** Writes down what memory is ahead of the rows. Called inside of the transaction, wherever undoing or COMMIT may follow. */
  readonly settle: () => void;
  /** How many statements that may change rows were executed so far, together with how often memory got ahead of them. */
  readonly changes: () => number;
  /** Called after something was undone: caches of rows must forget what they saw. */
  readonly onUndo: () => void;
  /** Called when the disk or the file can no longer be trusted: the process must stop acknowledging. */
  readonly onFatal: (error: Error) => void;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #begin: BetterSqlite3.Statement;
  readonly #totalChanges: BetterSqlite3.Statement;
  readonly #count: BetterSqlite3.Statement;
  readonly #commit: BetterSqlite3.Statement;
  readonly #savepoint: BetterSqlite3.Statement;
  readonly #undo: BetterSqlite3.Statement;
  readonly #release: BetterSqlite3.Statement;
  #queue: Waiting[] = [];
  #totalChangesBefore = 0;
  /** Whether appends get savepoints too: after one that would have needed it, until its turn is over. */
  #isCareful = false;
  #scheduled = false;
  #busySinceMs: number | null = null;
  #busyAttempts = 0;
  #mayWait = true;
  #failure: Error | null = null;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#begin = options.handle.prepare('begin immediate');
    this.#totalChanges = options.handle.prepare('select total_changes()').pluck();
    this.#count = options.handle
      .prepare("update server_state set value = value + 1 where name = 'commit' returning value")
      .pluck();
    this.#commit = options.handle.prepare('commit');
    this.#savepoint = options.handle.prepare('savepoint body');
    this.#undo = options.handle.prepare('rollback to body');
    this.#release = options.handle.prepare('release body');
  }

  /**
   * Runs `body` in the next turn. The promise settles after the turn's commit is on disk: with the body's result, or
   * with what it threw (then the body's changes, and only those, were undone).
   * @throws WriteUnavailable when the database cannot take the write now.
   */
  write<T>(body: () => Settled<T>): Promise<T> {
    return this.#enqueue(body, this.#options.obstacle(), false);
  }

  /** Like `write`, and cheaper, for a body whose checks all come before its first change: nothing fails after that. */
  append<T>(body: () => Settled<T>): Promise<T> {
    return this.#enqueue(body, this.#options.obstacle(), true);
  }

  /** Like `write`, for what makes room: it may be all that can be done while nothing else may be written. */
  reclaim<T>(body: () => Settled<T>): Promise<T> {
    return this.#enqueue(body, this.#options.pinned(), false);
  }

  #enqueue<T>(body: () => Settled<T>, obstacle: string | undefined, isAppend: boolean): Promise<T> {
    if (obstacle !== undefined) return Promise.reject(new WriteUnavailable(obstacle));
    return new Promise<T>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (this.#queue.length >= QUEUE_LIMIT) {
        return reject(new WriteUnavailable(`More than ${QUEUE_LIMIT} writes are waiting.`));
      }
      this.#queue.push({ body, isAppend, resolve: resolve as Waiting['resolve'], reject });
      this.#schedule();
    });
  }

  /** From now on no write waits for another process's lock: whoever stops the server does not want to wait for that. */
  stopWaiting(): void {
    this.#mayWait = false;
    if (this.#busySinceMs !== null) this.#refuseWaiting(new WriteUnavailable('The server is stopping.'));
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#queue.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    // The check phase comes after all sockets that are ready were read: their requests join this turn.
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#queue.length === 0 || !this.#beginTurn()) return;
    const outcomes = this.#runBodies();
    let commit: number | undefined;
    try {
      commit = this.#commitTurn(outcomes);
    } catch (error) {
      if (error instanceof UndoNeeded) return this.#repeatCarefully(outcomes);
      if (isBusy(error)) return this.#repeatLater(outcomes);
      this.#failTurn(outcomes, error as Error);
      return this.#schedule();
    }
    this.#isCareful = false;
    this.#endWait();
    try {
      this.#options.onCommit(commit);
    } catch (error) {
      return this.#endWriting(outcomes, error as Error);
    }
    for (const outcome of outcomes) settle(outcome);
    this.#schedule();
  }

  /** Takes the write lock. False when it cannot be had now; then another attempt is scheduled or the queue failed. */
  #beginTurn(): boolean {
    try {
      this.#begin.run();
    } catch (error) {
      if (isBusy(error)) this.#waitForLock();
      else this.#failTurn(this.#queue.splice(0).map(asOutcome), error as Error);
      return false;
    }
    return true;
  }

  #endWait(): void {
    if (this.#busySinceMs === null) return;
    const waitedMs = Math.round(this.#options.clock.monotonicMs() - this.#busySinceMs);
    this.#options.log.info({ waitedMs }, 'The database can be written again.');
    this.#busySinceMs = null;
    this.#busyAttempts = 0;
  }

  #runBodies(): Outcome[] {
    const { clock, handle } = this.#options;
    const endMs = clock.monotonicMs() + MS_PER_TURN;
    this.#totalChangesBefore = this.#totalChanges.get() as number;
    const outcomes: Outcome[] = [];
    while (this.#queue.length > outcomes.length && outcomes.length < BODIES_PER_TURN) {
      outcomes.push(this.#runBody(this.#queue[outcomes.length]!));
      // Without its transaction the turn is lost, and further bodies would commit one by one: COMMIT fails next.
      if (!handle.inTransaction || clock.monotonicMs() >= endMs) break;
    }
    this.#queue = this.#queue.slice(outcomes.length);
    return outcomes;
  }

  #runBody(waiting: Waiting): Outcome {
    return waiting.isAppend && !this.#isCareful ? this.#runAppend(waiting) : this.#runInSavepoint(waiting);
  }

  #runAppend(waiting: Waiting): Outcome {
    const { changes } = this.#options;
    const changesBefore = changes();
    try {
      return { waiting, value: waiting.body() };
    } catch (error) {
      // What fails the whole turn is met by its end.
      const isUndone = changes() === changesBefore || failsTurn(error);
      return { waiting, error: isUndone ? error : new UndoNeeded('', { cause: error }) };
    }
  }

  #runInSavepoint(waiting: Waiting): Outcome {
    const { handle, settle, onUndo } = this.#options;
    try {
      // Otherwise memory would have to know, after an undoing, what it holds of whom.
      settle();
    } catch (error) {
      // What cannot be written down now cannot at the end of the turn, which fails then.
      return { waiting, error };
    }
    this.#savepoint.run();
    try {
      const value = waiting.body();
      settle();
      this.#release.run();
      return { waiting, value };
    } catch (error) {
      // SQLite may have rolled everything back by itself, for instance when the disk is full.
      if (handle.inTransaction) {
        this.#undo.run();
        this.#release.run();
      }
      onUndo();
      return { waiting, error };
    }
  }

  /**
   * When it returns, the turn is on disk. Returns the number of the commit; undefined when no body changed a row.
   * @throws what a body met that fails the whole turn, namely damage, an I/O error, a full disk or the need to undo an
   * append; what COMMIT throws
   */
  #commitTurn(outcomes: readonly Outcome[]): number | undefined {
    const met =
      // Doing the turn again must not hide an I/O error that it has met as well.
      outcomes.find(({ error }) => error !== undefined && isFatal(error)) ??
      outcomes.find(({ error }) => error !== undefined && failsTurn(error));
    if (met !== undefined) throw met.error;
    const commit = this.#settleTurn(outcomes);
    this.#commit.run();
    return commit;
  }

  /** Writes what belongs to the turn as a whole. Returns the number of the commit, if it has one. */
  #settleTurn(outcomes: readonly Outcome[]): number | undefined {
    const { handle, settle } = this.#options;
    // Outside of a transaction, which a body has lost, this would be a commit of its own: COMMIT fails next.
    if (!handle.inTransaction) return undefined;
    settle();
    return this.#hasEffect(outcomes) ? (this.#count.get() as number) : undefined;
  }

  #hasEffect(outcomes: readonly Outcome[]): boolean {
    return this.#totalChanges.get() !== this.#totalChangesBefore && outcomes.some((outcome) => !('error' in outcome));
  }

  /** A reader is in the way of a commit, which happens with a rollback journal only. */
  #repeatLater(outcomes: readonly Outcome[]): void {
    this.#undoTurn(outcomes);
    this.#waitForLock();
  }

  #repeatCarefully(outcomes: readonly Outcome[]): void {
    this.#undoTurn(outcomes);
    this.#isCareful = true;
    this.#turn();
  }

  /** Puts the bodies of a turn back to the head of the queue. */
  #undoTurn(outcomes: readonly Outcome[]): void {
    const { handle, onUndo } = this.#options;
    // SQLite may have done so by itself, for instance when there was no memory for a statement.
    if (handle.inTransaction) handle.exec('rollback');
    onUndo();
    this.#queue = [...outcomes.map(({ waiting }) => waiting), ...this.#queue];
  }

  /** Nothing of the turn was applied. Damage and I/O errors end all writing: what was not synced cannot be told. */
  #failTurn(outcomes: readonly Outcome[], error: Error): void {
    const { handle, log, onUndo, onFull } = this.#options;
    if (handle.inTransaction) handle.exec('rollback');
    onUndo();
    if (isFatal(error)) return this.#endWriting(outcomes, error);
    // A full disk is told of once, by whoever waits for room.
    const level = isFull(error) ? 'debug' : 'error';
    log[level]({ err: error, writes: outcomes.length }, 'A group of writes could not be committed; none was applied.');
    if (isFull(error)) onFull();
    this.#reject(outcomes, new WriteUnavailable(`The database could not be written: ${error.message}.`));
  }

  /** Nothing more is acknowledged, not even a turn that may be on disk. */
  #endWriting(outcomes: readonly Outcome[], error: Error): void {
    const { log, onFatal } = this.#options;
    log.error({ err: error, writes: outcomes.length }, 'Nothing can be written any more, and nothing is acknowledged.');
    this.#failure = error;
    this.#reject(outcomes, error);
    this.#refuseWaiting(error);
    onFatal(error);
  }

  #reject(outcomes: readonly Outcome[], cause: Error): void {
    for (const outcome of outcomes) {
      // A body's own error is what its caller must see; it was undone either way.
      const isOwn = 'error' in outcome && !isFull(outcome.error) && !(outcome.error instanceof UndoNeeded);
      settle(isOwn ? outcome : { waiting: outcome.waiting, error: cause });
    }
  }

  /** Another process holds the write lock: never block the event loop for it, try again a little later. */
  #waitForLock(): void {
    const { clock, log, lockHolder } = this.#options;
    if (!this.#mayWait) return this.#refuseWaiting(new WriteUnavailable('The server is stopping.'));
    if (this.#busySinceMs === null) {
      this.#busySinceMs = clock.monotonicMs();
      const holder = lockHolder();
      log.warn({ holder }, 'Another program holds a lock on the database; writes wait for it.');
    }
    if (clock.monotonicMs() - this.#busySinceMs >= BUSY_LIMIT_MS) {
      this.#refuseWaiting(new WriteUnavailable('Another program has held a lock on the database for 5 s.'));
      return;
    }
    const pauseMs = BUSY_PAUSE_MS[Math.min(this.#busyAttempts, BUSY_PAUSE_MS.length - 1)]!;
    this.#busyAttempts += 1;
    this.#scheduled = true;
    clock.after(pauseMs, () => this.#turn());
  }

  #refuseWaiting(error: Error): void {
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
    this.#busySinceMs = null;
    this.#busyAttempts = 0;
  }
}

/** Whether what a body threw says something about its whole turn. */
const failsTurn = (error: unknown): boolean => isFatal(error) || isFull(error) || error instanceof UndoNeeded;

const asOutcome = (waiting: Waiting): Outcome => ({ waiting });

function settle({ waiting, value, ...rest }: Outcome): void {
  if ('error' in rest) waiting.reject(rest.error);
  else waiting.resolve(value as never);
}
