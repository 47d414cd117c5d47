/** The checker of the torture run: each guarantee is found broken under its name, and what is intact is found intact. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hexOf } from '../../scripts/torture/bodies.ts';
import { check, checkHistory } from '../../scripts/torture/checker/check.ts';
import { GUARANTEES } from '../../scripts/torture/checker/findings.ts';
import { THERE } from '../../scripts/torture/checker/states.ts';
import { ABSENT, createHistory, type Entry } from '../../scripts/torture/history.ts';
import { createLedger } from '../../scripts/torture/ledger.ts';
import type { Observation } from '../../scripts/torture/observation.ts';
import {
  change,
  direct,
  numberAt,
  object,
  objects,
  observed,
  put,
  record,
  SIZE,
  shard,
  stream,
  unknown,
  wide,
} from './hand-made.ts';

const namesFound = (entries: readonly Entry[], observation: Observation): string[] => [
  ...new Set(check(createLedger(entries), observation).violations.map(({ guarantee }) => guarantee)),
];

const TAG = 'tag kinesis plain owner-1';
const PASSING = 'stream passing-1';
const BEFORE = put(1, 0, [1, 2]);
const AFTER = put(1, 2, [3]);
const INTACT = wide(record(1, 0, 1), record(1, 1, 2), record(1, 2, 3));
const REMOVED: Entry = { kind: 'removed', path: 'torture/direct/a', bodies: [[1, 0]] };
const READ: Entry = { kind: 'read', atUs: 60, target: 'wide', shard: 0, records: [[2, 0, numberAt(9)]] };
const SPLIT: Entry = {
  kind: 'reshard',
  client: 1,
  operation: 'SplitShard',
  target: 'fluid',
  parents: [0],
  at: `8${'0'.repeat(31)}`,
  startUs: 1,
  endUs: 2,
  outcome: 'ok',
};
const CHILDREN = [
  shard(2, [], { to: `7${'f'.repeat(31)}`, parents: [0] }),
  shard(3, [], { from: `8${'0'.repeat(31)}`, parents: [0] }),
];
const SCALE = { ...SPLIT, kind: 'scale', operation: 'UpdateShardCount', from: [0], count: 2 } as const satisfies Entry;
/** The first child once more in two, so that three of four equal shards are there. */
const THREE = [
  shard(0, [], { isOpen: false }),
  shard(2, [], { to: `7${'f'.repeat(31)}`, parents: [0], isOpen: false }),
  shard(3, [], { from: `8${'0'.repeat(31)}`, parents: [0] }),
  shard(4, [], { to: `3${'f'.repeat(31)}`, parents: [2] }),
  shard(5, [], { from: `4${'0'.repeat(31)}`, to: `7${'f'.repeat(31)}`, parents: [2] }),
];
const RETENTION = 'retention plain';
const CONSUMER = 'consumer plain reader-1';
const CHECKED: Entry = { kind: 'mark', atUs: 99, what: 'checked', url: '' };

type Case = readonly [guarantee: string, title: string, entries: readonly Entry[], observation: Observation];

