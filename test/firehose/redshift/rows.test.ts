/** The rows of an object: text with delimiters, CSV and JSON, in whatever chunks it comes, and what is no row. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCopyOptions } from '../../../src/firehose/redshift/copy-options.ts';
import { type JsonMapping, parseJsonPaths } from '../../../src/firehose/redshift/json.ts';
import { type Column, ROW_BYTES_MAX, type Row, readRows } from '../../../src/firehose/redshift/rows.ts';

type Value = string | null;

const text = (name: string, maxLength: number | null = null): Column => ({ name, isText: true, maxLength });
const number = (name: string): Column => ({ name, isText: false, maxLength: null });
const texts = (count: number): Column[] => Array.from({ length: count }, (_, index) => text(`c${index}`));

const AUTO: JsonMapping = { ignoresCase: false };
const CASELESS: JsonMapping = { ignoresCase: true };

/** An object with what COPY is told about it. */
interface Source {
  readonly options?: string;
  readonly columns: readonly Column[];
  readonly mapping?: JsonMapping;
}

const readingOf = ({ options, columns, mapping }: Source) => ({
  options: parseCopyOptions(options),
  columns,
  mapping,
});

async function* each(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function rowsIn(chunks: Iterable<Buffer>, source: Source): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of readRows(each(chunks), readingOf(source))) rows.push(row);
  return rows;
}

const rowsOf = (content: string | Buffer, source: Source): Promise<Row[]> => rowsIn([Buffer.from(content)], source);

/** What becomes of each row: its values, or the sentence that tells what is wrong with it. */
const outcomes = (rows: readonly Row[]) =>
  rows.map(({ content }) => ('error' in content ? content.error : content.values));

const read = async (content: string | Buffer, source: Source) => outcomes(await rowsOf(content, source));

