/** STS and CloudWatch as their clients reach them: AWS Query, JSON 1.0, and Smithy's RPC v2 with CBOR. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { errorOf, FORM_NAMES, type FormName, metricRows, questionOf } from '../support/companions.ts';
import { askHttp1, askHttp2, openHttp2 } from '../support/http-client.ts';
import { startTestServer } from '../support/server.ts';
import { signatureHeaders } from '../support/signature.ts';

/** The clock of a test server says so. */
const METRIC = {
  MetricName: 'UserRecordsPut',
  Dimensions: [
    { Name: 'StreamName', Value: 'a & b' },
    { Name: 'Ärger', Value: '100 %' },
  ],
  Value: 1.5,
  Unit: 'Count',
};
const KEPT = {
  namespace: 'Producers',
  metric: 'UserRecordsPut',
  dimensions: '{"StreamName":"a & b","Ärger":"100 %"}',
  unit: 'Count',
  samples: 1,
  sum: 1.5,
  minimum: 1.5,
  maximum: 1.5,
};
const INPUT = { Namespace: 'Producers', MetricData: [METRIC] };

const CODES: Readonly<Record<FormName, (own: string, query: string) => string>> = {
  query: (_own, query) => query,
  json: (own) => `com.amazonaws.cloudwatch#${own}`,
  rpc: (own) => `com.amazonaws.cloudwatch#${own}`,
};

