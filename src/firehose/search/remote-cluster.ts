/** An Elasticsearch or OpenSearch cluster. The client is loaded when the first delivery needs it. */
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Clock } from '../../clock.ts';
import { within } from '../../deadline.ts';
import { guardedLookup, refusalOfAddress } from '../network.ts';
import type { Document, Outcome } from './documents.ts';

export interface RemoteCluster {
  /**
   * Puts documents into their indices; one outcome for each.
   * @throws ClusterError when the cluster took none of them, or it is not known what it took
   */
  index(documents: readonly Document[], signal: AbortSignal): Promise<Outcome[]>;
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

  async function send(documents: readonly Document[], signal: AbortSignal): Promise<Outcome[]> {
    if (refusal !== undefined) throw new ClusterError(NO_ANSWER, refusal.message);
    const request = client.transport.request({
      method: 'POST',
      path: '/_bulk',
      querystring: { filter_path: 'items.*.status,items.*.error' },
      bulkBody: documents.map(linesOf).join(''),
    });
    const failure = 'The cluster did not answer';
    try {
      const abandon = () => request.abort();
      const { body } = await within(request, { limitMs: REQUEST_MS, failure, abandon, signal }, clock);
      return outcomesOf(documents, body as Answer);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ClusterError) throw error;
      return outcomesOfError(documents, error as ClientError, (half) => send(half, signal));
    }
  }

  return { index: send, close: () => client.close() };
}

/** The two lines of a document in a request. */
function linesOf({ id, index, type, body }: Document): string {
  const action = { _index: index, ...(type === '' ? {} : { _type: type }), ...(id === undefined ? {} : { _id: id }) };
  return `${JSON.stringify({ index: action })}\n${body}\n`;
}

function outcomesOf(documents: readonly Document[], { items = [] }: Answer): Outcome[] {
  if (items.length !== documents.length) {
    throw new ClusterError(NO_ANSWER, `The cluster answered for ${items.length} of ${documents.length} documents.`);
  }
  return documents.map(({ position }, at) => {
    const { status, error } = Object.values(items[at]!)[0]!;
    if (status < 300) return { position };
    const message = JSON.stringify(error ?? { type: 'unknown', reason: `status ${status}` });
    return { position, error: { code: String(status), message, isFinal: FINAL.has(status) } };
  });
}

interface ClientError extends Error {
  readonly statusCode?: number;
  readonly body?: unknown;
}

/** What an error of the whole request says about its documents. */
async function outcomesOfError(
  documents: readonly Document[],
  error: ClientError,
  sendHalf: (half: readonly Document[]) => Promise<Outcome[]>,
): Promise<Outcome[]> {
  const { statusCode } = error;
  const message = messageOf(error);
  if (statusCode === TOO_LARGE && documents.length > 1) {
    const middle = Math.ceil(documents.length / 2);
    return [...(await sendHalf(documents.slice(0, middle))), ...(await sendHalf(documents.slice(middle)))];
  }
  if (statusCode !== TOO_LARGE && statusCode !== BAD_REQUEST) {
    throw new ClusterError(statusCode === undefined ? NO_ANSWER : String(statusCode), message);
  }
  return documents.map(({ position }) => ({ position, error: { code: String(statusCode), message, isFinal: true } }));
}

const SHOWN_MAX = 1024;

/** What the cluster said, or what happened on the way to it. Never what was sent: there may be a password in it. */
function messageOf({ statusCode, body, message, name }: ClientError): string {
  if (statusCode === undefined) return `The cluster cannot be reached: ${message || name}`.replace(/\.?$/, '.');
  const told =
    typeof body === 'string' ? body : JSON.stringify((body as { error?: unknown } | null)?.error ?? body ?? '');
  return `The cluster answered ${statusCode}: ${told.slice(0, SHOWN_MAX)}`;
}
