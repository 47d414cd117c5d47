/**
 * The parameters of AWS Query: an input made flat, as in `MetricData.member.1.Dimensions.member.2.Name=a`. Elements of
 * lists stand behind `member` and their number, entries of maps behind `entry`, their number and `key` or `value`.
 */
import { decodeBase64 } from './base64.ts';
import { decodeInput, type ScalarForms, type WireInput } from './decode.ts';
import { serializationException } from './error.ts';
import type { AnyShape, ScalarShape, Shape } from './shape.ts';
import { ITEMS_MAX } from './value-limits.ts';

/**
 * The parameters that `text` holds, a form or a query string.
 * @throws ApiError SerializationException when there are too many
 */
export function parametersOf(text: string): URLSearchParams {
  let count = 0;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) count += 1;
  if (count >= ITEMS_MAX) throw serializationException(`A request may have ${ITEMS_MAX} parameters.`);
  return new URLSearchParams(text);
}

/**
 * The input of `shape` that `parameters` make. Those that belong to no member are dropped, like unknown members.
 * @throws ApiError SerializationException when a member has the wrong type
 */
export function decodeParameters<T>(shape: Shape<T>, parameters: URLSearchParams): T {
  const root: Node = { text: undefined, parts: new Map() };
  for (const [name, text] of parameters) place(shape, root, name.split('.', SEGMENTS_MAX), text);
  return decodeInput(shape, inputOf(shape, root), FORMS);
}

/** More than any member is deep: what follows is not looked at. */
const SEGMENTS_MAX = 64;

/** A part of the input: a text, or parts by their names, numbers or the word key or value. */
interface Node {
  text: string | undefined;
  readonly parts: Map<string, Node>;
}

/** Puts `text` where `path` leads below `node`, along `shape`: so no more is made than there are members for. */
function place(shape: AnyShape, node: Node, path: readonly string[], text: string): void {
  const [step, number = '', word = '', ...rest] = path;
  if (step === undefined) {
    node.text = text;
    return;
  }
  switch (shape.kind) {
    case 'structure': {
      const member = shape.members.find(({ name }) => name === step);
      if (member !== undefined) place(member.shape, partOf(node, step), path.slice(1), text);
      return;
    }
    case 'list':
      if (step === 'member' && NUMBER.test(number)) place(shape.member, partOf(node, number), path.slice(2), text);
      return;
    case 'map':
      if (step !== 'entry' || !NUMBER.test(number) || (word !== 'key' && word !== 'value')) return;
      place(shape[word], partOf(partOf(node, number), word), rest, text);
  }
}

const NUMBER = /^\d{1,9}$/;

function partOf({ parts }: Node, name: string): Node {
  const known = parts.get(name);
  if (known !== undefined) return known;
  const part: Node = { text: undefined, parts: new Map() };
  parts.set(name, part);
  return part;
}

/** What a codec of structured values would have parsed. */
function inputOf(shape: AnyShape, node: Node): WireInput {
  switch (shape.kind) {
    case 'structure':
      return Object.fromEntries(
        shape.members.flatMap(({ name, shape: member }) => {
          const part = node.parts.get(name);
          return part === undefined ? [] : [[name, inputOf(member, part)]];
        }),
      );
    case 'list':
      // An empty list is written as an empty text.
      return inOrder(node).map((part) => inputOf(shape.member, part));
    case 'map':
      return Object.fromEntries(
        inOrder(node).map(({ parts }) => [parts.get('key')?.text ?? '', parts.get('value')?.text ?? null]),
      );
    default:
      return scalarOf(shape, node.text);
  }
}

const inOrder = ({ parts }: Node): Node[] =>
  [...parts].sort(([one], [other]) => Number(one) - Number(other)).map(([, part]) => part);

/** As SDKs write floating-point numbers, and those that are none in JSON. */
const DECIMAL = /^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|NaN|-?Infinity)$/;

/** What is no number stays text: decoding then refuses it like any value of a wrong type. */
function scalarOf({ kind }: ScalarShape, text: string | undefined): WireInput {
  const isNumber = kind === 'integer' || kind === 'number';
  return isNumber && text !== undefined && DECIMAL.test(text) ? Number(text) : text;
}

/** Without a zone a time is UTC. */
const ISO_8601 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[-+]\d\d:?\d\d)?$/;

const FORMS: ScalarForms = {
  blob: (value) => (typeof value === 'string' ? decodeBase64(value) : undefined),
  timestampMs: (value) => {
    const parts = typeof value === 'string' ? ISO_8601.exec(value) : null;
    if (parts === null) return undefined;
    const ms = Date.parse(`${parts[1]}${parts[2] ?? 'Z'}`);
    return Number.isNaN(ms) ? undefined : ms;
  },
};
