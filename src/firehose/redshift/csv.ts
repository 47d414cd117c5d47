/** Lines of CSV, as COPY reads them. Texts are bytes as Latin-1. Pure. */

interface Form {
  readonly delimiter: string;
  readonly quote: string;
}

/** The fields of a line, or what is wrong with it. */
export function csvFields(line: string, { delimiter, quote }: Form): { fields: string[]; error?: string } {
  const fields: string[] = [];
  const doubled = quote + quote;
  let at = 0;
  for (;;) {
    let field: string;
    if (line.startsWith(quote, at)) {
      const end = closingQuote(line, at + 1, quote);
      if (end < 0) return bad(`the quote of field ${fields.length + 1} is never closed`);
      field = line.slice(at + 1, end).replaceAll(doubled, quote);
      at = end + 1;
      if (at < line.length && !line.startsWith(delimiter, at)) {
        return bad(`field ${fields.length + 1} goes on behind its closing quote`);
      }
    } else {
      const end = line.indexOf(delimiter, at);
      field = line.slice(at, end < 0 ? line.length : end);
      at += field.length;
      if (field.includes(quote)) return bad(`field ${fields.length + 1} has a quote in it, but none around it`);
    }
    fields.push(field);
    if (at >= line.length) return { fields };
    at += delimiter.length;
  }
}

const bad = (what: string) => ({ fields: [], error: `It is not CSV: ${what}.` });

/** Where the quote stands that is not one of two in a row; -1 when there is none. */
function closingQuote(line: string, from: number, quote: string): number {
  let at = line.indexOf(quote, from);
  while (at >= 0 && line[at + 1] === quote) at = line.indexOf(quote, at + 2);
  return at;
}
