/** The paths for people and orchestrators, on both versions of HTTP, and what is answered on all others. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Health } from '../../src/server/app.ts';
import { createServer } from '../../src/server/server.ts';
import { VERSION } from '../../src/version.ts';
import { createTestClock } from '../support/clock.ts';
import {
  askHttp1,
  askHttp2,
  awsQuestion,
  type HttpAnswer,
  type HttpQuestion,
  openHttp2,
} from '../support/http-client.ts';
import { createTestLog } from '../support/log.ts';
import { startTestServer } from '../support/server.ts';

const protocols: Record<string, (url: string, question: HttpQuestion) => Promise<HttpAnswer>> = {
  'HTTP/1.1': (url, question) => askHttp1(url, question),
  'HTTP/2': (url, question) => askHttp2(openHttp2(url), question),
};

const PATHS = ['/_health', '/health', '/healthcheck', '/_localstack/health'];

describe.each(Object.entries(protocols))('over %s', (_protocol, ask) => {
  it.each(PATHS)('GET %s tells that the services are running', async (path) => {
    const { url } = await startTestServer();
    const { status, headers, text } = await ask(url, { method: 'GET', path });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(text)).toMatchObject({
      status: 'running',
      version: VERSION,
      services: { kinesis: 'running' },
    });
  });

  it('the health path may have a query', async () => {
    const { url } = await startTestServer();
    expect((await ask(url, { method: 'GET', path: '/_health?reload=1&reload=2' })).status).toBe(200);
  });

  it('HEAD is answered like GET, without a body', async () => {
    const { url } = await startTestServer();
    const { status, headers, text } = await ask(url, { method: 'HEAD', path: '/_health' });
    expect([status, text]).toEqual([200, '']);
    expect(Number(headers['content-length'])).toBeGreaterThan(0);
  });

  it.each(['/', '/favicon.ico', '/_healthy', '/health/x', '/../etc/passwd', '/%00', '/%zz', '/?%zz'])(
    'GET %s is answered as AWS answers a browser',
    async (path) => {
      const { url } = await startTestServer();
      const { status, headers, text } = await ask(url, { method: 'GET', path });
      expect(status, text).toBe(403);
      expect(text).toMatch(/^<AccessDeniedException>\n {2}<Message>Unable to determine service\/operation name/);
      expect(headers).not.toHaveProperty('content-type');
    },
  );

  it('a POST to a health path is a call of the API', async () => {
    const { url } = await startTestServer();
    const { status, text } = await ask(url, { ...awsQuestion('ListStreams', {}), path: '/_health' });
    expect(status, text).toBe(200);
    expect(JSON.parse(text).StreamNames).toEqual([]);
  });

  it('no answer tells what the server is made of', async () => {
    const { url } = await startTestServer();
    for (const path of ['/_health', '/unknown']) {
      const { headers } = await ask(url, { method: 'GET', path });
      expect(headers, path).not.toHaveProperty('x-powered-by');
      expect(headers, path).not.toHaveProperty('server');
    }
  });

  it('a failed server says so with status 503', async () => {
    const health: Health = { status: 'failed', version: '1.2.3', services: { kinesis: 'failed' } };
    const server = createServer({
      gateway: { handle: () => Promise.reject(new Error('The gateway must not be asked.')) },
      health: () => health,
      series: [],
      controls: {
        flush: () => Promise.reject(new Error('Nothing may be flushed.')),
        runSql: () => Promise.reject(new Error('Nothing may be run.')),
        snapshot: () => Promise.reject(new Error('Nothing may be copied.')),
      },
      admission: { allowedHosts: [], allowedOrigins: [] },
      identity: undefined,
      clock: createTestClock(),
      log: createTestLog(),
    });
    const port = await server.listen(0, '127.0.0.1');
    onTestFinished(() => server.close(0));
    const { status, text } = await ask(`http://127.0.0.1:${port}`, { method: 'GET', path: '/_health' });
    expect([status, JSON.parse(text)]).toEqual([503, health]);
  });
});
