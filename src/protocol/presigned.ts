/**
 * Presigned requests: the signature stands in the query string, and so do the members of the input as boto's
 * generate_presigned_url writes them, each top-level member as text. Such a request may come without a body.
 */
import type { AnyShape, ScalarShape, Shape, StructureShape } from './shape.ts';

type QueryValue = string | number | readonly (string | number)[];

/** The input in the query string of `url` (path and query) as a JSON body would have it; undefined when it is not presigned. */
export function presignedInput<T>(shape: Shape<T>, url: string): Record<string, QueryValue> | undefined {
  const start = url.indexOf('?');
  if (start < 0) return undefined;
  const query = new URLSearchParams(url.slice(start));
  if (!query.has('X-Amz-Algorithm') || !query.has('X-Amz-Signature')) return undefined;
  const input: Record<string, QueryValue> = {};
  for (const { name, shape: member } of (shape as StructureShape).members) {
    const texts = query.getAll(name);
    if (texts.length > 0) input[name] = inputValue(member, texts);
  }
  return input;
}

/** What text cannot stand for, such as a map, is left as text: decoding then refuses it like any value of a wrong type. */
function inputValue(shape: AnyShape, texts: readonly string[]): QueryValue {
  if (shape.kind === 'list') return texts.map((text) => scalarOf(shape.member, text));
  return scalarOf(shape, texts[0]!);
}

function scalarOf({ kind }: AnyShape | ScalarShape, text: string): string | number {
  const isNumber = kind === 'integer' || kind === 'number' || kind === 'timestamp';
  return isNumber && /^-?\d{1,20}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
}
