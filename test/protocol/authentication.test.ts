/** What AWS answers when a request carries no signature, half of one, or two: spec by spec, in both encodings. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withAnySignature } from '../../src/protocol/authentication.ts';
import { ApiError } from '../../src/protocol/error.ts';
import { readSignature, type SignedRequest } from '../../src/protocol/signature.ts';
import { CBOR_TYPE, cborOf, jsonOf } from '../support/cbor.ts';
import { askHttp1 } from '../support/http-client.ts';
import { startTestServer, temporaryDirectory, type Wire } from '../support/server.ts';

const WIRES: readonly Wire[] = ['json', 'cbor'];
const TARGET = 'Kinesis_20131202.ListStreams';
const SCOPE = 'test/20260102/us-east-1/kinesis/aws4_request';
const DATE = { 'X-Amz-Date': '20260102T030405Z' };

const PARTS = { Credential: SCOPE, SignedHeaders: 'host', Signature: '0' };
const HEADER_PARTS = Object.keys(PARTS) as (keyof typeof PARTS)[];

/** The header without the parts `missing`. */
function authorization(missing: readonly string[] = [], separator = ', '): string {
  const present = HEADER_PARTS.filter((name) => !missing.includes(name)).map((name) => `${name}=${PARTS[name]}`);
  return `AWS4-HMAC-SHA256 ${present.join(separator)}`;
}

const QUERY = {
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': SCOPE,
  'X-Amz-Signature': '0',
  'X-Amz-SignedHeaders': 'host',
  'X-Amz-Date': '20260102T030405Z',
};

/** The path of a presigned request without the parts `missing`. */
function presignedPath(missing: readonly string[] = []): string {
  const present = Object.entries(QUERY).filter(([name]) => !missing.includes(name));
  return `/?${new URLSearchParams(present)}`;
}

/** Every choice of some of `names`, also none and all. */
const choicesOf = <T>(names: readonly T[]): T[][] =>
  Array.from({ length: 2 ** names.length }, (_, choice) => names.filter((_name, index) => (choice >> index) % 2 === 1));

interface Question {
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly wire?: Wire;
  readonly target?: string;
  readonly input?: object;
  /** In place of `input`. */
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly errorType: string | null;
  readonly body: unknown;
}

async function ask(url: string, question: Question): Promise<Answer> {
  const { path = '/', headers = {}, wire = 'json', target = TARGET, input = {}, body } = question;
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      'Content-Type': wire === 'cbor' ? CBOR_TYPE : 'application/x-amz-json-1.1',
      'X-Amz-Target': target,
      ...headers,
    },
    body: body ?? (wire === 'cbor' ? cborOf(target, input) : JSON.stringify(input)),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const parsed = wire === 'cbor' ? jsonOf(bytes) : JSON.parse(bytes.toString());
  const type = response.headers.get('content-type');
  return { status: response.status, type, errorType: response.headers.get('x-amzn-errortype'), body: parsed };
}

/** The whole answer with which a request is refused. */
const refusedWith = (code: string, message: string, wire: Wire): Answer => ({
  status: 400,
  type: wire === 'cbor' ? CBOR_TYPE : 'application/x-amz-json-1.1',
  errorType: code,
  body: { __type: code, message },
});

const MISSING = ['MissingAuthenticationTokenException', 'Missing Authentication Token'] as const;
const TWO = [
  'InvalidSignatureException',
  "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
] as const;

/** AWS's sentences, in AWS's order. */
const HEADER_SENTENCES: readonly (readonly [part: string, sentence: string])[] = [
  ['Credential', "Authorization header requires 'Credential' parameter. "],
  ['Signature', "Authorization header requires 'Signature' parameter. "],
  ['SignedHeaders', "Authorization header requires 'SignedHeaders' parameter. "],
  ['Date', "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "],
];

