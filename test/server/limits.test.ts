/** Every limit of src/server/limits.ts: what is just below it is served, what is above is refused, and it costs little. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CBOR_TYPE, codecOf } from '../../src/protocol/codec.ts';
import type { WireResponse } from '../../src/protocol/gateway.ts';
import { type Body, readBody } from '../../src/server/body.ts';
import {
  Allowance,
  BODIES_BYTES_MAX,
  BODY_BYTES_MAX,
  BODY_MS_MAX,
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  HEADERS_MAX,
  IDLE_MS_MAX,
  STREAMS_MAX,
  UNSENT_BYTES_MAX,
} from '../../src/server/limits.ts';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, type HttpAnswer, openHttp2 } from '../support/http-client.ts';
import {
  ACK,
  cancelFrame,
  dataFrame,
  END_HEADERS,
  END_STREAM,
  endFrame,
  frame,
  framesOf,
  goAwayCodes,
  headerBlock,
  headersFrame,
  lowerCase,
  OPENING,
  resetCode,
  settingsFrame,
  TYPE,
} from '../support/http2-frames.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { openSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestServer } from '../support/server.ts';
import { headerLines } from '../support/signature.ts';
import { served, startStubServer } from '../support/stub-server.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';
import { until } from '../support/until.ts';

/** How large the upload in pieces of one byte is. */
const UPLOAD_BYTES = Number(process.env.UPLOAD_BYTES ?? 2 ** 16);

const MIB = 2 ** 20;
const JSON_TYPE = 'application/x-amz-json-1.1';

expectNothingUncaught();

const PSEUDO = { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'localhost' };
const CALL = { ...PSEUDO, ...lowerCase(awsHeaders('ListStreams')) };
const HEAD = `POST / HTTP/1.1\r\nHost: localhost\r\n${headerLines(awsHeaders('ListStreams'))}`;

/** Answers that wait until the test lets them go. */
class Held {
  readonly #waiting: (() => void)[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  hold(answer: WireResponse): Promise<WireResponse> {
    return new Promise((resolve) => this.#waiting.push(() => resolve(answer)));
  }

  release(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** Uploads without a length, with node's client. */
function askChunked(url: string, body: Buffer): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers = awsHeaders('ListStreams');
    const request = http.request(url, { method: 'POST', headers, agent: false });
    request.once('error', reject);
    request.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve({ status: response.statusCode!, headers: {}, text: '', clientPort: 0 }));
    });
    request.write(body);
    request.end();
  });
}

/** What has become of stream 1: its status (`:status` is not decoded: 200 is one byte of HPACK), or why it was reset. */
function fateOf(received: string): 'answered' | 'reset' | 'ended' | undefined {
  const frames = framesOf(received);
  if (resetCode(frames, 1) !== undefined) return 'reset';
  if (goAwayCodes(frames).length > 0) return 'ended';
  return frames.some(({ type, stream }) => type === TYPE.headers && stream === 1) ? 'answered' : undefined;
}

describe('S20 a body', () => {
  it.each([
    [BODY_BYTES_MAX - 1, 200],
    [BODY_BYTES_MAX, 200],
    [BODY_BYTES_MAX + 1, 413],
  ])('of %d bytes is answered with %d, whichever way it comes', async (bytes, status) => {
    const { url, asked } = await startStubServer();
    const body = Buffer.alloc(bytes, 'x');
    const headers = awsHeaders('ListStreams');
    expect((await askHttp1(url, { headers, body })).status, 'announced').toBe(status);
    expect((await askChunked(url, body)).status, 'in chunks').toBe(status);
    expect((await askHttp2(openHttp2(url), { headers, body })).status, 'over HTTP/2').toBe(status);
    expect(asked.map((request) => request.body.length)).toEqual(status === 200 ? [bytes, bytes, bytes] : []);
  });

  it.each(['1e3', '0x10', '-1', '+1', '1 1', '99999999999999999999', ''])(
    'whose length is announced as %j is refused by node or by us, and never asked for',
    async (length) => {
      const { url, asked } = await startStubServer();
      const socket = await openSocket(url);
      await socket.send(`${HEAD}Content-Length: ${length}\r\n\r\n${'x'.repeat(20)}`);
      expect(await socket.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 4(00|13) /);
      expect(asked).toEqual([]);
    },
  );

  it('with both a length and chunks is refused: another server might read another request into it', async () => {
    const { url, asked } = await startStubServer();
    const socket = await openSocket(url);
    await socket.send(`${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET`);
    expect(await socket.closed).toMatch(/^HTTP\/1\.1 400 /);
    expect(asked).toEqual([]);
  });
});

