/** The database as the rest of the program sees it: typed statements, reads at once, writes in the writer turn. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { Checkpointer } from './checkpointer.ts';
import type { CommitWitness } from './commit-witness.ts';
import type { Journal } from './connection.ts';
import { copyDatabase, copyInBackground, copyPath, type DatabaseCopy } from './copying.ts';
import { DataReplaced, isFatal, isFull } from './errors.ts';
import { freeSpace } from './file-system.ts';
import { FileWatch } from './file-watch.ts';
import { FullDisk } from './full-disk.ts';
import type { InstanceLock } from './instance-lock.ts';
import { findWriteLockHolder } from './lock-holder.ts';
import { runLongJob } from './long-jobs.ts';
import { type Opened, type OpeningOptions, openData, RESCUE, SNAPSHOTS } from './opening.ts';
import type { Query } from './query.ts';
import { type Settled, Writer } from './writer.ts';

export interface DatabaseOptions extends OpeningOptions {
  /**
   * Called when the disk or the file can no longer be trusted: the process must stop acknowledging. It may exit when
   * `resting` has resolved: no other thread is inside of SQLite then.
   */
  readonly onFatal: (error: Error, resting: Promise<void>) => void;
}

/** `running`: all is well; `verifying`: the file is being checked meanwhile; `full`: nothing can be written now. */
export type DatabaseState = 'running' | 'verifying' | 'full';

/**
 * Opens the database of a directory, creating both when missing, and migrates it.
 * @throws Refusal when the directory or the file cannot or must not be used.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const opened = await openData(options);
  const database = new Database(opened, options);
  if (opened.isUnchecked) void database.verify();
  return database;
}

/** Values of parameters, as SQLite stores them. */
type Bound = string | number | bigint | Buffer | null;

export class Database {
  readonly #handle: BetterSqlite3.Database;
  readonly #lock: InstanceLock;
  readonly #journal: Journal;
  readonly #witness: CommitWitness;
  readonly #options: DatabaseOptions;
  readonly #writer: Writer;
  readonly #checkpointer: Checkpointer;
  readonly #files: FileWatch;
  readonly #fullDisk: FullDisk;
  readonly #statements = new Map<Query<never, unknown>, BetterSqlite3.Statement>();
  readonly #settleListeners: (() => void)[] = [];
  readonly #undoListeners: (() => void)[] = [];
  readonly #commitListeners: (() => void)[] = [];
  readonly #closing = new AbortController();
  #commits = 0;
  #changes = 0;
  #isVerifying = false;
  #isWitnessLost = false;
  #replaced: DataReplaced | undefined;
  #snapshot: Promise<DatabaseCopy> | undefined;

