/** A plain client of the API for tests that need many concurrent requests to a real process. */
import http from 'node:http';
import { signatureHeaders } from './signature.ts';

export interface WireClient {
  /** Resolves to the parsed answer of a 200, to undefined when the connection failed; rejects on any other status. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
  send(operation: string, input: object): Promise<any>;
  close(): void;
}

/** A client with one keep-alive connection, as one SDK client in one thread has. */
export function createWireClient(url: string, service = 'Kinesis_20131202'): WireClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(url);
  return {
    send: (operation, input) =>
      new Promise((resolve, reject) => {
        const request = http.request(
          {
            agent,
            hostname,
            port,
            method: 'POST',
            headers: {
              ...signatureHeaders(),
              'Content-Type': 'application/x-amz-json-1.1',
              'X-Amz-Target': `${service}.${operation}`,
            },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => {
              text += chunk;
            });
            response.on('error', () => resolve(undefined));
            response.on('end', () => {
              if (response.statusCode === 200) resolve(text === '' ? {} : JSON.parse(text));
              else reject(new Error(`${operation} answered ${response.statusCode}: ${text}`));
            });
          },
        );
        request.on('error', () => resolve(undefined));
        request.end(JSON.stringify(input));
      }),
    close: () => agent.destroy(),
  };
}
