/** Random steps: what is asked for, and how often. */
import fc from 'fast-check';
import {
  deregister,
  listConsumers,
  listResourceTags,
  readPolicy,
  register,
  removePolicy,
  setPolicy,
  tagResource,
  untagResource,
} from './consumer-steps.ts';
import type { Resource } from './consumers.ts';
import { TRANSITION_MS } from './model.ts';
import { type BeginningChoice, type Entry, iterator, put, putMany, read, readLate } from './record-steps.ts';
import {
  keepFor,
  keepLonger,
  limitRecords,
  monitor,
  startEncryption,
  stopEncryption,
  switchMode,
} from './setting-steps.ts';
import { METRICS } from './settings.ts';
import { type FilterChoice, listAllShards, scale, type Target } from './shard-steps.ts';
import type { ShardChoice, Step } from './step.ts';
import type { Design } from './stream.ts';
import {
  create,
  describeStream,
  listStreams,
  listTags,
  merge,
  mergeNeighbours,
  recreate,
  remove,
  split,
  tag,
  untag,
} from './stream-steps.ts';
import { advance, awaitExpiry, awaitTransition, restart, sweep } from './time-steps.ts';

// Few names and keys, so that steps meet.
const name = fc.constantFrom('a', 'a', 'a', 'a', 'a', 'b', 'b', 'Z.1');
const choice = fc.nat({ max: 20 });
/** Which of the iterators that were given out, from the newest on. */
const past = fc.nat({ max: 8 });
const limit = fc.integer({ min: 1, max: 4 });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });

const mostly = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 8 });

const entry: fc.Arbitrary<Entry> = fc.record({
  key: fc.constantFrom('k', 'order-17', 'ü', '😀', 'x y', '0', 'm', 'z'),
  data: fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  hash: optional(
    fc.oneof(
      { weight: 30, arbitrary: fc.record({ open: choice, end: fc.constantFrom('start', 'end') }) },
      { weight: 1, arbitrary: fc.constant('too large' as const) },
    ),
  ),
});

const shardOf = (...of: readonly ('all' | 'open' | 'closed')[]): fc.Arbitrary<ShardChoice> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ of: fc.constantFrom(...of), place: choice }) },
    { weight: 1, arbitrary: fc.record({ index: fc.nat({ max: 9 }) }) },
  );
const anyShard = shardOf('all', 'closed', 'closed');
const openShard = shardOf('open', 'open', 'open', 'closed');

const splitPoint = fc.constantFrom(
  ...(['middle', 'middle', 'middle', 'third', 'start', 'start + 1', 'start + 2', 'end - 1', 'end'] as const),
);

const instant = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('long ago', 'now', 'future') },
  { weight: 3, arbitrary: fc.record({ record: choice, offsetMs: fc.constantFrom(-1, 0, 1) }) },
);
const number = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('starting', 'ending', 'ending') },
  { weight: 3, arbitrary: fc.record({ record: choice }) },
  { weight: 1, arbitrary: fc.record({ foreign: choice }) },
  { weight: 3, arbitrary: fc.record({ former: choice }) },
);
const beginning = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('TRIM_HORIZON', 'LATEST') }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('AT_TIMESTAMP'), near: instant }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom('AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'), of: number }),
  },
) as fc.Arbitrary<BeginningChoice>;

/** The last two sort differently by UTF-8 and by UTF-16. */
const tagKey = fc.constantFrom('team', 'Größe', 'a b', 'x.y', '\u{fb00}', '\u{1d49c}');
const anyTagKey = fc.oneof({ weight: 20, arbitrary: tagKey }, { weight: 1, arbitrary: fc.constant('not;allowed') });
const tagValue = fc.constantFrom('', 'x', 'Straße 1');
const someTags = fc.dictionary(anyTagKey, tagValue, { minKeys: 1, maxKeys: 3 });
const optionalTags = fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: someTags });
/** About as many as a stream may have, so that the limit is met. */
const manyTags = fc
  .integer({ min: 45, max: 52 })
  .map((count) => Object.fromEntries(Array.from({ length: count }, (_, place) => [`k${place}`, ''])));

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const duration = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(1, 499, 500, 501) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 * SECOND_MS }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 6 * MINUTE_MS }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 25 * HOUR_MS }) },
);

const design: fc.Arbitrary<Partial<Design>> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ shardCount: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      shardCount: fc.constantFrom(1, 2),
      mode: fc.constantFrom('PROVISIONED', 'ON_DEMAND'),
      tags: someTags,
      maxRecordKib: optional(fc.constantFrom(1024, 10_240)),
    }),
  },
);
const target: fc.Arbitrary<Target> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<Target>('half', 'same', 'double', 'double') },
  { weight: 1, arbitrary: fc.constantFrom<Target>('less than half', 'more than double') },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 6 }) },
);
const filter: fc.Arbitrary<FilterChoice> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ Type: fc.constant('AFTER_SHARD_ID' as const), shard: anyShard }) },
  {
    weight: 2,
    arbitrary: fc.record({ Type: fc.constantFrom('AT_TRIM_HORIZON', 'FROM_TRIM_HORIZON', 'AT_LATEST') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      Type: fc.constantFrom('AT_TIMESTAMP', 'FROM_TIMESTAMP'),
      change: choice,
      offsetMs: fc.constantFrom(-1, 0, 0, 1),
    }),
  },
);

