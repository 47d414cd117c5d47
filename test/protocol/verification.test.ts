/**
 * AUTH=strict: who does not have the secret gets nothing done, who has it is understood however the request is written.
 * Requests are signed by a signer of the tests' own and by the SDKs.
 */
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { FirehoseClient, ListDeliveryStreamsCommand } from '@aws-sdk/client-firehose';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  type KinesisClientConfig,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../src/protocol/error.ts';
import type { SignedRequest } from '../../src/protocol/signature.ts';
import { type Key, withVerifiedSignatures } from '../../src/protocol/verification.ts';
import { CBOR_TYPE, cborOf } from '../support/cbor.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';
import { answerOf, askHttp2, oneConnection, openHttp2 } from '../support/http-client.ts';
import { startMillrace } from '../support/process.ts';
import { startTestServer, type TestServer, temporaryDirectory } from '../support/server.ts';
import {
  type Credentials,
  type Plain,
  presigned,
  type Signing,
  scopeOf,
  signatureOf,
  signedHeadersOf,
  urlOf,
  withSignature,
} from '../support/signer.ts';

const PERMANENT = { accessKeyId: 'AKIDPERMANENT', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const ACCOUNT = { accessKeyId: '222222222222', secretAccessKey: 'secret of an account' };
const TEMPORARY = { accessKeyId: 'ASIATEMPORARY', secretAccessKey: 'secret/for+a=while', sessionToken: 'T0ken/+==' };
const OTHER_TEMPORARY = { accessKeyId: 'ASIAOTHER', secretAccessKey: 'another', sessionToken: 'another token' };

const CREDENTIALS = `
[permanent]
aws_access_key_id = ${PERMANENT.accessKeyId}
aws_secret_access_key = ${PERMANENT.secretAccessKey}
aws_account_id = 111111111111

[account]
aws_access_key_id = ${ACCOUNT.accessKeyId}
aws_secret_access_key = ${ACCOUNT.secretAccessKey}

[temporary]
aws_access_key_id = ${TEMPORARY.accessKeyId}
aws_secret_access_key = ${TEMPORARY.secretAccessKey}
aws_session_token = ${TEMPORARY.sessionToken}
aws_credential_expiration = 2026-01-02T04:00:00Z

[other]
aws_access_key_id = ${OTHER_TEMPORARY.accessKeyId}
aws_secret_access_key = ${OTHER_TEMPORARY.secretAccessKey}
aws_session_token = ${OTHER_TEMPORARY.sessionToken}
`;

const START = '20260102T030405Z';

const signing = (changes: Partial<Signing> = {}): Signing => ({
  credentials: PERMANENT,
  date: START,
  region: 'us-east-1',
  service: 'kinesis',
  ...changes,
});

const basicOf = (ms: number) => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');

/** A call that nobody has signed yet. */
function call(url: string, changes: Partial<Plain> = {}, target = 'Kinesis_20131202.ListStreams'): Plain {
  return {
    method: 'POST',
    path: '/',
    query: [],
    headers: [
      ['Host', new URL(url).host],
      ['Content-Type', 'application/x-amz-json-1.1'],
      ['X-Amz-Target', target],
    ],
    body: '{}',
    ...changes,
  };
}

const with_ = (request: Plain, ...headers: (readonly [string, string])[]): Plain => ({
  ...request,
  headers: [...request.headers, ...headers],
});

/** The request with `value` in place of the header `name`. */
const replaced = (request: Plain, name: string, value: string): Plain => ({
  ...request,
  headers: request.headers.map(([given, old]) => [given, given.toLowerCase() === name ? value : old] as const),
});

interface Answer {
  readonly status: number;
  /** `__type` and message; of an answer that is not in JSON its text. */
  readonly error: string;
  readonly text: string;
}

type Send = (request: Plain, url?: string) => Promise<Answer>;

function answer({ status, text }: { status: number; text: string }): Answer {
  if (!text.startsWith('{')) return { status, error: text, text };
  const { __type = '', message = '' } = JSON.parse(text);
  return { status, error: `${__type}: ${message}`, text };
}

interface StrictServer extends TestServer {
  /** Sends a request over HTTP/1.1, all its headers as they are. `url`: path and query, in place of the request's own. */
  readonly send: Send;
  readonly send2: Send;
}

async function strictServer(clock: TestClock = createTestClock(Date.UTC(2026, 0, 2, 3, 4, 5))): Promise<StrictServer> {
  const path = join(temporaryDirectory(), 'credentials');
  writeFileSync(path, CREDENTIALS);
  const server = await startTestServer({ clock, settings: { AUTH: 'strict', CREDENTIALS_FILE: path } });
  const agent = oneConnection();
  const send: Send = (request, path = urlOf(request)) =>
    new Promise((resolve, reject) => {
      const headers = [...request.headers.flat(), 'Content-Length', String(Buffer.byteLength(request.body))];
      const sent = http.request(server.url, { method: request.method, path, headers, agent });
      sent.once('error', reject);
      sent.once('response', (response) => void answerOf(response).then((given) => resolve(answer(given)), reject));
      sent.end(request.body);
    });
  let session: ReturnType<typeof openHttp2> | undefined;
  const send2: Send = async (request, path = urlOf(request)) => {
    const { method, headers, body } = request;
    session ??= openHttp2(server.url);
    const lower: Record<string, string> = {};
    for (const [name, value] of headers) if (name.toLowerCase() !== 'host') lower[name.toLowerCase()] = value;
    return answer(await askHttp2(session, { method, path, headers: lower, body }));
  };
  return { ...server, url: server.url, send, send2 };
}

const UNRECOGNIZED = 'UnrecognizedClientException: The security token included in the request is invalid.';
const EXPIRED_TOKEN = 'ExpiredTokenException: The security token included in the request is expired';
const MISMATCH =
  'InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check ' +
  'your AWS Secret Access Key and signing method. Consult the service documentation for details.';

const invalid = (message: string) => `InvalidSignatureException: ${message}`;

const SERVED = { status: 200 };
const refused = (error: string) => ({ status: 400, error: expect.stringContaining(error) });

/** A judge without a server: what becomes of a request at `nowMs`. */
function judge(keys: readonly (Credentials & Partial<Key>)[], service = 'kinesis') {
  const find = async (id: string): Promise<Key | undefined> => {
    const key = keys.find(({ accessKeyId }) => accessKeyId === id);
    return key && { sessionToken: undefined, expiresMs: undefined, account: undefined, ...key };
  };
  const authenticate = withVerifiedSignatures({ account: '000000000000', region: 'us-east-1' }, { find });
  return async (request: Plain, nowMs = Date.UTC(2026, 0, 2, 3, 4, 5), url = urlOf(request)): Promise<string> => {
    try {
      const { account, region } = await authenticate(wired(request, url), service, nowMs);
      return `taken for ${account} in ${region}`;
    } catch (error) {
      if (error instanceof ApiError) return `${error.code}: ${error.message}`;
      throw error;
    }
  };
}

/** The request as node shows it to the server. */
function wired({ method, headers, body }: Plain, url: string): SignedRequest {
  const byName: Record<string, string> = Object.create(null);
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const before = byName[lower];
    if (before === undefined) byName[lower] = value;
    else if (!['authorization', 'content-type', 'host', 'date'].includes(lower)) byName[lower] = `${before}, ${value}`;
  }
  return { method, url, headers: byName, rawHeaders: headers.flat(), body: Buffer.from(body as string) };
}

