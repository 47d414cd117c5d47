/**
 * Constraints of an input, the second stage of checking: all failures are collected, at most ten are listed, in AWS's
 * words and in the order of the declared members.
 */
import { type QuotaName, type Quotas, quotaHint } from '../quotas.ts';
import { abbreviated, constraintItem, validationException } from './error.ts';
import type { AnyShape, ListShape, MapShape, Rules, ScalarShape, Shape, StructureShape } from './shape.ts';

const ITEMS_MAX = 10;

/** Patterns are not tried on longer values, which no pattern of the API is for. */
const PATTERN_LENGTH_MAX = 4096;

/** Whether a value fits its pattern. An over-long one fails its length; where there is none, it fails its pattern. */
function fitsPattern({ rules, regex }: ScalarShape, value: string): boolean {
  if (regex === undefined) return true;
  return value.length <= PATTERN_LENGTH_MAX ? regex.test(value) : rules.max !== undefined;
}

/** What differs between services and profiles. */
export interface ValidationRules {
  readonly quotas: Quotas;
  /** Whether messages show the offending values. */
  readonly showsValues: boolean;
}

/**
 * Checks the decoded `input` against the rules of `shape`.
 * @throws ApiError ValidationException
 */
export function validate<T>(shape: Shape<T>, input: T, rules: ValidationRules): void {
  const items: string[] = [];
  checkStructure(shape as StructureShape, input as Record<string, unknown>, '', { items, ...rules });
  if (items.length > 0) throw validationException(items.slice(0, ITEMS_MAX));
}

interface Check extends ValidationRules {
  readonly items: string[];
}

/** Adds the failure of `constraint`; `value` is what the message shows where the service shows values. */
function fail({ items, showsValues }: Check, value: string, path: string, constraint: string): void {
  items.push(constraintItem(showsValues ? value : '', path, constraint));
}

function checkStructure(shape: StructureShape, value: Record<string, unknown>, prefix: string, check: Check): void {
  for (const member of shape.members) {
    const memberValue = value[member.name];
    if (memberValue !== undefined) checkValue(member.shape, memberValue, prefix + member.pathName, check);
    else if (member.required === true || member.required === check.quotas.profile)
      fail(check, 'null', prefix + member.pathName, NOT_NULL);
    if (check.items.length >= ITEMS_MAX) return;
  }
}

function checkValue(shape: AnyShape, value: unknown, path: string, check: Check): void {
  switch (shape.kind) {
    case 'structure':
      return checkStructure(shape, value as Record<string, unknown>, `${path}.`, check);
    case 'list':
      return checkList(shape, value as readonly unknown[], path, check);
    case 'map':
      return checkMap(shape, value as ReadonlyMap<string, unknown>, path, check);
    default:
      return checkScalar(shape, value as string | number | boolean | Buffer, path, check);
  }
}

const NOT_NULL = 'Member must not be null';

function checkScalar(shape: ScalarShape, value: string | number | boolean | Buffer, path: string, check: Check): void {
  const { rules } = shape;
  const failed = (constraint: string) => fail(check, shown(value), path, constraint);
  if (typeof value === 'number') {
    if (rules.min !== undefined && value < rules.min) {
      failed(`Member must have value greater than or equal to ${rules.min}`);
    }
    return checkMaximum(rules, value, check.quotas, (max) =>
      failed(`Member must have value less than or equal to ${max}`),
    );
  }
  if (typeof value === 'boolean') return;
  if (rules.enum !== undefined && !rules.enum.includes(value as string)) {
    failed(`Member must satisfy enum value set: [${rules.enum.join(', ')}]`);
  }
  if (!fitsPattern(shape, value as string)) {
    failed(`Member must satisfy regular expression pattern: ${rules.pattern}`);
  }
  checkLength(rules, value.length, check.quotas, failed);
}

function checkLength(rules: Rules, length: number, quotas: Quotas, fail: (constraint: string) => void): void {
  if (rules.min !== undefined && length < rules.min) fail(tooShort(rules.min));
  checkMaximum(rules, length, quotas, (max) => fail(tooLong(max)));
}

/** `fail` is called with the maximum and, when only a quota of the reference documents is to blame, its name. */
function checkMaximum(rules: Rules, value: number, quotas: Quotas, fail: (max: string) => void): void {
  const max = effectiveMax(rules, quotas);
  if (max === undefined || value <= max) return;
  fail(max + (rules.quota === undefined ? '' : quotaHint(quotas, rules.quota, value)));
}

