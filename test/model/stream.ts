/** One stream by the rules: its state, its settings, its shards and what they hold. It knows nothing of requests. */
import { createHash } from 'node:crypto';

const HOUR_MS = 3_600_000;
const HASH_KEYS = 1n << 128n;

/** As another construction than the server's: what a new stream of so many shards has, the lowest hash key first. */
export const evenStarts = (count: number): readonly bigint[] =>
  Array.from({ length: count }, (_, index) => BigInt(index) * (HASH_KEYS / BigInt(count)));

export interface ModelRecord {
  /** The sequence number, as the server acknowledged it. */
  readonly number: string;
  readonly partitionKey: string;
  /** Base64. */
  readonly data: string;
  readonly arrivedMs: number;
  readonly isEncrypted: boolean;
}

export interface ModelShard {
  readonly index: number;
  readonly id: string;
  /** The hash keys, both inclusive. */
  readonly start: bigint;
  readonly end: bigint;
  readonly parents: readonly ModelShard[];
  /** Those that a stream is created with have been there for ever. */
  readonly openedMs: number;
  /** Undefined while the shard is open. */
  closedMs: number | undefined;
  /** Every record ever, the oldest first: those that have expired stay, so that an index remains a position. */
  readonly records: ModelRecord[];
  /** Starting- and EndingSequenceNumber, as the server showed them first. */
  starting: string | undefined;
  ending: string | undefined;
}

type Range = Pick<ModelShard, 'start' | 'end'>;

function newShard(index: number, range: Range, parents: readonly ModelShard[], openedMs: number): ModelShard {
  const unknown = { closedMs: undefined, starting: undefined, ending: undefined };
  return { index, id: shardIdOf(index), ...range, parents, openedMs, records: [], ...unknown };
}

export const shardIdOf = (index: number): string => `shardId-${String(index).padStart(12, '0')}`;

export const hashOf = (partitionKey: string): bigint =>
  BigInt(`0x${createHash('md5').update(partitionKey, 'utf8').digest('hex')}`);

export const isHashKey = (hash: bigint): boolean => hash < HASH_KEYS;

export type Tags = Map<string, string>;
export type Mode = 'PROVISIONED' | 'ON_DEMAND';

export interface ModelConsumer {
  readonly name: string;
  readonly arn: string;
  /** Whole seconds, as the ARN has it. */
  readonly createdS: number;
  state: 'CREATING' | 'ACTIVE' | 'DELETING' | 'GONE';
  readonly tags: Tags;
  policy: string | undefined;
}

/** How a stream is to be created. */
export interface Design {
  readonly shardCount: number;
  readonly mode: Mode;
  readonly tags: Readonly<Record<string, string>>;
  readonly maxRecordKib: number | undefined;
}

export class ModelStream {
  readonly name: string;
  readonly createdMs: number;
  state: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' | 'GONE' = 'CREATING';
  readonly tags: Tags;
  readonly shards: ModelShard[];
  mode: Mode;
  maxRecordKib: number;
  retentionHours = 24;
  /** Undefined: not encrypted. */
  keyId: string | undefined;
  metrics: readonly string[] = [];
  readonly consumers: ModelConsumer[] = [];
  policy: string | undefined;
  /** What arrived at or before this instant, and shards that were closed by then, are gone for good. */
  horizonMs = Number.NEGATIVE_INFINITY;
  /** An update of the shard count whose shards the server has not shown yet. */
  awaited: { readonly target: number; readonly atMs: number } | undefined;
  /** Everything that former streams of the name gave out is at or below this number. */
  readonly #formerNumber: bigint;

  constructor(name: string, design: Design, createdMs: number, former: ModelStream | undefined) {
    const { shardCount, mode, tags, maxRecordKib = 1024 } = design;
    this.name = name;
    this.createdMs = createdMs;
    this.mode = mode;
    this.tags = new Map(Object.entries(tags));
    this.maxRecordKib = maxRecordKib;
    this.#formerNumber = former?.highestNumber() ?? 0n;
    const starts = evenStarts(shardCount);
    this.shards = rangesFrom(starts, HASH_KEYS).map((range, index) =>
      newShard(index, range, [], Number.NEGATIVE_INFINITY),
    );
  }

  get arn(): string {
    return `arn:aws:kinesis:us-east-1:000000000000:stream/${this.name}`;
  }

  /** What has expired does not come back, however long the retention becomes. */
  expire(now: number): void {
    this.horizonMs = Math.max(this.horizonMs, now - this.retentionHours * HOUR_MS);
  }

