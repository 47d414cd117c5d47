/** Records as lines: whatever they are, a reader gets every one back, from the lines or from the dead letters. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LineFormat } from '../../src/firehose/destinations/lines.ts';
import { linesOf } from '../../src/firehose/lines.ts';

const recordOf = (data: Buffer) => ({
  position: 1,
  sequenceNumber: '7',
  partitionKey: 'k',
  arrivedMs: 1,
  data,
});

/** What a reader makes of an object. */
function linesIn(parts: readonly Buffer[]): Buffer[] {
  const content = Buffer.concat(parts);
  const lines: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(0x0a, start);
    expect(end, 'every line has an end').toBeGreaterThanOrEqual(0);
    lines.push(content.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

const READERS: Readonly<Record<LineFormat, (line: Buffer) => string>> = {
  BYTE_ARRAY: (line) => Buffer.from(line.toString(), 'base64').toString('hex'),
  STRING: (line) => line.toString('hex'),
  JSON: (line) => JSON.stringify(JSON.parse(line.toString())),
};

/** Bytes, texts and JSON, also with the line breaks of people. */
const anyData = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
  fc.tuple(fc.jsonValue(), fc.constantFrom(0, 2, '\r')).map(([value, space]) => {
    return Buffer.from(JSON.stringify(value, null, space));
  }),
  fc.constantFrom('a\nb', '\n', '"\u2028"', '[1,\r\n2]').map((text) => Buffer.from(text)),
);

it.each(Object.keys(READERS) as LineFormat[])('%s gives every record back, in order', (format) => {
  fc.assert(
    fc.property(fc.array(anyData), (all) => {
      const { lines, deadLetters } = linesOf(all.map(recordOf), format);
      const letters = linesIn(deadLetters).map((line) => JSON.parse(line.toString()).rawData);
      const isLetter = (data: Buffer) => linesOf([recordOf(data)], format).deadLetters.length === 1;
      expect(letters).toEqual(all.filter(isLetter).map((data) => data.toString('base64')));
      const read = READERS[format];
      const delivered = all.filter((data) => !isLetter(data));
      const wanted = delivered.map((data) => {
        return format === 'JSON' ? JSON.stringify(JSON.parse(data.toString())) : data.toString('hex');
      });
      expect(linesIn(lines).map(read)).toEqual(wanted);
      if (format === 'BYTE_ARRAY') expect(letters).toEqual([]);
    }),
  );
});

it('a document that is nested deeply is one all the same, and what is no document does no harm', () => {
  const deep = (depth: number, end: string) => recordOf(Buffer.from('['.repeat(depth) + end.repeat(depth)));
  const { lines, deadLetters } = linesOf([deep(400_000, ']'), deep(400_000, '')], 'JSON');
  expect([lines.length, deadLetters.length]).toEqual([1, 1]);
});

it('a dead letter of a record that was put without a partition key has none', () => {
  const letterOf = (partitionKey: string) => {
    const { deadLetters } = linesOf([{ ...recordOf(Buffer.from('a\nb')), partitionKey }], 'STRING');
    return JSON.parse(String(deadLetters));
  };
  expect([letterOf('k').partitionKey, 'partitionKey' in letterOf('')]).toEqual(['k', false]);
});

it('records that a producer packed into one are lines of their own', () => {
  const field = (tag: number, value: Buffer) => Buffer.concat([Buffer.from([tag, value.length]), value]);
  const packed = ['one', 'two'].map((text) =>
    field(0x1a, Buffer.concat([Buffer.from([0x08, 0]), field(0x1a, Buffer.from(text))])),
  );
  const message = Buffer.concat([field(0x0a, Buffer.from('k')), ...packed]);
  const digest = createHash('md5').update(message).digest();
  const data = Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, digest]);
  expect(linesOf([recordOf(data)], 'STRING').lines.map(String)).toEqual(['one\n', 'two\n']);
});
