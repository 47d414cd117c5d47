/**
 * AWS Signature Version 4 as requests carry it: in the header Authorization, or, presigned, in the query string. Read
 * here; whether it is right is the business of verification.ts.
 */
import { ApiError, abbreviated, invalidSignature } from './error.ts';

/** The parts of a request that a signature stands in or speaks of. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly url: string;
  /** By lower-case name, as node gives them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** What `{access key id}/{date}/{region}/{service}/aws4_request` says about the caller. */
export interface Caller {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
}

/** In the header, or URL-encoded in the query string. */
const CREDENTIAL = /Credential=([^/,\s&%]{1,128})(?:\/|%2[Ff])\d{8}(?:\/|%2[Ff])([a-z0-9-]{1,64})(?:\/|%2[Ff])/;

/**
 * A 12-digit access key id is an account of its own, which keeps the data of several accounts apart without any set-up.
 * The region is that of the credential scope.
 */
export function callerOf({ headers, url }: SignedRequest, defaults: Caller): Caller {
  const credential = CREDENTIAL.exec((headers.authorization as string | undefined) || url);
  if (credential === null) return defaults;
  const [, accessKeyId, region] = credential;
  return { account: accountOf(accessKeyId!, defaults), region: region! };
}

export const accountOf = (accessKeyId: string, defaults: Caller) =>
  /^\d{12}$/.test(accessKeyId) ? accessKeyId : defaults.account;

/** A complete signature. */
export interface Signature {
  /** `header`, or `query` of a presigned request. */
  readonly place: 'header' | 'query';
  readonly algorithm: string;
  readonly credential: string;
  /** Names in lower case. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** X-Amz-Date as it was sent; in a header it may be Date instead. */
  readonly date: string;
  /** X-Amz-Expires of a presigned request, as it was sent. */
  readonly expires: string | undefined;
  readonly sessionToken: string | undefined;
}

const ALGORITHM = 'X-Amz-Algorithm';

/**
 * The signature of `request`, whether it is right or not.
 * @throws ApiError in AWS's words when there is none, two of them, or one that lacks a part
 */
export function readSignature(request: SignedRequest): Signature {
  const authorization = request.headers.authorization as string | undefined;
  const query = queryOf(request.url);
  if (!authorization) return signatureOfQuery(query);
  if (query.has(ALGORITHM)) throw invalidSignature(TWO_SIGNATURES);
  return signatureOfHeader(authorization, request.headers);
}

/** As SDKs write it. */
const COMPLETE = /^AWS4-HMAC-SHA256 Credential=[^,\s]+,\s?SignedHeaders=[^,\s]+,\s?Signature=[^,\s]+$/;

/**
 * Like `readSignature`, for those who only want to know whether it would throw. Cheap for what SDKs send.
 * @throws ApiError
 */
export function assertSigned(request: SignedRequest): void {
  const { authorization = '', 'x-amz-date': date } = request.headers as Record<string, string | undefined>;
  const isComplete = COMPLETE.test(authorization) && Boolean(date) && !request.url.includes('?');
  if (!isComplete) readSignature(request);
}

const TWO_SIGNATURES = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";

const EMPTY_QUERY = new URLSearchParams();

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?');
  return start < 0 ? EMPTY_QUERY : new URLSearchParams(url.slice(start));
}

function signatureOfHeader(authorization: string, headers: SignedRequest['headers']): Signature {
  const [algorithm, ...words] = authorization.split(/[,\s]+/);
  const partOf = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const credential = partOf('Credential');
  const signature = partOf('Signature');
  const signedHeaders = partOf('SignedHeaders');
  const date = headers['x-amz-date'] ?? headers.date;
  if (!credential || !signature || !signedHeaders || !date) {
    const missing = [
      credential ? '' : "Authorization header requires 'Credential' parameter. ",
      signature ? '' : "Authorization header requires 'Signature' parameter. ",
      signedHeaders ? '' : "Authorization header requires 'SignedHeaders' parameter. ",
      date ? '' : "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
    ];
    throw incomplete(`${missing.join('')}Authorization=${abbreviated(authorization)}`);
  }
  return {
    place: 'header',
    algorithm: algorithm!,
    credential,
    signature,
    signedHeaders: signedHeaders.split(';'),
    date: String(date),
    expires: undefined,
    sessionToken: headers['x-amz-security-token'] as string | undefined,
  };
}

/** In the order in which AWS names those that are missing. */
const QUERY_PARTS = [ALGORITHM, 'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date'] as const;

function signatureOfQuery(query: URLSearchParams): Signature {
  // Whatever else is in the query: without its algorithm there is no signature in it.
  if (!query.has(ALGORITHM)) {
    throw new ApiError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const parts = QUERY_PARTS.map((name) => query.get(name) ?? '');
  const missing = QUERY_PARTS.filter((_name, index) => parts[index] === '');
  if (missing.length > 0) {
    const sentences = missing.map((name) => `AWS query-string parameters must include '${name}'. `);
    throw incomplete(`${sentences.join('')}Re-examine the query-string parameters.`);
  }
  const [algorithm, credential, signature, signedHeaders, date] = parts as [string, string, string, string, string];
  return {
    place: 'query',
    algorithm,
    credential,
    signature,
    signedHeaders: signedHeaders.split(';'),
    date,
    expires: query.get('X-Amz-Expires') ?? undefined,
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
  };
}

const incomplete = (message: string) => new ApiError('IncompleteSignatureException', message);
