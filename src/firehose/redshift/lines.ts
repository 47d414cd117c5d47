/** Bytes cut into lines, some of which go on behind their end. Texts are bytes as Latin-1. Pure. */

/** Decides whether a line goes on behind a line break. It is told the parts of the line as they come. */
export interface Continuation {
  take(part: string): void;
  /** Asked at each line break, after the part before it was told. */
  goesOn(): boolean;
  /** A new line begins. */
  reset(): void;
}

/** Lines end where they end. */
export const never: Continuation = { take() {}, goesOn: () => false, reset() {} };

/** A backslash before a line break makes it a part of the line, unless the backslash is escaped itself. */
export function escapedBreaks(): Continuation {
  let isEscaped = false;
  return {
    take(part) {
      let backslashes = 0;
      while (backslashes < part.length && part[part.length - 1 - backslashes] === '\\') backslashes += 1;
      const isOdd = backslashes % 2 === 1;
      // A part of nothing but backslashes goes on with those before it.
      isEscaped = backslashes === part.length ? isEscaped !== isOdd : isOdd;
    },
    goesOn() {
      const answer = isEscaped;
      isEscaped = false;
      return answer;
    },
    reset() {
      isEscaped = false;
    },
  };
}

/** A line break between quotes is a part of the line. A doubled quote counts twice and changes nothing. */
export function quotedBreaks(quote: string): Continuation {
  let isInside = false;
  return {
    take(part) {
      for (let at = part.indexOf(quote); at >= 0; at = part.indexOf(quote, at + 1)) isInside = !isInside;
    },
    goesOn: () => isInside,
    reset() {
      isInside = false;
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
    return line?.endsWith('\r') ? line.slice(0, -1) : line;
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
