/** Writes an answer as CBOR, in AWS's forms: maps and lists of indefinite length, timestamps as tagged milliseconds. */
import { roughBytes } from './answer-size.ts';
import { ARGUMENT, BREAK, SIMPLE, TAG_INSTANT, TYPE } from './cbor-format.ts';
import type { WireStructure, WireValue } from './wire-value.ts';

const UINT32_LIMIT = 2 ** 32;

/** Most answers fit. */
const FIRST_BYTES = 1024;

/** Whatever is written has a first byte and at most eight bytes of argument. */
const HEAD_BYTES_MAX = 9;

/** Of a text of ASCII alone. Node takes longer to be called than such a text takes here. */
const SHORT_TEXT_MAX = 64;

/** What was written, at the beginning of a buffer that grows. */
interface Output {
  buffer: Buffer;
  length: number;
  readonly answer: WireValue;
}

/** The bytes of `value`. */
export function writeCbor(value: WireValue): Buffer {
  const output: Output = { buffer: Buffer.allocUnsafe(FIRST_BYTES), length: 0, answer: value };
  writeItem(output, value);
  return output.buffer.subarray(0, output.length);
}

function writeItem(output: Output, value: WireValue): void {
  switch (typeof value) {
    case 'string':
      return writeText(output, value);
    case 'number':
      return writeNumber(output, value);
    case 'boolean':
      return writeByte(output, (TYPE.simple << 5) | (value ? SIMPLE.true : SIMPLE.false));
    case 'undefined':
      return writeByte(output, (TYPE.simple << 5) | SIMPLE.null);
    default:
      return writeObject(output, value);
  }
}

function writeObject(output: Output, value: WireValue & object): void {
  if (Buffer.isBuffer(value)) return writeBytes(output, value);
  if (value instanceof Date) {
    writeByte(output, (TYPE.tag << 5) | TAG_INSTANT);
    return writeNumber(output, Math.trunc(value.getTime()));
  }
  if (Array.isArray(value)) writeList(output, value);
  else writeStructure(output, value as WireStructure);
}

function writeList(output: Output, values: readonly WireValue[]): void {
  writeByte(output, (TYPE.list << 5) | ARGUMENT.indefinite);
  for (const value of values) writeItem(output, value);
  writeByte(output, BREAK);
}

function writeStructure(output: Output, structure: WireStructure): void {
  writeByte(output, (TYPE.map << 5) | ARGUMENT.indefinite);
  for (const name in structure) {
    const member = structure[name];
    if (member === undefined) continue;
    writeText(output, name);
    writeItem(output, member);
  }
  writeByte(output, BREAK);
}

function writeText(output: Output, text: string): void {
  if (text.length <= SHORT_TEXT_MAX && isWrittenAsAscii(output, text)) return;
  const length = Buffer.byteLength(text);
  reserve(output, HEAD_BYTES_MAX + length);
  writeHead(output, TYPE.text, length);
  output.length += output.buffer.write(text, output.length, 'utf8');
}

/** Writes a short text unless it has other characters than ASCII: then nothing is written. */
function isWrittenAsAscii(output: Output, text: string): boolean {
  reserve(output, HEAD_BYTES_MAX + text.length);
  const start = output.length;
  writeHead(output, TYPE.text, text.length);
  const { buffer, length: at } = output;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) {
      output.length = start;
      return false;
    }
    buffer[at + index] = code;
  }
  output.length = at + text.length;
  return true;
}

function writeBytes(output: Output, bytes: Buffer): void {
  reserve(output, HEAD_BYTES_MAX + bytes.length);
  writeHead(output, TYPE.bytes, bytes.length);
  output.length += bytes.copy(output.buffer, output.length);
}

function writeNumber(output: Output, value: number): void {
  reserve(output, HEAD_BYTES_MAX);
  if (!Number.isSafeInteger(value)) {
    output.length = output.buffer.writeUInt8((TYPE.simple << 5) | SIMPLE.float64, output.length);
    output.length = output.buffer.writeDoubleBE(value, output.length);
  } else if (value < 0) writeHead(output, TYPE.negative, -1 - value);
  else writeHead(output, TYPE.unsigned, value);
}

/** The first byte of an item and its argument, in as few bytes as it fits. There must be room for them. */
function writeHead(output: Output, type: number, argument: number): void {
  const { buffer, length: at } = output;
  const first = type << 5;
  if (argument < ARGUMENT.uint8) output.length = buffer.writeUInt8(first | argument, at);
  else if (argument <= 0xff) output.length = buffer.writeUInt8(argument, buffer.writeUInt8(first | ARGUMENT.uint8, at));
  else if (argument <= 0xffff)
    output.length = buffer.writeUInt16BE(argument, buffer.writeUInt8(first | ARGUMENT.uint16, at));
  else if (argument < UINT32_LIMIT)
    output.length = buffer.writeUInt32BE(argument, buffer.writeUInt8(first | ARGUMENT.uint32, at));
  else {
    const lower = buffer.writeUInt32BE(
      Math.floor(argument / UINT32_LIMIT),
      buffer.writeUInt8(first | ARGUMENT.uint64, at),
    );
    output.length = buffer.writeUInt32BE(argument % UINT32_LIMIT, lower);
  }
}

function writeByte(output: Output, byte: number): void {
  reserve(output, 1);
  output.length = output.buffer.writeUInt8(byte, output.length);
}

/** Makes room for `bytes` more: at first for what the answer is expected to take, then by doubling. */
function reserve(output: Output, bytes: number): void {
  const needed = output.length + bytes;
  if (needed <= output.buffer.length) return;
  const expected = output.buffer.length === FIRST_BYTES ? roughBytes(output.answer, (length) => length) : 0;
  const larger = Buffer.allocUnsafe(Math.max(needed, expected, 2 * output.buffer.length));
  output.buffer.copy(larger, 0, 0, output.length);
  output.buffer = larger;
}
