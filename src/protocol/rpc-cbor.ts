/**
 * Smithy's RPC v2 with CBOR: the operation is in the path, points in time are tag 1 around SECONDS, as RFC 8949 says and
 * unlike in AWS CBOR 1.1, and what has no output has no body either.
 */
import { readCbor } from './cbor-reader.ts';
import { writeCbor } from './cbor-writer.ts';
import { decodeInput, Instant, type ScalarForms, type WireInput } from './decode.ts';
import { queryErrorOf, typeOf } from './error-names.ts';
import type { Form } from './form.ts';

/** The header that says so, in requests and in answers. */
export const PROTOCOL_HEADER = 'smithy-protocol';
export const RPC_CBOR = 'rpc-v2-cbor';

const FORMS: ScalarForms = {
  blob: (value) => (Buffer.isBuffer(value) ? value : undefined),
  timestampMs: (value) => {
    const seconds = value instanceof Instant ? value.value : value;
    return typeof seconds === 'number' ? Math.round(seconds * 1000) : undefined;
  },
};

export const rpcCbor: Form = {
  contentType: 'application/cbor',
  codec: {
    parse: readCbor,
    decode: (shape, value) => decodeInput(shape, value as WireInput, FORMS),
  },
  write(output, _route, headers) {
    headers[PROTOCOL_HEADER] = RPC_CBOR;
    // No operation here answers with a point in time, which would have to be written in seconds.
    if (output !== undefined) return writeCbor(output);
    delete headers['Content-Type'];
    return '';
  },
  writeError(error, { service }, headers) {
    headers[PROTOCOL_HEADER] = RPC_CBOR;
    const queryError = queryErrorOf(error, service);
    if (queryError !== undefined) headers['x-amzn-query-error'] = queryError;
    return { status: error.status, body: writeCbor({ __type: typeOf(error, service), message: error.message }) };
  },
};
