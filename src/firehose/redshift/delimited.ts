/** Lines of text with delimiters, as COPY reads them unless it is told otherwise. Texts are bytes as Latin-1. Pure. */

interface Form {
  readonly delimiter: string;
  readonly hasEscapes: boolean;
  readonly nullAs: string;
}

/** The fields of a line. A field that is `nullAs`, as it stands there, is null. */
export function delimitedFields(line: string, { delimiter, hasEscapes, nullAs }: Form): (string | null)[] {
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
