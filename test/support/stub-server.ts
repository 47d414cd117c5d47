/** A server with a gateway of the test's own behind it: all that a client can do to the wire, and no database. */
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import type { WireRequest, WireResponse } from '../../src/protocol/gateway.ts';
import { createServer } from '../../src/server/server.ts';
import type { Identity } from '../../src/server/tls.ts';
import { createTestClock } from './clock.ts';
import { createTestLog, type TestLog } from './log.ts';

export interface StubServer {
  readonly url: string;
  readonly log: TestLog;
  /** What the gateway was asked, in order. */
  readonly asked: readonly WireRequest[];
}

export interface StubServerOptions {
  /** Answers `served` at once when absent. */
  readonly handle?: (request: WireRequest) => WireResponse | Promise<WireResponse>;
  readonly clock?: Clock;
  readonly identity?: Identity;
}

/** What the gateway of a stub server answers. */
export const served = (body: string | Buffer = 'served'): WireResponse => ({ status: 200, headers: {}, body });

/** Starts a server that is closed when the test has finished; the test fails if the server logged an error. */
export async function startStubServer(options: StubServerOptions = {}): Promise<StubServer> {
  const { handle = () => served(), clock = createTestClock(), identity } = options;
  const log = createTestLog();
  const asked: WireRequest[] = [];
  const server = createServer({
    gateway: {
      async handle(request) {
        asked.push(request);
        return handle(request);
      },
    },
    health: () => ({ status: 'running', version: '0.0.0', services: {} }),
    series: [],
    controls: {
      flush: () => Promise.reject(new Error('Nothing may be flushed.')),
      runSql: () => Promise.reject(new Error('Nothing may be run.')),
      snapshot: () => Promise.reject(new Error('Nothing may be copied.')),
    },
    admission: { allowedHosts: [], allowedOrigins: [] },
    identity,
    clock,
    log,
  });
  const port = await server.listen(0, '127.0.0.1');
  onTestFinished(async () => {
    await server.close(0);
    const errors = log.entries.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw new Error(`The server logged errors: ${errors.map(({ message }) => message)}`);
  });
  return { url: `http://127.0.0.1:${port}`, log, asked };
}
