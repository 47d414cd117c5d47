/**
 * Wire value → typed input, the first of the three stages of checking. The first value of a wrong type ends it with a
 * SerializationException in AWS's words. Unknown members are dropped; null is the same as absent.
 */
import { decodeBase64 } from './base64.ts';
import { type ApiError, serializationException } from './error.ts';
import type { AnyShape, ListShape, MapShape, ScalarShape, Shape, StructureShape } from './shape.ts';

type JsonValue = string | number | boolean | null | undefined | JsonValue[] | { [name: string]: JsonValue };

/**
 * The parsed JSON `value` as an input of `shape`.
 * @throws ApiError SerializationException
 */
export function decodeJson<T>(shape: Shape<T>, value: unknown): T {
  return decode(shape, value as JsonValue) as T;
}

function decode(shape: AnyShape, value: JsonValue): unknown {
  if (value === null || value === undefined) return undefined;
  switch (shape.kind) {
    case 'structure':
      return decodeStructure(shape, value);
    case 'list':
      return decodeList(shape, value);
    case 'map':
      return decodeMap(shape, value);
    default:
      return decodeScalar(shape, value);
  }
}

function decodeStructure(shape: StructureShape, value: JsonValue): unknown {
  if (Array.isArray(value)) throw listNotExpected();
  if (typeof value !== 'object') throw serializationException('Expected null');
  const result: Record<string, unknown> = {};
  for (const member of shape.members) {
    // Own members only: JSON.parse makes `__proto__` an own member, and the shapes name no such thing.
    const decoded = decode(member.shape, value![member.name]);
    if (decoded !== undefined) result[member.name] = decoded;
  }
  return result;
}

function decodeList(shape: ListShape, value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map((element) => decode(shape.member, element));
  if (typeof value === 'object') throw structureNotExpected();
  throw serializationException('Expected list or null');
}

function decodeMap(shape: MapShape, value: JsonValue): unknown {
  if (Array.isArray(value)) throw listNotExpected();
  if (typeof value !== 'object') throw serializationException('Expected map or null');
  return new Map(Object.entries(value!).map(([key, entry]) => [key, decode(shape.value, entry)]));
}

function decodeScalar(shape: ScalarShape, value: JsonValue): unknown {
  if (typeof value === 'object') throw Array.isArray(value) ? listNotExpected() : structureNotExpected();
  switch (shape.kind) {
    case 'string':
      // Half of a surrogate pair has no UTF-8: it would come back from the database as something else.
      if (typeof value === 'string') return value.toWellFormed();
      throw notConvertible(javaClassOf(value), 'an String');
    case 'blob':
      if (typeof value === 'string') return decodeBase64(value);
      throw notConvertible(javaClassOf(value), 'a Blob');
    case 'boolean':
      if (typeof value === 'boolean') return value;
      return booleanOf(value);
    case 'timestamp':
      if (typeof value === 'number') return Math.round(value * 1000);
      throw notConvertible(javaClassOf(value), 'milliseconds since epoch');
    case 'number':
      if (typeof value === 'number') return value;
      throw notConvertible(javaClassOf(value), 'an Double');
    case 'integer':
      if (typeof value === 'number') return clamp(value, 2 ** 31 - 1);
      throw notConvertible(javaClassOf(value), 'an Integer');
  }
}

/** AWS cuts fractions off and replaces numbers beyond the type's range by its end. */
const clamp = (value: number, max: number) => Math.max(-max - 1, Math.min(max, Math.trunc(value)));

function booleanOf(value: JsonValue): boolean {
  if (typeof value !== 'string') throw notConvertible(javaClassOf(value), 'an Boolean');
  const text = value.toUpperCase();
  if (['TRUE', '1', 'YES'].includes(text)) return true;
  if (['FALSE', '0', 'NO'].includes(text)) return false;
  throw notConvertible(`'${text}'`, 'an Boolean');
}

/** AWS's messages name the Java classes of its parser. */
function javaClassOf(value: JsonValue): string {
  if (typeof value === 'number') return 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber';
  return `class java.lang.${typeof value === 'boolean' ? 'Boolean' : 'String'}`;
}

const notConvertible = (what: string, target: string): ApiError =>
  serializationException(`${what} can not be converted to ${target}`);
const listNotExpected = () => serializationException('Start of list found where not expected');
const structureNotExpected = () => serializationException('Start of structure or map found where not expected.');