const BROKEN: readonly Case[] = [
  ['NoLoss', 'an acknowledged record is missing', [BEFORE], wide(record(1, 0, 1))],
  ['NoLoss', 'a record that was read is missing', [READ], wide()],
  ['NoLoss', 'an acknowledged tag is gone', [change(TAG, 'v1')], observed([], { cells: { [TAG]: ABSENT } })],
  [
    'NoLoss',
    'a tag has its former value again',
    [change(TAG, 'v1'), change(TAG, 'v2')],
    observed([], { cells: { [TAG]: 'v1' } }),
  ],
  ['NoLoss', 'a stream is gone', [change(PASSING, '1')], observed([], { cells: { [PASSING]: ABSENT } })],
  ['NoLoss', 'a delivery stream is gone', [], observed([], { missing: ['direct'] })],
  ['NoLoss', 'an acknowledged split is undone', [SPLIT], observed([stream('fluid', shard(0, []))])],
  [
    'NoLoss',
    'no open shard has some hash keys',
    [],
    observed([stream('wide', shard(0, [], { from: '1'.repeat(32) }))]),
  ],
  ['NoForeign', 'a record was sent by nobody', [BEFORE], wide(record(1, 0, 1), record(1, 1, 2), record(7, 0, 3))],
  ['NoForeign', 'a record is none of ours', [], wide(record(1, 0, 1, { body: null }))],
  ['NoForeign', 'a refused put is there', [{ ...unknown(BEFORE), outcome: 'fail' }], wide(record(1, 0, 1))],
  [
    'NoForeign',
    'a record refused by an ErrorCode is there',
    [put(1, 0, [1, 2], { numbers: [numberAt(1), null] })],
    wide(record(1, 0, 1), record(1, 1, 2)),
  ],
  ['NoForeign', 'an object has a record that was not sent there', [], objects(object('direct/a', [[1, 0]]))],
  ['NoForeign', 'nobody split a shard', [], observed([stream('fluid', shard(0, [], { isOpen: false }), ...CHILDREN)])],
  ['NoDuplicate', 'a record is there twice', [put(1, 0, [1])], wide(record(1, 0, 1), record(1, 0, 2))],
  [
    'NoDuplicate',
    'a record appears once more after a check',
    [put(1, 0, [1]), CHECKED],
    { ...wide(record(1, 0, 5)), extent: 'since' },
  ],
  ['SameSequence', 'a record has another number', [put(1, 0, [1])], wide(record(1, 0, 2))],
  ['SameSequence', 'a record is in another shard', [put(1, 0, [1], { shards: [1] })], wide(record(1, 0, 1))],
  [
    'Monotonic',
    'a number is not above the one before',
    [BEFORE],
    wide(record(1, 1, 2), record(1, 0, 1, { arrivedMs: 2000 })),
  ],
  [
    'Monotonic',
    'an arrival is before the one before',
    [BEFORE],
    wide(record(1, 0, 1), record(1, 1, 2, { arrivedMs: 5 })),
  ],
  [
    'Monotonic',
    'the first number after a check is not above the last before',
    [put(1, 0, [1])],
    observed([stream('wide', shard(0, [record(1, 0, 1)], { before: { number: numberAt(1), arrivedMs: 1 } }))], {
      extent: 'since',
    }),
  ],
  [
    'RealTimeOrder',
    'a later put has a lower number',
    [put(1, 0, [5]), put(1, 1, [4])],
    wide(record(1, 1, 4), record(1, 0, 5)),
  ],
  ['AtomicRequest', 'half of a put of unknown outcome is there', [unknown(BEFORE)], wide(record(1, 0, 1))],
  [
    'AtomicRequest',
    'half of a put of unknown outcome was delivered',
    [direct(1, 0, 2, 'unknown')],
    objects(object('direct/a', [[1, 0]])),
  ],
  [
    'BytesEqual',
    'a byte differs',
    [put(1, 0, [1])],
    wide(record(1, 0, 1, { body: { client: 1, counter: 0, size: SIZE, isIntact: false } })),
  ],
  ['BytesEqual', 'the partition key differs', [put(1, 0, [1])], wide(record(1, 0, 1, { partitionKey: 'other' }))],
  [
    'BytesEqual',
    'the shard does not have the hash key',
    [put(1, 0, [1])],
    observed([
      stream(
        'wide',
        shard(0, [record(1, 0, 1)], {
          to: `${(BigInt(`0x${hexOf({ client: 1, counter: 0 }, false)}`) - 1n).toString(16)}`,
        }),
      ),
    ]),
  ],
  ['BytesEqual', 'an object is cut off', [direct(1, 0, 1)], objects(object('direct/a', [[1, 0]], { restBytes: 7 }))],
  [
    'ObjectExactlyOnce',
    'an acknowledged record is in no object',
    [direct(1, 0, 2)],
    objects(object('direct/a', [[1, 0]])),
  ],
  [
    'ObjectExactlyOnce',
    'a record is in two objects',
    [direct(1, 0, 1)],
    objects(object('direct/a', [[1, 0]]), object('direct/b', [[1, 0]])),
  ],
  [
    'ObjectExactlyOnce',
    'a record of unknown outcome is in two objects',
    [direct(1, 0, 1, 'unknown')],
    objects(object('direct/a', [[1, 0]]), object('direct/b', [[1, 0]])),
  ],
  [
    'ObjectExactlyOnce',
    'a record of the source is in no object',
    [put(1, 0, [1], { target: 'source' })],
    observed([stream('source', shard(0, [record(1, 0, 1)]))], { objects: [] }),
  ],
  [
    'ObjectOrder',
    "a client's records are out of order",
    [direct(1, 0, 2)],
    objects(
      object('direct/a', [
        [1, 1],
        [1, 0],
      ]),
    ),
  ],
  [
    'ObjectOrder',
    "a client's records are interleaved in two objects",
    [direct(1, 0, 3)],
    objects(
      object('direct/a', [
        [1, 0],
        [1, 2],
      ]),
      object('direct/b', [[1, 1]]),
    ),
  ],
  [
    'ObjectOrder',
    'clients do not agree on the order of two objects',
    [direct(1, 0, 2), direct(2, 0, 2)],
    objects(
      object('direct/a', [
        [1, 0],
        [2, 1],
      ]),
      object('direct/b', [
        [1, 1],
        [2, 0],
      ]),
    ),
  ],
  ['NoLoss', 'an acknowledged change of the shard count is not there', [SCALE], observed([])],
  [
    'NoLoss',
    'an acknowledged change of the shard count is there in part',
    [{ ...SCALE, count: 4 }],
    observed([stream('fluid', ...THREE)]),
  ],
  [
    'NoForeign',
    'a change of the shard count of unknown outcome is there in part',
    [{ ...SCALE, count: 4, outcome: 'unknown' }],
    observed([stream('fluid', ...THREE)]),
  ],
  [
    'NoForeign',
    'a change of the shard count that was refused is there',
    [{ ...SCALE, outcome: 'fail' }],
    observed([stream('fluid', shard(0, [], { isOpen: false }), ...CHILDREN)]),
  ],
  [
    'NoLoss',
    'an acknowledged retention is another',
    [change(RETENTION, '48'), change(RETENTION, '30')],
    observed([], { cells: { [RETENTION]: '48' } }),
  ],
  [
    'NoLoss',
    'a registered consumer is missing',
    [change(CONSUMER, 'registered')],
    observed([], { cells: { [CONSUMER]: ABSENT } }),
  ],
  ['NoStuckState', 'something is stuck', [], observed([], { stuck: ['The stream plain stays CREATING.'] })],
  [
    'NoResurrection',
    'a deleted stream is there',
    [change(PASSING, '1'), change(PASSING, ABSENT)],
    observed([], { cells: { [PASSING]: THERE } }),
  ],
  [
    'NoResurrection',
    'a removed tag is there',
    [change(TAG, 'v1'), change(TAG, ABSENT)],
    observed([], { cells: { [TAG]: 'v1' } }),
  ],
  [
    'NoResurrection',
    'a re-created stream has an old record',
    [change(PASSING, '1'), put(1, 0, [1], { target: 'passing-1#1' }), change(PASSING, ABSENT), change(PASSING, '2')],
    observed([stream('passing-1', shard(0, [record(1, 0, 1)]))], { cells: { [PASSING]: THERE } }),
  ],
  [
    'NoResurrection',
    'a put that an earlier check did not find is there',
    [unknown(put(1, 0, [1])), { kind: 'settled', client: 1, first: 0, isThere: false }],
    wide(record(1, 0, 1)),
  ],
  ['NoResurrection', 'an object that a user deleted is there', [], observed([], { returned: ['torture/direct/a'] })],
  ['DatabaseIntact', 'the database is damaged', [], observed([], { database: ['The integrity check says: no.'] })],
];