describe('S20 header lines', () => {
  /** `count` header lines, Host and those of the call among them. */
  const lines = (count: number) => {
    const present = HEAD.match(/\r\n/g)!.length - 1;
    return Array.from({ length: count - present - 1 }, (_, index) => `h${index}: x\r\n`).join('');
  };

  it.each([
    [HEADERS_MAX - 1, 200],
    [HEADERS_MAX, 200],
    [HEADERS_MAX + 1, 431],
  ])('%d of them are answered with %d over HTTP/1.1', async (count, status) => {
    const { url, asked } = await startStubServer();
    const socket = await openSocket(url);
    await socket.send(`${HEAD}${lines(count)}Content-Length: 2\r\n\r\n{}`);
    expect(await socket.until('\r\n\r\n')).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(asked.map(({ rawHeaders }) => rawHeaders.length / 2)).toEqual(status === 200 ? [count] : []);
  });

  it.each([
    [HEADERS_MAX - 1, true],
    [HEADERS_MAX, true],
    [HEADERS_MAX + 1, false],
  ])('%d of them beside the four of HTTP/2 itself are served there: %s', async (count, isServed) => {
    const { url, asked } = await startStubServer();
    const present = Object.keys(CALL).length - Object.keys(PSEUDO).length;
    const more = Object.fromEntries(Array.from({ length: count - present }, (_, index) => [`h${index}`, 'x']));
    const socket = await openSocket(url);
    await socket.send(Buffer.concat([OPENING, headersFrame(1, { ...CALL, ...more }, { end: true })]));
    await until(() => fateOf(socket.received()) !== undefined);
    expect(asked.length).toBe(isServed ? 1 : 0);
    const list = awsQuestion('ListStreams', {});
    expect((await askHttp1(url, list)).status, 'others are served').toBe(200);
  });

  it('of 5,000 are not dropped silently, as node would', async () => {
    const { url, asked } = await startStubServer();
    const socket = await openSocket(url);
    await socket.send(`${HEAD}${'a:b\r\n'.repeat(5000)}Content-Length: 2\r\n\r\n{}`);
    expect(await socket.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 431 /);
    expect(asked).toEqual([]);
  });
});

