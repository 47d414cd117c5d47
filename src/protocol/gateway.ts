/**
 * Request bytes → response bytes, in AWS's order of checks: body, target, authentication, types, constraints,
 * operation. Knows no socket, no service and no wire form. A reply never precedes the commit of what it tells.
 */
import type { Call, World } from '../call.ts';
import { WriteUnavailable } from '../database/writer.ts';
import type { QuotaName } from '../quotas.ts';
import type { Authentication } from './authentication.ts';
import type { Codec } from './codec.ts';
import { contentOf } from './compressed-body.ts';
import {
  ApiError,
  COMMON_ERRORS,
  internalFailure,
  serializationException,
  unknownOperationException,
} from './error.ts';
import { EVENT_STREAM_TYPE, EventStream } from './event-stream.ts';
import { json } from './json.ts';
import type { Output, Service } from './operation.ts';
import { presignedInput } from './presigned.ts';
import { type Route, Routes, type Target } from './routing.ts';
import type { Caller, SignedRequest } from './signature.ts';
import { answerUnroutable } from './unroutable.ts';
import { validate } from './validate.ts';
import type { WireValue } from './wire-value.ts';

/** A request as it came over the wire, whatever the protocol below. X-Amz-Target is `{service}.{operation}`. */
export type WireRequest = SignedRequest;

export interface WireResponse {
  readonly status: number;
  /** Belongs to the receiver, who may add to it. */
  readonly headers: Record<string, string | number>;
  readonly body: string | Buffer | EventStream;
}

export interface Gateway {
  /** Answers a request. Never rejects: whatever goes wrong becomes an answer and, when it is a bug, a log line. */
  handle(request: WireRequest): Promise<WireResponse>;
}

export function createGateway(services: readonly Service[], world: World, authenticate: Authentication): Gateway {
  const routes = new Routes(services);
  return { handle: (request) => answer(request, routes, world, authenticate) };
}

async function answer(
  request: WireRequest,
  routes: Routes,
  world: World,
  authenticate: Authentication,
): Promise<WireResponse> {
  const startedMs = world.clock.monotonicMs();
  const requestId = world.clock.randomUuid();
  const mediaType = mediaTypeOf(request.headers['content-type'] as string | undefined);
  const headers: WireResponse['headers'] = {
    'x-amzn-RequestId': requestId,
    'x-amz-id-2': world.clock.randomBytes(72).toString('base64'),
  };
  const route = routes.find(request, mediaType);
  if (route === undefined) return answerWithoutRoute(request, mediaType, routes, headers);
  headers['Content-Type'] = route.form.contentType;
  let response: WireResponse;
  try {
    const output = await perform(request, route, requestId, world, authenticate);
    response = { status: 200, headers, body: bodyOf(output, headers, route) };
  } catch (error) {
    response = answerError(error, route, headers, world);
  }
  const { status } = response;
  world.log.debug({ target: route.name, status, ms: world.clock.monotonicMs() - startedMs, requestId }, 'request');
  return response;
}

function answerWithoutRoute(
  { method, headers: sent, body }: WireRequest,
  mediaType: string,
  routes: Routes,
  headers: WireResponse['headers'],
): WireResponse {
  const target = sent['x-amz-target'] as string | undefined;
  const isTargetKnown = routes.target(target) !== undefined;
  const { contentType, ...answer } = answerUnroutable({ method, mediaType, target, isTargetKnown, body });
  if (contentType !== undefined) headers['Content-Type'] = contentType;
  return { ...answer, headers };
}

function bodyOf(output: Output, headers: WireResponse['headers'], route: Route): WireResponse['body'] {
  if (!(output instanceof EventStream)) return route.form.write(output as WireValue, route, headers);
  headers['Content-Type'] = EVENT_STREAM_TYPE;
  return output;
}

