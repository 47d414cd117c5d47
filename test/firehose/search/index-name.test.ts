/** Names of indices: the time that stands in them, weeks above all, and which names clusters refuse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexNameOf, indexNameProblem } from '../../../src/firehose/search/index-name.ts';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** The first Monday of Unix time. */
const MONDAY_MS = Date.UTC(1970, 0, 5);

const weekOf = (ms: number) => indexNameOf('', 'OneWeek', ms);

describe('the name of an index', () => {
  const instant = Date.UTC(2016, 1, 25, 13, 59, 59, 999);

  it.each([
    ['NoRotation', 'orders'],
    ['OneHour', 'orders-2016-02-25-13'],
    ['OneDay', 'orders-2016-02-25'],
    ['OneWeek', 'orders-2016-w08'],
    ['OneMonth', 'orders-2016-02'],
  ] as const)('with %s is %s', (rotation, expected) => {
    expect(indexNameOf('orders', rotation, instant)).toBe(expected);
  });

  it.each([
    ['OneHour', '-2020-02-29-23', '-2020-03-01-00'],
    ['OneDay', '-2020-02-29', '-2020-03-01'],
    ['OneMonth', '-2020-02', '-2020-03'],
  ] as const)('with %s changes with the hour, the day, the month in UTC', (rotation, before, after) => {
    const midnight = Date.UTC(2020, 2, 1);
    expect(indexNameOf('', rotation, midnight - 1)).toBe(before);
    expect(indexNameOf('', rotation, midnight)).toBe(after);
  });

  it('keeps what looks like a pattern in it', () => {
    expect(indexNameOf("yyyy-'x'{", 'OneDay', instant)).toBe("yyyy-'x'{-2016-02-25");
  });
});

describe('the week of ISO 8601', () => {
  it.each([
    ['1970-01-01', '-1970-w01'],
    ['1999-12-31', '-1999-w52'],
    ['2000-01-01', '-1999-w52'],
    // Leap years, with and without a week 53.
    ['2000-02-29', '-2000-w09'],
    ['2004-12-31', '-2004-w53'],
    ['2005-01-02', '-2004-w53'],
    ['2008-12-29', '-2009-w01'],
    ['2010-01-03', '-2009-w53'],
    ['2012-01-01', '-2011-w52'],
    ['2016-01-01', '-2015-w53'],
    ['2016-02-25', '-2016-w08'],
    ['2016-12-31', '-2016-w52'],
    ['2017-01-01', '-2016-w52'],
    ['2018-12-31', '-2019-w01'],
    ['2020-02-29', '-2020-w09'],
    ['2020-12-31', '-2020-w53'],
    ['2021-01-03', '-2020-w53'],
    ['2021-01-04', '-2021-w01'],
    ['2024-02-29', '-2024-w09'],
    ['2024-12-29', '-2024-w52'],
    ['2024-12-30', '-2025-w01'],
    ['2026-12-31', '-2026-w53'],
    ['2027-01-04', '-2027-w01'],
  ])('of %s is %s, from the first millisecond to the last', (day, expected) => {
    const start = Date.parse(day);
    expect([start, start + DAY_MS / 2, start + DAY_MS - 1].map(weekOf)).toEqual([expected, expected, expected]);
  });

  it('changes exactly at Monday 00:00 UTC', () => {
    const weeks = fc.integer({ min: -1000, max: 12_000 });
    fc.assert(
      fc.property(weeks, fc.integer({ min: 0, max: WEEK_MS - 1 }), (week, offset) => {
        const monday = MONDAY_MS + week * WEEK_MS;
        expect(new Date(monday).getUTCDay()).toBe(1);
        expect(weekOf(monday + offset), 'within the week').toBe(weekOf(monday));
        expect(weekOf(monday - 1), 'a millisecond before Monday').not.toBe(weekOf(monday));
        expect(weekOf(monday + WEEK_MS), 'on the next Monday').not.toBe(weekOf(monday));
      }),
    );
  });

  it('counts from 1, through all the weeks of 230 years', () => {
    let [year, week] = [1970, 1];
    for (let monday = MONDAY_MS; monday < Date.UTC(2200, 0, 1); monday += WEEK_MS) {
      // The week with 4 January in it is the first one.
      const fourth = Date.UTC(year + 1, 0, 4);
      const isNewYear = monday <= fourth && fourth < monday + WEEK_MS;
      [year, week] = isNewYear ? [year + 1, 1] : [year, week + 1];
      const expected = `-${year}-w${week < 10 ? '0' : ''}${week}`;
      if (weekOf(monday) !== expected) expect.fail(`${new Date(monday).toISOString()} is in ${weekOf(monday)}`);
    }
    expect([year, week]).toEqual([2200, 1]);
  });
});

describe('an index may be called', () => {
  it.each([
    'a',
    'orders',
    'orders-2016-w08',
    'a_b+c-d',
    '.orders',
    '...',
    '1',
    'größe',
    "it's",
    'a{b}',
    'x'.repeat(255),
  ])('%s', (name) => {
    expect(indexNameProblem(name)).toBeUndefined();
  });
});

describe('an index may not be called', () => {
  const CHARACTERS = 'must not contain the following characters [ , ", *, \\, <, |, ,, >, /, ?, #, :]';

  it.each([
    ['Orders', 'must be lowercase'],
    ['größE', 'must be lowercase'],
    ['Ä', 'must be lowercase'],
    ...['a b', 'a"b', 'a*', 'a\\b', '<a', 'a|b', 'a,b', 'a>', 'a/b', 'a?', 'a#b', 'a:b'].map((name) => [
      name,
      CHARACTERS,
    ]),
    ['-a', "must not start with '_', '-', or '+'"],
    ['_a', "must not start with '_', '-', or '+'"],
    ['+a', "must not start with '_', '-', or '+'"],
    ['.', "must not be '.' or '..'"],
    ['..', "must not be '.' or '..'"],
    ['x'.repeat(256), 'index name is too long, (longer than 255 bytes)'],
    ['é'.repeat(128), 'index name is too long, (longer than 255 bytes)'],
  ])('%s: it %s', (name, problem) => {
    expect(indexNameProblem(name!)).toBe(problem);
  });
});
