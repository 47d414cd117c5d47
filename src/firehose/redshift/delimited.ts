/** Text with delimiters, as COPY reads it unless it is told otherwise. All texts here are bytes as Latin-1. Pure. */

/** The lines of `bytes` without their ends. With escapes, a backslash before the end of a line belongs to the line. */
export async function* delimitedLines(bytes: AsyncIterable<Buffer>, hasEscapes: boolean): AsyncGenerator<string> {
  // The beginning of a line, in pieces: joined only once, however many chunks the line goes through.
  let pieces: string[] = [];
  const joinedWith = (end: string) => {
    const line = pieces.length === 0 ? end : [...pieces, end].join('');
    pieces = [];
    return line;
  };
  for await (const chunk of bytes) {
    const text = chunk.toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const line = joinedWith(text.slice(from, end));
      from = end + 1;
      if (hasEscapes && endsEscaped(line)) pieces.push(`${line}\n`);
      else yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
    if (from < text.length) pieces.push(text.slice(from));
  }
  const last = joinedWith('');
  if (last !== '') yield last;
}

/** Whether an odd number of backslashes ends `line`: the last one escapes what follows. */
const endsEscaped = (line: string): boolean => (/\\*$/.exec(line)![0].length & 1) === 1;

interface Form {
  readonly delimiter: string;
  readonly hasEscapes: boolean;
  readonly nullAs: string;
}

/** The fields of a line. A field that is `nullAs`, as it stands there, is null. */
export function fieldsOf(line: string, { delimiter, hasEscapes, nullAs }: Form): (string | null)[] {
  const fields = hasEscapes ? splitEscaped(line, delimiter) : line.split(delimiter);
  return fields.map((field) => {
    if (field === nullAs) return null;
    return hasEscapes ? field.replaceAll(/\\([\s\S])/g, '$1') : field;
  });
}

/** The parts of `line` between delimiters that no backslash precedes, with their backslashes. */
function splitEscaped(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let start = 0;
  let at = 0;
  while (at < line.length) {
    if (line[at] === '\\') {
      at += 2;
    } else if (line.startsWith(delimiter, at)) {
      fields.push(line.slice(start, at));
      at += delimiter.length;
      start = at;
    } else {
      at += 1;
    }
  }
  return [...fields, line.slice(start)];
}