describe.each(WIRES)('without a good signature, in %s, is refused', (wire) => {
  it('a request that has none', async () => {
    const { url } = await startTestServer();
    for (const question of [
      {},
      { headers: DATE },
      { headers: { Authorization: '' } },
      { path: '/?Action=ListStreams' },
      // Whatever else there is: the algorithm is what makes it a signature.
      { path: presignedPath(['X-Amz-Algorithm']) },
      { path: '/?X-Amz-Credential=a&X-Amz-Expires=60' },
      { path: '/?x-amz-algorithm=AWS4-HMAC-SHA256' },
    ] satisfies Question[]) {
      expect(await ask(url, { ...question, wire }), JSON.stringify(question)).toEqual(refusedWith(...MISSING, wire));
    }
  });

  it('one that has two', async () => {
    const { url } = await startTestServer();
    for (const [path, header] of [
      [presignedPath(), authorization()],
      ['/?X-Amz-Algorithm=AWS4-HMAC-SHA256', authorization()],
      ['/?X-Amz-Algorithm', authorization()],
      ['/?a=b&X-Amz-Algorithm=', 'x'],
      [presignedPath(), 'Bearer abc'],
    ] as const) {
      const answer = await ask(url, { path, headers: { ...DATE, Authorization: header }, wire });
      expect(answer, `${path} ${header}`).toEqual(refusedWith(...TWO, wire));
    }
  });

  it('a header that lacks parts, whichever and however many', async () => {
    const { url } = await startTestServer();
    for (const missing of choicesOf(HEADER_SENTENCES.map(([part]) => part))) {
      const header = authorization(missing);
      const headers = { Authorization: header, ...(missing.includes('Date') ? {} : DATE) };
      const answer = await ask(url, { headers, wire });
      const sentences = HEADER_SENTENCES.filter(([part]) => missing.includes(part)).map(([, sentence]) => sentence);
      const message = `${sentences.join('')}Authorization=${header.trim()}`;
      if (missing.length === 0) expect(answer.status).toBe(200);
      else expect(answer, String(missing)).toEqual(refusedWith('IncompleteSignatureException', message, wire));
    }
  });

  it('a query that lacks parts, whichever and however many', async () => {
    const { url } = await startTestServer();
    const optional = ['X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date'];
    for (const missing of choicesOf(optional)) {
      const answer = await ask(url, { path: presignedPath(missing), wire });
      // Also when the header says it: a signature in the query is dated there.
      const dated = await ask(url, { path: presignedPath(missing), headers: DATE, wire });
      const sentences = optional
        .filter((name) => missing.includes(name))
        .map((name) => `AWS query-string parameters must include '${name}'. `);
      const message = `${sentences.join('')}Re-examine the query-string parameters.`;
      const expected = refusedWith('IncompleteSignatureException', message, wire);
      if (missing.length === 0) expect(answer.status).toBe(200);
      else expect([answer, dated], String(missing)).toEqual([expected, expected]);
    }
  });

  it('a header whose parts are empty', async () => {
    const { url } = await startTestServer();
    const header = 'AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=';
    const all = HEADER_SENTENCES.map(([, sentence]) => sentence);
    const expected = (sentences: readonly string[]) =>
      refusedWith('IncompleteSignatureException', `${sentences.join('')}Authorization=${header}`, wire);
    expect(await ask(url, { headers: { 'X-Amz-Date': '', Authorization: header }, wire })).toEqual(expected(all));
    expect(await ask(url, { headers: { ...DATE, Authorization: header }, wire })).toEqual(expected(all.slice(0, 3)));
  });

  it('a query whose algorithm is empty', async () => {
    const { url } = await startTestServer();
    for (const path of ['/?X-Amz-Algorithm', '/?X-Amz-Algorithm=']) {
      const sentences = Object.keys(QUERY).map((name) => `AWS query-string parameters must include '${name}'. `);
      const message = `${sentences.join('')}Re-examine the query-string parameters.`;
      expect(await ask(url, { path, wire })).toEqual(refusedWith('IncompleteSignatureException', message, wire));
    }
  });

  it('after everything that is checked before, and before everything else', async () => {
    const { url } = await startTestServer();
    const code = async (question: Question) =>
      ((await ask(url, { ...question, wire })).body as { __type: string } | undefined)?.__type;
    expect(await code({ target: 'Kinesis_20131202.Nothing' }), 'unknown operation').toBe('UnknownOperationException');
    expect(await code({ body: '' }), 'no body').toBe('SerializationException');
    expect(await code({ body: 'x' }), 'a body that is nothing').toBe('SerializationException');
    const create = { target: 'Kinesis_20131202.CreateStream' };
    for (const input of [{ StreamName: [] }, { StreamName: '' }, { StreamName: 'a', ShardCount: -1 }]) {
      expect(await code({ ...create, input }), JSON.stringify(input)).toBe(MISSING[0]);
      expect(await code({ ...create, input, path: presignedPath(), headers: { Authorization: 'x' } })).toBe(TWO[0]);
      expect(await code({ ...create, input, headers: { Authorization: 'x' } })).toBe('IncompleteSignatureException');
    }
    expect(
      await code({ ...create, input: { StreamName: [] }, headers: { ...DATE, Authorization: authorization() } }),
    ).toBe('SerializationException');
  });
});