describe('S20 bytes of headers', () => {
  /** As node counts them over HTTP/1.1: the path, the names and the values. */
  const sizeOf = (head: string) =>
    head
      .split('\r\n')
      .slice(1)
      .reduce((sum, line) => sum + line.replace(': ', '').length, '/'.length);

  it.each([
    [HEADER_BYTES_MAX - 2, 200],
    [HEADER_BYTES_MAX - 1, 200],
    [HEADER_BYTES_MAX, 431],
  ])('%d of them are answered with %d over HTTP/1.1', async (bytes, status) => {
    const { url, asked } = await startStubServer();
    const start = `${HEAD}Content-Length: 2\r\nFiller: `;
    const socket = await openSocket(url);
    await socket.send(`${start}${'x'.repeat(bytes - sizeOf(start))}\r\n\r\n{}`);
    expect(await socket.until('\r\n\r\n')).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(asked.length).toBe(status === 200 ? 1 : 0);
  });

  it('much more than allowed are not waited for', async () => {
    const { url } = await startStubServer();
    const socket = await openSocket(url);
    socket.pour(`${HEAD}Filler: ${'x'.repeat(4 * MIB)}`);
    expect(await socket.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 431 /);
  });

  it.each([
    ['16 KiB', 'has acknowledged the settings', frame(TYPE.settings, ACK, 0, Buffer.alloc(0)), HEADER_BYTES_MAX],
    // What node takes from whoever has not heard of a limit.
    ['64 KiB', 'has not', Buffer.alloc(0), 4 * HEADER_BYTES_MAX],
  ])('are limited to %s over HTTP/2 for a client that %s', async (_limit, _name, acknowledgement, limit) => {
    const { url, asked } = await startStubServer();
    const send = async (bytes: number) => {
      const socket = await openSocket(url);
      await socket.send(OPENING);
      await socket.send(acknowledgement);
      const used = Object.entries({ ...CALL, filler: '' }).reduce((sum, entry) => sum + entry.join('').length, 0);
      const headers = { ...CALL, filler: 'x'.repeat(bytes - used) };
      await socket.send(headersFrame(1, headers, { end: true }));
      await until(() => fateOf(socket.received()) !== undefined);
    };
    // 32 bytes count for every header on top.
    await send(HEADER_BYTES_MAX - 1000);
    expect(asked.length).toBe(1);
    for (const bytes of [limit + 1, 2 * limit]) {
      // One frame holds no more than 16 KiB; HPACK would make them short.
      await sendSplit(url, acknowledgement, bytes);
    }
    expect(asked.length, 'more than the limit reached the gateway').toBe(1);
  });

  /** Headers in more than one frame. */
  async function sendSplit(url: string, acknowledgement: Buffer, bytes: number): Promise<void> {
    const block = headerBlock({ ...CALL, filler: 'x'.repeat(bytes) });
    const socket = await openSocket(url);
    await socket.send(OPENING);
    await socket.send(acknowledgement);
    const pieces: Buffer[] = [];
    for (let at = 0; at < block.length; at += 16_000) {
      const flags = at + 16_000 >= block.length ? END_HEADERS : 0;
      const piece = block.subarray(at, at + 16_000);
      pieces.push(
        at === 0 ? frame(TYPE.headers, flags | END_STREAM, 1, piece) : frame(TYPE.continuation, flags, 1, piece),
      );
    }
    await socket.send(Buffer.concat(pieces));
    await until(() => fateOf(socket.received()) !== undefined);
  }
});

describe('S20 streams', () => {
  it.each([STREAMS_MAX - 1, STREAMS_MAX, STREAMS_MAX + 1])('%d at a time of one session', async (count) => {
    const held = new Held();
    const { url, asked } = await startStubServer({ handle: () => held.hold(served()) });
    const socket = await openSocket(url);
    const frames = Array.from({ length: count }, (_, index) => headersFrame(2 * index + 1, CALL, { end: true }));
    await socket.send(Buffer.concat([OPENING, ...frames]));
    const served128 = Math.min(count, STREAMS_MAX);
    await until(() => asked.length >= served128);
    if (count > STREAMS_MAX) {
      await until(() => {
        const received = framesOf(socket.received());
        return resetCode(received, 2 * STREAMS_MAX + 1) !== undefined || goAwayCodes(received).length > 0;
      });
    }
    expect(asked.length).toBe(served128);
    held.release();
  });

  it('more than that wait with a client that knows the limit, and are all answered', async () => {
    const held = new Held();
    const { url, asked } = await startStubServer({ handle: () => held.hold(served()) });
    const session = openHttp2(url);
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    const answers = Promise.all(
      Array.from({ length: STREAMS_MAX + 1 }, () => askHttp2(session, awsQuestion('ListStreams', {}))),
    );
    await until(() => held.count === STREAMS_MAX);
    held.release();
    await until(() => held.count === 1);
    held.release();
    expect(new Set((await answers).map(({ status }) => status))).toEqual(new Set([200]));
    expect(asked.length).toBe(STREAMS_MAX + 1);
  });
});

/** The servers of node that the next port will be made of. They have no other way out. */
function watchServers() {
  const tcp = vi.spyOn(net, 'createServer');
  const http1 = vi.spyOn(http, 'createServer');
  const h2 = vi.spyOn(http2, 'createServer');
  onTestFinished(() => {
    for (const spy of [tcp, http1, h2]) spy.mockRestore();
  });
  return {
    tcp: () => tcp.mock.results[0]!.value as net.Server,
    http1: () => http1.mock.results[0]!.value as http.Server,
    h2: () => h2.mock.results[0]!.value as http2.Http2Server,
  };
}

