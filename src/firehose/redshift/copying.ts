/** Copying a batch into its table: one transaction in the target database, and each batch at most once. */
import { claimLoad, type Loaded, noteLoad, noteRejected, prepareBookkeeping } from './bookkeeping.ts';
import type { CopyOptions } from './copy-options.ts';
import { quoted } from './identifiers.ts';
import { parseJsonPaths } from './json.ts';
import { type Column, type Reading, type Row, readRows } from './rows.ts';
import { LoadError, refusedLine, type Session } from './session.ts';

export interface Batch {
  /** A UUID, always the same for the same batch. */
  readonly loadId: string;
  /** The table, or its schema and the table. */
  readonly table: readonly string[];
  /** None: all of the table. */
  readonly columns: readonly string[];
  readonly options: CopyOptions;
  /** The object. Called at most once. */
  readonly content: () => AsyncIterable<Buffer>;
  /** The text of the JSONPaths file, if the options name one. */
  readonly jsonPaths: () => Promise<string>;
}

/**
 * Copies a batch, unless it was copied before.
 * @throws LoadError, or what the engine says. Nothing of the batch is in the table then, or the connection ended and it
 * is not known.
 */
export async function copyBatch(session: Session, batch: Batch): Promise<Loaded> {
  await prepareBookkeeping(session);
  await session.query('begin');
  try {
    const loaded = await copyOnce(session, batch);
    await session.query('commit');
    return loaded;
  } catch (error) {
    // The first error tells more; a session that cannot even be undone is thrown away.
    await session.query('rollback').catch(() => {});
    throw error;
  }
}

async function copyOnce(session: Session, batch: Batch): Promise<Loaded> {
  const tableName = batch.table.map(quoted).join('.');
  const before = await claimLoad(session, batch.loadId, tableName);
  if (before !== undefined) return before;
  const columns = await requireColumns(session, tableName, batch.columns);
  const reading = { options: batch.options, columns, mapping: await mappingOf(batch, columns) };
  const target = `${tableName} (${columns.map(({ name }) => quoted(name)).join(', ')})`;
  const loading = new Loading(session, target, { loadId: batch.loadId, tableName }, batch.options.maxError);
  for await (const row of rowsOf(batch, reading)) await loading.add(row);
  const loaded = await loading.end();
  await noteLoad(session, batch.loadId, loaded);
  return loaded;
}

/** Errors of the bytes are errors of the data: a GZIP that is none, an object that is never closed. */
async function* rowsOf(batch: Batch, reading: Reading): AsyncGenerator<Row> {
  try {
    yield* readRows(batch.content(), reading);
  } catch (error) {
    if (error instanceof LoadError) throw error;
    throw new LoadError('DataLoadFailed', `The object cannot be read: ${(error as Error).message}`);
  }
}

async function mappingOf({ options, jsonPaths }: Batch, columns: readonly Column[]): Promise<Reading['mapping']> {
  const { format } = options;
  if (format.kind !== 'json') return undefined;
  if ('ignoresCase' in format) return format;
  const text = await jsonPaths();
  try {
    return { paths: parseJsonPaths(text, columns.length) };
  } catch (error) {
    throw new LoadError('IncorrectJsonPathsFile', (error as Error).message);
  }
}

/** Columns in their order, without those that the database fills itself. */
const COLUMNS = `select attname as name, typcategory = 'S' as is_text,
    case when typname in ('varchar', 'bpchar') and atttypmod >= 4 then atttypmod - 4 end as max_length,
    attidentity != '' or attgenerated != '' as is_made
  from pg_attribute join pg_type on pg_type.oid = atttypid
  where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`;

async function requireColumns(session: Session, tableName: string, wanted: readonly string[]): Promise<Column[]> {
  const rows = await session.query(COLUMNS, [tableName]);
  if (rows.length === 0) throw new LoadError('TableNotFound', `The table ${tableName} is not there.`);
  const columns = rows.map((row) => ({
    name: row.name as string,
    isText: row.is_text as boolean,
    maxLength: row.max_length as number | null,
    isMade: row.is_made as boolean,
  }));
  if (wanted.length === 0) return columns.filter(({ isMade }) => !isMade);
  return wanted.map((name) => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column !== undefined) return column;
    throw new LoadError('ColumnNotFound', `The table ${tableName} has no column ${quoted(name)}.`);
  });
}

