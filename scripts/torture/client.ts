/** A client of the API: one keep-alive connection of HTTP/1.1, one request at a time, never a retry. */
import http from 'node:http';
import { nowUs, type Outcome } from './history.ts';

export interface Answer {
  readonly outcome: Outcome;
  /** Whether the server is gone: nothing was sent, because nobody listens. */
  readonly isGone: boolean;
  /** 0 without an answer. */
  readonly status: number;
  /** The parsed body of a 200. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  readonly body: any;
  /** The type and the message of an error, or what became of the connection. */
  readonly error: string;
  readonly startUs: number;
  readonly endUs: number;
}

export interface Client {
  /** Calls `Kinesis_20131202.<operation>`, or of the service before a dot. Never rejects. */
  call(operation: string, input: object): Promise<Answer>;
  /** POST of JSON to a path of the server's own. Never rejects. */
  post(path: string): Promise<Answer>;
  close(): void;
}

export const FIREHOSE = 'Firehose_20150804';
const KINESIS = 'Kinesis_20131202';
const TIMEOUT_MS = 10_000;

/** A complete signature; nobody verifies it. */
export const SIGNATURE = {
  'X-Amz-Date': '20260102T030405Z',
  Authorization:
    'AWS4-HMAC-SHA256 Credential=test/20260102/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0',
};

export function createClient(url: string): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1, noDelay: true });
  const { hostname, port } = new URL(url);
  const connection: http.RequestOptions = { agent, hostname, port, method: 'POST' };
  return {
    call(operation, input) {
      const headers = {
        ...SIGNATURE,
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': operation.includes('.') ? operation : `${KINESIS}.${operation}`,
      };
      return send({ ...connection, path: '/', headers }, JSON.stringify(input));
    },
    post: (path) => send({ ...connection, path, headers: { 'Content-Type': 'application/json' } }, ''),
    close: () => agent.destroy(),
  };
}

function send(options: http.RequestOptions, body: string): Promise<Answer> {
  return new Promise((resolve) => {
    const startUs = nowUs();
    const end = (outcome: Outcome, status: number, text: string, isGone = false): void => {
      clearTimeout(timer);
      const parsed = outcome === 'ok' && text !== '' ? JSON.parse(text) : {};
      const error = outcome === 'ok' ? '' : text.slice(0, 300);
      resolve({ outcome, isGone, status, body: parsed, error, startUs, endUs: nowUs() });
    };
    const request = http.request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // Cut off in the middle of the answer: it was done or not, the client does not know.
      response.on('error', (error) => end('unknown', 0, error.message));
      response.on('end', () => {
        const status = response.statusCode!;
        end(outcomeOf(status), status, Buffer.concat(chunks).toString());
      });
    });
    // A server that answers before it has the whole body closes the connection while the rest is being written.
    request.on('socket', (socket) => {
      if (socket.listenerCount('error', ignore) === 0) socket.on('error', ignore);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNREFUSED';
      end(isGone ? 'fail' : 'unknown', 0, error.message, isGone);
    });
    const timer = setTimeout(() => request.destroy(new Error(`No answer in ${TIMEOUT_MS} ms.`)), TIMEOUT_MS);
    request.end(body);
  });
}

/** The request itself tells what became of it. */
const ignore = (): void => undefined;

/** What was refused as the client's fault was not done; what failed on the server may have been. */
function outcomeOf(status: number): Outcome {
  if (status === 200) return 'ok';
  return status >= 400 && status < 500 ? 'fail' : 'unknown';
}
