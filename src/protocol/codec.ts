/** The encodings of bodies. Which one a request uses is told by its Content-Type; it is answered in the same one. */
import { cbor } from './cbor.ts';
import { json } from './json.ts';
import type { Shape } from './shape.ts';
import type { WireValue } from './wire-value.ts';

export interface Codec {
  /**
   * The structure that `body` holds, still in the forms of the wire.
   * @throws ApiError SerializationException, without a message, when the body cannot be read or holds anything else.
   */
  parse(body: Buffer): object;
  /**
   * What `parse` returned as an input of `shape`.
   * @throws ApiError SerializationException when a member has the wrong type.
   */
  decode<T>(shape: Shape<T>, value: object): T;
  encode(value: WireValue): string | Buffer;
}

export const JSON_TYPE = 'application/x-amz-json-1.1';
export const CBOR_TYPE = 'application/x-amz-cbor-1.1';

/** The codecs of AWS JSON and AWS CBOR by media types. */
export const CODECS: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  [JSON_TYPE, json],
  ['application/x-amz-json-1.0', json],
  [CBOR_TYPE, cbor],
]);

/** `mediaType` without parameters. Undefined when it is none of an AWS protocol. */
export const codecOf = (mediaType: string): Codec | undefined => CODECS.get(mediaType);
