/** Requests that are cut off at any byte, and bytes that are no request: nothing is applied, and the server goes on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { databaseRows } from '../support/database-rows.ts';
import { askHttp1, awsHeaders, awsQuestion } from '../support/http-client.ts';
import { dataFrame, END_STREAM, frame, headersFrame, lowerCase, OPENING, TYPE } from '../support/http2-frames.ts';
import { openSocket } from '../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { headerLines } from '../support/signature.ts';
import { startStubServer } from '../support/stub-server.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';

const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 200);

expectNothingUncaught();

const PUT = JSON.stringify({ StreamName: 'a', PartitionKey: 'k', Data: 'AAAA' });
const ENDINGS = ['destroy', 'halfClose'] as const;

const REQUESTS = {
  'HTTP/1.1': Buffer.from(
    `POST / HTTP/1.1\r\nHost: localhost\r\n${headerLines(awsHeaders('PutRecord'))}Content-Length: ${PUT.length}\r\n\r\n${PUT}`,
  ),
  'HTTP/1.1 in chunks': Buffer.from(
    `POST / HTTP/1.1\r\nHost: localhost\r\n${headerLines(awsHeaders('PutRecord'))}Transfer-Encoding: chunked\r\n\r\n` +
      `5\r\n${PUT.slice(0, 5)}\r\n${(PUT.length - 5).toString(16)}\r\n${PUT.slice(5)}\r\n0\r\n\r\n`,
  ),
  'HTTP/2': Buffer.concat([
    OPENING,
    headersFrame(
      1,
      {
        ':method': 'POST',
        ':scheme': 'http',
        ':path': '/',
        ':authority': 'localhost',
        ...lowerCase(awsHeaders('PutRecord')),
      },
      { end: false },
    ),
    dataFrame(1, PUT.slice(0, 5)),
    frame(TYPE.data, END_STREAM, 1, Buffer.from(PUT.slice(5))),
  ]),
};

async function startWithStream(): Promise<TestServer> {
  const server = await startTestServer();
  await server.createStream('a');
  return server;
}

const expectServed = async (url: string) =>
  expect((await askHttp1(url, awsQuestion('ListStreams', {}))).status, 'others are served').toBe(200);

/** The rows that requests change; a restart changes others. */
const recordsOf = ({ directory }: TestServer) => {
  const rows = databaseRows(directory);
  return Object.fromEntries(Object.entries(rows).filter(([table]) => /record|stream|shard/.test(table)));
};

describe.each(Object.entries(REQUESTS))('S20 a request that is cut off over %s', (name, whole) => {
  it(`at any of its ${whole.length} bytes applies nothing, and the server goes on`, async () => {
    const server = await startWithStream();
    const before = recordsOf(server);
    expect(Object.keys(before).length, 'there are tables to compare').toBeGreaterThan(2);
    for (const ending of ENDINGS) {
      for (let cut = 0; cut < whole.length; cut += 1) {
        const socket = await openSocket(server.url);
        await socket.send(whole.subarray(0, cut));
        if (ending === 'halfClose') await socket.halfClose();
        socket.destroy();
        if (cut % 100 === 0) await expectServed(server.url);
      }
    }
    await expectServed(server.url);
    // A restart waits until the server is done with every connection.
    await server.restart();
    expect(recordsOf(server)).toEqual(before);
    const socket = await openSocket(server.url);
    await socket.send(whole);
    await socket.until('SequenceNumber');
    expect(recordsOf(server), 'the whole request is good').not.toEqual(before);
  });

  // Node ends a session of HTTP/2 when the client says that it will send nothing more.
  it.skipIf(name === 'HTTP/2')('only after it was whole is answered', async () => {
    const server = await startWithStream();
    const socket = await openSocket(server.url);
    await socket.send(whole);
    await socket.halfClose();
    expect(await socket.closed).toContain('SequenceNumber');
  });
});

describe('S20 first bytes at random', () => {
  it('harm nobody, whichever protocol they look like', async () => {
    const { url } = await startStubServer();
    const prefixes = [
      '',
      '\x16\x03\x01',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'PRI * HTTP/2.0\r\n',
      'POST / HTTP/1.1\r\n',
      'GET ',
    ];
    let cases = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...prefixes),
        fc.uint8Array({ maxLength: 100 }),
        fc.constantFrom(...ENDINGS),
        async (prefix, bytes, ending) => {
          cases += 1;
          const socket = await openSocket(url);
          await socket.send(Buffer.concat([Buffer.from(prefix, 'latin1'), bytes]));
          if (ending === 'halfClose') await socket.halfClose();
          socket.destroy();
          if (cases % 20 === 0) await expectServed(url);
        },
      ),
      { numRuns: FUZZ_RUNS },
    );
    await expectServed(url);
  });
});
