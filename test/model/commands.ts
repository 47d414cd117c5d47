/**
 * What clients do, as commands for fast-check. Each changes the model, does the same to the server, and expects the
 * outcome that the model predicts; requests that must be refused are part of it.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { TestServer } from '../support/server.ts';
import { compare, expectReading } from './compare.ts';
import {
  ITERATOR_LIFE_MS,
  type Model,
  type ModelIterator,
  type ModelShard,
  type ModelStream,
  shardIdOf,
  statusOf,
  TRANSITION_MS,
} from './model.ts';

export type Command = fc.AsyncCommand<Model, TestServer>;

/** A command that can always be given; afterwards everything must be as in the model. */
function command(title: string, step: (model: Model, server: TestServer) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, server) {
      await step(model, server);
      await compare(model, server);
    },
    toString: () => title,
  };
}

/** Calls an operation that must succeed, or must be refused with the code `refusal`. Returns the answer's body. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
async function expectCall(server: TestServer, operation: string, input: object, refusal?: string): Promise<any> {
  const { status, body } = await server.call(operation, input);
  const outcome = status === 200 ? 'success' : body.__type;
  expect(outcome, `${operation} ${JSON.stringify(input)}: ${body?.message}`).toBe(refusal ?? 'success');
  return body;
}

const MISSING = 'ResourceNotFoundException';
const IN_USE = 'ResourceInUseException';
const INVALID = 'InvalidArgumentException';

const create = (StreamName: string, ShardCount: number) =>
  command(`create(${StreamName}, ${ShardCount})`, async (model, server) => {
    const exists = model.streams.has(StreamName);
    await expectCall(server, 'CreateStream', { StreamName, ShardCount }, exists ? IN_USE : undefined);
    if (!exists) model.create(StreamName, ShardCount);
  });

const remove = (StreamName: string) =>
  command(`delete(${StreamName})`, async (model, server) => {
    const stream = model.streams.get(StreamName);
    await expectCall(server, 'DeleteStream', { StreamName }, stream === undefined ? MISSING : undefined);
    if (stream !== undefined) model.delete(stream);
  });

interface NewRecord {
  readonly key: string;
  readonly hash: bigint | undefined;
}

const entryOf = ({ key, hash }: NewRecord) => ({
  PartitionKey: key,
  ExplicitHashKey: hash?.toString(),
  Data: Buffer.from(`data of ${key}`).toString('base64'),
});

/** The stream if it takes records. */
function writable(model: Model, name: string): ModelStream | undefined {
  const stream = model.streams.get(name);
  return stream?.isCreating ? undefined : stream;
}

function noteRecord(
  model: Model,
  stream: ModelStream,
  record: NewRecord,
  { ShardId, SequenceNumber }: { readonly ShardId: string; readonly SequenceNumber: string },
): void {
  const shard = model.shardFor(stream, record.key, record.hash);
  expect(ShardId, `the shard of ${record.key}`).toBe(shardIdOf(shard.index));
  const former = model.highest.get(stream.name) ?? 0n;
  const isFirst = stream.shards.every(({ records }) => records.length === 0);
  if (isFirst) expect(BigInt(SequenceNumber) > former, 'above the former stream of the name').toBe(true);
  const { PartitionKey: partitionKey, Data: data } = entryOf(record);
  model.append(stream, shard, { number: SequenceNumber, partitionKey, data, arrivedMs: model.now });
  if (BigInt(SequenceNumber) > former) model.highest.set(stream.name, BigInt(SequenceNumber));
}

const put = (StreamName: string, record: NewRecord) =>
  command(`put(${StreamName}, ${record.key}, ${record.hash})`, async (model, server) => {
    const stream = writable(model, StreamName);
    const input = { StreamName, ...entryOf(record) };
    const answer = await expectCall(server, 'PutRecord', input, stream === undefined ? MISSING : undefined);
    if (stream !== undefined) noteRecord(model, stream, record, answer);
  });