describe.each(FORM_NAMES)('in the form %s', (form) => {
  it('PutMetricData keeps what it is given, compressed or not, over either HTTP', async () => {
    const { url, directory, clock } = await startTestServer();
    const at = new Date(clock.now() - 1000.5);
    const input = { ...INPUT, MetricData: [{ ...METRIC, Timestamp: at }, METRIC] };
    const session = openHttp2(url);
    for (const isGzip of [false, true]) {
      const question = questionOf(form, 'PutMetricData', input, { isGzip });
      for (const answer of [await askHttp1(url, question), await askHttp2(session, question)]) {
        expect(answer.status, answer.text).toBe(200);
        expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
      }
    }
    const rows = metricRows(directory);
    expect(rows).toHaveLength(8);
    for (const [index, row] of rows.entries()) {
      const timestamp = index % 2 === 0 ? at.toISOString() : new Date(clock.now()).toISOString();
      expect(row).toMatchObject({ ...KEPT, timestamp, account: '000000000000', region: 'us-east-1' });
    }
  });

  it('PutMetricData answers as AWS does: nothing but what the form demands', async () => {
    const { url } = await startTestServer();
    const { headers, text } = await askHttp1(url, questionOf(form, 'PutMetricData', INPUT));
    const requestId = headers['x-amzn-requestid'];
    const answers: Record<FormName, unknown[]> = {
      query: [
        'text/xml',
        undefined,
        '<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">' +
          `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></PutMetricDataResponse>`,
      ],
      json: ['application/x-amz-json-1.0', undefined, ''],
      rpc: [undefined, 'rpc-v2-cbor', ''],
    };
    expect([headers['content-type'], headers['smithy-protocol'], text]).toEqual(answers[form]);
  });

  it('an error has the names of the form', async () => {
    const { url } = await startTestServer();
    const answer = await askHttp1(url, questionOf(form, 'PutMetricData', { Namespace: 'a', MetricData: [] }));
    const code = CODES[form]('MissingRequiredParameterException', 'MissingParameter');
    expect(errorOf(answer)).toBe(`400 ${code}: The parameter MetricData is required.`);
    expect(answer.headers['x-amzn-query-error']).toBe(form === 'query' ? undefined : 'MissingParameter;Sender');
    expect(answer.headers['smithy-protocol']).toBe(form === 'rpc' ? 'rpc-v2-cbor' : undefined);
    if (form !== 'query') return;
    expect(answer.text).toBe(
      '<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error><Type>Sender</Type>' +
        '<Code>MissingParameter</Code><Message>The parameter MetricData is required.</Message></Error>' +
        `<RequestId>${answer.headers['x-amzn-requestid']}</RequestId></ErrorResponse>`,
    );
  });

  it('another operation is refused with what is served', async () => {
    const { url } = await startTestServer();
    const served =
      'Of STS and CloudWatch, Millrace serves GetCallerIdentity (Version 2011-06-15) and ' +
      'PutMetricData (Version 2010-08-01).';
    const expected =
      form === 'query'
        ? `400 InvalidAction: Could not find operation ListMetrics for version 2010-08-01. ${served}`
        : `400 com.amazon.coral.service#UnknownOperationException: ListMetrics is not served here. ${served}`;
    expect(errorOf(await askHttp1(url, questionOf(form, 'ListMetrics', {})))).toBe(expected);
  });

  it('a request without a signature is refused, and the operation is looked for before', async () => {
    const { url } = await startTestServer();
    const answer = await askHttp1(url, questionOf(form, 'PutMetricData', INPUT, { headers: {} }));
    const expected =
      form === 'query'
        ? '403 MissingAuthenticationToken: Missing Authentication Token'
        : '400 com.amazon.coral.service#MissingAuthenticationTokenException: Missing Authentication Token';
    expect(errorOf(answer)).toBe(expected);
    expect(errorOf(await askHttp1(url, questionOf(form, 'ListMetrics', {}, { headers: {} })))).toMatch(
      /InvalidAction|UnknownOperationException/,
    );
  });

  it('a body that inflates to more than 4 MiB is refused, and so is one that is not compressed as it says', async () => {
    const { url, directory } = await startTestServer();
    const question = questionOf(form, 'PutMetricData', INPUT, { isGzip: true });
    const bomb = await askHttp1(url, { ...question, body: gzipSync(Buffer.alloc(4 * 1024 * 1024 + 1, 0x20)) });
    expect(bomb.status).toBe(413);
    expect(errorOf(bomb)).toContain('A request may have 4194304 bytes, counted before compression');
    const plain = await askHttp1(url, { ...questionOf(form, 'PutMetricData', INPUT), body: Buffer.alloc(4194305) });
    expect(plain.status).toBe(413);
    for (const body of [Buffer.from('no gzip'), (question.body as Buffer).subarray(0, 20)]) {
      const answer = await askHttp1(url, { ...question, body });
      expect(errorOf(answer)).toContain('The body is not what its Content-Encoding, gzip, says.');
    }
    const headers = { ...question.headers, 'Content-Encoding': 'br' };
    expect(errorOf(await askHttp1(url, { ...question, headers }))).toContain('must be gzip or none, not br.');
    expect(metricRows(directory)).toEqual([]);
  });

  it('GetCallerIdentity tells the account of the credentials', async () => {
    const { url } = await startTestServer();
    const question = questionOf(form, 'GetCallerIdentity', {}, { account: '111122223333' });
    const { status, headers, text, bytes } = await askHttp1(url, question);
    expect(status, text).toBe(200);
    if (form === 'query') {
      expect(headers['content-type']).toBe('text/xml');
      expect(text).toBe(
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
          '<UserId>111122223333</UserId><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:root</Arn>' +
          '</GetCallerIdentityResult><ResponseMetadata>' +
          `<RequestId>${headers['x-amzn-requestid']}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
      );
    } else expect(bytes.toString('latin1')).toContain('arn:aws:iam::111122223333:root');
  });
});

describe('AWS Query in a URL', () => {
  const SIGNED = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': '111122223333/20260102/eu-west-1/sts/aws4_request',
    'X-Amz-Date': '20260102T030405Z',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': '0',
  };
  const pathOf = (fields: Record<string, string>) => `/?${new URLSearchParams({ ...fields, ...SIGNED })}`;

  it('is taken from presigned requests', async () => {
    const { url } = await startTestServer();
    const path = pathOf({ Action: 'GetCallerIdentity', Version: '2011-06-15' });
    for (const method of ['GET', 'POST']) {
      const { status, text } = await askHttp1(url, { method, path });
      expect([method, status, text]).toEqual([method, 200, expect.stringContaining('<Account>111122223333</Account>')]);
    }
  });

  it('changes nothing by GET, which anybody can make a browser send', async () => {
    const { url, directory } = await startTestServer();
    const fields = { 'MetricData.member.1.MetricName': 'm', 'MetricData.member.1.Value': '1', Namespace: 'n' };
    const path = pathOf({ Action: 'PutMetricData', Version: '2010-08-01', ...fields });
    expect(errorOf(await askHttp1(url, { method: 'GET', path }))).toBe(
      '400 InvalidAction: PutMetricData must be sent by POST.',
    );
    expect(metricRows(directory)).toEqual([]);
    expect((await askHttp1(url, { method: 'POST', path })).status).toBe(200);
    expect(metricRows(directory)).toHaveLength(1);
  });

  it('needs an operation, its version, and no target', async () => {
    const { url } = await startTestServer();
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const ask = (body: string, headers = {}) => askHttp1(url, { body, headers: { ...type, ...headers } });
    for (const body of ['a=b', 'Version=2011-06-15', 'xAction=GetCallerIdentity', '\0', '%', '&&&', 'Actio', '=']) {
      const { status, text } = await ask(body, signatureHeaders());
      expect([body, status, text]).toEqual([body, 403, expect.stringContaining('<AccessDeniedException>')]);
    }
    const query = 'Action=GetCallerIdentity&Version=2011-06-15';
    const targeted = await ask(query, { 'X-Amz-Target': 'Kinesis_20131202.ListStreams' });
    expect([targeted.status, targeted.text]).toEqual([404, '<UnknownOperationException/>\n']);
    for (const [body, sought] of [
      ['Action=GetCallerIdentity', 'GetCallerIdentity for version NO_VERSION_SPECIFIED'],
      ['Action=GetCallerIdentity&Version=2010-08-01', 'GetCallerIdentity for version 2010-08-01'],
      ['Action=&Version=2011-06-15', ' for version 2011-06-15'],
      ['Action=%3Ca%26b%3E%00&Version=1', '&lt;a&amp;b&gt;\ufffd for version 1'],
      ['Action=__proto__&Version=2011-06-15', '__proto__ for version 2011-06-15'],
    ]) {
      expect.soft(errorOf(await ask(body!))).toContain(`400 InvalidAction: Could not find operation ${sought}. Of STS`);
    }
    expect(errorOf(await ask(`Action=a${'&'.repeat(65_536)}`))).toBe(
      '400 MalformedInput: A request may have 65536 parameters.',
    );
  });
});

describe('RPC v2', () => {
  it('may stand below any path, and is none without its header, its type or its service', async () => {
    const { url } = await startTestServer();
    const good = questionOf('rpc', 'PutMetricData', INPUT);
    for (const path of [`/a/b${good.path}`, `${good.path}?x=y`, good.path!.replace('Granite', 'com.x.Granite')]) {
      expect.soft((await askHttp1(url, { ...good, path })).status, path).toBe(200);
    }
    const { 'smithy-protocol': _protocol, ...headers } = good.headers!;
    const others = [
      { ...good, headers },
      { ...good, headers: { ...good.headers, 'Content-Type': 'text/cbor' } },
      { ...good, path: '/' },
      { ...good, path: '/service/Kinesis_20131202/operation/ListStreams' },
    ];
    for (const question of others) {
      const { status, text } = await askHttp1(url, question);
      expect.soft([status, text]).toEqual([403, expect.stringContaining('<AccessDeniedException>')]);
    }
  });
});
