/**
 * The service by its rules: what each operation does, what it answers, and what it refuses. Independent of the server:
 * no SQL, none of its code, and another construction. Where the server derives everything from stored instants, here
 * things happen when time passes.
 *
 * Two rules that the reference leaves open are stated as the server has them: a stream that is deleted while CREATING
 * has its shards while it is DELETING, and the deletion of a stream that is DELETING changes nothing.
 */
import {
  type Design,
  hashOf,
  isHashKey,
  type ModelConsumer,
  type ModelRecord,
  type ModelShard,
  ModelStream,
  type Tags,
} from './stream.ts';

export const TRANSITION_MS = 500;
export const ITERATOR_LIFE_MS = 300_000;
const TAGS_MAX = 50;

/** What the service answers instead of doing what it was asked. */
export class Refusal extends Error {
  readonly code: string;
  /** What tells this reason from others with the same code. */
  readonly text: string;

  constructor(code: string, text: string) {
    super(`${code}: ${text}`);
    this.code = code;
    this.text = text;
  }
}

export const missing = (text: string) => new Refusal('ResourceNotFoundException', text);
export const inUse = (text: string) => new Refusal('ResourceInUseException', text);
export const invalid = (text: string) => new Refusal('InvalidArgumentException', text);
export const tooMuch = (text: string) => new Refusal('LimitExceededException', text);
export const onDemand = () => new Refusal('ValidationException', 'is in On-Demand mode');

export function assertActive({ state }: ModelStream): void {
  if (state !== 'ACTIVE') throw inUse(`not ACTIVE, instead in state ${state}`);
}

export function assertActiveOrUpdating({ state }: ModelStream): void {
  if (state !== 'ACTIVE' && state !== 'UPDATING') throw inUse(`not ACTIVE or UPDATING, instead in state ${state}`);
}

/** A position in a shard: the index of the first record to be read. */
export interface Place {
  readonly stream: ModelStream;
  readonly shard: ModelShard;
  readonly position: number;
}

export interface ModelIterator extends Place {
  readonly token: string;
  readonly createdMs: number;
}

/** Where an iterator begins, as a request says it; the instant in milliseconds. */
export type Beginning =
  | { readonly type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly type: 'AT_TIMESTAMP'; readonly ms: number }
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly number: string };

export interface Reading {
  readonly records: readonly ModelRecord[];
  /** The position of the next iterator; undefined at the end of a closed shard. */
  readonly next: number | undefined;
  readonly millisBehind: number;
  /** Only at the end. */
  readonly children: readonly ModelShard[];
}

export class Model {
  now: number;
  /** All that were given out, the oldest first. */
  readonly iterators: ModelIterator[] = [];
  /** Every stream ever by its name, the newest last. */
  readonly #streams = new Map<string, ModelStream[]>();
  #coming: { readonly atMs: number; readonly isChoice: boolean; readonly happen: () => void }[] = [];

  constructor(now: number) {
    this.now = now;
  }

  /** Lets time pass; what is due by then happens. */
  advance(ms: number): void {
    this.now += ms;
    const due = this.#coming.filter(({ atMs }) => atMs <= this.now).sort((a, b) => a.atMs - b.atMs);
    this.#coming = this.#coming.filter(({ atMs }) => atMs > this.now);
    for (const { happen } of due) happen();
    for (const stream of this.streams()) stream.expire(this.now);
  }

  afterTransition(happen: (atMs: number) => void, isChoice = false): void {
    const atMs = this.now + TRANSITION_MS;
    this.#coming.push({ atMs, isChoice, happen: () => happen(atMs) });
  }

  /** Makes the stream UPDATING, of which there is one at a time; `atEnd` happens when it is ACTIVE again, or on its way out. */
  update(stream: ModelStream, atEnd: (atMs: number) => void = () => undefined, isChoice = false): void {
    assertActive(stream);
    stream.state = 'UPDATING';
    this.afterTransition((atMs) => {
      if (stream.state === 'UPDATING') stream.state = 'ACTIVE';
      atEnd(atMs);
    }, isChoice);
  }

  /** The instants to come at which a stream changes its state, the next one first. */
  comingTransitions(): number[] {
    return this.#coming.map(({ atMs }) => atMs).sort((a, b) => a - b);
  }

