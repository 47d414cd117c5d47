/** The names of errors. The services that began with AWS Query have names of their own, and others in each wire form. */
import { type ApiError, COMMON_ERRORS } from './error.ts';
import type { Service } from './operation.ts';

/** The `__type` of `error` in an answer of `service`; undefined: nobody knows which was meant. */
export function typeOf({ code }: ApiError, service: Service | undefined): string {
  if (service?.query === undefined) return code;
  const namespace = COMMON_ERRORS.has(code) ? 'com.amazon.coral.service' : service.query.errorNamespace;
  return `${namespace}#${code}`;
}

/**
 * The header x-amzn-query-error: clients that once spoke AWS Query go on showing its names of errors. Undefined where
 * there is no such name.
 */
export function queryErrorOf({ code, status }: ApiError, service: Service | undefined): string | undefined {
  const name = service?.query?.errorCodes.get(code);
  return name === undefined ? undefined : `${name};${sideOf(status)}`;
}

/** Whose fault an error of this HTTP status is, in the words of AWS Query. */
export const sideOf = (status: number) => (status < 500 ? 'Sender' : 'Receiver');

/** What AWS Query calls the errors that all services know; some have another HTTP status there. */
const COMMON_CODES: ReadonlyMap<string, readonly [name: string, status?: number]> = new Map([
  ['SerializationException', ['MalformedInput']],
  ['UnknownOperationException', ['InvalidAction']],
  ['ValidationException', ['ValidationError']],
  ['ThrottlingException', ['Throttling']],
  ['RequestEntityTooLargeException', ['RequestEntityTooLarge']],
  ['AccessDeniedException', ['AccessDenied', 403]],
  ['MissingAuthenticationTokenException', ['MissingAuthenticationToken', 403]],
  ['IncompleteSignatureException', ['IncompleteSignature']],
  ['InvalidSignatureException', ['SignatureDoesNotMatch', 403]],
  ['UnrecognizedClientException', ['InvalidClientTokenId', 403]],
  ['ExpiredTokenException', ['ExpiredToken', 403]],
]);

/** The name and the HTTP status of `error` in AWS Query. */
export function inQuery({ code, status }: ApiError, service: Service | undefined): { name: string; status: number } {
  const [name = service?.query?.errorCodes.get(code) ?? code, itsStatus = status] = COMMON_CODES.get(code) ?? [];
  return { name, status: itsStatus };
}