const putMany = (StreamName: string, records: readonly NewRecord[]) =>
  command(`putMany(${StreamName}, ${records.map(({ key }) => key)})`, async (model, server) => {
    const stream = writable(model, StreamName);
    const input = { StreamName, Records: records.map(entryOf) };
    const answer = await expectCall(server, 'PutRecords', input, stream === undefined ? MISSING : undefined);
    if (stream === undefined) return;
    expect(answer.FailedRecordCount).toBe(0);
    for (const [index, record] of records.entries()) noteRecord(model, stream, record, answer.Records[index]);
  });

/** The error with which a split or merge of these shards must be refused, whatever else it asks for. */
function reshardRefusal(model: Model, stream: ModelStream | undefined, indices: readonly number[]): string | undefined {
  if (stream === undefined) return MISSING;
  if (statusOf(stream) !== 'ACTIVE') return IN_USE;
  const shards = indices.map((index) => listedShard(model, stream, index));
  if (shards.includes(undefined)) return MISSING;
  return shards.some((shard) => shard!.closedMs !== null) ? INVALID : undefined;
}

const listedShard = (model: Model, stream: ModelStream, index: number): ModelShard | undefined =>
  model.listed(stream).find((shard) => shard.index === index);

/** Above this choice a shard's index is taken as it is, and may name none; below, it picks one that is there. */
const PICKED_MAX = 45;

function picked(model: Model, name: string, choice: number): number {
  const stream = model.streams.get(name);
  const listed = stream === undefined ? [] : model.listed(stream);
  return choice > PICKED_MAX ? choice - PICKED_MAX : (listed[choice % listed.length]?.index ?? 0);
}

/** Splits at `share` (0 to 100 hundredths) of the shard's range; the ends themselves must be refused. */
const split = (StreamName: string, choice: number, share: number) =>
  command(`split(${StreamName}, ${choice}, ${share} %)`, async (model, server) => {
    const index = picked(model, StreamName, choice);
    const stream = model.streams.get(StreamName);
    const shard = stream?.shards[index];
    const { start, end } = shard ?? { start: 0n, end: 1000n };
    const key = start + ((end - start) * BigInt(share)) / 100n;
    const isInside = key > start + 1n && key < end;
    const refusal = reshardRefusal(model, stream, [index]) ?? (isInside ? undefined : INVALID);
    const input = { StreamName, ShardToSplit: shardIdOf(index), NewStartingHashKey: key.toString() };
    await expectCall(server, 'SplitShard', input, refusal);
    if (refusal === undefined) model.reshard(stream!, [shard!], [start, key]);
  });

const merge = (StreamName: string, first: number, second: number) =>
  command(`merge(${StreamName}, ${first}, ${second})`, async (model, server) => {
    const stream = model.streams.get(StreamName);
    const [lower, upper] = [stream?.shards[first], stream?.shards[second]];
    const isAdjacent = lower !== undefined && upper !== undefined && lower.end + 1n === upper.start;
    const refusal = reshardRefusal(model, stream, [first, second]) ?? (isAdjacent ? undefined : INVALID);
    const input = { StreamName, ShardToMerge: shardIdOf(first), AdjacentShardToMerge: shardIdOf(second) };
    await expectCall(server, 'MergeShards', input, refusal);
    if (refusal === undefined) model.reshard(stream!, [lower!, upper!], [lower!.start]);
  });

/** Merges the two open shards that are neighbours at the given place: what random indices seldom hit. */
const mergeNeighbours = (StreamName: string, place: number) => ({
  ...merge(StreamName, 0, 0),
  async run(model: Model, server: TestServer) {
    const open = [...(model.streams.get(StreamName)?.shards ?? [])]
      .filter(({ closedMs }) => closedMs === null)
      .sort((a, b) => (a.start < b.start ? -1 : 1));
    const at = open.length > 1 ? place % (open.length - 1) : 0;
    await merge(StreamName, open[at]?.index ?? 0, open[at + 1]?.index ?? 1).run(model, server);
  },
  toString: () => `mergeNeighbours(${StreamName}, ${place})`,
});

const ITERATOR_TYPES = [
  'TRIM_HORIZON',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'AFTER_SEQUENCE_NUMBER',
] as const;
type IteratorType = (typeof ITERATOR_TYPES)[number];

