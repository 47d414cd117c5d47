/**
 * Reads one CBOR item, of definite or indefinite length, as the Java SDKs and others write it. Nothing of the input is
 * believed: depth, number of items and every declared length are checked before memory is taken, texts must be UTF-8,
 * and nothing may follow the item.
 *
 * The SDKs' own decoder for JavaScript is made for the answers of AWS. It lets a key `__proto__` set the prototype of
 * what it returns, takes a declared length at its word, and ignores what follows the item.
 */
import { isUtf8 } from 'node:buffer';
import { ARGUMENT, BREAK, SIMPLE, TAG_INSTANT, TYPE } from './cbor-format.ts';
import { Instant, type WireInput } from './decode.ts';
import { serializationException } from './error.ts';
import { ITEMS_MAX, NESTING_MAX } from './value-limits.ts';

/** Longer texts are checked and decoded by node; for short ones that would cost more than looking at each byte. */
const SHORT_TEXT_MAX = 64;

/** Where reading stands. */
interface Cursor {
  readonly body: Buffer;
  at: number;
  items: number;
}

/**
 * The map that `body` consists of.
 * @throws ApiError SerializationException without a message
 */
export function readCbor(body: Buffer): { [name: string]: WireInput } {
  const cursor: Cursor = { body, at: 0, items: 0 };
  if (body.length === 0 || body[0]! >> 5 !== TYPE.map) throw serializationException();
  const value = readItem(cursor, 0) as { [name: string]: WireInput };
  if (cursor.at !== body.length) throw serializationException();
  return value;
}

function readItem(cursor: Cursor, depth: number): WireInput {
  cursor.items += 1;
  if (cursor.items > ITEMS_MAX) throw serializationException();
  const first = readByte(cursor);
  const [type, argument] = [first >> 5, first & 0x1f];
  switch (type) {
    case TYPE.unsigned:
      return readArgument(cursor, argument);
    case TYPE.negative:
      return -1 - readArgument(cursor, argument);
    case TYPE.bytes:
      return argument === ARGUMENT.indefinite ? Buffer.concat(readChunks(cursor, type)) : readBytes(cursor, argument);
    case TYPE.text:
      return argument === ARGUMENT.indefinite ? readChunkedText(cursor) : readText(cursor, argument);
    case TYPE.list:
      return readList(cursor, argument, deeper(depth));
    case TYPE.map:
      return readMap(cursor, argument, deeper(depth));
    case TYPE.tag:
      return readTagged(cursor, argument, deeper(depth));
    default:
      return readSimple(cursor, argument);
  }
}

/** The depth inside an item at `depth`. */
function deeper(depth: number): number {
  if (depth === NESTING_MAX) throw serializationException();
  return depth + 1;
}

function readByte(cursor: Cursor): number {
  const byte = cursor.body[cursor.at];
  if (byte === undefined) throw serializationException();
  cursor.at += 1;
  return byte;
}

/** The number of a first byte. Beyond 2^53 it is not exact, as with numbers in JSON. */
function readArgument(cursor: Cursor, argument: number): number {
  if (argument < ARGUMENT.uint8) return argument;
  switch (argument) {
    case ARGUMENT.uint8:
      return readByte(cursor);
    case ARGUMENT.uint16:
      return cursor.body.readUInt16BE(advance(cursor, 2));
    case ARGUMENT.uint32:
      return cursor.body.readUInt32BE(advance(cursor, 4));
    case ARGUMENT.uint64:
      return cursor.body.readUInt32BE(advance(cursor, 4)) * 2 ** 32 + cursor.body.readUInt32BE(advance(cursor, 4));
    default:
      throw serializationException();
  }
}

/** Passes over `length` bytes, which must be there, and returns where they begin. */
function advance(cursor: Cursor, length: number): number {
  const start = cursor.at;
  if (length > cursor.body.length - start) throw serializationException();
  cursor.at = start + length;
  return start;
}

/** A view of the body, not a copy. */
function readBytes(cursor: Cursor, argument: number): Buffer {
  const start = advance(cursor, readArgument(cursor, argument));
  return cursor.body.subarray(start, cursor.at);
}

