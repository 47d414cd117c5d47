/**
 * Who is calling: what the setting AUTH asks of a request's signature, and the account and region it speaks for. The
 * strictest answer, verification.ts, stands apart because its library takes long to load.
 */
import { assertSigned, type Caller, callerOf, type SignedRequest } from './signature.ts';

/**
 * The caller of a request to the service that signs as `service`, at `now` (milliseconds since the epoch).
 * @throws ApiError when the signature is not what is asked for
 */
export type Authentication = (request: SignedRequest, service: string, now: number) => Caller | Promise<Caller>;

/** Takes requests without a signature too. */
export const withoutSignatures =
  (defaults: Caller): Authentication =>
  (request) =>
    callerOf(request, defaults);

/** Asks for a signature, as AWS does, and takes any: whatever credentials a client has will do. */
export const withAnySignature =
  (defaults: Caller): Authentication =>
  (request) => {
    assertSigned(request);
    return callerOf(request, defaults);
  };
