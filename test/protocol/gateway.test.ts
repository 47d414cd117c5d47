/** What a request meets before it reaches an operation, in the order in which AWS checks, and what every answer has. */
import { describe, expect, it } from 'vitest';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, type HttpAnswer, openHttp2 } from '../support/http-client.ts';
import { startTestServer } from '../support/server.ts';

const JSON_TYPE = 'application/x-amz-json-1.1';
const CBOR_TYPE = 'application/x-amz-cbor-1.1';
const KNOWN = 'Kinesis_20131202.ListStreams';
const UNKNOWN = 'Kinesis_20131202.NoSuchOperation';
const FORBIDDEN =
  '<AccessDeniedException>\n' +
  '  <Message>Unable to determine service/operation name to be authorized</Message>\n' +
  '</AccessDeniedException>\n';
const SERIALIZATION = '{"__type":"SerializationException"}';
const UNKNOWN_OPERATION = '{"__type":"UnknownOperationException"}';
const coral = (code: string) => `{"Output":{"__type":"com.amazon.coral.service#${code}"},"Version":"1.0"}`;

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly target?: string;
  readonly body?: string;
}

/** Sends a request. What is undefined is not sent. */
const ask = (url: string, { type, target, ...rest }: Request): Promise<HttpAnswer> =>
  askHttp1(url, {
    ...rest,
    headers: { ...(type && { 'Content-Type': type }), ...(target && { 'X-Amz-Target': target }) },
  });

/** The answer of a fresh server. */
async function answerTo(request: Request): Promise<HttpAnswer> {
  const { url } = await startTestServer();
  return ask(url, request);
}

/** Status and body together, so that a failing test shows both. */
const outline = ({ status, text }: HttpAnswer) => `${status} ${text}`;

