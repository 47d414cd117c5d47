/** TLS on the port of the other protocols: with ALPN and without, and clients that trust the certificate or nobody. */
import { X509Certificate } from 'node:crypto';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { certificateNames } from '../../src/certificate/names.ts';
import { makeSelfSigned } from '../../src/certificate/self-signed.ts';
import { systemClock } from '../../src/clock.ts';
import { createOnePort, type HttpRequest, type OnePort } from '../../src/server/one-port.ts';
import type { Identity } from '../../src/server/tls.ts';
import { answerOf, askHttp1, askHttp2, openHttp2 } from '../support/http-client.ts';
import { headersFrame, OPENING } from '../support/http2-frames.ts';
import { createTestLog } from '../support/log.ts';
import { createManualClock } from '../support/manual-clock.ts';

const FIRST_BYTES_MS = 10_000;

const clock = createManualClock();
const log = createTestLog();
let identity: Identity;
let port: OnePort;
let number: number;

/** Answers with what the server knows of a request. */
function outline(request: HttpRequest): string {
  const isSecure = 'encrypted' in request.socket && request.socket.encrypted === true;
  return `HTTP/${request.httpVersion} ${isSecure ? 'secure' : 'in the clear'}`;
}

beforeAll(async () => {
  const names = certificateNames({ host: '127.0.0.1', allowedHosts: ['streams.example'], region: 'us-east-1' });
  // The clients of these tests look at the real time.
  identity = await makeSelfSigned({ names, now: systemClock.now(), serialNumber: '01' });
  port = createOnePort((request, response) => void response.end(outline(request)), { clock, log, identity });
  number = await port.listen(0, '127.0.0.1');
});
afterAll(() => port.close(0));

/** A client's end of TLS. What it receives is collected as text. */
async function openTls(
  options: tls.ConnectionOptions = {},
): Promise<{ socket: tls.TLSSocket; until(text: string): Promise<string> }> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: number,
    ca: identity.certificate,
    servername: 'localhost',
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  const until = async (text: string) => {
    while (!received.includes(text)) await new Promise((resolve) => socket.once('data', resolve));
    return received;
  };
  return { socket, until };
}

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const HTTP2_GET = Buffer.concat([
  OPENING,
  headersFrame(1, { ':method': 'GET', ':scheme': 'https', ':path': '/', ':authority': 'localhost' }, { end: true }),
]);

describe('a client that agrees by ALPN', () => {
  it('on http/1.1 speaks that', async () => {
    const { socket, until } = await openTls({ ALPNProtocols: ['http/1.1'] });
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.write(GET);
    expect(await until('secure')).toContain('HTTP/1.1 secure');
  });

  it('on h2 speaks that, and gets it when it offers both', async () => {
    const { socket } = await openTls({ ALPNProtocols: ['http/1.1', 'h2'] });
    expect(socket.alpnProtocol).toBe('h2');
    const session = http2.connect(`https://localhost:${number}`, { ca: identity.certificate });
    onTestFinished(() => session.destroy());
    expect((await askHttp2(session, { method: 'GET' })).text).toBe('HTTP/2.0 secure');
  });

  it('on neither is told so by TLS', async () => {
    await expect(openTls({ ALPNProtocols: ['spdy/3'] })).rejects.toThrow(/no application protocol/i);
  });
});

describe('a client without ALPN', () => {
  it('speaks HTTP/1.1, whatever bytes it begins with', async () => {
    for (const bytes of [GET, GET.replace('GET', 'PATCH'), GET.replace('GET', 'POST')]) {
      const { socket, until } = await openTls();
      expect(socket.alpnProtocol).toBe(false);
      for (const byte of bytes) socket.write(byte);
      expect(await until('secure')).toContain('HTTP/1.1 secure');
    }
  });

  it('speaks HTTP/2 when it begins with its preface, as Java does', async () => {
    const { socket, until } = await openTls();
    socket.write(HTTP2_GET);
    expect(await until('HTTP/2.0 secure')).toContain('HTTP/2.0 secure');
  });

  it('speaks HTTP/2 also when the preface comes in pieces', async () => {
    const { socket, until } = await openTls();
    for (const byte of HTTP2_GET.subarray(0, 30)) socket.write(Buffer.from([byte]));
    socket.write(HTTP2_GET.subarray(30));
    expect(await until('HTTP/2.0 secure')).toContain('HTTP/2.0 secure');
  });

  it('is closed when it says nothing for ten seconds', async () => {
    const { socket } = await openTls();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // Another client's answer shows that the server has got as far.
    await askHttp1(`http://127.0.0.1:${number}`, {});
    expect(clock.waiting(FIRST_BYTES_MS)).toBe(1);
    clock.fire(FIRST_BYTES_MS);
    await closed;
  });

  it('does not get TLS inside of TLS', async () => {
    const { socket } = await openTls();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]));
    await closed;
  });
});

