/**
 * Reads what the Kinesis Producer Library packs into one record: four magic bytes, a message of Protocol Buffers (1 table
 * of partition keys, 2 table of explicit hash keys, 3 user records, of which 1 is the index of the key and 3 the data), and
 * the MD5 of the message.
 */
import { createHash } from 'node:crypto';

export interface UserRecord {
  readonly key: string;
  readonly data: string;
}

const MAGIC = Buffer.from('f3899ac2', 'hex');
const MD5_BYTES = 16;

/** The user records of an aggregated record; undefined when it is not one. Throws when it is damaged. */
export function userRecordsOf(record: Buffer): UserRecord[] | undefined {
  if (!record.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const message = record.subarray(MAGIC.length, -MD5_BYTES);
  const sum = createHash('md5').update(message).digest();
  if (!sum.equals(record.subarray(-MD5_BYTES))) throw new Error('The MD5 of an aggregated record is wrong.');
  const fields = fieldsOf(message);
  const keys = fields.flatMap(({ number, value }) => (number === 1 ? [value.toString()] : []));
  return fields.flatMap(({ number, value }) => {
    if (number !== 3) return [];
    const members = new Map(fieldsOf(value as Buffer).map((field) => [field.number, field.value]));
    return [{ key: keys[Number(members.get(1))]!, data: members.get(3)!.toString() }];
  });
}

interface Field {
  readonly number: number;
  /** Of whole numbers the value, of all else the bytes. */
  readonly value: number | Buffer;
}

function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let offset = 0;
  const wholeNumber = () => {
    for (let value = 0, shift = 1; ; shift *= 128) {
      const byte = message[offset++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (offset < message.length) {
    const tag = wholeNumber();
    const first = wholeNumber();
    const isBytes = (tag & 7) === 2;
    fields.push({ number: tag >> 3, value: isBytes ? message.subarray(offset, offset + first) : first });
    if (isBytes) offset += first;
  }
  return fields;
}
