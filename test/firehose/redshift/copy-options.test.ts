/** CopyOptions: what each of them means, in which spellings, and with which sentence one is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CopyOptions, CopyOptionsError, parseCopyOptions } from '../../../src/firehose/redshift/copy-options.ts';

const PLAIN: CopyOptions = {
  format: { kind: 'delimited', delimiter: '|', hasEscapes: false },
  isGzip: false,
  nullAs: '\\N',
  ignoreHeader: 0,
  truncatesColumns: false,
  maxError: 0,
};
const csv = (delimiter = ',', quote = '"'): Partial<CopyOptions> => ({ format: { kind: 'csv', delimiter, quote } });
const delimited = (delimiter: string, hasEscapes = false): Partial<CopyOptions> => ({
  format: { kind: 'delimited', delimiter, hasEscapes },
});
const json = (ignoresCase: boolean): Partial<CopyOptions> => ({
  format: { kind: 'json', ignoresCase },
  nullAs: undefined,
});
const jsonPaths = (url: string): Partial<CopyOptions> => ({
  format: { kind: 'json', jsonPaths: url },
  nullAs: undefined,
});

function refusalOf(options: string): string {
  try {
    parseCopyOptions(options);
    return 'accepted';
  } catch (error) {
    expect(error, `what ${JSON.stringify(options.slice(0, 80))} ends with`).toBeInstanceOf(CopyOptionsError);
    return (error as Error).message;
  }
}

it.each([undefined, '', ' \n\t ', ';', ' ; '])('without options (%o) COPY reads text between bars', (options) => {
  expect(parseCopyOptions(options)).toEqual(PLAIN);
});

describe('an option is taken:', () => {
  it.each<[string, Partial<CopyOptions>]>([
    ['CSV', csv()],
    ['csv', csv()],
    ['FORMAT CSV', csv()],
    ['FORMAT AS CSV', csv()],
    ['format\nas\tcsv', csv()],
    ["CSV QUOTE '%'", csv(',', '%')],
    ["CSV QUOTE AS ''''", csv(',', "'")],
    ["QUOTE ' ' CSV", csv(',', ' ')],
    ["CSV DELIMITER ';'", csv(';')],
    ["csv delimiter as '\\t' quote as '~'", csv('\t', '~')],
    ["DELIMITER ','", delimited(',')],
    ["DELIMITER AS ','", delimited(',')],
    ["delimiter as'~^~'", delimited('~^~')],
    ["delimiter ' '", delimited(' ')],
    ["delimiter '§'", delimited('§')],
    ["delimiter '\\t'", delimited('\t')],
    ["delimiter '\t'", delimited('\t')],
    ["delimiter '\\001'", delimited('\x01')],
    ["delimiter '\\054\\t\\174'", delimited(',\t|')],
    ["delimiter ''''", delimited("'")],
    ["delimiter '#''#'", delimited("#'#")],
    ['ESCAPE', delimited('|', true)],
    ["escape delimiter ','", delimited(',', true)],
    ["JSON 'auto'", json(false)],
    ["json as 'auto'", json(false)],
    ["FORMAT JSON 'auto'", json(false)],
    ["FORMAT AS JSON 'AUTO'", json(false)],
    ["Format As Json As 'auto ignorecase'", json(true)],
    ["json 's3://b/paths.json'", jsonPaths('s3://b/paths.json')],
    ["json 's3://My-Bucket/a b/O''Neil.json'", jsonPaths("s3://My-Bucket/a b/O'Neil.json")],
    ["json 'auto' null as 'none'", { ...json(false), nullAs: 'none' }],
    ["NULL 'nil'", { nullAs: 'nil' }],
    ["NULL AS 'nil'", { nullAs: 'nil' }],
    ["null as ''", { nullAs: '' }],
    ["null as '\\N'", { nullAs: '\\N' }],
    ["null as ''''''", { nullAs: "''" }],
    ["null as 'it''s; csv'", { nullAs: "it's; csv" }],
    ["null as 'a\nb'", { nullAs: 'a\nb' }],
    ['GZIP', { isGzip: true }],
    ['IGNOREHEADER 1', { ignoreHeader: 1 }],
    ['IGNOREHEADER AS 12', { ignoreHeader: 12 }],
    ['ignoreheader 0', { ignoreHeader: 0 }],
    ['ignoreheader 999999999999999', { ignoreHeader: 999_999_999_999_999 }],
    ['MAXERROR 5', { maxError: 5 }],
    ['MAXERROR AS 100000', { maxError: 100_000 }],
    ['maxerror 0', { maxError: 0 }],
    ['TRUNCATECOLUMNS', { truncatesColumns: true }],
    ["DATEFORMAT 'auto'", {}],
    ["DATEFORMAT AS 'AUTO'", {}],
    ["TIMEFORMAT 'auto'", {}],
    ["timeformat as 'Auto'", {}],
    ["REGION 'eu-west-1'", {}],
    ["region as 'us-east-1'", {}],
    ['gzip;', { isGzip: true }],
    ['gzip;\n', { isGzip: true }],
    ['gzip ;', { isGzip: true }],
    ['gzip\n;\n', { isGzip: true }],
    // Where a quote stands no blank is needed.
    ["csv delimiter'1'quote'2'gzip", { ...csv('1', '2'), isGzip: true }],
  ])('%s', (options, expected) => {
    expect(parseCopyOptions(options)).toEqual({ ...PLAIN, ...expected });
  });
});

it('many options are taken together', () => {
  const options = `TRUNCATECOLUMNS FORMAT AS CSV QUOTE AS '%' DELIMITER '\\t' NULL AS 'none' IGNOREHEADER AS 1
    MAXERROR 10 GZIP DATEFORMAT 'auto' TIMEFORMAT 'auto' REGION 'eu-west-1';`;
  expect(parseCopyOptions(options)).toEqual({
    format: { kind: 'csv', delimiter: '\t', quote: '%' },
    isGzip: true,
    nullAs: 'none',
    ignoreHeader: 1,
    truncatesColumns: true,
    maxError: 10,
  });
});

/** An option in its words, with its value as it is written. */
type Piece = readonly [words: string, value: string];

