/** A small S3 server in the process of the test, to see what a client of S3 really leaves there. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

/** What we use of s3rver, which has no types of its own. */
type S3rver = new (
  options: object,
) => {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
  readonly httpServer: Server;
};

export interface S3Server {
  readonly url: string;
  /** The headers of each request, in order. */
  readonly requests: readonly IncomingHttpHeaders[];
}

/** Starts a server with these buckets for one test, and makes its credentials those of the process meanwhile. */
export async function startS3Server(...buckets: string[]): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 's3-server-'));
  const S3rver = createRequire(import.meta.url)('s3rver') as S3rver;
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: buckets.map((name) => ({ name })),
  });
  const { port } = await server.run();
  const requests: IncomingHttpHeaders[] = [];
  server.httpServer.prependListener('request', ({ headers }) => requests.push(headers));
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'S3RVER');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'S3RVER');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    server.httpServer.closeAllConnections();
    await server.close();
    rmSync(directory, { recursive: true });
  });
  return { url: `http://127.0.0.1:${port}`, requests };
}
