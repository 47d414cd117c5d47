/**
 * What Millrace remembers in the target database: which batches are in its tables. It is written in the transaction that
 * loads a batch, so a load whose end nobody heard of is never done twice.
 */
import type { Row } from './rows.ts';
import { LoadError, type Session } from './session.ts';

const SCHEMA = 'create schema millrace';
const TABLES = [
  `create table if not exists millrace.loads (
    load_id uuid primary key,
    table_name text not null,
    rows_loaded bigint,
    rows_rejected bigint,
    loaded_at timestamptz not null default now()
  )`,
  // As Redshift's STL_LOAD_ERRORS: what MAXERROR let pass.
  `create table if not exists millrace.load_errors (
    load_id uuid not null,
    table_name text not null,
    row_number bigint not null,
    raw_row text not null,
    error text not null,
    happened_at timestamptz not null default now()
  )`,
];

/** What others do at the same moment: the table is there then. The last is about the type that a table has. */
const MADE_BY_OTHERS = ['23505', '42P06', '42P07', '42710'];

const INSUFFICIENT_PRIVILEGE = '42501';

/** Makes the tables unless they are there. Not inside a transaction. */
export async function prepareBookkeeping(session: Session): Promise<void> {
  const [found] = await session.query(`select to_regnamespace('millrace') is not null as has_schema,
    to_regclass('millrace.loads') is not null and to_regclass('millrace.load_errors') is not null as has_tables`);
  if (found?.has_tables === true) return;
  // "If not exists" would not help: who may not make a schema may not even ask for one that is there.
  for (const statement of found?.has_schema === true ? TABLES : [SCHEMA, ...TABLES]) {
    try {
      await session.query(statement);
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      if (MADE_BY_OTHERS.includes(code)) continue;
      if (code !== INSUFFICIENT_PRIVILEGE) throw error;
      throw new LoadError(
        'InsufficientPrivilege',
        `Millrace keeps its books in the schema millrace of the target and may not make it (${message}); let an ` +
          'administrator run "create schema millrace authorization <the user of the delivery stream>".',
      );
    }
  }
}

/**
 * Claims a load for this transaction; whoever else loads the same batch waits for its end. Returns what is remembered
 * of the load when it was done before.
 */
export async function claimLoad(session: Session, loadId: string, tableName: string): Promise<Loaded | undefined> {
  const claimed = await session.query(
    'insert into millrace.loads (load_id, table_name) values ($1, $2) on conflict do nothing returning 1 as claimed',
    [loadId, tableName],
  );
  if (claimed.length > 0) return undefined;
  const [row] = await session.query('select rows_loaded, rows_rejected from millrace.loads where load_id = $1', [
    loadId,
  ]);
  return { rowsLoaded: Number(row?.rows_loaded ?? 0), rowsRejected: Number(row?.rows_rejected ?? 0) };
}

export interface Loaded {
  readonly rowsLoaded: number;
  readonly rowsRejected: number;
}

/** Notes how a claimed load went. */
export async function noteLoad(session: Session, loadId: string, { rowsLoaded, rowsRejected }: Loaded): Promise<void> {
  await session.query('update millrace.loads set rows_loaded = $2, rows_rejected = $3 where load_id = $1', [
    loadId,
    rowsLoaded,
    rowsRejected,
  ]);
}

/** A text of PostgreSQL cannot hold it. */
const withoutNul = (text: string) => text.replaceAll('\0', '\uFFFD');

/** Keeps a row that was not loaded. */
export async function noteRejected(
  session: Session,
  load: { readonly loadId: string; readonly tableName: string },
  { number, raw }: Pick<Row, 'number' | 'raw'>,
  error: string,
): Promise<void> {
  await session.query(
    'insert into millrace.load_errors (load_id, table_name, row_number, raw_row, error) values ($1, $2, $3, $4, $5)',
    [load.loadId, load.tableName, number, withoutNul(raw), withoutNul(error)],
  );
}
