/** HTTP/2 as attackers speak it, frame by frame: whoever does is cut off or ignored, and all others go on. */
import type http2 from 'node:http2';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeSelfSigned } from '../../src/certificate/self-signed.ts';
import { RESET_BURST } from '../../src/server/limits.ts';
import type { Identity } from '../../src/server/tls.ts';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, openHttp2 } from '../support/http-client.ts';
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
  PREFACE,
  resetCode,
  settingsFrame,
  TYPE,
  windowUpdateFrame,
} from '../support/http2-frames.ts';
import { openSocket, type RawSocket, type RawSocketOptions } from '../support/raw-socket.ts';
import { type StubServer, startStubServer } from '../support/stub-server.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';
import { until } from '../support/until.ts';

const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 200);
const FLOOD = 20_000;

const NO_ERROR = 0;
const COMPRESSION_ERROR = 9;

const NOTHING = Buffer.alloc(0);

const LIST = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/',
  ':authority': 'localhost',
  ...lowerCase(awsHeaders('ListStreams')),
};

const LIST_BLOCK = headerBlock(LIST);

/** Made once: attackers do not spend time on their floods either. */
const listFrame = (stream: number, end: boolean) =>
  frame(TYPE.headers, END_HEADERS | (end ? END_STREAM : 0), stream, LIST_BLOCK);

/** The number of the `index`th stream of a client. */
const streamOf = (index: number) => 2 * index + 1;

const repeated = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

expectNothingUncaught();

/** Clients that were there before an attack, of both protocols. */
class Bystanders {
  readonly #server: StubServer;
  readonly #session: http2.ClientHttp2Session;

  constructor(server: StubServer) {
    this.#server = server;
    this.#session = openHttp2(server.url);
  }