/** `bytes` cut at these places, in any order; the same place twice makes an empty chunk. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => Math.min(place, bytes.length)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const NOT_UTF8 = 'It is not valid UTF-8.';

describe('text between delimiters', () => {
  it.each<[string, string, string, Value[][]]>([
    [
      'lines',
      '',
      '1|a\n2|b\n',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [
      'a last line without its end',
      '',
      '1|a\n2|b',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [
      'lines that end as on Windows',
      '',
      '1|a\r\n2|b\r\n',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [
      'lines of both kinds',
      '',
      '1|a\r\n2|b\n3|\r\n',
      [
        ['1', 'a'],
        ['2', 'b'],
        ['3', ''],
      ],
    ],
    ['carriage returns within a line', '', '1|a\rb\n', [['1', 'a\rb']]],
    [
      'a backslash, which means nothing',
      '',
      '1\\|a\\\n2|\\\\N\n',
      [
        ['1\\', 'a\\'],
        ['2', '\\\\N'],
      ],
    ],
    ['quotes, which mean nothing', '', '"1|a"\n', [['"1', 'a"']]],
    ['a null', '', '\\N|\\N \n', [[null, '\\N ']]],
    [
      'a null with another name',
      "null as 'nil'",
      'nil|\\N\nNIL|nil',
      [
        [null, '\\N'],
        ['NIL', null],
      ],
    ],
    [
      'empty fields as null',
      "null as ''",
      '|a\n|\n',
      [
        [null, 'a'],
        [null, null],
      ],
    ],
    ['a long null of two letters', "null as 'ñé'", 'ñé|ñ\n', [[null, 'ñ']]],
    ['empty fields', '', '|\n', [['', '']]],
    ['tabs', "delimiter '\\t'", '1\ta|\n', [['1', 'a|']]],
    ['control characters', "delimiter '\\001'", '1\x01a\n', [['1', 'a']]],
    [
      'delimiters of several characters',
      "delimiter '~^~'",
      '1~^~a~^\n~~^~^~\n',
      [
        ['1', 'a~^'],
        ['~', '^~'],
      ],
    ],
    ['a delimiter that is not ASCII', "delimiter '§'", '1§ü\n', [['1', 'ü']]],
    ['other characters than ASCII', '', 'é€😀|\u2028\ufeff\n', [['é€😀', '\u2028\ufeff']]],
    ['nothing', '', '', []],
  ])('with %s', async (_, options, content, expected) => {
    expect(await read(content, { options, columns: texts(2) })).toEqual(expected);
  });

  it.each<[string, string, string, Value[][]]>([
    ['a delimiter', '', 'a\\|b|c\n', [['a|b', 'c']]],
    ['a backslash', '', 'a\\\\|\\\\\\|\n', [['a\\', '\\|']]],
    [
      'the end of a line',
      '',
      'a\\\nb|\\\n\nc|d',
      [
        ['a\nb', '\n'],
        ['c', 'd'],
      ],
    ],
    [
      'a backslash at the end of a line',
      '',
      'a|b\\\\\nc|d\\\\',
      [
        ['a', 'b\\'],
        ['c', 'd\\'],
      ],
    ],
    ['the end of the object', '', 'a|b\\\n', [['a', 'b\n']]],
    ['other letters, which stay', '', '\\a\\n|\\é\\😀\n', [['an', 'é😀']]],
    ['what would be null', '', '\\N|\\\\N\n', [[null, '\\N']]],
    ['what would be null by another name', "null as 'nil'", 'nil|\\nil\n', [[null, 'nil']]],
    ['one of several characters of a delimiter', "delimiter '||'", 'a\\|\\|||b\n', [['a||', 'b']]],
    [
      'carriage returns',
      '',
      'a\\\rb|c\r\nd|e\\\r\r\n',
      [
        ['a\rb', 'c'],
        ['d', 'e\r'],
      ],
    ],
  ])('with a backslash before %s', async (_, options, content, expected) => {
    expect(await read(content, { options: `escape ${options}`, columns: texts(2) })).toEqual(expected);
  });

  it('without a delimiter there is one column, and a blank line is an empty text in it', async () => {
    expect(await read('a\n\n\r\nb\n', { columns: texts(1) })).toEqual([['a'], [''], [''], ['b']]);
  });
});

describe('CSV', () => {
  it.each<[string, string, string, Value[][]]>([
    [
      'lines',
      '',
      '1,a\n2,b\n',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [
      'a last line without its end',
      '',
      '1,a\n2,"b"',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [
      'lines that end as on Windows',
      '',
      '1,a\r\n"2","b"\r\n',
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    [
      'quotes around delimiters and the ends of lines',
      '',
      '"1,\n2","\r\n"\n3,4\n',
      [
        ['1,\n2', '\r\n'],
        ['3', '4'],
      ],
    ],
    [
      'lines that end in both ways',
      '',
      '1,a\r\n2,b\n"3","c"\r\n4,"d"\n',
      [
        ['1', 'a'],
        ['2', 'b'],
        ['3', 'c'],
        ['4', 'd'],
      ],
    ],
    [
      'a carriage return within a line',
      '',
      '1,a\rb\n2,c\n',
      [
        ['1', 'a\rb'],
        ['2', 'c'],
      ],
    ],
    ['quotes in quotes', '', '"""a""",""""\n', [['"a"', '"']]],
    ['other quotes', "quote '%'", '%a,%%%,"b"\n', [['a,%', '"b"']]],
    ['single quotes', "quote ''''", "'a''',b\n", [["a'", 'b']]],
    ['other delimiters', "delimiter '\\t'", '1\t"a\tb"\n', [['1', 'a\tb']]],
    [
      'delimiters of several characters',
      "delimiter '||'",
      '1|||a\n"||"||"|"\n',
      [
        ['1', '|a'],
        ['||', '|'],
      ],
    ],
    ['a delimiter that is not ASCII', "delimiter '§'", 'ü§"§"\n', [['ü', '§']]],
    ['blanks, which belong to the text', '', ' a , b \n', [[' a ', ' b ']]],
    ['a backslash, which means nothing', '', '"a\\",\\\n', [['a\\', '\\']]],
    ['a null', '', '\\N,a\n', [[null, 'a']]],
    ['a null with another name', "null as 'nil'", 'nil,\\N\n', [[null, '\\N']]],
    [
      'empty fields',
      '',
      ',\n"",""\n',
      [
        ['', ''],
        ['', ''],
      ],
    ],
    ['other characters than ASCII', '', 'é€😀,"\u2028\ufeff"\n', [['é€😀', '\u2028\ufeff']]],
    ['nothing', '', '', []],
  ])('with %s', async (_, options, content, expected) => {
    expect(await read(content, { options: `csv ${options}`, columns: texts(2) })).toEqual(expected);
  });

  it.each([
    ['with a quote in it, but none around it', '2,a"b"'],
    ['with several of them', '2,5" by 6" by 7" by 8"'],
    ['that goes on behind its closing quote', '2,"a"b'],
    ['with a blank behind its closing quote', '2,"a" '],
    ['with a blank before its opening quote', '2, "a"'],
  ])('a field %s is one error, and the rows around it are rows', async (_, line) => {
    const rows = await rowsOf(`1,a\n${line}\n3,"c\n"\n`, { options: 'csv', columns: texts(2) });
    expect(rows.map((row) => row.number)).toEqual([1, 2, 3]);
    expect(outcomes(rows)).toEqual([['1', 'a'], expect.stringMatching(/^It is not CSV: .*field 2.*\.$/), ['3', 'c\n']]);
    expect(rows[1]!.raw).toBe(line);
  });

  it('a quote that is never closed is one error, to the end of the object', async () => {
    expect(await read('1,a\n2,"b\n3,c\n4,""\n', { options: 'csv', columns: texts(2) })).toEqual([
      ['1', 'a'],
      expect.stringMatching(/^It is not CSV: .*field 2.*never closed\.$/),
    ]);
  });

  it('IGNOREHEADER leaves out a header that is not CSV', async () => {
    const source = { options: 'csv ignoreheader 1', columns: texts(2) };
    expect(await read('5" disks,6" tapes\n1,a\n', source)).toEqual([['1', 'a']]);
    expect(await read('h,h\n1,"a"b\n2,b\n', source)).toEqual([expect.stringContaining('It is not CSV'), ['2', 'b']]);
  });
});

describe('JSON', () => {
  const ab = [text('a'), text('b')];
  const auto = (content: string | Buffer, columns: readonly Column[] = ab) =>
    read(content, { options: "json 'auto'", columns, mapping: AUTO });

  it.each<[string, string, (Value[] | string)[]]>([
    [
      'objects without anything between them',
      '{"a":"1"}{"a":"2"}',
      [
        ['1', null],
        ['2', null],
      ],
    ],
    [
      'objects on lines',
      '{"a":"1"}\n{"a":"2"}\r\n\n',
      [
        ['1', null],
        ['2', null],
      ],
    ],
    [
      'blanks between objects',
      ' \t{"a":"1"} \r\n {"a":"2"}',
      [
        ['1', null],
        ['2', null],
      ],
    ],
    [
      'objects over several lines',
      '{\n  "a": "1",\n  "b": {\n    "c": []\n  }\n}\n{\n}\n',
      [
        ['1', '{"c":[]}'],
        [null, null],
      ],
    ],
    [
      'braces in texts',
      '{"a":"}{","b":"{"}{"a":"}"}',
      [
        ['}{', '{'],
        ['}', null],
      ],
    ],
    [
      'quotes in texts',
      '{"a":"\\"}{","b":"\\\\"}{"a":"\\\\\\""}',
      [
        ['"}{', '\\'],
        ['\\"', null],
      ],
    ],
    ['escapes in texts', '{"a":"\\n\\t\\/\\u00e9\\ud83d\\ude00","b":"é😀"}', [['\n\t/é😀', 'é😀']]],
    ['escapes in names', '{"\\u0061":"1"}', [['1', null]]],
    ['nulls, and names that are not there', '{"a":null,"c":1}', [[null, null]]],
    ['booleans', '{"a":true,"b":false}', [['true', 'false']]],
    ['an empty text', '{"a":"","b":" "}', [['', ' ']]],
    [
      'numbers with all their digits',
      '{"a":123456789012345678901234567890,"b":-0.100}',
      [['123456789012345678901234567890', '-0.100']],
    ],
    ['numbers with exponents', '{"a":1E400,"b":1.0e-7}', [['1E400', '1.0e-7']]],
    ['structures as JSON', '{"a":{"x":[1.0,"\\"",null,{}]},"b":[ ]}', [['{"x":[1.0,"\\"",null,{}]}', '[]']]],
    [
      'numbers in structures with all their digits',
      '{"a":[123456789012345678901234567890]}',
      [['[123456789012345678901234567890]', null]],
    ],
    ['a name twice: the last one counts', '{"a":"1","b":"x","a":"2"}', [['2', 'x']]],
    ['a name twice, the last time null', '{"a":"1","a":null}', [[null, null]]],
    ['a name twice in a structure', '{"a":{"x":1,"x":{"y":2}}}', [['{"x":{"y":2}}', null]]],
    ['names in other cases, which are other names', '{"A":"1","b":"2"}', [[null, '2']]],
    ['an empty object', '{}', [[null, null]]],
    ['nothing', '', []],
    ['nothing but blanks', ' \n\r\n\t', []],
  ])('with %s', async (_, content, expected) => {
    expect(await auto(content)).toEqual(expected);
  });

  it('names that objects have anyway are names like others', async () => {
    const columns = [text('__proto__'), text('constructor'), text('toString'), text('a')];
    expect(await auto('{"a":"1"}', columns)).toEqual([[null, null, null, '1']]);
    expect(await auto('{"__proto__":{"a":"no"},"constructor":"x"}', columns)).toEqual([
      ['{"a":"no"}', 'x', null, null],
    ]);
    expect(await auto('{"a":{"__proto__":{"x":1},"y":2}}', columns)).toEqual([
      [null, null, null, '{"__proto__":{"x":1},"y":2}'],
    ]);
    expect(({} as { a?: string }).a, 'the prototype of all objects').toBeUndefined();
  });

  it.each<[string, string, RegExp[]]>([
    ['a line of text', 'no json\n{"a":"1"}', [/^It is not JSON: /]],
    ['several lines of text', 'one\r\ntwo\n{"a":"1"}', [/^It is not JSON: /, /^It is not JSON: /]],
    ['text before an object on its line', 'x {"a":"1"}', [/^It is not JSON: /]],
    ['commas', ',{"a":"1"}', [/^It is not JSON: /]],
    ['an array', '[1, 2]\n{"a":"1"}', [/^It is (not a|an array and no) JSON object\.$/]],
    ['a text', '"x"\n{"a":"1"}', [/^It is (not a|an array and no) JSON object\.$/]],
    ['a null', 'null\n{"a":"1"}', [/^It is (not a|an array and no) JSON object\.$/]],
    ['an object that is none', '{a:1}{"a":"1"}', [/^It is not JSON: /]],
    ['a value that is none', '{"a":01}{"a":"1"}', [/^It is not JSON: /]],
    ['a comma too many', '{"a":"x",}{"a":"1"}', [/^It is not JSON: /]],
    ['a line break in a text', '{"a":"x\ny"}{"a":"1"}', [/^It is not JSON: /]],
    ['a closing brace', '}\n{"a":"1"}', [/^It is not JSON: /]],
  ])('%s is an error, and the object after it is a row', async (_, content, errors) => {
    expect(await auto(content)).toEqual([...errors.map((error) => expect.stringMatching(error)), ['1', null]]);
  });

  it('text after the last object is an error', async () => {
    expect(await auto('{"a":"1"} x')).toEqual([['1', null], expect.stringContaining('It is not JSON')]);
  });

  it('an object that is never closed is an error', async () => {
    expect(await auto('{"a":"1"}{"a":{"b":1}')).toEqual([['1', null], expect.stringContaining('It is not JSON')]);
  });

  it.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('a hundred thousand %s in one another are an error of the row', async (_, open, close) => {
    const deep = `{"a":${open.repeat(100_000)}1${close.repeat(100_000)}}`;
    expect(await auto(`${deep}\n{"a":"1"}`)).toEqual([expect.stringContaining('It is not JSON'), ['1', null]]);
  });

  it('values nested deeper and deeper are values, then errors, and never the end of all rows', async () => {
    for (let depth = 250; depth < 16_000; depth *= 1.2) {
      const text = `${'{"x":['.repeat(depth)}${']}'.repeat(depth)}`;
      const [row, next] = await rowsOf(`{"a":${text}}\n{"a":"1"}`, {
        options: "json 'auto'",
        columns: ab,
        mapping: AUTO,
      });
      const { content } = row!;
      if ('values' in content) expect(content.values[0] === text, `${depth}`).toBe(true);
      expect(next!.content, `after an object ${depth} deep`).toEqual({ values: ['1', null] });
    }
  });

  it('a hundred arrays in one another are a value', async () => {
    const deep = '['.repeat(100) + ']'.repeat(100);
    expect(await auto(`{"a":${deep}}`)).toEqual([[deep, null]]);
  });

  it("with 'auto ignorecase' names are the same in any case", async () => {
    const columns = [text('userid'), text('Größe')];
    const source = { options: "json 'auto ignorecase'", columns, mapping: CASELESS };
    expect(await read('{"UserId":"1","GRÖßE":"x"}{"USERID":"2"}{"user_id":"3"}', source)).toEqual([
      ['1', 'x'],
      ['2', null],
      [null, null],
    ]);
    expect(await read('{"Größe":{"UserId":1},"userid":null}', source), 'only of the object itself').toEqual([
      [null, '{"UserId":1}'],
    ]);
  });

  it('a null with a name is looked for only if it is given', async () => {
    const source = { columns: ab, mapping: AUTO };
    expect(await read('{"a":"\\\\N","b":"none"}', { ...source, options: "json 'auto'" })).toEqual([['\\N', 'none']]);
    expect(await read('{"a":"\\\\N","b":"none"}', { ...source, options: "json 'auto' null 'none'" })).toEqual([
      ['\\N', null],
    ]);
  });
});

describe('JSONPaths', () => {
  const at = async (content: string, ...paths: string[]) => {
    const columns = texts(paths.length);
    const mapping = { paths: parseJsonPaths(JSON.stringify({ jsonpaths: paths }), paths.length) };
    return (await read(content, { options: "json 's3://b/k'", columns, mapping }))[0];
  };
  const object = '{"a":{"b c":{"d":"deep"},"x.y":1.50,"":"empty"},"l":[[1,2],{"z":"in a list"}],"s":"abc","n":null}';

  it.each([
    ['$.a', '{"b c":{"d":"deep"},"x.y":1.50,"":"empty"}'],
    ["$['a']['b c']['d']", 'deep'],
    ['$["a"]["b c"]["d"]', 'deep'],
    ["$.a['b c'].d", 'deep'],
    ["$[ 'a' ][ 'x.y' ]", '1.50'],
    ["$.a['']", 'empty'],
    ['$.l', '[[1,2],{"z":"in a list"}]'],
    ['$.l[0]', '[1,2]'],
    ['$.l[0][1]', '2'],
    ["$['l'][1].z", 'in a list'],
    ['$.l[2]', null],
    ['$.l[0].x', null],
    ['$.n', null],
    ['$.n.x', null],
    ['$.none', null],
    ['$.none.at.all[3]', null],
    ['$.a.x.y', null],
    ['$.A', null],
    ['$.s.x', null],
    ['$.s[0]', null],
    ['$.s.length', null],
    ['$.toString', null],
    ['$.__proto__', null],
    ['$.a.constructor.name', null],
  ])('%s finds %j', async (path, expected) => {
    expect(await at(object, path)).toEqual([expected]);
  });

  it('find the columns in their order, and the same value as often as it is wanted', async () => {
    expect(await at('{"a":"1","b":"2"}', '$.b', '$.a', '$.b')).toEqual(['2', '1', '2']);
  });

  it('are read from a file however it is written', () => {
    expect(parseJsonPaths('\n{ "other": 1,\n "jsonpaths": [ "$.a-b",\n "$[0]" ] }\n', 2)).toEqual([['a-b'], [0]]);
  });

  it.each([
    ['', 1, 'The JSONPaths file is not JSON.'],
    ['$.a', 1, 'The JSONPaths file is not JSON.'],
    ['{"jsonpaths":["$.a",]}', 1, 'The JSONPaths file is not JSON.'],
    ['null', 1, 'The JSONPaths file has no array jsonpaths of texts.'],
    ['["$.a"]', 1, 'The JSONPaths file has no array jsonpaths of texts.'],
    ['{"JSONPaths":["$.a"]}', 1, 'The JSONPaths file has no array jsonpaths of texts.'],
    ['{"jsonpaths":"$.a"}', 1, 'The JSONPaths file has no array jsonpaths of texts.'],
    ['{"jsonpaths":["$.a",1]}', 2, 'The JSONPaths file has no array jsonpaths of texts.'],
    ['{"jsonpaths":["$.a"]}', 2, 'The JSONPaths file has 1 paths for 2 columns.'],
    ['{"jsonpaths":[]}', 1, 'The JSONPaths file has 0 paths for 1 columns.'],
    ['{"jsonpaths":["$.a","$.b"]}', 1, 'The JSONPaths file has 2 paths for 1 columns.'],
  ])('%j is refused', (file, count, sentence) => {
    expect(() => parseJsonPaths(file, count)).toThrow(new Error(sentence));
  });

  it.each([
    ...['', '$', 'a', '.a', '$a', '$.', '$.a.', '$..a', '$.a b', ' $.a', '$.a ', '@.a', '$.a[]', '$[a]', '$.a[-1]'],
    ...[
      '$.a[1.5]',
      '$.a[*]',
      '$.a[0:1]',
      '$.a[?(@.b)]',
      '$.a[0',
      "$['a'",
      "$['a]",
      `$['a"]`,
      "$['a']b",
      '$.a[1234567890]',
    ],
  ])('the path %j is refused', (path) => {
    expect(() => parseJsonPaths(JSON.stringify({ jsonpaths: ['$.fine', path] }), 2)).toThrow(
      new Error(`The JSONPaths file has a path that is none: ${path}.`),
    );
  });

  it('a path that goes on and on is read or refused at once', () => {
    for (const step of ['.a', '[', "['", "['a']", '[ ', '[0]', '.']) {
      const path = `$${step.repeat(20_000)}`;
      const steps = ['.a', "['a']", '[0]'].includes(step) ? 20_000 : 'refused';
      try {
        expect(parseJsonPaths(JSON.stringify({ jsonpaths: [path] }), 1)[0]!.length, step).toBe(steps);
      } catch (error) {
        expect((error as Error).message.slice(0, 40), step).toBe('The JSONPaths file has a path that is no');
        expect(steps, step).toBe('refused');
      }
    }
  });
});

const FORMATS = [
  { name: 'plain text', options: "delimiter ','", line: (...fields: string[]) => `${fields.join(',')}\n` },
  { name: 'escaped text', options: "escape delimiter ','", line: (...fields: string[]) => `${fields.join(',')}\n` },
  { name: 'CSV', options: 'csv', line: (...fields: string[]) => `${fields.join(',')}\n` },
  {
    name: 'JSON',
    options: "json 'auto'",
    line: (...fields: string[]) => `{${fields.map((field, index) => `"c${index}":"${field}"`).join(',')}}\n`,
  },
] as const;
const LINES = FORMATS.filter(({ name }) => name !== 'JSON');

describe.each(FORMATS)('in $name', ({ options, line }) => {
  const source = { options, columns: texts(2), mapping: AUTO };

  it('bytes that are not UTF-8 are an error of their row', async () => {
    const lines = [line('1', 'a'), line('2', 'é\x80'), line('3', '\xc3'), line('4', '\xed\xa0\x80'), line('5', 'é')];
    // As Latin-1 an é is one byte, which alone is not UTF-8.
    const content = Buffer.concat([
      ...lines.map((row) => Buffer.from(row, 'latin1')),
      Buffer.from(line('6', 'é€😀')),
      Buffer.from(line('\xf4\x90\x80\x80', 'x'), 'latin1'),
      Buffer.from(line('8', '\xff\xfe'), 'latin1'),
    ]);
    expect(await read(content, source)).toEqual([
      ['1', 'a'],
      NOT_UTF8,
      NOT_UTF8,
      NOT_UTF8,
      NOT_UTF8,
      ['6', 'é€😀'],
      NOT_UTF8,
      NOT_UTF8,
    ]);
  });

  it('rows have numbers from 1 and show what they were made of, at most 1024 characters', async () => {
    const rows = await rowsOf(line('1', 'é') + line('2', 'x'.repeat(2000)), source);
    expect(rows.map((row) => row.number)).toEqual([1, 2]);
    expect(rows[0]!.raw).toBe(line('1', 'é').trimEnd());
    expect(rows[1]!.raw).toBe(line('2', 'x'.repeat(2000)).slice(0, 1024));
  });

  it('an empty field is null where no text belongs', async () => {
    const columns = [number('c0'), text('c1')];
    expect(await read(line('', '') + line(' ', ' '), { ...source, columns })).toEqual([
      [null, ''],
      [' ', ' '],
    ]);
  });

  it('TRUNCATECOLUMNS cuts texts to whole characters, and nothing else does', async () => {
    const columns = [text('c0', 3), number('c1')];
    const content = ['abcd', 'abc', '', 'äöüß', '😀😀😀', '😀😀😀😀', 'a😀b😀']
      .map((field) => line(field, '12345'))
      .join('');
    const cutTexts = ['abc', 'abc', '', 'äöü', '😀😀😀', '😀😀😀', 'a😀b'];
    expect(await read(content, { ...source, columns, options: `${options} truncatecolumns` })).toEqual(
      cutTexts.map((field) => [field, '12345']),
    );
    expect((await read(content, { ...source, columns }))[0], 'without the option').toEqual(['abcd', '12345']);
  });

  it('a row may go through many chunks', async () => {
    const long = 'é'.repeat(50_000);
    const content = Buffer.from(line('1', long) + line('2', 'a'));
    const chunks = Array.from({ length: Math.ceil(content.length / 1000) }, (_, index) =>
      content.subarray(index * 1000, (index + 1) * 1000),
    );
    expect(outcomes(await rowsIn(chunks, source))).toEqual([
      ['1', long],
      ['2', 'a'],
    ]);
  });

  it('an error of the source ends the rows', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from(line('1', 'a'));
      throw new Error('the object is gone');
    }
    const reading = async () => {
      for await (const row of readRows(failing(), readingOf(source))) expect(row.number).toBe(1);
    };
    await expect(reading()).rejects.toThrow('the object is gone');
  });
});

describe.each(LINES)('in $name', ({ options, line }) => {
  const source = { options, columns: texts(2) };

  it('a NUL character is an error of its row', async () => {
    expect(await read(line('1', 'a\0b') + line('\0', '2') + line('3', '0'), source)).toEqual([
      'It contains a NUL character.',
      'It contains a NUL character.',
      ['3', '0'],
    ]);
  });

  it('too few and too many fields are errors of their rows', async () => {
    expect(
      await read(line('1') + line('2', 'a', 'b') + line('3', 'a', '') + line('4', 'a') + line(''), source),
    ).toEqual([
      'It has only 1 of 2 fields.',
      'It has 3 fields for 2 columns.',
      'It has 3 fields for 2 columns.',
      ['4', 'a'],
      'It has only 1 of 2 fields.',
    ]);
  });

  it('IGNOREHEADER leaves out rows at the beginning, whatever they are, and their numbers', async () => {
    const content = line('only one') + line('h', 'h') + line('1', 'a') + line('2', 'b');
    const numbersAfter = async (count: number) =>
      (await rowsOf(content, { ...source, options: `${options} ignoreheader ${count}` })).map((row) => row.number);
    expect(await numbersAfter(0)).toEqual([1, 2, 3, 4]);
    expect(await numbersAfter(2)).toEqual([3, 4]);
    expect(await numbersAfter(4)).toEqual([]);
    expect(await numbersAfter(1_000_000)).toEqual([]);
  });
});

it('a NUL character in JSON is an error of its row, as itself and as its number', async () => {
  const source = { options: "json 'auto'", columns: texts(1), mapping: AUTO };
  expect(await read('{"c0":"a\\u0000"}{"c0":"a\0"}{"c0":"0"}', source)).toEqual([
    'It contains a NUL character.',
    expect.stringContaining('It is not JSON'),
    ['0'],
  ]);
});

it.each(['', 'escape', 'csv'])(
  "a line that is too long for '%s' is an error, and the next one is a row",
  async (options) => {
    const content = Buffer.concat([Buffer.from('1\n'), Buffer.alloc(ROW_BYTES_MAX + 1, 'x'), Buffer.from('\n2\n')]);
    expect(await read(content, { options, columns: texts(1) })).toEqual([
      ['1'],
      `It is longer than ${ROW_BYTES_MAX} bytes.`,
      ['2'],
    ]);
  },
);

it.each([
  ['escape', '\\\n', '\n'],
  ['escape', '\\\\', '\\'],
  ['csv', '""', '"'],
  ['csv', '\n', '\n'],
])("a row of '%s' with %j again and again is one row", async (options, written, meant) => {
  const count = 200_000;
  const quote = options === 'csv' ? '"' : '';
  const content = Buffer.from(`${quote}${written.repeat(count)}x${quote}\n`);
  const [row, ...more] = await rowsIn(cut(content, [1000, 10_001, 100_002]), { options, columns: texts(1) });
  // Compared here, because a difference of such texts is nothing to print.
  const isMeant = row !== undefined && 'values' in row.content && row.content.values[0] === `${meant.repeat(count)}x`;
  expect([isMeant, more]).toEqual([true, []]);
});

it('a JSON object that is never closed ends the rows when it is too long', async () => {
  const content = Buffer.concat([Buffer.from('{"c0":"'), Buffer.alloc(ROW_BYTES_MAX, 'x')]);
  await expect(read(content, { options: "json 'auto'", columns: texts(1), mapping: AUTO })).rejects.toThrow(
    `A JSON object is longer than ${ROW_BYTES_MAX} bytes, or is never closed.`,
  );
});

it.each([...FORMATS, { name: 'packed text', options: "gzip delimiter ','", line: FORMATS[0].line }])(
  'the source of $name is released when nobody reads on',
  async ({ name, options, line }) => {
    const lines = Buffer.from(line('1', 'a').repeat(10_000));
    const bytes = name === 'packed text' ? gzipSync(lines) : lines;
    let release: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield bytes;
      } finally {
        release();
      }
    }
    for await (const row of readRows(endless(), readingOf({ options, columns: texts(2), mapping: AUTO }))) {
      if (row.number > 2) break;
    }
    // The test runs into its time limit when the source is never told.
    await released;
  },
);

describe('GZIP', () => {
  const source = { options: 'gzip', columns: texts(2) };
  const rows = [
    ['1', 'é'],
    ['2', 'b'],
  ];

  it('is unpacked', async () => {
    expect(await read(gzipSync('1|é\n2|b\n'), source)).toEqual(rows);
    expect(await read(gzipSync(''), source), 'nothing, packed').toEqual([]);
    expect(await read(gzipSync('1,é\n2,"b"'), { ...source, options: 'gzip csv' })).toEqual(rows);
    const json = { options: "gzip json 'auto'", columns: texts(2), mapping: AUTO };
    expect(await read(gzipSync('{"c0":1,"c1":"é"}{"c0":2,"c1":"b"}'), json)).toEqual(rows);
  });

  it('may have several members, which may end within a row', async () => {
    const members = ['1|', '', Buffer.from('é')[0]!, Buffer.from('é')[1]!, '\n2|b', '\n'].map((part) =>
      gzipSync(typeof part === 'number' ? Buffer.of(part) : part),
    );
    expect(await read(Buffer.concat(members), source)).toEqual(rows);
  });

  it('that ends too early is an error', async () => {
    const whole = gzipSync('1|é\n2|b\n'.repeat(100));
    for (const length of [1, 10, whole.length - 9, whole.length - 1]) {
      await expect(read(whole.subarray(0, length), source), `${length} bytes`).rejects.toThrow(
        'unexpected end of file',
      );
    }
  });

  it('that is none is an error', async () => {
    await expect(read('1|a\n', source)).rejects.toThrow('incorrect header check');
    const damaged = gzipSync('1|a\n');
    damaged.writeUInt32LE(0, damaged.length - 8);
    await expect(read(damaged, source), 'another checksum').rejects.toThrow('incorrect data check');
  });

  it('ends with an error of the source', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync('1|a\n');
      throw new Error('the object is gone');
    }
    const reading = async () => {
      for await (const row of readRows(failing(), readingOf(source))) expect(row.number).toBe(1);
    };
    await expect(reading()).rejects.toThrow('the object is gone');
  });

  it('is not guessed', async () => {
    const packed = gzipSync('1|a\n');
    expect(await read(packed, { columns: texts(1) })).not.toEqual([['1', 'a']]);
  });
});

describe('the rows depend on the bytes only, not on the chunks:', () => {
  const TEXT = 'é€|😀\r\n\\N|\r\n~|^~\r\ra|b|c\r\n|\r\n\r\nlast|\\';
  const OBJECTS: readonly (Source & { readonly name: string; readonly content: string | Buffer })[] = [
    { name: 'plain text', content: TEXT, columns: texts(2) },
    { name: 'delimiters of several bytes', options: "delimiter '€§'", content: 'a€§€€§\n§€§b\n', columns: texts(2) },
    {
      name: 'escaped text',
      options: 'escape',
      content: `a\\|b|\\\\\n\\\n|\\\\\\\n\n${TEXT.replace('~', '\\')}\\`,
      columns: texts(2),
    },
    {
      name: 'CSV',
      options: 'csv ignoreheader 1',
      content: 'h,h\né€,"😀\r\n,"""\n"",\n\n\\N,"\n"\n"a""","b"\nx,y,z\n1,"a"b\n2,"3"',
      columns: texts(2),
    },
    { name: 'CSV of Windows', options: 'csv', content: '1,"a"\r\n"\r",""""\r\n\r\n"2",b\r\n', columns: texts(2) },
    {
      name: 'CSV with other delimiters',
      options: "csv delimiter '~^~' quote '%'",
      content: '%a~^~%%%~^~~^\n~~^~%%\n%%%%~^~b~^~c\n',
      columns: texts(2),
    },
    {
      name: 'JSON',
      options: "json 'auto'",
      content: ' {"c0":"}\\"{\\\\"} x\n[1,\r\n2] {"c0":{"a":[1.0]},\n"c1":"é€😀\\ud83d\\ude00"}{}\n\n{"c0":1',
      columns: texts(2),
      mapping: AUTO,
    },
    {
      name: 'GZIP',
      options: 'gzip',
      content: Buffer.concat([gzipSync('é€|😀\n'), gzipSync('1|2')]),
      columns: texts(2),
    },
  ];

  it.each(OBJECTS)('$name', async ({ content, ...source }) => {
    const bytes = Buffer.from(content);
    const whole = await rowsIn([bytes], source);
    expect(whole.length).toBeGreaterThan(1);
    for (let place = 1; place < bytes.length; place += 1) {
      expect(await rowsIn(cut(bytes, [place]), source), `cut at ${place}`).toEqual(whole);
    }
    const every = Array.from(bytes.keys());
    expect(await rowsIn(cut(bytes, every), source), 'byte by byte').toEqual(whole);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 20 }), async (places) => {
        expect(await rowsIn(cut(bytes, places), source)).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe('what a writer wrote comes back:', () => {
  /** Texts of what could go wrong, and of anything else. NUL, and what is no character, are not in them. */
  const character = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...'\n\r\t\\"\'|,~^%{}[]: Naé€😀\u2028\ufeff\x80') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  );
  const anything = fc
    .string({ unit: character, maxLength: 12 })
    .filter((field) => !field.includes('\0') && field !== '\uffff');
  const field = fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 5, arbitrary: anything });
  const tableOf = (value: fc.Arbitrary<Value>) =>
    fc
      .integer({ min: 2, max: 4 })
      .chain((width) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 8 }));
  const ends = fc.constantFrom('\n', '\r\n');
  const nulls = fc.constantFrom('\\N', 'nil', 'é');
  const places = fc.array(fc.nat({ max: 300 }), { maxLength: 5 });
  const delimiters = fc.constantFrom('|', ',', '\t', '~', '~^~', '||', ' ', '€', "'", '😀%');
  const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;

  /** Whether `value` has a character of `others` in it. */
  const hasAny = (value: string, others: string) => [...others].some((other) => value.includes(other));

  const back = async (content: string, chunks: readonly number[], source: Source) =>
    outcomes(await rowsIn(cut(Buffer.from(content), chunks), source));
  const columnsOf = (table: readonly (readonly Value[])[]) => texts(table[0]?.length ?? 2);

  it('as plain text', async () => {
    await fc.assert(
      fc.asyncProperty(
        tableOf(field),
        delimiters,
        ends,
        nulls,
        places,
        async (table, delimiter, end, nullAs, chunks) => {
          // What plain text cannot say.
          const plain = table.map((row) =>
            row.map((value) =>
              value === nullAs || value === null || hasAny(value, `\r\n${delimiter}`) ? null : value,
            ),
          );
          fc.pre(!hasAny(nullAs, delimiter));
          const content = plain.map((row) => row.map((value) => value ?? nullAs).join(delimiter) + end).join('');
          const options = `delimiter ${literal(delimiter)} null ${literal(nullAs)}`;
          expect(await back(content, chunks, { options, columns: columnsOf(table) })).toEqual(plain);
        },
      ),
    );
  });

  it('as escaped text', async () => {
    const escaped = (value: Value, delimiter: string, nullAs: string) => {
      if (value === null) return nullAs;
      const safe = [...value].map((letter) => (hasAny(letter, `\\\n\r${delimiter}`) ? `\\${letter}` : letter)).join('');
      return safe === nullAs ? `\\${safe}` : safe;
    };
    await fc.assert(
      fc.asyncProperty(
        tableOf(field),
        delimiters,
        ends,
        nulls,
        places,
        async (table, delimiter, end, nullAs, chunks) => {
          const content = table
            .map((row) => row.map((value) => escaped(value, delimiter, nullAs)).join(delimiter) + end)
            .join('');
          const options = `escape delimiter ${literal(delimiter)} null ${literal(nullAs)}`;
          expect(await back(content, chunks, { options, columns: columnsOf(table) })).toEqual(table);
        },
      ),
    );
  });

  it('as CSV', async () => {
    const inQuotes = (value: Value, isQuoted: boolean, delimiter: string, quote: string, nullAs: string) => {
      if (value === null) return nullAs;
      if (!isQuoted && !hasAny(value, `\r\n${quote}${delimiter}`)) return value;
      return quote + value.replaceAll(quote, quote + quote) + quote;
    };
    const quotes = fc.constantFrom('"', '%', "'", '^');
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(tableOf(field), delimiters, quotes, fc.boolean()),
        ends,
        nulls,
        places,
        async ([table, delimiter, quote, isQuoted], end, nullAs, chunks) => {
          fc.pre(!delimiter.includes(quote));
          // A field in quotes can be null as well.
          const sayable = table.map((row) => row.map((value) => (value === nullAs ? null : value)));
          const content = sayable
            .map((row) => row.map((value) => inQuotes(value, isQuoted, delimiter, quote, nullAs)).join(delimiter) + end)
            .join('');
          const options = `csv delimiter ${literal(delimiter)} quote ${literal(quote)} null ${literal(nullAs)}`;
          expect(await back(content, chunks, { options, columns: columnsOf(table) })).toEqual(sayable);
        },
      ),
    );
  });

  it('as JSON', async () => {
    const value = fc.oneof(field, fc.jsonValue({ maxDepth: 3 }));
    const textOf = (written: unknown): Value => {
      if (written === null || typeof written === 'string') return written;
      return JSON.stringify(written);
    };
    const objects = fc.array(fc.dictionary(anything, value), { maxLength: 6 });
    const betweens = fc.constantFrom('', '\n', '\r\n', ' ', '\n\n\t');
    await fc.assert(
      fc.asyncProperty(objects, fc.constantFrom(0, 2), betweens, places, async (written, indent, between, chunks) => {
        const names = [...new Set(written.flatMap((object) => Object.keys(object)))];
        const content = written.map((object) => JSON.stringify(object, null, indent) + between).join('');
        const source = { options: "json 'auto'", columns: names.map((name) => text(name)), mapping: AUTO };
        expect(await back(content, chunks, source)).toEqual(
          written.map((object) => names.map((name) => (Object.hasOwn(object, name) ? textOf(object[name]) : null))),
        );
      }),
    );
  });
});

