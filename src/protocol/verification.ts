/** Whether a signature is right. Knows nothing about where secrets are kept. */
import { timingSafeEqual } from 'node:crypto';
import type { Authentication } from './authentication.ts';
import { ApiError, abbreviated, invalidSignature } from './error.ts';
import { ALGORITHM, type Expected, expectedSignature, type Scope, TERMINATOR, valuesOf } from './expected-signature.ts';
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

/** How far the clocks of client and server may be apart. */
const SKEW_MS = 5 * 60_000;

/** A week; no presigned request is valid for longer. */
const EXPIRES_MAX_S = 604_800;

/** With an unknown key id too, a signature is computed. */
const SECRET_OF_NOBODY = 'nobody';

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
  const { request, signature, scope, key, now } = verification;
  const date = dateOf(signature.date);
  const secretAccessKey = key?.secretAccessKey ?? SECRET_OF_NOBODY;
  const expected = await expectedSignature({ request, signature, scope, secretAccessKey, date: date ?? new Date(0) });
  const isRight = isSame(signature.signature, expected.signature);
  const isTokenRight = isSame(signature.sessionToken ?? '', key?.sessionToken ?? '');
  if (key === undefined || !isTokenRight) {
    throw new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  if (key.expiresMs !== undefined && now >= key.expiresMs) {
    throw new ApiError('ExpiredTokenException', 'The security token included in the request is expired');
  }
  if (date === undefined) {
    throw invalidSignature(`Date must be in ISO-8601 'basic format'. Got '${abbreviated(signature.date)}'.`);
  }
  assertForm(verification, date);
  // Signatures know no fractions of seconds.
  assertInTime(signature, date.getTime(), Math.floor(now / 1000) * 1000);
  if (!isRight) throw invalidSignature(mismatchOf(expected));
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
    throw invalidSignature(
      `Credential should be scoped with a valid terminator: '${TERMINATOR}', not '${terminator}'.`,
    );
  }
  if (!/^[a-z0-9-]{1,64}$/.test(scope.region)) {
    throw invalidSignature(`Credential should be scoped to a valid region, not '${abbreviated(scope.region)}'.`);
  }
  if (scope.service !== service)
    throw invalidSignature(`Credential should be scoped to correct service: '${service}'.`);
  if (shortDate !== basicOf(date.getTime()).slice(0, 8)) {
    throw invalidSignature(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${shortDate}' != '${basicOf(date.getTime()).slice(0, 8)}', from '${signature.date}'.`,
    );
  }
  // The JavaScript SDK signs HTTP/2's name of it.
  if (!signature.signedHeaders.some((name) => name === 'host' || name === ':authority')) {
    throw invalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  // AWS's documentation asks for every X-Amz-* header. This one says what is done, unless the path or the body does, which
  // are signed always.
  if (request.headers['x-amz-target'] !== undefined && !signature.signedHeaders.includes('x-amz-target')) {
    throw invalidSignature("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
  }
  const absent = signature.signedHeaders.find((name) => valuesOf(request, name).length === 0);
  if (absent !== undefined)
    throw invalidSignature(`The header '${abbreviated(absent)}' was signed, but is not in the request.`);
}

function assertInTime({ place, expires }: Signature, signedMs: number, now: number): void {
  const validMs = place === 'query' && expires !== undefined ? expiresMsOf(expires) : SKEW_MS;
  const [signed, current] = [basicOf(signedMs), basicOf(now)];
  if (now - signedMs > validMs) {
    const oldest = `${basicOf(now - validMs)} (${current} - ${Math.ceil(validMs / 60_000)} min.)`;
    throw invalidSignature(`Signature expired: ${signed} is now earlier than ${oldest}`);
  }
  if (signedMs - now > SKEW_MS) {
    const newest = `${basicOf(now + SKEW_MS)} (${current} + ${SKEW_MS / 60_000} min.)`;
    throw invalidSignature(`Signature not yet current: ${signed} is still later than ${newest}`);
  }
}

function expiresMsOf(expires: string): number {
  const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : 0;
  if (seconds >= 1 && seconds <= EXPIRES_MAX_S) return seconds * 1000;
  throw invalidSignature(`X-Amz-Expires must be a number of seconds from 1 to ${EXPIRES_MAX_S}.`);
}

/** `20260102T030405Z`. */
const basicOf = (ms: number) => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');

/** Both texts are of the client's own making: its headers, and hashes. */
const mismatchOf = ({ canonicalRequest, stringToSign }: Expected) =>
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.\n\n' +
  `The Canonical String for this request should have been\n'${abbreviated(canonicalRequest)}'\n\n` +
  `The String-to-Sign should have been\n'${abbreviated(stringToSign)}'\n`;
