/** Names of tables and columns: which texts are names, which names they are, and how they stand in a statement. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnNamesOf, quoted, tableNameOf } from '../../../src/firehose/redshift/identifiers.ts';

const LONG = 'n'.repeat(63);

describe('a table is named by', () => {
  it.each([
    ['events', ['events']],
    ['Events', ['events']],
    ['PUBLIC.Events', ['public', 'events']],
    ['  public . events\n', ['public', 'events']],
    ['_t1$', ['_t1$']],
    ['größe', ['größe']],
    ['表', ['表']],
    ['"Events"', ['Events']],
    ['"a.b"', ['a.b']],
    ['"a.b"."c,d"', ['a.b', 'c,d']],
    ['"a""b"', ['a"b']],
    ['""""', ['"']],
    ['" "', [' ']],
    ['s."Two words"', ['s', 'Two words']],
    ['"s".T', ['s', 't']],
    ['select', ['select']],
    [LONG, [LONG]],
    [`"${'é'.repeat(31)}x"`, [`${'é'.repeat(31)}x`]],
    [`"${'""'.repeat(63)}"`, ['"'.repeat(63)]],
  ])('%s', (text, parts) => {
    expect(tableNameOf(text)).toEqual(parts);
  });
});

describe('no table is named by', () => {
  it.each([
    [''],
    [' '],
    ['.'],
    ['.t'],
    ['t.'],
    ['s..t'],
    ['database.schema.table'],
    ['two words'],
    ['1t'],
    ['$t'],
    ['a-b'],
    ['a,b'],
    ['t;'],
    ['t; drop table t'],
    ['t -- x'],
    ['t/**/'],
    ["'t'"],
    ['t('],
    ['""'],
    ['"t'],
    ['t"'],
    ['"a"b"'],
    ['"a" "b"'],
    ['"a"b'],
    ['"a\0b"'],
    ['s."a\0"'],
    [`${LONG}n`],
    [`s.${LONG}n`],
    [`"${'é'.repeat(32)}"`],
  ])('%j', (text) => {
    expect(tableNameOf(text)).toBeUndefined();
  });
});

describe('columns are named by', () => {
  it.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    [' \n\t', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [' B ,\n"B", "c,""d" ', ['b', 'B', 'c,"d']],
    [Array(1600).fill('a').join(','), Array(1600).fill('a')],
  ])('%j', (text, names) => {
    expect(columnNamesOf(text)).toEqual(names);
  });

  it.each([[','], ['a,'], [',a'], ['a,,b'], ['a b'], ['(a, b)'], ['a.b'], ['a;b'], ['a, ""'], ['"a", "b'], ['*']])(
    'nothing like %j',
    (text) => {
      expect(columnNamesOf(text)).toBeUndefined();
    },
  );
});

it.each([
  ['t', '"t"'],
  ['Two words', '"Two words"'],
  ['a"b', '"a""b"'],
  ['"; drop table t; --', '"""; drop table t; --"'],
])('%s stands in a statement as %s', (name, expected) => {
  expect(quoted(name)).toBe(expected);
});

const names = fc
  .string({
    unit: fc.oneof(fc.constantFrom('"', '.', ',', ' ', ';', "'", '\\', '\n', 'A'), fc.string({ maxLength: 1 })),
  })
  .filter((name) => name !== '' && Buffer.byteLength(name) <= 63);
const blanks = fc.constantFrom('', ' ', '\n', ' \t ');

it('a name in quotes is the same name again, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 2 }), blanks, (parts, blank) => {
      expect(tableNameOf(blank + parts.map(quoted).join(`${blank}.${blank}`) + blank)).toEqual(parts);
    }),
  );
  fc.assert(
    fc.property(fc.array(names, { minLength: 1 }), blanks, (columns, blank) => {
      expect(columnNamesOf(blank + columns.map(quoted).join(`${blank},${blank}`) + blank)).toEqual(columns);
    }),
  );
});

it('whatever is taken for a name is one that a statement can hold', () => {
  const texts = fc.string({
    unit: fc.oneof(fc.constantFrom('"', '.', ',', ' ', 'a', 'B'), fc.string({ maxLength: 1 })),
  });
  fc.assert(
    fc.property(texts, (text) => {
      for (const found of [tableNameOf(text) ?? [], columnNamesOf(text) ?? []]) {
        expect(found.filter((name) => name === '' || name.includes('\0') || Buffer.byteLength(name) > 63)).toEqual([]);
        if (found.length > 0) expect(columnNamesOf(found.map(quoted).join(','))).toEqual(found);
      }
    }),
    { numRuns: 500 },
  );
});

it.each(['"', '""', 'a', 'a.', 'a,', '"a', '"a"', ',', ' ', '\0'])('%j, again and again, is read at once', (piece) => {
  const text = piece.repeat(10_240);
  expect(tableNameOf(text)).toBeUndefined();
  expect(columnNamesOf(text) ?? []).toEqual([]);
});
