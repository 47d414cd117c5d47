/** Who may talk to the server: clients under the usual names, but no web page in the developer's own browser. */
import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../src/server/admission.ts';
import type { HttpRequest } from '../../src/server/one-port.ts';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, openHttp2 } from '../support/http-client.ts';
import { openSocket } from '../support/raw-socket.ts';
import { startTestServer } from '../support/server.ts';

const ALLOWED = [
  'localhost',
  'localhost:4567',
  'LocalHost:4567',
  'millrace.localhost',
  'kinesis.us-east-1.localhost:4567',
  '127.0.0.1',
  '127.0.0.1:4567',
  '192.168.1.20:80',
  '[::1]',
  '[::1]:4567',
  '[fe80::1]:65535',
  'millrace',
  'my_service-1:4567',
  'host.docker.internal:4567',
  'kinesis.us-east-1.amazonaws.com',
  'kinesis-fips.us-east-1.amazonaws.com',
  'kinesis.cn-north-1.amazonaws.com.cn',
  'firehose.eu-west-3.amazonaws.com:443',
  '123456789012.control-kinesis.us-east-1.amazonaws.com',
  '123456789012.data-kinesis.us-east-1.amazonaws.com',
  'kinesis.us-east-1.api.aws',
];

const REFUSED = [
  'evil.example',
  'evil.example:4567',
  'localhost.evil.example',
  '127.0.0.1.nip.io',
  '127.0.0.1.evil.example',
  'evil.example#localhost',
  'evil.example/localhost',
  'localhost.',
  'evillocalhost.com',
  'host.docker.internal.evil.example',
  'kinesis.us-east-1.amazonaws.com.evil.example',
  'evilamazonaws.com',
  'kinesis.evilamazonaws.com',
  's3.amazonaws.com',
  'kinesis-evil.s3.amazonaws.com',
  'firehose.evil.us-east-1.elb.amazonaws.com',
  'b\u00fccher.example',
  'xn--bcher-kva.example',
  'localhost:4567:80',
  'localhost:123456',
  '[::1',
  `${'a'.repeat(300)}`,
  `${'a.'.repeat(150)}localhost`,
  '',
];

/** As much of a request as admission looks at. */
const requestWith = (headers: Record<string, string>) =>
  ({ headers, rawHeaders: Object.entries(headers).flat() }) as unknown as HttpRequest;

/** The sentence with which a request is refused; undefined when it is not. */
const refusalOf = (
  headers: Record<string, string>,
  allowedHosts: readonly string[] = [],
  allowedOrigins: readonly string[] = [],
) => createAdmission({ allowedHosts, allowedOrigins })(requestWith(headers))?.sentence;

describe('a Host', () => {
  it.each(ALLOWED)('%s is admitted', (host) => {
    expect(refusalOf({ host })).toBeUndefined();
    expect(refusalOf({ ':authority': host }), 'as :authority of HTTP/2').toBeUndefined();
  });

  it.each(REFUSED)('%s is refused, with the setting that would admit it', (host) => {
    expect(refusalOf({ host })).toMatch(/ALLOWED_HOSTS/);
    expect(refusalOf({ ':authority': host }), 'as :authority of HTTP/2').toMatch(/ALLOWED_HOSTS/);
  });

  it('that is missing is refused', () => {
    expect(refusalOf({})).toMatch(/ALLOWED_HOSTS/);
  });

  it('can be added by a setting, exactly and in any case', () => {
    const allowed = ['kinesis.example'];
    expect(refusalOf({ host: 'kinesis.example' }, allowed)).toBeUndefined();
    expect(refusalOf({ host: 'Kinesis.Example:4567' }, allowed)).toBeUndefined();
    expect(refusalOf({ host: 'www.kinesis.example' }, allowed)).toMatch(/ALLOWED_HOSTS/);
    expect(refusalOf({ host: 'kinesis.example.org' }, allowed)).toMatch(/ALLOWED_HOSTS/);
  });

  it('stays refused after others were admitted, however many', () => {
    const admission = createAdmission({ allowedHosts: [], allowedOrigins: [] });
    const ask = (host: string) => admission(requestWith({ host }))?.sentence;
    for (let port = 1; port <= 300; port += 1) expect(ask(`localhost:${port}`)).toBeUndefined();
    expect(ask('evil.example')).toMatch(/ALLOWED_HOSTS/);
    expect(ask('localhost:1')).toBeUndefined();
  });
});

describe('a web page', () => {
  const host = 'localhost:4567';

  it.each([
    'http://evil.example',
    'https://localhost',
    'http://localhost:4567',
    'http://127.0.0.1:4567',
    'null',
    '',
    'file://',
    'chrome-extension://abc',
  ])('of the origin %j is refused', (origin) => {
    expect(refusalOf({ host, origin })).toMatch(/web pages/);
  });

  it('of another site is refused even without an Origin', () => {
    expect(refusalOf({ host, 'sec-fetch-site': 'cross-site' })).toMatch(/web pages/);
  });

  it.each(['none', 'same-origin'])('that a person opened (%s) is not what is meant', (site) => {
    expect(refusalOf({ host, 'sec-fetch-site': site })).toBeUndefined();
  });
});

