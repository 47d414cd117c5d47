/** One metric of a request: checked as CloudWatch does, and reduced to what is kept of it. Pure. */
import { breaksRule, exclusive, invalidValue, missing, noneOf, notOfSameSize, tooMany } from './errors.ts';

export interface Datum {
  readonly MetricName?: string | undefined;
  readonly Dimensions?: readonly Dimension[] | undefined;
  /** Milliseconds since the epoch. */
  readonly Timestamp?: number | undefined;
  readonly Value?: number | undefined;
  readonly StatisticValues?:
    | Partial<Record<'SampleCount' | 'Sum' | 'Minimum' | 'Maximum', number | undefined>>
    | undefined;
  readonly Values?: readonly number[] | undefined;
  readonly Counts?: readonly number[] | undefined;
  readonly Unit?: string | undefined;
  readonly StorageResolution?: number | undefined;
}

interface Dimension {
  readonly Name?: string | undefined;
  readonly Value?: string | undefined;
}

/** How many values there were, and what they were. */
interface Statistics {
  readonly samples: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** What is kept of a metric. */
export interface Sample extends Statistics {
  readonly metricName: string;
  /** JSON: an object of names and values, in the order of the names. */
  readonly dimensions: string;
  readonly timestampMs: number;
  readonly unit: string;
}

const DIMENSIONS_MAX = 30;
const VALUES_MAX = 150;

const HOUR_MS = 3_600_000;

/** How old a metric may be, and how far ahead. */
const PAST_MS_MAX = 14 * 24 * HOUR_MS;
const FUTURE_MS_MAX = 2 * HOUR_MS;

/** Beyond it values are refused, in both directions. */
const VALUE_MAX = 2 ** 360;

const SIZES = ['Bytes', 'Kilobytes', 'Megabytes', 'Gigabytes', 'Terabytes'];
const BITS = ['Bits', 'Kilobits', 'Megabits', 'Gigabits', 'Terabits'];
const UNITS: readonly string[] = [
  ...['Seconds', 'Microseconds', 'Milliseconds', ...SIZES, ...BITS, 'Percent', 'Count'],
  ...[...SIZES, ...BITS, 'Count'].map((unit) => `${unit}/Second`),
  'None',
];

/**
 * What is kept of `datum`. `path` is how messages name it; `now` is the instant of the request, in milliseconds.
 * @throws ApiError
 */
export function sampleOf(datum: Datum, path: string, now: number): Sample {
  const { MetricName, Dimensions = [], Timestamp = now, Unit = 'None', StorageResolution = 60 } = datum;
  const metricName = checkedText(MetricName, 255, `${path}.MetricName`);
  const dimensions = dimensionsOf(Dimensions, `${path}.Dimensions`);
  assertTime(Timestamp, now, `${path}.Timestamp`);
  if (!UNITS.includes(Unit)) throw breaksRule(`${path}.Unit`, `must be a value in the set [ ${UNITS.join(', ')} ]`);
  if (StorageResolution !== 1 && StorageResolution !== 60) {
    throw breaksRule(`${path}.StorageResolution`, 'must be 1 or 60');
  }
  return { metricName, dimensions, timestampMs: Timestamp, unit: Unit, ...statisticsOf(datum, path) };
}

/** @throws ApiError when `text` is longer than `max` characters */
export function assertLength(text: string, max: number, path: string): void {
  if (text.length > max) throw breaksRule(path, `must not be longer than ${max} characters`);
}

function checkedText(text: string | undefined, max: number, path: string): string {
  if (text === undefined || text === '') throw missing(path);
  assertLength(text, max, path);
  return text;
}

function dimensionsOf(dimensions: readonly Dimension[], path: string): string {
  if (dimensions.length > DIMENSIONS_MAX) throw tooMany(path, DIMENSIONS_MAX);
  const values = new Map<string, string>();
  for (const [index, { Name, Value }] of dimensions.entries()) {
    const member = `${path}.member.${index + 1}`;
    const name = checkedText(Name, 255, `${member}.Name`);
    if (name.startsWith(':')) throw breaksRule(`${member}.Name`, 'must not begin with a colon');
    if (values.has(name)) throw breaksRule(`${member}.Name`, 'must not be that of another dimension');
    values.set(name, checkedText(Value, 1024, `${member}.Value`));
  }
  return JSON.stringify(Object.fromEntries([...values].sort(([one], [other]) => (one < other ? -1 : 1))));
}

function assertTime(timestampMs: number, now: number, path: string): void {
  // Written so that what is no number fails too.
  if (!(timestampMs >= now - PAST_MS_MAX)) throw breaksRule(path, 'must specify a time within the past two weeks');
  if (!(timestampMs <= now + FUTURE_MS_MAX)) {
    throw breaksRule(path, 'must specify a time no more than two hours in the future');
  }
}

function statisticsOf({ Value, StatisticValues, Values = [], Counts }: Datum, path: string): Statistics {
  const ways = [
    { name: `${path}.Value`, isGiven: Value !== undefined },
    { name: `${path}.StatisticValues`, isGiven: StatisticValues !== undefined },
    { name: `${path}.Values`, isGiven: Values.length > 0 },
  ];
  const [one, other] = ways.filter(({ isGiven }) => isGiven);
  if (one === undefined) throw noneOf(ways.map(({ name }) => name));
  if (other !== undefined) throw exclusive(one.name, other.name);
  if (Value !== undefined) return statisticsOfValues([Value], undefined, path, () => `${path}.Value`);
  if (StatisticValues !== undefined) return statisticsOfSet(StatisticValues, `${path}.StatisticValues`);
  return statisticsOfValues(Values, Counts, path, (index) => `${path}.Values.member.${index + 1}`);
}

function statisticsOfSet(set: NonNullable<Datum['StatisticValues']>, path: string): Statistics {
  const numberOf = (name: keyof typeof set) => {
    const value = set[name];
    if (value === undefined) throw missing(`${path}.${name}`);
    return checkedValue(value, `${path}.${name}`);
  };
  const samples = numberOf('SampleCount');
  const sum = numberOf('Sum');
  const [minimum, maximum] = [numberOf('Minimum'), numberOf('Maximum')];
  if (samples < 0) throw invalidValue(samples, `${path}.SampleCount`);
  if (minimum > maximum) throw breaksRule(`${path}.Minimum`, `must not be greater than ${path}.Maximum`);
  return { samples, sum, minimum, maximum };
}

/** Each value counts once unless there are `counts`. */
function statisticsOfValues(
  values: readonly number[],
  counts: readonly number[] | undefined,
  path: string,
  pathOf: (index: number) => string,
): Statistics {
  if (values.length > VALUES_MAX) throw tooMany(`${path}.Values`, VALUES_MAX);
  if (counts !== undefined && counts.length !== values.length) throw notOfSameSize(`${path}.Values`, `${path}.Counts`);
  let [samples, sum] = [0, 0];
  for (const [index, value] of values.entries()) {
    const countPath = `${path}.Counts.member.${index + 1}`;
    const count = checkedValue(counts?.[index] ?? 1, countPath);
    if (count < 0) throw invalidValue(count, countPath);
    samples += count;
    sum += checkedValue(value, pathOf(index)) * count;
  }
  return { samples, sum, minimum: Math.min(...values), maximum: Math.max(...values) };
}

function checkedValue(value: number, path: string): number {
  if (Math.abs(value) <= VALUE_MAX) return value;
  throw invalidValue(value, path);
}
