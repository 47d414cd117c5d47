/**
 * AWS CBOR 1.1, the encoding of the Java SDKs: the members of JSON 1.1, with blobs as byte strings and timestamps as
 * tag 1 around integer MILLISECONDS (RFC 8949 says seconds; AWS does not follow it).
 */
import { readCbor } from './cbor-reader.ts';
import { writeCbor } from './cbor-writer.ts';
import type { Codec } from './codec.ts';
import { decodeInput, Instant, type ScalarForms, type WireInput } from './decode.ts';

const FORMS: ScalarForms = {
  blob: (value) => (Buffer.isBuffer(value) ? value : undefined),
  timestampMs: (value) => {
    const ms = value instanceof Instant ? value.value : value;
    return typeof ms === 'number' ? Math.round(ms) : undefined;
  },
};

export const cbor: Codec = {
  parse: readCbor,
  decode: (shape, value) => decodeInput(shape, value as WireInput, FORMS),
  encode: writeCbor,
};
