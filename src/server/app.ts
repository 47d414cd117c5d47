/** The Express application behind the API: health, metrics and controls for people and orchestrators. */
import http2 from 'node:http2';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Metrics } from './metrics.ts';
import type { HttpRequest, HttpResponse, RequestListener } from './one-port.ts';

export interface Health {
  readonly status: 'running' | 'failed';
  readonly version: string;
  readonly services: Readonly<Record<string, 'running' | 'failed'>>;
}

/** The paths that the peers of Millrace answer, so that compose files and scripts written for them keep working. */
const HEALTH_PATHS = ['/_health', '/health', '/healthcheck', '/_localstack/health'];

/** Paths of our own begin with this. */
export const CONTROL_PATH = '/_millrace/';

/** Which delivery stream somebody means; without account or region that of unsigned requests. */
export interface FlushTarget {
  readonly name: string;
  readonly account: string | undefined;
  readonly region: string | undefined;
}

/** What can be done beside AWS's API. */
export interface Controls {
  /** Delivers what a delivery stream has buffered; undefined when there is none of that name. */
  flush(target: FlushTarget): Promise<{ readonly deliveries: readonly { readonly state: string }[] } | undefined>;
  /** Runs SQL in an embedded database that plays Redshift, which is made if need be; undefined for what is no name. */
  runSql(database: string, sql: string): Promise<readonly object[] | undefined>;
}

export interface Reports {
  readonly health: () => Health;
  readonly metrics: Metrics;
  readonly controls: Controls;
}

const NO_DELIVERY_STREAM =
  'There is no delivery stream of this name; add ?account= and ?region= if it is not in the default ones.';

/** Longer scripts are for tools. */
const sqlBody = express.text({ type: 'application/sql', limit: '1mb' });

/** JSON has no integers of 64 bits that all readers keep; they are written as texts. */
const withoutBigInt = (_name: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

const NO_DATABASE_NAME = 'Names of databases consist of letters, digits and _ $ -, as they stand in a ClusterJDBCURL.';

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** `otherwise` answers what no route matches. */
export function createApp({ health, metrics, controls }: Reports, otherwise: RequestListener): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.get(HEALTH_PATHS, (_request, response) => {
    const current = health();
    response.status(current.status === 'running' ? 200 : 503).json(current);
  });
  app.get('/metrics', async (_request, response) => {
    const text = await metrics.text();
    response.setHeader('Content-Type', metrics.contentType);
    response.end(text);
  });
  app.post(`${CONTROL_PATH}delivery-streams/:name/flush`, async (request, response) => {
    // Any other type could be sent by a form of a web page.
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
      response.status(415).json({ message: 'Send it with the header Content-Type: application/json.' });
      return;
    }
    const { account, region } = request.query;
    const report = await controls.flush({
      name: request.params.name,
      account: textOf(account),
      region: textOf(region),
    });
    if (report === undefined) response.status(404).json({ message: NO_DELIVERY_STREAM });
    else response.status(report.deliveries.every(({ state }) => state === 'DELIVERED') ? 200 : 502).json(report);
  });
  app.post(`${CONTROL_PATH}redshift/:database/query`, sqlBody, async (request, response) => {
    // Without a parser for it the body is no text: again, what forms of web pages can send.
    const sql: unknown = request.body;
    if (typeof sql !== 'string') {
      response.status(415).json({ message: 'Send SQL with the header Content-Type: application/sql.' });
      return;
    }
    try {
      const results = await controls.runSql(request.params.database!, sql);
      if (results === undefined) response.status(404).json({ message: NO_DATABASE_NAME });
      else response.type('json').send(JSON.stringify({ results }, withoutBigInt));
    } catch (error) {
      response.status(400).json({ message: (error as Error).message });
    }
  });
  app.post(new RegExp(`^${CONTROL_PATH}`), (_request, response) => {
    response.status(404).json({ message: 'There is no such control.' });
  });
  app.use((request, response) => otherwise(request, response));
  // A body that is too large or ends early. Four parameters tell Express what this is.
  app.use((error: { status?: number; message: string }, _request: Request, response: Response, _next: NextFunction) => {
    response.status(error.status ?? 500).json({ message: error.message });
  });
  return onBothProtocols(app);
}

/**
 * Express gives every request and response prototypes made for HTTP/1.1, which breaks node's HTTP/2 objects. HTTP/2
 * requests therefore go to a view of the same application whose prototypes are Express's methods on top of node's
 * HTTP/2 classes. Mount only Routers on the application: a mounted second application would swap the prototypes back.
 */
function onBothProtocols(app: Express): RequestListener {
  const view = Object.create(app, {
    request: { value: graft(http2.Http2ServerRequest.prototype, express.request, app) },
    response: { value: graft(http2.Http2ServerResponse.prototype, express.response, app) },
  });
  const handle = (app as unknown as { handle: (request: HttpRequest, response: HttpResponse) => void }).handle;
  return (request, response) => {
    if (request.httpVersionMajor < 2) return handle.call(app, request, response);
    handle.call(view, request, response);
  };
}

const graft = (base: object, methods: object, app: Express) =>
  Object.create(base, {
    ...Object.getOwnPropertyDescriptors(methods),
    app: { value: app, configurable: true, enumerable: true, writable: true },
  });
