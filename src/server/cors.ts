/** What browsers ask for before a page may call another origin, and want to read in its answers. Admission came first. */
import type { HttpRequest, HttpResponse } from './one-port.ts';

const EXPOSED = 'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date';

/** Two days. */
const PREFLIGHT_SECONDS = 172_800;

/** Adds what a page of an allowed origin needs to an answer; does nothing for everybody else. */
export function allowReading({ headers, method }: HttpRequest, response: HttpResponse): void {
  if (headers.origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', headers.origin);
  response.setHeader('Vary', 'Origin');
  if (method !== 'OPTIONS') response.setHeader('Access-Control-Expose-Headers', EXPOSED);
}

/** The headers of the answer to the question whether a page may send a request; undefined for any other request. */
export function preflightAnswer({ headers, method }: HttpRequest): Record<string, string | number> | undefined {
  if (method !== 'OPTIONS' || headers.origin === undefined) return undefined;
  const asked = {
    'Access-Control-Allow-Headers': headers['access-control-request-headers'],
    'Access-Control-Allow-Methods': headers['access-control-request-method'],
  };
  const granted = Object.entries(asked).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(granted), 'Access-Control-Max-Age': PREFLIGHT_SECONDS };
}
