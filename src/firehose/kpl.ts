/**
 * Aggregated records of the Kinesis Producer Library: several user records in one record of a stream. Four magic bytes, a
 * protobuf message, and the MD5 of the message. Pure.
 */
import { hash } from 'node:crypto';

const MAGIC = Buffer.from([0xf3, 0x89, 0x9a, 0xc2]);
const DIGEST_BYTES = 16;

/** Field 3 of the message holds the records, field 3 of each of them its data. */
const RECORDS_FIELD = 3;
const DATA_FIELD = 3;

/**
 * The data of the user records in `data`, in their order; `data` itself when it is not an aggregate, or not a whole one.
 * The results share its memory.
 */
export function unpackedRecords(data: Buffer): readonly Buffer[] {
  if (data.length < MAGIC.length + DIGEST_BYTES || !data.subarray(0, MAGIC.length).equals(MAGIC)) return [data];
  const message = data.subarray(MAGIC.length, -DIGEST_BYTES);
  if (hash('md5', message, 'hex') !== data.subarray(-DIGEST_BYTES).toString('hex')) return [data];
  return recordsOf(message) ?? [data];
}

/** Undefined when the message is not one of aggregated records. */
function recordsOf(message: Buffer): Buffer[] | undefined {
  const records = bytesFields(message, RECORDS_FIELD);
  if (records === undefined) return undefined;
  const contents: Buffer[] = [];
  for (const record of records) {
    // Of a field that occurs again the last one counts.
    const content = bytesFields(record, DATA_FIELD)?.at(-1);
    if (content === undefined) return undefined;
    contents.push(content);
  }
  return contents;
}

/** The kinds of protobuf values, by the lower three bits of a field's key. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** The values of the fields numbered `field` of a message; undefined when it is not a message, or one is not bytes. */
function bytesFields(message: Buffer, field: number): Buffer[] | undefined {
  const values: Buffer[] = [];
  for (let at = 0; at < message.length; ) {
    const key = varint(message, at);
    if (key === undefined) return undefined;
    const value = valueAt(message, key.end, key.value & 7);
    if (value === undefined) return undefined;
    if (key.value >>> 3 === field) {
      if ((key.value & 7) !== BYTES) return undefined;
      values.push(message.subarray(value.start, value.end));
    }
    at = value.end;
  }
  return values;
}

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Where the value of a kind that begins at a position lies; undefined when it is not all there. */
function valueAt(message: Buffer, start: number, kind: number): Extent | undefined {
  const upTo = (from: number, end: number) => (end <= message.length ? { start: from, end } : undefined);
  switch (kind) {
    case VARINT: {
      const number = varint(message, start);
      return number && upTo(start, number.end);
    }
    case FIXED64:
      return upTo(start, start + 8);
    case FIXED32:
      return upTo(start, start + 4);
    case BYTES: {
      const length = varint(message, start);
      return length && upTo(length.end, length.end + length.value);
    }
    default:
      return undefined;
  }
}

const VARINT_BYTES_MAX = 10;

/** A number of seven bits per byte, the lowest first; those beyond 2^53 are too large for any length. */
function varint(message: Buffer, start: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = start; at < message.length && at < start + VARINT_BYTES_MAX; at += 1) {
    const byte = message[at]!;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}
