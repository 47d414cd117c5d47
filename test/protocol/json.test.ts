/** Results in AWS's JSON forms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { json } from '../../src/protocol/json.ts';
import type { WireStructure, WireValue } from '../../src/protocol/wire-value.ts';
import { TEST_START_MS } from '../support/clock.ts';
import { startTestServer } from '../support/server.ts';

describe('a result', () => {
  it.each<[string, WireValue, string]>([
    ['a text', 'a "quoted" \\ text\n', '"a \\"quoted\\" \\\\ text\\n"'],
    ['half of a surrogate pair, escaped', '\ud83d', '"\\ud83d"'],
    ['a number', 0.5, '0.5'],
    ['a large number', 9_007_199_254_740_991, '9007199254740991'],
    ['a boolean', false, 'false'],
    ['bytes as base64 with padding', Buffer.from([255, 239]), '"/+8="'],
    ['no bytes', Buffer.alloc(0), '""'],
    ['an instant as seconds with milliseconds', new Date(1_701_760_153_593), '1701760153.593'],
    ['an instant with a tenth of a second', new Date(1_701_760_153_500), '1701760153.5'],
    ['a whole second without decimals', new Date(1_701_760_153_000), '1701760153'],
    ['the epoch', new Date(0), '0'],
    ['an empty list', [], '[]'],
    ['a list', ['a', 1, true], '["a",1,true]'],
    ['an empty structure', {}, '{}'],
    ['a structure', { A: 'a', B: { C: [{ D: 1 }] } }, '{"A":"a","B":{"C":[{"D":1}]}}'],
  ])('writes %s', (_title, value, text) => {
    expect(json.encode(value)).toBe(text);
  });

  it('leaves out members that are undefined, at whichever place they stand', () => {
    expect(json.encode({ A: undefined, B: 1, C: undefined, D: { E: undefined }, F: undefined })).toBe('{"B":1,"D":{}}');
  });

  it('keeps empty texts, zeros, false and empty lists', () => {
    expect(json.encode({ A: '', B: 0, C: false, D: [] })).toBe('{"A":"","B":0,"C":false,"D":[]}');
  });

  it('is what JSON.stringify writes, for everything that JSON knows', () => {
    const value = fc.letrec<{ value: WireValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
        fc.integer(),
        fc.boolean(),
        fc.array(tie('value')),
        fc.dictionary(fc.stringMatching(/^[A-Za-z]{1,8}$/), tie('value')),
      ),
    })).value;
    fc.assert(fc.property(value, (given) => void expect(json.encode(given)).toBe(JSON.stringify(given))));
  });

  it('is the same text, as bytes, when it is long, whatever it consists of', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    const size = fc.oneof(
      fc.integer({ max: 300, min: 0 }),
      fc.integer({ max: 13_000, min: 12_000 }),
      fc.constant(40_000),
    );
    const member = fc.oneof(
      text,
      text.map((part) => part.repeat(700)),
      fc.integer(),
      size.map((bytes) => Buffer.alloc(bytes, 'a\u00e9\u0000')),
    );
    const list = fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), member), { maxLength: 12 });
    fc.assert(
      fc.property(list, (given) => {
        const expected = JSON.stringify({ A: given.map(withBase64), B: '\u6c34' });
        expect(String(json.encode({ A: given, B: '\u6c34' }))).toBe(expected);
      }),
    );
  });

  it('is a text when it is short, and otherwise bytes that are made once', () => {
    const records = (count: number) => Array.from({ length: count }, () => ({ Data: Buffer.alloc(1000), Key: 'k' }));
    expect(typeof json.encode({ Records: records(10) })).toBe('string');
    const long = json.encode({ Records: records(1500) }) as Buffer;
    expect(Buffer.isBuffer(long)).toBe(true);
    expect(long.buffer.byteLength, 'there is little room that is not used').toBeLessThan(1.1 * long.length);
  });

  it('gives back every instant of a millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (ms) => {
        const text = json.encode(new Date(ms));
        expect(text).toMatch(/^\d+(\.\d{1,3})?$/);
        expect(Math.round(Number(text) * 1000)).toBe(ms);
      }),
    );
  });
});

const withBase64 = (structure: WireStructure) =>
  Object.fromEntries(
    Object.entries(structure).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('base64') : value]),
  );

describe('answers of the server', () => {
  it('have arrivals in milliseconds, creation times in whole seconds, and data in base64', async () => {
    const { ok, createStream, clock } = await startTestServer();
    await createStream('a');
    const data = Buffer.from([0, 255, 254, 128]);
    await ok('PutRecord', { StreamName: 'a', PartitionKey: 'é', Data: data.toString('base64') });
    const arrivedS = clock.now() / 1000;
    const { ShardIterator } = await ok('GetShardIterator', {
      StreamName: 'a',
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'TRIM_HORIZON',
    });
    const { Records } = await ok('GetRecords', { ShardIterator });
    expect(Records).toHaveLength(1);
    expect(Records[0]).toMatchObject({
      ApproximateArrivalTimestamp: arrivedS,
      Data: data.toString('base64'),
      PartitionKey: 'é',
    });
    expect(arrivedS % 1, 'the test must run at a fraction of a second').not.toBe(0);

    const { StreamDescriptionSummary } = await ok('DescribeStreamSummary', { StreamName: 'a' });
    expect(StreamDescriptionSummary.StreamCreationTimestamp).toBe(Math.floor(TEST_START_MS / 1000));
  });

  it('leave out what is not set', async () => {
    const { ok, call, createStream } = await startTestServer();
    await createStream('a');
    expect(Object.keys(await ok('ListStreams', {}))).not.toContain('NextToken');
    const { text } = await call('DescribeStream', { StreamName: 'a' });
    expect(text).not.toContain('null');
    expect(text).not.toContain('ParentShardId');
    expect(text).not.toContain('EndingSequenceNumber');
  });
});