describe('the server', () => {
  const BAD_HOSTS = ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', 'a'.repeat(300)];

  it.each(BAD_HOSTS)('refuses the Host %s on every path and both protocols, and changes nothing', async (host) => {
    const { url, ok } = await startTestServer();
    const create = awsQuestion('CreateStream', { StreamName: 'a', ShardCount: 1 });
    for (const question of [create, { method: 'GET', path: '/_health' }, { method: 'GET' }, { method: 'OPTIONS' }]) {
      const overHttp1 = await askHttp1(url, { ...question, headers: { ...question.headers, Host: host } });
      expect([overHttp1.status, overHttp1.text]).toEqual([403, expect.stringContaining('ALLOWED_HOSTS')]);
      expect(overHttp1.headers['content-type']).toBe('text/plain; charset=utf-8');
      const authority = { ...question.headers, ':authority': host };
      const overHttp2 = await askHttp2(openHttp2(url), { ...question, headers: authority });
      expect(overHttp2.status).toBe(403);
    }
    expect((await ok('ListStreams', {})).StreamNames).toEqual([]);
  });

  it('serves SDKs under the names of compose services and of AWS', async () => {
    const { url } = await startTestServer();
    const list = awsQuestion('ListStreams', {});
    for (const host of ['millrace:4567', 'kinesis.us-east-1.amazonaws.com', 'localhost:4567']) {
      const overHttp1 = await askHttp1(url, { ...list, headers: { ...list.headers, Host: host } });
      expect(overHttp1.status, host).toBe(200);
      const overHttp2 = await askHttp2(openHttp2(url), { ...list, headers: { ...list.headers, ':authority': host } });
      expect(overHttp2.status, host).toBe(200);
    }
  });

  it('serves the names of the setting ALLOWED_HOSTS', async () => {
    const { url } = await startTestServer({ settings: { ALLOWED_HOSTS: 'Kinesis.Example' } });
    const list = awsQuestion('ListStreams', {});
    const { status, text } = await askHttp1(url, { ...list, headers: { ...list.headers, Host: 'kinesis.example' } });
    expect(status, text).toBe(200);
  });

  it.each([
    ['no Host', ''],
    ['an empty Host', 'Host: \r\n'],
    ['a Host with a letter beyond ASCII', 'Host: b\u00fccher.example\r\n'],
    ['two Hosts, the bad one first', 'Host: evil.example\r\nHost: localhost\r\n'],
    ['two Hosts, the bad one last', 'Host: localhost\r\nHost: evil.example\r\n'],
  ])('refuses %s', async (_title, lines) => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send(`GET /_health HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
    expect(await socket.closed).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  it('refuses before it has read the body', async () => {
    const { url } = await startTestServer();
    const socket = await openSocket(url);
    await socket.send('POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\n');
    expect(await socket.until('ALLOWED_HOSTS')).toMatch(/^HTTP\/1\.1 403 /);
  });

  it.each([
    { Origin: 'http://evil.example' },
    { Origin: 'null' },
    { Origin: 'http://127.0.0.1:4567' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { Origin: 'http://localhost:4567', 'Sec-Fetch-Site': 'same-origin' },
  ])('refuses %j on every path, and never allows another origin to read', async (page) => {
    const { url, ok } = await startTestServer();
    const create = awsQuestion('CreateStream', { StreamName: 'a', ShardCount: 1 });
    const preflight = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-amz-target' };
    for (const question of [
      create,
      { method: 'OPTIONS', headers: preflight },
      { method: 'GET', path: '/_health' },
      { ...create, headers: { ...awsHeaders('CreateStream'), 'Content-Type': 'text/plain' } },
    ]) {
      const withPage = { ...question, headers: { ...question.headers, ...page } };
      for (const answer of [await askHttp1(url, withPage), await askHttp2(openHttp2(url), withPage)]) {
        expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('web pages')]);
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      }
    }
    expect((await ok('ListStreams', {})).StreamNames).toEqual([]);
  });

  it.each([
    ['a form', 'application/x-www-form-urlencoded', 'StreamName=a&ShardCount=1'],
    ['a form with files', 'multipart/form-data; boundary=x', '--x--'],
    ['plain text', 'text/plain', '{"StreamName":"a","ShardCount":1}'],
  ])('applies nothing of %s that a page can send without asking', async (_title, type, body) => {
    const { url, ok } = await startTestServer();
    const { status } = await askHttp1(url, { headers: { 'Content-Type': type }, body });
    expect(status).toBe(403);
    const withTarget = { 'Content-Type': type, 'X-Amz-Target': 'Kinesis_20131202.CreateStream' };
    expect((await askHttp1(url, { headers: withTarget, body })).status).toBe(404);
    expect((await ok('ListStreams', {})).StreamNames).toEqual([]);
  });

  it('applies nothing of a GET, whatever its query says', async () => {
    const { url, ok } = await startTestServer();
    const path = '/?X-Amz-Target=Kinesis_20131202.CreateStream&StreamName=a&ShardCount=1';
    expect((await askHttp1(url, { method: 'GET', path })).status).toBe(403);
    expect((await ok('ListStreams', {})).StreamNames).toEqual([]);
  });
});
