/** Web pages: those of allowed origins may call, all others change nothing, whatever they send. */
import { describe, expect, it } from 'vitest';
import { databaseRows } from '../support/database-rows.ts';
import {
  askHttp1,
  askHttp2,
  awsHeaders,
  awsQuestion,
  type HttpAnswer,
  type HttpQuestion,
  openHttp2,
} from '../support/http-client.ts';
import { dataFrame, headersFrame, lowerCase, OPENING } from '../support/http2-frames.ts';
import { openSocket } from '../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startStubServer } from '../support/stub-server.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';

expectNothingUncaught();

const PAGE = 'http://localhost:3000';
const OTHER_PAGE = 'https://app.example';

const EXPOSED = 'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date';

const startForPages = () => startTestServer({ settings: { ALLOWED_ORIGINS: `${PAGE},${OTHER_PAGE}` } });

/** The answers to `question` over both versions of HTTP. */
async function askBoth(url: string, question: HttpQuestion): Promise<readonly (readonly [string, HttpAnswer])[]> {
  return [
    ['HTTP/1.1', await askHttp1(url, question)],
    ['HTTP/2', await askHttp2(openHttp2(url), question)],
  ];
}

const namesOfCors = ({ headers }: HttpAnswer) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control'));

const ORIGINS = [
  undefined,
  PAGE,
  OTHER_PAGE,
  'http://evil.example',
  'null',
  '*',
  'http://127.0.0.1:3000',
  'http://localhost:3000/',
  'http://LOCALHOST:3000',
  'https://localhost:3000',
  'http://localhost:30000',
  'http://localhost',
  `${PAGE}.evil.example`,
  `http://evil.example ${PAGE}`,
  `${PAGE}, http://evil.example`,
  `${PAGE},${OTHER_PAGE}`,
];
const SITES = [undefined, 'cross-site', 'same-site', 'same-origin', 'none'];
const QUESTIONS: readonly (readonly [string, HttpQuestion])[] = [
  ['a call', awsQuestion('ListStreams', {})],
  ['an error', awsQuestion('DescribeStream', { StreamName: 'missing' })],
  [
    'a preflight',
    {
      method: 'OPTIONS',
      headers: {
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type,x-amz-date,x-amz-target',
      },
    },
  ],
  ['GET /_health', { method: 'GET', path: '/_health' }],
  ['GET /', { method: 'GET' }],
];

