/**
 * What a request asks for: the wire form that it has, and the operation that it names in the way of that form. Most
 * forms are told by their Content-Type and name the operation in X-Amz-Target; the others are looked at only when the
 * Content-Type is none of those.
 */
import { contentOf } from './compressed-body.ts';
import { type ApiError, abbreviated, unknownOperationException } from './error.ts';
import { type Form, formOf } from './form.ts';
import type { Operation, Service } from './operation.ts';
import { FORM_TYPE, query } from './query.ts';
import { parametersOf } from './query-parameters.ts';
import { PROTOCOL_HEADER, RPC_CBOR, rpcCbor } from './rpc-cbor.ts';
import type { SignedRequest } from './signature.ts';

export interface Target {
  /** `{service}.{operation}`. */
  readonly name: string;
  readonly operationName: string;
  readonly operation: Operation;
  readonly service: Service;
}

export interface Route {
  readonly form: Form;
  /** The operation as the request names it. */
  readonly name: string | undefined;
  /** Undefined when there is no such operation. */
  readonly target: Target | undefined;
  /** Undefined when there is none of the name. */
  readonly service: Service | undefined;
  /** The input, not decoded yet, where the operation had to be looked for in it. */
  readonly parsed?: object;
  /** Why the request is refused before its input is read. */
  readonly problem?: ApiError;
}

type Request = Pick<SignedRequest, 'method' | 'url' | 'headers' | 'body'>;

export class Routes {
  readonly #targets: ReadonlyMap<string, Target>;
  /** Those of AWS Query and its successors. */
  readonly #queried: readonly Service[];

  constructor(services: readonly Service[]) {
    this.#queried = services.filter((service) => service.query !== undefined);
    this.#targets = new Map(
      services.flatMap((service) =>
        [...service.operations].map(([operationName, operation]) => {
          const name = `${service.target}.${operationName}`;
          return [name, { name, operationName, operation, service }] as const;
        }),
      ),
    );
  }

  /** The operation that X-Amz-Target names. */
  target(name: string | undefined): Target | undefined {
    return this.#targets.get(name ?? '');
  }

  /** `mediaType`: of the request's Content-Type. Undefined when the request is in no wire form. */
  find(request: Request, mediaType: string): Route | undefined {
    const form = request.method === 'POST' ? formOf(mediaType) : undefined;
    if (form === undefined) return this.#findQuery(request, mediaType) ?? this.#findRpc(request, mediaType);
    const name = request.headers['x-amz-target'] as string | undefined;
    const target = this.target(name);
    if (target === undefined && name !== undefined) return this.#unknown(form, name);
    return { form, name, target, service: target?.service };
  }

  /** AWS's own services say nothing about what they do not know; of these two, people will try what is not here. */
  #unknown(form: Form, name: string): Route {
    const service = this.#queried.find(({ target }) => name.startsWith(`${target}.`));
    if (service === undefined) return { form, name, target: undefined, service };
    const operationName = abbreviated(name.slice(service.target.length + 1));
    const problem = unknownOperationException(`${operationName} is not served here. ${this.#served()}`);
    return { form, name, target: undefined, service, problem };
  }

  /** The sentence that lists the operations of these services. */
  #served(): string {
    const names = this.#queried.flatMap(({ operations, query: facts }) =>
      [...operations.keys()].map((name) => `${name} (Version ${facts!.version})`),
    );
    return `Of STS and CloudWatch, Millrace serves ${names.join(' and ')}.`;
  }

  /** The form that is sent, or the query string of a presigned request, which has no body. */
  #findQuery(request: Request, mediaType: string): Route | undefined {
    const { method, url, headers, body } = request;
    const isForm = method === 'POST' && mediaType === FORM_TYPE && body.length > 0;
    const isInUrl = body.length === 0 && (method === 'GET' || method === 'POST');
    if (headers['x-amz-target'] !== undefined || !(isForm || isInUrl)) return undefined;
    try {
      const text = isForm ? contentOf(request).toString('utf8') : queryStringOf(url);
      return NAMES_ACTION.test(text) ? this.#queryRoute(parametersOf(text), method) : undefined;
    } catch (error) {
      return { form: query, name: undefined, target: undefined, service: undefined, problem: error as ApiError };
    }
  }

  #queryRoute(parsed: URLSearchParams, method: string): Route {
    const action = parsed.get('Action') ?? '';
    const version = parsed.get('Version');
    const service = this.#queried.find(({ query: facts }) => facts!.version === version);
    const target = service && this.target(`${service.target}.${action}`);
    const route = { form: query, name: target?.name ?? abbreviated(action), target, service, parsed };
    const shown = abbreviated(action);
    if (target === undefined) {
      const sought = `Could not find operation ${shown} for version ${abbreviated(version ?? 'NO_VERSION_SPECIFIED')}`;
      return { ...route, problem: unknownOperationException(`${sought}. ${this.#served()}`) };
    }
    // Anybody can make a browser or a proxy send a GET, and send it again.
    if (method === 'GET' && target.operation.access !== 'read') {
      return { ...route, problem: unknownOperationException(`${shown} must be sent by POST.`) };
    }
    return route;
  }

  #findRpc({ method, url, headers }: Request, mediaType: string): Route | undefined {
    if (method !== 'POST' || mediaType !== rpcCbor.contentType || headers[PROTOCOL_HEADER] !== RPC_CBOR)
      return undefined;
    const [, serviceName, operationName] = RPC_PATH.exec(url) ?? [];
    const service = this.#queried.find((candidate) => candidate.target === serviceName);
    if (service === undefined) return undefined;
    const name = `${serviceName}.${operationName}`;
    const target = this.target(name);
    return target === undefined ? this.#unknown(rpcCbor, name) : { form: rpcCbor, name, target, service };
  }
}

const queryStringOf = (url: string) => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');

const NAMES_ACTION = /(?:^|&)Action=/;

/** At the end of any path; some clients write the service with its namespace. */
const RPC_PATH = /\/service\/(?:[\w.]+\.)?(\w+)\/operation\/(\w+)\/?(?:\?|$)/;
