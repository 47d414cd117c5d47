/** Inputs made flat by AWS Query: what each shape is read from, what is dropped, and what is refused. */
import { describe, expect, it } from 'vitest';
import { decodeParameters, parametersOf } from '../../src/protocol/query-parameters.ts';
import { blob, boolean, integer, list, map, number, string, structure, timestamp } from '../../src/protocol/shape.ts';

const SHAPE = structure({
  Text: string(),
  Whole: integer(),
  Number: number(),
  Flag: boolean(),
  Bytes: blob(),
  Time: timestamp(),
  Texts: list(string()),
  Map: map(string(), string()),
  Inner: structure({ Text: string(), Many: list(structure({ Text: string(), Numbers: list(number()) })) }),
});

const read = (text: string) => decodeParameters(SHAPE, parametersOf(text));

describe('parameters are read as', () => {
  it.each([
    ['Text=a+b%20%26%C3%A4', { Text: 'a b &ä' }],
    ['Text=', { Text: '' }],
    ['Text=%ff', { Text: '\ufffd' }],
    ['Text=1&Text=2', { Text: '2' }],
    ['Whole=-3&Number=1.50E%2B10&Flag=true', { Whole: -3, Number: 1.5e10, Flag: true }],
    ['Whole=3.9&Number=.5&Flag=false', { Whole: 3, Number: 0.5, Flag: false }],
    ['Number=NaN', { Number: Number.NaN }],
    ['Number=-Infinity', { Number: Number.NEGATIVE_INFINITY }],
    ['Bytes=aGVsbG8=', { Bytes: Buffer.from('hello') }],
    ['Time=2026-01-02T03:04:05.678Z', { Time: Date.UTC(2026, 0, 2, 3, 4, 5, 678) }],
    ['Time=2026-01-02T03:04%2B01:00', { Time: Date.UTC(2026, 0, 2, 2, 4) }],
    ['Texts.member.10=c&Texts.member.2=b&Texts.member.1=a', { Texts: ['a', 'b', 'c'] }],
    ['Texts=', { Texts: [] }],
    ['Texts.member.01=b&Texts.member.1=a', { Texts: ['a'] }],
    [
      'Map.entry.1.key=a&Map.entry.1.value=b&Map.entry.2.value=d&Map.entry.2.key=__proto__',
      {
        Map: new Map([
          ['a', 'b'],
          ['__proto__', 'd'],
        ]),
      },
    ],
    [
      'Inner.Text=a&Inner.Many.member.2.Numbers.member.1=2&Inner.Many.member.1.Text=b',
      { Inner: { Text: 'a', Many: [{ Text: 'b' }, { Numbers: [2] }] } },
    ],
  ])('%s', (text, input) => {
    expect(read(text)).toEqual(input);
  });

  it.each([
    'Other=1',
    'text=a',
    'Text.a=1',
    'Texts.1=a',
    'Texts.member=a',
    'Texts.member.=a',
    'Texts.member.-1=a',
    'Texts.member.1e1=a',
    'Texts.member.1.x=a',
    'Map.entry.1=a',
    'Map.entry.1.other=a',
    '__proto__.Text=a',
    'constructor=a',
    '.=1',
    '',
    `Text${'.a'.repeat(5000)}=1`,
    `Inner${'.Many.member.1'.repeat(5000)}=1`,
  ])('nothing where no member has such a place: %.40s', (text) => {
    // Places inside of a member may make it an empty one.
    const input = read(text) as Record<string, unknown>;
    expect(JSON.stringify(input)).toMatch(/^\{("(Text|Texts|Map|Inner)":[[\]{}:,"a-zA-Z]*)?\}$/);
    expect(input.Text).toBeUndefined();
    expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
  });
});

describe('parameters are refused', () => {
  it.each([
    ['Whole=a', 'class java.lang.String can not be converted to an Integer'],
    ['Number=1,5', 'class java.lang.String can not be converted to an Double'],
    ['Number=0x10', 'class java.lang.String can not be converted to an Double'],
    ['Number=', 'class java.lang.String can not be converted to an Double'],
    ['Flag=maybe', "'MAYBE' can not be converted to an Boolean"],
    ['Time=1767323045', 'class java.lang.String can not be converted to milliseconds since epoch'],
    ['Time=2026-01-32T00:00:00Z', 'class java.lang.String can not be converted to milliseconds since epoch'],
  ])('%s', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('when there are more than 65,536', () => {
    const text = 'a=1&'.repeat(65_535);
    expect(() => read(`${text}a=1`)).not.toThrow();
    expect(() => read(`${text}a=1&`)).toThrow('A request may have 65536 parameters.');
  });
});
