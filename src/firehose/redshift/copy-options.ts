/**
 * The options of a COPY statement as they stand in a delivery stream's CopyCommand, in Redshift's grammar. What Millrace
 * does not do is refused by its name: a load that ignored an option would put other data into the table. Pure.
 */

export interface CopyOptions {
  readonly format:
    | { readonly kind: 'delimited'; readonly delimiter: string; readonly hasEscapes: boolean }
    | { readonly kind: 'csv'; readonly delimiter: string; readonly quote: string }
    | { readonly kind: 'json'; readonly ignoresCase: boolean }
    /** `jsonPaths` is the s3:// URL of the file with the paths, one for each column. */
    | { readonly kind: 'json'; readonly jsonPaths: string };
  readonly isGzip: boolean;
  /** A field of exactly this text is NULL. Undefined for JSON, which has a null of its own, unless it is given. */
  readonly nullAs: string | undefined;
  /** So many rows at the beginning are not loaded. */
  readonly ignoreHeader: number;
  /** Texts are cut at the length of their column. */
  readonly truncatesColumns: boolean;
  /** With so many bad rows the load fails; 0 and 1 are the same. */
  readonly maxError: number;
}

/** Thrown with one sentence that names the option. */
export class CopyOptionsError extends Error {}

interface Token {
  readonly kind: 'word' | 'text';
  readonly text: string;
}

const TOKEN = /\s*(?:'((?:[^']|'')*)'|([A-Za-z_][A-Za-z0-9_]*)|([+-]?\d+(?:\.\d+)?)|(\S))/gy;

function tokensOf(options: string): Token[] {
  const tokens: Token[] = [];
  const source = options.trimEnd().replace(/;$/, '').trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const [, quoted, word, number, other] = TOKEN.exec(source)!;
    if (other !== undefined) throw new CopyOptionsError(`CopyOptions cannot be read from ${other} on.`);
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replaceAll("''", "'") });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toUpperCase() });
    else tokens.push({ kind: 'text', text: number! });
  }
  return tokens;
}

/** Options as they were given, before they are put together. */
interface Given {
  delimiter?: string;
  quote?: string;
  escape?: boolean;
  csv?: true;
  json?: string;
  gzip?: true;
  nullAs?: string;
  ignoreHeader?: number;
  truncate?: true;
  maxError?: number;
}

type Reader = (given: Given, value: () => string) => void;

const MAX_ERROR_MAX = 100_000;

const READERS: Readonly<Record<string, Reader>> = {
  CSV: (given) => {
    given.csv = true;
  },
  JSON: (given, value) => {
    given.json = value();
  },
  DELIMITER: (given, value) => {
    given.delimiter = delimiterOf(value());
  },
  QUOTE: (given, value) => {
    given.quote = value();
  },
  ESCAPE: (given) => {
    given.escape = true;
  },
  NULL: (given, value) => {
    given.nullAs = value().replaceAll(OCTAL, characterOf);
  },
  GZIP: (given) => {
    given.gzip = true;
  },
  IGNOREHEADER: (given, value) => {
    given.ignoreHeader = countOf('IGNOREHEADER', value(), Number.MAX_SAFE_INTEGER);
  },
  MAXERROR: (given, value) => {
    given.maxError = countOf('MAXERROR', value(), MAX_ERROR_MAX);
  },
  TRUNCATECOLUMNS: (given) => {
    given.truncate = true;
  },
  DATEFORMAT: (_given, value) => onlyAuto('DATEFORMAT', value()),
  TIMEFORMAT: (_given, value) => onlyAuto('TIMEFORMAT', value()),
  // Where the bucket is. Here all buckets are in one place, whatever their region.
  REGION: (_given, value) => {
    value();
  },
};

/**
 * What CopyOptions ask for; undefined and empty mean Redshift's defaults.
 * @throws CopyOptionsError
 */
export function parseCopyOptions(options: string | undefined): CopyOptions {
  const left = tokensOf(options ?? '');
  const given: Given = {};
  const seen = new Set<string>();
  for (let token = left.shift(); token !== undefined; token = left.shift()) {
    const { text: name } = token;
    if (seen.has(name)) throw new CopyOptionsError(`CopyOptions name ${name} twice.`);
    seen.add(name);
    if (isWord(token, FORMAT)) takeFormat(left);
    else readerOf(token)(given, () => takeValue(name, left));
  }
  return complete(given);
}

/** A word in front of the format, which would be the same without it. */
const FORMAT = 'FORMAT';

const isWord = (token: Token | undefined, ...words: string[]): boolean =>
  token?.kind === 'word' && words.includes(token.text);

