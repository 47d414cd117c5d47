/** The conversion of formats as destinations keep and show it. */
import type { Decoded } from '../../protocol/shape.ts';
import type { dataFormatConversionConfiguration } from '../shapes/transformation.ts';

export type ConversionConfiguration = Decoded<typeof dataFormatConversionConfiguration>;

/** A decoded value in which maps are objects: it is stored as JSON, which would make every Map an empty object. */
type Plain<T> =
  T extends ReadonlyMap<string, infer V>
    ? { readonly [key: string]: V }
    : T extends readonly unknown[]
      ? T
      : T extends object
        ? { readonly [K in keyof T]: Plain<T[K]> }
        : T;

export type Conversion = Plain<ConversionConfiguration>;

/**
 * What was there with what is given: structures are merged at every level, lists and maps are replaced. Conversion is
 * enabled unless it is said not to be, whatever it was before.
 */
export const mergedConversion = (current: Conversion | undefined, given: ConversionConfiguration): Conversion => ({
  ...(merged(current, given) as Conversion),
  Enabled: given.Enabled ?? true,
});

type Members = Readonly<Record<string, unknown>>;

function merged(current: unknown, given: unknown): unknown {
  if (given instanceof Map) return Object.fromEntries(given);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const before = (current ?? {}) as Members;
  const members = Object.entries(given).map(([name, member]) => [name, merged(before[name], member)]);
  return { ...before, ...Object.fromEntries(members) };
}