describe('with a signature is served', () => {
  it('a header whose parts come in any order, between commas and blanks', async () => {
    const { url } = await startTestServer();
    const words = HEADER_PARTS.map((name) => `${name}=${PARTS[name]}`);
    for (const [a, b, c] of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ] as const) {
      for (const separator of [',', ', ', ' ', '  ,  ', ',,', '\t']) {
        const header = `AWS4-HMAC-SHA256 ${[words[a], words[b], words[c]].join(separator)}`;
        const answer = await ask(url, { headers: { ...DATE, Authorization: header } });
        expect(answer, header).toMatchObject({ status: 200 });
      }
    }
  });

  it.each(['X-Amz-Date', 'Date'])('a header dated in %s', async (name) => {
    const { url } = await startTestServer();
    const headers = { Authorization: authorization(), [name]: 'Fri, 02 Jan 2026 03:04:05 GMT' };
    expect(await ask(url, { headers })).toMatchObject({ status: 200 });
  });

  it('a body in CBOR, in the query too', async () => {
    const { url } = await startTestServer();
    const expected = { status: 200, type: CBOR_TYPE, body: { StreamNames: [], HasMoreStreams: false } };
    expect(await ask(url, { path: presignedPath(), wire: 'cbor' })).toMatchObject(expected);
  });
});

it('AUTH=off takes requests whatever their signature', async () => {
  const { url } = await startTestServer({ settings: { AUTH: 'off' } });
  for (const wire of WIRES) {
    for (const question of [
      {},
      { headers: { Authorization: 'x' } },
      { headers: { Authorization: authorization(['Signature']) } },
      { path: '/?X-Amz-Algorithm=AWS4-HMAC-SHA256', headers: { Authorization: authorization() } },
      { path: presignedPath(['X-Amz-Date']) },
    ] satisfies Question[]) {
      expect(await ask(url, { ...question, wire }), JSON.stringify(question)).toMatchObject({ status: 200 });
    }
  }
});

describe('the short way that SDKs take', () => {
  /** What becomes of a request: what a careful reading finds, and what is done. */
  async function outcomes(request: SignedRequest): Promise<[string, string]> {
    const outcomeOf = async (action: () => unknown) => {
      try {
        await action();
        return 'taken';
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return `${error.code}: ${error.message}`;
      }
    };
    const authenticate = withAnySignature({ account: '000000000000', region: 'us-east-1' });
    return [await outcomeOf(() => readSignature(request)), await outcomeOf(() => authenticate(request, 'kinesis', 0))];
  }

  const requestOf = (url: string, headers: SignedRequest['headers']): SignedRequest => ({
    method: 'POST',
    url,
    headers,
    rawHeaders: [],
    body: Buffer.from('{}'),
  });

  it('leads where reading the signature leads, for any request', async () => {
    const value = fc.constantFrom('', 'a', SCOPE, 'host;x-amz-date', '=', '0123');
    const word = fc
      .tuple(fc.constantFrom('Credential=', 'SignedHeaders=', 'Signature=', 'Credential', 'Other='), value)
      .map((texts) => texts.join(''));
    const header = fc
      .tuple(
        fc.constantFrom('AWS4-HMAC-SHA256 ', 'AWS4-HMAC-SHA256', '', 'Bearer '),
        fc.array(word, { maxLength: 5 }),
        fc.constantFrom(', ', ',', ' '),
      )
      .map(([algorithm, words, separator]) => `${algorithm}${words.join(separator)}`);
    const url = fc.constantFrom(
      '/',
      '/?',
      '/?a=b',
      '/?X-Amz-Algorithm=x',
      presignedPath(),
      presignedPath(['X-Amz-Date']),
    );
    const date = fc.constantFrom(undefined, '', '20260102T030405Z');
    await fc.assert(
      fc.asyncProperty(fc.option(header, { nil: undefined }), url, date, async (authorization, path, dated) => {
        const [read, done] = await outcomes(requestOf(path, { authorization, 'x-amz-date': dated }));
        expect(done).toBe(read);
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 2000) },
    );
  });
});

describe('the controls', () => {
  it('are open to whoever may call without proof, and closed with AUTH=strict', async () => {
    const file = join(temporaryDirectory(), 'credentials');
    writeFileSync(file, '[a]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n');
    const ask = async (settings: Record<string, string>) => {
      const { url } = await startTestServer({ settings });
      const { status, text } = await askHttp1(url, {
        path: '/_millrace/delivery-streams/none/flush',
        headers: { 'Content-Type': 'application/json' },
      });
      return [status, JSON.parse(text).message];
    };
    expect((await ask({}))[0]).toBe(404);
    expect(await ask({ AUTH: 'strict', CREDENTIALS_FILE: file })).toEqual([
      403,
      'There are no controls with AUTH=strict: nobody could sign them.',
    ]);
  });
});
