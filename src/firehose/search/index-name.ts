/** Names of indices with the time in them. Pure. */
import { formatDatePattern, parseDatePattern } from '../date-pattern.ts';
import type { SearchSettings } from '../destinations/settings.ts';

type Rotation = SearchSettings['rotation'];

const PATTERNS: Readonly<Partial<Record<Rotation, string>>> = {
  OneHour: '-yyyy-MM-dd-HH',
  OneDay: '-yyyy-MM-dd',
  OneMonth: '-yyyy-MM',
};

/** The index of a record that arrived at an instant, in UTC. */
export function indexNameOf(name: string, rotation: Rotation, arrivedMs: number): string {
  if (rotation === 'OneWeek') return name + weekOf(arrivedMs);
  const pattern = PATTERNS[rotation];
  return pattern === undefined ? name : name + formatDatePattern(parseDatePattern(pattern)!, arrivedMs, 'UTC');
}

const DAY_MS = 86_400_000;

/**
 * The week of ISO 8601, as in AWS's example: 25 February 2016 is in `-2016-w08`. The rule that stands beside the example
 * counts otherwise and makes that day one of week 9; indices are found by what they are called.
 */
function weekOf(arrivedMs: number): string {
  const day = Math.floor(arrivedMs / DAY_MS);
  // 1 January 1970 was a Thursday. The year of a week is that of its Thursday.
  const thursday = day - ((((day + 3) % 7) + 7) % 7) + 3;
  const year = new Date(thursday * DAY_MS).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0, 1) / DAY_MS) / 7) + 1;
  return `-${year}-w${String(week).padStart(2, '0')}`;
}

/** What is wrong with the name of an index, as clusters see it; undefined when nothing is. */
export function indexNameProblem(name: string): string | undefined {
  if (name !== name.toLowerCase()) return 'must be lowercase';
  if (/[\\/*?"<>| ,#:]/.test(name))
    return 'must not contain the following characters [ , ", *, \\, <, |, ,, >, /, ?, #, :]';
  if (/^[-_+]/.test(name)) return "must not start with '_', '-', or '+'";
  if (name === '.' || name === '..') return "must not be '.' or '..'";
  return Buffer.byteLength(name) > 255 ? 'index name is too long, (longer than 255 bytes)' : undefined;
}
