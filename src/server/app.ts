/** The Express application behind the API: health, metrics and controls for people and orchestrators. */
import http2 from 'node:http2';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { addControls, type Controls } from './controls.ts';
import type { Metrics } from './metrics.ts';
import type { HttpRequest, HttpResponse, RequestListener } from './one-port.ts';

/** `verifying`: the data is being checked meanwhile; `full`: there is no room, so it can only be read. */
type HealthState = 'running' | 'verifying' | 'full' | 'failed';

export interface Health {
  readonly status: HealthState;
  readonly version: string;
  readonly services: Readonly<Record<string, HealthState>>;
}

/** The paths that the peers of Millrace answer, so that compose files and scripts written for them keep working. */
const HEALTH_PATHS = ['/_health', '/health', '/healthcheck', '/_localstack/health'];

export interface Reports {
  readonly health: () => Health;
  readonly metrics: Metrics;
  /** Undefined where whoever asks must prove who they are. */
  readonly controls: Controls | undefined;
}

/** `otherwise` answers what no route matches. */
export function createApp({ health, metrics, controls }: Reports, otherwise: RequestListener): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.get(HEALTH_PATHS, (_request, response) => {
    const current = health();
    response.status(current.status === 'failed' ? 503 : 200).json(current);
  });
  app.get('/metrics', async (_request, response) => {
    const text = await metrics.text();
    response.setHeader('Content-Type', metrics.contentType);
    response.end(text);
  });
  addControls(app, controls);
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
