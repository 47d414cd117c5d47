/**
 * The signature that a request should have, computed by the SDKs' own signing library from the request as it was sent.
 */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { invalidSignature } from './error.ts';
import type { Signature, SignedRequest } from './signature.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const TERMINATOR = 'aws4_request';

/** The parameters of a presigned request are a handful. */
const PARAMETERS_MAX = 1000;

/** The parts of `{access key id}/{date}/{region}/{service}/aws4_request`. */
export interface Scope {
  readonly accessKeyId: string;
  readonly shortDate: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
}

export interface Expected {
  readonly signature: string;
  readonly canonicalRequest: string;
  readonly stringToSign: string;
}

export interface SigningFacts {
  readonly request: SignedRequest;
  /** What the client has signed stands in it. */
  readonly signature: Signature;
  readonly scope: Scope;
  readonly secretAccessKey: string;
  readonly date: Date;
}

/** @throws ApiError when the request has too many parameters */
export function expectedSignature({
  request,
  signature,
  scope,
  secretAccessKey,
  date,
}: SigningFacts): Promise<Expected> {
  const { accessKeyId, region, service } = scope;
  const signer = new Signer({ credentials: { accessKeyId, secretAccessKey }, region, service, sha256: Sha256 });
  return signer.expected(request, signature.signedHeaders, date);
}

/** Opens the steps of signing: a signature must be computed from exactly the headers that the client has signed. */
class Signer extends SignatureV4 {
  async expected(request: SignedRequest, signedHeaders: readonly string[], date: Date): Promise<Expected> {
    const { longDate, shortDate } = this.formatDate(date);
    const canonicalRequest = this.createCanonicalRequest(
      canonicalPartsOf(request),
      canonicalHeadersOf(request, signedHeaders),
      // Of what was sent, whatever X-Amz-Content-Sha256 says: it is checked by being among the signed headers.
      createHash('sha256').update(request.body).digest('hex'),
    );
    const region = await this.regionProvider();
    const scope = `${shortDate}/${region}/${this.service}/${TERMINATOR}`;
    const stringToSign = await this.createStringToSign(longDate, scope, canonicalRequest, ALGORITHM);
    const signature = await this.sign(stringToSign, { signingDate: date });
    return { signature, canonicalRequest, stringToSign };
  }
}

type CanonicalParts = Parameters<Signer['createCanonicalRequest']>[0];

/** The query is decoded as presigned.ts decodes it: what was verified is what is read. */
function canonicalPartsOf({ method, url }: SignedRequest): CanonicalParts {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  // Without a prototype: names are the client's.
  const query: Record<string, string[]> = Object.create(null);
  for (const [name, value] of parametersOf(queryAt < 0 ? '' : url.slice(queryAt))) {
    query[name] ??= [];
    query[name].push(value);
  }
  return { method, path, query } as unknown as CanonicalParts;
}

/** The signing library's time grows with the square of their number. */
function parametersOf(search: string): URLSearchParams {
  const parameters = new URLSearchParams(search);
  if (parameters.size <= PARAMETERS_MAX) return parameters;
  throw invalidSignature(`A request may have ${PARAMETERS_MAX} query-string parameters.`);
}

/** The signed headers in canonical form: several of one name joined by commas, several blanks as one. */
function canonicalHeadersOf(request: SignedRequest, signedHeaders: readonly string[]): Record<string, string> {
  const canonical: Record<string, string> = Object.create(null);
  for (const name of signedHeaders) canonical[name] = valuesOf(request, name).map(withoutBlanks).join(',');
  return canonical;
}

/** The values of a header, by its name in lower case, in their order. */
export function valuesOf({ headers, rawHeaders }: SignedRequest, wanted: string): string[] {
  const isHttp2 = headers[':path'] !== undefined;
  const values = rawHeaders
    .filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === wanted)
    // Node reads the bytes of HTTP/1.1 as Latin-1; what was signed is UTF-8.
    .map((value) => (isHttp2 ? value : Buffer.from(value, 'latin1').toString()));
  // HTTP/2 has a pseudo-header instead.
  const authority = headers[':authority'];
  return values.length === 0 && wanted === 'host' && authority !== undefined ? [String(authority)] : values;
}

/** Only the two characters that HTTP calls blanks: others belong to the value. */
const withoutBlanks = (value: string) => value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');

/** Node's hashes in the form of a constructor that the signing library asks for. */
class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }

  update(data: Uint8Array): void {
    this.hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {
    throw new Error('A hash is used once.');
  }
}
