/**
 * The rows of an object, as COPY reads them: text with delimiters, CSV, or JSON. Bytes are taken for Latin-1 while they
 * are cut to pieces, because that loses none of them; a piece becomes text when it is a value. Pure.
 */
import { isUtf8 } from 'node:buffer';
import { Readable, type Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { CopyOptions } from './copy-options.ts';
import { csvFields } from './csv.ts';
import { delimitedFields } from './delimited.ts';
import { type JsonMapping, jsonObjects, valuesOf } from './json.ts';
import { type Continuation, escapedBreaks, linesOf, never, quotedBreaks } from './lines.ts';

/** A column of the table, as far as it decides what becomes of a field. */
export interface Column {
  readonly name: string;
  /** Whether an empty field is an empty text, and not NULL. */
  readonly isText: boolean;
  /** In characters; null when there is no limit. */
  readonly maxLength: number | null;
}

export interface Row {
  /** From 1, as it stands in the object, headers included. */
  readonly number: number;
  /** Bytes in the object; as much memory may be held by what was cut out of it. */
  readonly size: number;
  /** What the row was made of, for people. */
  readonly raw: string;
  readonly content:
    | { readonly values: readonly (string | null)[] }
    /** One sentence. */
    | { readonly error: string };
}

/** So much of a bad row is shown. */
const RAW_MAX = 1024;

/** A row must fit into memory several times over. */
export const ROW_BYTES_MAX = 16 * 1024 * 1024;

/** How the rows of an object are read. */
export interface Reading {
  readonly options: CopyOptions;
  readonly columns: readonly Column[];
  /** For JSON. */
  readonly mapping: JsonMapping | undefined;
}

/**
 * The rows of an object with these bytes, one value for each of the columns.
 * @throws Error when the bytes are not compressed although the options say so.
 */
export async function* readRows(bytes: AsyncIterable<Buffer>, reading: Reading): AsyncGenerator<Row> {
  const { options } = reading;
  const plain = options.isGzip ? unpacked(bytes) : bytes;
  let number = 0;
  for await (const { raw, size, fields, error } of cutRows(plain, reading)) {
    number += 1;
    if (number <= options.ignoreHeader) continue;
    const content = error === undefined ? contentOf(fields, reading) : { error };
    yield { number, size, raw: raw.slice(0, RAW_MAX), content };
  }
}

/** A row in pieces. */
interface Cut {
  readonly raw: string;
  readonly size: number;
  readonly fields: readonly (string | null)[];
  readonly error?: string | undefined;
}

const unpacked = (bytes: AsyncIterable<Buffer>) => through(bytes, createGunzip()) as AsyncIterable<Buffer>;

/** What `transform` makes of the bytes. Who stops early ends both, and closes the file that the bytes come from. */
async function* through(bytes: AsyncIterable<Buffer>, transform: Transform): AsyncGenerator<unknown> {
  const source = Readable.from(bytes);
  source.on('error', (error) => transform.destroy(error));
  try {
    yield* source.pipe(transform);
  } finally {
    source.destroy();
    transform.destroy();
  }
}

/** Cuts a line into fields, or says what is wrong with it. */
type Cutter = (line: string) => { readonly fields: readonly (string | null)[]; readonly error?: string };

function cutRows(bytes: AsyncIterable<Buffer>, reading: Reading): AsyncIterable<Cut> {
  const { format, nullAs } = reading.options;
  if (format.kind === 'json') return cutJson(bytes, reading);
  const delimiter = latin1Of(format.delimiter);
  if (format.kind === 'csv') {
    const { quote } = format;
    return cutLines(bytes, quotedBreaks(quote, delimiter), (line) => csvFields(line, { delimiter, quote }));
  }
  const { hasEscapes } = format;
  const form = { delimiter, hasEscapes, nullAs: latin1Of(nullAs!) };
  return cutLines(bytes, hasEscapes ? escapedBreaks() : never, (line) => ({ fields: delimitedFields(line, form) }));
}

async function* cutLines(bytes: AsyncIterable<Buffer>, continuation: Continuation, cut: Cutter): AsyncGenerator<Cut> {
  for await (const line of linesOf(bytes, continuation, ROW_BYTES_MAX)) {
    if (line === undefined) {
      yield { raw: '', size: ROW_BYTES_MAX, fields: [], error: TOO_LONG };
      continue;
    }
    const { fields, error } = cut(line);
    // Only the beginning is shown, and only of bad rows: no need to make text of all of it.
    const raw = Buffer.from(line.slice(0, RAW_MAX), 'latin1').toString();
    yield { raw, size: line.length, fields: fields.map(text), error };
  }
}

async function* cutJson(bytes: AsyncIterable<Buffer>, { mapping, columns }: Reading): AsyncGenerator<Cut> {
  for await (const piece of jsonObjects(bytes, ROW_BYTES_MAX)) {
    const raw = textOf(piece);
    const size = piece.length;
    if (raw === undefined) yield { raw: piece, size, fields: [], error: NOT_UTF8 };
    else yield { raw, size, ...valuesOf(raw, columns, mapping!) };
  }
}

const NOT_UTF8 = 'It is not valid UTF-8.';
const TOO_LONG = `It is longer than ${ROW_BYTES_MAX} bytes.`;

/** What stands for a field that is not UTF-8 and has no text; no text has it in it, for half a character is none. */
const UNREADABLE = '\uD800';

const text = (field: string | null): string | null => (field === null ? null : (textOf(field) ?? UNREADABLE));

const latin1Of = (utf8: string): string => Buffer.from(utf8).toString('latin1');

/** The text whose UTF-8 bytes stand in `latin1`; undefined when they are not UTF-8. */
function textOf(latin1: string): string | undefined {
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

function contentOf(fields: readonly (string | null)[], { columns, options }: Reading): Row['content'] {
  if (fields.length > columns.length) return { error: `It has ${fields.length} fields for ${columns.length} columns.` };
  if (fields.length < columns.length) return { error: `It has only ${fields.length} of ${columns.length} fields.` };
  if (fields.includes(UNREADABLE)) return { error: NOT_UTF8 };
  if (fields.some((field) => field?.includes('\0'))) return { error: 'It contains a NUL character.' };
  return { values: fields.map((field, index) => fieldValue(field, columns[index]!, options)) };
}

function fieldValue(field: string | null, { isText, maxLength }: Column, options: CopyOptions): string | null {
  // Text with delimiters has looked for its null before it resolved escapes.
  if (field === null || (options.format.kind !== 'delimited' && field === options.nullAs)) return null;
  if (field === '' && !isText) return null;
  if (!options.truncatesColumns || maxLength === null || field.length <= maxLength) return field;
  return [...field].slice(0, maxLength).join('');
}
