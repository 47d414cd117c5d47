/**
 * Outputs as JSON. The hot half of GetRecords: an answer may be fourteen megabytes.
 *
 * A short answer is one text. A long one is bytes: it would else be thousands of pieces of text, then one large text, and
 * then be copied once more to be sent.
 */
import { roughBytes } from './answer-size.ts';
import type { WireStructure, WireValue } from './wire-value.ts';

/** What has been written: the bytes, and behind them the text that is not among them yet. */
interface Output {
  text: string;
  /** None as long as the answer is short. */
  bytes: Buffer | undefined;
  length: number;
  readonly answer: WireValue;
}

/** So many characters of text become bytes together. */
const TEXT_MAX = 16_384;

/** A larger blob is written straight into the bytes. */
const BLOB_MAX = 128;

/** The JSON of `value`: a text when it is short. Members that are undefined are left out. */
export function writeJson(value: WireValue): string | Buffer {
  const output: Output = { text: '', bytes: undefined, length: 0, answer: value };
  write(output, value);
  if (output.bytes === undefined) return output.text;
  return flushed(output, 0).subarray(0, output.length);
}

function write(output: Output, value: WireValue): void {
  switch (typeof value) {
    case 'string':
      return writeText(output, JSON.stringify(value));
    case 'object':
      return writeObject(output, value);
    default:
      return writeText(output, String(value));
  }
}

function writeObject(output: Output, value: WireValue & object): void {
  if (Buffer.isBuffer(value)) writeBlob(output, value);
  else if (value instanceof Date) writeText(output, String(value.getTime() / 1000));
  else if (Array.isArray(value)) writeList(output, value);
  else writeStructure(output, value as WireStructure);
}

function writeList(output: Output, values: readonly WireValue[]): void {
  let before = '[';
  for (const value of values) {
    output.text += before;
    write(output, value);
    before = ',';
  }
  output.text += before === '[' ? '[]' : ']';
}

function writeStructure(output: Output, structure: WireStructure): void {
  let before = '{';
  for (const name in structure) {
    const member = structure[name];
    if (member === undefined) continue;
    output.text += `${before}${quoted(name)}:`;
    write(output, member);
    before = ',';
  }
  output.text += before === '{' ? '{}' : '}';
}

/** Names of members are plain words; the keys of maps may be anything. */
const quoted = (name: string): string => (/^\w+$/.test(name) ? `"${name}"` : JSON.stringify(name));

function writeText(output: Output, text: string): void {
  output.text += text;
  if (output.text.length > TEXT_MAX) flushed(output, 0);
}

function writeBlob(output: Output, blob: Buffer): void {
  // base64 has no character that JSON would escape.
  const length = base64Length(blob.length);
  if (length <= BLOB_MAX || (output.bytes === undefined && output.text.length + length <= TEXT_MAX)) {
    return writeText(output, `"${blob.toString('base64')}"`);
  }
  output.text += '"';
  const bytes = flushed(output, length);
  output.length += bytes.write(blob.toString('base64'), output.length, 'latin1');
  output.text = '"';
}

/** The bytes, with all of the text among them and room for `more`. */
function flushed(output: Output, more: number): Buffer {
  const { text } = output;
  const bytes = withRoom(output, 3 * text.length + more);
  output.length += bytes.write(text, output.length, 'utf8');
  output.text = '';
  return bytes;
}

function withRoom(output: Output, needed: number): Buffer {
  const { bytes, length } = output;
  if (bytes !== undefined && length + needed <= bytes.length) return bytes;
  const expected = bytes === undefined ? roughBytes(output.answer, base64Length) : 2 * bytes.length;
  const larger = Buffer.allocUnsafeSlow(Math.max(expected, length) + needed);
  bytes?.copy(larger, 0, 0, length);
  output.bytes = larger;
  return larger;
}

const base64Length = (bytes: number): number => 4 * Math.ceil(bytes / 3);
