/**
 * Rows of counters that every append changes, such as a shard's next position. Their numbers are kept in memory, and a
 * turn in which a counter was changed a hundred times writes its row once, at its end and within its transaction. So the
 * rows are right whenever anybody else can see them: after COMMIT, and wherever an undoing starts from.
 */
import type { Database } from './database.ts';

/** Numbers by the id of their row. */
export interface Counters<T> {
  /** The numbers of a row that exists. */
  of(id: number, database: Database): T;
  /** Changes them. Only inside the body of a write. */
  set(id: number, numbers: T, database: Database): void;
}

/** Rows that are remembered; all are forgotten when there are more. */
const KNOWN_MAX = 10_000;

interface Known<T> {
  readonly numbers: Map<number, T>;
  /** The rows that memory is ahead of. */
  readonly ahead: Set<number>;
}

/**
 * Counters that `load` reads from their row and `store` writes into it. Whoever else changes those columns of a row must
 * not: memory would not know.
 */
export function counters<T>(
  load: (id: number, database: Database) => T,
  store: (id: number, numbers: T, database: Database) => void,
): Counters<T> {
  const knownBy = new WeakMap<Database, Known<T>>();
  const knownOf = (database: Database): Known<T> => {
    const known = knownBy.get(database);
    if (known !== undefined) return known;
    const made: Known<T> = { numbers: new Map(), ahead: new Set() };
    knownBy.set(database, made);
    database.onSettle(() => settle(made, database));
    database.onUndo(() => forget(made));
    return made;
  };
  const settle = ({ numbers, ahead }: Known<T>, database: Database): void => {
    for (const id of ahead) store(id, numbers.get(id)!, database);
    ahead.clear();
    if (numbers.size > KNOWN_MAX) numbers.clear();
  };
  return {
    of(id, database) {
      const { numbers } = knownOf(database);
      let found = numbers.get(id);
      if (found === undefined) {
        found = load(id, database);
        numbers.set(id, found);
      }
      return found;
    },
    set(id, numbers, database) {
      database.noteChange(`counters of row ${id}`);
      const known = knownOf(database);
      known.numbers.set(id, numbers);
      known.ahead.add(id);
    },
  };
}

function forget<T>({ numbers, ahead }: Known<T>): void {
  numbers.clear();
  ahead.clear();
}