describe('a port that closes', () => {
  const clientHello = Buffer.concat([Buffer.from('16030100f5010000f10303', 'hex'), Buffer.alloc(100, 1)]);

  /** A second port, so that the others go on; and one client on it, as `connect` makes it. */
  async function closeWith(connect: (port: number) => Promise<unknown>): Promise<string> {
    const other = createOnePort((_request, response) => void response.end(), { clock, log, identity });
    await connect(await other.listen(0, '127.0.0.1'));
    // A whole exchange in the clear shows that the server has got as far with the client.
    const grace = 3000;
    const closing = other.close(grace).then(() => 'closed');
    return Promise.race([closing, clock.ran(50, 30).then(() => 'waits for the grace time')]);
  }

  const openOn = (options: tls.ConnectionOptions) => (other: number) => openTls({ ...options, port: other });

  it.each<[string, (port: number) => Promise<unknown>]>([
    ['that has agreed on HTTP/1.1 and says nothing', openOn({ ALPNProtocols: ['http/1.1'] })],
    ['that has agreed on HTTP/2 and says nothing', openOn({ ALPNProtocols: ['h2'] })],
    ['that has agreed on nothing and says nothing', openOn({})],
    [
      'in the middle of its first message',
      (other) =>
        new Promise<void>((resolve) => {
          const socket = net.connect(other, '127.0.0.1', () =>
            socket.write(clientHello, () => setTimeout(resolve, 20)),
          );
          socket.on('error', () => undefined);
          onTestFinished(() => void socket.destroy());
        }),
    ],
  ])('does not wait for a client %s', async (_title, connect) => {
    expect(await closeWith(connect)).toBe('closed');
  });
});

describe('the same port', () => {
  it('speaks HTTP/1.1 and HTTP/2 in the clear beside it', async () => {
    const url = `http://127.0.0.1:${number}`;
    expect((await askHttp1(url, {})).text).toBe('HTTP/1.1 in the clear');
    expect((await askHttp2(openHttp2(url), {})).text).toBe('HTTP/2.0 in the clear');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    const { socket } = await openTls({ minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
  });

  it('does not speak what is broken since long', async () => {
    const options = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(openTls(options)).rejects.toThrow(/version|alert/i);
  });
});

describe('the certificate', () => {
  it.each([
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['the AWS host of a region', 'kinesis.eu-west-1.amazonaws.com'],
    ['the AWS host of an account', '111122223333.data-kinesis.us-east-1.amazonaws.com'],
    ['a name of ALLOWED_HOSTS', 'streams.example'],
  ])('is taken for %s by who trusts its PEM file', async (_title, name) => {
    // For addresses the certificate itself is asked: as a client, Node 22 takes none for an address of IPv6.
    if (net.isIP(name) !== 0) return expect(new X509Certificate(identity.certificate).checkIP(name)).toBe(name);
    const { socket } = await openTls({ servername: name });
    expect(socket.authorized).toBe(true);
  });

  it('is refused for another name', async () => {
    await expect(openTls({ servername: 'evil.example' })).rejects.toThrow(/does not match/);
  });

  it('need not be trusted by clients that look at none, such as the Kinesis Producer Library', async () => {
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const options = { rejectUnauthorized: false, agent: false } as const;
      const request = https.get(`https://127.0.0.1:${number}`, options, (response) => {
        answerOf(response).then(resolve, reject);
      });
      request.once('error', reject);
    });
    expect([status, text]).toEqual([200, 'HTTP/1.1 secure']);
  });

  it('is refused by who does not know it, and the log says once what to do', async () => {
    log.entries.length = 0;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(openTls({ ca: [], maxVersion: 'TLSv1.2' })).rejects.toThrow(/self.signed/);
      await expect(openTls({ ca: [] })).rejects.toThrow(/self.signed/);
    }
    // The alerts of clients that hang up may still be on their way.
    await askHttp1(`http://127.0.0.1:${number}`, {});
    const warnings = log.take('warn').map(({ message }) => message);
    expect(warnings.length, warnings.join()).toBeLessThanOrEqual(1);
    for (const message of warnings) expect(message).toMatch(/trust the PEM file that the ready line names/);
  });
});

describe('a client that does it wrong', () => {
  /** Sends bytes in the clear and resolves when the server has closed. */
  const sendAndWait = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = net.connect(number, '127.0.0.1', () => socket.write(bytes));
      socket.on('error', () => undefined);
      socket.once('close', () => resolve());
      socket.resume();
    });

  it.each([
    ['a ClientHello that is none', Buffer.concat([Buffer.from('16030100f5010000f10303', 'hex'), Buffer.alloc(239, 1)])],
    ['a record that is too long', Buffer.concat([Buffer.from('160301ffff', 'hex'), Buffer.alloc(70_000)])],
  ])('with %s is closed, and others are served', async (_title, bytes) => {
    await sendAndWait(bytes);
    expect((await askHttp1(`http://127.0.0.1:${number}`, {})).text).toBe('HTTP/1.1 in the clear');
  });
});
