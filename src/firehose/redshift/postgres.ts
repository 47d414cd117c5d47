/** A PostgreSQL server that plays Redshift. The client is loaded when the first delivery needs it. */
import { isIP, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../clock.ts';
import { type Bounds, within } from '../../deadline.ts';
import { resolveHost } from '../network.ts';
import { LoadError, type Session } from './session.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** As in PostgreSQL's URLs; `disable` unless somebody says otherwise. */
  readonly tls: 'disable' | 'require' | 'verify-full';
}

/** A server that says nothing for so long is taken for dead. */
const CONNECT_MS = 10_000;

/** Values are read the same way everywhere. */
const SETTINGS =
  "set datestyle = 'ISO, MDY'; set timezone = 'UTC'; set client_encoding = 'UTF8'; set lock_timeout = '60s'";

/**
 * Runs `work` with a connection of its own, which ends with it.
 * @throws what the server or the way to it says is wrong
 */
export async function withServer<T>(
  address: ServerAddress,
  work: (session: Session) => Promise<T>,
  { limitMs, signal }: Bounds,
  clock: Clock,
): Promise<T> {
  const [{ default: pg }, { from }] = await Promise.all([import('pg'), import('pg-copy-streams')]);
  const { user, password, database, port, tls } = address;
  // The client would take one from the environment, and whose that is nobody knows.
  if (user === '') throw new LoadError('AuthenticationFailed', 'The delivery stream has no Username.', true);
  const socket = new Socket();
  const abandon = () => void socket.destroy();
  let client: InstanceType<typeof pg.Client> | undefined;
  const connect = async () => {
    const host = await resolveHost(address.host);
    if (socket.destroyed) throw new Error('It was given up before its address was known');
    client = new pg.Client({
      ...{ host, port, user, password, database },
      application_name: 'millrace',
      stream: () => socket,
      ssl: tls !== 'disable' && { rejectUnauthorized: tls === 'verify-full', ...serverName(address.host) },
    });
    // Errors of a connection that nobody waits for at the moment; whoever uses it next is told.
    client.on('error', () => {});
    await client.connect();
    await client.query(SETTINGS);
    return client;
  };
  const place = `${address.host}:${port}`;
  try {
    const answer = { limitMs: CONNECT_MS, abandon, failure: `${place} did not answer`, signal };
    const connected = await within(connect(), answer, clock);
    const session: Session = {
      query: async (sql, parameters) => (await connected.query(sql, parameters as unknown[])).rows,
      copy: (target, text) => pipeline(Readable.from([text]), connected.query(from(`copy ${target} from stdin`))),
    };
    const limit = { limitMs, abandon, failure: `${place} did not load the batch`, signal };
    return await within(work(session), limit, clock);
  } finally {
    if (client !== undefined) await farewell(client.end(), abandon, clock);
  }
}

/** A certificate is for a name; an address has none to ask for. */
const serverName = (host: string) => (isIP(host) ? {} : { servername: host });

const FAREWELL_MS = 1000;

/** The server is told that the connection ends, but not waited for. */
async function farewell(ended: Promise<void>, abandon: () => void, clock: Clock): Promise<void> {
  const { signal } = new AbortController();
  await within(ended, { limitMs: FAREWELL_MS, failure: 'It did not end', abandon, signal }, clock).catch(() => {});
}