/** So much is copied by one statement. A bad row costs one of them, and the memory is bounded. */
const PIECE_ROWS = 2000;
/** Of the text, or of what it was made of, whichever is more. */
const PIECE_CHARACTERS = 512 * 1024;

const SAVEPOINT = 'piece';

interface Piece {
  readonly rows: readonly Row[];
  readonly lines: readonly string[];
}

/** The rows of a batch on their way into the table, a piece at a time. */
class Loading {
  readonly #session: Session;
  readonly #target: string;
  readonly #load: { readonly loadId: string; readonly tableName: string };
  readonly #maxError: number;
  #rows: Row[] = [];
  #lines: string[] = [];
  #characters = 0;
  #loaded = 0;
  #rejected = 0;

  constructor(session: Session, target: string, load: { loadId: string; tableName: string }, maxError: number) {
    this.#session = session;
    this.#target = target;
    this.#load = load;
    this.#maxError = maxError;
  }

  async add(row: Row): Promise<void> {
    if ('error' in row.content) return this.#reject(row, row.content.error);
    const line = lineOf(row.content.values);
    this.#rows.push(row);
    this.#lines.push(line);
    this.#characters += Math.max(line.length, row.size);
    if (this.#lines.length >= PIECE_ROWS || this.#characters >= PIECE_CHARACTERS) await this.#copyPiece();
  }

  async end(): Promise<Loaded> {
    await this.#copyPiece();
    return { rowsLoaded: this.#loaded, rowsRejected: this.#rejected };
  }

  async #copyPiece(): Promise<void> {
    const piece = { rows: this.#rows, lines: this.#lines };
    this.#rows = [];
    this.#lines = [];
    this.#characters = 0;
    await this.#copyRange(piece, 0, piece.lines.length);
  }

  /** Copies the lines from `from` to before `to`, all but the bad ones. */
  async #copyRange(piece: Piece, from: number, to: number): Promise<void> {
    let next = from;
    while (next < to) {
      const bad = await this.#tryLines(piece, next, to);
      if (bad === undefined) return;
      // What stands before the bad row was undone with it. There may be bad rows among it: values are looked at line by
      // line, but uniqueness only after many of them.
      await this.#copyRange(piece, next, bad.index);
      await this.#reject(piece.rows[bad.index]!, bad.error);
      next = bad.index + 1;
    }
  }

  /** Copies all of these lines; or none of them, and tells which one is bad. */
  async #tryLines(
    { rows, lines }: Piece,
    from: number,
    to: number,
  ): Promise<{ index: number; error: string } | undefined> {
    const mayReject = this.#maxError > 1;
    if (mayReject) await this.#session.query(`savepoint ${SAVEPOINT}`);
    try {
      await this.#session.copy(this.#target, Buffer.from(lines.slice(from, to).join('')));
    } catch (error) {
      const line = refusedLine(error);
      if (line === undefined || from + line > to) throw error;
      const index = from + line - 1;
      const { message } = error as Error;
      if (!mayReject) throw badRow(rows[index]!.number, message);
      await this.#session.query(`rollback to savepoint ${SAVEPOINT}`);
      await this.#session.query(`release savepoint ${SAVEPOINT}`);
      return { index, error: message };
    }
    if (mayReject) await this.#session.query(`release savepoint ${SAVEPOINT}`);
    this.#loaded += to - from;
    return undefined;
  }

  async #reject(row: Row, error: string): Promise<void> {
    this.#rejected += 1;
    if (this.#rejected >= Math.max(1, this.#maxError)) throw badRow(row.number, error);
    await noteRejected(this.#session, this.#load, row, error);
  }
}

const badRow = (number: number, error: string) =>
  new LoadError('DataLoadFailed', `Row ${number} of the object cannot be loaded: ${error}`);

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

/** A row in PostgreSQL's text format. */
const lineOf = (values: readonly (string | null)[]): string =>
  `${values.map((value) => (value === null ? '\\N' : value.replaceAll(/[\\\t\n\r]/g, (found) => ESCAPES[found]!))).join('\t')}\n`;
