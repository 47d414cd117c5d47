/** Date patterns: which are taken, and what they print, compared with what Java 17 printed for the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDatePattern, parseDatePattern } from '../../src/firehose/date-pattern.ts';

interface Facts {
  /** Seconds since the epoch. */
  readonly instants: readonly number[];
  /** By pattern: null where Java refuses it, else by zone the texts for the instants. */
  readonly patterns: Readonly<Record<string, Readonly<Record<string, readonly string[]>> | null>>;
}

const facts: Facts = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'date-patterns.json'), 'utf8'),
);
const patterns = Object.entries(facts.patterns);

const textOf = (pattern: string, seconds: number, zone: string) =>
  formatDatePattern(parseDatePattern(pattern)!, seconds * 1000, zone);

describe('a pattern of Java', () => {
  it('is there for every letter in each number of repetitions, and for what is not a pattern', () => {
    expect(patterns.length).toBeGreaterThan(300);
    expect(patterns.filter(([, texts]) => texts === null).length).toBeGreaterThan(50);
  });

  it('is refused where Java refuses it, and only there', () => {
    const refused = patterns.filter(([pattern]) => parseDatePattern(pattern) === undefined);
    expect(refused.map(([pattern]) => pattern)).toEqual(
      patterns.filter(([, texts]) => texts === null).map(([pattern]) => pattern),
    );
  });

  it.each(patterns.filter(([, texts]) => texts !== null))('%s prints what Java prints', (pattern, texts) => {
    for (const [zone, expected] of Object.entries(texts!)) {
      expect(
        facts.instants.map((seconds) => textOf(pattern, seconds, zone)),
        `in ${zone}`,
      ).toEqual(expected);
    }
  });
});

it.each([
  ['z', 'UTC', 'UTC'],
  ['zzzz', 'UTC', 'Coordinated Universal Time'],
  ['z', 'America/New_York', 'EST'],
  ['zzzz', 'America/New_York', 'Eastern Standard Time'],
  ['v', 'America/New_York', 'ET'],
  ['vvvv', 'America/New_York', 'Eastern Time'],
])('%s names the zone %s', (pattern, zone, expected) => {
  expect(textOf(pattern, 1_767_323_045, zone)).toBe(expected);
});

it('fractions of a second are not printed, not even of instants before the epoch', () => {
  expect(formatDatePattern(parseDatePattern('HH:mm:ss.SSS')!, 1_767_323_045_999, 'UTC')).toBe('03:04:05.000');
  expect(formatDatePattern(parseDatePattern('yyyy-MM-dd HH:mm:ss')!, -1, 'UTC')).toBe('1969-12-31 23:59:59');
});

it('a pattern as long as a prefix can be is parsed at once', () => {
  expect(parseDatePattern("'".repeat(1023))).toBeUndefined();
  expect(parseDatePattern('['.repeat(1024))).toBeDefined();
  expect(parseDatePattern('yyyy'.repeat(256))).toBeUndefined();
});
