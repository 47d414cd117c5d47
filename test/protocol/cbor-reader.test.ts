/** Whatever CBOR says is read, in every form in which it can be said; what is not CBOR is refused, and nothing else happens. */
import { deepStrictEqual } from 'node:assert';
import { cbor as sdkCodec } from '@smithy/core/cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCbor } from '../../src/protocol/cbor-reader.ts';
import { Instant } from '../../src/protocol/decode.ts';
import { ApiError } from '../../src/protocol/error.ts';
import { isWithinLimits } from '../../src/protocol/value-limits.ts';

const NUM_RUNS = Number(process.env.FUZZ_RUNS ?? 100);

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** The first byte of an item and its argument in `width` bytes; in the first byte itself when `width` is 0. */
function head(type: number, argument: number | bigint, width: 0 | 1 | 2 | 4 | 8): Buffer {
  const first = type << 5;
  if (width === 0) return Buffer.from([first | Number(argument)]);
  const whole = Buffer.alloc(9);
  whole.writeBigUInt64BE(BigInt(argument), 1);
  return Buffer.concat([Buffer.from([first | (24 + Math.log2(width))]), whole.subarray(9 - width)]);
}

/** The item in a map, as inputs are: {"a": item}. */
const inMap = (item: Buffer) => Buffer.concat([bytes('a1 6161'), item]);

const readItem = (item: Buffer) => readCbor(inMap(item)).a;
const readHex = (hex: string) => readItem(bytes(hex));

/** `read`, or how it was refused. Any other error than the one promised passes through and fails the test. */
function outcomeOf(body: Buffer): unknown {
  try {
    return readCbor(body);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect([error.code, error.status, error.message]).toEqual(['SerializationException', 400, '']);
    return REFUSED;
  }
}
const REFUSED = Symbol('refused');

const isRefused = (body: Buffer) => outcomeOf(body) === REFUSED;

/** RFC 8949, appendix A: all examples whose values AWS's shapes could have. */
const EXAMPLES: readonly (readonly [hex: string, value: unknown])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 2 ** 64],
  ['3bffffffffffffffff', -(2 ** 64)],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f90000', 0],
  ['f98000', -0],
  ['f93c00', 1],
  ['fb3ff199999999999a', 1.1],
  ['f93e00', 1.5],
  ['f97bff', 65_504],
  ['fa47c35000', 100_000],
  ['fa7f7fffff', 3.402_823_466_385_288_6e38],
  ['fb7e37e43c8800759c', 1e300],
  ['f90001', 2 ** -24],
  ['f90400', 0.000_061_035_156_25],
  ['f9c400', -4],
  ['fbc010666666666666', -4.1],
  ['f97c00', Number.POSITIVE_INFINITY],
  ['f9fc00', Number.NEGATIVE_INFINITY],
  ['fa7f800000', Number.POSITIVE_INFINITY],
  ['faff800000', Number.NEGATIVE_INFINITY],
  ['fb7ff0000000000000', Number.POSITIVE_INFINITY],
  ['fbfff0000000000000', Number.NEGATIVE_INFINITY],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f7', null],
  ['c074323031332d30332d32315432303a30343a30305a', '2013-03-21T20:04:00Z'],
  ['c11a514b67b0', new Instant(1_363_896_240)],
  ['c1fb41d452d9ec200000', new Instant(1_363_896_240.5)],
  ['d74401020304', bytes('01020304')],
  ['d818456449455446', bytes('6449455446')],
  ['d82076687474703a2f2f7777772e6578616d706c652e636f6d', 'http://www.example.com'],
  ['c249010000000000000000', bytes('010000000000000000')],
  ['c349010000000000000000', bytes('010000000000000000')],
  ['40', Buffer.alloc(0)],
  ['4401020304', bytes('01020304')],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', '\u00fc'],
  ['63e6b0b4', '\u6c34'],
  ['64f0908591', '\u{10151}'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', Array.from({ length: 25 }, (_, index) => index + 1)],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }],
  ['5f42010243030405ff', bytes('0102030405')],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9fff', []],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['9f01820203820405ff', [1, [2, 3], [4, 5]]],
  ['83018202039f0405ff', [1, [2, 3], [4, 5]]],
  ['83019f0203ff820405', [1, [2, 3], [4, 5]]],
  ['9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff', Array.from({ length: 25 }, (_, index) => index + 1)],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
  ['826161bf61626163ff', ['a', { b: 'c' }]],
  ['bf6346756ef563416d7421ff', { Fun: true, Amt: -2 }],
];

