/**
 * Inputs made from declared shapes: good ones, good ones at the very edge of a rule, bad ones that break one rule, and
 * ones of a wrong type. All but the last, which exist in JSON only, are decoded values; `jsonOf` writes them as JSON.
 */
import type { AnyShape, ListShape, MapShape, Rules, ScalarShape, StructureShape } from '../../src/protocol/shape.ts';
import { type Quotas, quotasOf } from '../../src/quotas.ts';

export interface Sample {
  /** What it is, for test messages: `records.1.member.partitionKey of 257 characters`. */
  readonly title: string;
  readonly input: unknown;
}

export interface BadSample extends Sample {
  /** The item of the validation message that this input must cause. */
  readonly item: string;
}

export interface WrongTypeSample extends Sample {
  /** The message with which decoding must end. */
  readonly message: string;
  /** In which encoding it is wrong, when that is not every one. */
  readonly wire: 'json' | undefined;
}

/** For each pattern of the API model one of these is a good value. */
const TEXTS = [
  'a',
  '1',
  'arn:aws:kinesis:us-east-1:000000000000:stream/a',
  'arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:1',
  'arn:aws:kinesis:us-east-1:000000000000:channel/a',
  '000000000000',
  'abcdefghijklmnopqrst-abc',
  'abcdef',
  'https://a',
  'arn:aws:iam::000000000000:role/a',
  'arn:aws:s3:::a',
  'arn:aws:kms:us-east-1:000000000000:key/a',
  'arn:aws:es:us-east-1:000000000000:domain/abc',
  'arn:aws:secretsmanager:us-east-1:000000000000:secret:a',
  'jdbc:redshift://a.redshift.amazonaws.com:5439/a',
  '.a',
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
  const isGood = (text: string) => text.length >= (rules.min ?? 0) && (regex?.test(text) ?? true);
  const text = TEXTS.find(isGood);
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

/** The sample in which the value at a place is `value`, which breaks `constraint`; the title says `what` it is. */
const bad = (
  shape: AnyShape,
  { path, embed }: Pick<Place, 'path' | 'embed'>,
  [what, value]: readonly [what: string, value: unknown],
  constraint: string,
): BadSample => ({
  title: `${path} ${what}`,
  input: embed(value),
  item: `Value ${shown(shape, value)}at '${path}' failed to satisfy constraint: ${constraint}`,
});

const SHOWN_MAX = 4096;

/** A value as messages show it: blobs and structures are left out, very long texts are cut. */
function shown(shape: AnyShape, value: unknown): string {
  if (value === undefined) return 'null ';
  if (shape.kind === 'blob' || (shape.kind === 'list' && shape.member.kind === 'structure')) return '';
  const text = javaTextOf(value);
  return `'${text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text}' `;
}

/** As Java prints it: `[a, b]`, `{k=v, k2=v2}`. */
function javaTextOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, entry]) => `${key}=${entry}`).join(', ')}}`;
  return String(value);
}

const NOT_NULL = 'Member must not be null';

/** Inputs of `shape` that break one rule each: one for every rule of every member, however deep. */
export const badSamples = (shape: StructureShape, quotas: Quotas): BadSample[] =>
  badStructure(shape, '', { path: '', embed: (value) => value, quotas });

function badStructure(shape: StructureShape, prefix: string, { embed, quotas }: Place): BadSample[] {
  const good = goodValue(shape) as Record<string, unknown>;
  return shape.members.flatMap((member) => {
    const path = prefix + member.pathName;
    const { [member.name]: _left, ...rest } = good;
    const place = { path, embed: (value: unknown) => embed({ ...good, [member.name]: value }), quotas };
    const missing = [
      bad(member.shape, { path, embed: () => embed(rest) }, ['missing', undefined], NOT_NULL),
      bad(member.shape, place, ['null', undefined], NOT_NULL),
    ];
    const isRequired = member.required === true || member.required === quotas.profile;
    return [...(isRequired ? missing : []), ...badMembers(member.shape, place)];
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
    case 'number':
      return badNumbers(shape, place);
    default:
      return [...badSizes(shape, place), ...badTexts(shape, place)];
  }
}

function badNumbers(shape: ScalarShape, place: Place): BadSample[] {
  const { min } = shape.rules;
  const max = largest(shape, place.quotas);
  const number = (value: number, constraint: string) => bad(shape, place, [`= ${value}`, value], constraint);
  return [
    min === undefined ? [] : number(min - 1, `Member must have value greater than or equal to ${min}`),
    max === undefined
      ? []
      : number(max + 1, `Member must have value less than or equal to ${max}${hint(shape, max + 1, place.quotas)}`),
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

/** What is added to a maximum that only the documented profile sets: the quota by which it can be lifted. */
function hint({ rules: { quota } }: { readonly rules: Rules }, value: number, quotas: Quotas): string {
  if (quota === undefined || quotas.profile !== 'documented' || value > quotasOf('current')[quota]) return '';
  return ` (quota ${quota} of QUOTAS=documented)`;
}

const tooShort = (min: number) => `Member must have length greater than or equal to ${min}`;
const tooLong = (max: number) => `Member must have length less than or equal to ${max}`;

function badSizes(shape: SizedShape, place: Place): BadSample[] {
  const { min = 0 } = shape.rules;
  const max = largest(shape, place.quotas);
  const sized = (size: number, constraint: string) =>
    bad(shape, place, [`of length ${size}`, valueOfSize(shape, size)], constraint);
  return [
    min === 0 ? [] : sized(min - 1, tooShort(min)),
    max === undefined ? [] : sized(max + 1, tooLong(max) + hint(shape, max + 1, place.quotas)),
  ].flat();
}

/** One of them breaks any enum or pattern that can be broken at all. */
const ODD_TEXTS = ['#', '\n', ' '];
const LONG = 100_000;

const isBroken = (text: string, { rules, regex }: ScalarShape) =>
  rules.enum?.includes(text) === false || regex?.test(text) === false;

/** The shortest text that breaks an enum or pattern, but not the lengths; undefined when every text is good. */
const oddText = (shape: ScalarShape): string | undefined =>
  ODD_TEXTS.map((text) => text.repeat(Math.max(1, shape.rules.min ?? 1))).find((text) => isBroken(text, shape));

/** What messages say of a text that is outside its enum or does not fit its pattern. */
const textRules = ({ enum: values, pattern }: Rules): string[] =>
  [
    values === undefined ? [] : `Member must satisfy enum value set: [${values.join(', ')}]`,
    pattern === undefined ? [] : `Member must satisfy regular expression pattern: ${pattern}`,
  ].flat();

function badTexts(shape: ScalarShape, place: Place): BadSample[] {
  const odd = oddText(shape);
  if (odd === undefined) return [];
  // A long value fails its length, if it has one; only without one the pattern is all that keeps it out.
  const texts = [
    [`= ${JSON.stringify(odd)}`, odd] as const,
    ...(shape.rules.max === undefined ? [[`= ${JSON.stringify(odd)} ${LONG} times`, odd.repeat(LONG)] as const] : []),
  ];
  return texts.flatMap((text) => textRules(shape.rules).map((constraint) => bad(shape, place, text, constraint)));
}

function badElements(shape: ListShape, place: Place): BadSample[] {
  const { member, rules } = shape;
  const good = Array.from({ length: Math.max(1, rules.min ?? 0) }, () => goodValue(member));
  const withFirst = (value: unknown) => [value, ...good.slice(1)];
  const first = { ...place, path: `${place.path}.1.member`, embed: (value: unknown) => place.embed(withFirst(value)) };
  const missing = bad(member, first, ['null', undefined], NOT_NULL);
  if (member.kind === 'structure' || member.kind === 'list' || member.kind === 'map') {
    return [missing, ...badMembers(member, first)];
  }
  return [missing, ...badInside(shape, place, 'element', member, withFirst)];
}

function badEntries(shape: MapShape, place: Place): BadSample[] {
  const { key, value } = shape;
  const goodKey = goodText(key);
  const entry = {
    path: `${place.path}.${goodKey}.member`,
    embed: (given: unknown) => place.embed(new Map([[goodKey, given]])),
  };
  return [
    bad(value, entry, ['null', undefined], NOT_NULL),
    ...badInside(shape, place, 'key', key, (text) => new Map([[text, goodValue(value)]])),
    ...badInside(shape, place, 'value', value, (text) => new Map([[goodKey, text]])),
  ];
}

const INSIDE = {
  element: 'Member must satisfy constraint',
  key: 'Map keys must satisfy constraint',
  value: 'Map value must satisfy constraint',
} as const;

/**
 * Texts inside a list or map, where `contain` puts them, that break one rule of their shape `part`. AWS then shows the
 * whole list or map and names all the rules of its parts at once, most first.
 */
function badInside(
  shape: ListShape | MapShape,
  place: Place,
  name: keyof typeof INSIDE,
  part: ScalarShape,
  contain: (text: string) => unknown,
): BadSample[] {
  const { min, max } = part.rules;
  const rules = [max === undefined ? [] : tooLong(max), min === undefined ? [] : tooShort(min), textRules(part.rules)];
  const texts = [
    min === undefined || min === 0 ? [] : stretched(goodText(part), min - 1),
    max === undefined ? [] : stretched(goodText(part), max + 1),
    oddText(part) ?? [],
  ].flat();
  return texts.map((text) => ({
    ...bad(shape, place, ['', contain(text)], `${INSIDE[name]}: [${rules.flat().join(', ')}]`),
    title: `${name} of length ${text.length}`,
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

/** A decoded value as clients write it in JSON. What is undefined is written as null. */
export function jsonOf(shape: AnyShape, value: unknown): unknown {
  if (value === undefined) return null;
  switch (shape.kind) {
    case 'structure': {
      const members = value as Readonly<Record<string, unknown>>;
      const given = shape.members.filter(({ name }) => name in members);
      return Object.fromEntries(given.map(({ name, shape: member }) => [name, jsonOf(member, members[name])]));
    }
    case 'list':
      return (value as readonly unknown[]).map((element) => jsonOf(shape.member, element));
    case 'map': {
      const entries = [...(value as ReadonlyMap<string, unknown>)];
      return Object.fromEntries(entries.map(([key, entry]) => [key, jsonOf(shape.value, entry)]));
    }
    case 'blob':
      return (value as Buffer).toString('base64');
    case 'timestamp':
      return (value as number) / 1000;
    default:
      return value;
  }
}

/** `wire`: in which encoding it is wrong, when that is not every one. */
type WrongValue = readonly [json: unknown, message: string, wire?: 'json'];
const A_LIST: WrongValue = [[], 'Start of list found where not expected'];
const AN_OBJECT: WrongValue = [{}, 'Start of structure or map found where not expected.'];
const anyScalar = (message: string): readonly WrongValue[] => [true, 7, 'text'].map((json) => [json, message]);
const notBase64 = (text: string, why: string): WrongValue => [
  text,
  `'${text}' can not be converted to a Blob: ${why}`,
  'json',
];

/** The service names the class to which its own parser turned the value. */
function notA(target: string, ...values: readonly (boolean | number | string)[]): readonly WrongValue[] {
  const classOf = (value: unknown) => {
    if (typeof value === 'number') return 'com.amazon.coral.value.json.numbers.TruncatingBigNumber';
    return typeof value === 'boolean' ? 'java.lang.Boolean' : 'java.lang.String';
  };
  return values.map((value) => [value, `class ${classOf(value)} can not be converted to ${target}`]);
}

const WRONG_VALUES: Readonly<Record<AnyShape['kind'], readonly WrongValue[]>> = {
  boolean: [...notA('an Boolean', 7), ['text', "'TEXT' can not be converted to an Boolean"], A_LIST, AN_OBJECT],
  integer: [...notA('an Integer', true, '7'), A_LIST, AN_OBJECT],
  number: [...notA('an Double', true, '7'), A_LIST, AN_OBJECT],
  string: [...notA('an String', true, 7), A_LIST, AN_OBJECT],
  blob: [
    ...notA('a Blob', true, 7),
    notBase64('AAA', 'Base64 encoded length is expected a multiple of 4 bytes but found: 3'),
    notBase64('AA!=', "Invalid Base64 character: '!'"),
    notBase64('A=AA', "Invalid Base64 character: '='"),
    notBase64('AAB=', 'Invalid last non-pad Base64 character dectected'),
    A_LIST,
    AN_OBJECT,
  ],
  timestamp: [...notA('milliseconds since epoch', true, '7'), A_LIST, AN_OBJECT],
  list: [...anyScalar('Expected list or null'), AN_OBJECT],
  map: [...anyScalar('Expected map or null'), A_LIST],
  structure: [...anyScalar('Expected null'), A_LIST],
};

/** JSON inputs of `shape` in which one value, however deep, has a type that the shape does not take. */
export const wrongTypeSamples = (shape: StructureShape): WrongTypeSample[] => wrongMembers(shape, '', (json) => json);

function wrongMembers(shape: StructureShape, prefix: string, embed: Embed): WrongTypeSample[] {
  const good = jsonOf(shape, goodValue(shape)) as object;
  return shape.members.flatMap(({ name, pathName, shape: member }) =>
    wrongTypes(member, prefix + pathName, (json) => embed({ ...good, [name]: json })),
  );
}

function wrongTypes(shape: AnyShape, path: string, embed: Embed): WrongTypeSample[] {
  const here = WRONG_VALUES[shape.kind].map(([json, message, wire]) => ({
    title: `${path} = ${JSON.stringify(json)}`,
    input: embed(json),
    message,
    wire,
  }));
  if (shape.kind === 'structure') return [...here, ...wrongMembers(shape, `${path}.`, embed)];
  if (shape.kind === 'map') return [...here, ...wrongTypes(shape.value, `${path}.a`, (json) => embed({ a: json }))];
  if (shape.kind !== 'list') return here;
  // Behind a good element: decoding must not stop at the first.
  const good = jsonOf(shape.member, goodValue(shape.member));
  return [...here, ...wrongTypes(shape.member, `${path}.2`, (json) => embed([good, json]))];
}
