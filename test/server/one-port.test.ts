/** Every protocol on one port, however its bytes are cut into packets, and connections that never say what they speak. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { createOnePort, type RequestListener } from '../../src/server/one-port.ts';
import { createTestClock } from '../support/clock.ts';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, oneConnection, openHttp2 } from '../support/http-client.ts';
import { headersFrame, OPENING, PREFACE } from '../support/http2-frames.ts';
import { createTestLog } from '../support/log.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openSocket } from '../support/raw-socket.ts';
import { startTestServer } from '../support/server.ts';
import { headerLines } from '../support/signature.ts';

/** An HTTP/2 connection with `GET /_health`. */
const HTTP2_HEALTH = Buffer.concat([
  OPENING,
  headersFrame(
    1,
    { ':method': 'GET', ':scheme': 'http', ':path': '/_health', ':authority': 'localhost' },
    { end: true },
  ),
]);

const GET_HEALTH = 'GET /_health HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A port without the program behind it. */
async function startPort(
  clock: Clock,
  onRequest: RequestListener = (_request, response) => void response.end('hello'),
) {
  const log = createTestLog();
  const port = createOnePort(onRequest, { clock, log, identity: undefined });
  const number = await port.listen(0, '127.0.0.1');
  onTestFinished(() => port.close(0));
  return { log, port, number, url: `http://127.0.0.1:${number}` };
}