describe('the examples of RFC 8949', () => {
  it.each(EXAMPLES)('%s is read', (hex, value) => {
    expect(readHex(hex)).toStrictEqual(value);
  });

  it.each([
    ['NaN of 16 bits', 'f97e00'],
    ['NaN of 32 bits', 'fa7fc00000'],
    ['NaN of 64 bits', 'fb7ff8000000000000'],
    ['an unassigned simple value', 'f0'],
    ['a simple value in a byte of its own', 'f8ff'],
    ['keys that are numbers', 'a201020304'],
  ])('%s, %s, has no meaning here', (_title, hex) => {
    expect(isRefused(inMap(bytes(hex)))).toBe(true);
  });
});

/** What RFC 8949 calls not well-formed, appendix F, in a map or instead of one. */
const MALFORMED: readonly (readonly [title: string, ...hex: string[]])[] = [
  ['ends inside a number', '18', '19', '1a', '1b', '1901', '1a0102', '1b01020304050607', '38', 'f9', 'f900'],
  ['ends inside a float', 'fa0000', 'fb000000', 'd8', 'd900', 'd9', 'da0000', 'db000000'],
  [
    'ends inside a string',
    '41',
    '61',
    '5affffffff00',
    '5bffffffffffffffff010203',
    '7affffffff00',
    '7b7fffffffffffffff010203',
  ],
  ['ends inside a list or map', '81', '818181818181818181', '8200', 'a1', 'a2616100', 'a16161'],
  [
    'ends inside a list or map that had told no length',
    '5f4100',
    '7f6100',
    '9f',
    '9f0102',
    'bf',
    'bf61616102',
    '819f',
    '9f8000',
  ],
  ['has a tag of nothing', 'c0', 'c1', 'd818'],
  [
    'has reserved information',
    '1c',
    '1d',
    '1e',
    '3c',
    '3d',
    '3e',
    '5c',
    '5d',
    '5e',
    '7c',
    '7d',
    '7e',
    '9c',
    '9d',
    '9e',
  ],
  ['has more reserved information', 'bc', 'bd', 'be', 'dc', 'dd', 'de', 'fc', 'fd', 'fe'],
  ['has a simple value of two bytes', 'f800', 'f801', 'f814', 'f818', 'f81f', 'f820', 'f8f6'],
  ['has a simple value that means nothing', 'e0', 'e1', 'f3', 'ef'],
  ['has chunks of another type', '5f00ff', '5f21ff', '5f6100ff', '5f80ff', '5fa0ff', '5fc000ff', '5fe0ff', '7f4100ff'],
  ['has chunks without a length', '5f5f4100ffff', '7f7f6100ffff', '5f7f6100ffff'],
  ['has a chunk with a tag', '5fc14100ff', '7fc06100ff'],
  [
    'has a break where none belongs',
    'ff',
    '81ff',
    '8200ff',
    'a1ff',
    'a16161ff',
    'bf6161ff',
    'c1ff',
    '9f81ff',
    '9f829f819f9fffffffff',
  ],
  ['has a number, a tag or a break without a length', '1f', '3f', 'df'],
  [
    'has a key that is no text',
    'a10000',
    'bf0000ff',
    'a1416100',
    'a1f600',
    'a1c0616100',
    'a18000',
    'a1a000',
    'a1f500',
    'a1f93c0000',
  ],
  ['has a key of mixed chunks', 'a17f4161ff00', 'bf7f6161416200ff'],
  ['has a text that is no UTF-8', '61ff', '61c3', '62c328', '63e28228', '62c0af', '63eda080', '64f4908080', '7f61ffff'],
  ['has a long text that is no UTF-8', `7841${'61'.repeat(64)}ff`, `7840${'61'.repeat(63)}80`],
  ['has a key that is no UTF-8', 'a161ff00', 'a17f61ffff00', 'a162c32800'],
];

