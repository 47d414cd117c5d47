/**
 * Shapes describe the input of an operation as data: the decoder, the validator, the tests against the API model and
 * the TypeScript type of the input are all made from the one declaration.
 */
import type { Profile, QuotaName } from '../quotas.ts';

/** Constraints, as the API model states them. */
export interface Rules {
  /** Least value of a number; least length of a string (characters), blob (bytes), list or map (entries). */
  readonly min?: number;
  readonly max?: number;
  /** A quota that may be stricter than `max`. */
  readonly quota?: QuotaName;
  /** In this profile of quotas the operation itself refuses what exceeds `max`, with an error of its own. */
  readonly maxLeftIn?: Profile;
  /** Regular expression for the whole value. */
  readonly pattern?: string;
  /** What Millrace takes beyond `pattern`: another regular expression, which no message shows. */
  readonly alsoTakes?: string;
  /** In the order in which AWS lists them in messages. */
  readonly enum?: readonly string[];
}

export type ScalarKind = 'string' | 'integer' | 'number' | 'boolean' | 'blob' | 'timestamp';

export interface ScalarShape {
  readonly kind: ScalarKind;
  readonly rules: Rules;
  /** `rules.pattern`, anchored and compiled. */
  readonly regex?: RegExp;
}
export interface ListShape {
  readonly kind: 'list';
  readonly rules: Rules;
  readonly member: AnyShape;
}
export interface MapShape {
  readonly kind: 'map';
  readonly rules: Rules;
  readonly key: ScalarShape;
  readonly value: ScalarShape;
}
export interface StructureShape {
  readonly kind: 'structure';
  readonly members: readonly Member[];
}
export interface Member {
  readonly name: string;
  /** The name in the paths of validation messages: first letter in lower case. */
  readonly pathName: string;
  readonly shape: AnyShape;
  /** Whether it must be present: always, or in one profile of quotas. */
  readonly required: boolean | Profile;
}
export type AnyShape = ScalarShape | ListShape | MapShape | StructureShape;

/** A shape whose decoded values have the type `T`. */
export type Shape<T> = AnyShape & { readonly type?: T };
/** A member that must be present. */
export interface Required<T> {
  readonly required: Shape<T>;
}
/** A member that must be present in one profile of quotas. */
export interface RequiredIn<T> {
  readonly shape: Shape<T>;
  readonly requiredIn: Profile;
}

type Members = Readonly<Record<string, Shape<unknown> | Required<unknown> | RequiredIn<unknown>>>;
type ValueOf<M> =
  M extends Required<infer T> ? T : M extends RequiredIn<infer T> ? T : M extends Shape<infer T> ? T : never;
type RequiredNames<M extends Members> = { [K in keyof M]: M[K] extends Required<unknown> ? K : never }[keyof M];

/** The decoded value of a structure with the members `M`. Absent members are undefined. */
export type Structure<M extends Members> = {
  readonly [K in RequiredNames<M>]: ValueOf<M[K]>;
} & {
  readonly [K in Exclude<keyof M, RequiredNames<M>>]?: ValueOf<M[K]> | undefined;
};

/** The type of the values of a shape. */
export type Decoded<S> = S extends Shape<infer T> ? T : never;

export const string = (rules: Rules = {}): Shape<string> => scalar('string', rules);
export const integer = (rules: Rules = {}): Shape<number> => scalar('integer', rules);
/** A number that may have a fraction. */
export const number = (rules: Rules = {}): Shape<number> => scalar('number', rules);
export const boolean = (): Shape<boolean> => scalar('boolean', {});
/** Decoded to a Buffer. */
export const blob = (rules: Rules = {}): Shape<Buffer> => scalar('blob', rules);
/** Decoded to milliseconds since the epoch; on the JSON wire it is a number of seconds. */
export const timestamp = (): Shape<number> => scalar('timestamp', {});
/** A string out of `values`, which stand in the order of AWS's messages. */
export const oneOf = <const V extends readonly string[]>(...values: V): Shape<V[number]> =>
  scalar('string', { enum: values });

export const list = <T>(member: Shape<T>, rules: Rules = {}): Shape<readonly T[]> => ({ kind: 'list', member, rules });

/** A map with string keys. Decoded to a Map, so that no key can reach an object's prototype. */
export const map = <T>(key: Shape<string>, value: Shape<T>, rules: Rules = {}): Shape<ReadonlyMap<string, T>> => ({
  kind: 'map',
  key: key as ScalarShape,
  value: value as ScalarShape,
  rules,
});

export const required = <T>(shape: Shape<T>): Required<T> => ({ required: shape });

/** `required` in the profile of quotas only. */
export const requiredIn = <T>(profile: Profile, shape: Shape<T>): RequiredIn<T> => ({ shape, requiredIn: profile });

/** Members stand in the order in which validation messages name them. */
export function structure<const M extends Members>(members: M): Shape<Structure<M>> {
  return {
    kind: 'structure',
    members: Object.entries(members).map(([name, member]) => ({
      name,
      pathName: name.charAt(0).toLowerCase() + name.slice(1),
      ...obligationOf(member),
    })),
  };
}

function obligationOf(member: Members[string]): Pick<Member, 'shape' | 'required'> {
  if ('required' in member) return { shape: member.required, required: true };
  if ('requiredIn' in member) return { shape: member.shape, required: member.requiredIn };
  return { shape: member, required: false };
}

function scalar(kind: ScalarKind, rules: Rules): ScalarShape {
  if (rules.pattern === undefined) return { kind, rules };
  // Classes of characters such as \p{L} mean something in Unicode mode only, which refuses escapes of other patterns.
  const flags = rules.pattern.includes('\\p{') ? 'u' : '';
  const { pattern, alsoTakes } = rules;
  const source = alsoTakes === undefined ? pattern : `${pattern}|${alsoTakes}`;
  return { kind, rules, regex: new RegExp(`^(?:${source})$`, flags) };
}
