/** The AWS API over HTTP: node's request → gateway → node's response. Works the same on HTTP/1.1 and HTTP/2. */
import { EventStream } from '../protocol/event-stream.ts';
import type { Gateway, WireResponse } from '../protocol/gateway.ts';
import { type BodyFailure, readBody } from './body.ts';
import { isGone, onGone } from './gone.ts';
import { Allowance, BODIES_BYTES_MAX, UNSENT_BYTES_MAX } from './limits.ts';
import type { HttpRequest, HttpResponse, RequestListener } from './one-port.ts';

/** Answers longer than this, in characters, are sent apart from their headers. */
const SHORT_BODY_MAX = 16_384;

/** SDKs try again after this one. */
const busy = (): WireResponse => ({
  status: 503,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': 1 },
  body: 'Too many bytes are in flight; try again.\n',
});

export interface ApiOptions {
  readonly gateway: Gateway;
  /** Called with what makes a request fail here; it should not happen. */
  readonly onError: (error: unknown) => void;
}

/** Answers requests of the AWS API. */
export function createApi({ gateway, onError }: ApiOptions): RequestListener {
  const bodies = new Allowance(BODIES_BYTES_MAX);
  const unsent = new Allowance(UNSENT_BYTES_MAX);

  const serve = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
    if (unsent.isExhausted) return send(response, busy());
    const read = await readBody(request, bodies);
    try {
      if (read.outcome !== 'read') return refuse(response, read.outcome);
      const { method = '', url = '', headers, rawHeaders } = request;
      const answer = await gateway.handle({ method, url, headers, rawHeaders, body: read.body });
      countUntilSent(answer, response, unsent);
      send(response, answer);
    } finally {
      bodies.giveBack(read.bytes);
    }
  };
  return (request, response) =>
    void serve(request, response).catch((error) => {
      onError(error);
      // Nobody is to wait for an answer that will not come.
      response.destroy();
    });
}

/** Sends `answer`; a client that has gone away is no error. */
export function send(response: HttpResponse, { status, headers, body }: WireResponse): void {
  if (isGone(response) || response.headersSent) {
    if (body instanceof EventStream) body.stop();
    return;
  }
  if (body instanceof EventStream) return sendEvents(response, status, headers, body);
  // Node sends a short text in one piece with the headers; a long one is encoded once, here.
  const content = typeof body === 'string' && body.length > SHORT_BODY_MAX ? Buffer.from(body) : body;
  headers['Content-Length'] = Buffer.byteLength(content);
  response.writeHead(status, headers);
  response.end(content);
}

/** Sends what `events` writes, on HTTP/1.1 in chunks, until it ends or nobody receives it any more. */
function sendEvents(
  response: HttpResponse,
  status: number,
  headers: WireResponse['headers'],
  events: EventStream,
): void {
  onGone(response, () => events.stop());
  response.on('drain', () => events.resume());
  response.writeHead(status, headers);
  // Node's types know only the answers of HTTP/1.1 by this method, which both have.
  const { write } = response as unknown as { write(bytes: Buffer): boolean };
  events.start({ write: (bytes) => write.call(response, bytes), end: () => void response.end() });
}

/** Large answers count until their clients have read them, or are gone. */
function countUntilSent({ body }: WireResponse, response: HttpResponse, unsent: Allowance): void {
  // Events limit themselves: they wait for their receivers.
  if (body instanceof EventStream || body.length <= SHORT_BODY_MAX || isGone(response)) return;
  unsent.take(body.length);
  onGone(response, () => unsent.giveBack(body.length));
}

/** Answers a request whose body was not read to its end. */
function refuse(response: HttpResponse, reason: BodyFailure): void {
  switch (reason) {
    case 'aborted':
      return;
    case 'busy':
      return send(response, busy());
    case 'too large':
      return send(response, { status: 413, headers: {}, body: '' });
  }
}
