/** Every statement of the reference documents has a test that bears its number, and only one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** The numbers of the statements, first and last of each group. */
const KINESIS: readonly (readonly [first: number, last: number])[] = [
  [1, 7],
  [10, 22],
  [30, 53],
  [60, 82],
  [90, 100],
  [110, 126],
  [130, 153],
  [160, 168],
  [170, 177],
  [180, 185],
];

const FIREHOSE = [[1, 110]] as const;

const numbersOf = (letter: string, groups: readonly (readonly [first: number, last: number])[]) =>
  groups.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, offset) => `${letter}-${String(first + offset).padStart(3, '0')}`),
  );

it('each statement is tested once', () => {
  const sources = readdirSync(import.meta.dirname).map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'));
  const declared = sources.flatMap((source) =>
    [...source.matchAll(/^(?: *statement\(\s*| {2})'([SF]-\d{3})'/gm)].map(([, number]) => number!),
  );
  expect(declared.toSorted()).toEqual([...numbersOf('F', FIREHOSE), ...numbersOf('S', KINESIS)]);
});
