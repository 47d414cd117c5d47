/** An Elasticsearch or OpenSearch cluster. The client is loaded when the first delivery needs it. */
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import type { Clock } from '../../clock.ts';
import { within } from '../../deadline.ts';
import { guardedLookup, refusalOfAddress } from '../network.ts';
import type { Document, Outcome } from './documents.ts';

export interface RemoteCluster {
  /**
   * Puts documents into their indices, in one request, or in several when that is too large. Yields what became of the
   * documents of each request, in their order.
   * @throws ClusterError when the cluster took none of the documents of a request, or it is not known what it took
   */
  index(documents: readonly Document[], signal: AbortSignal): AsyncGenerator<readonly Outcome[]>;
  close(): Promise<void>;
}

/** What is wrong with the cluster, or with the way to it; no other batch would fare better. */
export class ClusterError extends Error {
  /** An HTTP status, or the service's code where there was none. */
  readonly code: string;
  readonly concernsAll = true;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const NO_ANSWER = 'ES.ServiceException';

const REQUEST_MS = 30_000;
/** Longer than ours, so that only one of the two limits is ever met. */
const CLIENT_MS = 600_000;

/** Documents that are refused like this would be refused again. */
const FINAL = new Set([400, 409, 413]);

const TOO_LARGE = 413;
const BAD_REQUEST = 400;

interface Exchange {
  /** Of HTTP. */
  readonly status: number;
  readonly text: string;
}

/** As much as a request's documents could possibly fill with errors. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

async function textOf(answer: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new Error(`its answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

interface Answer {
  readonly items?: readonly Readonly<Record<string, { readonly status: number; readonly error?: unknown }>>[];
}

/** The cluster at a URL, which may hold a user and a password. Nothing is sent before there are documents. */
export async function connectCluster(url: string, clock: Clock): Promise<RemoteCluster> {
  const { Client } = await import('@opensearch-project/opensearch');
  const { hostname, protocol } = new URL(url);
  const refusal = refusalOfAddress(hostname.replace(/^\[|\]$/g, ''));
  // As many sockets as delivery streams want at once, one each: none waits for another one's hanging request.
  const agent = { keepAlive: true, lookup: guardedLookup };
  const client = new Client({
    node: url,
    maxRetries: 0,
    requestTimeout: CLIENT_MS,
    agent: () => (protocol === 'https:' ? new TlsAgent(agent) : new Agent(agent)),
  });

  async function* index(documents: readonly Document[], signal: AbortSignal): AsyncGenerator<readonly Outcome[]> {
    if (refusal !== undefined) throw new ClusterError(NO_ANSWER, refusal.message);
    const left = [documents];
    for (let some = left.shift(); some !== undefined; some = left.shift()) {
      const { status, text } = await exchange(some, signal);
      if (status === TOO_LARGE && some.length > 1) {
        const middle = Math.ceil(some.length / 2);
        left.unshift(some.slice(0, middle), some.slice(middle));
      } else {
        yield status < 300 ? outcomesOf(some, text) : outcomesOfRefusal(some, { status, text });
      }
    }
  }

  /** One request and its answer, whatever that is. */
  async function exchange(documents: readonly Document[], signal: AbortSignal): Promise<Exchange> {
    const request = client.transport.request(
      {
        method: 'POST',
        path: '/_bulk',
        querystring: { filter_path: 'error,items.*.status,items.*.error' },
        bulkBody: documents.map(linesOf).join(''),
      },
      // Read here, so that an answer without end does not fill the memory.
      { asStream: true },
    );
    let answer: Readable | undefined;
    const answered = request.then(async ({ statusCode, body }) => {
      answer = body as unknown as Readable;
      return { status: statusCode!, text: await textOf(answer) };
    });
    const abandon = () => {
      request.abort();
      answer?.destroy();
    };
    try {
      return await within(answered, { limitMs: REQUEST_MS, failure: 'no answer', abandon, signal }, clock);
    } catch (error) {
      signal.throwIfAborted();
      // Without the original: what the client hangs on it holds the password.
      const { message, name } = error as Error;
      throw new ClusterError(NO_ANSWER, `The cluster cannot be reached: ${message || name}`.replace(/\.?$/, '.'));
    }
  }

  return { index, close: () => client.close() };
}

/** The two lines of a document in a request. */
function linesOf({ id, index, type, body }: Document): string {
  const action = { _index: index, ...(type === '' ? {} : { _type: type }), ...(id === undefined ? {} : { _id: id }) };
  return `${JSON.stringify({ index: action })}\n${body}\n`;
}

function outcomesOf(documents: readonly Document[], text: string): Outcome[] {
  const { items = [] } = answerOf(text);
  if (items.length !== documents.length) {
    throw new ClusterError(NO_ANSWER, `The cluster answered for ${items.length} of ${documents.length} documents.`);
  }
  return documents.map(({ position }, at) => {
    const { status = 500, error } = Object.values(items[at] ?? {})[0] ?? {};
    if (status < 300) return { position };
    const message = JSON.stringify(error ?? { type: 'unknown', reason: `status ${status}` });
    return { position, error: { code: String(status), message, isFinal: FINAL.has(status) } };
  });
}

function answerOf(text: string): Answer {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null) return answer;
  } catch {
    // Said below.
  }
  throw new ClusterError(NO_ANSWER, `The cluster answered with what is no JSON object: ${text.slice(0, SHOWN_MAX)}`);
}

/** What the refusal of a whole request says about its documents. */
function outcomesOfRefusal(documents: readonly Document[], { status, text }: Exchange): Outcome[] {
  const message = `The cluster answered ${status}: ${text.slice(0, SHOWN_MAX)}`;
  if (status !== TOO_LARGE && status !== BAD_REQUEST) throw new ClusterError(String(status), message);
  return documents.map(({ position }) => ({ position, error: { code: String(status), message, isFinal: true } }));
}

const SHOWN_MAX = 1024;