const SOUND: readonly (readonly [title: string, entries: readonly Entry[], observation: Observation])[] = [
  ['nothing', [], observed([])],
  ['records as they were sent', [BEFORE, AFTER], INTACT],
  ['a put of unknown outcome that is there', [unknown(BEFORE)], wide(record(1, 0, 1), record(1, 1, 2))],
  ['a put of unknown outcome that is not there', [unknown(BEFORE)], wide()],
  ['a record that was read', [unknown(put(2, 0, [9])), READ], wide(record(2, 0, 9))],
  ['what came after a check', [BEFORE, CHECKED, AFTER], { ...wide(record(1, 2, 3)), extent: 'since' }],
  [
    'a tag whose change has an unknown outcome',
    [change(TAG, 'v1', 'unknown')],
    observed([], { cells: { [TAG]: 'v1' } }),
  ],
  ['a tag whose change was refused', [change(TAG, 'v1', 'fail')], observed([], { cells: { [TAG]: ABSENT } })],
  [
    'a re-created stream without its old records',
    [change(PASSING, '1'), put(1, 0, [1], { target: 'passing-1#1' }), change(PASSING, ABSENT), change(PASSING, '2')],
    observed([stream('passing-1', shard(0, []))], { cells: { [PASSING]: THERE } }),
  ],
  ['a split', [SPLIT], observed([stream('fluid', shard(0, [], { isOpen: false }), ...CHILDREN)])],
  ['a split of unknown outcome that was not done', [{ ...SPLIT, outcome: 'unknown' }], observed([])],
  ['a change of the shard count', [SCALE], observed([stream('fluid', shard(0, [], { isOpen: false }), ...CHILDREN)])],
  [
    'a change of the shard count that was followed by a split',
    [SCALE, { ...SPLIT, parents: [2], at: `4${'0'.repeat(31)}` }],
    observed([stream('fluid', ...THREE)]),
  ],
  [
    'a change of the shard count of unknown outcome that was done',
    [{ ...SCALE, outcome: 'unknown' }],
    observed([stream('fluid', shard(0, [], { isOpen: false }), ...CHILDREN)]),
  ],
  [
    'a change of the shard count of unknown outcome that was not done',
    [{ ...SCALE, outcome: 'unknown' }],
    observed([]),
  ],
  [
    'objects with every record once',
    [direct(1, 0, 2), direct(2, 0, 2), direct(3, 0, 1, 'unknown')],
    objects(
      object('direct/a', [
        [1, 0],
        [2, 0],
      ]),
      object('direct/b', [
        [2, 1],
        [1, 1],
      ]),
    ),
  ],
  ['an object that was deleted by hand', [direct(1, 0, 1), REMOVED], objects()],
  [
    'objects of a source',
    [put(1, 0, [1, 2], { target: 'source' })],
    observed([stream('source', shard(0, [record(1, 0, 1), record(1, 1, 2)]))], {
      objects: [
        object('sourced/a', [
          [1, 1],
          [1, 0],
        ]),
      ],
    }),
  ],
];

