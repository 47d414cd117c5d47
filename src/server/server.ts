/** What listens: admission, then the API on a bare Router (no cost beyond node's own), then the Express application. */
import { Router } from 'express';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Gateway } from '../protocol/gateway.ts';
import type { Series } from '../series.ts';
import { createAdmission } from './admission.ts';
import { send, serveApi } from './api.ts';
import { CONTROL_PATH, type Controls, createApp, type Health } from './app.ts';
import { createMetrics } from './metrics.ts';
import { createOnePort, type HttpRequest, type HttpResponse, type OnePort, type RequestListener } from './one-port.ts';

export interface ServerOptions {
  readonly gateway: Gateway;
  readonly health: () => Health;
  readonly series: readonly Series[];
  readonly controls: Controls;
  /** Host names that clients may use besides the usual ones. */
  readonly allowedHosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export function createServer(options: ServerOptions): OnePort {
  const { gateway, health, series, controls, allowedHosts, clock, log } = options;
  const refusalOf = createAdmission(allowedHosts);
  const api: RequestListener = (request, response) => {
    serveApi(request, response, gateway).catch((error) =>
      log.error({ err: error }, 'A request could not be answered.'),
    );
  };
  const app = createApp({ health, metrics: createMetrics(series), controls }, api);

  const router = Router();
  router.use(((request: HttpRequest, response: HttpResponse, next: () => void) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) send(response, plain(403, refusal));
    else if (request.method === 'POST' && !request.url!.startsWith(CONTROL_PATH)) api(request, response);
    else next();
  }) as never);

  return createOnePort(
    (request, response) => {
      response.on('error', (error) => log.debug({ err: error }, 'A response could not be sent.'));
      router(request as never, response as never, (error?: unknown) => {
        if (error === undefined) return app(request, response);
        log.error({ err: error }, 'A request failed before it reached the API.');
        send(response, plain(500, 'Internal Server Error'));
      });
    },
    { clock, log },
  );
}

const plain = (status: number, sentence: string) => ({
  status,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: `${sentence}\n`,
});