describe('what is not well-formed is refused', () => {
  it.each(MALFORMED)('%s', (_title, ...items) => {
    for (const hex of items) {
      expect.soft(isRefused(inMap(bytes(hex))), `{"a": ${hex}}`).toBe(true);
      // Here the break of the outer map is at hand for whoever looks for one.
      expect.soft(isRefused(Buffer.concat([bytes('bf6161'), bytes(hex)])), `{_ "a": ${hex}`).toBe(true);
    }
  });

  it.each([
    ['nothing', ''],
    ['a number', '00'],
    ['bytes', '40'],
    ['a text', '6161'],
    ['a list', '80'],
    ['a list of a map', '81a0'],
    ['a list without a length', '9fff'],
    ['a tagged map', 'd9d9f7a0'],
    ['null', 'f6'],
    ['a break', 'ff'],
    ['JSON', Buffer.from('{"StreamName":"a"}').toString('hex')],
    ['JSON that begins like a map', Buffer.from(' {}').toString('hex')],
  ])('%s instead of a map', (_title, hex) => {
    expect(isRefused(bytes(hex))).toBe(true);
  });

  it.each([
    ['a byte', 'a000'],
    ['a break', 'a0ff'],
    ['a break after a break', 'bfffff'],
    ['another map', 'a0a0'],
    ['a line feed', 'bfff0a'],
    ['one entry more than the map has', 'a1616101616202'],
  ])('%s behind the map', (_title, hex) => {
    expect(isRefused(bytes(hex))).toBe(true);
  });

  it.each([2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 2n ** 63n, 2n ** 64n - 1n].map((length) => [length]))(
    'a length of %s that is not there',
    (length) => {
      for (const type of [2, 3, 4, 5]) {
        const item = Buffer.concat([head(type, length, 8), Buffer.alloc(100)]);
        expect.soft(isRefused(inMap(item)), `type ${type}`).toBe(true);
      }
      expect(isRefused(Buffer.concat([head(5, length, 8), bytes('616100')])), 'of the map itself').toBe(true);
      expect(isRefused(inMap(Buffer.concat([bytes('5f'), head(2, length, 8), bytes('00ff')]))), 'of a chunk').toBe(
        true,
      );
      expect(isRefused(Buffer.concat([bytes('a1'), head(3, length, 8), bytes('616100')])), 'of a key').toBe(true);
    },
  );

  it('a length that is one too large or too small, in every width', () => {
    for (const type of [2, 3])
      for (const width of [1, 2, 4, 8] as const) {
        const content = Buffer.alloc(20, 'a');
        expect.soft(readItem(Buffer.concat([head(type, 20, width), content]))).toHaveLength(20);
        for (const length of [19, 21]) {
          const item = Buffer.concat([head(type, length, width), content]);
          expect.soft(isRefused(inMap(item)), `type ${type} of ${length} in ${width}`).toBe(true);
        }
      }
  });
});

