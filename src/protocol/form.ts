/**
 * Wire forms: how requests of a protocol are read, and how their answers and errors are written. Which form a request
 * has is told by routing.ts.
 */
import { CODECS, type Codec } from './codec.ts';
import type { ApiError } from './error.ts';
import { queryErrorOf, typeOf } from './error-names.ts';
import type { WireResponse } from './gateway.ts';
import type { Route } from './routing.ts';
import type { WireValue } from './wire-value.ts';

export interface Form {
  /** Of answers. */
  readonly contentType: string;
  readonly codec: Pick<Codec, 'parse' | 'decode'>;
  /** The body of a successful answer to what `route` asks. May change the answer's `headers`. */
  write(output: WireValue, route: Route, headers: WireResponse['headers']): string | Buffer;
  /** Status and body of an answer that is `error`. May change the answer's `headers`. */
  writeError(error: ApiError, route: Route, headers: WireResponse['headers']): Pick<WireResponse, 'status' | 'body'>;
}

/** AWS JSON and AWS CBOR, whose operations are named by X-Amz-Target. */
const awsForm = (contentType: string, codec: Codec): Form => ({
  contentType,
  codec,
  write: (output) => (output === undefined ? '' : codec.encode(output)),
  writeError(error, { service }, headers) {
    headers['x-amzn-ErrorType'] = error.code;
    const queryError = queryErrorOf(error, service);
    if (queryError !== undefined) headers['x-amzn-query-error'] = queryError;
    // AWS spells the key differently for this one error.
    const key = error.code === 'SerializationException' ? 'Message' : 'message';
    const message = error.message === '' ? undefined : error.message;
    return { status: error.status, body: codec.encode({ __type: typeOf(error, service), [key]: message }) };
  },
});

const FORMS: ReadonlyMap<string, Form> = new Map([...CODECS].map(([type, codec]) => [type, awsForm(type, codec)]));

/** The form of requests with the Content-Type `mediaType`, without parameters. Undefined where that does not tell it. */
export const formOf = (mediaType: string): Form | undefined => FORMS.get(mediaType);