describe('one port', () => {
  it('serves HTTP/1.1 and HTTP/2 at the same time', async () => {
    const { url } = await startTestServer();
    const session = openHttp2(url);
    const answers = await Promise.all([
      askHttp1(url, awsQuestion('ListStreams', {})),
      askHttp2(session, awsQuestion('ListStreams', {})),
      askHttp1(url, awsQuestion('ListStreams', {})),
      askHttp2(session, awsQuestion('ListStreams', {})),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it('serves many streams of one HTTP/2 session at once', async () => {
    const { url, ok, createStream } = await startTestServer();
    await createStream('a');
    const session = openHttp2(url);
    const puts = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        askHttp2(
          session,
          awsQuestion('PutRecord', {
            StreamName: 'a',
            PartitionKey: 'k',
            Data: Buffer.alloc(5000, index).toString('base64'),
          }),
        ),
      ),
    );
    expect(puts.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 200));
    expect(new Set(puts.map(({ text }) => JSON.parse(text).SequenceNumber)).size).toBe(100);
    const { ShardIterator } = await ok('GetShardIterator', {
      StreamName: 'a',
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'TRIM_HORIZON',
    });
    const { text } = await askHttp2(session, awsQuestion('GetRecords', { ShardIterator }));
    const { Records } = JSON.parse(text) as { Records: { Data: string }[] };
    const fills = Records.map(({ Data }) => Buffer.from(Data, 'base64')).map((data) => {
      expect(data.equals(Buffer.alloc(5000, data[0])), 'a record was mixed up with another').toBe(true);
      return data[0]!;
    });
    expect(fills.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  it('serves two requests of one packet in their order', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send(`${GET_HEALTH}GET /unknown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const received = await socket.closed;
    expect([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '403']);
  });

  it('serves a request that offers to upgrade to HTTP/2 as it is, as Java does', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send(
      'GET /_health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n' +
        'HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n',
    );
    expect(await socket.until('"running"')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('refuses what is no HTTP, and goes on serving others', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send('HELO mail.example\r\n\r\n');
    expect(await socket.closed).toMatch(/^HTTP\/1\.1 400 /);
    const settingsExpected = await openSocket(url);
    await settingsExpected.send(PREFACE + GET_HEALTH);
    await settingsExpected.closed;
    expect((await askHttp1(url, { method: 'GET', path: '/_health' })).status).toBe(200);
  });

  it('tells a second listener that the port is in use', async () => {
    const { number } = await startPort(createTestClock());
    const second = createOnePort(() => undefined, {
      clock: createTestClock(),
      log: createTestLog(),
      identity: undefined,
    });
    await expect(second.listen(number, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('bytes that come one by one', () => {
  it('are an HTTP/1.1 request', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.drip(GET_HEALTH);
    expect(await socket.until('"running"')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are an HTTP/1.1 request although they start like HTTP/2', async () => {
    const { url } = await startTestServer();
    const body = '{}';
    const request =
      `POST / HTTP/1.1\r\nHost: localhost\r\n${headerLines(awsHeaders('ListStreams'))}` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    const socket = await openSocket(url);
    await socket.drip(request);
    expect(await socket.until('StreamNames')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('are no HTTP/2 when they leave its preface late', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.drip('PRI * HTTP/2.0\r\n\r\nSM\r\nX');
    expect(await socket.closed).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('are an HTTP/2 connection with a request', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.drip(HTTP2_HEALTH);
    expect(await socket.until('"status":"running"')).not.toContain('HTTP/1.1');
  });

  it.each([1, 2, 3, 14, 23, 24, 25, 30])(
    'or in two packets, cut after %d, are an HTTP/2 connection too',
    async (cut) => {
      const { url } = await startTestServer();
      const socket = await openSocket(url);
      await socket.send(HTTP2_HEALTH.subarray(0, cut));
      await socket.send(HTTP2_HEALTH.subarray(cut));
      expect(await socket.until('"status":"running"')).not.toContain('HTTP/1.1');
    },
  );
});

describe('a connection that speaks TLS', () => {
  const clientHello = Buffer.concat([Buffer.from('16030100f5010000f10303', 'hex'), Buffer.alloc(239, 1)]);

  it.each([
    ['a whole ClientHello', clientHello],
    ['its first byte', clientHello.subarray(0, 1)],
  ])('is closed without a byte, and the log says what to do: %s', async (_title, bytes) => {
    const { url, log } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send(bytes);
    expect(await socket.closed).toBe('');
    expect(log.take('warn').map(({ message }) => message)).toEqual([expect.stringMatching(/TLS.*http:\/\//)]);
    expect((await askHttp1(url, { method: 'GET', path: '/_health' })).status).toBe(200);
  });
});

describe('a connection that does not say what it speaks', () => {
  const FIRST_BYTES_MS = 10_000;

  it.each([
    ['nothing', ''],
    ['a part of the HTTP/2 preface', 'PRI * HT'],
  ])('is closed after ten seconds when it said %s', async (_title, bytes) => {
    const clock = createManualClock();
    const { url } = await startPort(clock);
    const socket = await openSocket(url);
    await socket.send(bytes);
    // The answer to another connection shows that the server has taken this one too, and is not held up by it.
    expect((await askHttp1(url, {})).text).toBe('hello');
    expect(clock.waiting(FIRST_BYTES_MS)).toBe(1);
    clock.fire(FIRST_BYTES_MS);
    expect(await socket.closed).toBe('');
  });

  it('is forgotten when it is closed by the client', async () => {
    const clock = createManualClock();
    const { url } = await startPort(clock);
    const socket = await openSocket(url);
    await socket.send('PRI');
    expect(clock.waiting(FIRST_BYTES_MS)).toBe(1);
    socket.destroy();
    await socket.closed;
    await askHttp1(url, {});
    expect(clock.waiting(FIRST_BYTES_MS), 'a timer is left of a connection that is gone').toBe(0);
  });

  it('is not meant when it has begun to speak: the limit ends with the first bytes', async () => {
    const clock = createManualClock();
    const { url } = await startPort(clock);
    const agent = oneConnection();
    const session = openHttp2(url);
    await askHttp1(url, {}, agent);
    await askHttp2(session, {});
    expect(clock.waiting(FIRST_BYTES_MS)).toBe(0);
    expect((await askHttp1(url, {}, agent)).text).toBe('hello');
    expect((await askHttp2(session, {})).text).toBe('hello');
  });
});