const EVERYWHERE: readonly (readonly [Piece, Partial<CopyOptions>])[] = [
  [['gzip', ''], { isGzip: true }],
  [['maxerror', '7'], { maxError: 7 }],
  [['truncatecolumns', ''], { truncatesColumns: true }],
  [['null', "'it''s gzip'"], { nullAs: "it's gzip" }],
  [['region', "'eu-west-1'"], {}],
  [['dateformat', "'auto'"], {}],
  [['timeformat', "'AUTO'"], {}],
];
const FORMATS: readonly (readonly [readonly Piece[], Partial<CopyOptions>])[] = [
  [[['ignoreheader', '3']], { ignoreHeader: 3 }],
  [
    [
      ['escape', ''],
      ['delimiter', "'\\001'"],
    ],
    delimited('\x01', true),
  ],
  [[['csv', '']], csv()],
  [
    [
      ['format csv', ''],
      ['delimiter', "'\\t'"],
      ['quote', "''''"],
    ],
    csv('\t', "'"),
  ],
  [[['json', "'auto ignorecase'"]], json(true)],
  [[['format as json', "'s3://b/k'"]], jsonPaths('s3://b/k')],
];

/** `word` with its letters in any case. */
const anyCase = (word: string) =>
  fc
    .array(fc.boolean(), { minLength: word.length, maxLength: word.length })
    .map((ups) => word.replaceAll(/./g, (letter, at: number) => (ups[at] ? letter.toUpperCase() : letter)));
const blank = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), minLength: 1, maxLength: 3 });

const spelling = ([words, value]: Piece) =>
  fc.tuple(anyCase(words), fc.option(anyCase('as')), blank, blank).map(([spelt, as, before, after]) => {
    if (value === '') return spelt;
    return as === null ? spelt + before + value : spelt + before + as + after + value;
  });

