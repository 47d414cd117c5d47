/** What an operation is, and how a service is made of the modules that export them. */
import type { Call } from '../call.ts';
import type { Settled } from '../database/writer.ts';
import type { QuotaName } from '../quotas.ts';
import type { ApiError } from './error.ts';
import type { EventStream } from './event-stream.ts';
import type { Shape } from './shape.ts';
import type { WireValue } from './wire-value.ts';

/** What a successful operation answers. Undefined: an empty body, as AWS answers operations without output. */
// biome-ignore lint/suspicious/noConfusingVoidType: operations without output simply return nothing
export type Output = WireValue | EventStream | void;

export interface Operation<I = never> {
  /**
   * `write` runs in the writer turn and is on disk before it is answered; `read` runs at once. `append` is a write whose
   * checks all come before its first change, which makes it cheaper; `delete` one that makes room, which is possible on a
   * full disk too.
   */
  readonly access: 'read' | 'write' | 'append' | 'delete';
  readonly input: Shape<I>;
  /** The quota of calls per second of each account and region; absent where other rates or none apply. */
  readonly rate?: QuotaName;
  /** The codes of the errors that `run` may throw, besides those that every operation may answer with. */
  readonly errors: readonly string[];
  /** The behaviour: synchronous, one transaction, no reply before its end. Throws ApiError. */
  readonly run: (input: I, call: Call) => Output;
}

const operations = new WeakSet<object>();

/** Declares an operation. The name under which a module exports it is its name on the wire. */
export function operation<I, O extends Output>(
  declaration: Omit<Operation<I>, 'run'> & { readonly run: (input: I, call: Call) => Settled<O> },
): Operation<I> {
  const made = declaration as unknown as Operation<I>;
  operations.add(made);
  return made;
}

export interface Service {
  /** The part of X-Amz-Target before the dot. */
  readonly target: string;
  /** Its name in the credential scope of signatures. */
  readonly signingName: string;
  /** Whether its messages of failed validation show the offending values. */
  readonly showsValues: boolean;
  /** The error of a call that exceeds its operation's `rate`, which allows `limit` calls per second. */
  readonly rateExceeded: (account: string, limit: number) => ApiError;
  /** Set for a service of AWS Query, which takes forms and their successors beside what names its target. */
  readonly query?: QueryFacts;
  readonly operations: ReadonlyMap<string, Operation>;
}

/** What AWS Query, and the younger wire forms of the services that began with it, call things. */
export interface QueryFacts {
  /** The parameter Version of its requests, a date. */
  readonly version: string;
  readonly xmlNamespace: string;
  /** What stands before the `#` in the names of its own errors, outside of AWS Query. */
  readonly errorNamespace: string;
  /** Its own errors' names in AWS Query, by those that they have elsewhere. */
  readonly errorCodes: ReadonlyMap<string, string>;
}

/** A service of the operations that `modules` export; their other exports are ignored. */
export function service(header: Omit<Service, 'operations'>, ...modules: readonly object[]): Service {
  const exported = modules.flatMap((module) => Object.entries(module));
  return { ...header, operations: new Map(exported.filter(([, value]) => operations.has(Object(value)))) };
}
