/** Steps about records: puts, iterators, reads. */
import { expect } from 'vitest';
import { answeredReading, WHOLE } from './compare.ts';
import { type Beginning, ITERATOR_LIFE_MS, type Model, type ModelIterator, numbersOf } from './model.ts';
import { indexOf, pick, type ShardChoice, type Step, step, text } from './step.ts';
import { type ModelShard, type ModelStream, shardIdOf } from './stream.ts';
import { ask, passTime, type World } from './world.ts';

/** An ExplicitHashKey: an end of the range of one of the open shards, or above all. */
export type HashChoice = { readonly open: number; readonly end: 'start' | 'end' } | 'too large';

export interface Entry {
  readonly key: string;
  /** Base64. */
  readonly data: string;
  readonly hash?: HashChoice | undefined;
}

function hashOf(chosen: HashChoice | undefined, stream: string, model: Model): bigint | undefined {
  if (chosen === undefined) return undefined;
  if (chosen === 'too large') return 1n << 128n;
  return pick(model.find(stream)?.open() ?? [], chosen.open)?.[chosen.end];
}

function inputOf({ key, data, hash }: Entry, stream: string, model: Model) {
  return { PartitionKey: key, Data: data, ExplicitHashKey: hashOf(hash, stream, model)?.toString() };
}

type Put = { readonly ShardId: string; readonly SequenceNumber: string };

/** What was put is in the shard that the model says, under the number that the server says. */
function note({ key, data }: Entry, put: Put, stream: ModelStream, shard: ModelShard, { now }: Model): void {
  expect(put, `the place of ${key}`).toEqual({ ShardId: shard.id, SequenceNumber: expect.any(String) });
  const isEncrypted = stream.keyId !== undefined;
  stream.add({ number: put.SequenceNumber, partitionKey: key, data, arrivedMs: now, isEncrypted }, shard);
}

const encryptionOf = ({ keyId }: ModelStream) => (keyId === undefined ? {} : { EncryptionType: 'KMS' });

const keysOf = (entries: readonly Entry[], stream: string, model: Model) =>
  entries.map(({ key, hash }) => ({ partitionKey: key, hash: hashOf(hash, stream, model) }));

/** `ordering` chooses one of the numbers that the stream gave out as SequenceNumberForOrdering. */
export const put = (StreamName: string, entry: Entry, ordering: number | undefined): Step =>
  step(`put ${text(entry)} into ${StreamName}, ordering ${ordering}`, async (model, world) => {
    const numbers = model.find(StreamName)?.shards.flatMap(({ records }) => records.map(({ number }) => number)) ?? [];
    const SequenceNumberForOrdering = ordering === undefined ? undefined : pick(numbers, ordering);
    const input = { StreamName, SequenceNumberForOrdering, ...inputOf(entry, StreamName, model) };
    const result = await ask(world, 'PutRecord', input, () =>
      model.route(StreamName, keysOf([entry], StreamName, model)),
    );
    if (result === undefined) return;
    const { stream, shards } = result.expected;
    const { EncryptionType, ...place } = result.answer;
    expect(EncryptionType === undefined ? {} : { EncryptionType }).toEqual(encryptionOf(stream));
    note(entry, place, stream, shards[0]!, model);
  });

export const putMany = (StreamName: string, entries: readonly Entry[]): Step =>
  step(`put ${text(entries)} into ${StreamName}`, async (model, world) => {
    const input = { StreamName, Records: entries.map((entry) => inputOf(entry, StreamName, model)) };
    const result = await ask(world, 'PutRecords', input, () =>
      model.route(StreamName, keysOf(entries, StreamName, model)),
    );
    if (result === undefined) return;
    const { stream, shards } = result.expected;
    expect(result.answer).toEqual({
      FailedRecordCount: 0,
      Records: entries.map(() => expect.anything()),
      ...encryptionOf(stream),
    });
    for (const [place, entry] of entries.entries()) {
      note(entry, result.answer.Records[place], stream, shards[place]!, model);
    }
  });

/** Where an iterator is to begin, in terms of what will be there. */
export type BeginningChoice =
  | { readonly type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly type: 'AT_TIMESTAMP'; readonly near: InstantChoice }
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly of: NumberChoice };

/** The instant, or some milliseconds beside the arrival of one of the shard's records. */
export type InstantChoice = 'long ago' | 'now' | 'future' | { readonly record: number; readonly offsetMs: number };

