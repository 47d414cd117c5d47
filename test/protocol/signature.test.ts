/** Whose streams a request is about follows from the credential of its signature, whether it is verified or not. */
import { describe, expect, it } from 'vitest';
import { callerOf } from '../../src/protocol/signature.ts';
import { askHttp1 } from '../support/http-client.ts';
import { startTestServer } from '../support/server.ts';

const defaults = { account: '000000000000', region: 'us-east-1' };
const header = (credential: string) =>
  `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=0123abcd`;
const callerWith = (authorization: string | undefined, url = '/') =>
  callerOf({ method: 'POST', url, headers: { authorization }, rawHeaders: [], body: Buffer.alloc(0) }, defaults);
const scope = (keyId: string, region: string) => `${keyId}/20260102/${region}/kinesis/aws4_request`;

describe('the caller', () => {
  it('is the default one without a signature', () => {
    expect(callerWith(undefined)).toEqual(defaults);
  });

  it('has the region of the credential scope', () => {
    expect(callerWith(header(scope('AKIDEXAMPLE', 'eu-west-3')))).toEqual({
      account: '000000000000',
      region: 'eu-west-3',
    });
  });

  it('has the account that a 12-digit access key id is', () => {
    expect(callerWith(header(scope('123456789012', 'us-gov-west-1')))).toEqual({
      account: '123456789012',
      region: 'us-gov-west-1',
    });
  });

  it.each(['12345678901', '1234567890123', '12345678901a', 'AKIA123456789012', 'test'])(
    'has the default account with the access key id %s',
    (keyId) => {
      expect(callerWith(header(scope(keyId, 'eu-west-3'))).account).toBe('000000000000');
    },
  );

  it.each([
    ['without blanks', `AWS4-HMAC-SHA256 Credential=${scope('111111111111', 'eu-west-3')},SignedHeaders=a,Signature=b`],
    [
      'in another order',
      `AWS4-HMAC-SHA256 Signature=b, SignedHeaders=a, Credential=${scope('111111111111', 'eu-west-3')}`,
    ],
  ])('is found in a header written %s', (_title, authorization) => {
    expect(callerWith(authorization)).toEqual({ account: '111111111111', region: 'eu-west-3' });
  });

  it.each([
    ['encoded', encodeURIComponent(scope('111111111111', 'eu-west-3'))],
    ['encoded in lower case', encodeURIComponent(scope('111111111111', 'eu-west-3')).toLowerCase()],
    ['plain', scope('111111111111', 'eu-west-3')],
  ])('is found in the query of a presigned URL, %s', (_title, credential) => {
    const url = `/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${credential}&X-Amz-Expires=3600`;
    expect(callerWith(undefined, url)).toEqual({ account: '111111111111', region: 'eu-west-3' });
  });

  it.each([
    ['Basic dXNlcjpwYXNz'],
    ['Bearer abc'],
    [''],
    ['AWS4-HMAC-SHA256'],
    ['AWS4-HMAC-SHA256 Credential=, SignedHeaders=a, Signature=b'],
    ['AWS4-HMAC-SHA256 Credential=111111111111, SignedHeaders=a, Signature=b'],
    ['AWS4-HMAC-SHA256 Credential=111111111111/2026/eu-west-3/kinesis/aws4_request, Signature=b'],
    [header(scope('111111111111', 'EU WEST'))],
    [header(scope('111111111111', 'EU-WEST-3'))],
    [header(scope('111111111111', '../../etc'))],
    [header(scope('1'.repeat(10_000), 'eu-west-3'))],
  ])('is the default one when the header is %.60s', (authorization) => {
    expect(callerWith(authorization)).toEqual(defaults);
  });
});

describe('the server', () => {
  it('keeps the streams of accounts and regions apart', async () => {
    const { ok, createStream } = await startTestServer();
    const mine = { account: '111111111111', region: 'eu-west-3' };
    await createStream('a', 1, mine);
    const names = async (caller: object) => (await ok('ListStreams', {}, caller)).StreamNames;
    expect(await names(mine)).toEqual(['a']);
    expect(await names({ ...mine, account: '222222222222' })).toEqual([]);
    expect(await names({ ...mine, region: 'eu-west-1' })).toEqual([]);
    expect(await names({})).toEqual([]);
    const { StreamDescriptionSummary } = await ok('DescribeStreamSummary', { StreamName: 'a' }, mine);
    expect(StreamDescriptionSummary.StreamARN).toBe('arn:aws:kinesis:eu-west-3:111111111111:stream/a');
  });

  it.each(['off', 'any'])(
    'serves requests of the caller that the settings, the header or the query name, AUTH=%s',
    async (AUTH) => {
      const settings = { AUTH, AWS_ACCOUNT_ID: '333333333333', AWS_REGION: 'ap-south-1' };
      const { url } = await startTestServer({ settings });
      const credential = scope('111111111111', 'eu-west-3');
      const query = `X-Amz-Credential=${encodeURIComponent(credential)}&X-Amz-Date=20260102T030405Z&X-Amz-SignedHeaders=host`;
      const presigned = `/?X-Amz-Algorithm=AWS4-HMAC-SHA256&${query}&X-Amz-Signature=0`;
      const date = { 'X-Amz-Date': '20260102T030405Z' };
      const mine = 'arn:aws:kinesis:eu-west-3:111111111111:stream/a';
      const theirs = 'arn:aws:kinesis:ap-south-1:333333333333:stream/a';
      const cases: (readonly [path: string, headers: Record<string, string>, arn: string])[] = [
        ['/', { ...date, Authorization: header(credential) }, mine],
        [presigned, {}, mine],
        [presigned, { Authorization: '' }, mine],
        ['/', { ...date, Authorization: header('nobody') }, theirs],
      ];
      if (AUTH === 'off') cases.push(['/', {}, theirs], ['/', { Authorization: 'Bearer abc' }, theirs]);
      for (const [index, [path, signature, arn]] of cases.entries()) {
        const ask = (operation: string, input: object) => {
          const target = `Kinesis_20131202.${operation}`;
          const headers = { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target, ...signature };
          return askHttp1(url, { path, headers, body: JSON.stringify(input) });
        };
        const name = { StreamName: `a${index}` };
        expect(await ask('CreateStream', { ...name, ShardCount: 1 })).toMatchObject({ status: 200 });
        const { text } = await ask('DescribeStreamSummary', name);
        const what = `${path} ${JSON.stringify(signature)}`;
        expect(JSON.parse(text).StreamDescriptionSummary.StreamARN, what).toBe(`${arn}${index}`);
      }
    },
  );
});
