/** What a request meets before it reaches an operation, in the order in which AWS checks, and what every answer has. */
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../src/protocol/error.ts';
import { operation } from '../../src/protocol/operation.ts';
import { structure } from '../../src/protocol/shape.ts';
import { CBOR_TYPE, cborOf, jsonOf } from '../support/cbor.ts';
import { createTestGateway } from '../support/gateway.ts';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, openHttp2, type RawAnswer } from '../support/http-client.ts';
import { startTestServer, type Wire } from '../support/server.ts';
import { signatureHeaders } from '../support/signature.ts';

const JSON_TYPE = 'application/x-amz-json-1.1';
const OLD_JSON_TYPE = 'application/x-amz-json-1.0';
const PLAIN_JSON_TYPE = 'application/json';
const CONTENT_TYPES = { json: JSON_TYPE, cbor: CBOR_TYPE } as const;
const WIRES = ['json', 'cbor'] as const;

const KNOWN = 'Kinesis_20131202.ListStreams';
const UNKNOWN = 'Kinesis_20131202.NoSuchOperation';
const FORBIDDEN =
  '403 <AccessDeniedException>\n' +
  '  <Message>Unable to determine service/operation name to be authorized</Message>\n' +
  '</AccessDeniedException>\n';
const NOT_FOUND = '404 <UnknownOperationException/>\n';
const coral = (status: number, code: string) =>
  `${status} ${PLAIN_JSON_TYPE} {"Output":{"__type":"com.amazon.coral.service#${code}"},"Version":"1.0"}`;

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly target?: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
}

/** Sends a request as it is, without a signature. What is undefined is not sent. */
const ask = (url: string, { type, target, headers, ...rest }: Request): Promise<RawAnswer> =>
  askHttp1(url, {
    ...rest,
    headers: { ...headers, ...(type && { 'Content-Type': type }), ...(target && { 'X-Amz-Target': target }) },
  });

/** Status, content type and body together, so that a failing test shows all of them. CBOR is shown as JSON. */
function outline({ status, headers, text, bytes }: RawAnswer): string {
  const type = headers['content-type'];
  const body = type === CBOR_TYPE ? JSON.stringify(jsonOf(bytes)) : text;
  return [status, type, body].filter((part) => part !== undefined && part !== '').join(' ');
}

/** How an error without a message is answered. */
const bare = (code: string, type: string) => `400 ${type} {"__type":"${code}"}`;
const SERIALIZATION = 'SerializationException';
const UNKNOWN_OPERATION = 'UnknownOperationException';

type Case = readonly [title: string, request: Request, answer: string];

