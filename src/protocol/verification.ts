/**
 * Whether a signature is right: what it should be is computed by the SDKs' own signing library from the request as it
 * was sent. Knows nothing about where secrets are kept.
 */
import { createHash, createHmac, type Hash, type Hmac, timingSafeEqual } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Authentication } from './authentication.ts';
import { ApiError, abbreviated } from './error.ts';
import { accountOf, type Caller, readSignature, type Signature, type SignedRequest } from './signature.ts';

/** Whom access key ids belong to. */
export interface Keyring {
  /** Undefined for an id that nobody has. */
  find(accessKeyId: string): Promise<Key | undefined>;
}

export interface Key {
  readonly secretAccessKey: string;
  /** Set for temporary credentials: requests must bring it along. */
  readonly sessionToken: string | undefined;
  /** When temporary credentials end, in milliseconds since the epoch. */
  readonly expiresMs: number | undefined;
  /** 12 digits; undefined when the access key id tells, or the default account is meant. */
  readonly account: string | undefined;
}

/** Asks for the signature of who has a key of `keyring`. */
export const withVerifiedSignatures =
  (defaults: Caller, keyring: Keyring): Authentication =>
  async (request, service, now) => {
    const signature = readSignature(request);
    const scope = scopeOf(signature);
    const key = await keyring.find(scope.accessKeyId);
    await verify({ request, signature, scope, key, service, now });
    return { account: key?.account ?? accountOf(scope.accessKeyId, defaults), region: scope.region };
  };