  constructor({ handle, lock, witness, reserve, journal }: Omit<Opened, 'isUnchecked'>, options: DatabaseOptions) {
    const { directory, clock, log } = options;
    const onFatal = (error: Error) => this.#fail(error);
    this.#handle = handle;
    this.#lock = lock;
    this.#journal = journal;
    this.#witness = witness;
    this.#options = options;
    this.#files = new FileWatch(handle.name);
    const room = () => freeSpace(directory);
    this.#checkpointer = new Checkpointer({
      handle,
      clock,
      log,
      room,
      onError: (error) => this.#checkpointFailed(error),
      onFatal: (error) => onFatal(this.#replacedOr(error)),
    });
    this.#fullDisk = new FullDisk({
      room,
      reserve,
      clock,
      log,
      settleLog: () => this.#checkpointer.cutAtOnce(),
    });
    this.#writer = new Writer({
      handle,
      clock,
      log,
      onFatal,
      onCommit: (commit) => this.#committed(commit),
      settle: () => {
        for (const listener of this.#settleListeners) listener();
      },
      changes: () => this.#changes,
      onUndo: () => {
        for (const listener of this.#undoListeners) listener();
      },
      onFull: () => this.#fullDisk.met(),
      obstacle: () => this.#obstacle,
      pinned: () => this.#checkpointer.obstacle,
      lockHolder: () => findWriteLockHolder(handle.name),
    });
  }

  /** What can be said about it as a whole. */
  get state(): DatabaseState {
    if (this.#obstacle !== undefined) return 'full';
    return this.#isVerifying ? 'verifying' : 'running';
  }

  /** Why nothing may be written now, as a sentence. */
  get #obstacle(): string | undefined {
    return this.#fullDisk.obstacle ?? this.#checkpointer.obstacle;
  }

  /** Sizes in bytes, and commits since the start. */
  get figures(): { readonly databaseBytes: number; readonly walBytes: number; readonly commits: number } {
    const databaseBytes = statSync(this.#handle.name, { throwIfNoEntry: false })?.size ?? 0;
    return { databaseBytes, walBytes: this.#files.walBytes, commits: this.#commits };
  }

  /** Runs `body` in the next writer turn; see Writer.write. Statements in it see what earlier bodies of the turn did. */
  write<T>(body: () => Settled<T>): Promise<T> {
    return this.#writer.write(body);
  }

  /** Like `write`, and cheaper, for bodies whose checks all come before their first change; see Writer.append. */
  append<T>(body: () => Settled<T>): Promise<T> {
    return this.#writer.append(body);
  }

  /** Like `write`, for bodies that make room: they run also while the disk is full. */
  reclaim<T>(body: () => Settled<T>): Promise<T> {
    return this.#writer.reclaim(body);
  }

  /** Every row of `query`. */
  all<P extends object, Row>(query: Query<P, Row>, parameters: P): Row[] {
    return this.#execute(query, (statement) => statement.all(bound(query, parameters)) as Row[]);
  }

  /** The first row of `query`, if there is one. */
  get<P extends object, Row>(query: Query<P, Row>, parameters: P): Row | undefined {
    return this.#execute(query, (statement) => {
      // One that changes rows and returns them.
      if (!statement.readonly) this.noteChange(query.sql);
      return statement.get(bound(query, parameters)) as Row | undefined;
    });
  }

  /** Executes `query` and returns the number of rows it changed. Only inside the body of a write. */
  run<P extends object>(query: Query<P, unknown>, parameters: P): number {
    this.noteChange(query.sql);
    return this.#execute(query, (statement) => statement.run(bound(query, parameters)).changes);
  }

  /** Like `run`, for an insert: returns the new row's id. */
  insert<P extends object>(query: Query<P, unknown>, parameters: P): number {
    this.noteChange(query.sql);
    return this.#execute(query, (statement) => Number(statement.run(bound(query, parameters)).lastInsertRowid));
  }

  /**
   * To be called by whoever changes what is to become rows at the end of the turn; `what` says it in the error.
   * @throws Error outside of the body of a write
   */
  noteChange(what: string): void {
    if (!this.#handle.inTransaction) throw new Error(`Written outside of the writer turn: ${what}`);
    this.#changes += 1;
  }

  /** `listener` runs inside the turn, before undoing or COMMIT may follow: it writes down what memory is ahead of. */
  onSettle(listener: () => void): void {
    this.#settleListeners.push(listener);
  }

  /** `listener` runs whenever changes were undone: what was derived from rows in memory must be forgotten. */
  onUndo(listener: () => void): void {
    this.#undoListeners.push(listener);
  }

  /** `listener` runs after each commit that changed rows, before those who wrote are told. It must not throw. */
  onCommit(listener: () => void): void {
    this.#commitListeners.push(listener);
  }

  /** `listener` runs when the disk is full, again and again: it is to have deleted what need not be kept. */
  onFull(listener: () => void): void {
    this.#fullDisk.onFull(listener);
  }

  /** The numbers of free and of all pages in the file. */
  pages(): { readonly free: number; readonly all: number } {
    return {
      free: this.#handle.pragma('freelist_count', { simple: true }) as number,
      all: this.#handle.pragma('page_count', { simple: true }) as number,
    };
  }

  /** Moves up to `count` free pages out of the file. Only inside the body of a write. */
  releasePages(count: number): void {
    // Not by `pragma`: this one has no columns, of which the library takes one step, which would move one page.
    this.#handle.exec(`pragma incremental_vacuum(${Math.floor(count)})`);
  }

  /** Has the WAL moved and cut: what was released is given back to the file system then. At once when it is full. */
  settleSpace(): void {
    if (this.#fullDisk.isFull) this.#checkpointer.cutAtOnce();
    else this.#checkpointer.cut();
  }

  /** Writes a note about this instance beside the data, for people and scripts. */
  announce(note: object): void {
    this.#lock.announce(note);
  }

  /**
   * Copies the whole database, as it is at one moment, into the directory `snapshots` beside it; the server goes on
   * meanwhile. Whoever asks while a copy is being made gets that one.
   * @throws Error when it cannot be made, and with a rollback journal, where a reader keeps all writes waiting
   */
  async snapshot(): Promise<DatabaseCopy> {
    const { directory, clock } = this.#options;
    if (this.#journal === 'rollback') {
      throw new Error('on this file system nothing could be written meanwhile; stop the server and copy millrace.db');
    }
    const path = copyPath(join(directory, SNAPSHOTS), 'millrace', clock.now());
    this.#snapshot ??= copyInBackground(this.#handle.name, path, this.#closing.signal).finally(() => {
      this.#snapshot = undefined;
    });
    return this.#snapshot;
  }

  /** Checks the structure of the file meanwhile. Damage ends the process, as wherever else it is met. */
  async verify(): Promise<void> {
    const { log } = this.#options;
    this.#isVerifying = true;
    log.info({}, 'The last process did not stop in order; the database is being checked.');
    try {
      const found = await runLongJob({ job: 'check', path: this.#handle.name }, this.#closing.signal);
      if (found !== 'ok') throw Object.assign(new Error(found), { code: 'SQLITE_CORRUPT' });
      log.info({}, 'The database is intact.');
    } catch (error) {
      if (isFatal(error)) this.#fail(error as Error);
      else if (!this.#closing.signal.aborted) log.warn({ err: error }, 'The database could not be checked.');
    }
    this.#isVerifying = false;
  }

  /** To be called when the server begins to stop: writes no longer wait for locks of other processes. */
  stopWaiting(): void {
    this.#writer.stopWaiting();
  }

  /**
   * Finishes waiting writes, moves the WAL into the file and closes it.
   * @throws DataReplaced when the file is not the one any more that was opened; what was in it is rescued.
   */
  async close(): Promise<void> {
    this.stopWaiting();
    await this.#writer.drain();
    this.#closing.abort();
    this.#fullDisk.close();
    await this.#checkpointer.close();
    await this.#snapshot?.catch(() => undefined);
    try {
      this.#assertOurs();
      this.#handle.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      // Then it stays in the log, where it is on disk as well.
      if (!isFull(error)) throw error;
    } finally {
      this.#handle.close();
      this.#witness.close();
      this.#lock.release();
    }
  }

  /** Before anybody is told of a commit: it must be in the files that the next start will find. */
  #committed(commit: number | undefined): void {
    if (commit !== undefined) this.#commits += 1;
    this.#assertOurs();
    if (commit !== undefined) this.#noteCommit(commit);
    this.#checkpointer.committed();
    if (commit !== undefined) for (const listener of this.#commitListeners) listener();
  }

  /** What the thread of the checkpoints met may be that the files are others. */
  #replacedOr(error: Error): Error {
    try {
      this.#assertOurs();
      return error;
    } catch (replaced) {
      return replaced as Error;
    }
  }

  /** @throws DataReplaced, with the name of the rescued copy in its message */
  #assertOurs(): void {
    if (this.#replaced !== undefined) throw this.#replaced;
    try {
      this.#files.assertUnchanged();
    } catch (error) {
      if (!(error instanceof DataReplaced)) throw error;
      this.#replaced = this.#rescued(error);
      throw this.#replaced;
    }
  }

  /** A witness that cannot be written says too little, and stops nobody. */
  #noteCommit(commit: number): void {
    try {
      this.#witness.note(commit);
    } catch (error) {
      if (this.#isWitnessLost) return;
      this.#isWitnessLost = true;
      this.#options.log.warn({ err: error }, 'The number of the last commit could not be noted beside the database.');
    }
  }

  /** The files have lost their names, but this connection still sees everything: it is copied before the process ends. */
  #rescued(error: DataReplaced): DataReplaced {
    const { directory, clock, log } = this.#options;
    try {
      const { path } = copyDatabase(this.#handle, copyPath(join(directory, RESCUE), 'millrace', clock.now()));
      return new DataReplaced(
        `${error.message}; everything that was acknowledged is in ${path}: put it in the place of the database, and remove what is left of its -wal and -shm.`,
      );
    } catch (failure) {
      log.error({ err: failure }, 'What was in the database could not be copied.');
      return new DataReplaced(`${error.message}, and what was in it could not be saved.`);
    }
  }

  /** What cannot be trusted any more is not moved either. */
  #fail(error: Error): void {
    this.#options.onFatal(error, this.#checkpointer.stop());
  }

  #checkpointFailed(error: Error): void {
    if (isFull(error)) return this.#fullDisk.met();
    this.#options.log.error({ err: error }, 'The write-ahead log could not be moved into the data file.');
    if (isFatal(error)) this.#fail(error);
  }

  /** Damage and I/O errors end the process, wherever they are met: what is served afterwards could be wrong. */
  #execute<T>(query: Query<never, unknown>, use: (statement: BetterSqlite3.Statement) => T): T {
    try {
      return use(this.#statement(query));
    } catch (error) {
      if (isFatal(error)) this.#fail(error as Error);
      throw error;
    }
  }

  #statement(query: Query<never, unknown>): BetterSqlite3.Statement {
    let statement = this.#statements.get(query);
    if (statement === undefined) {
      statement = this.#handle.prepare(query.sql);
      this.#statements.set(query, statement);
    }
    return statement;
  }
}

function bound<P extends object>(query: Query<P, unknown>, parameters: P): Bound[] {
  return query.parameters.map((name) => parameters[name] as Bound);
}