function readerOf(token: Token): Reader {
  const { kind, text } = token;
  if (kind === 'word' && Object.hasOwn(READERS, text)) return READERS[text]!;
  const what = kind === 'word' ? `the CopyOptions ${text}` : `CopyOptions with ${text} there`;
  throw new CopyOptionsError(`Millrace does not support ${what}; it supports ${Object.keys(READERS).join(', ')}.`);
}

function takeFormat(left: Token[]): void {
  if (isWord(left[0], 'AS')) left.shift();
  const format = left[0];
  // A format that is not known is refused by its own name.
  const isOther = format?.kind === 'word' && !Object.hasOwn(READERS, format.text);
  if (isOther || isWord(format, 'CSV', 'JSON')) return;
  throw new CopyOptionsError('CopyOptions with FORMAT must name CSV or JSON behind it.');
}

function takeValue(name: string, left: Token[]): string {
  if (isWord(left[0], 'AS')) left.shift();
  const value = left.shift();
  if (value?.kind === 'text') return value.text;
  throw new CopyOptionsError(`CopyOptions give no value for ${name}.`);
}

function complete(given: Given): CopyOptions {
  const { csv, json } = given;
  const isJson = json !== undefined;
  if (csv && isJson) throw new CopyOptionsError('CopyOptions name both CSV and JSON.');
  const needs = (option: keyof Given, isPossible: boolean, sentence: string) => {
    if (given[option] !== undefined && !isPossible) throw new CopyOptionsError(sentence);
  };
  needs('quote', csv === true, 'CopyOptions with QUOTE need CSV.');
  needs('escape', !csv && !isJson, 'CopyOptions with ESCAPE cannot name CSV or JSON.');
  needs('delimiter', !isJson, 'CopyOptions with DELIMITER cannot name JSON.');
  needs('ignoreHeader', !isJson, 'CopyOptions with IGNOREHEADER cannot name JSON.');
  return {
    format: formatOf(given),
    isGzip: given.gzip === true,
    nullAs: given.nullAs ?? (isJson ? undefined : '\\N'),
    ignoreHeader: given.ignoreHeader ?? 0,
    truncatesColumns: given.truncate === true,
    maxError: given.maxError ?? 0,
  };
}

function formatOf({ csv, json, delimiter, quote = '"', escape: hasEscapes = false }: Given): CopyOptions['format'] {
  if (json === undefined) {
    if (!csv) return { kind: 'delimited', delimiter: delimiter ?? '|', hasEscapes };
    if (!/^[\x20-\x7e]$/.test(quote)) throw new CopyOptionsError('QUOTE in CopyOptions must be one character.');
    if ((delimiter ?? ',').includes(quote)) {
      throw new CopyOptionsError('QUOTE and DELIMITER in CopyOptions must differ.');
    }
    return { kind: 'csv', delimiter: delimiter ?? ',', quote };
  }
  const how = json.toLowerCase();
  if (how === 'auto' || how === 'auto ignorecase') return { kind: 'json', ignoresCase: how !== 'auto' };
  if (/^s3:\/\/[^/]+\/.+/s.test(json)) return { kind: 'json', jsonPaths: json };
  throw new CopyOptionsError(
    `Millrace does not support JSON '${json}' in CopyOptions; it supports 'auto', 'auto ignorecase' and the s3:// URL ` +
      'of a JSONPaths file.',
  );
}

/** A byte by its number. */
const OCTAL = /\\([0-3][0-7]{2})/g;
const characterOf = (_: string, octal: string) => String.fromCharCode(Number.parseInt(octal, 8));

/** A delimiter may be given as `\t`, or as the octal number of a character: `\001`. */
function delimiterOf(text: string): string {
  const delimiter = text.replaceAll(OCTAL, characterOf).replaceAll('\\t', '\t');
  if (delimiter !== '' && !/[\r\n"\\]/.test(delimiter)) return delimiter;
  throw new CopyOptionsError(
    'DELIMITER in CopyOptions must be at least one character, and no line break, quote or \\.',
  );
}

function countOf(name: string, text: string, max: number): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= max) return count;
  throw new CopyOptionsError(
    `${name} in CopyOptions must be a whole number${max === MAX_ERROR_MAX ? ` up to ${max}` : ''}.`,
  );
}

function onlyAuto(name: string, text: string): void {
  if (text.toLowerCase() === 'auto') return;
  throw new CopyOptionsError(`Millrace does not support ${name} '${text}' in CopyOptions; it supports 'auto'.`);
}