describe('numbers', () => {
  it('have their value in each width, also in one that is larger than needed', () => {
    for (const width of [0, 1, 2, 4, 8] as const) {
      const largest = width === 0 ? 23n : 2n ** BigInt(8 * width) - 1n;
      const values = [
        0n,
        1n,
        23n,
        24n,
        255n,
        256n,
        65_535n,
        65_536n,
        2n ** 32n - 1n,
        2n ** 32n,
        2n ** 53n - 1n,
        largest,
      ];
      for (const value of values.filter((candidate) => candidate <= largest)) {
        expect.soft(readItem(head(0, value, width)), `${value} in ${width}`).toBe(Number(value));
        expect.soft(readItem(head(1, value, width)), `-1 - ${value} in ${width}`).toBe(-1 - Number(value));
      }
    }
  });

  it('are exact up to 2^53 - 1 and nearly so beyond', () => {
    expect(readHex('1b001fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER);
    expect(readHex('3b001ffffffffffffe')).toBe(Number.MIN_SAFE_INTEGER);
    expect(readHex('1b7fffffffffffffff')).toBe(2 ** 63);
  });

  it('of 16 bits are right, all 65,536 of them', () => {
    const float = new DataView(new ArrayBuffer(4));
    for (let bits = 0; bits < 65_536; bits += 1) {
      const [sign, exponent, fraction] = [bits >> 15, (bits >> 10) & 31, bits & 1023];
      const item = head(7, bits, 2);
      if (exponent === 31 && fraction !== 0) {
        if (!isRefused(inMap(item))) expect.fail(`${bits.toString(16)} is NaN and was read`);
        continue;
      }
      // The same number in 32 bits, which the machine knows; subnormal halves are normal there.
      float.setUint32(0, ((sign << 31) | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)) >>> 0);
      const expected = exponent === 0 ? (sign ? -1 : 1) * fraction * 2 ** -24 : float.getFloat32(0);
      const read = readItem(item);
      if (!Object.is(read, expected)) expect.fail(`${bits.toString(16)} was read as ${read}, not ${expected}`);
    }
  });

  it('that are no numbers are refused, whatever else their bits say', () => {
    for (const hex of [
      'f97c01',
      'f9ffff',
      'fa7f800001',
      'faffffffff',
      'fb7ff0000000000001',
      'fbffffffffffffffff',
      'c1f97e00',
    ]) {
      expect.soft(isRefused(inMap(bytes(hex))), hex).toBe(true);
    }
  });

  it('of 32 and 64 bits are those of the machine', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.float({ noNaN: true }), (double, float) => {
        const item = Buffer.alloc(14);
        item.writeUInt8(0xfb, 0);
        item.writeDoubleBE(double, 1);
        item.writeUInt8(0xfa, 9);
        item.writeFloatBE(float, 10);
        expect(readItem(item.subarray(0, 9))).toBe(double);
        expect(readItem(item.subarray(9))).toBe(float);
      }),
      { numRuns: NUM_RUNS },
    );
  });
});

describe('strings', () => {
  const characters = 'a\u00e9\u6c34\u{1f511}\u0000"\ufeff\uffff';

  it('may be cut anywhere, also inside of a character as Java cuts them', () => {
    const content = Buffer.from(characters);
    for (let size = 1; size <= content.length; size += 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < content.length; at += size) {
        const chunk = content.subarray(at, at + size);
        chunks.push(head(3, chunk.length, 1), chunk);
      }
      const text = Buffer.concat([bytes('7f'), ...chunks, bytes('ff')]);
      expect(readItem(text), `chunks of ${size}`).toBe(characters);
      expect(readCbor(Buffer.concat([bytes('bf'), text, bytes('01ff')])), 'as a key').toEqual({ [characters]: 1 });
    }
  });

  it('keep a mark of byte order and the character U+0000', () => {
    expect(readHex('63efbbbf')).toBe('\ufeff');
    expect(readHex('6100')).toBe('\u0000');
    expect(readItem(Buffer.concat([head(3, 70, 1), bytes('efbbbf'), Buffer.alloc(67)]))).toBe(
      `\ufeff${'\0'.repeat(67)}`,
    );
  });

  it('may be empty, in one piece, in no chunks and in empty ones', () => {
    for (const hex of ['40', '5800', '5a00000000', '5b0000000000000000', '5fff', '5f40ff', '5f405800ff']) {
      expect.soft(readHex(hex), hex).toStrictEqual(Buffer.alloc(0));
    }
    for (const hex of ['60', '7800', '7fff', '7f60ff', '7f607800ff']) expect.soft(readHex(hex), hex).toBe('');
    expect(readCbor(bytes('bf7fff0160 02ff'))).toEqual({ '': 2 });
  });

  it('may have many chunks', () => {
    const content = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index % 256));
    const chunks = Buffer.from([...content].flatMap((byte) => [0x41, byte]));
    expect(content.equals(readItem(Buffer.concat([bytes('5f'), chunks, bytes('ff')])) as Buffer)).toBe(true);
  });

  it('keep all bytes and all lengths around the limits of their heads', () => {
    for (const length of [0, 1, 23, 24, 63, 64, 65, 255, 256, 65_535, 65_536, 1_000_000]) {
      const width = length < 24 ? 0 : length < 256 ? 1 : length < 65_536 ? 2 : 4;
      const content = Buffer.from(Array.from({ length }, (_, index) => index % 256));
      expect(content.equals(readItem(Buffer.concat([head(2, length, width), content])) as Buffer), `${length}`).toBe(
        true,
      );
      const text = 'a'.repeat(length);
      expect(readItem(Buffer.concat([head(3, length, width), Buffer.from(text)])) === text, `${length}`).toBe(true);
    }
  });
});