function effectiveMax(rules: Rules, quotas: Quotas): number | undefined {
  if (rules.maxLeftIn === quotas.profile) return undefined;
  if (rules.quota === undefined) return rules.max;
  return Math.min(rules.max ?? Number.POSITIVE_INFINITY, quotas[rules.quota as QuotaName]);
}

function checkList(shape: ListShape, value: readonly unknown[], path: string, check: Check): void {
  const scalars = isScalar(shape.member);
  // AWS leaves the value out where it would have to print structures or record data.
  const shownList = () => (scalars ? `'${abbreviated(`[${value.join(', ')}]`)}'` : '');
  const failed = (constraint: string) => fail(check, shownList(), path, constraint);
  checkLength(shape.rules, value.length, check.quotas, failed);
  if (
    scalars &&
    value.some((element) => element !== undefined && breaks(shape.member as ScalarShape, element, check.quotas))
  ) {
    failed(`Member must satisfy constraint: [${constraintsOf(shape.member as ScalarShape, check.quotas)}]`);
  }
  for (const [index, element] of value.entries()) {
    if (check.items.length >= ITEMS_MAX) return;
    const elementPath = `${path}.${index + 1}.member`;
    if (element === undefined) fail(check, 'null', elementPath, NOT_NULL);
    else if (!scalars) checkValue(shape.member, element, elementPath, check);
  }
}

function checkMap(shape: MapShape, value: ReadonlyMap<string, unknown>, path: string, check: Check): void {
  const entries = [...value];
  const shownMap = () =>
    `'${abbreviated(`{${entries.map(([key, entry]) => `${key}=${entry ?? 'null'}`).join(', ')}}`)}'`;
  const failed = (constraint: string) => fail(check, shownMap(), path, constraint);
  checkLength(shape.rules, value.size, check.quotas, failed);
  if (entries.some(([key]) => breaks(shape.key, key, check.quotas))) {
    failed(`Map keys must satisfy constraint: [${constraintsOf(shape.key, check.quotas)}]`);
  }
  if (entries.some(([, entry]) => entry !== undefined && breaks(shape.value, entry, check.quotas))) {
    failed(`Map value must satisfy constraint: [${constraintsOf(shape.value, check.quotas)}]`);
  }
  for (const [key, entry] of entries) {
    if (check.items.length >= ITEMS_MAX) return;
    if (entry === undefined) fail(check, 'null', `${path}.${abbreviated(key)}.member`, NOT_NULL);
  }
}

const isScalar = (shape: AnyShape): shape is ScalarShape =>
  shape.kind !== 'structure' && shape.kind !== 'list' && shape.kind !== 'map';

/** Whether an element of a list or map breaks any rule of its shape. AWS then names all the rules at once. */
function breaks(shape: ScalarShape, value: unknown, quotas: Quotas): boolean {
  const { rules } = shape;
  if (typeof value !== 'string') return false;
  return (
    (rules.enum !== undefined && !rules.enum.includes(value)) ||
    !fitsPattern(shape, value) ||
    value.length < (rules.min ?? 0) ||
    value.length > (effectiveMax(rules, quotas) ?? Number.POSITIVE_INFINITY)
  );
}

/** Most first, then least: AWS's order. */
function constraintsOf({ rules }: ScalarShape, quotas: Quotas): string {
  const max = effectiveMax(rules, quotas);
  return [
    max === undefined ? [] : tooLong(max),
    rules.min === undefined ? [] : tooShort(rules.min),
    rules.enum === undefined ? [] : `Member must satisfy enum value set: [${rules.enum.join(', ')}]`,
    rules.pattern === undefined ? [] : `Member must satisfy regular expression pattern: ${rules.pattern}`,
  ]
    .flat()
    .join(', ');
}

const tooShort = (min: number) => `Member must have length greater than or equal to ${min}`;
const tooLong = (max: number | string) => `Member must have length less than or equal to ${max}`;

/** The value with its quotes; empty for blobs, whose values AWS leaves out. */
function shown(value: string | number | boolean | Buffer): string {
  return Buffer.isBuffer(value) ? '' : `'${abbreviated(String(value))}'`;
}
