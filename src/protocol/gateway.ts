/**
 * Request bytes → response bytes, in AWS's order of checks: body, target, (authentication), types, constraints,
 * operation. Knows no socket and no service. A reply never precedes the commit of what it tells.
 */
import { isUtf8 } from 'node:buffer';
import type { Call, CallDefaults, World } from '../call.ts';
import { WriteUnavailable } from '../database/writer.ts';
import type { QuotaName } from '../quotas.ts';
import { decodeJson } from './decode.ts';
import { encodeJson } from './encode.ts';
import {
  ApiError,
  COMMON_ERRORS,
  internalFailure,
  serializationException,
  unknownOperationException,
} from './error.ts';
import { isNestingAllowed } from './nesting.ts';
import type { Operation, Output, Service } from './operation.ts';
import { presignedInput } from './presigned.ts';
import { callerOf } from './signature.ts';
import { validate } from './validate.ts';

export interface WireRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly contentType: string | undefined;
  /** X-Amz-Target: `{service}.{operation}`. */
  readonly target: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

export interface WireResponse {
  readonly status: number;
  /** Belongs to the receiver, who may add to it. */
  readonly headers: Record<string, string | number>;
  readonly body: string;
}

export interface Gateway {
  /** Answers a request. Never rejects: whatever goes wrong becomes an answer and, when it is a bug, a log line. */
  handle(request: WireRequest): Promise<WireResponse>;
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/x-amz-json-1.1', 'application/x-amz-json-1.0']);

type Targets = ReadonlyMap<string, { readonly operation: Operation; readonly service: Service }>;

export function createGateway(services: readonly Service[], world: World, defaults: CallDefaults): Gateway {
  const targets: Targets = new Map(
    services.flatMap((service) =>
      [...service.operations].map(
        ([name, operation]) => [`${service.target}.${name}`, { operation, service }] as const,
      ),
    ),
  );
  return { handle: (request) => answer(request, targets, world, defaults) };
}

async function answer(
  request: WireRequest,
  targets: Targets,
  world: World,
  defaults: CallDefaults,
): Promise<WireResponse> {
  const startedMs = world.clock.monotonicMs();
  const requestId = world.clock.randomUuid();
  const { target, contentType } = request;
  const mediaType = mediaTypeOf(contentType);
  const headers: WireResponse['headers'] = {
    'x-amzn-RequestId': requestId,
    'x-amz-id-2': world.clock.randomBytes(72).toString('base64'),
    'Content-Type': mediaType,
  };
  const unroutable = answerUnroutable(request, mediaType, targets);
  if (unroutable !== undefined) {
    delete headers['Content-Type'];
    return { ...unroutable, headers: Object.assign(headers, unroutable.headers) };
  }
  let response: WireResponse;
  try {
    const found = targets.get(target ?? '');
    if (found === undefined && request.body.length === 0) throw unknownOperationException();
    const json = presignedBody(request, found?.operation) ?? parseBody(request.body);
    if (found === undefined) throw unknownOperationException();
    const { operation, service } = found;
    // Authentication will be checked here: after the target is known, before any member is looked at.
    const { account, region } = callerOf(request.authorization, request.url, defaults);
    const input = decodeJson(operation.input, json);
    validate(operation.input, input, { quotas: world.quotas, showsValues: service.showsValues });
    const { clock, database, log, quotas, rates, transitionMs, dataDir } = world;
    // Member by member: spreading the world costs a microsecond on every request.
    const call: Call = {
      clock,
      database,
      log,
      quotas,
      rates,
      transitionMs,
      dataDir,
      now: clock.now(),
      account,
      region,
      requestId,
    };
    if (operation.rate !== undefined) assertRate(operation.rate, target!, service, call);
    const output = await run(operation, input, call);
    response = { status: 200, headers, body: output === undefined ? '' : encodeJson(output) };
  } catch (error) {
    response = answerError(error, request, headers, targets.get(target ?? '')?.operation, world);
  }
  world.log.debug({ target, status: response.status, ms: world.clock.monotonicMs() - startedMs, requestId }, 'request');
  return response;
}

/** A call that is refused costs nothing. */
function assertRate(rate: QuotaName, target: string, { rateExceeded }: Service, call: Call): void {
  const { account, region, now, quotas, rates } = call;
  const budget = rates.budget(`${target} ${account} ${region}`, rate, now);
  if (budget.hasRoomFor(1, now)) return budget.use(1, now);
  if (rates.refuse({ target, account, region })) throw rateExceeded(account, quotas[rate]);
}

function run(operation: Operation, input: never, call: Call): Output | Promise<Output> {
  if (operation.access === 'read') return operation.run(input, call);
  return call.database.write(() => operation.run(input, call) as never);
}

const mediaTypeOf = (contentType: string | undefined) => (contentType ?? '').split(';', 1)[0]!.trim();

const presignedBody = ({ body, url }: WireRequest, operation: Operation | undefined) =>
  body.length === 0 && operation !== undefined ? presignedInput(operation.input, url) : undefined;

function parseBody(body: Buffer): unknown {
  if (body.length === 0 || !isUtf8(body) || !isNestingAllowed(body)) throw serializationException();
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw serializationException();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw serializationException();
  return value;
}

/** The answer to requests that are not AWS JSON at all; undefined for those that are. */
function answerUnroutable(
  { method, target, body }: WireRequest,
  mediaType: string,
  targets: Targets,
): WireResponse | undefined {
  if (method !== 'POST') return FORBIDDEN;
  if (JSON_TYPES.has(mediaType)) return undefined;
  if (body.length === 0) {
    const code = targets.has(target ?? '') ? 'SerializationException' : 'UnknownOperationException';
    return {
      status: 400,
      headers: { 'Content-Type': 'application/x-amz-json-1.1' },
      body: encodeJson({ __type: code }),
    };
  }
  if (mediaType === 'application/json') return answerPlainJson(body);
  if (target === undefined) return FORBIDDEN;
  // Refused by name: a CBOR client cannot read a JSON error, but its user can read this one.
  const message = mediaType === 'application/x-amz-cbor-1.1' ? `<Message>${CBOR_REFUSED}</Message>` : '';
  return {
    status: 404,
    headers: {},
    body:
      message === ''
        ? '<UnknownOperationException/>\n'
        : `<UnknownOperationException>${message}</UnknownOperationException>\n`,
  };
}

const CBOR_REFUSED =
  'This version of Millrace speaks JSON only; switch CBOR off in the client ' +
  '(Java SDK v2: -Daws.cborEnabled=false, v1: AWS_CBOR_DISABLE=1)';

const FORBIDDEN: WireResponse = {
  status: 403,
  headers: {},
  body:
    '<AccessDeniedException>\n' +
    '  <Message>Unable to determine service/operation name to be authorized</Message>\n' +
    '</AccessDeniedException>\n',
};

/** AWS answers `application/json`, which no SDK sends, in a form of its own. */
function answerPlainJson(body: Buffer): WireResponse {
  const headers = { 'Content-Type': 'application/json' };
  const output = (code: string) =>
    encodeJson({ Output: { __type: `com.amazon.coral.service#${code}` }, Version: '1.0' });
  try {
    parseBody(body);
  } catch {
    return { status: 400, headers, body: output('SerializationException') };
  }
  return { status: 404, headers, body: output('UnknownOperationException') };
}

function answerError(
  thrown: unknown,
  { target }: WireRequest,
  headers: WireResponse['headers'],
  operation: Operation | undefined,
  { log }: World,
): WireResponse {
  const error = asApiError(thrown);
  const requestId = headers['x-amzn-RequestId'];
  if (error !== thrown) log.error({ err: thrown, target, requestId }, 'A request failed inside the server.');
  else if (operation && !COMMON_ERRORS.has(error.code) && !operation.errors.includes(error.code)) {
    log.error({ target, code: error.code, requestId }, 'An operation threw an error that it does not declare.');
  }
  // AWS spells the key differently for this one error.
  const key = error.code === 'SerializationException' ? 'Message' : 'message';
  return {
    status: error.status,
    headers: { ...headers, 'x-amzn-ErrorType': error.code },
    body: encodeJson({ __type: error.code, [key]: error.message === '' ? undefined : error.message }),
  };
}

function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  // Worth telling the client: the request was not applied and may be tried again.
  return internalFailure(thrown instanceof WriteUnavailable ? thrown.message : '');
}
