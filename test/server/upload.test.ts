/** Bodies: chunked, announced, too large, cut off; and the connection afterwards. */
import http from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  answerOf,
  askHttp1,
  askHttp2,
  awsHeaders,
  awsQuestion,
  type HttpAnswer,
  oneConnection,
  openHttp2,
} from '../support/http-client.ts';
import { cancelFrame, dataFrame, endFrame, headersFrame, lowerCase, OPENING } from '../support/http2-frames.ts';
import { openSocket } from '../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { headerLines } from '../support/signature.ts';

const MAX_BYTES = 16 * 1024 * 1024;

/** JSON of exactly `bytes` bytes that ListStreams takes: the large member is unknown and dropped. */
const listOf = (bytes: number) => `{"Unknown":"${'x'.repeat(bytes - 14)}"}`;

/** The records of the only shard of the stream `a`. */
async function recordsOf({ ok }: TestServer): Promise<unknown[]> {
  const { ShardIterator } = await ok('GetShardIterator', {
    StreamName: 'a',
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  });
  return (await ok('GetRecords', { ShardIterator })).Records;
}

/** Uploads `parts` one after the other without saying how long they are. */
function askChunked(url: string, parts: readonly (string | Buffer)[], agent: http.Agent | false = false) {
  return new Promise<HttpAnswer>((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers: awsHeaders('ListStreams'), agent });
    request.once('error', reject);
    request.once('response', (response) => resolve(answerOf(response)));
    for (const part of parts) request.write(part);
    request.end();
  });
}

/** Expects that a good request through `agent` is served over the connection of the answer `before`. */
async function expectUsable(url: string, agent: http.Agent, before: HttpAnswer): Promise<void> {
  const { status, clientPort } = await askHttp1(url, awsQuestion('ListStreams', {}), agent);
  expect(status).toBe(200);
  expect(clientPort, 'the connection was closed').toBe(before.clientPort);
}