  /** Expects that old and new connections are served. */
  async expectServed(): Promise<void> {
    const question = awsQuestion('ListStreams', {});
    const answers = await Promise.all([
      askHttp2(this.#session, question),
      askHttp1(this.#server.url, question),
      askHttp2(openHttp2(this.#server.url), question),
    ]);
    expect(answers.map(({ status, text }) => [status, text])).toEqual(Array(3).fill([200, 'served']));
  }
}

let identity: Identity;
beforeAll(async () => {
  identity = await makeSelfSigned({ names: ['localhost'], now: Date.now(), serialNumber: '01' });
});

const rssMiB = () => process.memoryUsage().rss / 2 ** 20;
let rssBefore = 0;
afterEach(() => {
  rssBefore = 0;
});

/** Whether the stream was reset, or, as newer versions of Node do at the same faults, the connection ended. */
function isRefused(socket: RawSocket, stream: number): boolean {
  const frames = framesOf(socket.received());
  return resetCode(frames, stream) !== undefined || goAwayCodes(frames).length > 0;
}

/**
 * Expects that the server ends the connection with an error, and returns its code. Node says GOAWAY and then reads no
 * more; whether it also closes the connection at once depends on the error.
 */
async function expectEnded(socket: RawSocket): Promise<number | undefined> {
  const codes = () => goAwayCodes(framesOf(socket.received()));
  let isClosed = false;
  void socket.closed.then(() => {
    isClosed = true;
  });
  await until(() => isClosed || codes().length > 0);
  expect(codes()).not.toContain(NO_ERROR);
  return codes()[0];
}

interface Attack {
  readonly server: StubServer;
  readonly socket: RawSocket;
  readonly others: Bystanders;
}

async function attack(options: RawSocketOptions = {}): Promise<Attack> {
  const server = await startStubServer(options.tls === undefined ? {} : { identity });
  const others = new Bystanders(server);
  await others.expectServed();
  rssBefore = rssMiB();
  return { server, socket: await openSocket(server.url, options), others };
}

/** The attacker's own buffers are in this process too; naive servers take gigabytes. */
function expectLittleMemory(): void {
  expect(rssMiB() - rssBefore, 'MiB of memory were taken').toBeLessThan(256);
}

const CONNECTIONS: readonly (readonly [string, RawSocketOptions])[] = [
  ['without TLS', {}],
  ['with TLS', { tls: ['h2'] }],
];

describe.each(CONNECTIONS)('HTTP/2 %s: an attacker who', (_title, options) => {
  it.each([
    ['rapid reset (CVE-2023-44487) of requests with a body to come', false],
    ['rapid reset (CVE-2023-44487) of whole requests', true],
  ])('makes a %s is cut off, and the gateway is asked little', async (_name, end) => {
    const { server, socket, others } = await attack(options);
    const before = server.asked.length;
    const pair = (index: number) => Buffer.concat([listFrame(streamOf(index), end), cancelFrame(streamOf(index))]);
    socket.pour(OPENING);
    for (let index = 0; index < FLOOD; index += 100) {
      socket.pour(repeated(100, (offset) => pair(index + offset)));
    }
    await expectEnded(socket);
    expect(server.asked.length - before).toBeLessThan(2 * RESET_BURST);
    await others.expectServed();
    expectLittleMemory();
  });

  it('sends garbage instead of compressed headers right after the preface (CVE-2025-59465) is cut off', async () => {
    const { server, others } = await attack(options);
    for (const block of [
      Buffer.alloc(64, 0xff),
      Buffer.from([0x80]),
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0x3f, 0xff, 0xff, 0xff, 0xff, 0x0f]),
      Buffer.from([0x40, 0x7f, 0xff, 0xff, 0x03, 0x61]),
      Buffer.from([0x00, 0x85, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61]),
    ]) {
      const socket = await openSocket(server.url, options);
      const headers = frame(TYPE.headers, END_HEADERS | END_STREAM, 1, block);
      socket.pour(Buffer.concat([OPENING, headers]));
      expect(await expectEnded(socket), block.toString('hex')).toBe(COMPRESSION_ERROR);
      // Nor does it matter when the client has gone before it could be told.
      const gone = await openSocket(server.url, options);
      gone.pour(Buffer.concat([Buffer.from(PREFACE), headers]));
      gone.destroy();
      const half = await openSocket(server.url, options);
      await half.send(Buffer.concat([OPENING, headers]));
      await half.halfClose();
    }
    await others.expectServed();
  });

  it('never ends headers (CONTINUATION flood, CVE-2024-27983) is cut off', async () => {
    for (const piece of [NOTHING, headerBlock({ a: 'b' })]) {
      const { server, socket, others } = await attack(options);
      const before = server.asked.length;
      socket.pour(OPENING);
      socket.pour(frame(TYPE.headers, END_STREAM, 1, headerBlock(LIST)));
      for (let index = 0; index < FLOOD; index += 1000) {
        socket.pour(repeated(1000, () => frame(TYPE.continuation, 0, 1, piece)));
      }
      await expectEnded(socket);
      expect(server.asked.length).toBe(before);
      await others.expectServed();
      expectLittleMemory();
    }
  });
});

describe('HTTP/2: an attacker who', () => {
  it.each([
    ['SETTINGS', (index: number) => settingsFrame([[4, 65_535 + index]])],
    ['SETTINGS without any', () => settingsFrame([])],
    ['PING', () => frame(TYPE.ping, 0, 0, Buffer.alloc(8, 1))],
  ])('floods with %s harms nobody, whether or not he reads the replies', async (_name, make) => {
    const { server, socket, others } = await attack();
    const deaf = await openSocket(server.url, { isDeaf: true });
    for (const one of [socket, deaf]) {
      one.pour(OPENING);
      one.pour(repeated(FLOOD * 2, make));
      await others.expectServed();
    }
    // He who reads is served or cut off; he who does not is cut off once too many replies wait for him.
    socket.pour(frame(TYPE.ping, 0, 0, Buffer.alloc(8, 2)));
    await others.expectServed();
    expectLittleMemory();
  });

  it('floods with empty DATA is cut off', async () => {
    const { server, socket, others } = await attack();
    const before = server.asked.length;
    socket.pour(Buffer.concat([OPENING, headersFrame(1, LIST, { end: false })]));
    for (let index = 0; index < FLOOD; index += 1000) socket.pour(repeated(1000, () => dataFrame(1, '')));
    await expectEnded(socket);
    expect(server.asked.length).toBe(before);
    await others.expectServed();
    expectLittleMemory();
  });

  it('lets the windows overflow is told so and cut off', async () => {
    const { socket, server, others } = await attack();
    socket.pour(Buffer.concat([OPENING, windowUpdateFrame(0, 0x7fffffff), windowUpdateFrame(0, 0x7fffffff)]));
    await expectEnded(socket);
    const onStream = await openSocket(server.url);
    await onStream.send(
      Buffer.concat([OPENING, headersFrame(1, LIST, { end: false }), windowUpdateFrame(1, 0x7fffffff)]),
    );
    await until(() => isRefused(onStream, 1));
    const bySettings = await openSocket(server.url);
    bySettings.pour(Buffer.concat([OPENING, settingsFrame([[4, 0x80000000]])]));
    await expectEnded(bySettings);
    await others.expectServed();
  });

  it('makes the server reset streams ("MadeYouReset", CVE-2025-8671) is cut off', async () => {
    const { server, socket, others } = await attack();
    const before = server.asked.length;
    socket.pour(OPENING);
    const pair = (index: number) =>
      Buffer.concat([listFrame(streamOf(index), true), windowUpdateFrame(streamOf(index), 0)]);
    for (let index = 0; index < FLOOD; index += 100) socket.pour(repeated(100, (offset) => pair(index + offset)));
    await expectEnded(socket);
    expect(server.asked.length - before).toBeLessThan(FLOOD / 2);
    await others.expectServed();
    expectLittleMemory();
  });

  it('fills the table of HPACK and repeats one large entry (HPACK bomb) is refused', async () => {
    const { server, socket, others } = await attack();
    const before = server.asked.length;
    const large = Buffer.concat([
      Buffer.from([0x40, 0x01]),
      Buffer.from('a'),
      Buffer.from([0x7f, 0xa1, 0x1e]),
      Buffer.alloc(4000, 0x61),
    ]);
    // 62 is the newest entry of the dynamic table: each byte stands for 4,033.
    const block = Buffer.concat([headerBlock(LIST), large, Buffer.alloc(10_000, 0x80 | 62)]);
    socket.pour(Buffer.concat([OPENING, frame(TYPE.headers, END_HEADERS | END_STREAM, 1, block)]));
    await until(() => {
      const frames = framesOf(socket.received());
      return resetCode(frames, 1) !== undefined || goAwayCodes(frames).length > 0;
    });
    expect(server.asked.length).toBe(before);
    await others.expectServed();
    expectLittleMemory();
  });

  it.each([
    ['announces a frame of 16 MiB', frame(TYPE.data, 0, 1, NOTHING).fill(0xff, 0, 3)],
    ['sends a PING of 7 bytes', frame(TYPE.ping, 0, 0, Buffer.alloc(7))],
    ['sends DATA on no stream', frame(TYPE.data, 0, 0, Buffer.from('a'))],
    ['sends DATA on a stream that is idle', dataFrame(5, 'a')],
    ['sends HEADERS on a stream of the server', headersFrame(2, LIST, { end: true })],
    ['sends CONTINUATION without HEADERS', frame(TYPE.continuation, END_HEADERS, 1, NOTHING)],
    ['pushes', frame(5, END_HEADERS, 1, Buffer.from([0, 0, 0, 2]))],
    ['acknowledges settings with content', frame(TYPE.settings, ACK, 0, Buffer.alloc(6))],
    ['enables push with 2', settingsFrame([[2, 2]])],
  ])('%s is told so and cut off', async (_name, bytes) => {
    const { socket, others } = await attack();
    socket.pour(Buffer.concat([OPENING, bytes]));
    await expectEnded(socket);
    await others.expectServed();
  });

  it.each([
    [
      'no :method',
      [
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'localhost'],
      ],
    ],
    ['two :path', [...Object.entries(LIST), [':path', '/x']]],
    ['a pseudo-header last', [...Object.entries(LIST).slice(1), [':method', 'POST']]],
    ['a name in upper case', [...Object.entries(LIST), ['Upper', 'x']]],
    ['Connection', [...Object.entries(LIST), ['connection', 'close']]],
    ['Transfer-Encoding', [...Object.entries(LIST), ['transfer-encoding', 'chunked']]],
    ['a Content-Length that is none', [...Object.entries(LIST), ['content-length', '-1']]],
    ['two Content-Lengths', [...Object.entries(LIST), ['content-length', '1'], ['content-length', '2']]],
  ] as [string, [string, string][]][])('sends a request with %s reaches no gateway', async (_name, headers) => {
    const { server, socket, others } = await attack();
    const before = server.asked.length;
    socket.pour(Buffer.concat([OPENING, headersFrame(1, headers, { end: false }), dataFrame(1, '{}'), endFrame(1)]));
    await until(() => {
      const frames = framesOf(socket.received());
      const isAnswered = frames.some(({ type, stream }) => type === TYPE.headers && stream === 1);
      return isAnswered || resetCode(frames, 1) !== undefined || goAwayCodes(frames).length > 0;
    });
    expect(server.asked.length).toBe(before);
    await others.expectServed();
  });

  it('puts a line feed or a NUL into a value gets this header dropped', async () => {
    const { server, socket } = await attack();
    const headers = [...Object.entries(LIST), ['a', 'b\nc: d'], ['e', 'f\0g']] as [string, string][];
    socket.pour(Buffer.concat([OPENING, headersFrame(1, headers, { end: true })]));
    await socket.until('served');
    expect(server.asked.at(-1)!.headers).not.toHaveProperty('a');
    expect(server.asked.at(-1)!.headers).not.toHaveProperty('e');
  });

  it('says less or more than Content-Length is not believed', async () => {
    for (const length of ['1', '3']) {
      const { server, socket, others } = await attack();
      const before = server.asked.length;
      const headers = { ...LIST, 'content-length': length };
      socket.pour(Buffer.concat([OPENING, headersFrame(1, headers, { end: false }), dataFrame(1, '{}'), endFrame(1)]));
      await until(() => isRefused(socket, 1));
      expect(server.asked.length, `Content-Length ${length}`).toBe(before);
      await others.expectServed();
    }
  });

  it('sends frames at random harms nobody', async () => {
    const server = await startStubServer();
    const others = new Bystanders(server);
    const anyFrame = fc
      .tuple(
        fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 255 })),
        fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.integer({ min: 0, max: 255 })),
        fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
        fc.oneof(
          fc.constantFrom(NOTHING, headerBlock(LIST), Buffer.from('{}'), Buffer.alloc(4), Buffer.alloc(6)),
          fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
        ),
      )
      .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));
    const good = fc.constant(headersFrame(1, LIST, { end: false }));
    let cases = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 5, arbitrary: anyFrame }, { weight: 1, arbitrary: good }), { maxLength: 20 }),
        fc.constantFrom('destroy', 'halfClose', 'leave'),
        async (frames, ending) => {
          cases += 1;
          const socket = await openSocket(server.url);
          await socket.send(Buffer.concat([OPENING, ...frames]));
          if (ending === 'halfClose') await socket.halfClose();
          if (cases % 20 === 0) await others.expectServed();
          socket.destroy();
        },
      ),
      { numRuns: FUZZ_RUNS },
    );
    await others.expectServed();
  });
});
