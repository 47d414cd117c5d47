/** The limits on nesting and on the number of values agree with what JSON.parse would find, whatever strings contain. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithinLimits } from '../../src/protocol/value-limits.ts';
import { startTestServer } from '../support/server.ts';

const MAX = 64;

const isAllowed = (text: string) => isWithinLimits(Buffer.from(text));
const nested = (levels: number, inside = '') => '['.repeat(levels) + inside + ']'.repeat(levels);

/** The plain way to count: how many arrays and objects lie inside each other. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Strings made of what a careless scanner stumbles over. */
const trickyText = fc.string({
  unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'n', 'u', ' ', 'é', '😀', '\u0000'),
});

const trickyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    trickyText,
    fc.oneof(fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(trickyText, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** `value` inside of `levels` arrays and objects, with a tricky string beside it at every level. */
function wrapped(value: unknown, levels: number, text: string): unknown {
  let result = value;
  for (let level = 0; level < levels; level += 1) {
    result = level % 2 === 0 ? [text, result, text] : { [`${text}a`]: text, b: result };
  }
  return result;
}

describe('the limit on nesting', () => {
  it('is 64 levels of arrays', () => {
    expect(isAllowed(nested(MAX))).toBe(true);
    expect(isAllowed(nested(MAX + 1))).toBe(false);
  });

  it('is 64 levels of objects and arrays together', () => {
    const objects = (levels: number) => '{"a":'.repeat(levels) + nested(1) + '}'.repeat(levels);
    expect(isAllowed(objects(MAX - 1))).toBe(true);
    expect(isAllowed(objects(MAX))).toBe(false);
  });

  it('does not count what lies beside each other', () => {
    expect(isAllowed(`[${Array.from({ length: 10_000 }, () => '{"a":[]}').join(',')}]`)).toBe(true);
  });

  it('does not count what follows a deep value that was closed', () => {
    expect(isAllowed(`[${nested(MAX - 1)},${nested(MAX - 1)}]`)).toBe(true);
    expect(isAllowed(`[${nested(MAX - 1)},${nested(MAX)}]`)).toBe(false);
  });

  it.each([
    ['brackets in a string', JSON.stringify(['['.repeat(200), '{'.repeat(200)])],
    ['brackets in a member name', JSON.stringify({ ['['.repeat(200)]: 1 })],
    ['brackets after an escaped quote', JSON.stringify([`"${'['.repeat(200)}`])],
    ['brackets after an escaped backslash and quote', JSON.stringify([`\\"${'['.repeat(200)}`])],
    ['brackets in a string that is never closed', `["${'['.repeat(200)}`],
    ['brackets after a quote that is escaped in a string that is never closed', `["\\"${'['.repeat(200)}`],
  ])('does not count %s', (_title, text) => {
    expect(isAllowed(text)).toBe(true);
  });

  it.each([
    ['a string that ends with an escaped backslash', `["\\\\",${nested(MAX)}]`],
    ['an empty string', `["",${nested(MAX)}]`],
    ['a string of brackets', `["]]]]",${nested(MAX)}]`],
    ['a string with an escaped quote', `["\\"",${nested(MAX)}]`],
  ])('counts what comes after %s', (_title, text) => {
    expect(depthOf(JSON.parse(text))).toBe(MAX + 1);
    expect(isAllowed(text)).toBe(false);
  });

  it('is found in a body of many megabytes', () => {
    expect(isAllowed('['.repeat(5_000_000))).toBe(false);
    expect(isAllowed(`{"Data":"${'A'.repeat(5_000_000)}"}`)).toBe(true);
  });

  it('agrees with a recursive count over any value', () => {
    fc.assert(
      fc.property(trickyValue, fc.nat({ max: MAX + 4 }), trickyText, (value, levels, text) => {
        const whole = wrapped(value, levels, text);
        const depth = depthOf(whole);
        expect(isAllowed(JSON.stringify(whole)), `depth ${depth}`).toBe(depth <= MAX);
      }),
      { numRuns: 400 },
    );
  });

  it('agrees with a recursive count close to the limit', () => {
    fc.assert(
      fc.property(trickyValue, fc.integer({ min: MAX - 1, max: MAX + 2 }), trickyText, (value, wanted, text) => {
        fc.pre(depthOf(value) < wanted);
        const whole = wrapped(value, wanted - depthOf(value), text);
        expect(isAllowed(JSON.stringify(whole)), `depth ${wanted}`).toBe(wanted <= MAX);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a request', () => {
  it('that is nested too deeply is a SerializationException, even in a member that nobody knows', async () => {
    const { call } = await startTestServer();
    const deep = (levels: number) => ({ Unknown: JSON.parse(nested(levels)) });
    const tooDeep = await call('ListStreams', deep(MAX));
    expect([tooDeep.status, tooDeep.text]).toEqual([400, '{"__type":"SerializationException"}']);
    const deepest = await call('ListStreams', deep(MAX - 1));
    expect(deepest.status, deepest.text).toBe(200);
  });
});

describe('the number of values', () => {
  const many = (count: number, item: string) => `{"a":[${Array.from({ length: count }, () => item).join()}]}`;

  it.each(['[]', '{}', '{"a":[]}', '1', '""', '{"a":1,"b":2}'])(
    'of the kind %s is limited, in flat bodies too',
    (item) => {
      expect(isAllowed(many(10_000, item))).toBe(true);
      expect(isAllowed(many(131_072, item))).toBe(false);
    },
  );

  it('may be 131,072', () => {
    expect(isAllowed(many(131_071, '1'))).toBe(true);
    expect(isAllowed(many(131_072, '1'))).toBe(false);
  });

  it('does not count what stands in texts', () => {
    expect(isAllowed(many(2, `"${'[{,'.repeat(200_000)}"`))).toBe(true);
  });
});
