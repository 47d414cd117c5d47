/** Results in AWS's CBOR forms. The hex of these tests is what its services send. */
import { deepStrictEqual } from 'node:assert';
import { cbor as sdkCodec } from '@smithy/core/cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCbor } from '../../src/protocol/cbor-reader.ts';
import { writeCbor } from '../../src/protocol/cbor-writer.ts';
import { Instant } from '../../src/protocol/decode.ts';
import { json } from '../../src/protocol/json.ts';
import type { WireStructure, WireValue } from '../../src/protocol/wire-value.ts';

const NUM_RUNS = Number(process.env.FUZZ_RUNS ?? 100);

const hexOf = (value: WireValue) => writeCbor(value).toString('hex');

/** The value that `item` has for a decoder that is not ours. */
const readBySdk = (item: Buffer): unknown => sdkCodec.deserialize(item);

describe('a result', () => {
  it.each<[string, WireValue, string]>([
    ['an empty structure', {}, 'bfff'],
    ['an empty list', [], '9fff'],
    ['a structure, without a length', { A: 1, B: 'b' }, 'bf' + '614101' + '61426162' + 'ff'],
    ['a list, without a length', ['a', 1, true], '9f' + '6161' + '01' + 'f5' + 'ff'],
    ['lists in structures in lists', [{ A: [[], {}] }], '9f' + 'bf6141' + '9f9fffbfffff' + 'ff' + 'ff'],
    ['true', true, 'f5'],
    ['false', false, 'f4'],
    ['nothing in a list', [undefined], '9ff6ff'],
    ['0', 0, '00'],
    ['-0', -0, '00'],
    ['23', 23, '17'],
    ['24', 24, '1818'],
    ['255', 255, '18ff'],
    ['256', 256, '190100'],
    ['65,535', 65_535, '19ffff'],
    ['65,536', 65_536, '1a00010000'],
    ['2^32 - 1', 2 ** 32 - 1, '1affffffff'],
    ['2^32', 2 ** 32, '1b0000000100000000'],
    ['2^53 - 1', Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    ['-1', -1, '20'],
    ['-24', -24, '37'],
    ['-25', -25, '3818'],
    ['-256', -256, '38ff'],
    ['-257', -257, '390100'],
    ['-2^32', -(2 ** 32), '3affffffff'],
    ['-2^32 - 1', -(2 ** 32) - 1, '3b0000000100000000'],
    ['-(2^53 - 1)', Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
    ['2^53, which is a float', 2 ** 53, 'fb4340000000000000'],
    ['a fraction', 1.1, 'fb3ff199999999999a'],
    ['a negative fraction', -4.1, 'fbc010666666666666'],
    ['a half', 0.5, 'fb3fe0000000000000'],
    ['1e300', 1e300, 'fb7e37e43c8800759c'],
    ['infinity', Number.POSITIVE_INFINITY, 'fb7ff0000000000000'],
    ['an empty text', '', '60'],
    ['a text', 'IETF', '6449455446'],
    ['a text of several bytes a character', '\u00fc\u6c34\u{10151}', '69c3bce6b0b4f0908591'],
    ['a text of 23 bytes', 'a'.repeat(23), `77${'61'.repeat(23)}`],
    ['a text of 24 bytes', 'a'.repeat(24), `7818${'61'.repeat(24)}`],
    ['a text of 128 characters and 256 bytes', '\u00e9'.repeat(128), `790100${'c3a9'.repeat(128)}`],
    ['half of a surrogate pair as the character for what is none', '\ud83d', '63efbfbd'],
    ['no bytes', Buffer.alloc(0), '40'],
    ['bytes as they are', Buffer.from([0, 255, 239]), '4300ffef'],
    ['256 bytes', Buffer.alloc(256, 7), `590100${'07'.repeat(256)}`],
    ['an instant as milliseconds', new Date(1_701_760_153_593), 'c11b0000018c38cf37f9'],
    ['a whole second as milliseconds', new Date(1_701_760_153_000), 'c11b0000018c38cf35a8'],
    ['the epoch', new Date(0), 'c100'],
    ['the last instant of 32 bits', new Date(2 ** 32 - 1), 'c11affffffff'],
    ['the next one', new Date(2 ** 32), 'c11b0000000100000000'],
    ['an instant before 1970', new Date(-1), 'c120'],
    ['an instant long before 1970', new Date('1815-12-10'), 'c13b0000046bf59207ff'],
    ['the last instant of all', new Date(8.64e15), 'c11b001eb208c2dc0000'],
    ['a key of other characters', { cl\u00e9: 1 }, 'bf64636cc3a901ff'],
    ['an empty key', { '': 1 }, 'bf6001ff'],
  ])('writes %s', (_title, value, hex) => {
    expect(hexOf(value)).toBe(hex);
  });

  it('leaves out members that are undefined, at whichever place they stand', () => {
    const value = { A: undefined, B: 1, C: undefined, D: { E: undefined }, F: undefined };
    expect(hexOf(value)).toBe('bf' + '614201' + '6144bfff' + 'ff');
    expect(hexOf({ A: undefined })).toBe('bfff');
  });

  it('keeps empty texts, zeros, false, empty bytes and empty lists', () => {
    expect(hexOf({ A: '', B: 0, C: false, D: [], E: Buffer.alloc(0) })).toBe(
      'bf' + '614160' + '614200' + '6143f4' + '61449fff' + '614540' + 'ff',
    );
  });

  it('has the key __proto__ like any other', () => {
    const tags = JSON.parse('{"__proto__":"a","constructor":"b"}') as WireStructure;
    const written = writeCbor(tags);
    expect(written.toString('hex')).toBe(`bf69${hexText('__proto__')}61616b${hexText('constructor')}6162ff`);
    expect(Object.entries(readCbor(written))).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  it('keeps the order of members', () => {
    const names = ['b', 'a', 'Z', 'c'];
    const value = Object.fromEntries(names.map((name) => [name, 1]));
    expect(Object.keys(readBySdk(writeCbor(value)) as object)).toEqual(names);
  });
});

const hexText = (text: string) => Buffer.from(text).toString('hex');

describe('a result that is larger than the first buffer', () => {
  const around = (size: number) => Array.from({ length: 24 }, (_, index) => size - 12 + index);
  const lengths = [1024, 2048, 4096, 65_536].flatMap(around);

  it('is written whole when one text or blob crosses the end', () => {
    for (const length of lengths) {
      for (const value of [Buffer.alloc(length, 7), 'a'.repeat(length), '\u6c34'.repeat(length)]) {
        const read = readBySdk(writeCbor({ A: value, B: 1 })) as { A: string | Uint8Array; B: number };
        const isSame = typeof value === 'string' ? read.A === value : value.equals(Buffer.from(read.A as Uint8Array));
        if (!isSame || read.B !== 1) expect.fail(`A ${typeof value} of ${length} was read as something else.`);
      }
    }
  });

  it('is written whole when small items cross it, whatever they are', () => {
    const items: readonly WireValue[] = [
      1,
      300,
      70_000,
      2 ** 40,
      -1,
      0.5,
      true,
      'a',
      '',
      Buffer.from('a'),
      new Date(5),
      [],
      {},
    ];
    for (const item of items) {
      for (let before = 1000; before < 1024; before += 1) {
        const value = { A: 'a'.repeat(before), B: [item, item], [`k${before}`]: item };
        expect(withBuffers(readBySdk(writeCbor(value))), `behind ${before} bytes`).toEqual(withBuffers(bySdk(value)));
      }
    }
  });

  it('is written whole when it is ten thousand members', () => {
    const value = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, index]));
    expect(readBySdk(writeCbor(value))).toEqual(value);
  });

  it('is written whole when it is ten megabytes of records', () => {
    const arrival = new Date(1_701_760_153_593);
    const Records = Array.from({ length: 10 }, (_, index) => ({
      SequenceNumber: String(index),
      ApproximateArrivalTimestamp: arrival,
      Data: Buffer.alloc(1024 * 1024, index + 1),
      PartitionKey: 'cl\u00e9',
    }));
    const written = writeCbor({ Records, MillisBehindLatest: 0 });
    const read = readBySdk(written) as {
      Records: { Data: Uint8Array; SequenceNumber: string }[];
      MillisBehindLatest: 0;
    };
    expect(Object.keys(read)).toEqual(['Records', 'MillisBehindLatest']);
    expect(read.Records.map(({ SequenceNumber }) => SequenceNumber)).toEqual(
      Records.map((record) => record.SequenceNumber),
    );
    expect(read.Records.every(({ Data }, index) => Records[index]!.Data.equals(Data))).toBe(true);
    expect(written.length).toBeLessThan(10 * 1024 * 1024 + 10 * 150);
  });

  it('has little room that is not used', () => {
    const Records = Array.from({ length: 1000 }, () => ({ Data: Buffer.alloc(1000), Key: 'k' }));
    const long = writeCbor({ Records });
    expect(long.buffer.byteLength).toBeLessThan(1.1 * long.length);
  });

  it('is not changed by what is written after it', () => {
    const first = writeCbor({ A: 'a'.repeat(100) });
    const before = first.toString('hex');
    for (let index = 0; index < 100; index += 1) writeCbor({ B: 'b'.repeat(100) });
    expect(first.toString('hex')).toBe(before);
  });
});

/** What the SDKs' decoder makes of `value`. */
function bySdk(value: WireValue): unknown {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Date) return { tag: 1, value: value.getTime() };
  if (Array.isArray(value)) return value.map(bySdk);
  if (typeof value !== 'object') return typeof value === 'string' ? value.toWellFormed() : value;
  const members = Object.entries(value as WireStructure).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name.toWellFormed(), bySdk(member)]));
}