describe('S20 connections', () => {
  it('are limited, and one too many is dropped with a line in the log', async () => {
    const servers = watchServers();
    const { url, log } = await startStubServer();
    expect(servers.tcp().maxConnections).toBe(CONNECTIONS_MAX);
    // 12,000 sockets are more than many machines give to one process; the mechanism is the same for three.
    servers.tcp().maxConnections = 3;
    const sockets = [await openSocket(url), await openSocket(url)];
    const connected = async (count: number) => {
      let now = -1;
      await until(() => {
        servers.tcp().getConnections((_error, counted) => {
          now = counted;
        });
        return now === count;
      });
    };
    await connected(2);
    expect((await askHttp1(url, awsQuestion('ListStreams', {}))).status, 'the third of three').toBe(200);
    await connected(2);
    sockets.push(await openSocket(url));
    await connected(3);
    const dropped = await openSocket(url);
    expect(await dropped.closed, 'the fourth of three').toBe('');
    expect(log.take('warn').map(({ message }) => message)).toEqual([expect.stringMatching(/too many/)]);
    sockets.pop()!.destroy();
    await connected(2);
    expect((await askHttp1(url, awsQuestion('ListStreams', {}))).status, 'after one has gone').toBe(200);
  });

  it('that do nothing are given up', async () => {
    const servers = watchServers();
    const { url } = await startStubServer();
    expect(servers.http1().timeout).toBe(IDLE_MS_MAX);
    const timeouts: number[] = [];
    let session: http2.ServerHttp2Session | undefined;
    servers.h2().prependListener('session', (opened: http2.ServerHttp2Session) => {
      session = opened;
      const original = opened.setTimeout.bind(opened);
      opened.setTimeout = (ms, callback) => {
        timeouts.push(ms);
        return original(ms, callback);
      };
    });
    const socket = await openSocket(url);
    await socket.send(OPENING);
    await until(() => session !== undefined);
    expect(timeouts).toEqual([IDLE_MS_MAX]);
    // What node does after two minutes in which nothing moved.
    session!.emit('timeout');
    await socket.closed;
    expect(session!.destroyed).toBe(true);
  });

  it('that send headers or bodies slowly over HTTP/1.1 are answered 408 and closed (slowloris)', async () => {
    const servers = watchServers();
    const { url, asked } = await startStubServer();
    const http1 = servers.http1();
    const { headersTimeout, requestTimeout, keepAliveTimeout } = http1;
    expect({ headersTimeout, requestTimeout, keepAliveTimeout }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: BODY_MS_MAX,
      keepAliveTimeout: 75_000,
    });
    // Node looks once a second; its timers are real, so the limits are made short.
    http1.headersTimeout = 1;
    http1.requestTimeout = 1;
    const slow = [await openSocket(url), await openSocket(url)];
    await slow[0]!.send(HEAD.slice(0, -5));
    await slow[1]!.send(`${HEAD}Content-Length: 100\r\n\r\n{`);
    for (const socket of slow) expect(await socket.closed).toMatch(/^HTTP\/1\.1 408 /);
    expect(asked).toEqual([]);
  });
});

describe('S20 the time for a body over HTTP/2', () => {
  it('ends with the stream cancelled and nothing asked; the session lives', async () => {
    const clock = createManualClock();
    const { url, asked } = await startStubServer({ clock });
    const socket = await openSocket(url);
    await socket.send(Buffer.concat([OPENING, headersFrame(1, CALL, { end: false }), dataFrame(1, '{')]));
    await until(() => clock.waiting(BODY_MS_MAX) === 1);
    // Bytes that drip do not make it longer.
    await socket.send(dataFrame(1, '"a"'));
    expect(clock.waiting(BODY_MS_MAX)).toBe(1);
    clock.fire(BODY_MS_MAX);
    await until(() => resetCode(framesOf(socket.received()), 1) !== undefined);
    expect(asked).toEqual([]);
    await socket.send(Buffer.concat([headersFrame(3, CALL, { end: false }), dataFrame(3, '{}'), endFrame(3)]));
    await socket.until('served');
    expect(clock.waiting(BODY_MS_MAX), 'a timer is left of a body that has come').toBe(0);
    await socket.send(Buffer.concat([headersFrame(5, CALL, { end: false }), dataFrame(5, '{}'), cancelFrame(5)]));
    await until(() => clock.waiting(BODY_MS_MAX) === 0);
  });

  it('is limited for the controls too', async () => {
    const clock = createManualClock();
    const { url } = await startStubServer({ clock });
    const socket = await openSocket(url);
    const headers = { ...PSEUDO, ':path': '/_millrace/redshift/a/query', 'content-type': 'application/sql' };
    await socket.send(Buffer.concat([OPENING, headersFrame(1, headers, { end: false }), dataFrame(1, 'select')]));
    expect(clock.waiting(BODY_MS_MAX), 'nothing ends a body that drips').toBe(1);
  });
});

