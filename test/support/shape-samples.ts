/** Inputs made from declared shapes: good ones, good ones at the very edge of a rule, and bad ones that break one rule. */
import type { AnyShape, ListShape, MapShape, ScalarShape, StructureShape } from '../../src/protocol/shape.ts';
import type { Quotas } from '../../src/quotas.ts';

export interface Sample {
  /** What it is, for test messages: `records.1.member.partitionKey of 257 characters`. */
  readonly title: string;
  readonly input: unknown;
}

export interface BadSample extends Sample {
  /** What the validation message must contain. */
  readonly item: string;
}

/** For each pattern of the API model one of these is a good value. */
const TEXTS = [
  'a',
  '1',
  'arn:aws:kinesis:us-east-1:000000000000:stream/a',
  'arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:1',
  'abcdefghijklmnopqrst-abc',
];

/** A value that satisfies every rule of `shape`; of structures only the required members are present. */
export function goodValue(shape: AnyShape): unknown {
  switch (shape.kind) {
    case 'structure': {
      const required = shape.members.filter((member) => member.required);
      return Object.fromEntries(required.map(({ name, shape: member }) => [name, goodValue(member)]));
    }
    case 'list':
      return Array.from({ length: shape.rules.min ?? 1 }, () => goodValue(shape.member));
    case 'map':
      return mapOf(shape, shape.rules.min ?? 1);
    case 'boolean':
      return true;
    case 'blob':
      return Buffer.alloc(shape.rules.min ?? 0);
    case 'string':
      return goodText(shape);
    default:
      return shape.rules.min ?? 1;
  }
}

function goodText({ rules, regex }: ScalarShape): string {
  if (rules.enum) return rules.enum[0]!;
  const text = TEXTS.find((candidate) => regex?.test(candidate) ?? true);
  if (text === undefined) throw new Error(`Add a good value for the pattern ${rules.pattern} to shape-samples.ts.`);
  return text;
}

const mapOf = ({ key, value }: MapShape, size: number) =>
  new Map(Array.from({ length: size }, (_, index) => [`${goodText(key)}${index}`, goodValue(value)]));

/** `text` made `length` long by repeating its last character. */
const stretched = (text: string, length: number) => text.slice(0, length).padEnd(length, text.at(-1)!);

/** Puts a value into a whole input in which everything else is good. */
type Embed = (value: unknown) => unknown;

interface Place {
  readonly path: string;
  readonly embed: Embed;
  readonly quotas: Quotas;
}

const failing = (path: string, constraint: string) => `at '${path}' failed to satisfy constraint: ${constraint}`;

/** Inputs of `shape` that break one rule each: one for every rule of every member, however deep. */
export const badSamples = (shape: StructureShape, quotas: Quotas): BadSample[] =>
  badStructure(shape, '', { path: '', embed: (value) => value, quotas });

function badStructure(shape: StructureShape, prefix: string, { embed, quotas }: Place): BadSample[] {
  const good = goodValue(shape) as Record<string, unknown>;
  return shape.members.flatMap((member) => {
    const path = prefix + member.pathName;
    const { [member.name]: _left, ...rest } = good;
    const missing = { title: `${path} missing`, input: embed(rest), item: failing(path, 'Member must not be null') };
    const place = { path, embed: (value: unknown) => embed({ ...good, [member.name]: value }), quotas };
    const isRequired = member.required === true || member.required === quotas.profile;
    return [...(isRequired ? [missing] : []), ...badMembers(member.shape, place)];
  });
}

function badMembers(shape: AnyShape, place: Place): BadSample[] {
  switch (shape.kind) {
    case 'structure':
      return badStructure(shape, `${place.path}.`, place);
    case 'list':
      return [...badSizes(shape, place), ...badElements(shape, place)];
    case 'map':
      return [...badSizes(shape, place), ...badEntries(shape, place)];
    case 'integer':
      return badNumbers(shape, place);
    default:
      return [...badSizes(shape, place), ...badTexts(shape, place)];
  }
}

function badNumbers(shape: ScalarShape, { path, embed, quotas }: Place): BadSample[] {
  const { min } = shape.rules;
  const max = largest(shape, quotas);
  const bad = (value: number, constraint: string) => ({
    title: `${path} = ${value}`,
    input: embed(value),
    item: failing(path, constraint),
  });
  return [
    min === undefined ? [] : bad(min - 1, `Member must have value greater than or equal to ${min}`),
    max === undefined ? [] : bad(max + 1, `Member must have value less than or equal to ${max}`),
  ].flat();
}

type SizedShape = ScalarShape | ListShape | MapShape;

/** A value of `shape` with this length; undefined when its other rules allow none. */
function valueOfSize(shape: SizedShape, size: number): unknown {
  if (shape.kind === 'list') return Array.from({ length: size }, () => goodValue(shape.member));
  if (shape.kind === 'map') return mapOf(shape, size);
  if (shape.kind === 'blob') return Buffer.alloc(size);
  return stretched(goodText(shape), size);
}

function largest({ rules: { max, quota, maxLeftIn } }: SizedShape, quotas: Quotas): number | undefined {
  if (maxLeftIn === quotas.profile) return undefined;
  return quota === undefined ? max : Math.min(max ?? Number.POSITIVE_INFINITY, quotas[quota]);
}

const tooShort = (min: number) => `Member must have length greater than or equal to ${min}`;
const tooLong = (max: number) => `Member must have length less than or equal to ${max}`;

function badSizes(shape: SizedShape, { path, embed, quotas }: Place): BadSample[] {
  const bad = (size: number, constraint: string) => ({
    title: `${path} of length ${size}`,
    input: embed(valueOfSize(shape, size)),
    item: failing(path, constraint),
  });
  const { min = 0 } = shape.rules;
  const max = largest(shape, quotas);
  return [min === 0 ? [] : bad(min - 1, tooShort(min)), max === undefined ? [] : bad(max + 1, tooLong(max))].flat();
}

