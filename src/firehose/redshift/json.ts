/** JSON as COPY reads it: objects one after the other, whatever stands between them is blank. Pure. */
import { isLosslessNumber, parse, stringify } from 'lossless-json';
import type { Column } from './rows.ts';

/**
 * The objects in `bytes`, each as text that begins and ends with a brace; what stands between two and is not blank comes
 * as a piece of its own, up to the end of its line. Texts are bytes as Latin-1.
 */
export async function* jsonObjects(bytes: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let open = '';
  const scan = { depth: 0, isInText: false, isEscaped: false };
  for await (const chunk of bytes) {
    const text = chunk.toString('latin1');
    let start = 0;
    for (let at = 0; at < text.length; at += 1) {
      const isInside = open !== '' || start < at;
      if (!isInside && /\s/.test(text[at]!)) {
        start = at + 1;
        continue;
      }
      // What does not begin with a brace is no object and ends with its line, or where an object begins.
      const isObject = (open === '' ? text[start] : open[0]) === '{';
      if (!isObject) {
        if (text[at] !== '\n' && !(isInside && text[at] === '{')) continue;
        yield open + text.slice(start, at);
        open = '';
        start = at;
        at -= 1;
        continue;
      }
      if (!endsObject(scan, text[at]!)) continue;
      yield open + text.slice(start, at + 1);
      open = '';
      start = at + 1;
    }
    open += text.slice(start);
    if (open.length > maxBytes) throw new Error(`A JSON object is longer than ${maxBytes} bytes, or is never closed.`);
  }
  if (open.trim() !== '') yield open;
}

interface Scan {
  depth: number;
  isInText: boolean;
  isEscaped: boolean;
}

/** Goes on by one character. Whether it is the brace that closes the object. */
function endsObject(scan: Scan, character: string): boolean {
  if (scan.isInText) {
    if (scan.isEscaped) scan.isEscaped = false;
    else if (character === '\\') scan.isEscaped = true;
    else if (character === '"') scan.isInText = false;
    return false;
  }
  if (character === '"') scan.isInText = true;
  else if (character === '{') scan.depth += 1;
  else if (character === '}') scan.depth -= 1;
  return character === '}' && scan.depth === 0;
}

/** Where in an object the value of each column stands. */
export type JsonMapping =
  /** Under the column's name. */
  | { readonly ignoresCase: boolean }
  /** One path for each column, outermost step first. */
  | { readonly paths: readonly (readonly (string | number)[])[] };

/** The values of an object's columns, as texts; or what is wrong with it. A value that is not there is null. */
export function valuesOf(
  text: string,
  columns: readonly Column[],
  mapping: JsonMapping,
): { fields: (string | null)[]; error?: string } {
  let object: unknown;
  try {
    // Numbers keep all their digits. Of names that occur twice the last counts, as everywhere else.
    object = parse(text, null, { onDuplicateKey: ({ newValue }) => newValue });
  } catch (error) {
    return { fields: [], error: `It is not JSON: ${(error as Error).message}.` };
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    return { fields: [], error: 'It is not a JSON object.' };
  }
  try {
    return { fields: found(object, columns, mapping).map(fieldOf) };
  } catch {
    // What can still be read may be nested too deeply to be written.
    return { fields: [], error: 'It is nested too deeply.' };
  }
}

function found(object: object, columns: readonly Column[], mapping: JsonMapping): unknown[] {
  if ('paths' in mapping) return mapping.paths.map((path) => valueAt(object, path));
  const find = mapping.ignoresCase ? caselessly(object) : (name: string) => valueAt(object, [name]);
  return columns.map(({ name }) => find(name));
}

function caselessly(object: object): (name: string) => unknown {
  const byName = new Map(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => byName.get(name.toLowerCase());
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** Structures go into their column as JSON. */
function fieldOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return isLosslessNumber(value) ? value.value : stringify(value)!;
}

/**
 * The paths of a JSONPaths file: `{"jsonpaths": ["$.a.b", "$['c'][0]"]}`.
 * @throws Error with one sentence when it is none, or does not have `count` paths.
 */
export function parseJsonPaths(text: string, count: number): (string | number)[][] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('The JSONPaths file is not JSON.');
  }
  const paths = (file as { jsonpaths?: unknown } | null)?.jsonpaths;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string')) {
    throw new Error('The JSONPaths file has no array jsonpaths of texts.');
  }
  if (paths.length !== count) throw new Error(`The JSONPaths file has ${paths.length} paths for ${count} columns.`);
  return paths.map(parsePath);
}

const STEP = /\.([^.[\]'"\s]+)|\[\s*(?:'([^']*)'|"([^"]*)"|(\d{1,9}))\s*\]/y;

function parsePath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  let at = path.startsWith('$') ? 1 : path.length + 1;
  while (at < path.length) {
    STEP.lastIndex = at;
    const match = STEP.exec(path);
    if (match === null) break;
    const [whole, name, single, double, index] = match;
    steps.push(index === undefined ? (name ?? single ?? double)! : Number(index));
    at += whole.length;
  }
  if (at !== path.length || steps.length === 0) throw new Error(`The JSONPaths file has a path that is none: ${path}.`);
  return steps;
}
