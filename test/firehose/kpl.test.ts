/** Aggregates of the Kinesis Producer Library are unpacked; whatever only looks like one is left as it is. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackedRecords } from '../../src/firehose/kpl.ts';

const MAGIC = Buffer.from('f3899ac2', 'hex');

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}

const bytesField = (number: number, value: Buffer) =>
  Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
const numberField = (number: number, value: number) => Buffer.concat([varint(number * 8), varint(value)]);

/** As the library packs them: a table of keys, then the records, each with the index of its key. */
const messageOf = (records: readonly Buffer[]) =>
  Buffer.concat([
    bytesField(1, Buffer.from('a partition key')),
    bytesField(2, Buffer.from('12345')),
    ...records.map((data) => bytesField(3, Buffer.concat([numberField(1, 0), numberField(2, 0), bytesField(3, data)]))),
  ]);

const aggregateOf = (message: Buffer) => Buffer.concat([MAGIC, message, createHash('md5').update(message).digest()]);

const texts = (records: readonly Buffer[]) => records.map(String);

describe('an aggregate', () => {
  it('is unpacked in order, empty records too', () => {
    const records = ['first', '', 'third'].map((text) => Buffer.from(text));
    expect(texts(unpackedRecords(aggregateOf(messageOf(records))))).toEqual(['first', '', 'third']);
  });

  it('may hold ten thousand records, or none', () => {
    const records = Array.from({ length: 10_000 }, (_, index) => Buffer.from(`record ${index}`));
    expect(texts(unpackedRecords(aggregateOf(messageOf(records))))).toEqual(texts(records));
    expect(unpackedRecords(aggregateOf(messageOf([])))).toEqual([]);
  });

  it('may have fields of every kind that nobody knows', () => {
    const unknown = Buffer.concat([
      numberField(15, 2 ** 40),
      Buffer.concat([varint(16 * 8 + 1), Buffer.alloc(8)]),
      Buffer.concat([varint(17 * 8 + 5), Buffer.alloc(4)]),
      bytesField(18, Buffer.from('unknown')),
    ]);
    const tag = bytesField(4, bytesField(1, Buffer.from('tag')));
    const record = bytesField(3, Buffer.concat([tag, unknown, bytesField(3, Buffer.from('data'))]));
    expect(texts(unpackedRecords(aggregateOf(Buffer.concat([unknown, record, unknown]))))).toEqual(['data']);
  });

  it('comes back as it was packed, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))), (records) => {
        const unpacked = unpackedRecords(aggregateOf(messageOf(records)));
        expect(unpacked.map((data) => data.toString('hex'))).toEqual(records.map((data) => data.toString('hex')));
      }),
      { numRuns: 200 },
    );
  });
});

describe('left as it is:', () => {
  const message = messageOf([Buffer.from('first'), Buffer.from('second')]);
  const whole = aggregateOf(message);

  it.each<[string, Buffer]>([
    ['no data', Buffer.alloc(0)],
    ['the magic alone', MAGIC],
    ['text', Buffer.from('not an aggregate, but longer than one has to be')],
    ['a wrong digest', Buffer.concat([whole.subarray(0, -1), Buffer.from([whole.at(-1)! ^ 1])])],
    ['a record without data', aggregateOf(bytesField(3, numberField(1, 0)))],
    ['a record that is a number', aggregateOf(numberField(3, 7))],
    ['a length that never ends', aggregateOf(Buffer.concat([varint(3 * 8 + 2), Buffer.alloc(11, 0xff)]))],
    ['a length beyond the end', aggregateOf(Buffer.concat([varint(3 * 8 + 2), varint(2 ** 50)]))],
    ['a group, which is an old kind of field', aggregateOf(varint(3 * 8 + 3))],
  ])('%s', (_title, data) => {
    expect(unpackedRecords(data)).toEqual([data]);
  });

  it('an aggregate that was cut anywhere', () => {
    for (let length = 0; length < whole.length; length += 1) {
      const cut = whole.subarray(0, length);
      expect(unpackedRecords(cut), `of ${length} bytes`).toEqual([cut]);
    }
  });

  it('or unpacked, but never refused: a message of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const data = aggregateOf(Buffer.from(bytes));
        const unpacked = unpackedRecords(data);
        expect(unpacked.every((record) => record.length <= data.length)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
