/** A helper that is the least an AWS JSON server can be: node:http, JSON.parse, a fixed answer; it stores nothing. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';

export interface Listen {
  /** The body of every answer. */
  readonly answer: string;
}

export interface Listening {
  readonly port: number;
}

pin(process.pid, 'measured');
serveJobs(listen);

async function listen({ answer }: Listen): Promise<Listening> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      JSON.parse((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8'));
      response.writeHead(200, { 'Content-Type': 'application/x-amz-json-1.1', 'Content-Length': answer.length });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
}