const TAKEN = 'taken for 000000000000 in us-east-1';

describe("AWS's published examples", () => {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
  const DATE = '20150830T123600Z';
  const host = ['Host', 'example.amazonaws.com'] as const;
  const date = ['X-Amz-Date', DATE] as const;
  const unreserved = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const my = (number: number, value: string) => [`My-Header${number}`, value] as const;
  const form = ['Content-Type', 'application/x-www-form-urlencoded'] as const;
  const VANILLA = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31';

  const EXAMPLES: readonly (readonly [title: string, changes: Partial<Plain>, signature: string])[] = [
    ['get-vanilla', {}, VANILLA],
    ['get-relative', { path: '/example/..' }, VANILLA],
    ['get-slash', { path: '//' }, VANILLA],
    ['get-slash-dot-slash', { path: '/./' }, VANILLA],
    [
      'get-slash-pointless-dot',
      { path: '/./example' },
      'ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5',
    ],
    ['get-slashes', { path: '//example//' }, '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84'],
    ['get-space', { path: '/example space/' }, '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741'],
    ['get-utf8', { path: '/ሴ' }, '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
    ['get-unreserved', { path: `/${unreserved}` }, '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f'],
    [
      'get-vanilla-empty-query-key',
      { query: [['Param1', 'value1']] },
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    [
      'get-vanilla-query-order-key-case',
      {
        query: [
          ['Param2', 'value2'],
          ['Param1', 'value1'],
        ],
      },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-query-unreserved',
      { query: [[unreserved, unreserved]] },
      '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
    ],
    [
      'get-vanilla-utf8-query',
      { query: [['ሴ', 'bar']] },
      '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
    ],
    [
      'get-header-key-duplicate',
      { headers: [host, my(1, 'value2'), my(1, 'value2'), my(1, 'value1'), date] },
      'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea',
    ],
    [
      'get-header-value-order',
      { headers: [host, ...[4, 1, 3, 2].map((number) => my(1, `value${number}`)), date] },
      '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
    ],
    [
      'get-header-value-trim',
      { headers: [host, my(1, ' value1'), my(2, ' "a   b   c"'), date] },
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    ['post-vanilla', { method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'post-header-key-sort',
      { method: 'POST', headers: [host, my(1, 'value1'), date] },
      'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    ],
    [
      'post-x-www-form-urlencoded',
      { method: 'POST', headers: [form, host, date], body: 'Param1=value1' },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
    [
      'post-x-www-form-urlencoded-parameters',
      { method: 'POST', headers: [[form[0], `${form[1]}; charset=utf8`], host, date], body: 'Param1=value1' },
      '1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe',
    ],
  ];

  it.each(EXAMPLES)('%s', async (_title, changes, signature) => {
    const plain: Plain = { method: 'GET', path: '/', query: [], headers: [host, date], body: '', ...changes };
    const example = { credentials, date: DATE, region: 'us-east-1', service: 'service' };
    expect(signatureOf(plain, example), "the tests' own signer").toBe(signature);
    // The examples are of no operation; the server serves nothing else.
    const named = with_(plain, ['X-Amz-Target', 'Example']);
    const right = signatureOf(named, example);
    const start = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scopeOf(example)}, SignedHeaders=${signedHeadersOf(named)}, `;
    const ask = judge([credentials], 'service');
    const now = Date.UTC(2015, 7, 30, 12, 36);
    const url = plain.path.includes('ሴ') || plain.path.includes(' ') ? plain.path : urlOf(plain);
    expect(await ask(with_(named, ['Authorization', `${start}Signature=${right}`]), now, url)).toBe(TAKEN);
    expect(await ask(with_(named, ['Authorization', `${start}Signature=${signature}`]), now, url)).toContain(MISMATCH);
  });
});

describe('a request of who has the secret is served', () => {
  it('however it is written', async () => {
    const { url, send } = await strictServer();
    const plain = call(url);
    const variants: Record<string, Plain> = {
      'as SDKs do': plain,
      'a header twice': with_(plain, ['X-Amz-Meta', 'b'], ['X-Other', 'o'], ['x-amz-meta', 'a']),
      'blanks in a header': with_(plain, ['X-Amz-Meta', '  a   b  c '], ['X-Quoted', '"a   b"']),
      'an empty header': with_(plain, ['X-Amz-Meta', '']),
      'an empty header before another': with_(plain, ['X-Amz-Meta', ''], ['X-Amz-Meta', 'a']),
      'an empty header after another': with_(plain, ['X-Amz-Meta', 'a'], ['X-Amz-Meta', '']),
      'many headers': with_(plain, ...Array.from({ length: 50 }, (_, index) => [`X-H-${index}`, `${index}`] as const)),
      'a header named like a property': with_(plain, ['__proto__', 'a'], ['constructor', 'b'], ['toString', 'c']),
      'a query out of order': {
        ...plain,
        query: [
          ['b', '2'],
          ['a', '2'],
          ['B', '1'],
          ['a', '1'],
          ['a-b', ''],
          ['a', ''],
        ],
      },
      'a query with everything': {
        ...plain,
        query: [
          ["é ключ 🔑 !'()*&=+%/?#;,:@$", "é ключ 🔑 !'()*&=+%/?#;,:@$"],
          ['', 'v'],
          ['constructor', 'x'],
          ['%41', '%41'],
        ],
      },
      'slashes in the path': { ...plain, path: '//a//b/' },
      'dots in the path': { ...plain, path: '/a/./b/../c/..' },
      'an encoded path': { ...plain, path: '/%2F/%2e%2E/a%20b%25/+' },
      'a path that is not ASCII': { ...plain, path: '/%C3%A9/%F0%9F%94%91' },
      'a body that is not ASCII': { ...plain, body: '{"NextToken": null, "é": "🔑"}' },
      'a payload hash that is none': with_(plain, ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD']),
    };
    for (const [title, variant] of Object.entries(variants)) {
      expect(await send(withSignature(variant, signing())), title).toMatchObject(SERVED);
      expect(await send(presigned(variant, signing(), '60')), `${title}, presigned`).toMatchObject(SERVED);
    }
  });

  it('written in the query in any order, and not more encoded than it must be', async () => {
    const { url, send } = await strictServer();
    const request = presigned(call(url, { query: [['a', 'b c']] }), signing(), '60');
    expect(await send({ ...request, query: [...request.query].reverse() })).toMatchObject(SERVED);
    const loose = urlOf(request).replaceAll('%2F', '/').replaceAll('%3B', ';');
    expect(loose).not.toBe(urlOf(request));
    expect(await send(request, loose)).toMatchObject(SERVED);
    expect(await send(request, urlOf(request).replaceAll('%2F', '%2f'))).toMatchObject(SERVED);
    expect(await send(request, `${urlOf(request).replace('&', '&&')}&`)).toMatchObject(SERVED);
  });

  it('with a header that is not ASCII, of which clients send the UTF-8', async () => {
    const { url, send } = await strictServer();
    const plain = call(url);
    // Node's client writes a character of a header as a byte, unless its body is a text.
    const withBytes = { ...plain, body: Buffer.from(plain.body) };
    const signed = withSignature(with_(withBytes, ['X-Amz-Meta', 'clé 🔑']), signing());
    const onTheWire = replaced(signed, 'x-amz-meta', Buffer.from('clé 🔑').toString('latin1'));
    expect(await send(onTheWire)).toMatchObject(SERVED);
  });

  it('with a thousand parameters, and refused with more: the time to verify them grows with their square', async () => {
    const { url, send } = await strictServer();
    const withParameters = (count: number): Plain => ({
      ...call(url),
      query: Array.from({ length: count }, () => ['a', ''] as const),
    });
    expect(await send(withSignature(withParameters(1000), signing()))).toMatchObject(SERVED);
    const sentence = 'A request may have 1000 query-string parameters.';
    expect(await send(withSignature(withParameters(1001), signing()))).toMatchObject(
      refused(`InvalidSignatureException: ${sentence}`),
    );
  });

  it('over HTTP/2, where the host has another name', async () => {
    const { url, send2 } = await strictServer();
    const plain = with_(call(url, { path: '//a', query: [['b', 'c d']] }), ['X-Meta', 'a   b']);
    expect(await send2(withSignature(plain, signing()))).toMatchObject(SERVED);
    expect(await send2(presigned(plain, signing(), '60'))).toMatchObject(SERVED);
    const elsewhere = replaced(plain, 'host', 'localhost');
    expect(await send2(withSignature(elsewhere, signing()))).toMatchObject(refused(MISMATCH));
    const { host } = new URL(url);
    const underHttp2: Plain = { ...plain, headers: [[':authority', host], ...plain.headers.slice(1)] };
    const { headers, ...rest } = withSignature(underHttp2, signing());
    expect(await send2({ ...rest, headers })).toMatchObject(SERVED);
  });

  it('in CBOR, and answered in CBOR', async () => {
    const { url, send, send2 } = await strictServer();
    const input = cborOf('Kinesis_20131202.ListStreams', { Limit: 7 });
    const plain = replaced({ ...call(url), body: input }, 'content-type', CBOR_TYPE);
    for (const to of [send, send2]) {
      const { status, text } = await to(withSignature(plain, signing()));
      expect(status, text).toBe(200);
      expect(text).toContain('StreamNames');
      const other = {
        ...withSignature(plain, signing()),
        body: Buffer.concat([input.subarray(0, -1), Buffer.from([6])]),
      };
      expect(await to(other)).toMatchObject({
        status: 400,
        text: expect.stringContaining('InvalidSignatureException'),
      });
    }
  });

  it('without a body, the input in the query as boto writes it', async () => {
    const { url, send, send2 } = await strictServer();
    const created = call(
      url,
      {
        body: '',
        query: [
          ['StreamName', 'a-b-c'],
          ['ShardCount', '1'],
        ],
      },
      CREATE,
    );
    expect(await send(presigned(created, signing(), '3600'))).toMatchObject(SERVED);
    const listed = call(url, { body: '', query: [['Limit', '1']] });
    expect(await send2(presigned(listed, signing(), '3600'))).toMatchObject({
      status: 200,
      text: expect.stringContaining('"a-b-c"'),
    });
  });

  it('of the account of the key, or that is the key', async () => {
    const { url, send } = await strictServer();
    for (const [credentials, arn] of [
      [PERMANENT, 'arn:aws:kinesis:eu-west-3:111111111111:stream/a'],
      [ACCOUNT, 'arn:aws:kinesis:eu-west-3:222222222222:stream/a'],
      [TEMPORARY, 'arn:aws:kinesis:eu-west-3:000000000000:stream/a'],
    ] as const) {
      const by = signing({ credentials, region: 'eu-west-3' });
      const create = call(url, { body: '{"StreamName": "a", "ShardCount": 1}' }, CREATE);
      expect(await send(withSignature(create, by))).toMatchObject(SERVED);
      const describeIt = call(url, { body: '{"StreamName": "a"}' }, 'Kinesis_20131202.DescribeStreamSummary');
      expect((await send(withSignature(describeIt, by))).text).toContain(`"${arn}"`);
    }
  });
});

const CREATE = 'Kinesis_20131202.CreateStream';

/** Both forms of a signature. */
const FORMS: Readonly<Record<string, (request: Plain, by: Signing) => Plain>> = {
  'in the header': withSignature,
  'in the query': (request, by) => presigned(request, by, '604800'),
};

describe.each(Object.entries(FORMS))('a signature %s is refused', (_form, signed) => {
  it('of who has another secret or an unknown key', async () => {
    const { url, send, send2 } = await strictServer();
    const plain = call(url);
    const by = (credentials: Credentials) => signed(plain, signing({ credentials }));
    for (const to of [send, send2]) {
      expect(await to(by({ ...PERMANENT, secretAccessKey: 'wrong' }))).toMatchObject(refused(MISMATCH));
      expect(await to(by({ ...PERMANENT, accessKeyId: 'AKIDUNKNOWN' }))).toMatchObject(refused(UNRECOGNIZED));
      // What the server computes with when it does not know a key.
      expect(await to(by({ accessKeyId: 'a', secretAccessKey: 'nobody' }))).toMatchObject(refused(UNRECOGNIZED));
      expect(await to(by({ ...PERMANENT, accessKeyId: '__proto__' }))).toMatchObject(refused(UNRECOGNIZED));
      expect(await to(by({ ...PERMANENT, accessKeyId: ACCOUNT.accessKeyId }))).toMatchObject(refused(MISMATCH));
    }
    const create = call(url, { body: '{"StreamName":"forged","ShardCount":1}' }, CREATE);
    const forged = signed(create, signing({ credentials: { ...PERMANENT, secretAccessKey: 'wrong' } }));
    expect(await send(forged)).toMatchObject(refused(MISMATCH));
    expect((await send(signed(plain, signing()))).text, 'nothing was done').not.toContain('forged');
  });

  it('without the session token of temporary keys, with a wrong one, or with one that a key has not', async () => {
    const { url, send, send2 } = await strictServer();
    const by = (credentials: Credentials) => signed(call(url), signing({ credentials }));
    for (const to of [send, send2]) {
      expect(await to(by(TEMPORARY))).toMatchObject(SERVED);
      expect(await to(by(OTHER_TEMPORARY))).toMatchObject(SERVED);
      for (const sessionToken of [undefined, '', 'wrong', 'T0ken/+=', 'T0ken/+===', OTHER_TEMPORARY.sessionToken]) {
        expect(await to(by({ ...TEMPORARY, sessionToken })), sessionToken).toMatchObject(refused(UNRECOGNIZED));
      }
      for (const sessionToken of ['x', TEMPORARY.sessionToken]) {
        expect(await to(by({ ...PERMANENT, sessionToken })), sessionToken).toMatchObject(refused(UNRECOGNIZED));
      }
      expect(await to(by({ ...TEMPORARY, secretAccessKey: 'wrong' }))).toMatchObject(refused(MISMATCH));
    }
  });

  it('with temporary keys that have ended', async () => {
    const clock = createTestClock(Date.UTC(2026, 0, 2, 3, 59, 59));
    const { url, send } = await strictServer(clock);
    const ask = () => send(signed(call(url), signing({ credentials: TEMPORARY, date: basicOf(clock.now()) })));
    expect(await ask()).toMatchObject(SERVED);
    clock.jump(999);
    expect(await ask()).toMatchObject(SERVED);
    clock.jump(1);
    expect(await ask()).toMatchObject(refused(EXPIRED_TOKEN));
  });

  it('for another service, date or purpose', async () => {
    const { url, send } = await strictServer();
    const ask = (changes: Partial<Signing>) => send(signed(call(url), signing(changes)));
    const service = invalid("Credential should be scoped to correct service: 'kinesis'.");
    expect(await ask({ service: 'firehose' })).toMatchObject(refused(service));
    expect(await ask({ service: 'KINESIS' })).toMatchObject(refused(service));
    expect(await ask({ shortDate: '20260101' })).toMatchObject(
      refused(
        invalid(
          "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260101' != " +
            `'20260102', from '${START}'.`,
        ),
      ),
    );
    expect(await ask({ terminator: 'aws4_reques' })).toMatchObject(
      refused(invalid("Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4_reques'.")),
    );
    for (const region of ['US-EAST-1', 'us_east', 'é', 'a'.repeat(65)]) {
      expect(await ask({ region })).toMatchObject(
        refused('InvalidSignatureException: Credential should be scoped to a'),
      );
    }
    const list = call(url, {}, 'Firehose_20150804.ListDeliveryStreams');
    expect(await send(signed(list, signing({ service: 'firehose' })))).toMatchObject(SERVED);
    expect(await send(signed(list, signing()))).toMatchObject(
      refused(invalid("Credential should be scoped to correct service: 'firehose'.")),
    );
  });

  it('whose scope was changed afterwards', async () => {
    const { url, send } = await strictServer();
    const scope = scopeOf(signing());
    const changed = (to: string) => {
      const { headers, query, ...rest } = signed(call(url), signing());
      const change = ([name, value]: readonly [string, string]) => [name, value.replace(scope, to)] as const;
      return send({ ...rest, headers: headers.map(change), query: query.map(change) });
    };
    expect(await changed(scope)).toMatchObject(SERVED);
    expect(await changed('20260102/us-east-2/kinesis/aws4_request')).toMatchObject(refused(MISMATCH));
    expect(await changed('20260103/us-east-1/kinesis/aws4_request')).toMatchObject(refused('Date in Credential scope'));
    for (const wrong of [
      '',
      'a',
      'us-east-1/kinesis/aws4_request',
      `${scope}/`,
      `${scope}/x`,
      '//kinesis/aws4_request',
    ]) {
      const given = `${PERMANENT.accessKeyId}/${wrong}`;
      const message =
        'IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. ' +
        `keyid/date/region/service/term, got '${given}'`;
      expect(await changed(wrong), wrong).toMatchObject(refused(message));
    }
  });

  it('that leaves the host out', async () => {
    const { url, send } = await strictServer();
    const { headers, ...rest } = call(url);
    const hostless = signed({ ...rest, headers: headers.slice(1) }, signing());
    const message = invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    expect(await send(with_(hostless, headers[0]!))).toMatchObject(refused(message));
  });

  it('dated in words that are no date', async () => {
    const { url, send } = await strictServer();
    for (const date of ['20260102', '2026-01-02T03:04:05Z', '20261302T030405Z', 'x'.repeat(16), '20260102T030405+']) {
      expect(await send(signed(call(url), signing({ date, shortDate: '20260102' }))), date).toMatchObject(
        refused(invalid(`Date must be in ISO-8601 'basic format'. Got '${date}'.`)),
      );
    }
  });

  it('of another algorithm', async () => {
    const { url, send } = await strictServer();
    const change = ([name, value]: readonly [string, string]) =>
      [name, value.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1')] as const;
    const { headers, query, ...rest } = signed(call(url), signing());
    expect(await send({ ...rest, headers: headers.map(change), query: query.map(change) })).toMatchObject(
      refused("IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'."),
    );
  });

  it('that is longer, shorter, or written differently', async () => {
    const { url, send } = await strictServer();
    const request = signed(call(url), signing());
    const right = /Signature=([0-9a-f]{64})/.exec(request.headers.at(-1)![1])?.[1] ?? request.query.at(-1)![1];
    for (const wrong of [
      right.slice(1),
      right.slice(0, -1),
      `${right}0`,
      `0${right}`,
      right.repeat(40),
      '0',
      'é',
      'A'.repeat(64),
    ]) {
      const change = ([name, value]: readonly [string, string]) => [name, value.replace(right, wrong)] as const;
      const changed = { ...request, headers: request.headers.map(change), query: request.query.map(change) };
      expect(await send(changed), wrong).toMatchObject(refused(MISMATCH));
    }
    const loud = ([name, value]: readonly [string, string]) =>
      [name, value.replace(right, right.toUpperCase())] as const;
    expect(
      await send({ ...request, headers: request.headers.map(loud), query: request.query.map(loud) }),
    ).toMatchObject(refused(MISMATCH));
  });

  it('when any bit of what was signed is another', async () => {
    const ask = judge([PERMANENT]);
    const written = call('http://localhost:4567', {
      path: '/a/b',
      query: [
        ['Zeta', 'one two'],
        ['alpha', '1'],
      ],
      body: '{"Limit":1}',
    });
    const plain = replaced(written, 'content-type', 'application/x-amz-json-1.1; charset=utf-8');
    const request = signed(plain, signing());
    const url = urlOf(request);
    expect(await ask(request)).toBe(TAKEN);
    let tried = 0;
    const taken: string[] = [];
    const mutant = async (what: string, changed: Plain, changedUrl = url) => {
      tried += 1;
      if ((await ask(changed, undefined, changedUrl)).startsWith('taken')) taken.push(what);
    };
    for (const [changed, what] of flips(request.method))
      await mutant(`method ${what}`, { ...request, method: changed });
    for (const [changed, what] of flips(url)) {
      if (!isSameQuery(changed, url)) await mutant(`url ${what}`, request, changed);
    }
    for (const [changed, what] of flips(String(request.body)))
      await mutant(`body ${what}`, { ...request, body: changed });
    for (const [index, [name, value]] of request.headers.entries()) {
      const withHeader = (header: readonly [string, string]) => ({
        ...request,
        headers: request.headers.with(index, header),
      });
      for (const [changed, what] of flips(name)) {
        if (changed.toLowerCase() !== name.toLowerCase()) await mutant(`name ${what}`, withHeader([changed, value]));
      }
      for (const [changed, what] of flips(value)) {
        // What stands between the parts of the header Authorization is not signed.
        if (name === 'Authorization' && /[,\s]/.test(value[[...changed].findIndex((c, at) => c !== value[at])]!))
          continue;
        await mutant(`${name}: ${what}`, withHeader([name, changed]));
      }
    }
    expect(taken).toEqual([]);
    expect(tried).toBeGreaterThan(3000);
  });

  it('when a character of anything that was signed is another, on the wire', async () => {
    const { url, send } = await strictServer();
    const plain = with_(call(url, { path: '/a', query: [['b', 'c']] }), ['X-Meta', 'd e']);
    const request: Plain = signed(plain, signing());
    expect(await send(request)).toMatchObject(SERVED);
    const others: { readonly request: Plain; readonly url: string }[] = [];
    for (const [body] of mutants(String(request.body)))
      others.push({ request: { ...request, body }, url: urlOf(request) });
    for (const [url] of mutants(urlOf(request))) others.push({ request, url });
    for (const [index, [name, value]] of request.headers.entries()) {
      const withHeader = (...header: readonly [string, string]) =>
        others.push({ request: { ...request, headers: request.headers.with(index, header) }, url: urlOf(request) });
      for (const [changed] of mutants(name)) withHeader(changed, value);
      for (const [changed, at] of mutants(value)) {
        // What stands between the parts of the header Authorization is not signed.
        if (name !== 'Authorization' || !/[, ]/.test(value[at]!)) withHeader(name, changed);
      }
    }
    for (const other of others) {
      const { status, text } = await send(other.request, other.url);
      expect(status, `${JSON.stringify(other)} was answered with ${text}`).toBeGreaterThanOrEqual(400);
    }
    expect(others.length).toBeGreaterThan(300);
    for (const method of ['PUT', 'GET', 'DELETE', 'PATCH']) {
      expect((await send({ ...request, method })).status, method).not.toBe(200);
    }
  });
});

/** Texts that differ from `text` in one character, whose place comes with it; a slash at the beginning stays. */
function* mutants(text: string): Generator<readonly [changed: string, at: number]> {
  for (let at = text.startsWith('/') ? 1 : 0; at < text.length; at += 1) {
    const other = /[a-y0-8A-Y]/.test(text[at]!) ? String.fromCharCode(text.charCodeAt(at) + 1) : '0';
    yield [`${text.slice(0, at)}${other}${text.slice(at + 1)}`, at];
  }
}

/** Every text that differs from `text`, Latin-1, in one bit, with a description. */
function* flips(text: string): Generator<readonly [changed: string, what: string]> {
  for (let at = 0; at < text.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = String.fromCharCode(text.charCodeAt(at) ^ (1 << bit));
      yield [`${text.slice(0, at)}${changed}${text.slice(at + 1)}`, `${text}, bit ${bit} of character ${at}`];
    }
  }
}

/** Whether the URLs differ in how they are written only, such as `%2f` for `%2F`. */
function isSameQuery(a: string, b: string): boolean {
  const meaning = (url: string) => {
    const [path, query = ''] = url.split('?');
    return JSON.stringify([path, [...new URLSearchParams(query)]]);
  };
  return meaning(a) === meaning(b) && a.toLowerCase() === b.toLowerCase();
}

describe('the clocks of client and server', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const askAt = async (seconds: number, server: StrictServer) =>
    server.send(withSignature(call(server.url), signing({ date: basicOf(now + seconds * 1000) })));

  it('may be five minutes apart', async () => {
    const server = await strictServer();
    for (const seconds of [-300, -299, -1, 0, 1, 299, 300]) {
      expect(await askAt(seconds, server), `${seconds} s`).toMatchObject(SERVED);
    }
    expect(await askAt(-301, server)).toMatchObject(
      refused(
        invalid('Signature expired: 20260102T025904Z is now earlier than 20260102T025905Z (20260102T030405Z - 5 min.)'),
      ),
    );
    expect(await askAt(301, server)).toMatchObject(
      refused(
        invalid(
          'Signature not yet current: 20260102T030906Z is still later than 20260102T030905Z (20260102T030405Z + 5 min.)',
        ),
      ),
    );
    for (const seconds of [-86_400 * 365, -86_400, 86_400, 86_400 * 365]) {
      expect(await askAt(seconds, server), `${seconds} s`).toMatchObject(
        refused('InvalidSignatureException: Signature '),
      );
    }
  });

  it('may be five minutes apart in any part of a second, because signatures know whole ones only', async () => {
    const server = await strictServer(createTestClock(now + 678));
    for (const seconds of [-300, 300]) expect(await askAt(seconds, server), `${seconds} s`).toMatchObject(SERVED);
    for (const seconds of [-301, 301]) expect((await askAt(seconds, server)).status, `${seconds} s`).toBe(400);
  });

  it('show in the header Date, when X-Amz-Date is not there', async () => {
    const server = await strictServer();
    const ask = (date: string, http: string) => {
      const plain = with_(call(server.url), ['Date', http]);
      const by = signing({ date });
      const authorization =
        `AWS4-HMAC-SHA256 Credential=${PERMANENT.accessKeyId}/${scopeOf(by)}, ` +
        `SignedHeaders=${signedHeadersOf(plain)}, Signature=${signatureOf(plain, by)}`;
      return server.send(with_(plain, ['Authorization', authorization]));
    };
    expect(await ask(START, 'Fri, 02 Jan 2026 03:04:05 GMT')).toMatchObject(SERVED);
    expect(await ask(START, START)).toMatchObject(SERVED);
    expect(await ask(START, 'Fri, 02 Jan 2026 03:04:06 GMT')).toMatchObject(refused(MISMATCH));
    expect(await ask('20260102T025904Z', 'Fri, 02 Jan 2026 02:59:04 GMT')).toMatchObject(refused('Signature expired'));
    expect(await ask(START, 'Fri, 02 Jan 2026 03:04:05 CET')).toMatchObject(refused('Date must be in ISO-8601'));
  });

  it('limit presigned requests to the time they were made for', async () => {
    const server = await strictServer();
    const ask = (expires: string | undefined, ageSeconds = 0) =>
      server.send(presigned(call(server.url), signing({ date: basicOf(now - ageSeconds * 1000) }), expires));
    for (const expires of ['1', '60', '0060', '604800']) expect(await ask(expires), expires).toMatchObject(SERVED);
    for (const expires of ['0', '604801', 'abc', '', '-1', '1.5', '1e3', ' 60', '99999999999999999999', '١']) {
      expect(await ask(expires), expires).toMatchObject(
        refused(invalid('X-Amz-Expires must be a number of seconds from 1 to 604800.')),
      );
    }
    for (const seconds of [1, 60, 3600, 604_800]) {
      expect(await ask(`${seconds}`, seconds - 1), `${seconds} s, one before`).toMatchObject(SERVED);
      expect(await ask(`${seconds}`, seconds), `${seconds} s`).toMatchObject(SERVED);
      expect(await ask(`${seconds}`, seconds + 1), `${seconds} s, one after`).toMatchObject(
        refused('Signature expired: '),
      );
    }
    expect(await ask('3600', 3601)).toMatchObject(
      refused(
        invalid(
          'Signature expired: 20260102T020404Z is now earlier than 20260102T020405Z (20260102T030405Z - 60 min.)',
        ),
      ),
    );
    for (const expires of ['1', '604800']) {
      expect(await ask(expires, -300), 'not yet, but nearly').toMatchObject(SERVED);
      expect(await ask(expires, -301)).toMatchObject(refused('Signature not yet current: '));
    }
    expect(await ask(undefined, 300)).toMatchObject(SERVED);
    expect(await ask(undefined, 301)).toMatchObject(refused('Signature expired: '));
  });
});

describe('who does not have the secret cannot', () => {
  const describeIt = (url: string) => call(url, { body: '{"StreamName":"a"}' }, 'Kinesis_20131202.DescribeStream');

  it.each(Object.entries(FORMS))('send another call than the one signed %s', async (_form, signed) => {
    const { url, send } = await strictServer();
    const request = signed(describeIt(url), signing());
    const attempts: Record<string, Plain> = {
      'another target': replaced(request, 'x-amz-target', 'Kinesis_20131202.DeleteStream'),
      'a second target': with_(request, ['X-Amz-Target', 'Kinesis_20131202.DeleteStream']),
      'another body': { ...request, body: '{"StreamName":"b"}' },
      'no body': { ...request, body: '' },
      'a second type': with_(request, ['Content-Type', CBOR_TYPE]),
      'a type before': { ...request, headers: [['Content-Type', CBOR_TYPE], ...request.headers] },
      'an empty type before': { ...request, headers: [['Content-Type', ''], ...request.headers] },
      'a parameter': { ...request, query: [...request.query, ['StreamName', 'b']] },
    };
    if (signed === withSignature) {
      attempts['an empty date before'] = { ...request, headers: [['X-Amz-Date', ''], ...request.headers] };
      attempts['a session token'] = with_(request, ['X-Amz-Security-Token', TEMPORARY.sessionToken]);
    }
    for (const [title, attempt] of Object.entries(attempts)) {
      const { status, error } = await send(attempt);
      // 404: in none of the types that are served, which is told before a signature is looked at.
      expect(title.includes('type') ? [400, 404] : [400], `${title}: ${error}`).toContain(status);
      expect(error, `${title} reached the operation`).not.toContain('ResourceNotFoundException');
    }
  });

  // Whoever has a presigned URL could otherwise turn DescribeStream into DeleteStream: both take the same body.
  it.each(Object.entries(FORMS))(
    'choose the operation of a signature %s that does not speak of it',
    async (_form, signed) => {
      const { url, send } = await strictServer();
      const { headers, ...rest } = describeIt(url);
      const request = signed({ ...rest, headers: headers.slice(0, 2) }, signing());
      const { status, error } = await send(with_(request, ['X-Amz-Target', 'Kinesis_20131202.DeleteStream']));
      expect(error).toContain('InvalidSignatureException');
      expect(status).toBe(400);
    },
  );

  it('write the input of a presigned request differently', async () => {
    const { url, send } = await strictServer();
    const create = call(
      url,
      {
        body: '',
        query: [
          ['StreamName', 'a+b'],
          ['ShardCount', '1'],
        ],
      },
      CREATE,
    );
    const request = presigned(create, signing(), '60');
    // The name is refused by its pattern, which shows it as the server has read it.
    expect((await send(request)).error).toContain("Value 'a+b' at 'streamName'");
    const { error } = await send(request, urlOf(request).replace('a%2Bb', 'a+b'));
    expect(error, 'a plus that stands for a blank must not be taken for the one that was signed').not.toContain(
      "'a b'",
    );
    const percent = presigned(
      call(
        url,
        {
          body: '',
          query: [
            ['StreamName', '%ff%20x'],
            ['ShardCount', '1'],
          ],
        },
        CREATE,
      ),
      signing(),
      '60',
    );
    expect((await send(percent)).error).toContain("Value '%ff%20x' at 'streamName'");
    const decoded = await send(percent, urlOf(percent).replace('%25ff%2520x', '%ff%20x'));
    expect(decoded.error, 'bytes that are no UTF-8 must not be taken for their encoding').toContain('InvalidSignature');
  });

  it('leave out a header that was signed', async () => {
    const ask = judge([PERMANENT]);
    for (const value of ['a', '']) {
      const plain = with_(call('http://localhost'), ['X-Meta', value]);
      const { headers, ...rest } = withSignature(plain, signing());
      expect(await ask({ headers, ...rest })).toBe(TAKEN);
      const without = { ...rest, headers: headers.filter(([name]) => name !== 'X-Meta') };
      expect(await ask(without), `a signed header whose value was '${value}'`).toContain('InvalidSignatureException');
    }
  });

  it('do without a signature', async () => {
    const { url, send, send2 } = await strictServer();
    const missing = 'MissingAuthenticationTokenException: Missing Authentication Token';
    for (const to of [send, send2]) {
      expect(await to(call(url))).toMatchObject(refused(missing));
      expect(await to(call(url, { body: '{"Limit":"a"}' }))).toMatchObject(refused(missing));
      expect(await to(call(url, {}, 'Kinesis_20131202.Nothing'))).toMatchObject(refused('UnknownOperationException'));
      const half = with_(call(url), ['Authorization', `AWS4-HMAC-SHA256 Credential=${PERMANENT.accessKeyId}`]);
      expect(await to(half)).toMatchObject(refused('IncompleteSignatureException: Authorization header requires'));
    }
  });

  it('add a parameter with a name that objects have', async () => {
    const ask = judge([PERMANENT]);
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'x']) {
      const right = withSignature(call('http://localhost', { query: [[name, 'a']] }), signing());
      // The signing library has no words for this one, so nobody can sign it.
      if (name !== '__proto__') expect(await ask(right), name).toBe(TAKEN);
      for (const query of ['', `?${name}=b`, `?${name}=a&${name}=b`, `?${name}`]) {
        expect(await ask(right, undefined, `/${query}`), query).toContain(MISMATCH);
      }
    }
  });

  it('use names of signed headers that nobody has', async () => {
    const { url, send } = await strictServer();
    const request = withSignature(call(url), signing());
    const right = signedHeadersOf(with_(call(url), ['X-Amz-Date', START]));
    const authorization = request.headers.at(-1)![1];
    for (const names of [
      '',
      ';',
      'host',
      'HOST',
      right.toUpperCase(),
      `${right};`,
      `;${right}`,
      `${right};x-nothing`,
      `${right};__proto__`,
      `${right};constructor`,
      `${right};authorization`,
      'host;__proto__',
      'host;host',
      'host:x-amz-date',
      ':authority',
    ]) {
      const changed = replaced(request, 'authorization', authorization.replace(right, names));
      expect((await send(changed)).status, names).toBe(400);
    }
  });

  it('confuse the server with several signatures', async () => {
    const { url, send } = await strictServer();
    const forged = withSignature(call(url), signing({ credentials: { ...PERMANENT, secretAccessKey: 'forged' } }));
    const own = withSignature(call(url), signing({ credentials: ACCOUNT }));
    const [forgedHeader, ownHeader] = [forged.headers.at(-1)![1], own.headers.at(-1)![1]];
    const partsOf = (header: string) => header.slice('AWS4-HMAC-SHA256 '.length);
    const stolen = (text: string) => text.replace(ACCOUNT.accessKeyId, PERMANENT.accessKeyId);
    expect(await send(own)).toMatchObject(SERVED);
    for (const header of [
      `${forgedHeader}, ${partsOf(ownHeader)}`,
      stolen(ownHeader),
      `AWS4-HMAC-SHA256 Credential=${PERMANENT.accessKeyId}/${scopeOf(signing())}, ${partsOf(ownHeader)}`,
      `${ownHeader.replace('Credential=', 'credential=')}, Credential=${PERMANENT.accessKeyId}/${scopeOf(signing())}`,
    ]) {
      expect(await send(replaced(own, 'authorization', header)), header).toMatchObject({ status: 400 });
    }
    const twice: Plain = { ...own, headers: [['Authorization', forgedHeader], ...own.headers] };
    expect(await send(twice)).toMatchObject({ status: 400 });
    // Whoever signs for one account does not act for another, wherever it is named.
    const both = `${ownHeader}, Credential=${PERMANENT.accessKeyId}/${scopeOf(signing())}`;
    const create = (header: (right: string) => string) => {
      const right = withSignature(
        call(url, { body: '{"StreamName":"mine","ShardCount":1}' }, CREATE),
        signing({ credentials: ACCOUNT }),
      );
      return send(replaced(right, 'authorization', header(right.headers.at(-1)![1])));
    };
    expect(await create((right) => both.replace(ownHeader, right))).toMatchObject(SERVED);
    const list = async (credentials: Credentials) =>
      (await send(withSignature(call(url), signing({ credentials })))).text;
    expect(await list(ACCOUNT)).toContain('mine');
    expect(await list(PERMANENT)).not.toContain('mine');
  });

  it('add a second signature beside a right one', async () => {
    const { url, send } = await strictServer();
    const right = withSignature(call(url), signing());
    const forged = presigned(call(url), signing({ credentials: { ...PERMANENT, secretAccessKey: 'forged' } }), '60');
    expect(await send({ ...right, query: forged.query })).toMatchObject(refused('Found both'));
    const query = presigned(call(url), signing(), '60').query;
    const wrong = ['X-Amz-Signature', '0'.repeat(64)] as const;
    expect(await send({ ...call(url), query: [wrong, ...query] })).toMatchObject({ status: 400 });
    expect(await send({ ...call(url), query: [...query.slice(0, -1), wrong] })).toMatchObject(refused(MISMATCH));
  });

  it('make it fail, whatever is sent', async () => {
    const ask = judge([PERMANENT, TEMPORARY]);
    // What node makes of bytes.
    const unit = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
    const text = fc.oneof(
      fc.string({ unit, maxLength: 20 }),
      fc.constantFrom('', '__proto__', 'host', '%', '%ff', '%c3%a9'),
    );
    const request = fc.record({
      method: text,
      path: text.map((rest) => `/${rest}`),
      search: fc.array(text, { maxLength: 5 }).map((pairs) => pairs.join('&')),
      headers: fc.array(fc.tuple(text, text), { maxLength: 4 }),
      names: fc.array(text, { maxLength: 4 }),
      scope: fc.oneof(text, fc.constant(scopeOf(signing()))),
      date: fc.oneof(text, fc.constant(START)),
      signature: text,
      isPresigned: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        request,
        async ({ method, path, search, headers, names, scope, date, signature, isPresigned }) => {
          const signedHeaders = ['host', ...names].join(';');
          const credential = `${PERMANENT.accessKeyId}/${scope}`;
          const query = {
            'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
            'X-Amz-Credential': credential,
            'X-Amz-Date': date,
            'X-Amz-SignedHeaders': signedHeaders,
            'X-Amz-Signature': signature,
          };
          const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
          const plain: Plain = { method, path, query: [], headers: [...headers, ['Host', 'localhost']], body: '' };
          const url = `${path}?${search}${isPresigned ? `&${new URLSearchParams(query)}` : ''}`;
          const full = isPresigned ? plain : with_(plain, ['X-Amz-Date', date], ['Authorization', authorization]);
          expect(await ask(full, undefined, url)).not.toContain('taken');
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 1000) },
    );
  });
});

describe('an unchanged SDK', () => {
  const HANDLERS: Record<string, () => Partial<KinesisClientConfig>> = {
    'default handler (HTTP/2)': () => ({}),
    'NodeHttpHandler (HTTP/1.1)': () => ({ requestHandler: new NodeHttpHandler() }),
  };

  it('is verified', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'credentials');
    writeFileSync(path, CREDENTIALS.replace(/aws_credential_expiration.*/, ''));
    const { url, kill, stderr } = await startMillrace({
      DATA_DIR: join(directory, 'data'),
      AUTH: 'strict',
      CREDENTIALS_FILE: path,
      LOG_LEVEL: 'debug',
      TRANSITION_MS: '0',
      TLS: 'off',
    });
    const options = (credentials: Credentials) => ({
      endpoint: url,
      region: 'eu-west-3',
      maxAttempts: 1,
      credentials: credentials as Credentials & { sessionToken: string },
    });
    const wrong = { ...PERMANENT, secretAccessKey: 'wrong' };
    const temporary = { ...TEMPORARY, sessionToken: 'wrong' };
    for (const [index, handler] of Object.values(HANDLERS).entries()) {
      const kinesis = (credentials: Credentials) => new KinesisClient({ ...options(credentials), ...handler() });
      const client = kinesis(PERMANENT);
      const stream = { StreamName: `handler-${index}` };
      await client.send(new CreateStreamCommand({ ...stream, ShardCount: 1 }));
      const { StreamDescriptionSummary: summary } = await client.send(new DescribeStreamSummaryCommand(stream));
      expect(summary?.StreamARN).toBe(`arn:aws:kinesis:eu-west-3:111111111111:stream/${stream.StreamName}`);
      await kinesis(TEMPORARY).send(new CreateStreamCommand({ ...stream, ShardCount: 1 }));
      const fails = async (credentials: Credentials) =>
        kinesis(credentials)
          .send(new DescribeStreamSummaryCommand(stream))
          .then(
            () => 'nothing',
            (error: Error) => error.name,
          );
      expect(await fails(wrong)).toBe('InvalidSignatureException');
      expect(await fails(temporary)).toBe('UnrecognizedClientException');
      expect(await fails({ ...PERMANENT, accessKeyId: 'AKIDUNKNOWN' })).toBe('UnrecognizedClientException');
    }
    const list = (credentials: Credentials) =>
      new FirehoseClient(options(credentials)).send(new ListDeliveryStreamsCommand({}));
    expect(await list(PERMANENT)).toMatchObject({ DeliveryStreamNames: [] });
    await expect(list(wrong)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    await kill('SIGTERM');
    for (const { secretAccessKey } of [PERMANENT, ACCOUNT, TEMPORARY]) expect(stderr()).not.toContain(secretAccessKey);
    expect(stderr()).not.toContain(TEMPORARY.sessionToken);
  });
});
