/**
 * Patterns of Java's DateTimeFormatter (of Java 17, locale en-US), which stand in the prefixes of objects. The letters
 * and their counts mean what they mean there, and what is refused there is refused here. Instants are whole seconds:
 * fractions print zeros. Pure.
 */
import { type LocalTime, localTime, zoneName } from './local-time.ts';

/** What prints one part of the text. */
type Print = (time: LocalTime) => string;

/** A parsed pattern. */
export interface DatePattern {
  readonly prints: readonly Print[];
}

/** The text of a pattern for the second in which `instantMs` lies, in a time zone by its IANA name. */
export function formatDatePattern({ prints }: DatePattern, instantMs: number, timeZone: string): string {
  const time = localTime(instantMs, timeZone);
  return prints.map((print) => print(time)).join('');
}

/** Undefined when Java refuses the pattern. */
export function parseDatePattern(pattern: string): DatePattern | undefined {
  const prints: Print[] = [];
  let depth = 0;
  let at = 0;
  while (at < pattern.length) {
    const character = pattern[at]!;
    if (isLetter(character)) {
      const found = parseLetters(pattern, at);
      if (found === undefined) return undefined;
      prints.push(found.print);
      at = found.end;
      continue;
    }
    if (character === "'") {
      const end = endOfQuote(pattern, at);
      if (end === undefined) return undefined;
      const text = pattern.slice(at + 1, end).replaceAll("''", "'");
      prints.push(() => (text === '' ? "'" : text));
      at = end + 1;
      continue;
    }
    if ('{}#'.includes(character)) return undefined;
    if (character === '[') depth += 1;
    // Optional sections are printed, for everything in them is known. Those that are not closed are closed at the end.
    else if (character === ']') depth -= 1;
    else prints.push(() => character);
    if (depth < 0) return undefined;
    at += 1;
  }
  return { prints };
}

const isLetter = (character: string | undefined): boolean => character !== undefined && /[A-Za-z]/.test(character);

/** The position of the quote that ends the text which begins at `start`; two quotes in it stand for one. */
function endOfQuote(pattern: string, start: number): number | undefined {
  for (let at = start + 1; at < pattern.length; at += 1) {
    if (pattern[at] !== "'") continue;
    if (pattern[at + 1] !== "'") return at;
    // An empty text is a quote itself.
    if (at === start + 1 && pattern[at + 1] !== "'") return at;
    at += 1;
  }
  return undefined;
}

interface Parsed {
  readonly print: Print;
  readonly end: number;
}

/** The letter at a position with its repetitions, and a padding before it. */
function parseLetters(pattern: string, start: number): Parsed | undefined {
  const end = endOfRun(pattern, start);
  if (pattern[start] !== 'p') return withEnd(printOf(pattern[start]!, end - start), end);
  if (!isLetter(pattern[end])) return undefined;
  const paddedEnd = endOfRun(pattern, end);
  const padded = printOf(pattern[end]!, paddedEnd - end);
  return withEnd(padded && ((time) => padded(time).padStart(end - start, ' ')), paddedEnd);
}

const withEnd = (print: Print | undefined, end: number): Parsed | undefined => print && { print, end };

function endOfRun(pattern: string, start: number): number {
  let end = start + 1;
  while (pattern[end] === pattern[start]) end += 1;
  return end;
}

/** The most digits that Java prints of a number. */
const WIDTH_MAX = 19;

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/** A number of at least `count` digits. */
const number =
  (read: (time: LocalTime) => number, countMax = WIDTH_MAX) =>
  (count: number): Print | undefined =>
    count <= countMax ? (time) => digits(read(time), count) : undefined;

/** Two letters mean the last two digits. */
const year =
  (read: (time: LocalTime) => number) =>
  (count: number): Print | undefined => {
    if (count > WIDTH_MAX) return undefined;
    return count === 2 ? (time) => digits(read(time) % 100, 2) : (time) => digits(read(time), count);
  };

type Names = (time: LocalTime) => readonly [short: string, full: string, narrow: string];

/** Three letters are the short text, four the full one, five the narrow one; `fewer` prints one and two. */
const text =
  (names: Names, fewer: (count: number) => Print | undefined) =>
  (count: number): Print | undefined => {
    if (count < 3) return fewer(count);
    return count <= 5 ? (time) => names(time)[count - 3]! : undefined;
  };

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const QUARTERS = ['1st', '2nd', '3rd', '4th'];

const named = (name: string): ReturnType<Names> => [name.slice(0, 3), name, name.slice(0, 1)];
const monthNames: Names = ({ month }) => named(MONTHS[month - 1]!);
const dayNames: Names = ({ weekday }) => named(DAYS[weekday]!);
const quarterOf = ({ month }: LocalTime) => Math.ceil(month / 3);
const quarterNames: Names = (time) => {
  const quarter = quarterOf(time);
  return [`Q${quarter}`, `${QUARTERS[quarter - 1]} quarter`, String(quarter)];
};
const eraNames: Names = () => ['AD', 'Anno Domini', 'A'];

/** Weeks begin on Sunday, and week 1 is the one with 1 January in it: the Saturday decides to which year it belongs. */
function weekOf({ dayOfYear, weekday, year: calendarYear, daysInYear }: LocalTime): { year: number; week: number } {
  const saturday = dayOfYear + 6 - weekday;
  if (saturday > daysInYear) return { year: calendarYear + 1, week: 1 };
  return { year: calendarYear, week: Math.ceil(saturday / 7) };
}

function weekOfMonth({ day, weekday }: LocalTime): number {
  const firstWeekday = (((weekday - (day - 1)) % 7) + 7) % 7;
  return Math.floor((day - 1 + firstWeekday) / 7) + 1;
}