function readText(cursor: Cursor, argument: number): string {
  const start = advance(cursor, readArgument(cursor, argument));
  const { body, at: end } = cursor;
  if (end - start <= SHORT_TEXT_MAX && isAscii(body, start, end)) return body.toString('latin1', start, end);
  return textOf(body.subarray(start, end));
}

function isAscii(body: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (body[at]! > 0x7f) return false;
  return true;
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw serializationException();
  return bytes.toString('utf8');
}

/** RFC 8949 wants every chunk to be UTF-8 by itself; Java's writer cuts where its buffer ends, inside characters. */
const readChunkedText = (cursor: Cursor): string => textOf(Buffer.concat(readChunks(cursor, TYPE.text)));

/** The chunks of a string of indefinite length: definite strings of the same type. */
function readChunks(cursor: Cursor, type: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let first = readByte(cursor); first !== BREAK; first = readByte(cursor)) {
    cursor.items += 1;
    if (first >> 5 !== type || cursor.items > ITEMS_MAX) throw serializationException();
    chunks.push(readBytes(cursor, first & 0x1f));
  }
  return chunks;
}

/** Whether another element follows the `read` ones; passes over the break. */
function hasMore(cursor: Cursor, count: number, read: number): boolean {
  if (count !== Number.POSITIVE_INFINITY) return read < count;
  if (cursor.body[cursor.at] !== BREAK) return true;
  cursor.at += 1;
  return false;
}

const readCount = (cursor: Cursor, argument: number): number =>
  argument === ARGUMENT.indefinite ? Number.POSITIVE_INFINITY : readArgument(cursor, argument);

function readList(cursor: Cursor, argument: number, depth: number): WireInput[] {
  const count = readCount(cursor, argument);
  const list: WireInput[] = [];
  while (hasMore(cursor, count, list.length)) list.push(readItem(cursor, depth));
  return list;
}

function readMap(cursor: Cursor, argument: number, depth: number): { [name: string]: WireInput } {
  const count = readCount(cursor, argument);
  const map: { [name: string]: WireInput } = {};
  for (let read = 0; hasMore(cursor, count, read); read += 1) {
    const name = readName(cursor);
    const value = readItem(cursor, depth);
    // An assignment would set the prototype.
    if (name === '__proto__') Object.defineProperty(map, name, OWN(value));
    else map[name] = value;
  }
  return map;
}

const OWN = (value: WireInput): PropertyDescriptor => ({
  value,
  enumerable: true,
  configurable: true,
  writable: true,
});

function readName(cursor: Cursor): string {
  const first = readByte(cursor);
  if (first >> 5 !== TYPE.text) throw serializationException();
  const argument = first & 0x1f;
  return argument === ARGUMENT.indefinite ? readChunkedText(cursor) : readText(cursor, argument);
}

/** Other tags than that of points in time say nothing about the types that AWS's shapes know. */
function readTagged(cursor: Cursor, argument: number, depth: number): WireInput {
  const tag = readArgument(cursor, argument);
  const value = readItem(cursor, depth);
  return tag === TAG_INSTANT ? new Instant(value) : value;
}

function readSimple(cursor: Cursor, argument: number): WireInput {
  switch (argument) {
    case SIMPLE.false:
      return false;
    case SIMPLE.true:
      return true;
    case SIMPLE.null:
    case SIMPLE.undefined:
      return null;
    case SIMPLE.float16:
      return asNumber(halfOf(cursor.body.readUInt16BE(advance(cursor, 2))));
    case SIMPLE.float32:
      return asNumber(cursor.body.readFloatBE(advance(cursor, 4)));
    case SIMPLE.float64:
      return asNumber(cursor.body.readDoubleBE(advance(cursor, 8)));
    default:
      throw serializationException();
  }
}

/** JSON cannot say NaN, and no constraint would refuse it. */
function asNumber(value: number): number {
  if (Number.isNaN(value)) throw serializationException();
  return value;
}

/** A float of 16 bits: sign, 5 bits of exponent, 10 of fraction. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