describe('tags', () => {
  it('that are 1 make an instant of whatever they hold', () => {
    expect(readHex('c11b0000018cfa0b6c00')).toStrictEqual(new Instant(0x018cfa0b6c00));
    expect(readHex('c13903e7')).toStrictEqual(new Instant(-1000));
    expect(readHex('c1f93e00')).toStrictEqual(new Instant(1.5));
    expect(readHex('d80100')).toStrictEqual(new Instant(0));
    expect(readHex('db000000000000000100')).toStrictEqual(new Instant(0));
    expect(readHex('c16161')).toStrictEqual(new Instant('a'));
    expect(readHex('c1f6')).toStrictEqual(new Instant(null));
    expect(readHex('c1c101')).toStrictEqual(new Instant(new Instant(1)));
  });

  it('of other numbers are passed over, however they are written', () => {
    for (const hex of ['c0', 'c2', 'd7', 'd818', 'd9d9f7', 'da00010000', 'dbffffffffffffffff', 'd8ff']) {
      expect.soft(readHex(`${hex}6161`), hex).toBe('a');
      expect.soft(readHex(`${hex}c105`), `${hex} around an instant`).toStrictEqual(new Instant(5));
      expect.soft(readHex(`c1${hex}05`), `${hex} in an instant`).toStrictEqual(new Instant(5));
      expect.soft(readHex(`${hex}9f${hex}a1616100ff`), `${hex} around a list`).toStrictEqual([{ a: 0 }]);
    }
  });
});

describe('maps', () => {
  it('keep the last value of a key that comes twice', () => {
    expect(readCbor(bytes('a3616101616202616103'))).toEqual({ a: 3, b: 2 });
    expect(readCbor(bytes('bf6161 01 7f6161ff 02ff'))).toEqual({ a: 2 });
  });

  it('have __proto__ as a key like any other', () => {
    const proto = `69${Buffer.from('__proto__').toString('hex')}`;
    for (const value of ['a168706f6c6c7574656401', '01', 'f6', '80']) {
      for (const hex of [`a1${proto}${value}`, `bf${proto}${value}ff`, `a2${proto}01${proto}${value}`]) {
        const map = readCbor(bytes(hex));
        expect(Object.keys(map), hex).toEqual(['__proto__']);
        expect(Object.getPrototypeOf(map) === Object.prototype, 'the prototype of the map was changed').toBe(true);
        expect(Object.hasOwn(map, '__proto__')).toBe(true);
        expect((map as { polluted?: unknown }).polluted).toBeUndefined();
      }
    }
    expect(({} as { polluted?: unknown }).polluted, 'the prototype of all objects was changed').toBeUndefined();
  });

  it('have the names of methods as keys like any other', () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty', 'length', '0', '-1', '4294967295']) {
      const body = Buffer.concat([bytes('a1'), head(3, name.length, 1), Buffer.from(name), bytes('05')]);
      expect(Object.entries(readCbor(body))).toEqual([[name, 5]]);
    }
  });
});