describe('what is broken is found under its name', () => {
  it.each(BROKEN)('%s: %s', (guarantee, _title, entries, observation) => {
    expect(namesFound(entries, observation)).toContain(guarantee);
  });

  it('every guarantee has a case', () => {
    expect([...new Set(BROKEN.map(([guarantee]) => guarantee))].sort()).toEqual([...GUARANTEES].sort());
  });
});

describe('what is intact is found intact', () => {
  it.each(SOUND)('%s', (_title, entries, observation) => {
    expect(check(createLedger(entries), observation).violations).toEqual([]);
  });
});

describe('a history that was saved', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-torture-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('is judged like one in memory', () => {
    const history = createHistory(join(directory, 'history.jsonl'));
    for (const entry of [BEFORE, AFTER]) history.append(entry);
    history.flush();
    expect(checkHistory(history.path, INTACT)).toEqual([]);
    expect(checkHistory(history.path, wide()).map(({ guarantee }) => guarantee)).toEqual([
      'NoLoss',
      'NoLoss',
      'NoLoss',
    ]);
  });
});

it('many violations of one kind are told by a few', () => {
  const lost = put(
    1,
    0,
    Array.from({ length: 1000 }, (_, index) => index),
  );
  const { violations } = check(createLedger([lost]), wide());
  expect(violations).toHaveLength(6);
  expect(violations.at(-1)!.message).toBe('And 995 more like these.');
});