/** `choice` picks the record (or the shard's own starting number) or the instant that the iterator begins with. */
const iterator = (StreamName: string, place: number, type: IteratorType, choice: number) =>
  command(`iterator(${StreamName}, ${place}, ${type}, ${choice})`, async (model, server) => {
    const index = picked(model, StreamName, place);
    const stream = model.streams.get(StreamName);
    const shard = stream && listedShard(model, stream, index);
    const input = { StreamName, ShardId: shardIdOf(index), ShardIteratorType: type };
    if (stream === undefined || shard === undefined) {
      await expectCall(server, 'GetShardIterator', { ...input, ...NEEDED[type] }, MISSING);
      return;
    }
    const { more, position } = await beginning(model, server, stream, shard, type, choice);
    const { ShardIterator } = await expectCall(server, 'GetShardIterator', { ...input, ...more });
    await readWith({ token: ShardIterator, stream, shard, position, createdMs: model.now }, READ_MAX, model, server);
  });

const READ_MAX = 10_000;

/** What a request needs besides the type to be well-formed. */
const NEEDED: Readonly<Record<IteratorType, object>> = {
  TRIM_HORIZON: {},
  LATEST: {},
  AT_TIMESTAMP: { Timestamp: 1 },
  AT_SEQUENCE_NUMBER: { StartingSequenceNumber: '1' },
  AFTER_SEQUENCE_NUMBER: { StartingSequenceNumber: '1' },
};

/** The members that say where an iterator begins, and the position that they mean. */
async function beginning(
  model: Model,
  server: TestServer,
  stream: ModelStream,
  shard: ModelShard,
  type: IteratorType,
  choice: number,
): Promise<{ more: object; position: number }> {
  if (type === 'TRIM_HORIZON') return { more: {}, position: 0 };
  if (type === 'LATEST') return { more: {}, position: shard.records.length };
  if (type === 'AT_TIMESTAMP') {
    const arrivals = shard.records.map(({ arrivedMs }) => arrivedMs);
    // An arrival, the millisecond after one, or now.
    const ms = Math.min(model.now, (arrivals[choice % (arrivals.length + 1)] ?? model.now) + (choice % 2));
    return { more: { Timestamp: ms / 1000 }, position: arrivals.filter((arrivedMs) => arrivedMs < ms).length };
  }
  const place = (choice % (shard.records.length + 1)) - 1;
  const number = shard.records[place]?.number ?? (await startingNumberOf(server, stream, shard));
  const position = type === 'AT_SEQUENCE_NUMBER' ? Math.max(0, place) : place + 1;
  return { more: { StartingSequenceNumber: number }, position };
}

async function startingNumberOf(server: TestServer, { name }: ModelStream, { index }: ModelShard): Promise<string> {
  const { StreamDescription } = await server.ok('DescribeStream', { StreamName: name });
  const shards: { ShardId: string; SequenceNumberRange: { StartingSequenceNumber: string } }[] =
    StreamDescription.Shards;
  return shards.find(({ ShardId }) => ShardId === shardIdOf(index))!.SequenceNumberRange.StartingSequenceNumber;
}

/** Reads with one of the iterators that were given out, however old, the newest most often. */
const read = (choice: number, limit: number) =>
  command(`read(${choice}, ${limit})`, async (model, server) => {
    const used = model.iterators.at(-1 - (choice % model.iterators.length));
    if (used !== undefined) await readWith(used, limit, model, server);
  });

/** Reads, and keeps the iterator and the next one for later. */
async function readWith(used: ModelIterator, Limit: number, model: Model, server: TestServer): Promise<void> {
  const { token, stream, shard, position, createdMs } = used;
  if (!model.iterators.includes(used)) model.iterators.push(used);
  const isThere = !stream.isGone && model.listed(stream).includes(shard);
  const isExpired = model.now - createdMs > ITERATOR_LIFE_MS;
  const refusal = isExpired ? 'ExpiredIteratorException' : isThere ? undefined : MISSING;
  const answer = await expectCall(server, 'GetRecords', { ShardIterator: token, Limit }, refusal);
  if (refusal !== undefined) return;
  const reading = model.read(shard, position, Limit);
  expectReading(answer, reading, stream, shard, model);
  if (reading.next === undefined) return;
  expect(answer.NextShardIterator).not.toBe(token);
  const next = { token: answer.NextShardIterator, position: reading.next, createdMs: model.now };
  model.iterators.push({ ...next, stream, shard });
}

