/**
 * An AWS Signature Version 4 signer written from AWS's public description of the algorithm, and from nothing else: the
 * server verifies with the library that the JavaScript SDKs sign with, which cannot be its own judge.
 */
import { createHash, createHmac } from 'node:crypto';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface Plain {
  readonly method: string;
  /** As it is sent: percent-encoded once. */
  readonly path: string;
  /** Names and values in any order, not encoded. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Those that are signed, in any case and order; of one name several. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | Buffer;
}

export interface Signing {
  readonly credentials: Credentials;
  /** `20260102T030405Z`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** Parts of the credential scope that are to differ from what they should be. */
  readonly shortDate?: string;
  readonly terminator?: string;
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Byte by byte: only letters, digits and `-._~` stay as they are. */
export const uriEncoded = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');

const inOrder = (texts: readonly string[]) => [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.map(uriEncoded).join('/')}${end}`;
}

const queryText = (query: Plain['query']) => query.map(([name, value]) => `${uriEncoded(name)}=${uriEncoded(value)}`);

function namesOf(headers: Plain['headers']): string[] {
  return inOrder([...new Set(headers.map(([name]) => name.toLowerCase()))]);
}

function canonicalHeaders(headers: Plain['headers']): string {
  const lines = namesOf(headers).map((name) => {
    const values = headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value);
    return `${name}:${values.map((value) => value.replace(/^ +| +$/g, '').replace(/ +/g, ' ')).join(',')}\n`;
  });
  return lines.join('');
}

export const signedHeadersOf = ({ headers }: Plain) => namesOf(headers).join(';');

export const scopeOf = ({
  date,
  region,
  service,
  shortDate = date.slice(0, 8),
  terminator = 'aws4_request',
}: Signing) => `${shortDate}/${region}/${service}/${terminator}`;

export function signatureOf(request: Plain, signing: Signing): string {
  const { method, path, query, headers, body } = request;
  // Joined before they are put in order, so that several values of one name are in order too.
  const canonicalQuery = query
    .map(([name, value]) => [uriEncoded(name), uriEncoded(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? Number(x > y) - Number(x < y) : Number(a > b) - Number(a < b)))
    .map((pair) => pair.join('='))
    .join('&');
  const canonical = [
    method,
    canonicalPath(path),
    canonicalQuery,
    canonicalHeaders(headers),
    signedHeadersOf(request),
    sha256(body),
  ];
  const toSign = ['AWS4-HMAC-SHA256', signing.date, scopeOf(signing), sha256(canonical.join('\n'))].join('\n');
  let key: string | Buffer = `AWS4${signing.credentials.secretAccessKey}`;
  for (const part of scopeOf(signing).split('/')) key = hmac(key, part);
  return hmac(key, toSign).toString('hex');
}

/** The request with the header Authorization and what belongs to it. */
export function withSignature(request: Plain, signing: Signing): Plain {
  const { accessKeyId, sessionToken } = signing.credentials;
  const token = sessionToken === undefined ? [] : [['X-Amz-Security-Token', sessionToken] as const];
  const dated = { ...request, headers: [...request.headers, ['X-Amz-Date', signing.date] as const, ...token] };
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scopeOf(signing)}, ` +
    `SignedHeaders=${signedHeadersOf(dated)}, Signature=${signatureOf(dated, signing)}`;
  return { ...dated, headers: [...dated.headers, ['Authorization', authorization] as const] };
}

/** The request with a signature in its query. */
export function presigned(request: Plain, signing: Signing, expires: string | undefined): Plain {
  const { accessKeyId, sessionToken } = signing.credentials;
  const query: (readonly [string, string])[] = [
    ...request.query,
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${accessKeyId}/${scopeOf(signing)}`],
    ['X-Amz-Date', signing.date],
    ['X-Amz-SignedHeaders', signedHeadersOf(request)],
  ];
  if (expires !== undefined) query.push(['X-Amz-Expires', expires]);
  if (sessionToken !== undefined) query.push(['X-Amz-Security-Token', sessionToken]);
  const signed = { ...request, query };
  return { ...signed, query: [...query, ['X-Amz-Signature', signatureOf(signed, signing)] as const] };
}

/** Path and query as they are sent. */
export const urlOf = ({ path, query }: Plain) => (query.length === 0 ? path : `${path}?${queryText(query).join('&')}`);