/** Breaks any enum or pattern, and is short enough for every length. */
const ODD_TEXT = '#';
const LONG = 100_000;

const isBroken = (text: string, { rules, regex }: ScalarShape) =>
  rules.enum?.includes(text) === false || regex?.test(text) === false;

function badTexts(shape: ScalarShape, { path, embed }: Place): BadSample[] {
  const { enum: values, pattern, max } = shape.rules;
  const bad = (text: string, constraint: string) => ({
    title: text === ODD_TEXT ? `${path} = ${text}` : `${path} = ${ODD_TEXT} ${text.length} times`,
    input: embed(text),
    item: failing(path, constraint),
  });
  // A long value fails its length, if it has one; only without one the pattern is all that keeps it out.
  const texts = max === undefined ? [ODD_TEXT, ODD_TEXT.repeat(LONG)] : [ODD_TEXT];
  return texts.flatMap((text) => [
    ...(values === undefined ? [] : [bad(text, `Member must satisfy enum value set: [${values.join(', ')}]`)]),
    ...(pattern === undefined ? [] : [bad(text, `Member must satisfy regular expression pattern: ${pattern}`)]),
  ]);
}

function badElements({ member, rules }: ListShape, { path, embed, quotas }: Place): BadSample[] {
  const good = Array.from({ length: Math.max(1, rules.min ?? 0) }, () => goodValue(member));
  const withFirst = (value: unknown) => embed([value, ...good.slice(1)]);
  const elementPath = `${path}.1.member`;
  const missing = {
    title: `${elementPath} null`,
    input: withFirst(undefined),
    item: failing(elementPath, 'Member must not be null'),
  };
  const rest =
    member.kind === 'structure' || member.kind === 'list' || member.kind === 'map'
      ? badMembers(member, { path: elementPath, embed: withFirst, quotas })
      : badTextsInside(member, 'element', (text) => withFirst(text), failing(path, 'Member must satisfy constraint: '));
  return [missing, ...rest];
}

function badEntries({ key, value }: MapShape, { path, embed }: Place): BadSample[] {
  const goodKey = goodText(key);
  return [
    {
      title: `${path}.${goodKey} null`,
      input: embed(new Map([[goodKey, undefined]])),
      item: failing(`${path}.${goodKey}.member`, 'Member must not be null'),
    },
    ...badTextsInside(
      key,
      'key',
      (text) => embed(new Map([[text, goodValue(value)]])),
      failing(path, 'Map keys must satisfy constraint: '),
    ),
    ...badTextsInside(
      value,
      'value',
      (text) => embed(new Map([[goodKey, text]])),
      failing(path, 'Map value must satisfy constraint: '),
    ),
  ];
}

/** Texts that break one rule of an element, key or value: AWS then names all of its rules at once, most first. */
function badTextsInside(shape: ScalarShape, part: string, embed: (text: string) => unknown, item: string): BadSample[] {
  const { min, max, enum: values, pattern } = shape.rules;
  const all = [
    max === undefined ? [] : tooLong(max),
    min === undefined ? [] : tooShort(min),
    values === undefined ? [] : `Member must satisfy enum value set: [${values.join(', ')}]`,
    pattern === undefined ? [] : `Member must satisfy regular expression pattern: ${pattern}`,
  ].flat();
  const texts = [
    min === undefined || min === 0 ? [] : stretched(goodText(shape), min - 1),
    max === undefined ? [] : stretched(goodText(shape), max + 1),
    isBroken(ODD_TEXT, shape) ? ODD_TEXT : [],
  ].flat();
  return texts.map((text) => ({
    title: `${part} of length ${text.length}`,
    input: embed(text),
    item: `${item}[${all.join(', ')}]`,
  }));
}

/** Inputs of `shape` that lie exactly on a limit, for every limit of every member, however deep. */
export const edgeSamples = (shape: StructureShape, quotas: Quotas): Sample[] =>
  edges(shape, { path: 'input', embed: (value) => value, quotas });

function edges(shape: AnyShape, place: Place): Sample[] {
  const { path, embed, quotas } = place;
  switch (shape.kind) {
    case 'structure': {
      const good = goodValue(shape) as Record<string, unknown>;
      return shape.members.flatMap(({ name, shape: member }) =>
        edges(member, { path: `${path}.${name}`, embed: (value) => embed({ ...good, [name]: value }), quotas }),
      );
    }
    case 'list':
      return [
        ...edgesOfSize(shape, place),
        ...edges(shape.member, { path: `${path}.1`, embed: (value) => embed([value]), quotas }),
      ];
    case 'map':
      return [
        ...edgesOfSize(shape, place),
        ...edges(shape.value, { path: `${path}.a`, embed: (value) => embed(new Map([['a', value]])), quotas }),
      ];
    case 'integer':
      return [shape.rules.min, largest(shape, quotas)]
        .filter((limit) => limit !== undefined)
        .map((limit) => ({ title: `${path} = ${limit}`, input: embed(limit) }));
    default:
      return edgesOfSize(shape, place);
  }
}

function edgesOfSize(shape: SizedShape, { path, embed, quotas }: Place): Sample[] {
  return [shape.rules.min, largest(shape, quotas)].flatMap((size) => {
    if (size === undefined) return [];
    const value = valueOfSize(shape, size);
    if (typeof value === 'string' && isBroken(value, shape as ScalarShape)) return [];
    return [{ title: `${path} of length ${size}`, input: embed(value) }];
  });
}
