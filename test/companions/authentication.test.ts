/** With AUTH=strict, requests to STS and CloudWatch are verified in all forms, also those that have no X-Amz-Target. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorOf, FORM_NAMES, metricRows, operationOf, questionOf } from '../support/companions.ts';
import { askHttp1, type HttpQuestion } from '../support/http-client.ts';
import { startTestServer, type TestServer, temporaryDirectory } from '../support/server.ts';
import { type Plain, presigned, type Signing, urlOf, withSignature } from '../support/signer.ts';

const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a secret' };
const INPUT = { Namespace: 'n', MetricData: [{ MetricName: 'm', Value: 1 }] };

async function startStrict(): Promise<TestServer> {
  const file = join(temporaryDirectory(), 'credentials');
  const lines = [`aws_access_key_id = ${KEY.accessKeyId}`, `aws_secret_access_key = ${KEY.secretAccessKey}`];
  writeFileSync(file, `[a]\n${lines.join('\n')}\naws_account_id = 333344445555\n`);
  return startTestServer({ settings: { AUTH: 'strict', CREDENTIALS_FILE: file } });
}

const dateOf = ({ clock }: TestServer) => new Date(clock.now()).toISOString().replace(/[-:]|\.\d{3}/g, '');

function signingOf(server: TestServer, name: string, changes: Partial<Signing> = {}): Signing {
  const { signingName: service } = operationOf(name);
  return { credentials: KEY, date: dateOf(server), region: 'us-east-1', service, ...changes };
}

const plainOf = (
  server: TestServer,
  { method = 'POST', path = '/', headers = {}, body = '' }: HttpQuestion,
): Plain => ({
  method,
  path,
  query: [],
  headers: [['Host', new URL(server.url).host], ...Object.entries(headers)],
  body,
});

const sent = (plain: Plain): HttpQuestion => ({
  method: plain.method,
  path: urlOf(plain),
  headers: Object.fromEntries(plain.headers),
  ...(plain.body.length > 0 && { body: plain.body }),
});

describe.each(FORM_NAMES)('with AUTH=strict, in the form %s', (form) => {
  it('who has the secret is served, compressed or not', async () => {
    const server = await startStrict();
    for (const isGzip of [false, true]) {
      const question = questionOf(form, 'PutMetricData', INPUT, { isGzip, headers: {} });
      const signed = withSignature(plainOf(server, question), signingOf(server, 'PutMetricData'));
      const { status, text } = await askHttp1(server.url, sent(signed));
      expect([status, text]).toEqual([200, expect.any(String)]);
    }
    expect(metricRows(server.directory).map(({ account }) => account)).toEqual(['333344445555', '333344445555']);
    const identity = plainOf(server, questionOf(form, 'GetCallerIdentity', {}, { headers: {} }));
    const answer = await askHttp1(server.url, sent(withSignature(identity, signingOf(server, 'GetCallerIdentity'))));
    expect(answer.text).toContain('arn:aws:iam::333344445555:root');
  });

  it('another secret, service, body or path is refused', async () => {
    const server = await startStrict();
    const good = plainOf(server, questionOf(form, 'PutMetricData', INPUT, { headers: {} }));
    const signing = (changes: Partial<Signing>) => withSignature(good, signingOf(server, 'PutMetricData', changes));
    const signed = signing({});
    const secret = signing({ credentials: { ...KEY, secretAccessKey: 'another' } });
    const service = signing({ service: 'kinesis' });
    // A form says another number, JSON and CBOR another name.
    const body = Buffer.from(Buffer.from(signed.body).toString('latin1').replace('m', 'n'), 'latin1');
    const path = `${signed.path === '/' ? '' : '/x'}${signed.path}${signed.path === '/' ? 'x' : ''}`;
    for (const [title, request] of Object.entries({
      secret,
      service,
      body: { ...signed, body },
      path: { ...signed, path },
    })) {
      const answer = errorOf(await askHttp1(server.url, sent(request)));
      const code = form === 'query' ? '403 SignatureDoesNotMatch' : '400 com.amazon.coral.service#InvalidSignature';
      // What is changed in a form may leave nothing that is known.
      expect.soft(answer.startsWith(code), `${title}: ${answer}`).toBe(true);
    }
    expect(metricRows(server.directory)).toEqual([]);
  });
});

describe('with AUTH=strict', () => {
  it('a target that is sent must be signed, so that no signed form can be given one', async () => {
    const server = await startStrict();
    const json = plainOf(server, questionOf('json', 'PutMetricData', INPUT, { headers: {} }));
    const target = json.headers.find(([name]) => name === 'X-Amz-Target')!;
    const without = { ...json, headers: json.headers.filter((header) => header !== target) };
    const signed = withSignature(without, signingOf(server, 'PutMetricData'));
    const answer = await askHttp1(server.url, sent({ ...signed, headers: [...signed.headers, target] }));
    expect(errorOf(answer)).toContain("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
  });

  it('a presigned GetCallerIdentity is verified', async () => {
    const server = await startStrict();
    const query = [
      ['Action', 'GetCallerIdentity'],
      ['Version', '2011-06-15'],
    ] as const;
    const plain: Plain = { ...plainOf(server, { method: 'GET' }), query };
    const good = sent(presigned(plain, signingOf(server, 'GetCallerIdentity'), '60'));
    expect((await askHttp1(server.url, good)).text).toContain('<Account>333344445555</Account>');
    const changed = { ...good, path: good.path!.replace(/Signature=./, 'Signature=g') };
    expect(errorOf(await askHttp1(server.url, changed))).toContain('403 SignatureDoesNotMatch');
    server.clock.advance(61_000);
    expect(errorOf(await askHttp1(server.url, good))).toContain('403 SignatureDoesNotMatch: Signature expired');
  });
});
