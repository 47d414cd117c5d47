/**
 * Requests with node's own HTTP clients, which send what they are told: any method, path, Host and body. For what
 * `TestServer.call` cannot say; fetch, for instance, sets Host itself.
 */
import http from 'node:http';
import http2 from 'node:http2';
import { onTestFinished } from 'vitest';
import { signatureHeaders } from './signature.ts';

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly text: string;
  /** The client's port: the same for answers that came over the same connection. */
  readonly clientPort: number;
}

/** An answer that need not be text. */
export interface RawAnswer extends HttpAnswer {
  /** The body as it came. */
  readonly bytes: Buffer;
}

export interface HttpQuestion {
  /** POST when absent. */
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const JSON_TYPE = 'application/x-amz-json-1.1';

/** The headers of a call of `operation` as SDKs send them. */
export const awsHeaders = (operation: string): Record<string, string> => ({
  ...signatureHeaders(),
  'Content-Type': JSON_TYPE,
  'X-Amz-Target': `Kinesis_20131202.${operation}`,
});

/** A call of `operation` as SDKs send it. */
export const awsQuestion = (operation: string, input: object): HttpQuestion => ({
  headers: awsHeaders(operation),
  body: JSON.stringify(input),
});

/** Sends one HTTP/1.1 request, on a connection of its own unless `agent` is given. */
export function askHttp1(url: string, question: HttpQuestion, agent: http.Agent | false = false): Promise<RawAnswer> {
  const { method = 'POST', path = '/', headers = {}, body } = question;
  return new Promise((resolve, reject) => {
    // Node sends no length by itself with methods that seldom have a body.
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const request = http.request(url, { method, path, headers: { ...length, ...headers }, agent });
    request.once('error', reject);
    request.once('response', (response) => resolve(answerOf(response)));
    request.end(body);
  });
}

/** The whole answer of a response of node's HTTP/1.1 client. */
export async function answerOf(response: http.IncomingMessage): Promise<RawAnswer> {
  const clientPort = response.socket.localPort!;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return { status: response.statusCode!, headers: response.headers, text: bytes.toString(), bytes, clientPort };
}

/** A keep-alive agent with a single connection, closed when the test has finished. */
export function oneConnection(): http.Agent {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** An HTTP/2 session with prior knowledge, destroyed when the test has finished. */
export function openHttp2(url: string): http2.ClientHttp2Session {
  const session = http2.connect(url);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

/** Sends one request as a stream of `session`. A `:authority` among the headers replaces the session's own. */
export function askHttp2(session: http2.ClientHttp2Session, question: HttpQuestion): Promise<RawAnswer> {
  const { method = 'POST', path = '/', headers = {}, body } = question;
  return new Promise((resolve, reject) => {
    // Node sends no body by itself with methods that seldom have one.
    const options = body === undefined ? {} : { endStream: false };
    const stream = session.request({ ':method': method, ':path': path, ...headers }, options);
    const chunks: Buffer[] = [];
    let received: http2.IncomingHttpHeaders = {};
    let clientPort = 0;
    stream.once('response', (given) => {
      received = given;
      clientPort = session.socket.localPort!;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('end', () => {
      const bytes = Buffer.concat(chunks);
      resolve({
        status: Number(received[':status']),
        headers: received as HttpAnswer['headers'],
        text: bytes.toString(),
        bytes,
        clientPort,
      });
    });
    stream.end(body);
  });
}