/** The parts of `{access key id}/{date}/{region}/{service}/aws4_request`. */
interface Scope {
  readonly accessKeyId: string;
  readonly shortDate: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const TERMINATOR = 'aws4_request';

/** How far the clocks of client and server may be apart. */
const SKEW_MS = 5 * 60_000;

/** A week; no presigned request is valid for longer. */
const EXPIRES_MAX_S = 604_800;

/** The parameters of a presigned request are a handful. */
const PARAMETERS_MAX = 1000;

/** With an unknown key id too, a signature is computed. */
const NOBODY: Key = { secretAccessKey: 'nobody', sessionToken: undefined, expiresMs: undefined, account: undefined };

/**
 * The scope of a signature that this server can judge.
 * @throws ApiError IncompleteSignatureException when the credential has not five parts
 */
function scopeOf({ credential }: Signature): Scope {
  const parts = credential.split('/');
  if (parts.length !== 5 || parts.includes('')) {
    const message =
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, ' +
      `got '${abbreviated(credential)}'`;
    throw new ApiError('IncompleteSignatureException', message);
  }
  const [accessKeyId, shortDate, region, service, terminator] = parts as [string, string, string, string, string];
  return { accessKeyId, shortDate, region, service, terminator };
}

interface Verification {
  readonly request: SignedRequest;
  readonly signature: Signature;
  readonly scope: Scope;
  /** Undefined for an access key id that nobody has. */
  readonly key: Key | undefined;
  /** The name under which requests of the service are signed. */
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Resolves when the request was signed by who has `key`, for this service and this time.
 * @throws ApiError UnrecognizedClientException, ExpiredTokenException or InvalidSignatureException, in AWS's words
 */
async function verify(verification: Verification): Promise<void> {
  const { signature, key, now } = verification;
  const date = dateOf(signature.date);
  const expected = await expectedSignature(verification, date ?? new Date(0));
  const isRight = isSame(signature.signature, expected.signature);
  const isTokenRight = isSame(signature.sessionToken ?? '', key?.sessionToken ?? '');
  if (key === undefined || !isTokenRight) {
    throw new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  if (key.expiresMs !== undefined && now >= key.expiresMs) {
    throw new ApiError('ExpiredTokenException', 'The security token included in the request is expired');
  }
  if (date === undefined)
    throw invalid(`Date must be in ISO-8601 'basic format'. Got '${abbreviated(signature.date)}'.`);
  assertForm(verification, date);
  // Signatures know no fractions of seconds.
  assertInTime(signature, date.getTime(), Math.floor(now / 1000) * 1000);
  if (!isRight) throw invalid(mismatchOf(expected));
}

/** Of equal time whatever the difference; only lengths show. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length ? timingSafeEqual(a, b) : !timingSafeEqual(b, b);
}

/** `20260102T030405Z`, or what the header Date may hold. */
function dateOf(text: string): Date | undefined {
  const basic = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const isHttpDate = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text);
  if (basic === null && !isHttpDate) return undefined;
  const [, year, month, day, hour, minute, second] = basic ?? [];
  const date = new Date(basic === null ? text : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** What must hold before a signature says anything. */
function assertForm({ request, signature, scope, service }: Verification, date: Date): void {
  const { shortDate, terminator } = scope;
  if (signature.algorithm !== ALGORITHM) {
    throw new ApiError('IncompleteSignatureException', `Unsupported AWS 'algorithm': '${signature.algorithm}'.`);
  }
  if (terminator !== TERMINATOR) {
    throw invalid(`Credential should be scoped with a valid terminator: '${TERMINATOR}', not '${terminator}'.`);
  }
  if (!/^[a-z0-9-]{1,64}$/.test(scope.region)) {
    throw invalid(`Credential should be scoped to a valid region, not '${abbreviated(scope.region)}'.`);
  }
  if (scope.service !== service) throw invalid(`Credential should be scoped to correct service: '${service}'.`);
  if (shortDate !== basicOf(date.getTime()).slice(0, 8)) {
    throw invalid(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${shortDate}' != '${basicOf(date.getTime()).slice(0, 8)}', from '${signature.date}'.`,
    );
  }
  // The JavaScript SDK signs HTTP/2's name of it.
  if (!signature.signedHeaders.some((name) => name === 'host' || name === ':authority')) {
    throw invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  // AWS's documentation asks for every X-Amz-* header. This one says what is done.
  if (!signature.signedHeaders.includes('x-amz-target')) {
    throw invalid("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
  }
  const absent = signature.signedHeaders.find((name) => valuesOf(request, name).length === 0);
  if (absent !== undefined) throw invalid(`The header '${abbreviated(absent)}' was signed, but is not in the request.`);
}

function assertInTime({ place, expires }: Signature, signedMs: number, now: number): void {
  const validMs = place === 'query' && expires !== undefined ? expiresMsOf(expires) : SKEW_MS;
  const [signed, current] = [basicOf(signedMs), basicOf(now)];
  if (now - signedMs > validMs) {
    const oldest = `${basicOf(now - validMs)} (${current} - ${Math.ceil(validMs / 60_000)} min.)`;
    throw invalid(`Signature expired: ${signed} is now earlier than ${oldest}`);
  }
  if (signedMs - now > SKEW_MS) {
    const newest = `${basicOf(now + SKEW_MS)} (${current} + ${SKEW_MS / 60_000} min.)`;
    throw invalid(`Signature not yet current: ${signed} is still later than ${newest}`);
  }
}

function expiresMsOf(expires: string): number {
  const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : 0;
  if (seconds >= 1 && seconds <= EXPIRES_MAX_S) return seconds * 1000;
  throw invalid(`X-Amz-Expires must be a number of seconds from 1 to ${EXPIRES_MAX_S}.`);
}

/** `20260102T030405Z`. */
const basicOf = (ms: number) => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');

const invalid = (message: string) => new ApiError('InvalidSignatureException', message);

interface Expected {
  readonly signature: string;
  readonly canonicalRequest: string;
  readonly stringToSign: string;
}

/** Both texts are of the client's own making: its headers, and hashes. */
const mismatchOf = ({ canonicalRequest, stringToSign }: Expected) =>
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.\n\n' +
  `The Canonical String for this request should have been\n'${abbreviated(canonicalRequest)}'\n\n` +
  `The String-to-Sign should have been\n'${abbreviated(stringToSign)}'\n`;

async function expectedSignature(
  { request, signature, scope, key = NOBODY }: Verification,
  date: Date,
): Promise<Expected> {
  const { accessKeyId, region, service } = scope;
  const signer = new Signer({
    credentials: { accessKeyId, secretAccessKey: key.secretAccessKey },
    region,
    service,
    sha256: Sha256,
  });
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
  throw invalid(`A request may have ${PARAMETERS_MAX} query-string parameters.`);
}

/** The signed headers in canonical form: several of one name joined by commas, several blanks as one. */
function canonicalHeadersOf(request: SignedRequest, signedHeaders: readonly string[]): Record<string, string> {
  const canonical: Record<string, string> = Object.create(null);
  for (const name of signedHeaders) canonical[name] = valuesOf(request, name).map(withoutBlanks).join(',');
  return canonical;
}

/** The values of a header, by its name in lower case, in their order. */
function valuesOf({ headers, rawHeaders }: SignedRequest, wanted: string): string[] {
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