describe('S20 bytes in flight', () => {
  it('an allowance is exhausted at its maximum, not before, and what is given back can be taken again', () => {
    const allowance = new Allowance(10);
    allowance.take(9);
    expect(allowance.isExhausted, '9 of 10').toBe(false);
    allowance.take(1);
    expect(allowance.isExhausted, '10 of 10').toBe(true);
    allowance.take(5);
    allowance.giveBack(5);
    expect(allowance.isExhausted, '10 of 10 again').toBe(true);
    allowance.giveBack(1);
    expect(allowance.isExhausted).toBe(false);
  });

  it.each([
    [9, 'read'],
    [10, 'busy'],
    [11, 'busy'],
  ])('a body that comes while %d of 10 are taken is %s', async (taken, outcome) => {
    const allowance = new Allowance(10);
    allowance.take(taken);
    const read = await new Promise<Body>((resolve, reject) => {
      const server = http.createServer((request, response) => {
        void readBody(request, allowance).then((body) => {
          response.end();
          resolve(body);
        });
      });
      onTestFinished(() => void server.close());
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        askHttp1(`http://127.0.0.1:${port}`, { body: 'x' }).catch(reject);
      });
    });
    expect([read.outcome, read.bytes]).toEqual([outcome, outcome === 'read' ? 1 : 0]);
  });

  it('bodies of 256 MiB in all wait for their answers; one more is told to try again, until they are answered', async () => {
    const held = new Held();
    let isHolding = true;
    const { url, asked } = await startStubServer({
      handle: () => (isHolding ? held.hold(served()) : served()),
    });
    const small = () => askHttp1(url, { headers: awsHeaders('ListStreams'), body: 'x' });
    const session = openHttp2(url);
    const body = Buffer.alloc(BODY_BYTES_MAX, 'x');
    const count = BODIES_BYTES_MAX / BODY_BYTES_MAX;
    const uploads = Array.from({ length: count }, (_, index) =>
      askHttp1(url, { headers: awsHeaders('ListStreams'), body: index === 0 ? body.subarray(1) : body }),
    );
    await until(() => held.count === count);
    // One byte short of the limit: this one is taken, and fills it.
    uploads.push(small());
    await until(() => held.count === count + 1);
    for (const answer of [await small(), await askHttp2(session, { headers: awsHeaders('ListStreams'), body: 'x' })]) {
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    }
    expect((await askHttp1(url, { method: 'GET', path: '/_health' })).status, 'what has no body is served').toBe(200);
    expect(asked.length).toBe(count + 1);
    isHolding = false;
    held.release();
    expect(new Set((await Promise.all(uploads)).map(({ status }) => status))).toEqual(new Set([200]));
    expect((await small()).status, 'after they were answered').toBe(200);
  });

  it('bodies that are cut off are given back', async () => {
    const clock = createManualClock();
    const { url } = await startStubServer({ clock });
    const part = Buffer.alloc(BODY_BYTES_MAX - 1, 'x');
    // More than is allowed together, if it were kept.
    const sockets = await Promise.all(Array.from({ length: 17 }, () => openSocket(url)));
    const head = Buffer.from(`${HEAD}Content-Length: ${BODY_BYTES_MAX}\r\n\r\n`);
    await Promise.all(sockets.map((socket) => socket.send(Buffer.concat([head, part]))));
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(({ closed }) => closed));
    let answer = await askHttp1(url, awsQuestion('ListStreams', {}));
    for (let turn = 0; turn < 100 && answer.status === 503; turn += 1) {
      answer = await askHttp1(url, awsQuestion('ListStreams', {}));
    }
    expect(answer.status).toBe(200);
  });
});

