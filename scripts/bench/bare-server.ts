/**
 * A helper that is the least an AWS server can be: node's own server, the body parsed, a fixed answer with the headers
 * that every answer of Kinesis has (fixed, too); it stores nothing.
 */
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { cbor } from '../../src/protocol/cbor.ts';
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { ENCODINGS, type Encoding } from './requests.ts';

export interface Listen {
  readonly protocol: 'HTTP/1.1' | 'h2c';
  readonly encoding: Encoding;
  /** What every answer holds. */
  readonly answer: object;
}

export interface Listening {
  readonly port: number;
}

/** JSON as it is parsed most cheaply. No parser of CBOR comes with node, so it is Millrace's. */
const PARSE: Readonly<Record<Encoding, (body: Buffer) => unknown>> = {
  JSON: (body) => JSON.parse(body.toString('utf8')),
  CBOR: cbor.parse,
};

pin(process.pid, 'measured');
serveJobs(listen);

async function listen({ protocol, encoding, answer }: Listen): Promise<Listening> {
  const { contentType, encode } = ENCODINGS[encoding];
  // Node sends a text in one piece with the headers, whatever bytes it stands for.
  const body = encode(answer).toString('latin1');
  const headers = {
    'x-amzn-RequestId': '0f8fad5b-d9cb-469f-a165-70867728950e',
    'x-amz-id-2': 'A'.repeat(96),
    'Content-Type': contentType,
    'Content-Length': body.length,
  };
  const parse = PARSE[encoding];
  const server =
    protocol === 'h2c'
      ? // Streams, not the compatibility layer, which is slower.
        http2.createServer().on('stream', (stream) =>
          whenRead(stream, parse, () => {
            stream.respond({ ':status': 200, ...headers });
            stream.end(body, 'latin1');
          }),
        )
      : http.createServer((request, response) =>
          whenRead(request, parse, () => {
            response.writeHead(200, headers);
            response.end(body, 'latin1');
          }),
        );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
}

/** Calls `respond` when the body of `request` has been read and parsed. */
function whenRead(request: Readable, parse: (body: Buffer) => unknown, respond: () => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    parse(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    respond();
  });
}