  /** The instants to come at which a record or a closed shard expires, the next one first. */
  comingExpiries(): number[] {
    const expiries = this.streams().flatMap((stream) => {
      const ends = stream
        .listed()
        .flatMap(({ closedMs, records }) => [closedMs, ...records.map(({ arrivedMs }) => arrivedMs)]);
      return ends.flatMap((ms) => (ms === undefined ? [] : [stream.expiryOf(ms)]));
    });
    return [...new Set(expiries)].filter((ms) => ms > this.now).sort((a, b) => a - b);
  }

  /** The next instant to come from which a stream has shards that are for the server to choose. */
  nextChoiceMs(): number | undefined {
    const instants = this.#coming.filter(({ isChoice }) => isChoice).map(({ atMs }) => atMs);
    return instants.length === 0 ? undefined : Math.min(...instants);
  }

  /** Those that exist, by name. */
  streams(): ModelStream[] {
    const newest = [...this.#streams.values()].map((streams) => streams.at(-1)!);
    return newest.filter(({ state }) => state !== 'GONE').sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): ModelStream | undefined {
    const stream = this.#streams.get(name)?.at(-1);
    return stream?.state === 'GONE' ? undefined : stream;
  }

  /** Every shard that any stream of the name ever had. */
  shardsEver = (name: string): ModelShard[] => (this.#streams.get(name) ?? []).flatMap(({ shards }) => shards);

  require(name: string): ModelStream {
    const stream = this.find(name);
    if (stream === undefined) throw missing(`Stream ${name} under account 000000000000 not found`);
    return stream;
  }

  create(name: string, design: Design): void {
    if (this.find(name) !== undefined) throw inUse('already exists');
    assertTagCharacters(Object.entries(design.tags).flat());
    const formers = this.#streams.get(name) ?? [];
    const stream = new ModelStream(name, design, this.now, formers.at(-1));
    this.#streams.set(name, [...formers, stream]);
    this.afterTransition(() => {
      if (stream.state === 'CREATING') stream.state = 'ACTIVE';
    });
  }

  delete(name: string, isEnforced: boolean): void {
    const stream = this.require(name);
    if (stream.state === 'DELETING') return;
    const consumers = stream.registered();
    if (consumers.length > 0 && !isEnforced) throw inUse('because there are consumers associated');
    stream.state = 'DELETING';
    stream.tags.clear();
    stream.policy = undefined;
    for (const consumer of consumers) loseConsumer(consumer);
    this.afterTransition(() => {
      stream.state = 'GONE';
      for (const consumer of stream.consumers) consumer.state = 'GONE';
    });
  }

  tag(name: string, tags: Readonly<Record<string, string>>): void {
    addTags(this.#requireTaggable(name, Object.entries(tags).flat()).tags, tags);
  }

  untag(name: string, keys: readonly string[]): void {
    const stream = this.#requireTaggable(name, keys);
    for (const key of keys) stream.tags.delete(key);
  }

  #requireTaggable(name: string, texts: readonly string[]): ModelStream {
    const stream = this.require(name);
    assertActiveOrUpdating(stream);
    assertTagCharacters(texts);
    return stream;
  }

  /** The shards that records of these keys go into, in the same order. */
  route(name: string, keys: readonly { readonly partitionKey: string; readonly hash: bigint | undefined }[]) {
    const stream = this.require(name);
    if (stream.state === 'CREATING') throw missing('not found');
    const hashes = keys.map(({ partitionKey, hash }) => hash ?? hashOf(partitionKey));
    if (!hashes.every(isHashKey)) throw invalid('Invalid ExplicitHashKey');
    return { stream, shards: hashes.map((hash) => stream.shardFor(hash)) };
  }

  split(name: string, index: number, key: bigint): void {
    const { stream, shards } = this.#requireReshardable(name, [index]);
    const { start, end } = shards[0]!;
    if (key <= start + 1n || key >= end) throw invalid('is not both greater than one plus');
    this.#reshard(stream, shards, [start, key]);
  }

  merge(name: string, lower: number, upper: number): void {
    const { stream, shards } = this.#requireReshardable(name, [lower, upper]);
    if (shards[0]!.end + 1n !== shards[1]!.start) throw invalid('are not an adjacent pair');
    this.#reshard(stream, shards, [shards[0]!.start]);
  }

  #requireReshardable(name: string, indices: readonly number[]) {
    const stream = this.require(name);
    if (stream.mode === 'ON_DEMAND') throw onDemand();
    assertActive(stream);
    const shards = indices.map((index) => {
      const shard = stream.find(index);
      if (shard === undefined) throw missing('Could not find shard');
      return shard;
    });
    if (shards.some(({ closedMs }) => closedMs !== undefined)) throw invalid('has already been merged or split');
    return { stream, shards };
  }

  #reshard(stream: ModelStream, parents: readonly ModelShard[], starts: readonly bigint[]): void {
    this.update(stream, (atMs) => stream.replace(parents, starts, atMs));
  }

