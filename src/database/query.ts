/**
 * Statements as typed constants. Kysely is used as a compiler only: it checks table, column and parameter names at
 * compile time and produces SQL text once, when the module loads. Database executes the text as a prepared statement.
 */
import {
  type Compilable,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import type { Tables } from './tables.ts';

/** A statement with named parameters `P` that yields rows of type `Row`. */
export interface Query<P, Row> {
  readonly sql: string;
  /** The parameters in the order of the statement's placeholders; a name may occur more than once. */
  readonly parameters: readonly (keyof P)[];
  /** Carries the row type for the compiler; never set. */
  readonly row?: Row;
}

/** Stands for the value of the parameter `name` while a statement is built. */
export type Bind<P> = <K extends keyof P>(name: K) => P[K];

/**
 * A limit that is bound. SQLite looks at one that is a mere parameter when it plans, and so plans anew for every other
 * value: ten microseconds, where finding a row takes three.
 */
export const atMost = (count: number) => sql<number>`${count} + 0`;

class Placeholder {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

/** Builds statements; cannot execute any. */
const compiler = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/**
 * Compiles a statement. Each value in it must come from `bind`, so that the text never varies and nothing a caller
 * sends can become SQL.
 * @throws Error when a value was written into the statement instead of bound: a programmer's error.
 */
export function query<P extends object, Row = unknown>(
  build: (bind: Bind<P>, db: Kysely<Tables>) => Compilable<Row>,
): Query<P, Row> {
  const bind: Bind<P> = (name) => new Placeholder(name) as never;
  const compiled = build(bind, compiler).compile();
  const parameters = compiled.parameters.map((parameter) => {
    if (parameter instanceof Placeholder) return parameter.name as keyof P;
    throw new Error(`A value is not bound in: ${compiled.sql}`);
  });
  return { sql: compiled.sql, parameters };
}
