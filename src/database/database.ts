/** The database as the rest of the program sees it: typed statements, reads at once, writes in the writer turn. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import { Checkpointer } from './checkpointer.ts';
import { openConnection } from './connection.ts';
import { acquireInstanceLock, type InstanceLock } from './instance-lock.ts';
import { assertUsable, migrate } from './migrate.ts';
import type { Query } from './query.ts';
import { isFatal, type Settled, Writer } from './writer.ts';

export const DATABASE_FILE = 'millrace.db';

export interface DatabaseOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The program's version, remembered in the file. */
  readonly version: string;
  /** See WriterOptions.onFatal. */
  readonly onFatal: (error: Error) => void;
}

/**
 * Opens the database of `directory`, creating both when missing, and migrates it.
 * @throws Refusal when the directory or the file cannot or must not be used.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { directory } = options;
  let lock: InstanceLock | undefined;
  let handle: BetterSqlite3.Database | undefined;
  try {
    makeDirectory(directory);
    lock = acquireInstanceLock(directory);
    const path = join(directory, DATABASE_FILE);
    if (existsSync(path) && statSync(path).size > 0) assertUsable(path);
    handle = openConnection(path);
    await migrate(handle, options.version);
    return new Database(handle, lock, options);
  } catch (error) {
    handle?.close();
    lock?.release();
    throw error instanceof Refusal ? error : asRefusal(directory, error as NodeJS.ErrnoException);
  }
}

/** Not mkdir's own recursion: where even root may not make a directory, such as /proc, Node repeats it for ever. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function asRefusal(directory: string, error: NodeJS.ErrnoException): Error {
  const code = error.code ?? '';
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new Refusal(
      'damagedData',
      `${join(directory, DATABASE_FILE)} is damaged (${error.message}); it was left as it is. Restore a copy, or ` +
        `rescue what is readable with: sqlite3 ${DATABASE_FILE} .recover | sqlite3 recovered.db`,
      { cause: error },
    );
  }
  if (code.startsWith('SQLITE_BUSY')) {
    return new Refusal(
      'dataInUse',
      `Another program holds a write lock on ${join(directory, DATABASE_FILE)}; end its transaction and start again.`,
      { cause: error },
    );
  }
  if (/^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENOENT|SQLITE_(CANTOPEN|READONLY|PERM))/.test(code)) {
    return new Refusal(
      'dataNotUsable',
      `The data directory ${directory} cannot be written (${error.message}); fix its permissions or set DATA_DIR.`,
      { cause: error },
    );
  }
  return error;
}

/** Values of parameters, as SQLite stores them. */
type Bound = string | number | bigint | Buffer | null;

export class Database {
  readonly #handle: BetterSqlite3.Database;
  readonly #lock: InstanceLock;
  readonly #writer: Writer;
  readonly #checkpointer: Checkpointer;
  readonly #statements = new Map<Query<never, unknown>, BetterSqlite3.Statement>();
  readonly #undoListeners: (() => void)[] = [];
  readonly #onFatal: (error: Error) => void;

  constructor(handle: BetterSqlite3.Database, lock: InstanceLock, { clock, log, onFatal }: DatabaseOptions) {
    this.#handle = handle;
    this.#lock = lock;
    this.#checkpointer = new Checkpointer({
      handle,
      clock,
      log,
      onError: (error) => {
        log.error({ err: error }, 'The write-ahead log could not be moved into the data file.');
        if (isFatal(error)) onFatal(error);
      },
      onFatal,
    });
    this.#onFatal = onFatal;
    this.#writer = new Writer({
      handle,
      clock,
      log,
      onFatal,
      onCommit: () => this.#checkpointer.committed(),
      onUndo: () => {
        for (const listener of this.#undoListeners) listener();
      },
    });
  }

  /** Runs `body` in the next writer turn; see Writer.write. Statements in it see what earlier bodies of the turn did. */
  write<T>(body: () => Settled<T>): Promise<T> {
    return this.#writer.write(body);
  }

  /** Every row of `query`. */
  all<P extends object, Row>(query: Query<P, Row>, parameters: P): Row[] {
    return this.#execute(query, (statement) => statement.all(bound(query, parameters)) as Row[]);
  }

  /** The first row of `query`, if there is one. */
  get<P extends object, Row>(query: Query<P, Row>, parameters: P): Row | undefined {
    return this.#execute(query, (statement) => statement.get(bound(query, parameters)) as Row | undefined);
  }

  /** Executes `query` and returns the number of rows it changed. Only inside the body of a write. */
  run<P extends object>(query: Query<P, unknown>, parameters: P): number {
    if (!this.#handle.inTransaction) throw new Error(`Written outside of the writer turn: ${query.sql}`);
    return this.#execute(query, (statement) => statement.run(bound(query, parameters)).changes);
  }

  /** Like `run`, for an insert: returns the new row's id. */
  insert<P extends object>(query: Query<P, unknown>, parameters: P): number {
    if (!this.#handle.inTransaction) throw new Error(`Written outside of the writer turn: ${query.sql}`);
    return this.#execute(query, (statement) => Number(statement.run(bound(query, parameters)).lastInsertRowid));
  }

  /** `listener` runs whenever changes were undone: what was derived from rows in memory must be forgotten. */
  onUndo(listener: () => void): void {
    this.#undoListeners.push(listener);
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
    this.#handle.pragma(`incremental_vacuum(${Math.floor(count)})`);
  }

  /** Has the WAL moved and cut soon, by the checkpointer: what was released is given back to the file system then. */
  settleSpace(): void {
    this.#checkpointer.cut();
  }

  /** Writes a note about this instance beside the data, for people and scripts. */
  announce(note: object): void {
    this.#lock.announce(note);
  }

  /** To be called when the server begins to stop: writes no longer wait for locks of other processes. */
  stopWaiting(): void {
    this.#writer.stopWaiting();
  }

  /** Finishes waiting writes, moves the WAL into the file and closes it. */
  async close(): Promise<void> {
    this.stopWaiting();
    await this.#writer.drain();
    await this.#checkpointer.close();
    this.#handle.pragma('wal_checkpoint(TRUNCATE)');
    this.#handle.close();
    this.#lock.release();
  }

  /** Damage and I/O errors end the process, wherever they are met: what is served afterwards could be wrong. */
  #execute<T>(query: Query<never, unknown>, use: (statement: BetterSqlite3.Statement) => T): T {
    try {
      return use(this.#statement(query));
    } catch (error) {
      if (isFatal(error)) this.#onFatal(error as Error);
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