  /** Where an iterator of the shard begins. */
  begin(name: string, index: number, beginning: Beginning): Place {
    const stream = this.find(name);
    const shard = stream?.find(index);
    if (stream === undefined || shard === undefined) throw missing('does not exist');
    return { stream, shard, position: this.#positionOf(beginning, name, shard) };
  }

  #positionOf(beginning: Beginning, name: string, shard: ModelShard): number {
    switch (beginning.type) {
      case 'TRIM_HORIZON':
        return 0;
      case 'LATEST':
        return shard.records.length;
      case 'AT_TIMESTAMP':
        if (beginning.ms > this.now) throw invalid('cannot be greater than the currentTimestampInMillis');
        return shard.records.filter(({ arrivedMs }) => arrivedMs < beginning.ms).length;
      case 'AT_SEQUENCE_NUMBER':
        return Math.max(0, this.#placeOf(beginning.number, name, shard));
      case 'AFTER_SEQUENCE_NUMBER':
        return this.#placeOf(beginning.number, name, shard) + 1;
    }
  }

  /** Of the record with this number; -1 for the shard's own starting number, which is before all records. */
  #placeOf(number: string, name: string, shard: ModelShard): number {
    if (number === shard.starting) return -1;
    if (number === shard.ending) throw invalid('has reached max possible value for the shard');
    const place = shard.records.findIndex((record) => record.number === number);
    if (place >= 0) return place;
    const owner = this.shardsEver(name).find((other) => numbersOf(other).includes(number));
    throw invalid(owner?.index === shard.index ? 'did not come from this stream' : 'It encodes');
  }

  /** What the iterator reads now, at most `limit` records. */
  read({ stream, shard, position, createdMs }: ModelIterator, limit: number): Reading {
    if (this.now - createdMs > ITERATOR_LIFE_MS) throw new Refusal('ExpiredIteratorException', 'Iterator expired');
    if (!stream.listed().includes(shard)) throw missing('does not exist');
    const isReadable = ({ arrivedMs }: ModelRecord) => arrivedMs > stream.horizonMs;
    const records = shard.records.slice(position).filter(isReadable).slice(0, limit);
    const last = records.at(-1);
    const next = last === undefined ? position : shard.records.indexOf(last) + 1;
    const isNewest = last === undefined || next === shard.records.length;
    const isEnd = isNewest && shard.closedMs !== undefined;
    return {
      records,
      next: isEnd ? undefined : next,
      // Never 0 while something follows: clients take 0 for "nothing more".
      millisBehind: isNewest ? 0 : Math.max(1, this.now - last.arrivedMs),
      children: isEnd ? stream.childrenOf(shard) : [],
    };
  }
}

/** What a consumer loses as soon as its deletion begins. */
export function loseConsumer(consumer: ModelConsumer): void {
  consumer.state = 'DELETING';
  consumer.tags.clear();
  consumer.policy = undefined;
}

export function assertTagCharacters(texts: readonly string[]): void {
  if (texts.some((text) => /[;,\t\n]/.test(text))) throw invalid('Some tags contain invalid characters');
}

export function addTags(to: Tags, tags: Readonly<Record<string, string>>): void {
  const union = new Map([...to, ...Object.entries(tags)]);
  if (union.size > TAGS_MAX) throw invalid('cannot have more than');
  for (const [key, value] of union) to.set(key, value);
}

/** Every number of a shard that clients have seen. */
export const numbersOf = ({ starting, ending, records }: ModelShard): string[] =>
  [starting, ending, ...records.map(({ number }) => number)].filter((number) => number !== undefined);
