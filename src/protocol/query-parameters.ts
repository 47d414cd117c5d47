/**
 * The parameters of AWS Query: an input made flat, as in `MetricData.member.1.Dimensions.member.2.Name=a`. Elements of
 * lists stand behind `member` and their number, entries of maps behind `entry`, their number and `key` or `value`.
 */
import { decodeBase64 } from './base64.ts';
import { decodeInput, type ScalarForms, type WireInput } from './decode.ts';
import { serializationException } from './error.ts';
import type { AnyShape, ScalarShape, Shape } from './shape.ts';

/** A thousand metrics with all their dimensions are fewer. */
const PARAMETERS_MAX = 65_536;

/**
 * The parameters that `text` holds, a form or a query string.
 * @throws ApiError SerializationException when there are too many
 */
export function parametersOf(text: string): URLSearchParams {
  let count = 0;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) count += 1;
  if (count >= PARAMETERS_MAX) throw serializationException(`A request may have ${PARAMETERS_MAX} parameters.`);
  return new URLSearchParams(text);
}

/**
 * The input of `shape` that `parameters` make. Those that belong to no member are dropped, like unknown members.
 * @throws ApiError SerializationException when a member has the wrong type
 */
export function decodeParameters<T>(shape: Shape<T>, parameters: URLSearchParams): T {
  const root: Node = { text: undefined, parts: undefined };
  for (const [name, text] of parameters) place(shape, root, name.split('.', STEPS_MAX), 0, text);
  return decodeInput(shape, inputOf(shape, root), FORMS);
}

/** More than any member is deep: what follows is not looked at. */
const STEPS_MAX = 16;

/** A part of the input: a text, or parts by their names, numbers or the word key or value. */
interface Node {
  text: string | undefined;
  parts: Map<string | number, Node> | undefined;
}

/** Puts `text` where `path` leads from its step `at` on, along `shape`: no more is made than there are members for. */
function place(shape: AnyShape, node: Node, path: readonly string[], at: number, text: string): void {
  if (at === path.length) {
    node.text = text;
    return;
  }
  const step = path[at]!;
  switch (shape.kind) {
    case 'structure': {
      const member = shape.members.find(({ name }) => name === step);
      if (member !== undefined) place(member.shape, partOf(node, step), path, at + 1, text);
      return;
    }
    case 'list': {
      const number = numberOf(path[at + 1]);
      if (step === 'member' && number !== undefined) place(shape.member, partOf(node, number), path, at + 2, text);
      return;
    }
    case 'map': {
      const [number, word] = [numberOf(path[at + 1]), path[at + 2]];
      if (step !== 'entry' || number === undefined || (word !== 'key' && word !== 'value')) return;
      place(shape[word], partOf(partOf(node, number), word), path, at + 3, text);
    }
  }
}

const numberOf = (step = '') => (/^\d{1,9}$/.test(step) ? Number(step) : undefined);

function partOf(node: Node, name: string | number): Node {
  node.parts ??= new Map();
  const known = node.parts.get(name);
  if (known !== undefined) return known;
  const part: Node = { text: undefined, parts: undefined };
  node.parts.set(name, part);
  return part;
}

/** What a codec of structured values would have parsed. */
function inputOf(shape: AnyShape, node: Node): WireInput {
  switch (shape.kind) {
    case 'structure': {
      const input: Record<string, WireInput> = {};
      for (const { name, shape: member } of shape.members) {
        const part = node.parts?.get(name);
        if (part !== undefined) input[name] = inputOf(member, part);
      }
      return input;
    }
    case 'list':
      // An empty list is written as an empty text.
      return inOrder(node).map((part) => inputOf(shape.member, part));
    case 'map':
      return Object.fromEntries(
        inOrder(node).map(({ parts }) => [parts?.get('key')?.text ?? '', parts?.get('value')?.text ?? null]),
      );
    default:
      return scalarOf(shape, node.text);
  }
}

/** The parts of a list or map, which are numbered. */
const inOrder = ({ parts }: Node): Node[] =>
  [...(parts ?? [])].sort(([one], [other]) => Number(one) - Number(other)).map(([, part]) => part);

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
