/**
 * Limits on values, checked before JSON.parse: a few megabytes of `[` would cost it hundreds of milliseconds and megabytes,
 * many megabytes of `[],` seconds.
 */

/** Levels of lists and structures that a body may have, in any encoding. No shape has more than a handful. */
export const NESTING_MAX = 64;

/** Values that a body may have, whatever they are. 500 records are a few thousand. */
export const ITEMS_MAX = 131_072;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** One of them stands before every value but the first. */
const BEFORE_VALUES = [...OPENING, COMMA];

/**
 * Whether the JSON text `body` has no value that is nested deeper than 64 levels, and not too many values. Strings are
 * skipped, not read.
 */
export function isWithinLimits(body: Buffer): boolean {
  return hasFewValues(body) || hasAllowedValues(body);
}

/** The common case, decided by a few searches that run at memory speed: fewer values than levels allowed. */
function hasFewValues(body: Buffer): boolean {
  let count = 0;
  for (const byte of BEFORE_VALUES) {
    for (let at = body.indexOf(byte); at !== -1; at = body.indexOf(byte, at + 1)) {
      count += 1;
      if (count > NESTING_MAX) return false;
    }
  }
  return true;
}

function hasAllowedValues(body: Buffer): boolean {
  let depth = 0;
  let count = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]!;
    if (byte === QUOTE) {
      at = endOfString(body, at);
    } else if (OPENING.has(byte)) {
      depth += 1;
      count += 1;
      if (depth > NESTING_MAX || count > ITEMS_MAX) return false;
    } else if (CLOSING.has(byte)) {
      depth -= 1;
    } else if (byte === COMMA) {
      count += 1;
      if (count > ITEMS_MAX) return false;
    }
  }
  return true;
}

/** The index of the quote that ends the string whose opening quote is at `start`, or the end of the body. */
function endOfString(body: Buffer, start: number): number {
  for (let at = body.indexOf(QUOTE, start + 1); at !== -1; at = body.indexOf(QUOTE, at + 1)) {
    let backslashes = 0;
    while (body[at - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return body.length;
}