/** The checks in AWS's order, then the operation. Waits for nothing that is there already: it is on every hot path. */
function perform(
  request: WireRequest,
  route: Route,
  requestId: string,
  world: World,
  authenticate: Authentication,
): Output | Promise<Output> {
  const input = readInput(request, route);
  const { target } = route;
  if (target === undefined) throw unknownOperationException();
  const now = world.clock.now();
  const proceed = (caller: Caller, at: number) => runTarget(target, input, callOf(world, caller, at, requestId));
  const caller = authenticate(request, target.service.signingName, now);
  if (!(caller instanceof Promise)) return proceed(caller, now);
  // What others wrote meanwhile must not lie in the future of this call: it would take their changes for done.
  return caller.then((known) => proceed(known, world.clock.now()));
}

/** An input that is not decoded yet, and what knows its forms. */
interface UndecodedInput {
  readonly codec: Pick<Codec, 'decode'>;
  readonly parsed: object;
}

/** The body, or what a presigned request has instead of one. */
function readInput(request: WireRequest, { form, target, parsed, problem }: Route): UndecodedInput {
  if (problem !== undefined) throw problem;
  const { codec } = form;
  if (parsed !== undefined) return { codec, parsed };
  // Only clients of these services compress; AWS's others do not look at what a Content-Encoding says.
  const body = target?.service.query === undefined ? request.body : contentOf(request);
  if (body.length > 0) return { codec, parsed: codec.parse(body) };
  if (target === undefined) throw unknownOperationException();
  const input = presignedInput(target.operation.input, request.url);
  if (input === undefined) throw serializationException();
  return { codec: json, parsed: input };
}

type MovableCall = { -readonly [Member in keyof Call]: Call[Member] };

/** Member by member: spreading the world costs a microsecond on every request. */
function callOf(world: World, { account, region }: Caller, now: number, requestId: string): MovableCall {
  const { clock, database, log, quotas, rates, transitionMs, dataDir } = world;
  return { clock, database, log, quotas, rates, transitionMs, dataDir, now, account, region, requestId };
}

/** A call that is refused costs nothing. */
function assertRate(rate: QuotaName, { name, service }: Target, call: Call): void {
  const { account, region, now, quotas, rates } = call;
  const budget = rates.budget(`${name} ${account} ${region}`, rate, now);
  if (budget.hasRoomFor(1, now)) return budget.use(1, now);
  if (rates.refuse({ target: name, account, region })) throw service.rateExceeded(account, quotas[rate]);
}

function runTarget(target: Target, { codec, parsed }: UndecodedInput, call: MovableCall): Output | Promise<Output> {
  const { operation, service } = target;
  const input = codec.decode(operation.input, parsed);
  validate(operation.input, input, { quotas: call.quotas, showsValues: service.showsValues });
  if (operation.rate !== undefined) assertRate(operation.rate, target, call);
  if (operation.access === 'read') return operation.run(input, call);
  const body = () => {
    // A write may have waited. It is done as of the instant at which it is: a record that came before a shard was closed
    // must not go there when its readers have been told already that they have read the shard to its end.
    call.now = call.clock.now();
    return operation.run(input, call) as never;
  };
  switch (operation.access) {
    case 'append':
      return call.database.append(body);
    case 'write':
      return call.database.write(body);
    case 'delete':
      return call.database.reclaim(body);
  }
}

const mediaTypeOf = (contentType: string | undefined) => (contentType ?? '').split(';', 1)[0]!.trim();

function answerError(thrown: unknown, route: Route, headers: WireResponse['headers'], { log }: World): WireResponse {
  const error = asApiError(thrown);
  const { name, target } = route;
  const requestId = headers['x-amzn-RequestId'];
  if (error !== thrown) {
    // What keeps all writes from being done is logged once, where it is found.
    const level = thrown instanceof WriteUnavailable ? 'debug' : 'error';
    log[level]({ err: thrown, target: name, requestId }, 'A request failed inside the server.');
  } else if (target && !COMMON_ERRORS.has(error.code) && !target.operation.errors.includes(error.code)) {
    log.error({ target: name, code: error.code, requestId }, 'An operation threw an error that it does not declare.');
  }
  return { ...route.form.writeError(error, route, headers), headers };
}

function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  // Worth telling the client: the request was not applied and may be tried again.
  return internalFailure(thrown instanceof WriteUnavailable ? thrown.message : '');
}