/** Every way to be answered without reaching an operation, in the order of the checks, and one of each kind behind. */
const REQUESTS: readonly Case[] = [
  ['GET', { method: 'GET' }, FORBIDDEN],
  ['GET of an operation', { method: 'GET', type: CBOR_TYPE, target: KNOWN }, FORBIDDEN],
  ['PUT, whatever else is good', { method: 'PUT', type: JSON_TYPE, target: KNOWN, body: '{}' }, FORBIDDEN],
  ['DELETE, whatever else is bad', { method: 'DELETE', type: 'a/b', target: 'x', body: '{' }, FORBIDDEN],
  ['OPTIONS without an Origin', { method: 'OPTIONS' }, FORBIDDEN],
  [
    'OPTIONS without an Origin, whatever else a browser sends',
    { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'POST' } },
    FORBIDDEN,
  ],
  ['no body', { type: JSON_TYPE, target: KNOWN }, bare(SERIALIZATION, JSON_TYPE)],
  ['no body, unknown target', { type: JSON_TYPE, target: UNKNOWN }, bare(UNKNOWN_OPERATION, JSON_TYPE)],
  ['no body, no target', { type: JSON_TYPE }, bare(UNKNOWN_OPERATION, JSON_TYPE)],
  ['no body, JSON 1.0', { type: OLD_JSON_TYPE, target: KNOWN }, bare(SERIALIZATION, OLD_JSON_TYPE)],
  ['no body, CBOR', { type: CBOR_TYPE, target: KNOWN }, bare(SERIALIZATION, CBOR_TYPE)],
  ['no body, CBOR, unknown target', { type: CBOR_TYPE, target: UNKNOWN }, bare(UNKNOWN_OPERATION, CBOR_TYPE)],
  ['no body, CBOR, no target', { type: CBOR_TYPE }, bare(UNKNOWN_OPERATION, CBOR_TYPE)],
  ['no body, no type', { target: KNOWN }, bare(SERIALIZATION, CBOR_TYPE)],
  ['no body, foreign type', { type: 'text/xml', target: KNOWN }, bare(SERIALIZATION, CBOR_TYPE)],
  ['no body, CBOR of others', { type: 'application/cbor', target: KNOWN }, bare(SERIALIZATION, CBOR_TYPE)],
  ['no body, foreign type, unknown target', { type: 'a/b', target: UNKNOWN }, bare(UNKNOWN_OPERATION, CBOR_TYPE)],
  ['no body, application/json', { type: PLAIN_JSON_TYPE, target: KNOWN }, bare(SERIALIZATION, JSON_TYPE)],
  ['no body, application/json, no target', { type: PLAIN_JSON_TYPE }, bare(UNKNOWN_OPERATION, JSON_TYPE)],
  ['nothing at all', {}, bare(UNKNOWN_OPERATION, CBOR_TYPE)],
  ['foreign type, no target', { type: 'text/plain', body: '{}' }, FORBIDDEN],
  ['form of a web page', { type: 'application/x-www-form-urlencoded', body: 'a=b' }, FORBIDDEN],
  ['no type, no target', { body: '{}' }, FORBIDDEN],
  ['foreign type', { type: 'text/xml', target: KNOWN, body: '{}' }, NOT_FOUND],
  ['no type', { target: KNOWN, body: '{}' }, NOT_FOUND],
  ['foreign type, any target', { type: 'text/xml', target: 'x', body: '{' }, NOT_FOUND],
  ['CBOR of others', { type: 'application/cbor', target: KNOWN, body: '\u00a0' }, NOT_FOUND],
  ['CBOR of another version', { type: 'application/x-amz-cbor-1.0', target: KNOWN, body: '\u00a0' }, NOT_FOUND],
  ['JSON of another version', { type: 'application/x-amz-json-1.2', target: KNOWN, body: '{}' }, NOT_FOUND],
  ['two types', { type: `${JSON_TYPE}, ${CBOR_TYPE}`, target: KNOWN, body: '{}' }, NOT_FOUND],
  ['application/json', { type: PLAIN_JSON_TYPE, target: KNOWN, body: '{}' }, coral(404, UNKNOWN_OPERATION)],
  ['application/json, no target', { type: PLAIN_JSON_TYPE, body: '{}' }, coral(404, UNKNOWN_OPERATION)],
  [
    'application/json with a parameter',
    { type: `${PLAIN_JSON_TYPE}; charset=utf-8`, target: KNOWN, body: '{"a":1}' },
    coral(404, UNKNOWN_OPERATION),
  ],
  ['application/json, broken', { type: PLAIN_JSON_TYPE, body: '{' }, coral(400, SERIALIZATION)],
  ['application/json, blank', { type: PLAIN_JSON_TYPE, target: KNOWN, body: ' ' }, coral(400, SERIALIZATION)],
  ['application/json, no UTF-8', { type: PLAIN_JSON_TYPE, body: Buffer.from([0x7b, 0xff]) }, coral(400, SERIALIZATION)],
  ['application/json, nested', { type: PLAIN_JSON_TYPE, body: `{"a":${'['.repeat(64)}` }, coral(400, SERIALIZATION)],
  ['application/json of CBOR', { type: PLAIN_JSON_TYPE, body: Buffer.from([0xbf, 0xff]) }, coral(400, SERIALIZATION)],
];