/** The error with which a change of tags must be refused. */
function tagRefusal(stream: ModelStream | undefined): string | undefined {
  if (stream === undefined) return MISSING;
  return stream.isCreating || stream.isDeleting ? IN_USE : undefined;
}

const tag = (StreamName: string, key: string, value: string) =>
  command(`tag(${StreamName}, ${key}, ${value})`, async (model, server) => {
    const stream = model.streams.get(StreamName);
    await expectCall(server, 'AddTagsToStream', { StreamName, Tags: { [key]: value } }, tagRefusal(stream));
    if (tagRefusal(stream) === undefined) stream!.tags.set(key, value);
  });

const untag = (StreamName: string, TagKeys: readonly string[]) =>
  command(`untag(${StreamName}, ${TagKeys})`, async (model, server) => {
    const stream = model.streams.get(StreamName);
    await expectCall(server, 'RemoveTagsFromStream', { StreamName, TagKeys }, tagRefusal(stream));
    if (tagRefusal(stream) === undefined) for (const key of TagKeys) stream!.tags.delete(key);
  });

const advance = (ms: number) =>
  command(`advance(${ms} ms)`, async (model, server) => {
    server.clock.advance(ms);
    model.advance(ms);
  });

/** Neither may change anything that clients see. */
const sweep = command('sweep', async (_model, server) => void (await server.runJob('sweep')));
const restart = command('restart', async (_model, server) => server.restart());

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const name = fc.constantFrom('a', 'a', 'b');
const index = fc.nat({ max: 5 });
const choice = fc.nat({ max: 50 });
const record = fc.record({
  key: fc.constantFrom('k', 'order-17', 'ü', '😀', 'x y', '0'),
  hash: fc.option(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), { nil: undefined, freq: 3 }),
});
const duration = fc.oneof(
  fc.constantFrom(1, 499, 500, 501),
  fc.nat({ max: 2 * MINUTE_MS }),
  fc.constantFrom(
    5 * MINUTE_MS,
    5 * MINUTE_MS + 1,
    HOUR_MS,
    23 * HOUR_MS,
    24 * HOUR_MS - 1,
    24 * HOUR_MS,
    25 * HOUR_MS,
  ),
);
const tagKey = fc.constantFrom('team', 'Größe', 'a b', 'x.y');

/** What every sequence begins with, so that most of what follows meets something. */
export const prologue: readonly Command[] = [
  create('a', 2),
  advance(TRANSITION_MS),
  putMany(
    'a',
    ['k', '0', 'x y'].map((key) => ({ key, hash: undefined })),
  ),
];

/** `weight` makes what streams live from more frequent than what ends them. */
export const arbitraries: readonly fc.Arbitrary<Command>[] = (
  [
    [3, fc.tuple(name, fc.integer({ min: 1, max: 3 })).map((of) => create(...of))],
    [1, name.map(remove)],
    [6, fc.tuple(name, record).map((of) => put(...of))],
    [3, fc.tuple(name, fc.array(record, { minLength: 1, maxLength: 6 })).map((of) => putMany(...of))],
    [4, fc.tuple(name, choice, fc.constantFrom(0, 33, 50, 99, 100)).map((of) => split(...of))],
    [1, fc.tuple(name, index, index).map((of) => merge(...of))],
    [2, fc.tuple(name, choice).map((of) => mergeNeighbours(...of))],
    [5, fc.tuple(name, choice, fc.constantFrom(...ITERATOR_TYPES), choice).map((of) => iterator(...of))],
    [5, fc.tuple(fc.nat({ max: 12 }), fc.integer({ min: 1, max: 4 })).map((of) => read(...of))],
    [2, fc.tuple(name, tagKey, fc.constantFrom('', 'x')).map((of) => tag(...of))],
    [1, fc.tuple(name, fc.uniqueArray(tagKey, { minLength: 1 })).map((of) => untag(...of))],
    [7, duration.map(advance)],
    [1, fc.constant(sweep)],
    [1, fc.constant(restart)],
  ] satisfies readonly (readonly [weight: number, arbitrary: fc.Arbitrary<Command>])[]
).flatMap(([weight, arbitrary]) => Array.from({ length: weight }, () => arbitrary));