  /** The instant at which something of the instant `ms` expires. */
  expiryOf = (ms: number): number => ms + this.retentionHours * HOUR_MS;

  /** The shards that clients know of: none before the stream is ready, and none all of whose records have expired. */
  listed(): readonly ModelShard[] {
    if (this.state === 'CREATING' || this.state === 'GONE') return [];
    return this.shards.filter(({ closedMs }) => closedMs === undefined || closedMs > this.horizonMs);
  }

  find(index: number): ModelShard | undefined {
    return this.listed().find((shard) => shard.index === index);
  }

  /** The consumers that are there, or still being deleted. */
  registered(): readonly ModelConsumer[] {
    return this.consumers.filter(({ state }) => state !== 'GONE');
  }

  /** In the order of their hash keys. */
  open(): readonly ModelShard[] {
    const open = this.shards.filter(({ closedMs }) => closedMs === undefined);
    return open.sort((a, b) => (a.start < b.start ? -1 : 1));
  }

  shardFor(hash: bigint): ModelShard {
    return this.open().find(({ start, end }) => start <= hash && hash <= end)!;
  }

  childrenOf(parent: ModelShard): readonly ModelShard[] {
    return this.shards.filter(({ parents }) => parents.includes(parent));
  }

  /** Closes neighbouring shards and opens new ones for the same hash keys, which begin at `starts`. */
  replace(parents: readonly ModelShard[], starts: readonly bigint[], closedMs: number): void {
    for (const range of rangesFrom(starts, parents.at(-1)!.end + 1n)) this.succeed(range, parents, closedMs);
  }

  /** Opens a shard that takes the place of its parents, or of a part of them. */
  succeed(range: Range, parents: readonly ModelShard[], atMs: number): void {
    for (const parent of parents) parent.closedMs = atMs;
    this.shards.push(newShard(this.shards.length, range, parents, atMs));
  }

  /** @throws Error when the number of the record breaks a rule. */
  add(record: ModelRecord, shard: ModelShard): void {
    const isKnown = this.shards.some(({ records }) => records.some(({ number }) => number === record.number));
    if (isKnown) throw new Error(`The sequence number ${record.number} was given out twice.`);
    assertAbove(record.number, `a record of ${shard.id}`, [
      ['its former records', shard.records.at(-1)?.number],
      ["the shard's StartingSequenceNumber", shard.starting],
      ['the numbers of former streams of the name', this.#formerNumber],
      ...numbersOf(shard.parents),
    ]);
    shard.records.push(record);
  }

  /**
   * Notes the range of a shard's numbers that the server shows.
   * @throws Error when it breaks a rule.
   */
  see(shard: ModelShard, starting: string, ending: string | undefined): void {
    shard.starting ??= starting;
    shard.ending ??= ending;
    if (starting !== shard.starting) throw new Error(`${shard.id} got another starting number.`);
    if (ending !== shard.ending) throw new Error(`${shard.id} got another ending number.`);
    const formers = ['the numbers of former streams of the name', this.#formerNumber] as const;
    assertAbove(starting, `the starting number of ${shard.id}`, [formers, ...numbersOf(shard.parents)]);
    if (ending === undefined) return;
    const newest = shard.records.at(-1)?.number ?? starting;
    assertAbove(ending, `the ending number of ${shard.id}`, [['its records', newest]]);
  }

  /** Of all numbers that were acknowledged or shown. */
  highestNumber(): bigint {
    const numbers = this.shards.flatMap(({ starting, ending, records }) => [starting, ending, records.at(-1)?.number]);
    return [...numbers, this.#formerNumber].reduce((highest: bigint, number) => {
      const value = BigInt(number ?? 0);
      return value > highest ? value : highest;
    }, 0n);
  }
}

/** Ranges that begin at `starts` and end where the next one begins, the last one in front of `afterEnd`. */
const rangesFrom = (starts: readonly bigint[], afterEnd: bigint): Range[] =>
  starts.map((start, place) => ({ start, end: (starts[place + 1] ?? afterEnd) - 1n }));

type NamedNumber = readonly [what: string, number: string | bigint | undefined];

/** The highest number of each shard; its end may never have been seen. */
const numbersOf = (shards: readonly ModelShard[]): NamedNumber[] =>
  shards.map(({ id, ending, records }) => [`the numbers of ${id}`, ending ?? records.at(-1)?.number]);

function assertAbove(number: string, what: string, others: readonly NamedNumber[]): void {
  for (const [other, bound] of others) {
    if (BigInt(number) <= BigInt(bound ?? 0)) throw new Error(`${number}, ${what}, is not above ${other}, ${bound}.`);
  }
}