describe('a body', () => {
  it('may come in chunks of any size', async () => {
    const { url } = await startTestServer();
    const { status, text } = await askChunked(url, [...listOf(2000)]);
    expect(status, text).toBe(200);
    const [length] =
      (await askChunked(url, ['{"Limit', '":', '0', '}'])).text.match(/greater than or equal to 1/) ?? [];
    expect(length, 'the chunks were not put together').toBeDefined();
  });

  it('of many kilobytes comes over HTTP/2 as it was sent', async () => {
    const server = await startTestServer();
    await server.createStream('a');
    const data = Buffer.from(Array.from({ length: 700_000 }, (_, index) => index % 251));
    const put = { StreamName: 'a', PartitionKey: 'k', Data: data.toString('base64') };
    const { status, text } = await askHttp2(openHttp2(server.url), awsQuestion('PutRecord', put));
    expect(status, text).toBe(200);
    const [record] = (await recordsOf(server)) as { Data: string }[];
    expect(Buffer.from(record!.Data, 'base64').equals(data), 'the record is not what was sent').toBe(true);
  });

  it('is asked for when the client waits for that', async () => {
    const { url } = await startTestServer();
    const answer = await new Promise<HttpAnswer>((resolve, reject) => {
      const headers = { ...awsHeaders('ListStreams'), 'Content-Length': 2, Expect: '100-continue' };
      const request = http.request(url, { method: 'POST', headers, agent: false });
      request.once('error', reject);
      request.once('response', (response) => resolve(answerOf(response)));
      request.once('continue', () => request.end('{}'));
      request.flushHeaders();
    });
    expect(answer.status, answer.text).toBe(200);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a Host that is not served', { Host: 'evil.example', 'Content-Length': '2' }, '403'],
    ['a page', { Host: 'localhost', Origin: 'http://evil.example', 'Content-Length': '2' }, '403'],
    ['a length that is refused', { Host: 'localhost', 'Content-Length': '99999999' }, '413'],
  ])('is not asked for when the client waits for that with %s', async (_title, headers, status) => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send(`POST / HTTP/1.1\r\n${headerLines({ ...headers, Expect: '100-continue' })}\r\n`);
    expect(await socket.until('\r\n\r\n')).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it('may be exactly 16 MiB', async () => {
    const { url } = await startTestServer();
    const body = listOf(MAX_BYTES);
    expect(Buffer.byteLength(body)).toBe(MAX_BYTES);
    expect((await askHttp1(url, { headers: awsHeaders('ListStreams'), body })).status).toBe(200);
    expect((await askHttp2(openHttp2(url), { headers: awsHeaders('ListStreams'), body })).status).toBe(200);
    expect((await askChunked(url, [body])).status).toBe(200);
  });
});

describe('a body of 16 MiB and one byte', () => {
  const body = listOf(MAX_BYTES + 1);

  it('is answered with 413 and nothing else, whichever way it comes', async () => {
    const { url } = await startTestServer();
    for (const [way, answer] of [
      ['with its length', await askHttp1(url, { headers: awsHeaders('ListStreams'), body })],
      ['in chunks', await askChunked(url, [body.slice(0, 1000), body.slice(1000)])],
      ['over HTTP/2', await askHttp2(openHttp2(url), { headers: awsHeaders('ListStreams'), body })],
    ] as const) {
      expect([way, answer.status, answer.text]).toEqual([way, 413, '']);
    }
  });

  it('is refused before it was sent when its length is announced', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${MAX_BYTES + 1}\r\n\r\n`);
    expect(await socket.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ['with its length', (url: string, agent: http.Agent) => askHttp1(url, { headers: awsHeaders('A'), body }, agent)],
    ['in chunks', (url: string, agent: http.Agent) => askChunked(url, [body], agent)],
  ])('leaves its connection usable: %s', async (_title, upload) => {
    const { url } = await startTestServer();
    const agent = oneConnection();
    const refused = await upload(url, agent);
    expect(refused.status).toBe(413);
    await expectUsable(url, agent, refused);
  });

  it('leaves its HTTP/2 session usable', async () => {
    const { url } = await startTestServer();
    const session = openHttp2(url);
    expect((await askHttp2(session, { headers: awsHeaders('ListStreams'), body })).status).toBe(413);
    expect((await askHttp2(session, awsQuestion('ListStreams', {}))).status).toBe(200);
  });
});

describe('a connection', () => {
  it.each([
    ['an unknown operation', 'NoSuchOperation', '{}', 400],
    ['a body that is no JSON', 'ListStreams', '{', 400],
    ['an empty body', 'ListStreams', '', 400],
    ['a stream that does not exist', 'DescribeStream', '{"StreamName":"a"}', 400],
    ['a foreign method', undefined, '{}', 403],
  ])('survives the error of %s', async (_title, operation, body, status) => {
    const { url } = await startTestServer();
    const agent = oneConnection();
    const question = operation === undefined ? { method: 'PUT', body } : { headers: awsHeaders(operation), body };
    const refused = await askHttp1(url, question, agent);
    expect(refused.status).toBe(status);
    await expectUsable(url, agent, refused);
  });

  it('survives a refusal whose body was not read', async () => {
    const { url } = await startTestServer();
    const agent = oneConnection();
    const headers = { ...awsHeaders('ListStreams'), Origin: 'http://evil.example' };
    const refused = await askHttp1(url, { headers, body: listOf(200_000) }, agent);
    expect(refused.status).toBe(403);
    await expectUsable(url, agent, refused);
  });
});

describe('an upload that is cut off', () => {
  const put = JSON.stringify({ StreamName: 'a', PartitionKey: 'k', Data: Buffer.alloc(30).toString('base64') });
  const head =
    `POST / HTTP/1.1\r\nHost: localhost\r\n${headerLines(awsHeaders('PutRecord'))}` +
    `Content-Length: ${put.length}\r\n\r\n`;
  const whole = head + put;

  it('applies nothing and harms nobody, wherever it is cut', async () => {
    const server = await startTestServer();
    await server.createStream('a');
    for (const cut of [1, 10, head.length - 1, head.length, head.length + 1, whole.length - 2, whole.length - 1]) {
      const socket = await openSocket(server.url);
      await socket.send(whole.slice(0, cut));
      socket.destroy();
      await socket.closed;
      expect((await askHttp1(server.url, awsQuestion('ListStreams', {}))).status, `after byte ${cut}`).toBe(200);
    }
    // A restart waits until the server is done with every connection.
    await server.restart();
    expect(await recordsOf(server)).toEqual([]);
    const socket = await openSocket(server.url);
    await socket.send(whole);
    await socket.until('SequenceNumber');
    expect(await recordsOf(server), 'the whole upload is good').toHaveLength(1);
  });

  it('applies nothing when all of its JSON came, but less than was announced', async () => {
    const server = await startTestServer();
    await server.createStream('a');
    const socket = await openSocket(server.url);
    await socket.send(head.replace(`${put.length}`, `${put.length + 1}`) + put);
    socket.destroy();
    await socket.closed;
    await server.restart();
    expect(await recordsOf(server)).toEqual([]);
  });

  it('applies nothing over HTTP/2 when all of its JSON came, but no end, and leaves the session usable', async () => {
    const server = await startTestServer();
    await server.createStream('a');
    const ask = (stream: number, operation: string, body: string) => [
      headersFrame(
        stream,
        {
          ':method': 'POST',
          ':scheme': 'http',
          ':path': '/',
          ':authority': 'localhost',
          ...lowerCase(awsHeaders(operation)),
        },
        { end: false },
      ),
      dataFrame(stream, body),
    ];
    const socket = await openSocket(server.url);
    await socket.send(Buffer.concat([OPENING, ...ask(1, 'PutRecord', put)]));
    await socket.send(cancelFrame(1));
    await socket.send(Buffer.concat([...ask(3, 'PutRecord', put), cancelFrame(3)]));
    await socket.send(Buffer.concat([...ask(5, 'ListStreams', '{}'), endFrame(5)]));
    expect(await socket.until('"StreamNames":["a"]')).not.toContain('SequenceNumber');
    // Cut together with its connection.
    await socket.send(Buffer.concat(ask(7, 'PutRecord', put)));
    socket.destroy();
    await socket.closed;
    await server.restart();
    expect(await recordsOf(server)).toEqual([]);
  });

  it('in the middle of an answer harms nobody', async () => {
    const server = await startTestServer();
    for (let turn = 0; turn < 20; turn += 1) {
      const socket = await openSocket(server.url);
      await socket.send('GET /_health HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(turn));
      socket.destroy();
    }
    expect((await askHttp1(server.url, awsQuestion('ListStreams', {}))).status).toBe(200);
  });
});