describe('S20 answers that nobody reads', () => {
  const QUARTER = UNSENT_BYTES_MAX / 4;

  it('of 256 MiB in all are the most; then requests are told to try again, until the clients are gone', async () => {
    // The last is more than what the system's own buffers swallow.
    const sizes = [QUARTER, QUARTER, QUARTER, QUARTER - 1, 16 * MIB];
    const large = Buffer.alloc(QUARTER);
    const { url, asked } = await startStubServer({
      handle: ({ url: path }) => served(path === '/large' ? large.subarray(0, sizes.shift()) : 'served'),
    });
    const small = () => askHttp1(url, awsQuestion('ListStreams', {}));
    const deaf = async () => {
      const socket = await openSocket(url, { isDeaf: true });
      const before = asked.length;
      await socket.send(`${HEAD.replace('POST /', 'POST /large')}Content-Length: 2\r\n\r\n{}`);
      await until(() => asked.length > before);
      return socket;
    };
    const sockets = [await deaf(), await deaf(), await deaf(), await deaf()];
    expect((await small()).status, 'one byte short of the limit').toBe(200);
    sockets.push(await deaf());
    const refused = await small();
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect((await askHttp2(openHttp2(url), awsQuestion('ListStreams', {}))).status, 'over HTTP/2').toBe(503);
    for (const socket of sockets) socket.destroy();
    let answer = await small();
    for (let turn = 0; turn < 200 && answer.status === 503; turn += 1) answer = await small();
    expect(answer.status, 'after they have gone').toBe(200);
  });

  it.each(['HTTP/1.1', 'HTTP/2'])(
    'because their clients went away before they were made do not count: %s',
    async (protocol) => {
      const held = new Held();
      const large = served(Buffer.alloc(QUARTER));
      const { url } = await startStubServer({
        handle: ({ url: path }) => (path === '/large' ? held.hold(large) : served()),
      });
      const sockets = [];
      for (let turn = 1; turn <= 5; turn += 1) {
        const socket = await openSocket(url);
        sockets.push(socket);
        if (protocol === 'HTTP/2') {
          await socket.send(Buffer.concat([OPENING, headersFrame(1, { ...CALL, ':path': '/large' }, { end: true })]));
        } else {
          await socket.send(`${HEAD.replace('POST /', 'POST /large')}Content-Length: 2\r\n\r\n{}`);
        }
        await until(() => held.count === turn);
        if (protocol === 'HTTP/2') await socket.send(cancelFrame(1));
        else socket.destroy();
      }
      // Another connection shows that the server has seen all of them go.
      for (let turn = 0; turn < 5; turn += 1) await askHttp1(url, awsQuestion('ListStreams', {}));
      held.release();
      await new Promise((resolve) => setImmediate(resolve));
      expect((await askHttp1(url, awsQuestion('ListStreams', {}))).status).toBe(200);
    },
  );

  it('behind each other on one connection do not count when their client has gone', async () => {
    const held = new Held();
    const large = served(Buffer.alloc(QUARTER / 4));
    const { url } = await startStubServer({
      handle: ({ url: path }) => (path === '/large' ? held.hold(large) : served()),
    });
    const call = `${HEAD.replace('POST /', 'POST /large')}Content-Length: 2\r\n\r\n{}`;
    // Their clients go before the answers are made, and after: of all but the first nobody tells the server.
    for (const order of ['before', 'after']) {
      for (let turn = 0; turn < 5; turn += 1) {
        const socket = await openSocket(url, { isDeaf: true });
        const seen = held.count;
        await socket.send(call.repeat(8));
        await until(() => held.count === seen + 8);
        if (order === 'after') held.release();
        socket.destroy();
        await askHttp1(url, awsQuestion('ListStreams', {}));
        if (order === 'before') held.release();
      }
    }
    let answer = await askHttp1(url, awsQuestion('ListStreams', {}));
    for (let turn = 0; turn < 200 && answer.status === 503; turn += 1)
      answer = await askHttp1(url, awsQuestion('ListStreams', {}));
    expect(answer.status, 'hundreds of megabytes were given back').toBe(200);
  });

  it('over HTTP/2 because of a window of nothing count until the stream is cancelled', async () => {
    const large = served(Buffer.alloc(QUARTER));
    const { url, asked } = await startStubServer({ handle: ({ url: path }) => (path === '/large' ? large : served()) });
    const list = awsQuestion('ListStreams', {});
    const open = async (stream: number, socket: RawSocket) =>
      socket.send(headersFrame(stream, { ...CALL, ':path': '/large' }, { end: true }));
    const sockets = await Promise.all(Array.from({ length: 4 }, () => openSocket(url)));
    for (const socket of sockets) {
      await socket.send(Buffer.concat([OPENING, settingsFrame([[4, 0]])]));
      await open(1, socket);
    }
    await until(() => asked.length === 4);
    expect((await askHttp1(url, list)).status, '256 MiB wait').toBe(503);
    for (const socket of sockets) await socket.send(cancelFrame(1));
    let answer = await askHttp1(url, list);
    for (let turn = 0; turn < 200 && answer.status === 503; turn += 1) answer = await askHttp1(url, list);
    expect(answer.status).toBe(200);
  });
});

