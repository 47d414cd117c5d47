/** One stream by the rules: its state, its tags, its shards and what they hold. It knows nothing of requests. */
import { createHash } from 'node:crypto';

export const RETENTION_MS = 24 * 3_600_000;
const HASH_KEYS = 1n << 128n;

export interface ModelRecord {
  /** The sequence number, as the server acknowledged it. */
  readonly number: string;
  readonly partitionKey: string;
  /** Base64. */
  readonly data: string;
  readonly arrivedMs: number;
}

export interface ModelShard {
  readonly index: number;
  readonly id: string;
  /** The hash keys, both inclusive. */
  readonly start: bigint;
  readonly end: bigint;
  readonly parents: readonly ModelShard[];
  /** Undefined while the shard is open. */
  closedMs: number | undefined;
  /** Every record ever, the oldest first: those that have expired stay, so that an index remains a position. */
  readonly records: ModelRecord[];
  /** Starting- and EndingSequenceNumber, as the server showed them first. */
  starting: string | undefined;
  ending: string | undefined;
}

function newShard(index: number, start: bigint, end: bigint, parents: readonly ModelShard[]): ModelShard {
  const unknown = { closedMs: undefined, starting: undefined, ending: undefined };
  return { index, id: shardIdOf(index), start, end, parents, records: [], ...unknown };
}

export const shardIdOf = (index: number): string => `shardId-${String(index).padStart(12, '0')}`;

export const hashOf = (partitionKey: string): bigint =>
  BigInt(`0x${createHash('md5').update(partitionKey, 'utf8').digest('hex')}`);

export const isHashKey = (hash: bigint): boolean => hash < HASH_KEYS;

export class ModelStream {
  readonly name: string;
  state: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' | 'GONE' = 'CREATING';
  readonly tags = new Map<string, string>();
  readonly shards: ModelShard[];
  /** Everything that former streams of the name gave out is at or below this number. */
  readonly #formerNumber: bigint;

  constructor(name: string, shardCount: number, former: ModelStream | undefined) {
    this.name = name;
    this.#formerNumber = former?.highestNumber() ?? 0n;
    const width = HASH_KEYS / BigInt(shardCount);
    const starts = Array.from({ length: shardCount }, (_, index) => BigInt(index) * width);
    this.shards = starts.map((start, index) => newShard(index, start, (starts[index + 1] ?? HASH_KEYS) - 1n, []));
  }

  /** The shards that clients know of: none before the stream is ready, and none all of whose records have expired. */
  listed(now: number): readonly ModelShard[] {
    if (this.state === 'CREATING' || this.state === 'GONE') return [];
    return this.shards.filter(({ closedMs }) => closedMs === undefined || now < closedMs + RETENTION_MS);
  }

  find(index: number, now: number): ModelShard | undefined {
    return this.listed(now).find((shard) => shard.index === index);
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
    for (const parent of parents) parent.closedMs = closedMs;
    const afterEnd = parents.at(-1)!.end + 1n;
    for (const [place, start] of starts.entries()) {
      this.shards.push(newShard(this.shards.length, start, (starts[place + 1] ?? afterEnd) - 1n, parents));
    }
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

type NamedNumber = readonly [what: string, number: string | bigint | undefined];

/** The highest number of each shard; its end may never have been seen. */
const numbersOf = (shards: readonly ModelShard[]): NamedNumber[] =>
  shards.map(({ id, ending, records }) => [`the numbers of ${id}`, ending ?? records.at(-1)?.number]);

function assertAbove(number: string, what: string, others: readonly NamedNumber[]): void {
  for (const [other, bound] of others) {
    if (BigInt(number) <= BigInt(bound ?? 0)) throw new Error(`${number}, ${what}, is not above ${other}, ${bound}.`);
  }
}
