/** Bytes cut into lines, some of which go on behind their end. Texts are bytes as Latin-1. Pure. */

/** Decides whether a line goes on behind a line break. It is told the parts of the line as they come. */
export interface Continuation {
  take(part: string): void;
  /** Asked at each line break, after the part before it was told. */
  goesOn(): boolean;
  /** Whether the carriage return at the end of a line belongs to the line, and not to its end. */
  keeps(line: string): boolean;
  /** A new line begins. */
  reset(): void;
}

/** Lines end where they end. */
export const never: Continuation = { take() {}, goesOn: () => false, keeps: () => false, reset() {} };

/** How many backslashes stand in a row before `end`. */
function backslashesBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && text[start - 1] === '\\') start -= 1;
  return end - start;
}

/** A backslash before a line break makes it a part of the line, unless the backslash is escaped itself. */
export function escapedBreaks(): Continuation {
  let isEscaped = false;
  return {
    take(part) {
      const backslashes = backslashesBefore(part, part.length);
      const isOdd = backslashes % 2 === 1;
      // A part of nothing but backslashes goes on with those before it.
      isEscaped = backslashes === part.length ? isEscaped !== isOdd : isOdd;
    },
    goesOn() {
      const answer = isEscaped;
      isEscaped = false;
      return answer;
    },
    keeps: (line) => backslashesBefore(line, line.length - 1) % 2 === 1,
    reset() {
      isEscaped = false;
    },
  };
}

/** A line break inside of a quoted field is a part of it. A quote opens a field only at its beginning. */
export function quotedBreaks(quote: string, delimiter: string): Continuation {
  let isInside = false;
  /** Of the line so far; where a quote closed a field; and as much of the line's end as a delimiter has. */
  let length = 0;
  let closedAt = -2;
  let tail = '';
  const follow = (part: string) => {
    length += part.length;
    tail = (tail + part).slice(-delimiter.length);
  };
  const isFieldStart = (part: string, at: number) =>
    length + at === 0 || (tail + part.slice(Math.max(0, at - delimiter.length), at)).endsWith(delimiter);
  return {
    take(part) {
      for (let at = part.indexOf(quote); at >= 0; at = part.indexOf(quote, at + 1)) {
        if (isInside) closedAt = length + at;
        // The second of two quotes takes the closing back.
        isInside = !isInside && (length + at === closedAt + 1 || isFieldStart(part, at));
      }
      follow(part);
    },
    goesOn() {
      if (isInside) follow('\n');
      return isInside;
    },
    keeps: () => false,
    reset() {
      isInside = false;
      length = 0;
      closedAt = -2;
      tail = '';
    },
  };
}

/**
 * The lines of `bytes` without their ends, `\n` or `\r\n`; undefined for each that is longer than `maxBytes`, of which no
 * more is kept.
 */
export async function* linesOf(
  bytes: AsyncIterable<Buffer>,
  continuation: Continuation,
  maxBytes: number,
): AsyncGenerator<string | undefined> {
  // In pieces, which are joined once, however many chunks or line breaks the line goes through.
  let pieces: string[] = [];
  let size = 0;
  const add = (piece: string) => {
    size += piece.length;
    if (size > maxBytes) pieces = [];
    else if (piece !== '') pieces.push(piece);
  };
  const finish = (): string | undefined => {
    const line = size > maxBytes ? undefined : pieces.length === 1 ? pieces[0]! : pieces.join('');
    pieces = [];
    size = 0;
    continuation.reset();
    return line?.endsWith('\r') && !continuation.keeps(line) ? line.slice(0, -1) : line;
  };
  for await (const chunk of bytes) {
    const text = chunk.toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const part = text.slice(from, end);
      from = end + 1;
      continuation.take(part);
      add(part);
      if (continuation.goesOn()) add('\n');
      else yield finish();
    }
    const rest = text.slice(from);
    continuation.take(rest);
    add(rest);
  }
  if (size > 0) yield finish();
}