/** What follows the choice of an encoding, in each of them. */
const ENCODED: readonly (readonly [
  title: string,
  request: { readonly target?: string; readonly body: Readonly<Record<Wire, string>> },
  code: string,
])[] = [
  ['broken body', { target: KNOWN, body: { json: '{"a"', cbor: 'bf6161' } }, SERIALIZATION],
  ['broken body, unknown target', { target: UNKNOWN, body: { json: '{', cbor: 'bf' } }, SERIALIZATION],
  ['broken body, no target', { body: { json: '{', cbor: 'a1' } }, SERIALIZATION],
  ['list', { target: KNOWN, body: { json: '[]', cbor: '80' } }, SERIALIZATION],
  ['text', { target: KNOWN, body: { json: '"a"', cbor: '6161' } }, SERIALIZATION],
  ['number', { target: KNOWN, body: { json: '1', cbor: '01' } }, SERIALIZATION],
  ['null', { target: KNOWN, body: { json: 'null', cbor: 'f6' } }, SERIALIZATION],
  ['true', { target: KNOWN, body: { json: 'true', cbor: 'f5' } }, SERIALIZATION],
  ['two values', { target: KNOWN, body: { json: '{}{}', cbor: 'a0a0' } }, SERIALIZATION],
  ['blank body', { target: KNOWN, body: { json: ' ', cbor: '20' } }, SERIALIZATION],
  ['the other encoding', { target: KNOWN, body: { json: '\u00bf\u00ff', cbor: '7b7d' } }, SERIALIZATION],
  ['unknown operation', { target: UNKNOWN, body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
  ['no target', { body: { json: '{}', cbor: 'bfff' } }, UNKNOWN_OPERATION],
  ['no operation', { target: 'Kinesis_20131202', body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
  ['other service', { target: 'Nobody.ListStreams', body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
  [
    'operation of the other service',
    { target: 'Firehose_20150804.ListStreams', body: { json: '{}', cbor: 'a0' } },
    UNKNOWN_OPERATION,
  ],
  ['other case', { target: 'Kinesis_20131202.listStreams', body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
  ['more dots', { target: `${KNOWN}.a`, body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
  ['__proto__', { target: '__proto__', body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
  ['constructor', { target: 'Kinesis_20131202.constructor', body: { json: '{}', cbor: 'a0' } }, UNKNOWN_OPERATION],
];

const bytesOf = (wire: Wire, body: string) => (wire === 'cbor' ? Buffer.from(body, 'hex') : Buffer.from(body));

const ENCODED_REQUESTS: readonly Case[] = WIRES.flatMap((wire) =>
  ENCODED.map(([title, { target, body }, code]): Case => {
    const request = { type: CONTENT_TYPES[wire], body: bytesOf(wire, body[wire]), ...(target && { target }) };
    return [`${title} in ${wire}`, request, bare(code, CONTENT_TYPES[wire])];
  }),
);

describe('a request that reaches no operation', () => {
  it('is answered as AWS does, signed or not', async () => {
    const { url } = await startTestServer();
    for (const [title, request, answer] of [...REQUESTS, ...ENCODED_REQUESTS]) {
      expect.soft(outline(await ask(url, request)), title).toBe(answer);
      const headers = { ...request.headers, ...signatureHeaders() };
      expect.soft(outline(await ask(url, { ...request, headers })), `${title}, signed`).toBe(answer);
    }
  });

  it('is answered the same over HTTP/2', async () => {
    const { url } = await startTestServer();
    const session = openHttp2(url);
    for (const [title, { type, target, headers, ...rest }, answer] of [...REQUESTS, ...ENCODED_REQUESTS]) {
      const sent = { ...headers, ...(type && { 'content-type': type }), ...(target && { 'x-amz-target': target }) };
      expect.soft(outline(await askHttp2(session, { ...rest, headers: sent })), title).toBe(answer);
    }
  });

  it('is answered without a Content-Type where AWS sends XML', async () => {
    const { url } = await startTestServer();
    for (const request of [{ method: 'GET' }, { body: '{}' }, { target: KNOWN, body: '{}' }]) {
      expect((await ask(url, request)).headers).not.toHaveProperty('content-type');
    }
  });

  it('is told nothing about its data', async () => {
    const { url } = await startTestServer();
    for (const [type, body] of [
      [JSON_TYPE, Buffer.from('{"secret":"hunter2"')],
      [CBOR_TYPE, Buffer.from('bf66736563726574 6768756e74657232'.replace(' ', ''), 'hex')],
    ] as const) {
      const { status, text } = await ask(url, { type, target: KNOWN, body });
      expect(status).toBe(400);
      expect(text).not.toContain('hunter2');
    }
  });
});

describe('the order of checks', () => {
  /** Each request is right where the one before was wrong, and wrong in all that comes later. */
  const STEPS: readonly (readonly [
    title: string,
    request: { readonly target: string; readonly isSigned: boolean; readonly input: object | undefined },
    code: string,
  ])[] = [
    [
      'an empty body and an unknown operation, unsigned',
      { target: UNKNOWN, isSigned: false, input: undefined },
      UNKNOWN_OPERATION,
    ],
    [
      'an empty body, unsigned',
      { target: 'Kinesis_20131202.PutRecord', isSigned: false, input: undefined },
      SERIALIZATION,
    ],
    [
      'an unknown operation, unsigned',
      { target: UNKNOWN, isSigned: false, input: { StreamName: 5 } },
      UNKNOWN_OPERATION,
    ],
    [
      'wrong types, unsigned',
      { target: 'Kinesis_20131202.PutRecord', isSigned: false, input: { StreamName: 5, PartitionKey: '' } },
      'MissingAuthenticationTokenException',
    ],
    [
      'a wrong type behind a broken constraint',
      { target: 'Kinesis_20131202.PutRecord', isSigned: true, input: { StreamName: 5, PartitionKey: '', Data: '' } },
      SERIALIZATION,
    ],
    [
      'a wrong type in the last element',
      {
        target: 'Kinesis_20131202.PutRecords',
        isSigned: true,
        input: { StreamName: '', Records: [{}, { PartitionKey: 5 }] },
      },
      SERIALIZATION,
    ],
    [
      'a broken constraint and no such stream',
      { target: 'Kinesis_20131202.PutRecord', isSigned: true, input: { StreamName: 'a', PartitionKey: '', Data: '' } },
      'ValidationException',
    ],
    [
      'no such stream and a hash key out of range',
      {
        target: 'Kinesis_20131202.PutRecord',
        isSigned: true,
        input: { StreamName: 'a', PartitionKey: 'k', Data: '', ExplicitHashKey: String(2n ** 128n) },
      },
      'ResourceNotFoundException',
    ],
  ];

  it.each(WIRES)('is that of AWS in %s', async (wire) => {
    const { url } = await startTestServer();
    for (const [title, { target, isSigned, input }, code] of STEPS) {
      const encoded = wire === 'cbor' ? cborOf(target, input ?? {}) : JSON.stringify(input);
      const answer = await ask(url, {
        type: CONTENT_TYPES[wire],
        target,
        headers: isSigned ? signatureHeaders() : {},
        ...(input !== undefined && { body: encoded }),
      });
      expect.soft(outline(answer), title).toContain(`400 ${CONTENT_TYPES[wire]} {"__type":"${code}"`);
      expect.soft(answer.headers['x-amzn-errortype'], title).toBe(code);
    }
  });

  it.each(WIRES)('puts a type that the encoding does not know of before authentication, in %s', async (wire) => {
    const { url } = await startTestServer();
    const body = wire === 'cbor' ? Buffer.from([0xa0]) : '{}';
    expect(outline(await ask(url, { type: 'a/b', target: KNOWN, body }))).toBe(NOT_FOUND);
    expect(outline(await ask(url, { type: CONTENT_TYPES[wire], target: KNOWN, body }))).toBe(
      `400 ${CONTENT_TYPES[wire]} {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}`,
    );
  });
});

describe('a request that reaches an operation', () => {
  it('is answered with its own content type, without parameters', async () => {
    const { url } = await startTestServer();
    for (const [type, answered] of [
      [JSON_TYPE, JSON_TYPE],
      [OLD_JSON_TYPE, OLD_JSON_TYPE],
      [CBOR_TYPE, CBOR_TYPE],
      [`${JSON_TYPE}; charset=utf-8`, JSON_TYPE],
      [`  ${JSON_TYPE} ;charset=utf-8`, JSON_TYPE],
      [`${CBOR_TYPE};a=b;c`, CBOR_TYPE],
    ] as const) {
      const body = answered === CBOR_TYPE ? Buffer.from([0xbf, 0xff]) : '{}';
      const answer = await ask(url, { type, target: KNOWN, body, headers: signatureHeaders() });
      expect
        .soft(outline(answer), type)
        .toBe(`200 ${answered} {"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}`);
    }
  });

  it('is answered in its encoding, whatever it says it would accept', async () => {
    const { url } = await startTestServer();
    const headers = { ...signatureHeaders(), Accept: JSON_TYPE };
    const { headers: answered } = await ask(url, {
      type: CBOR_TYPE,
      target: KNOWN,
      body: Buffer.from([0xa0]),
      headers,
    });
    expect(answered['content-type']).toBe(CBOR_TYPE);
  });

  it('may have any path', async () => {
    const { url } = await startTestServer();
    for (const path of ['/', '/kinesis', '/a/b?c=d', '//', '/_health', '/%zz']) {
      const { status, text } = await askHttp1(url, { ...awsQuestion('ListStreams', {}), path });
      expect.soft(status, `${path}: ${text}`).toBe(200);
      expect.soft(JSON.parse(text).StreamNames, path).toEqual([]);
    }
  });

  it.each(WIRES)('gets an empty body when the operation has no output, in %s', async (wire) => {
    const { call, clock } = await startTestServer();
    for (const [operationName, input] of [
      ['CreateStream', { StreamName: 'a', ShardCount: 1 }],
      ['DeleteStream', { StreamName: 'a' }],
    ] as const) {
      const { status, headers, text } = await call(operationName, input, { wire });
      expect([operationName, status, text]).toEqual([operationName, 200, '']);
      expect(headers.get('content-length')).toBe('0');
      expect(headers.get('content-type')).toBe(CONTENT_TYPES[wire]);
      clock.advance(1000);
    }
  });

  it('gets its error as a type and a message, without a namespace, and the type as a header', async () => {
    const { url } = await startTestServer();
    const { status, headers, text } = await askHttp1(url, awsQuestion('DescribeStream', { StreamName: 'a' }));
    expect(status).toBe(400);
    expect(text).toBe(
      '{"__type":"ResourceNotFoundException","message":"Stream a under account 000000000000 not found."}',
    );
    expect(headers['x-amzn-errortype']).toBe('ResourceNotFoundException');
    expect(headers['content-type']).toBe(JSON_TYPE);
  });

  it('gets a fault of the server and an error of its own status in its encoding', async () => {
    const failing = (error: Error) =>
      operation({
        access: 'read',
        input: structure({}),
        errors: ['BusyException'],
        run: () => {
          throw error;
        },
      });
    const Fail = failing(new Error('a secret'));
    const Wait = failing(new ApiError('BusyException', 'Later.', 503));
    const { ask: askGateway, log } = createTestGateway({ Fail, Wait });
    const answerOf = async (name: string) => {
      const headers = { 'content-type': CBOR_TYPE, 'x-amz-target': `Test.${name}` };
      const answer = await askGateway(name, {}, { headers, body: Buffer.from([0xa0]) });
      const { 'Content-Type': type, 'x-amzn-ErrorType': code } = answer.headers;
      return [answer.status, type, code, jsonOf(answer.body as Buffer)];
    };
    expect(await answerOf('Fail')).toEqual([500, CBOR_TYPE, 'InternalFailure', { __type: 'InternalFailure' }]);
    expect(log.take('error')).toHaveLength(1);
    const busy = { __type: 'BusyException', message: 'Later.' };
    expect(await answerOf('Wait')).toEqual([503, CBOR_TYPE, 'BusyException', busy]);
  });
});

it('a read whose signature took time to verify is of the instant at which it runs', async () => {
  let letIn = () => {};
  const verified = new Promise<void>((resolve) => {
    letIn = resolve;
  });
  const Tell = operation({
    access: 'read',
    input: structure({}),
    errors: [],
    run: (_input, { now }) => ({ Now: String(now) }),
  });
  const { ask: askGateway, clock } = createTestGateway({ Tell }, async () => {
    await verified;
    return { account: '000000000000', region: 'us-east-1' };
  });
  const answer = askGateway('Tell');
  clock.advance(5);
  letIn();
  expect(String((await answer).body)).toBe(`{"Now":"${clock.now()}"}`);
});

describe('a presigned request', () => {
  const QUERY = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'test/20260102/us-east-1/kinesis/aws4_request',
    'X-Amz-Date': '20260102T030405Z',
    'X-Amz-Expires': '3600',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': '0',
  };
  const pathOf = (input: Record<string, string>) => `/?${new URLSearchParams({ ...input, ...QUERY })}`;

  it.each(WIRES)('without a body has its input in the query, and is answered in %s', async (wire) => {
    const { url, clock, ok } = await startTestServer();
    const type = CONTENT_TYPES[wire];
    const send = (name: string, input: Record<string, string>) =>
      ask(url, { path: pathOf(input), type, target: `Kinesis_20131202.${name}` });
    expect(outline(await send('CreateStream', { StreamName: 'a', ShardCount: '2' }))).toBe(`200 ${type}`);
    clock.advance(1000);
    expect((await ok('DescribeStreamSummary', { StreamName: 'a' })).StreamDescriptionSummary.OpenShardCount).toBe(2);
    // As in JSON, also here: a blob is base64, a timestamp is seconds.
    expect(outline(await send('PutRecord', { StreamName: 'a', PartitionKey: 'k', Data: '/+8=' }))).toContain(
      `200 ${type} {"ShardId":"shardId-`,
    );
    const at = { StreamName: 'a', ShardId: 'shardId-000000000000', ShardIteratorType: 'AT_TIMESTAMP' };
    expect(outline(await send('GetShardIterator', { ...at, Timestamp: '1767225600.5' }))).toContain(
      `200 ${type} {"ShardIterator":"`,
    );
    expect(outline(await send('ListStreams', { Limit: 'many' }))).toContain(
      `400 ${type} {"__type":"SerializationException","Message":"class java.lang.String can not be converted to an Integer"}`,
    );
    expect(outline(await send('ListStreams', { Limit: '0' }))).toContain(`400 ${type} {"__type":"ValidationException"`);
    expect(outline(await send('NoSuchOperation', {}))).toBe(bare(UNKNOWN_OPERATION, type));
  });

  it.each(WIRES)('with a body has its input there, in %s', async (wire) => {
    const { url, createStream } = await startTestServer();
    await createStream('a');
    const type = CONTENT_TYPES[wire];
    const input = { StreamName: 'a' };
    const target = 'Kinesis_20131202.DescribeStreamSummary';
    const body = wire === 'cbor' ? cborOf(target, input) : JSON.stringify(input);
    expect(outline(await ask(url, { path: pathOf({ StreamName: 'b' }), type, target, body }))).toContain(
      `200 ${type} {"StreamDescriptionSummary":{"StreamName":"a"`,
    );
  });

  it.each(WIRES)('is complete or none, in %s', async (wire) => {
    const { url } = await startTestServer();
    const type = CONTENT_TYPES[wire];
    // Without both of these an empty body is what it is for everybody.
    for (const missing of ['X-Amz-Algorithm', 'X-Amz-Signature']) {
      const path = pathOf({ Limit: '1' }).replace(missing, 'Y');
      expect.soft(outline(await ask(url, { path, type, target: KNOWN })), missing).toBe(bare(SERIALIZATION, type));
    }
    for (const missing of ['X-Amz-Credential', 'X-Amz-SignedHeaders', 'X-Amz-Date']) {
      const path = pathOf({ Limit: '1' }).replace(missing, 'Y');
      expect
        .soft(outline(await ask(url, { path, type, target: KNOWN })), missing)
        .toContain(`400 ${type} {"__type":"IncompleteSignatureException"`);
    }
  });

  it('without a body is refused in CBOR when its content type is foreign', async () => {
    const { url } = await startTestServer();
    const path = pathOf({ Limit: '1' });
    expect(outline(await ask(url, { path, type: 'a/b', target: KNOWN }))).toBe(bare(SERIALIZATION, CBOR_TYPE));
    expect(outline(await ask(url, { method: 'GET', path, type: JSON_TYPE, target: KNOWN }))).toBe(FORBIDDEN);
  });
});

describe('every answer', () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

  function expectIdentity({ headers, status, bytes }: RawAnswer, about: string): void {
    expect(headers['x-amzn-requestid'], `x-amzn-RequestId of: ${about}`).toMatch(UUID);
    const extended = Buffer.from(String(headers['x-amz-id-2']), 'base64');
    expect(extended.toString('base64'), `x-amz-id-2 of: ${about}`).toBe(headers['x-amz-id-2']);
    expect(extended.length, `bytes of x-amz-id-2 of: ${about}`).toBeGreaterThanOrEqual(64);
    expect(extended.length, `bytes of x-amz-id-2 of: ${about}`).toBeLessThanOrEqual(80);
    expect(headers.date, `Date of: ${about}`).toBeTruthy();
    expect(headers['content-length'], `Content-Length of: ${about}`).toBe(String(bytes.length));
    expect(status).toBeGreaterThanOrEqual(200);
  }

  it('has request ids, Date and Content-Length when no operation was reached', async () => {
    const { url } = await startTestServer();
    for (const [title, request] of [...REQUESTS, ...ENCODED_REQUESTS]) expectIdentity(await ask(url, request), title);
  });

  it('has them when an operation succeeded or failed, over HTTP/1.1 and HTTP/2, in both encodings', async () => {
    const { url } = await startTestServer();
    const session = openHttp2(url);
    for (const [name, input] of [
      ['ListStreams', {}],
      ['CreateStream', { StreamName: 'a', ShardCount: 1 }],
      ['DescribeStream', { StreamName: 'b' }],
      ['ListStreams', { Limit: 0 }],
      ['ListStreams', { Limit: 'a' }],
    ] as const) {
      const inCbor = {
        headers: { ...awsHeaders(name), 'Content-Type': CBOR_TYPE },
        body: cborOf(`Kinesis_20131202.${name}`, input),
      };
      for (const [wire, question] of [
        ['JSON', awsQuestion(name, input)],
        ['CBOR', inCbor],
      ] as const) {
        expectIdentity(await askHttp1(url, question), `${name} over HTTP/1.1 in ${wire}`);
        expectIdentity(await askHttp2(session, question), `${name} over HTTP/2 in ${wire}`);
      }
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
