/** The AWS API over HTTP: node's request → gateway → node's response. Works the same on HTTP/1.1 and HTTP/2. */
import type { Gateway, WireResponse } from '../protocol/gateway.ts';
import type { HttpRequest, HttpResponse } from './one-port.ts';

/** 500 records of together 10 MiB are 13.4 MiB as base64; keys and JSON come on top. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Answers longer than this, in characters, are sent apart from their headers. */
const SHORT_BODY_MAX = 16_384;

/** Answers one request of the AWS API. Never rejects. */
export async function serveApi(request: HttpRequest, response: HttpResponse, gateway: Gateway): Promise<void> {
  const body = await readBody(request);
  if (body === 'aborted') return;
  if (body === 'too large') return send(response, { status: 413, headers: {}, body: '' });
  const { headers } = request;
  const answer = await gateway.handle({
    method: request.method ?? '',
    url: request.url ?? '',
    contentType: headers['content-type'],
    target: headers['x-amz-target'] as string | undefined,
    authorization: headers.authorization,
    body,
  });
  send(response, answer);
}

/** Sends `answer`; a client that has gone away is no error. */
export function send(response: HttpResponse, { status, headers, body }: WireResponse): void {
  if (response.destroyed || response.headersSent) return;
  // Node sends a short text in one piece with the headers; a long one is encoded once, here.
  const content = body.length > SHORT_BODY_MAX ? Buffer.from(body) : body;
  headers['Content-Length'] = Buffer.byteLength(content);
  response.writeHead(status, headers);
  response.end(content);
}

function readBody(request: HttpRequest): Promise<Buffer | 'too large' | 'aborted'> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return Promise.resolve('too large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // The rest is read and dropped, so that the connection survives and the client sees the answer.
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else resolve('too large');
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on('error', () => resolve('aborted'));
    request.on('close', () => resolve('aborted'));
  });
}