it('options mean the same in any case, in any order, with AS and without', () => {
  const choices = fc
    .tuple(fc.constantFrom(...FORMATS), fc.subarray([...EVERYWHERE]))
    .chain(([[format, meaning], others]) => {
      const pieces = [...format, ...others.map(([piece]) => piece)];
      const expected: CopyOptions = Object.assign({ ...PLAIN, ...meaning }, ...others.map(([, more]) => more));
      return fc.record({
        texts: fc
          .shuffledSubarray(pieces, { minLength: pieces.length })
          .chain((shuffled) => fc.tuple(...shuffled.map(spelling))),
        between: blank,
        expected: fc.constant(expected),
      });
    });
  fc.assert(
    fc.property(choices, ({ texts, between, expected }) => {
      expect(parseCopyOptions(texts.join(between))).toEqual(expected);
    }),
  );
});

describe('an option is refused:', () => {
  const SUPPORTED =
    'it supports CSV, JSON, DELIMITER, QUOTE, ESCAPE, NULL, GZIP, IGNOREHEADER, MAXERROR, TRUNCATECOLUMNS, DATEFORMAT, ' +
    'TIMEFORMAT, REGION.';
  const NO_DELIMITER = 'DELIMITER in CopyOptions must be at least one character, and no line break, quote or \\.';
  const NO_JSON = "it supports 'auto', 'auto ignorecase' and the s3:// URL of a JSONPaths file.";

  it.each([
    ['MANIFEST', `Millrace does not support the CopyOptions MANIFEST; ${SUPPORTED}`],
    ['csv encrypted', `Millrace does not support the CopyOptions ENCRYPTED; ${SUPPORTED}`],
    ['gzip EmptyAsNull', `Millrace does not support the CopyOptions EMPTYASNULL; ${SUPPORTED}`],
    ['zstd', `Millrace does not support the CopyOptions ZSTD; ${SUPPORTED}`],
    ["fixedwidth 'a:3,b:2'", `Millrace does not support the CopyOptions FIXEDWIDTH; ${SUPPORTED}`],
    ['format as parquet', `Millrace does not support the CopyOptions PARQUET; ${SUPPORTED}`],
    ["avro 'auto'", `Millrace does not support the CopyOptions AVRO; ${SUPPORTED}`],
    ['acceptinvchars', `Millrace does not support the CopyOptions ACCEPTINVCHARS; ${SUPPORTED}`],
    ['as csv', `Millrace does not support the CopyOptions AS; ${SUPPORTED}`],
    ['constructor', `Millrace does not support the CopyOptions CONSTRUCTOR; ${SUPPORTED}`],
    ['__proto__', `Millrace does not support the CopyOptions __PROTO__; ${SUPPORTED}`],
    ["'auto'", `Millrace does not support CopyOptions with auto there; ${SUPPORTED}`],
    ["csv 'auto'", `Millrace does not support CopyOptions with auto there; ${SUPPORTED}`],
    ['gzip 1', `Millrace does not support CopyOptions with 1 there; ${SUPPORTED}`],
    ['maxerror 1 2', `Millrace does not support CopyOptions with 2 there; ${SUPPORTED}`],
    ["null 'a' 'b'", `Millrace does not support CopyOptions with b there; ${SUPPORTED}`],
    ['gzip Gzip', 'CopyOptions name GZIP twice.'],
    ["delimiter ',' delimiter ','", 'CopyOptions name DELIMITER twice.'],
    ["json 'auto' gzip json 'auto'", 'CopyOptions name JSON twice.'],
    ['format csv format csv', 'CopyOptions name FORMAT twice.'],
    ['delimiter', 'CopyOptions give no value for DELIMITER.'],
    ['delimiter as', 'CopyOptions give no value for DELIMITER.'],
    ['delimiter csv', 'CopyOptions give no value for DELIMITER.'],
    ['json', 'CopyOptions give no value for JSON.'],
    ['json auto', 'CopyOptions give no value for JSON.'],
    ['csv quote', 'CopyOptions give no value for QUOTE.'],
    ['null as gzip', 'CopyOptions give no value for NULL.'],
    ["null as as 'x'", 'CopyOptions give no value for NULL.'],
    ['ignoreheader', 'CopyOptions give no value for IGNOREHEADER.'],
    ['maxerror gzip', 'CopyOptions give no value for MAXERROR.'],
    ['dateformat auto', 'CopyOptions give no value for DATEFORMAT.'],
    ['timeformat', 'CopyOptions give no value for TIMEFORMAT.'],
    ['region as', 'CopyOptions give no value for REGION.'],
    ["csv json 'auto'", 'CopyOptions name both CSV and JSON.'],
    ["quote '%'", 'CopyOptions with QUOTE need CSV.'],
    ["json 'auto' quote '%'", 'CopyOptions with QUOTE need CSV.'],
    ['csv escape', 'CopyOptions with ESCAPE cannot name CSV or JSON.'],
    ["escape json 'auto'", 'CopyOptions with ESCAPE cannot name CSV or JSON.'],
    ["json 'auto' delimiter ','", 'CopyOptions with DELIMITER cannot name JSON.'],
    ["ignoreheader 1 json 's3://b/k'", 'CopyOptions with IGNOREHEADER cannot name JSON.'],
    ["ignoreheader 0 json 'auto'", 'CopyOptions with IGNOREHEADER cannot name JSON.'],
    ["csv quote ''", 'QUOTE in CopyOptions must be one character.'],
    ["csv quote 'ab'", 'QUOTE in CopyOptions must be one character.'],
    ["csv quote '\n'", 'QUOTE in CopyOptions must be one character.'],
    ["csv quote '§'", 'QUOTE in CopyOptions must be one character.'],
    ["delimiter ''", NO_DELIMITER],
    ["delimiter '\n'", NO_DELIMITER],
    ["csv delimiter 'a\r'", NO_DELIMITER],
    [`delimiter '"'`, NO_DELIMITER],
    ["delimiter '\\'", NO_DELIMITER],
    ["delimiter '\\n'", NO_DELIMITER],
    ["delimiter '\\012'", NO_DELIMITER],
    ["delimiter '\\042'", NO_DELIMITER],
    ["delimiter '\\134'", NO_DELIMITER],
    ["delimiter '\\1'", NO_DELIMITER],
    ["delimiter '\\189'", NO_DELIMITER],
    ['ignoreheader -1', 'IGNOREHEADER in CopyOptions must be a whole number.'],
    ['ignoreheader +1', 'IGNOREHEADER in CopyOptions must be a whole number.'],
    ['ignoreheader 1.5', 'IGNOREHEADER in CopyOptions must be a whole number.'],
    ["ignoreheader 'one'", 'IGNOREHEADER in CopyOptions must be a whole number.'],
    ["ignoreheader ''", 'IGNOREHEADER in CopyOptions must be a whole number.'],
    ['ignoreheader 9999999999999999', 'IGNOREHEADER in CopyOptions must be a whole number.'],
    ['maxerror -1', 'MAXERROR in CopyOptions must be a whole number up to 100000.'],
    ['maxerror 0.5', 'MAXERROR in CopyOptions must be a whole number up to 100000.'],
    ['maxerror 100001', 'MAXERROR in CopyOptions must be a whole number up to 100000.'],
    ["maxerror 'Infinity'", 'MAXERROR in CopyOptions must be a whole number up to 100000.'],
    ["json 'noshred'", `Millrace does not support JSON 'noshred' in CopyOptions; ${NO_JSON}`],
    ["json ''", `Millrace does not support JSON '' in CopyOptions; ${NO_JSON}`],
    ["json ' auto'", `Millrace does not support JSON ' auto' in CopyOptions; ${NO_JSON}`],
    ["json 's3://bucket'", `Millrace does not support JSON 's3://bucket' in CopyOptions; ${NO_JSON}`],
    ["json 's3://bucket/'", `Millrace does not support JSON 's3://bucket/' in CopyOptions; ${NO_JSON}`],
    ["json 's3:///key'", `Millrace does not support JSON 's3:///key' in CopyOptions; ${NO_JSON}`],
    ["json 'https://b/k'", `Millrace does not support JSON 'https://b/k' in CopyOptions; ${NO_JSON}`],
    ["dateformat 'YYYY'", "Millrace does not support DATEFORMAT 'YYYY' in CopyOptions; it supports 'auto'."],
    [
      "timeformat as 'epochsecs'",
      "Millrace does not support TIMEFORMAT 'epochsecs' in CopyOptions; it supports 'auto'.",
    ],
    ["timeformat ''", "Millrace does not support TIMEFORMAT '' in CopyOptions; it supports 'auto'."],
    ['csv; drop table t', 'CopyOptions cannot be read from ; on.'],
    [';csv', 'CopyOptions cannot be read from ; on.'],
    ['csv;;', 'CopyOptions cannot be read from ; on.'],
    ['csv, gzip', 'CopyOptions cannot be read from , on.'],
    ['csv -- and more', 'CopyOptions cannot be read from - on.'],
    ['csv /* and more */', 'CopyOptions cannot be read from / on.'],
    ['csv quote "%"', 'CopyOptions cannot be read from " on.'],
    ['ignoreheader 1.', 'CopyOptions cannot be read from . on.'],
    ['csv ü', 'CopyOptions cannot be read from ü on.'],
    ["'", "CopyOptions cannot be read from ' on."],
    ["delimiter ',", "CopyOptions cannot be read from ' on."],
    ["delimiter '''", "CopyOptions cannot be read from ' on."],
    ["csv quote ','", 'QUOTE and DELIMITER in CopyOptions must differ.'],
    ["csv delimiter '%|' quote '%'", 'QUOTE and DELIMITER in CopyOptions must differ.'],
    ['format', 'CopyOptions with FORMAT must name CSV or JSON behind it.'],
    ['format as gzip', 'CopyOptions with FORMAT must name CSV or JSON behind it.'],
    ['bzip2', `Millrace does not support the CopyOptions BZIP2; ${SUPPORTED}`],
    ["null 'a' delimiter 'b''", "CopyOptions cannot be read from ' on."],
  ])('%s', (options, sentence) => {
    expect(refusalOf(options)).toBe(sentence);
  });
});