/** Every way to be answered without reaching an operation, in the order of the checks, and one of each kind behind. */
const REQUESTS: readonly (readonly [title: string, request: Request, answer: string])[] = [
  ['GET', { method: 'GET' }, `403 ${FORBIDDEN}`],
  ['PUT, whatever else is good', { method: 'PUT', type: JSON_TYPE, target: KNOWN, body: '{}' }, `403 ${FORBIDDEN}`],
  ['DELETE, whatever else is bad', { method: 'DELETE', type: 'a/b', target: 'x', body: '{' }, `403 ${FORBIDDEN}`],
  ['OPTIONS without an Origin', { method: 'OPTIONS' }, `403 ${FORBIDDEN}`],
  ['no body', { type: JSON_TYPE, target: KNOWN }, `400 ${SERIALIZATION}`],
  ['no body, unknown target', { type: JSON_TYPE, target: UNKNOWN }, `400 ${UNKNOWN_OPERATION}`],
  ['no body, no target', { type: JSON_TYPE }, `400 ${UNKNOWN_OPERATION}`],
  ['no body, no type', { target: KNOWN }, `400 ${SERIALIZATION}`],
  ['no body, foreign type', { type: 'text/xml', target: KNOWN }, `400 ${SERIALIZATION}`],
  ['no body, foreign type, unknown target', { type: 'text/xml', target: UNKNOWN }, `400 ${UNKNOWN_OPERATION}`],
  ['no body, application/json', { type: 'application/json', target: KNOWN }, `400 ${SERIALIZATION}`],
  ['nothing at all', {}, `400 ${UNKNOWN_OPERATION}`],
  ['foreign type, no target', { type: 'text/plain', body: '{}' }, `403 ${FORBIDDEN}`],
  ['form of a web page', { type: 'application/x-www-form-urlencoded', body: 'a=b' }, `403 ${FORBIDDEN}`],
  ['no type, no target', { body: '{}' }, `403 ${FORBIDDEN}`],
  ['foreign type', { type: 'text/xml', target: KNOWN, body: '{}' }, '404 <UnknownOperationException/>\n'],
  ['no type', { target: KNOWN, body: '{}' }, '404 <UnknownOperationException/>\n'],
  ['foreign type, any target', { type: 'text/xml', target: 'x', body: '{' }, '404 <UnknownOperationException/>\n'],
  [
    'application/json',
    { type: 'application/json', target: KNOWN, body: '{}' },
    `404 ${coral('UnknownOperationException')}`,
  ],
  [
    'application/json, no target',
    { type: 'application/json', body: '{}' },
    `404 ${coral('UnknownOperationException')}`,
  ],
  ['application/json, broken', { type: 'application/json', body: '{' }, `400 ${coral('SerializationException')}`],
  ['broken body', { type: JSON_TYPE, target: KNOWN, body: '{"a"' }, `400 ${SERIALIZATION}`],
  ['broken body, unknown target', { type: JSON_TYPE, target: UNKNOWN, body: '{' }, `400 ${SERIALIZATION}`],
  ['list', { type: JSON_TYPE, target: KNOWN, body: '[]' }, `400 ${SERIALIZATION}`],
  ['text', { type: JSON_TYPE, target: KNOWN, body: '"a"' }, `400 ${SERIALIZATION}`],
  ['number', { type: JSON_TYPE, target: KNOWN, body: '1' }, `400 ${SERIALIZATION}`],
  ['null', { type: JSON_TYPE, target: KNOWN, body: 'null' }, `400 ${SERIALIZATION}`],
  ['two values', { type: JSON_TYPE, target: KNOWN, body: '{}{}' }, `400 ${SERIALIZATION}`],
  ['blank body', { type: JSON_TYPE, target: KNOWN, body: ' ' }, `400 ${SERIALIZATION}`],
  ['unknown operation', { type: JSON_TYPE, target: UNKNOWN, body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['no target', { type: JSON_TYPE, body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['no operation', { type: JSON_TYPE, target: 'Kinesis_20131202', body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['other service', { type: JSON_TYPE, target: 'Nobody.ListStreams', body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['other case', { type: JSON_TYPE, target: 'Kinesis_20131202.listStreams', body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['more dots', { type: JSON_TYPE, target: `${KNOWN}.a`, body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['__proto__', { type: JSON_TYPE, target: '__proto__', body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
  ['constructor', { type: JSON_TYPE, target: 'Kinesis_20131202.constructor', body: '{}' }, `400 ${UNKNOWN_OPERATION}`],
];

describe('a request that reaches no operation', () => {
  it.each(REQUESTS)('%s', async (_title, request, answer) => {
    expect(outline(await answerTo(request))).toBe(answer);
  });

  it('is answered without a Content-Type where AWS sends XML', async () => {
    expect((await answerTo({ method: 'GET' })).headers).not.toHaveProperty('content-type');
    expect((await answerTo({ body: '{}' })).headers).not.toHaveProperty('content-type');
  });

  it('is told how to switch CBOR off, when it is CBOR', async () => {
    const { status, text } = await answerTo({ type: CBOR_TYPE, target: KNOWN, body: '\u00bf\u00ff' });
    expect(status).toBe(404);
    expect(text).toContain('<UnknownOperationException>');
    expect(text).toContain('-Daws.cborEnabled=false');
  });

  it('is told nothing about its data', async () => {
    const { text } = await answerTo({ type: JSON_TYPE, target: KNOWN, body: '{"secret":"hunter2"' });
    expect(text).not.toContain('hunter2');
  });
});

describe('a request that reaches an operation', () => {
  it.each([
    [JSON_TYPE, JSON_TYPE],
    ['application/x-amz-json-1.0', 'application/x-amz-json-1.0'],
    [`${JSON_TYPE}; charset=utf-8`, JSON_TYPE],
    [`  ${JSON_TYPE} ;charset=utf-8`, JSON_TYPE],
  ])('has the content type %j and is answered with %j', async (type, answered) => {
    const { status, headers, text } = await answerTo({ type, target: KNOWN, body: '{}' });
    expect(status, text).toBe(200);
    expect(headers['content-type']).toBe(answered);
  });

  it.each(['/', '/kinesis', '/a/b?c=d', '//', '/_health', '/%zz'])('may have any path, such as %s', async (path) => {
    const { status, text } = await answerTo({ path, type: JSON_TYPE, target: KNOWN, body: '{}' });
    expect(status, text).toBe(200);
    expect(JSON.parse(text).StreamNames).toEqual([]);
  });

  it('gets an empty body when the operation has no output', async () => {
    const { url, clock } = await startTestServer();
    for (const [operation, input] of [
      ['CreateStream', { StreamName: 'a', ShardCount: 1 }],
      ['DeleteStream', { StreamName: 'a' }],
    ] as const) {
      const { status, headers, text } = await askHttp1(url, awsQuestion(operation, input));
      expect([operation, status, text]).toEqual([operation, 200, '']);
      expect(headers['content-length']).toBe('0');
      expect(headers['content-type']).toBe(JSON_TYPE);
      clock.advance(1000);
    }
  });

  it('gets its error as a type and a message, without a namespace, and the type as a header', async () => {
    const { status, headers, text } = await answerTo({
      type: JSON_TYPE,
      target: 'Kinesis_20131202.DescribeStream',
      body: '{"StreamName":"a"}',
    });
    expect(status).toBe(400);
    expect(text).toBe(
      '{"__type":"ResourceNotFoundException","message":"Stream a under account 000000000000 not found."}',
    );
    expect(headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    expect(headers['content-type']).toBe(JSON_TYPE);
  });
});

describe('every answer', () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

  function expectIdentity({ headers, status, text }: HttpAnswer, about: string): void {
    expect(headers['x-amzn-requestid'], `x-amzn-RequestId of: ${about}`).toMatch(UUID);
    const extended = Buffer.from(String(headers['x-amz-id-2']), 'base64');
    expect(extended.toString('base64'), `x-amz-id-2 of: ${about}`).toBe(headers['x-amz-id-2']);
    expect(extended.length, `bytes of x-amz-id-2 of: ${about}`).toBeGreaterThanOrEqual(64);
    expect(extended.length, `bytes of x-amz-id-2 of: ${about}`).toBeLessThanOrEqual(80);
    expect(headers.date, `Date of: ${about}`).toBeTruthy();
    expect(headers['content-length'], `Content-Length of: ${about}`).toBe(String(Buffer.byteLength(text)));
    expect(status).toBeGreaterThanOrEqual(200);
  }

  it('has request ids, Date and Content-Length when no operation was reached', async () => {
    const { url } = await startTestServer();
    for (const [title, request] of REQUESTS) expectIdentity(await ask(url, request), title);
  });

  it('has them when an operation succeeded or failed, over HTTP/1.1 and HTTP/2', async () => {
    const { url } = await startTestServer();
    const session = openHttp2(url);
    for (const [operation, input] of [
      ['ListStreams', {}],
      ['CreateStream', { StreamName: 'a', ShardCount: 1 }],
      ['DescribeStream', { StreamName: 'b' }],
      ['ListStreams', { Limit: 0 }],
      ['ListStreams', { Limit: 'a' }],
    ] as const) {
      expectIdentity(await askHttp1(url, awsQuestion(operation, input)), `HTTP/1.1 ${operation}`);
      expectIdentity(await askHttp2(session, awsQuestion(operation, input)), `HTTP/2 ${operation}`);
    }
  });

  it('has ids of its own', async () => {
    const { url } = await startTestServer();
    const answers = await Promise.all(Array.from({ length: 20 }, () => askHttp1(url, awsQuestion('ListStreams', {}))));
    for (const name of ['x-amzn-requestid', 'x-amz-id-2']) {
      expect(new Set(answers.map(({ headers }) => headers[name])).size, name).toBe(20);
    }
  });

  it('is logged with its id at level debug', async () => {
    const { url, log } = await startTestServer();
    const { headers } = await askHttp1(url, { headers: awsHeaders('ListStreams'), body: '{}' });
    expect(log.take('debug').map(({ fields }) => fields)).toContainEqual(
      expect.objectContaining({ target: KNOWN, status: 200, requestId: headers['x-amzn-requestid'] }),
    );
  });
});
