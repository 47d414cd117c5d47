/** What clients knew at a moment. */
import { expect, test } from 'vitest';
import { historyAt } from '../../scripts/torture/disk/history-cut.ts';
import type { Entry } from '../../scripts/torture/history.ts';

const put = (startUs: number, endUs: number, outcome: 'ok' | 'fail' = 'ok'): Entry => ({
  kind: 'put',
  client: 1,
  operation: 'PutRecord',
  service: 'kinesis',
  target: 'plain',
  first: startUs,
  sizes: [40],
  shards: [0],
  numbers: ['1'],
  startUs,
  endUs,
  outcome,
});

const outcomes = (entries: readonly Entry[]) =>
  entries.map((entry) => ('outcome' in entry ? entry.outcome : entry.kind));

test('an answer is known from the moment on at which it had certainly come', () => {
  const entries = [put(10, 20), put(15, 30), put(40, 50)];
  expect(outcomes(historyAt(entries, 31_000))).toEqual(['ok', 'ok']);
  expect(outcomes(historyAt(entries, 30_500))).toEqual(['ok', 'unknown']);
  expect(historyAt(entries, 20_000)[0]).not.toHaveProperty('numbers');
});

test('what was going to be refused had no effect at any time', () => {
  expect(outcomes(historyAt([put(10, 20, 'fail')], 15_000))).toEqual(['fail']);
});

test('what was found out later is not known yet', () => {
  const seen: Entry = { kind: 'seen', cell: 'stream passing-1', state: 'absent' };
  const mark: Entry = { kind: 'mark', atUs: 100, what: 'prepared', url: '' };
  expect(outcomes(historyAt([put(10, 20), seen, mark], 90_000))).toEqual(['ok']);
  expect(outcomes(historyAt([put(10, 20), seen, mark], 101_000))).toEqual(['ok', 'seen', 'mark']);
});