/** What our own reader makes of it. */
function byReader(value: WireValue): unknown {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Date) return new Instant(value.getTime());
  if (Array.isArray(value)) return value.map(byReader);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value as WireStructure).map(([name, member]) => [name, byReader(member)]));
}

/** Without -0, which no answer has. */
const anyNumber = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).map((value) => (value === 0 ? 0 : value)),
);

const valueWith = (name: fc.Arbitrary<string>, ...more: readonly fc.Arbitrary<WireValue>[]) =>
  fc.letrec<{ value: WireValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.string({ unit: 'grapheme', minLength: 1000, maxLength: 1100 }),
      ),
      anyNumber,
      fc.boolean(),
      fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array)),
      fc.date({ noInvalidDate: true }),
      fc.array(tie('value')),
      fc.dictionary(name, tie('value'), { noNullPrototype: true }),
      ...more,
    ),
  })).value;

const anyName = fc.string({ unit: 'grapheme' });

describe('any result', () => {
  it("is what the SDKs' own codec reads", () => {
    // Its decoder would set the prototype.
    const name = anyName.filter((text) => text !== '__proto__');
    fc.assert(
      fc.property(valueWith(name), (value) => {
        expect(withBuffers(readBySdk(writeCbor(value)))).toEqual(withBuffers(bySdk(value)));
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('is what our own reader reads, whatever its keys', () => {
    const name = fc.oneof(anyName, fc.constantFrom('__proto__', 'constructor', 'tag', 'value', 'length', '0'));
    fc.assert(
      fc.property(valueWith(name), (value) => {
        // Vitest's own comparison stumbles over a key `constructor`.
        deepStrictEqual(readCbor(writeCbor({ a: value })).a, byReader(value));
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('says the same as the result in JSON', () => {
    const name = anyName.filter((text) => text !== '__proto__');
    const nothing = fc.dictionary(name, fc.constant(undefined), { noNullPrototype: true });
    fc.assert(
      fc.property(fc.dictionary(name, valueWith(name, nothing), { noNullPrototype: true }), (value) => {
        const finite = finiteOnly(value) as WireValue;
        expect(asJson(readBySdk(writeCbor(finite)))).toEqual(JSON.parse(json.encode(finite) as string));
      }),
      { numRuns: NUM_RUNS },
    );
  });
});

/** Without the marks of the SDKs' codec: bytes as buffers, large integers as numbers, tags as plain objects. */
const withBuffers = (value: unknown): unknown =>
  mapped(value, (leaf) =>
    leaf instanceof Uint8Array ? Buffer.from(leaf) : typeof leaf === 'bigint' ? Number(leaf) : leaf,
  );

/** JSON knows no infinity. */
const finiteOnly = (value: unknown): unknown =>
  mapped(value, (leaf) => (typeof leaf === 'number' && !Number.isFinite(leaf) ? 0 : leaf));

/** Bytes as base64, instants as seconds. */
function asJson(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && Object.getOwnPropertySymbols(value).length > 0) {
    return (value as { value: number }).value / 1000;
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asJson(member)]));
}

function mapped(value: unknown, leafOf: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => mapped(element, leafOf));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date)
    return leafOf(value);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member, leafOf)]));
}