describe('the limit on nesting', () => {
  const MAX = 64;
  interface Wrapper {
    readonly title: string;
    /** What stands before and behind an item that it puts one level deeper, or `levels`. */
    readonly around: readonly [before: string, after: string];
    readonly levels?: number;
    /** The same in JSON, where there is such a thing. */
    readonly json?: readonly [before: string, after: string];
  }
  const LISTS: Wrapper = { title: 'lists', around: ['81', ''], json: ['[', ']'] };
  const WRAPPERS: readonly Wrapper[] = [
    LISTS,
    { title: 'lists without a length', around: ['9f', 'ff'], json: ['[', ']'] },
    { title: 'maps', around: ['a16161', ''], json: ['{"a":', '}'] },
    { title: 'maps without a length', around: ['bf6161', 'ff'], json: ['{"a":', '}'] },
    { title: 'tags', around: ['c1', ''] },
    { title: 'long tags', around: ['dbffffffffffffffff', ''] },
    { title: 'tagged maps in lists', around: ['81c1a16161', ''], levels: 3 },
  ];
  /** A map with `levels` levels, itself among them, of which the innermost holds `core`. */
  const nested = (levels: number, { around: [before, after], levels: each = 1 }: Wrapper, core: string) =>
    bytes(`a16161${before.repeat((levels - 1) / each)}${core}${after.repeat((levels - 1) / each)}`);

  it.each(WRAPPERS)('is 64 levels of $title', (wrapper) => {
    expect(isRefused(nested(MAX, wrapper, '00')), '64 levels').toBe(false);
    const beyond = MAX + (wrapper.levels ?? 1);
    expect(isRefused(nested(beyond, wrapper, '00')), `${beyond} levels`).toBe(true);
    if (wrapper.json === undefined) return;
    const [before, after] = wrapper.json;
    const json = (levels: number) => Buffer.from(`{"a":${before.repeat(levels - 1)}0${after.repeat(levels - 1)}}`);
    expect(
      [MAX, beyond].map((levels) => isWithinLimits(json(levels))),
      'the same in JSON',
    ).toEqual([true, false]);
  });

  it.each([
    ['map', 'a0', '{}'],
    ['map without a length', 'bfff', '{}'],
    ['list', '80', '[]'],
    ['list without a length', '9fff', '[]'],
  ])('counts an empty %s', (_title, core, json) => {
    const inJson = (levels: number) => Buffer.from(`{"a":${'['.repeat(levels - 2)}${json}${']'.repeat(levels - 2)}}`);
    for (const levels of [MAX, MAX + 1]) {
      expect(isWithinLimits(inJson(levels))).toBe(levels === MAX);
      expect(isRefused(nested(levels - 1, LISTS, core)), `${levels} levels, as in JSON`).toBe(levels > MAX);
    }
  });

  it('does not count what lies beside each other', () => {
    expect(
      isRefused(inMap(Buffer.concat([head(4, 1000, 2), ...Array.from({ length: 1000 }, () => bytes('8180'))]))),
    ).toBe(false);
    const deep = '81'.repeat(MAX - 3);
    expect(isRefused(bytes(`a1616182${deep}00${deep}00`))).toBe(false);
  });

  it('is found in megabytes of openings', () => {
    for (const byte of [0x81, 0x9f, 0xc1, 0xbf, 0xa1]) {
      expect(isRefused(inMap(Buffer.alloc(5_000_000, byte))), byte.toString(16)).toBe(true);
    }
    expect(isRefused(Buffer.alloc(5_000_000, bytes('a16161')))).toBe(true);
  });
});

