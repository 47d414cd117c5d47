/**
 * Wire value → typed input, the first of the three stages of checking. The first value of a wrong type ends it with a
 * SerializationException in AWS's words. Unknown members are dropped; null is the same as absent.
 */
import { type ApiError, serializationException } from './error.ts';
import type { AnyShape, ListShape, MapShape, ScalarShape, Shape, StructureShape } from './shape.ts';

/** A value as a codec parsed it: what JSON knows, and what only CBOR has. */
export type WireInput =
  | string
  | number
  | boolean
  | null
  | undefined
  | Buffer
  | Instant
  | WireInput[]
  | { [name: string]: WireInput };

/** A number that the wire says is a point in time. */
export class Instant {
  readonly value: WireInput;

  constructor(value: WireInput) {
    this.value = value;
  }
}

/** The scalars that encodings write differently. Both return undefined for a value that stands for no such thing. */
export interface ScalarForms {
  readonly blob: (value: WireInput) => Buffer | undefined;
  readonly timestampMs: (value: WireInput) => number | undefined;
}

/**
 * The parsed `value` as an input of `shape`.
 * @throws ApiError SerializationException
 */
export function decodeInput<T>(shape: Shape<T>, value: WireInput, forms: ScalarForms): T {
  return decode(shape, value, forms) as T;
}

function decode(shape: AnyShape, value: WireInput, forms: ScalarForms): unknown {
  if (value === null || value === undefined) return undefined;
  switch (shape.kind) {
    case 'structure':
      return decodeStructure(shape, value, forms);
    case 'list':
      return decodeList(shape, value, forms);
    case 'map':
      return decodeMap(shape, value, forms);
    default:
      return decodeScalar(shape, value, forms);
  }
}

function decodeStructure(shape: StructureShape, value: WireInput, forms: ScalarForms): unknown {
  if (Array.isArray(value)) throw listNotExpected();
  if (!isObject(value)) throw serializationException('Expected null');
  const result: Record<string, unknown> = {};
  for (const member of shape.members) {
    // Codecs make `__proto__` an own member, and the shapes name no such thing.
    const decoded = decode(member.shape, value[member.name], forms);
    if (decoded !== undefined) result[member.name] = decoded;
  }
  return result;
}

function decodeList(shape: ListShape, value: WireInput, forms: ScalarForms): unknown {
  if (Array.isArray(value)) return value.map((element) => decode(shape.member, element, forms));
  if (isObject(value)) throw structureNotExpected();
  throw serializationException('Expected list or null');
}

function decodeMap(shape: MapShape, value: WireInput, forms: ScalarForms): unknown {
  if (Array.isArray(value)) throw listNotExpected();
  if (!isObject(value)) throw serializationException('Expected map or null');
  return new Map(Object.entries(value).map(([key, entry]) => [key.toWellFormed(), decode(shape.value, entry, forms)]));
}

function decodeScalar(shape: ScalarShape, value: WireInput, forms: ScalarForms): unknown {
  switch (shape.kind) {
    case 'string':
      // Half of a surrogate pair has no UTF-8: it would come back from the database as something else.
      if (typeof value === 'string') return value.toWellFormed();
      throw notConvertible(value, 'an String');
    case 'blob':
      return forms.blob(value) ?? raise(notConvertible(value, 'a Blob'));
    case 'boolean':
      if (typeof value === 'boolean') return value;
      return booleanOf(value);
    case 'timestamp':
      return forms.timestampMs(value) ?? raise(notConvertible(value, 'milliseconds since epoch'));
    case 'number':
      if (typeof value === 'number') return value;
      throw notConvertible(value, 'an Double');
    case 'integer':
      if (typeof value === 'number') return clamp(value, 2 ** 31 - 1);
      throw notConvertible(value, 'an Integer');
  }
}

function raise(error: ApiError): never {
  throw error;
}

/** Whether it is a structure or a map. */
const isObject = (value: WireInput): value is { [name: string]: WireInput } =>
  typeof value === 'object' && !Buffer.isBuffer(value) && !(value instanceof Instant);

/** AWS cuts fractions off and replaces numbers beyond the type's range by its end. */
const clamp = (value: number, max: number) => Math.max(-max - 1, Math.min(max, Math.trunc(value)));

function booleanOf(value: WireInput): boolean {
  if (typeof value !== 'string') throw notConvertible(value, 'an Boolean');
  const text = value.toUpperCase();
  if (['TRUE', '1', 'YES'].includes(text)) return true;
  if (['FALSE', '0', 'NO'].includes(text)) return false;
  throw serializationException(`'${text}' can not be converted to an Boolean`);
}

function notConvertible(value: WireInput, target: string): ApiError {
  if (Array.isArray(value)) return listNotExpected();
  if (isObject(value)) return structureNotExpected();
  return serializationException(`${javaClassOf(value)} can not be converted to ${target}`);
}

/** AWS's messages name the Java classes of its parser. */
function javaClassOf(value: WireInput): string {
  if (Buffer.isBuffer(value)) return 'class java.nio.HeapByteBuffer';
  if (value instanceof Instant) return 'class java.util.Date';
  if (typeof value === 'number') return 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber';
  return `class java.lang.${typeof value === 'boolean' ? 'Boolean' : 'String'}`;
}

const listNotExpected = () => serializationException('Start of list found where not expected');
const structureNotExpected = () => serializationException('Start of structure or map found where not expected.');
