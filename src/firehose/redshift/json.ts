/** JSON as COPY reads it: objects one after the other, whatever stands between them is blank. Pure. */
import { isLosslessNumber, parse, stringify } from 'lossless-json';
import type { Column } from './rows.ts';

/**
 * The objects and arrays in `bytes`, each as text that begins and ends with its bracket; what stands between two and is
 * not blank comes as a piece of its own, up to the end of its line. Texts are bytes as Latin-1.
 * @throws Error when one is longer than `maxBytes`
 */
export async function* jsonObjects(bytes: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  // What began in earlier chunks, joined once, and whether it began with a bracket.
  let pieces: string[] = [];
  let size = 0;
  let isBracketed = false;
  const scan: Scan = { depth: 0, isInText: false, isEscaped: false };
  const finish = (end: string): string => {
    const whole = pieces.length === 0 ? end : [...pieces, end].join('');
    pieces = [];
    size = 0;
    return whole;
  };
  for await (const chunk of bytes) {
    const text = chunk.toString('latin1');
    let start = 0;
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at]!;
      if (pieces.length === 0 && start === at) {
        if (/\s/.test(character)) {
          start = at + 1;
          continue;
        }
        isBracketed = opens(character);
      }
      if (isBracketed) {
        if (!closesAll(scan, character)) continue;
        yield finish(text.slice(start, at + 1));
        start = at + 1;
      } else if (character === '\n' || opens(character)) {
        yield finish(text.slice(start, at));
        start = at;
        at -= 1;
      }
    }
    if (start === text.length) continue;
    pieces.push(text.slice(start));
    size += text.length - start;
    if (size > maxBytes) throw new Error(`A JSON object is longer than ${maxBytes} bytes, or is never closed.`);
  }
  const last = finish('');
  if (last !== '') yield last;
}

const opens = (character: string): boolean => character === '{' || character === '[';

interface Scan {
  depth: number;
  isInText: boolean;
  isEscaped: boolean;
}

/** Goes on by one character. Whether it is the bracket that closes what the first one opened. */
function closesAll(scan: Scan, character: string): boolean {
  if (scan.isInText) {
    if (scan.isEscaped) scan.isEscaped = false;
    else if (character === '\\') scan.isEscaped = true;
    else if (character === '"') scan.isInText = false;
    return false;
  }
  if (character === '"') scan.isInText = true;
  else if (opens(character)) scan.depth += 1;
  else if (character === '}' || character === ']') scan.depth -= 1;
  else return false;
  return scan.depth === 0 && !scan.isInText;
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
  if (!isStructure(object)) return { fields: [], error: 'It is not a JSON object.' };
  // Only paths lead into an array.
  if (Array.isArray(object) && !('paths' in mapping))
    return { fields: [], error: 'It is an array and no JSON object.' };
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

/** Numbers are objects here, which keep their digits. */
const isStructure = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !isLosslessNumber(value);

function caselessly(object: object): (name: string) => unknown {
  const byName = new Map(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => byName.get(name.toLowerCase());
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    // A number stands for a place in an array, a name for a member of an object.
    if (!isStructure(at) || Array.isArray(at) !== (typeof step === 'number') || !Object.hasOwn(at, step))
      return undefined;
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

const STEP = /\.([^.[\]'"\s*]+)|\[\s*(?:'([^']*)'|"([^"]*)"|(\d{1,9}))\s*\]/y;

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