/** What only costs: bodies that are refused, with how they begin and what is repeated. */
const HEAVY: readonly (readonly [string, string, () => Buffer])[] = [
  ['5 MB of [', JSON_TYPE, () => Buffer.alloc(5e6, '[')],
  ['5 MB of {"a":', JSON_TYPE, () => Buffer.from('{"a":'.repeat(1e6))],
  ['a member of 5 MB of [', JSON_TYPE, () => Buffer.from(`{"a":${'['.repeat(5e6)}`)],
  ['lists without an end, nested', CBOR_TYPE, () => cborMap(Buffer.alloc(5e6, 0x9f))],
  ['lists of one, nested', CBOR_TYPE, () => cborMap(Buffer.alloc(5e6, 0x81))],
  ['maps without an end, nested', CBOR_TYPE, () => Buffer.from('bf6161'.repeat(1e6), 'hex')],
  ['maps of one, nested', CBOR_TYPE, () => Buffer.from('a16161'.repeat(1e6), 'hex')],
  ['maps as keys', CBOR_TYPE, () => Buffer.alloc(5e6, 0xbf)],
  ['tags, nested', CBOR_TYPE, () => cborMap(Buffer.alloc(100_000, 0xc1))],
  ['strings without an end, nested', CBOR_TYPE, () => cborMap(Buffer.alloc(5e6, 0x5f))],
  ['texts without an end, nested', CBOR_TYPE, () => cborMap(Buffer.alloc(5e6, 0x7f))],
  ['a text without an end of 5 million empty ones', CBOR_TYPE, () => cborMap(Buffer.alloc(5e6, 0x60).fill(0x7f, 0, 1))],
  ['5 million empty lists', CBOR_TYPE, () => cborMap(Buffer.alloc(5e6, 0x80).fill(0x9f, 0, 1))],
  ...['5a', '7a', '9a', 'ba'].map((type) => declared(type, 'ffffffff')),
  ...['5b', '7b', '9b', 'bb', 'db'].map((type) => declared(type, 'ffffffffffffffff')),
  ...['5b', '7b', '9b', 'bb'].map((type) => declared(type, '0020000000000001')),
];

function declared(type: string, length: string): readonly [string, string, () => Buffer] {
  return [`a declared length: ${type}${length}`, CBOR_TYPE, () => cborMap(Buffer.from(type + length, 'hex'))];
}

/** A map whose only member, `a`, is `value`. */
function cborMap(value: Buffer): Buffer {
  return Buffer.concat([Buffer.from('a16161', 'hex'), value]);
}

describe('S11 a body that only costs', () => {
  it.each(HEAVY)('is refused before memory is taken: %s', (_title, type, make) => {
    const body = make();
    const codec = codecOf(type)!;
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    expect(() => codec.parse(body)).toThrowError(expect.objectContaining({ code: 'SerializationException' }));
    const after = process.memoryUsage();
    // 5 MB of `[` cost JSON.parse 284 MB.
    const taken = after.heapUsed - heapUsed + Math.max(0, after.arrayBuffers - arrayBuffers);
    expect(taken / MIB, 'MiB of memory were taken').toBeLessThan(body.length > 1e6 ? 24 : 4);
  });

  it('is answered SerializationException over the wire, in its encoding', async () => {
    const { url } = await startTestServer();
    for (const [title, type, make] of HEAVY) {
      const headers = { ...awsHeaders('ListStreams'), 'Content-Type': type };
      const answer = await askHttp1(url, { headers, body: make() });
      expect.soft([answer.status, answer.headers['content-type']], title).toEqual([400, type]);
      expect.soft(answer.headers['x-amzn-errortype'], title).toBe('SerializationException');
    }
  });
});

