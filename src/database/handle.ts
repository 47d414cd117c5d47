/**
 * The only place that makes SQLite handles, because of what must never happen to one: better-sqlite3 12 aborts the
 * process on Node 24 when V8 collects a handle or a statement, even one that was closed long ago, at a moment when no
 * JavaScript runs. So none is ever collected: handles and statements are kept for the life of the process. A server has
 * three handles and, because it prepares each statement once, about a hundred statements.
 */
import BetterSqlite3 from 'better-sqlite3';

const kept: (BetterSqlite3.Database | BetterSqlite3.Statement)[] = [];

/** Opens the SQLite file at `path`. It never waits for locks: see busy_timeout in connection.ts. */
export function openHandle(path: string, options: BetterSqlite3.Options = {}): BetterSqlite3.Database {
  const handle = new BetterSqlite3(path, { timeout: 0, ...options });
  kept.push(handle);
  const prepare = handle.prepare.bind(handle);
  return Object.assign(handle, {
    prepare: (source: string) => {
      const statement = prepare(source);
      kept.push(statement);
      return statement;
    },
    pragma: keptPragma(prepare),
  });
}

/** The library's own `pragma` makes a statement on every call. This one makes one for every text. */
function keptPragma(prepare: (source: string) => BetterSqlite3.Statement): BetterSqlite3.Database['pragma'] {
  const statements = new Map<string, BetterSqlite3.Statement>();
  return (source, { simple = false } = {}) => {
    let statement = statements.get(source);
    if (statement === undefined) {
      statement = prepare(`pragma ${source}`);
      statements.set(source, statement);
    }
    if (!statement.reader) return statement.run();
    const rows = statement.raw(simple).all();
    return simple ? (rows[0] as unknown[] | undefined)?.[0] : rows;
  };
}
