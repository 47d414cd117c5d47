/** A PostgreSQL server of the test's own, from Debian's packages: real files, a port on loopback, an ordinary user. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

const PACKAGES = '/usr/lib/postgresql';

/** The directory of the newest server's programs; undefined where there is none. */
function findPrograms(): string | undefined {
  const versions = existsSync(PACKAGES) ? readdirSync(PACKAGES).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(PACKAGES, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

/** Whether tests can have a server. Says so once where they cannot. */
export const hasPostgres = findPrograms() !== undefined;
if (!hasPostgres) console.warn('Skipped: tests with a PostgreSQL server, for the package postgresql is not installed.');

export const USER = 'loader';
export const PASSWORD = 'geheim-4711';

export interface PostgresServer {
  readonly port: number;
  /** Makes an empty database and returns its name. */
  createDatabase(): Promise<string>;
  /** The rows of a statement. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are looked into by tests, not typed
  query(database: string, sql: string): Promise<any[]>;
  /** Ends the server at once, as a crash does. */
  stop(): Promise<void>;
  /** Starts it again, on the same port and files. */
  start(): Promise<void>;
  /** Ends the server and removes its files. */
  remove(): Promise<void>;
}

/** A server refuses to run as root; everybody has this user. */
const asOrdinaryUser = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Starts a server; to be removed when the tests of a file are done. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = findPrograms()!;
  const root = mkdtempSync(join(tmpdir(), 'millrace-postgres-'));
  const data = join(root, 'data');
  const passwordFile = join(root, 'password');
  writeFileSync(passwordFile, PASSWORD);
  if (asOrdinaryUser.uid !== undefined) {
    for (const path of [root, passwordFile]) chownSync(path, asOrdinaryUser.uid, asOrdinaryUser.gid);
  }
  const options = [`--pgdata=${data}`, `--username=${USER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const made = spawnSync(join(programs, 'initdb'), [...options, '--encoding=UTF8', '--locale=C', '--no-sync'], {
    cwd: root,
    ...asOrdinaryUser,
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr} ${made.error ?? ''}`);
  const port = await freePort();
  let server: ChildProcess | undefined;
  let databases = 0;

  const query: PostgresServer['query'] = async (database, sql) => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: USER, password: PASSWORD, database });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const start = async () => {
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${root}`];
    const parameters = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
    const child = spawn(join(programs, 'postgres'), parameters, { cwd: root, stdio: 'ignore', ...asOrdinaryUser });
    server = child;
    while (!(await query('postgres', 'select 1').catch(() => undefined))) {
      if (child.exitCode !== null) throw new Error('The PostgreSQL server did not start.');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stop = async () => {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // Immediate shutdown: connections are cut, the next start recovers.
    child.kill('SIGQUIT');
    await ended;
  };
  await start();
  return {
    port,
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      await query('postgres', `create database ${name}`);
      return name;
    },
    query,
    stop,
    start,
    async remove() {
      await stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