describe('the limit on items', () => {
  const MAX = 131_072;
  const many = (count: number, item: string) => bytes(item.repeat(count));

  it('is 131,072 values, however they are grouped', () => {
    // The outer map and what holds the others are two of them.
    for (const [title, of] of [
      ['elements', (count: number) => [head(4, count, 4), many(count, '00')]],
      ['elements without a length', (count: number) => [bytes('9f'), many(count, '00'), bytes('ff')]],
      ['entries', (count: number) => [head(5, count, 4), many(count, '616100')]],
      ['entries without a length', (count: number) => [bytes('bf'), many(count, '616100'), bytes('ff')]],
      ['chunks', (count: number) => [bytes('5f'), many(count, '40'), bytes('ff')]],
      ['chunks of text', (count: number) => [bytes('7f'), many(count, '60'), bytes('ff')]],
    ] as const) {
      expect.soft(isRefused(inMap(Buffer.concat(of(MAX - 2)))), `${MAX} ${title}`).toBe(false);
      expect.soft(isRefused(inMap(Buffer.concat(of(MAX - 1)))), `${MAX + 1} ${title}`).toBe(true);
    }
  });

  it('holds for chunks of keys too', () => {
    expect(isRefused(Buffer.concat([bytes('a1 7f'), many(MAX, '60'), bytes('ff 00')]))).toBe(true);
  });

  it('is far above what 500 records need', () => {
    const record = 'bf 64446174614101 6c506172746974696f6e4b6579 6161 6f4578706c69636974486173684b6579 6130 ff';
    const body = Buffer.concat([bytes('bf 675265636f726473 9f'), bytes(record.repeat(500)), bytes('ff ff')]);
    expect(readCbor(body).Records).toHaveLength(500);
  });
});

/** An item in one of the forms that it may have, and the value that it stands for. */
type Form = readonly [item: Buffer, value: unknown];

/** A head in any width in which the argument fits. */
const anyHead = (type: number, argument: number) =>
  fc
    .constantFrom(
      ...([0, 1, 2, 4, 8] as const).filter((width) => argument <= (width === 0 ? 23 : 2 ** (8 * width) - 1)),
    )
    .map((width) => head(type, argument, width));

/** A string in one piece or in chunks that are cut anywhere. */
const stringForm = (type: number, content: Buffer): fc.Arbitrary<Buffer> =>
  fc.oneof(
    anyHead(type, content.length).map((first) => Buffer.concat([first, content])),
    fc.array(fc.nat({ max: content.length }), { maxLength: 4 }).map((cuts) => {
      const ends = [...cuts.toSorted((one, other) => one - other), content.length];
      const chunks = ends.map((end, index) => content.subarray(ends[index - 1] ?? 0, end));
      return Buffer.concat([
        Buffer.from([(type << 5) | 31]),
        ...chunks.flatMap((chunk) => [head(type, chunk.length, 4), chunk]),
        bytes('ff'),
      ]);
    }),
  );

const anyText = fc.string({ unit: 'grapheme', maxLength: 80 });
const textForm = (text: string) => stringForm(3, Buffer.from(text));

/** `parts` in a list or map of either form. */
const groupForm = (type: number, parts: readonly Buffer[], count: number) =>
  fc.oneof(
    anyHead(type, count).map((first) => Buffer.concat([first, ...parts])),
    fc.constant(Buffer.concat([Buffer.from([(type << 5) | 31]), ...parts, bytes('ff')])),
  );

const anyForm = fc.letrec<{ form: Form; map: Form }>((tie) => ({
  form: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.nat({ max: Number.MAX_SAFE_INTEGER }).chain((value) => anyHead(0, value).map((item): Form => [item, value])),
    fc
      .nat({ max: Number.MAX_SAFE_INTEGER - 1 })
      .chain((value) => anyHead(1, value).map((item): Form => [item, -1 - value])),
    fc.constantFrom<Form>([bytes('f4'), false], [bytes('f5'), true], [bytes('f6'), null], [bytes('f7'), null]),
    fc.uint8Array({ maxLength: 300 }).chain((array) => {
      const content = Buffer.from(array);
      return stringForm(2, content).map((item): Form => [item, content]);
    }),
    anyText.chain((text) => textForm(text).map((item): Form => [item, text])),
    fc.array(tie('form'), { maxLength: 5 }).chain((forms) =>
      groupForm(
        4,
        forms.map(([item]) => item),
        forms.length,
      ).map((item): Form => [item, forms.map(([, value]) => value)]),
    ),
    tie('map'),
    fc
      .tuple(fc.nat({ max: 2 ** 32 - 1 }), tie('form'))
      .chain(([tag, [item, value]]) =>
        anyHead(6, tag).map(
          (first): Form => [Buffer.concat([first, item]), tag === 1 ? new Instant(value as number) : value],
        ),
      ),
    tie('form').map(([item, value]): Form => [Buffer.concat([bytes('c1'), item]), new Instant(value as number)]),
  ),
  map: fc.uniqueArray(fc.tuple(anyText, tie('form')), { maxLength: 5, selector: ([name]) => name }).chain((entries) =>
    fc
      .tuple(...entries.map(([name]) => textForm(name)))
      .chain((names) =>
        groupForm(
          5,
          entries.flatMap(([, [item]], index) => [names[index]!, item]),
          entries.length,
        ),
      )
      .map((item): Form => [item, Object.fromEntries(entries.map(([name, [, value]]) => [name, value]))]),
  ),
}));

