/** A session with a database that plays Redshift: what loading needs of it, whichever engine is behind it. */

export interface Session {
  /** The rows of a statement. */
  query(sql: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Copies `text`, in PostgreSQL's text format, into `target`: a table with a list of columns, quoted. */
  copy(target: string, text: Buffer): Promise<void>;
}

/** What is wrong, with the code that the service logs for it. The message becomes a sentence by itself. */
export class LoadError extends Error {
  readonly code: string;
  /** Whether it concerns the database rather than the batch: no other batch could be loaded either. */
  readonly concernsAll: boolean;

  constructor(code: string, message: string, concernsAll = false) {
    super(`Redshift.${code}: ${message.replace(/\.?$/, '.')}`);
    this.code = code;
    this.concernsAll = concernsAll;
  }
}

/** The codes of SQLSTATE values and of their classes. */
const CODES: Readonly<Record<string, string>> = {
  '42P01': 'TableNotFound',
  '3F000': 'TableNotFound',
  '42703': 'ColumnNotFound',
  '3D000': 'DatabaseNotFound',
  '42501': 'InsufficientPrivilege',
  '42601': 'SyntaxError',
  '25006': 'ReadOnlyCluster',
  '53100': 'DiskFull',
  '28': 'AuthenticationFailed',
  '08': 'ConnectionFailed',
  '53': 'ConnectionFailed',
  '57': 'ConnectionFailed',
};

const CONCERN_ALL = new Set([
  'ConnectionFailed',
  'AuthenticationFailed',
  'DatabaseNotFound',
  'ReadOnlyCluster',
  'DiskFull',
]);

interface SqlError {
  readonly message: string;
  readonly code?: string;
  readonly where?: string | undefined;
}

/** An error of either engine as one that says what the service would say. */
export function loadErrorOf(error: unknown): LoadError {
  if (error instanceof LoadError) return error;
  const { message, code = '', where } = error as SqlError;
  // Five characters are a SQLSTATE; ECONNREFUSED and its like are not.
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code);
  const name = isSqlState ? (CODES[code] ?? CODES[code.slice(0, 2)] ?? 'DataLoadFailed') : 'ConnectionFailed';
  const place = where?.split('\n')[0];
  return new LoadError(name, place === undefined ? message : `${message} (${place})`, CONCERN_ALL.has(name));
}

/**
 * The line of a copied text that the engine refused, from 1; undefined when it refused something else. Bad values and
 * broken constraints are errors of a line; everything else would happen again with any other line.
 */
export function refusedLine(error: unknown): number | undefined {
  const { code = '', where } = error as SqlError;
  if (!/^2[23]/.test(code)) return undefined;
  const line = /^COPY .*?, line (\d+)/s.exec(where ?? '')?.[1];
  return line === undefined ? undefined : Number(line);
}