/** Beyond the ends, at them, and between. */
const hours = fc.constantFrom(23, 24, 24, 25, 26, 48, 8760, 8761);
const direction = fc.constantFrom('Increase' as const, 'Decrease' as const);
const keyId = fc.constantFrom('alias/aws/kinesis', 'alias/own', '11111111-2222-3333-4444-555555555555');
const metrics = fc.uniqueArray(fc.constantFrom('ALL', ...METRICS), { minLength: 1, maxLength: 3 });
const consumer = fc.constantFrom('reader', 'reader', 'A-1');
const mode = fc.constantFrom('PROVISIONED' as const, 'PROVISIONED' as const, 'ON_DEMAND' as const);
const resource: fc.Arbitrary<Resource> = fc.record({ stream: name, consumer: optional(consumer) });

const justBefore = fc.constantFrom(-1 as const, 0 as const);

const weighted: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 4, arbitrary: fc.tuple(name, design).map((of) => create(...of)) },
  { weight: 1, arbitrary: fc.tuple(name, fc.boolean()).map((of) => remove(...of)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('a', 'b'), fc.boolean()).map((of) => recreate(...of)) },
  { weight: 12, arbitrary: fc.tuple(name, entry, optional(choice)).map((of) => put(...of)) },
  { weight: 8, arbitrary: fc.tuple(name, fc.array(entry, { minLength: 1, maxLength: 5 })).map((of) => putMany(...of)) },
  { weight: 8, arbitrary: fc.tuple(name, openShard, splitPoint).map((of) => split(...of)) },
  {
    weight: 6,
    arbitrary: fc.tuple(name, choice, fc.nat(3)).map(([of, at, odds]) => mergeNeighbours(of, at, odds === 3)),
  },
  { weight: 2, arbitrary: fc.tuple(name, anyShard, openShard).map((of) => merge(...of)) },
  { weight: 8, arbitrary: fc.tuple(name, target).map((of) => scale(...of)) },
  {
    weight: 8,
    arbitrary: fc.tuple(name, mostly(filter), optional(anyShard), limit).map((of) => listAllShards(...of)),
  },
  { weight: 2, arbitrary: fc.tuple(name, fc.constantFrom(1, 24)).map((of) => keepLonger(...of)) },
  { weight: 5, arbitrary: fc.tuple(name, hours, direction).map((of) => keepFor(...of)) },
  { weight: 3, arbitrary: fc.tuple(name, keyId).map((of) => startEncryption(...of)) },
  { weight: 2, arbitrary: fc.tuple(name, keyId).map((of) => stopEncryption(...of)) },
  { weight: 2, arbitrary: fc.tuple(name, metrics, fc.boolean()).map((of) => monitor(...of)) },
  { weight: 2, arbitrary: fc.tuple(name, mode).map((of) => switchMode(...of)) },
  { weight: 1, arbitrary: fc.tuple(name, fc.constantFrom(1024, 2048)).map((of) => limitRecords(...of)) },
  { weight: 4, arbitrary: fc.tuple(name, consumer, optionalTags).map((of) => register(...of)) },
  { weight: 2, arbitrary: fc.tuple(name, consumer, fc.boolean()).map((of) => deregister(...of)) },
  { weight: 1, arbitrary: fc.tuple(name, limit).map((of) => listConsumers(...of)) },
  { weight: 2, arbitrary: fc.tuple(resource, someTags).map((of) => tagResource(...of)) },
  {
    weight: 1,
    arbitrary: fc.tuple(resource, fc.uniqueArray(anyTagKey, { minLength: 1 })).map((of) => untagResource(...of)),
  },
  { weight: 1, arbitrary: resource.map(listResourceTags) },
  { weight: 2, arbitrary: fc.tuple(resource, fc.constantFrom('One', 'Two')).map((of) => setPolicy(...of)) },
  { weight: 1, arbitrary: resource.map(removePolicy) },
  { weight: 1, arbitrary: resource.map(readPolicy) },
  { weight: 14, arbitrary: fc.tuple(name, anyShard, beginning, optional(limit)).map((of) => iterator(...of)) },
  { weight: 16, arbitrary: fc.tuple(past, limit).map((of) => read(...of)) },
  { weight: 2, arbitrary: fc.tuple(past, fc.constantFrom(0 as const, 1 as const)).map((of) => readLate(...of)) },
  { weight: 3, arbitrary: fc.tuple(name, someTags).map((of) => tag(...of)) },
  { weight: 1, arbitrary: fc.tuple(name, manyTags).map((of) => tag(...of)) },
  { weight: 2, arbitrary: fc.tuple(name, fc.uniqueArray(anyTagKey, { minLength: 1 })).map((of) => untag(...of)) },
  { weight: 1, arbitrary: fc.tuple(name, limit, optional(tagKey)).map((of) => listTags(...of)) },
  { weight: 2, arbitrary: fc.tuple(name, limit, optional(anyShard)).map((of) => describeStream(...of)) },
  {
    weight: 1,
    arbitrary: fc.tuple(limit, optional(fc.constantFrom('Z.1', 'a', 'aa', 'b'))).map((of) => listStreams(...of)),
  },
  { weight: 12, arbitrary: duration.map(advance) },
  { weight: 6, arbitrary: fc.tuple(choice, justBefore).map((of) => awaitTransition(...of)) },
  { weight: 3, arbitrary: fc.tuple(choice, justBefore).map((of) => awaitExpiry(...of)) },
  { weight: 2, arbitrary: fc.constant(sweep) },
  { weight: 2, arbitrary: fc.constant(restart) },
];

export const anyStep: fc.Arbitrary<Step> = fc.oneof(...weighted);

/** What every sequence begins with, so that most of what follows meets something: records, and a closed shard. */
export const prologue: readonly Step[] = [
  create('a', { shardCount: 2 }),
  create('b', {}),
  advance(TRANSITION_MS),
  tag('a', { team: 'x' }),
  putMany(
    'a',
    ['k', '0', 'x y', 'm'].map((key) => ({ key, data: '' })),
  ),
  split('a', { index: 1 }, 'middle'),
  advance(TRANSITION_MS),
];