describe('any value', () => {
  it('is read from each of its forms', () => {
    fc.assert(
      fc.property(anyForm.map, ([body, value]) => {
        // Vitest's own comparison stumbles over a key `constructor`.
        deepStrictEqual(readCbor(body), value);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('is refused when it is cut anywhere', () => {
    fc.assert(
      fc.property(anyForm.map, ([body]) => {
        for (let length = 0; length < Math.min(body.length, 2000); length += 1) {
          if (!isRefused(body.subarray(0, length))) {
            expect.fail(`The first ${length} of ${body.length} bytes of ${body.toString('hex')} were read.`);
          }
        }
      }),
      { numRuns: Math.ceil(NUM_RUNS / 3) },
    );
  });

  it('is refused when anything follows it', () => {
    fc.assert(
      fc.property(anyForm.map, fc.uint8Array({ minLength: 1, maxLength: 20 }), ([body], more) => {
        expect(isRefused(Buffer.concat([body, more]))).toBe(true);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it("is what the SDKs' own codec wrote", () => {
    // It would set the prototype of what it reads.
    const name = anyText.filter((text) => text !== '__proto__');
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium' },
        fc.oneof(anyText, fc.string({ minLength: 20, maxLength: 2000 })),
        fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true })),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array({ maxLength: 5000 }).map((array) => Buffer.from(array)),
        fc.array(tie('value')),
        fc.dictionary(name, tie('value'), { noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (input) => {
        const body = Buffer.from(sdkCodec.serialize(input));
        const read = readCbor(body);
        // It writes -0 as the integer 0.
        deepStrictEqual(plain(read), plain(input));
        deepStrictEqual(plain(sdkCodec.deserialize(body)), plain(input), 'the codec does not agree with itself');
      }),
      { numRuns: NUM_RUNS },
    );
  });
});

/** `value` without the differences between 0 and -0, and between arrays of bytes. */
function plain(value: unknown): unknown {
  if (value === 0) return 0;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

describe('nothing but a SerializationException comes of', () => {
  /** Bytes that begin items, rather than bytes of contents. */
  const tricky = fc.constantFrom(
    ...bytes(
      '00 17 18 19 1a 1b 20 38 40 41 58 5a 5b 5f 60 61 78 7b 7f 80 81 98 9b 9f a0 a1 b8 bb bf c0 c1 d8 db e0 f4 f6 f7 f8 f9 fa fb ff',
    ),
  );

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(tricky, { maxLength: 60 }), (random, heads) => {
        for (const body of [random, Uint8Array.from(heads)]) {
          outcomeOf(Buffer.from(body));
          outcomeOf(inMap(Buffer.from(body)));
          outcomeOf(Buffer.concat([bytes('bf6161'), body, bytes('ff')]));
          outcomeOf(Buffer.concat([bytes('bf61619f'), body, bytes('ffff')]));
        }
      }),
      { numRuns: 10 * NUM_RUNS },
    );
  });

  it('good bytes of which a few were changed', () => {
    const change = fc.tuple(fc.nat(), fc.oneof(tricky, fc.nat({ max: 255 })));
    fc.assert(
      fc.property(anyForm.map, fc.array(change, { minLength: 1, maxLength: 3 }), ([body], changes) => {
        const changed = Buffer.from(body);
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        outcomeOf(changed);
      }),
      { numRuns: 5 * NUM_RUNS },
    );
  });
});