describe('S28 what parses requests', () => {
  const { packages } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>;
  };

  /** All resolved versions of a package, nested ones too, except those that only tests use. */
  const versionsOf = (name: string): number[][] =>
    Object.entries(packages)
      .filter(([path, { dev }]) => path.endsWith(`node_modules/${name}`) && dev !== true)
      .map(([, { version }]) => version.split('.').map(Number));

  const isAtLeast = (version: readonly number[], floor: readonly number[]): boolean => {
    const different = floor.findIndex((part, index) => part !== version[index]);
    return different === -1 || version[different]! > floor[different]!;
  };

  it.each([
    ['qs', [6, 14, 2]],
    ['body-parser', [2, 2, 1]],
    ['path-to-regexp', [8, 4, 0]],
    ['kysely', [0, 28, 17]],
  ])('%s is at least %j wherever it is installed', (name, floor) => {
    const versions = versionsOf(name);
    expect(versions.filter((version) => !isAtLeast(version, floor))).toEqual([]);
  });

  it('parses no form: the controls answer 415', async () => {
    const { url, asked } = await startStubServer();
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain']) {
      for (const path of ['/_millrace/delivery-streams/a/flush', '/_millrace/redshift/a/query']) {
        const question = { path, headers: { 'Content-Type': type }, body: 'a[b][c]=d&__proto__[x]=y' };
        const answers = [await askHttp1(url, question), await askHttp2(openHttp2(url), question)];
        expect(
          answers.map(({ status }) => status),
          `${path} as ${type}`,
        ).toEqual([415, 415]);
      }
    }
    expect(asked).toEqual([]);
  });
});

describe('S10 limits come before parsing', () => {
  it('an upload in pieces of one byte takes linear time, and memory of a few times its size', async () => {
    const held = new Held();
    const { url, asked } = await startStubServer({ handle: () => held.hold(served()) });
    const upload = async (bytes: number) => {
      const memory = () => process.memoryUsage().arrayBuffers;
      const socket = await openSocket(url);
      await socket.send(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      const pieces = Buffer.from('1\r\nx\r\n'.repeat(bytes));
      const before = memory();
      const { user, system } = process.cpuUsage();
      socket.pour(pieces);
      socket.pour('0\r\n\r\n');
      await until(() => held.count === 1);
      const used = process.cpuUsage();
      const taken = memory() - before;
      held.release();
      await socket.until('served');
      socket.destroy();
      return { ms: (used.user + used.system - user - system) / 1000, taken };
    };
    await upload(UPLOAD_BYTES / 8);
    const short = await upload(UPLOAD_BYTES);
    const long = await upload(UPLOAD_BYTES * 4);
    expect(asked.map(({ body }) => body.length)).toEqual([UPLOAD_BYTES / 8, UPLOAD_BYTES, UPLOAD_BYTES * 4]);
    // Four times the bytes would take sixteen times as long if it were quadratic; machines are noisy.
    expect(long.ms, `${short.ms} ms for a quarter of it`).toBeLessThan(10 * short.ms + 200);
    // Pieces that wait in node's own buffers may come on top.
    expect(long.taken, 'bytes were taken').toBeLessThan(10 * UPLOAD_BYTES * 4);
  });

  it('a refused body is never given to the gateway, nor is one whose Host is refused', async () => {
    const { url, asked } = await startStubServer();
    const tooLong = await openSocket(url);
    await tooLong.send(`${HEAD}Content-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`);
    await tooLong.until('413');
    const foreign = await openSocket(url);
    await foreign.send(`${HEAD.replace('localhost', 'evil.example')}Content-Length: 5\r\n\r\n`);
    await foreign.until('403');
    expect(asked).toEqual([]);
  });
});