describe('S3 Origin, Sec-Fetch-Site and method', () => {
  it(`decide together, in ${ORIGINS.length * SITES.length * QUESTIONS.length} combinations over both protocols`, async () => {
    const { url } = await startForPages();
    const session = openHttp2(url);
    for (const origin of ORIGINS) {
      for (const site of SITES) {
        for (const [name, question] of QUESTIONS) {
          const page = {
            ...(origin === undefined ? {} : { Origin: origin }),
            ...(site === undefined ? {} : { 'Sec-Fetch-Site': site }),
          };
          const asked = { ...question, headers: { ...question.headers, ...page } };
          for (const answer of [await askHttp1(url, asked), await askHttp2(session, asked)]) {
            const title = `${name} of ${JSON.stringify(page)}: ${answer.status} ${JSON.stringify(answer.headers)}`;
            expectPolicy(answer, { origin, site, isPreflight: name === 'a preflight' }, title);
          }
        }
      }
    }
  });

  interface Page {
    readonly origin: string | undefined;
    readonly site: string | undefined;
    readonly isPreflight: boolean;
  }

  function expectPolicy(answer: HttpAnswer, { origin, site, isPreflight }: Page, title: string): void {
    const isAllowed = origin === PAGE || origin === OTHER_PAGE;
    if ((origin !== undefined && !isAllowed) || (origin === undefined && site === 'cross-site')) {
      expect(answer.status, title).toBe(403);
      expect(answer.text, title).toContain('web pages');
      expect(namesOfCors(answer), title).toEqual([]);
      return;
    }
    expect(answer.text, title).not.toContain('web pages');
    expect(answer.headers['access-control-allow-origin'], title).toBe(origin);
    expect(answer.headers, title).not.toHaveProperty('access-control-allow-credentials');
    if (origin === undefined) return expect(namesOfCors(answer), title).toEqual([]);
    expect(answer.headers.vary, title).toMatch(/\bOrigin\b/);
    expect(answer.headers['access-control-expose-headers'], title).toBe(isPreflight ? undefined : EXPOSED);
    if (isPreflight) expect([answer.status, answer.text], title).toEqual([200, '']);
  }

  it('an origin that is sent twice is none of those allowed', async () => {
    const { url } = await startForPages();
    const socket = await openSocket(url);
    await socket.send(
      `GET /_health HTTP/1.1\r\nHost: localhost\r\nOrigin: ${PAGE}\r\nOrigin: http://evil.example\r\n\r\n`,
    );
    expect(await socket.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
    const overHttp2 = await openSocket(url);
    const pseudo = { ':method': 'GET', ':scheme': 'http', ':path': '/_health', ':authority': 'localhost' };
    const headers = [...Object.entries(pseudo), ['origin', PAGE], ['origin', 'http://evil.example']] as [
      string,
      string,
    ][];
    await overHttp2.send(Buffer.concat([OPENING, headersFrame(1, headers, { end: true })]));
    expect(await overHttp2.until('web pages')).not.toContain('running');
  });

  it('no origin is allowed unless the setting says so', async () => {
    const { url } = await startTestServer();
    for (const [protocol, answer] of await askBoth(url, { ...QUESTIONS[2]![1], headers: { Origin: PAGE } })) {
      expect([answer.status, namesOfCors(answer)], protocol).toEqual([403, []]);
    }
  });
});

describe('S3 a preflight of an allowed origin', () => {
  it('is answered as AWS does: empty, for two days, with what was asked for, without a signature', async () => {
    const { url } = await startForPages();
    const asked = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-amz-target,x-odd' };
    for (const path of ['/', '/any/path?a=b']) {
      const question = { method: 'OPTIONS', path, headers: { Origin: PAGE, ...asked } };
      for (const [protocol, { status, headers, text }] of await askBoth(url, question)) {
        expect([status, text], protocol).toEqual([200, '']);
        expect(headers, protocol).toMatchObject({
          'access-control-allow-origin': PAGE,
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'x-amz-target,x-odd',
          'access-control-max-age': '172800',
          'content-length': '0',
          vary: 'Origin',
          'x-amzn-requestid': expect.stringMatching(/^[0-9a-f-]{36}$/),
        });
        for (const name of ['x-amz-id-2', 'content-type', 'access-control-expose-headers']) {
          expect(headers, protocol).not.toHaveProperty(name);
        }
      }
    }
  });

  it('grants nothing that was not asked for', async () => {
    const { url } = await startForPages();
    for (const [protocol, { headers }] of await askBoth(url, { method: 'OPTIONS', headers: { Origin: PAGE } })) {
      expect(headers, protocol).not.toHaveProperty('access-control-allow-methods');
      expect(headers, protocol).not.toHaveProperty('access-control-allow-headers');
    }
  });

  it('cannot smuggle a header into the answer', async () => {
    const { url } = await startForPages();
    const socket = await openSocket(url);
    const odd = 'a\tb, \xff\x80, "x: y"';
    await socket.send(
      Buffer.from(
        `OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: ${PAGE}\r\nAccess-Control-Request-Headers: ${odd}\r\n\r\n`,
        'latin1',
      ),
    );
    const text = await socket.until('\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toContain(`Access-Control-Allow-Headers: ${odd}\r\n`);
  });

  it('without an Origin is no preflight: AWS knows no such operation', async () => {
    const { url } = await startForPages();
    const headers = { 'Access-Control-Request-Method': 'POST' };
    for (const [protocol, answer] of await askBoth(url, { method: 'OPTIONS', headers })) {
      expect([answer.status, namesOfCors(answer)], protocol).toEqual([403, []]);
      expect(answer.text, protocol).toContain('<AccessDeniedException>');
    }
  });
});

describe('S2 a Host that is not served', () => {
  const HOSTS = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    'b\xfccher.example',
    'xn--bcher-kva.example',
    'a'.repeat(300),
    `${'a.'.repeat(145)}localhost`,
    'localhost:x',
    'localhost@evil.example',
    ' ',
  ];
  const PATHS = ['/', '/_health', '/metrics', '/_millrace/delivery-streams/a/flush', '/_millrace/redshift/a/query'];

  it(`is refused on every path, ${HOSTS.length * PATHS.length * 3} requests, before the body is read`, async () => {
    const { url, asked } = await startStubServer();
    for (const host of HOSTS) {
      for (const path of PATHS) {
        for (const method of ['POST', 'GET', 'OPTIONS']) {
          const title = `${method} ${path} of Host ${JSON.stringify(host)}`;
          const socket = await openSocket(url);
          const lines = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\n`;
          await socket.send(Buffer.from(lines, 'latin1'));
          expect(await socket.until('\r\n\r\n'), title).toMatch(/^HTTP\/1\.1 40[03] /);
          socket.destroy();
          const overHttp2 = await openSocket(url);
          const headers = {
            ':method': method,
            ':scheme': 'http',
            ':path': path,
            ':authority': Buffer.from(host).toString(),
          };
          await overHttp2.send(Buffer.concat([OPENING, headersFrame(1, headers, { end: false }), dataFrame(1, '{')]));
          // Node refuses some of them itself, with a reset.
          expect(overHttp2.received(), title).not.toContain('running');
          overHttp2.destroy();
        }
      }
    }
    expect(asked).toEqual([]);
  });

  it.each([
    ['a foreign :authority beside a good host', 'evil.example', 'localhost'],
    ['a good :authority beside a foreign host', 'localhost', 'evil.example'],
  ])('is refused over HTTP/2 as %s', async (_title, authority, host) => {
    const { url, asked } = await startStubServer();
    const socket = await openSocket(url);
    const headers = {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/',
      ':authority': authority,
      host,
      ...lowerCase(awsHeaders('ListStreams')),
    };
    await socket.send(Buffer.concat([OPENING, headersFrame(1, headers, { end: true })]));
    await askHttp1(url, { method: 'GET', path: '/_health' });
    expect(asked, 'it reached the gateway').toEqual([]);
  });
});

describe('S4 what a page can send without asking', () => {
  const create = JSON.stringify({ StreamName: 'b', ShardCount: 1 });
  const target = { 'X-Amz-Target': 'Kinesis_20131202.CreateStream' };
  const json = 'application/x-amz-json-1.1';
  const presigned =
    '/?StreamName=b&ShardCount=1&X-Amz-Target=Kinesis_20131202.CreateStream&Action=CreateStream' +
    '&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260102%2Fus-east-1%2Fkinesis%2Faws4_request' +
    '&X-Amz-Date=20260102T030405Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=0';

  /** None of these needs a preflight; the last ones would, and are what a rebound page sends. */
  const SIMPLE: readonly (readonly [string, HttpQuestion])[] = [
    ['a form', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'StreamName=b&ShardCount=1' }],
    ['a form of JSON', { headers: { 'Content-Type': 'text/plain' }, body: create }],
    ['JSON without a type', { body: create }],
    [
      'multipart',
      { headers: { 'Content-Type': 'multipart/form-data; boundary=x' }, body: `--x\r\n\r\n${create}\r\n--x--` },
    ],
    ['plain text with a target', { headers: { 'Content-Type': 'text/plain', ...target }, body: create }],
    ['plain text that speaks of JSON', { headers: { 'Content-Type': `text/plain; ${json}`, ...target }, body: create }],
    ['two types', { headers: { 'Content-Type': `text/plain, ${json}`, ...target }, body: create }],
    ['a GET with parameters', { method: 'GET', path: presigned.slice(0, 90) }],
    ['a presigned GET', { method: 'GET', path: presigned }],
    [
      'a presigned GET with its target',
      { method: 'GET', path: presigned, headers: { ...target, 'Content-Type': json } },
    ],
    ['a presigned HEAD', { method: 'HEAD', path: presigned }],
    ['a presigned POST without target', { path: presigned, body: '' }],
    ['a presigned form', { path: presigned, headers: { 'Content-Type': 'text/plain' }, body: create }],
    ['a flush', { path: '/_millrace/delivery-streams/a/flush', headers: { 'Content-Type': 'text/plain' }, body: '{}' }],
    [
      'SQL',
      { path: '/_millrace/redshift/a/query', headers: { 'Content-Type': 'text/plain' }, body: 'create table t()' },
    ],
    ['a PUT', { method: 'PUT', headers: { ...awsHeaders('CreateStream') }, body: create }],
    ['a DELETE', { method: 'DELETE', headers: { ...awsHeaders('DeleteStream') }, body: '{"StreamName":"a"}' }],
  ];

  async function startWithStream(settings: Record<string, string> = {}): Promise<TestServer> {
    const server = await startTestServer({ settings });
    await server.createStream('a');
    return server;
  }

  it('is refused and changes no row, even for those who need no signature', async () => {
    const server = await startWithStream({ AUTH: 'off' });
    const before = databaseRows(server.directory);
    for (const [name, question] of SIMPLE) {
      for (const [protocol, { status }] of await askBoth(server.url, question)) {
        expect.soft(status, `${name} over ${protocol}`).toBeGreaterThanOrEqual(400);
        expect.soft(status, `${name} over ${protocol}`).toBeLessThan(500);
      }
    }
    expect(databaseRows(server.directory)).toEqual(before);
  });

  it('nor does a page whose name was rebound to this address (DNS rebinding)', async () => {
    const server = await startWithStream({ AUTH: 'off' });
    const before = databaseRows(server.directory);
    const { port } = new URL(server.url);
    const host = `evil.example:${port}`;
    const sameOrigin = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors', Referer: `http://${host}/` };
    const script: readonly HttpQuestion[] = [
      // The page itself, then what its script fetches from what is its own origin now.
      { method: 'GET', headers: { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate' } },
      { method: 'GET', path: '/_health', headers: sameOrigin },
      { method: 'GET', path: '/metrics', headers: sameOrigin },
      { headers: { ...awsHeaders('ListStreams'), ...sameOrigin, Origin: `http://${host}` }, body: '{}' },
      { headers: { ...awsHeaders('CreateStream'), ...sameOrigin, Origin: `http://${host}` }, body: create },
      // Browsers that send neither Origin nor Sec-Fetch-Site.
      { headers: awsHeaders('CreateStream'), body: create },
      { headers: { ...awsHeaders('DeleteStream') }, body: '{"StreamName":"a"}' },
      { path: '/_millrace/redshift/a/query', headers: { 'Content-Type': 'application/sql' }, body: 'create table t()' },
    ];
    for (const question of script) {
      const overHttp1 = await askHttp1(server.url, { ...question, headers: { ...question.headers, Host: host } });
      const authority = { ...question, headers: { ...question.headers, ':authority': host } };
      for (const { status, text, headers } of [overHttp1, await askHttp2(openHttp2(server.url), authority)]) {
        expect([status, text], JSON.stringify(question)).toEqual([403, expect.stringContaining('ALLOWED_HOSTS')]);
        expect(headers).not.toHaveProperty('access-control-allow-origin');
      }
    }
    expect(databaseRows(server.directory)).toEqual(before);
  });
});
