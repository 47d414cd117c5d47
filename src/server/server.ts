/** What listens: admission, then the API (no cost beyond node's own), then what lies beside it. */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Gateway } from '../protocol/gateway.ts';
import type { Series } from '../series.ts';
import { type AdmissionOptions, createAdmission } from './admission.ts';
import { createApi, send } from './api.ts';
import type { Health } from './app.ts';
import { createBesideApi } from './beside-api.ts';
import { askForBody, limitBodyTime } from './body.ts';
import { CONTROL_PATH } from './control-path.ts';
import type { Controls } from './controls.ts';
import { allowReading, preflightAnswer } from './cors.ts';
import { createOnePort, type HttpRequest, type HttpResponse, type OnePort } from './one-port.ts';
import type { Identity } from './tls.ts';

export interface ServerOptions {
  readonly gateway: Gateway;
  readonly health: () => Health;
  readonly series: readonly Series[];
  /** Undefined where whoever asks must prove who they are. */
  readonly controls: Controls | undefined;
  readonly admission: AdmissionOptions;
  /** Whom the server is to clients that speak TLS; undefined: it does not speak it. */
  readonly identity: Identity | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export function createServer(options: ServerOptions): OnePort {
  const { gateway, health, series, controls, admission, identity, clock, log } = options;
  const refusalOf = createAdmission(admission);
  const onError = (error: unknown) => log.error({ err: error }, 'A request could not be answered.');
  const api = createApi({ gateway, onError });
  const besideApi = createBesideApi({ health, series, controls, log }, api);

  const answer = (request: HttpRequest, response: HttpResponse): void => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return send(response, plain(refusal.status, refusal.sentence));
    allowReading(request, response);
    const preflight = preflightAnswer(request);
    if (preflight !== undefined) {
      send(response, { status: 200, headers: { 'x-amzn-RequestId': clock.randomUuid(), ...preflight }, body: '' });
      return;
    }
    askForBody(request, response);
    if (request.method === 'POST' && !request.url!.startsWith(CONTROL_PATH)) api(request, response);
    else besideApi(request, response);
  };

  return createOnePort(
    (request, response) => {
      response.on('error', (error) => log.debug({ err: error }, 'A response could not be sent.'));
      limitBodyTime(request, response, clock);
      try {
        answer(request, response);
      } catch (error) {
        log.error({ err: error }, 'A request failed before it reached the API.');
        send(response, plain(500, 'Internal Server Error'));
      }
    },
    { clock, log, identity },
  );
}

const plain = (status: number, sentence: string) => ({
  status,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: `${sentence}\n`,
});