/** A number of the shard itself; or, to be refused, of another shard, or of the shard that a former stream had there. */
export type NumberChoice =
  | 'starting'
  | 'ending'
  | { readonly record: number }
  | { readonly foreign: number }
  | { readonly former: number };

/** Makes an iterator and reads with it at once; later steps may do so again. */
export const iterator = (StreamName: string, shard: ShardChoice, chosen: BeginningChoice, limit = WHOLE): Step =>
  step(`read ${limit} from ${text(chosen)} of shard ${text(shard)} of ${StreamName}`, async (model, world) => {
    const index = indexOf(shard, StreamName, model);
    const beginning = beginningOf(chosen, StreamName, index, model);
    const input = { StreamName, ShardId: shardIdOf(index), ...requested(beginning) };
    const result = await ask(world, 'GetShardIterator', input, () => model.begin(StreamName, index, beginning));
    if (result === undefined) return;
    const given = { ...result.expected, token: result.answer.ShardIterator, createdMs: model.now };
    model.iterators.push(given);
    await readWith(given, limit, model, world);
  });

function beginningOf(chosen: BeginningChoice, stream: string, index: number, model: Model): Beginning {
  const shard = model.find(stream)?.find(index);
  switch (chosen.type) {
    case 'AT_TIMESTAMP':
      return { type: chosen.type, ms: instantOf(chosen.near, shard, model) };
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      return { type: chosen.type, number: numberOf(chosen.of, shard, stream, model) };
    default:
      return { type: chosen.type };
  }
}

function instantOf(near: InstantChoice, shard: ModelShard | undefined, { now }: Model): number {
  if (near === 'long ago') return 0;
  if (near === 'now') return now;
  if (near === 'future') return now + 1;
  return (pick(shard?.records ?? [], near.record)?.arrivedMs ?? now) + near.offsetMs;
}

function numberOf(chosen: NumberChoice, shard: ModelShard | undefined, stream: string, model: Model): string {
  const starting = shard?.starting ?? '1';
  if (chosen === 'starting') return starting;
  if (chosen === 'ending') return shard?.ending ?? starting;
  if ('record' in chosen) return pick(shard?.records ?? [], chosen.record)?.number ?? starting;
  const others = model.shardsEver(stream).filter((other) => other !== shard);
  if ('foreign' in chosen) return pick(others.flatMap(numbersOf), chosen.foreign) ?? starting;
  const formers = others.filter(({ index }) => index === shard?.index);
  return pick(formers.flatMap(numbersOf), chosen.former) ?? starting;
}

function requested(beginning: Beginning) {
  switch (beginning.type) {
    case 'AT_TIMESTAMP':
      return { ShardIteratorType: beginning.type, Timestamp: beginning.ms / 1000 };
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      return { ShardIteratorType: beginning.type, StartingSequenceNumber: beginning.number };
    default:
      return { ShardIteratorType: beginning.type };
  }
}

const hasIterators = ({ iterators }: Readonly<Model>) => iterators.length > 0;

/** One of the iterators given out, however old; 0 is the newest. */
const pastIterator = ({ iterators }: Model, choice: number) => iterators.at(-1 - (choice % iterators.length))!;

export const read = (choice: number, limit: number): Step =>
  step(
    `read ${limit} with iterator ${choice} from the end`,
    (model, world) => readWith(pastIterator(model, choice), limit, model, world),
    hasIterators,
  );

/** Reads at the end of an iterator's life: in its last millisecond, or in the one after it. */
export const readLate = (choice: number, lateMs: 0 | 1): Step =>
  step(
    `read with iterator ${choice} from the end, ${lateMs} ms after its end`,
    async (model, world) => {
      const used = pastIterator(model, choice);
      await passTime(Math.max(0, used.createdMs + ITERATOR_LIFE_MS + lateMs - model.now), model, world);
      await readWith(used, WHOLE, model, world);
    },
    hasIterators,
  );

/** Reads, and keeps the next iterator for later. */
async function readWith(used: ModelIterator, Limit: number, model: Model, world: World): Promise<void> {
  const { stream, shard, token } = used;
  const result = await ask(world, 'GetRecords', { ShardIterator: token, Limit }, () => model.read(used, Limit));
  if (result === undefined) return;
  const { answer, expected } = result;
  expect(answer, `records of ${shard.id} of ${stream.name}`).toEqual(answeredReading(expected));
  if (expected.next === undefined) return;
  expect(answer.NextShardIterator, 'the next iterator is another').not.toBe(token);
  model.iterators.push({
    stream,
    shard,
    position: expected.next,
    token: answer.NextShardIterator,
    createdMs: model.now,
  });
}