describe('what looks like something else', () => {
  it('an escaped carriage return belongs to its row, also at the end of the object', async () => {
    const source = { options: 'escape', columns: texts(2) };
    expect(await read('x|a\\\r\ny|b\r\nz|c\\\r', source)).toEqual([
      ['x', 'a\r'],
      ['y', 'b'],
      ['z', 'c\r'],
    ]);
  });

  it('a stray quote in CSV costs its own row only', async () => {
    const source = { options: 'csv', columns: texts(2) };
    expect(await read('1,a\n2,5" disk\n3,c\n4,"d"x\n5,"e\n"\n', source)).toEqual([
      ['1', 'a'],
      'It is not CSV: field 2 has a quote in it, but none around it.',
      ['3', 'c'],
      'It is not CSV: field 2 goes on behind its closing quote.',
      ['5', 'e\n'],
    ]);
  });

  it('a bare number is no row, whatever the columns are called', async () => {
    const source = { options: "json 'auto'", columns: [text('value'), text('a')], mapping: AUTO };
    expect(await read('123\n{"a":1}', source)).toEqual(['It is not a JSON object.', [null, '1']]);
  });

  it('paths lead to what the JSON says and nowhere else', async () => {
    const paths = (...list: string[]) => ({ paths: parseJsonPaths(JSON.stringify({ jsonpaths: list }), list.length) });
    const of = (content: string, ...list: string[]) =>
      read(content, { options: "json 's3://b/p'", columns: texts(list.length), mapping: paths(...list) });
    expect(await of('{"l":[1,2],"n":5}', '$.l.length', '$.n.value', '$.l[1]', "$.l['1']")).toEqual([
      [null, null, '2', null],
    ]);
    expect(await of('[1,"a",{"b":[true]}]\n[2]', '$[0]', '$[1]', '$[2].b[0]')).toEqual([
      ['1', 'a', 'true'],
      ['2', null, null],
    ]);
    expect(() => paths('$.*')).toThrow('The JSONPaths file has a path that is none: $.*.');
  });

  it('the beginning of a long bad row is shown as text', async () => {
    const [row] = await rowsOf(`${'ß'.repeat(2000)}|b|c\n`, { columns: texts(2) });
    expect(row!.raw).toMatch(/^ß{500,}/);
  });

  it('U+FFFF is a character like others', async () => {
    expect(await read('\uFFFF\n', { columns: texts(1) })).toEqual([['\uFFFF']]);
  });

  it('a NUL character can stand for NULL', async () => {
    expect(await read('\0|a\n', { options: "null as '\\000'", columns: texts(2) })).toEqual([[null, 'a']]);
  });

  it('an object that is never closed is found out, and not by way of much work', async () => {
    const chunks = Array.from({ length: 400 }, () => Buffer.alloc(65_536, ' '));
    const rows = rowsIn([Buffer.from('{'), ...chunks], { options: "json 'auto'", columns: texts(1), mapping: AUTO });
    await expect(rows).rejects.toThrow(`A JSON object is longer than ${ROW_BYTES_MAX} bytes, or is never closed.`);
  });
});
