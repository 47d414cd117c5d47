/**
 * What lies beside the API: health, metrics and controls. It is loaded when somebody asks for it for the first time,
 * because Express and the library of the metrics take as long to load as everything else together.
 */
import type { Log } from '../log.ts';
import type { Series } from '../series.ts';
import { send } from './api.ts';
import type { Health } from './app.ts';
import type { Controls } from './controls.ts';
import type { HttpRequest, HttpResponse, RequestListener } from './one-port.ts';

export interface BesideApiOptions {
  readonly health: () => Health;
  readonly series: readonly Series[];
  /** Undefined where whoever asks must prove who they are. */
  readonly controls: Controls | undefined;
  readonly log: Log;
}

/** `otherwise` answers what no route matches. */
export function createBesideApi(options: BesideApiOptions, otherwise: RequestListener): RequestListener {
  let loading: Promise<RequestListener> | undefined;
  const answer = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
    loading ??= load(options, otherwise);
    try {
      (await loading)(request, response);
    } catch (error) {
      // What could not be loaded is tried again by the next request.
      loading = undefined;
      options.log.error({ err: error }, 'A request beside the API could not be answered.');
      send(response, {
        status: 500,
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
        body: 'Internal Server Error\n',
      });
    }
  };
  return (request, response) => void answer(request, response);
}

async function load({ health, series, controls }: BesideApiOptions, otherwise: RequestListener) {
  const [{ createApp }, { createMetrics }] = await Promise.all([import('./app.ts'), import('./metrics.ts')]);
  return createApp({ health, metrics: createMetrics(series), controls }, otherwise);
}
