/**
 * Large bodies of plain JSON, read from their bytes. `JSON.parse` needs all of a body as one text first, which takes
 * longer than parsing it and leaves a text as long as the body to be collected. Bodies of many records are nothing but
 * structures, lists and printable ASCII strings without escapes; whatever else turns up, a mistake included, is left to
 * `JSON.parse`.
 */
import { isAscii } from 'node:buffer';

/** Shorter bodies are read as fast by `JSON.parse`. */
const LARGE_BYTES = 256 * 1024;

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LIST = { start: 0x5b, end: 0x5d } as const;
const STRUCTURE = { start: 0x7b, end: 0x7d } as const;

/** Most strings that are not data are shorter: their end is found before a search has begun. */
const NEAR_BYTES = 40;

type Plain = string | Plain[] | { [name: string]: Plain };

/** What `JSON.parse` would make of a large plain `body`; undefined for every other body. Nesting must be limited already. */
export function readPlainJson(body: Buffer): Plain | undefined {
  if (body.length < LARGE_BYTES || !isPlain(body)) return undefined;
  const reader = new Reader(body);
  const value = reader.value();
  return reader.isAtEnd ? value : undefined;
}

function isPlain(body: Buffer): boolean {
  return isAscii(body) && !body.includes(BACKSLASH) && !hasControlCharacter(body);
}

/** Four bytes at a time: a word of ASCII has a byte below 0x20 if taking 0x20 from each of them borrows. */
function hasControlCharacter(body: Buffer): boolean {
  const start = Math.min(body.length, -body.byteOffset & 3);
  const words = new Int32Array(body.buffer, body.byteOffset + start, (body.length - start) >>> 2);
  for (let index = 0; index < words.length; index += 1) {
    if (((words[index]! - 0x20202020) & 0x80808080) !== 0) return true;
  }
  const end = start + 4 * words.length;
  const isControl = (byte: number) => byte < SPACE;
  return body.subarray(0, start).some(isControl) || body.subarray(end).some(isControl);
}

/** Returns undefined as soon as something is not plain. */
class Reader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get isAtEnd(): boolean {
    this.#skipSpaces();
    return this.#at === this.#body.length;
  }

  value(): Plain | undefined {
    this.#skipSpaces();
    switch (this.#body[this.#at]) {
      case QUOTE:
        return this.#string();
      case STRUCTURE.start:
        return this.#structure();
      case LIST.start:
        return this.#list();
      default:
        return undefined;
    }
  }

  #structure(): Plain | undefined {
    const structure: { [name: string]: Plain } = {};
    this.#at += 1;
    if (this.#takes(STRUCTURE.end)) return structure;
    do {
      this.#skipSpaces();
      const name = this.#body[this.#at] === QUOTE ? this.#string() : undefined;
      // An assignment would make another prototype of this one.
      if (name === undefined || name === '__proto__' || !this.#takes(COLON)) return undefined;
      const value = this.value();
      if (value === undefined) return undefined;
      structure[name] = value;
    } while (this.#takes(COMMA));
    return this.#takes(STRUCTURE.end) ? structure : undefined;
  }

  #list(): Plain | undefined {
    const list: Plain[] = [];
    this.#at += 1;
    if (this.#takes(LIST.end)) return list;
    do {
      const value = this.value();
      if (value === undefined) return undefined;
      list.push(value);
    } while (this.#takes(COMMA));
    return this.#takes(LIST.end) ? list : undefined;
  }

  #string(): string | undefined {
    const body = this.#body;
    const start = this.#at + 1;
    const near = Math.min(start + NEAR_BYTES, body.length);
    let end = start;
    while (end < near && body[end] !== QUOTE) end += 1;
    if (body[end] !== QUOTE) end = body.indexOf(QUOTE, end);
    if (end === -1) return undefined;
    this.#at = end + 1;
    return body.toString('latin1', start, end);
  }

  #takes(byte: number): boolean {
    this.#skipSpaces();
    if (this.#body[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #skipSpaces(): void {
    while (this.#body[this.#at] === SPACE) this.#at += 1;
  }
}
