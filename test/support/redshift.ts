/** Databases that play Redshift in tests: a PostgreSQL server and the embedded one, used the same way. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startEngine } from '../../src/firehose/redshift/engine.ts';
import { createDeliveryStream, ROLE, S3 } from './firehose.ts';
import { PASSWORD, type PostgresServer, startPostgres, USER } from './postgres.ts';
import { startTestServer, type TestServer, type TestServerOptions } from './server.ts';

/** A cluster on AWS, for which something here stands in. */
export const AWS_CLUSTER = 'jdbc:redshift://c.abc123.us-east-1.redshift.amazonaws.com:5439';

export interface Warehouse {
  /** Of the database. */
  readonly jdbcUrl: string;
  readonly server: TestServer;
  /** The rows of the last statement. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are looked into by tests, not typed
  sql(text: string): Promise<any[]>;
}

export interface Engine {
  readonly name: string;
  /** Before the tests of a file. */
  prepare(): Promise<void>;
  /** A Millrace with an empty database. */
  open(options?: TestServerOptions): Promise<Warehouse>;
  remove(): Promise<void>;
}

export function postgresEngine(): Engine & { postgres(): PostgresServer } {
  let postgres: PostgresServer | undefined;
  return {
    name: 'a PostgreSQL server',
    postgres: () => postgres!,
    async prepare() {
      postgres = await startPostgres();
    },
    async open(options = {}) {
      const { port, createDatabase, query } = postgres!;
      const database = await createDatabase();
      const settings = { REDSHIFT_ENDPOINT: `127.0.0.1:${port}`, ...options.settings };
      const server = await startTestServer({ ...options, settings });
      return { jdbcUrl: `${AWS_CLUSTER}/${database}`, server, sql: (text) => query(database, text) };
    },
    async remove() {
      await postgres?.remove();
    },
  };
}

export function embeddedEngine(): Engine {
  return {
    name: 'the embedded database',
    async prepare() {
      await makeTemplate();
    },
    async open(options = {}) {
      const server = await startTestServer(options);
      await provideEmbedded(server, 'dev');
      return { jdbcUrl: `${AWS_CLUSTER}/dev`, server, sql: (text) => embeddedSql(server, 'dev', text) };
    },
    async remove() {},
  };
}

const ROOT = join(import.meta.dirname, '..', '..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'));

/** Making a database takes seconds, so one is made after each installation, and each test gets a copy of it. */
const TEMPLATE = join(ROOT, 'node_modules', '.cache', `millrace-embedded-${version}`);

export async function makeTemplate(): Promise<void> {
  if (existsSync(TEMPLATE)) return;
  mkdirSync(dirname(TEMPLATE), { recursive: true });
  const made = mkdtempSync(`${TEMPLATE}-`);
  const engine = await startEngine(made).ready;
  await engine.close();
  try {
    renameSync(made, TEMPLATE);
  } catch {
    // Another worker of the tests was faster.
    rmSync(made, { recursive: true });
  }
}

/** Gives a server, which must not have used it yet, an empty embedded database. */
export async function provideEmbedded({ directory }: { readonly directory: string }, name: string): Promise<void> {
  await makeTemplate();
  mkdirSync(join(directory, 'redshift'), { recursive: true, mode: 0o700 });
  cpSync(TEMPLATE, join(directory, 'redshift', name), { recursive: true });
}

/** Runs SQL in an embedded database, as users do. */
// biome-ignore lint/suspicious/noExplicitAny: rows are looked into by tests, not typed
export async function embeddedSql({ url }: { readonly url: string }, database: string, text: string): Promise<any[]> {
  const response = await fetch(`${url}/_millrace/redshift/${database}/query`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sql' },
    body: text,
  });
  // biome-ignore lint/suspicious/noExplicitAny: as it comes
  const answer = (await response.json()) as any;
  if (response.status !== 200) throw new Error(answer.message);
  return answer.results.at(-1)?.rows ?? [];
}

/** The members of a Redshift destination that loads into `DataTableName`; without hints it is due at once. */
export const redshiftTo = (jdbcUrl: string, CopyCommand: object, more: object = {}) => ({
  RedshiftDestinationConfiguration: {
    RoleARN: ROLE,
    ClusterJDBCURL: jdbcUrl,
    CopyCommand,
    Username: USER,
    Password: PASSWORD,
    S3Configuration: { ...S3, BufferingHints: { IntervalInSeconds: 0, SizeInMBs: 5 } },
    ...more,
  },
});

/** Creates a delivery stream `d` into a table of a warehouse. */
export const createLoader = (
  { server, jdbcUrl }: Warehouse,
  CopyCommand: object,
  more: object = {},
  name = 'd',
): Promise<void> => createDeliveryStream(server, name, redshiftTo(jdbcUrl, CopyCommand, more));
