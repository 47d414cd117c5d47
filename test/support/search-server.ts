/** A small server in place of a search cluster, which answers as the test says and remembers what it was sent. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createDeliveryStream, ROLE, S3 } from './firehose.ts';
import type { TestServer } from './server.ts';

export interface SentDocument {
  readonly index: { readonly _index: string; readonly _id?: string; readonly _type?: string };
  readonly body: string;
}

/**
 * What becomes of a request: taken, a status for all of it, a status for each document, cut off,
 * never answered, answered late, an answer without end, one that is not JSON.
 */
export type Reaction = 'take' | number | readonly number[] | 'reset' | 'hang' | 'slow' | 'endless' | 'nonsense';

export interface SearchServer {
  readonly url: string;
  /** The documents of each request, in order. */
  readonly requests: readonly (readonly SentDocument[])[];
  readonly headers: readonly IncomingMessage['headers'][];
  /** Reactions to the next requests; all later ones are taken. */
  react(...reactions: Reaction[]): void;
  /** From now on for every request, until the next call. */
  reactAlways(reaction: Reaction): void;
}

const ERROR = { type: 'some_exception', reason: 'as the test wants it' };

/** Starts a server for one test. */
export async function startSearchServer(): Promise<SearchServer> {
  const requests: SentDocument[][] = [];
  const headers: IncomingMessage['headers'][] = [];
  const planned: Reaction[] = [];
  let otherwise: Reaction = 'take';
  const server: Server = createServer(async (request, response) => {
    headers.push(request.headers);
    const documents = await documentsOf(request);
    requests.push(documents);
    answer(planned.shift() ?? otherwise, documents, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    headers,
    react: (...reactions) => void planned.push(...reactions),
    reactAlways(reaction) {
      otherwise = reaction;
    },
  };
}

async function documentsOf(request: IncomingMessage): Promise<SentDocument[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks).toString().split('\n');
  if (lines.pop() !== '') throw new Error('The body of a bulk request must end with a line break.');
  return Array.from({ length: lines.length / 2 }, (_, at) => ({
    index: JSON.parse(lines[2 * at]!).index,
    body: lines[2 * at + 1]!,
  }));
}

function answer(reaction: Reaction, documents: readonly SentDocument[], response: ServerResponse): void {
  if (reaction === 'hang') return;
  if (reaction === 'slow') return void setTimeout(() => answer('take', documents, response), 300);
  if (reaction === 'nonsense') return void response.end('<html>');
  if (reaction === 'endless') return void pour(response);
  if (reaction === 'reset') return void response.socket!.resetAndDestroy();
  response.setHeader('Content-Type', 'application/json');
  if (typeof reaction === 'number') {
    response.statusCode = reaction;
    return void response.end(JSON.stringify({ error: ERROR, status: reaction }));
  }
  const statuses = reaction === 'take' ? documents.map(() => 201) : reaction;
  const items = statuses.map((status) => ({ index: status < 300 ? { status } : { status, error: ERROR } }));
  response.end(JSON.stringify({ items }));
}

/** Writes until nobody listens any more. */
function pour(response: ServerResponse): void {
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  const more = () => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

/** The members of an Elasticsearch destination at an endpoint; without hints it is due at once. */
export const elasticsearchAt = (endpoint: string | undefined, more: object = {}) => ({
  ElasticsearchDestinationConfiguration: {
    RoleARN: ROLE,
    ...(endpoint === undefined
      ? { DomainARN: 'arn:aws:es:us-east-1:000000000000:domain/logs' }
      : { ClusterEndpoint: endpoint }),
    IndexName: 'i',
    IndexRotationPeriod: 'NoRotation',
    BufferingHints: { IntervalInSeconds: 0, SizeInMBs: 5 },
    S3Configuration: S3,
    ...more,
  },
});

/** Creates the delivery stream `d` to an endpoint. */
export const createIndexer = (server: TestServer, endpoint?: string, more: object = {}, name = 'd'): Promise<void> =>
  createDeliveryStream(server, name, elasticsearchAt(endpoint, more));