describe('whatever is written is read or refused with a sentence:', () => {
  const words = [...FORMATS.flatMap(([pieces]) => pieces), ...EVERYWHERE.map(([piece]) => piece)];
  const piece = fc.constantFrom(
    ...words.flatMap(([name, value]) => [name, value, `${name} ${value}`]),
    ...["'", "''", '"', ';', ',', '\\', '\0', '\ufeff', ' ', '\n', 'AS', 'toString', '-1', '1.', '1e5', '😀', '\ud800'],
  );
  const pieces = fc.array(piece, { maxLength: 12 });
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    pieces.map((parts) => parts.join(' ')),
    pieces.map((parts) => parts.join('')),
  );

  it('any text', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(refusalOf(text)).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ...[' ', '\n', 'a', 'a ', 'as ', '1', '1 ', '1.', '+', '-', '-1', ';', '; ', ',', '"', '\\', '\0', 'é', '😀'],
    ...["'", "''", "' ", "'a", "a'", "'' ", "''a", "';", 'csv ', "null 'x' ", "delimiter '\\001' ", "'\\001"],
  ])('%j, again and again', (part) => {
    const text = part.repeat(10_240 / part.length);
    for (const options of [text, `csv ${text}`, `null '${text}`, `null '${text}'`, `delimiter '${text}'`]) {
      expect(refusalOf(options)).not.toBe('');
    }
  });
});