/** Exact noon and midnight have names of their own. */
function dayPeriod({ hour, minute }: LocalTime): readonly [short: string, full: string, narrow: string] {
  const same = (name: string) => [name, name, name] as const;
  if (minute === 0 && hour === 0) return ['midnight', 'midnight', 'mi'];
  if (minute === 0 && hour === 12) return ['noon', 'noon', 'n'];
  if (hour < 6 || hour >= 21) return same('at night');
  if (hour < 12) return same('in the morning');
  return same(hour < 18 ? 'in the afternoon' : 'in the evening');
}

interface OffsetForm {
  readonly separator: '' | ':';
  readonly zero: string;
  /** Whether full hours are printed without minutes. */
  readonly isShort?: boolean;
}

function offset({ offsetMinutes }: LocalTime, { separator, zero, isShort }: OffsetForm): string {
  if (offsetMinutes === 0) return zero;
  const minutes = Math.abs(offsetMinutes);
  const hours = digits(Math.floor(minutes / 60), 2);
  const rest = isShort && minutes % 60 === 0 ? '' : separator + digits(minutes % 60, 2);
  return `${offsetMinutes < 0 ? '-' : '+'}${hours}${rest}`;
}

const offsetPrint =
  (form: OffsetForm): Print =>
  (time) =>
    offset(time, form);

/** `GMT-05:00`, or in short `GMT-5`. */
const localizedFull: Print = (time) => `GMT${offset(time, { separator: ':', zero: '' })}`;
const localizedShort: Print = (time) =>
  `GMT${offset(time, { separator: ':', zero: '', isShort: true }).replace(/([+-])0/, '$1')}`;

function offsetWithZ(count: number): Print | undefined {
  if (count > 5) return undefined;
  return offsetPrint({ separator: count === 3 || count === 5 ? ':' : '', zero: 'Z', isShort: count === 1 });
}

function offsetWithoutZ(count: number): Print | undefined {
  if (count > 5) return undefined;
  const separator = count === 3 || count === 5 ? ':' : '';
  const zero = count === 1 ? '+00' : `+00${separator}00`;
  return offsetPrint({ separator, zero, isShort: count === 1 });
}

function offsetOfZone(count: number): Print | undefined {
  if (count < 4) return offsetPrint({ separator: '', zero: '+0000' });
  if (count === 4) return localizedFull;
  return count === 5 ? offsetPrint({ separator: ':', zero: 'Z' }) : undefined;
}

const oneOrTwo = (read: (time: LocalTime) => number) => number(read, 2);
const localDay = ({ weekday }: LocalTime) => weekday + 1;
const only = (counts: readonly number[], print: (count: number) => Print) => (count: number) =>
  counts.includes(count) ? print(count) : undefined;

const secondOfDay = ({ hour, minute, second }: LocalTime) => (hour * 60 + minute) * 60 + second;
const isOneOf = (...counts: readonly number[]) => counts;

/** What each letter prints when it is repeated `count` times; undefined where Java refuses that many. */
const LETTERS: Readonly<Record<string, (count: number) => Print | undefined>> = {
  G: text(eraNames, () => (time) => eraNames(time)[0]),
  u: year(({ year: value }) => value),
  y: year(({ year: value }) => value),
  Y: year((time) => weekOf(time).year),
  Q: text(quarterNames, number(quarterOf)),
  q: text(quarterNames, number(quarterOf)),
  M: text(
    monthNames,
    number(({ month }) => month),
  ),
  L: text(
    monthNames,
    number(({ month }) => month),
  ),
  w: oneOrTwo((time) => weekOf(time).week),
  W: number(weekOfMonth, 1),
  D: number(({ dayOfYear }) => dayOfYear, 3),
  d: oneOrTwo(({ day }) => day),
  F: number(({ day }) => ((day - 1) % 7) + 1, 1),
  g: number(({ modifiedJulianDay }) => modifiedJulianDay),
  E: text(dayNames, () => (time) => dayNames(time)[0]),
  e: text(dayNames, number(localDay)),
  c: text(dayNames, number(localDay, 1)),
  a: only(
    isOneOf(1),
    () =>
      ({ hour }) =>
        hour < 12 ? 'AM' : 'PM',
  ),
  B: only(isOneOf(1, 4, 5), (count) => (time) => dayPeriod(time)[Math.max(0, count - 3)]!),
  H: oneOrTwo(({ hour }) => hour),
  k: oneOrTwo(({ hour }) => hour || 24),
  K: oneOrTwo(({ hour }) => hour % 12),
  h: oneOrTwo(({ hour }) => hour % 12 || 12),
  m: oneOrTwo(({ minute }) => minute),
  s: oneOrTwo(({ second }) => second),
  S: number(() => 0, 9),
  n: number(() => 0),
  A: number((time) => secondOfDay(time) * 1000),
  N: number((time) => secondOfDay(time) * 1_000_000_000),
  V: only(
    isOneOf(2),
    () =>
      ({ timeZone }) =>
        timeZone,
  ),
  v: only(isOneOf(1, 4), (count) => (time) => zoneName(time, count === 1 ? 'shortGeneric' : 'longGeneric')),
  z: only(isOneOf(1, 2, 3, 4), (count) => (time) => zoneName(time, count === 4 ? 'long' : 'short')),
  O: only(isOneOf(1, 4), (count) => (count === 1 ? localizedShort : localizedFull)),
  X: offsetWithZ,
  x: offsetWithoutZ,
  Z: offsetOfZone,
};

const printOf = (letter: string, count: number): Print | undefined =>
  Object.hasOwn(LETTERS, letter) ? LETTERS[letter]!(count) : undefined;
