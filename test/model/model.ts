/**
 * A reference model of the service: what clients must see, in plain data, without SQL and without any code of the
 * server. It differs from the server in kind: nothing is derived from instants, transitions happen when time passes.
 */
import { createHash } from 'node:crypto';

export const TRANSITION_MS = 500;
export const RETENTION_MS = 24 * 3_600_000;
export const ITERATOR_LIFE_MS = 300_000;
const HASH_END = 1n << 128n;

export interface ModelRecord {
  /** As the server acknowledged it. */
  readonly number: string;
  readonly partitionKey: string;
  readonly data: string;
  readonly arrivedMs: number;
}

export interface ModelShard {
  readonly index: number;
  /** Inclusive. */
  readonly start: bigint;
  readonly end: bigint;
  readonly parents: readonly number[];
  closedMs: number | null;
  /** Every record ever, the oldest first; those that have expired stay, so that positions do. */
  readonly records: ModelRecord[];
}

export type Status = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';

export interface ModelStream {
  readonly name: string;
  readonly shards: ModelShard[];
  readonly tags: Map<string, string>;
  isCreating: boolean;
  isUpdating: boolean;
  isDeleting: boolean;
  isGone: boolean;
}

export interface ModelIterator {
  readonly token: string;
  readonly stream: ModelStream;
  readonly shard: ModelShard;
  /** Index of the first record to be read. */
  readonly position: number;
  readonly createdMs: number;
}

/** What a read must give; `next` is the position of the next iterator, undefined at the end of a closed shard. */
export interface Reading {
  readonly records: readonly ModelRecord[];
  readonly next: number | undefined;
  readonly millisBehind: number;
}

export class Model {
  readonly streams = new Map<string, ModelStream>();
  readonly iterators: ModelIterator[] = [];
  /** The highest number that any stream of a name has given out. */
  readonly highest = new Map<string, bigint>();
  now: number;
  #events: { readonly atMs: number; readonly happen: () => void }[] = [];

  constructor(now: number) {
    this.now = now;
  }

  /** Lets time pass; what is due happens in its order. */
  advance(ms: number): void {
    const endMs = this.now + ms;
    this.#events.sort((a, b) => a.atMs - b.atMs);
    while (this.#events.length > 0 && this.#events[0]!.atMs <= endMs) this.#events.shift()!.happen();
    this.now = endMs;
  }

  #after(ms: number, happen: () => void): void {
    this.#events.push({ atMs: this.now + ms, happen });
  }

  create(name: string, shardCount: number): void {
    const width = HASH_END / BigInt(shardCount);
    const shards = Array.from({ length: shardCount }, (_, index) => {
      const start = BigInt(index) * width;
      const end = index === shardCount - 1 ? HASH_END - 1n : start + width - 1n;
      return { index, start, end, parents: [], closedMs: null, records: [] };
    });
    const state = { isCreating: true, isUpdating: false, isDeleting: false, isGone: false };
    const stream: ModelStream = { name, shards, tags: new Map(), ...state };
    this.streams.set(name, stream);
    this.#after(TRANSITION_MS, () => {
      stream.isCreating = false;
    });
  }

  delete(stream: ModelStream): void {
    if (stream.isDeleting) return;
    stream.isDeleting = true;
    stream.isCreating = false;
    stream.tags.clear();
    this.#after(TRANSITION_MS, () => {
      stream.isGone = true;
      this.streams.delete(stream.name);
    });
  }

  /** Replaces `parents` by shards that begin at `starts`, when the update is over. */
  reshard(stream: ModelStream, parents: readonly ModelShard[], starts: readonly bigint[]): void {
    stream.isUpdating = true;
    const closedMs = this.now + TRANSITION_MS;
    this.#after(TRANSITION_MS, () => {
      stream.isUpdating = false;
      for (const parent of parents) parent.closedMs = closedMs;
      for (const [offset, start] of starts.entries()) {
        const end = (starts[offset + 1] ?? parents.at(-1)!.end + 1n) - 1n;
        const index = stream.shards.length;
        stream.shards.push({
          index,
          start,
          end,
          parents: parents.map((parent) => parent.index),
          closedMs: null,
          records: [],
        });
      }
    });
  }

  /** The shard that must get a record. */
  shardFor(stream: ModelStream, partitionKey: string, explicitHash: bigint | undefined): ModelShard {
    const hash = explicitHash ?? BigInt(`0x${createHash('md5').update(partitionKey).digest('hex')}`);
    return stream.shards.find(({ start, end, closedMs }) => closedMs === null && start <= hash && hash <= end)!;
  }

  /**
   * Notes a record that was put.
   * @throws Error when its number repeats or goes back.
   */
  append(stream: ModelStream, shard: ModelShard, record: ModelRecord): void {
    const number = BigInt(record.number);
    const ancestors = [shard, ...shard.parents.map((index) => stream.shards[index]!)];
    const last = ancestors.map(({ records }) => BigInt(records.at(-1)?.number ?? 0));
    if (last.some((other) => number <= other)) throw new Error(`The number ${number} is not above its predecessors.`);
    if (stream.shards.some(({ records }) => records.some((other) => other.number === record.number))) {
      throw new Error(`The number ${number} was given out twice.`);
    }
    shard.records.push(record);
  }

  /** Shards that can be asked for: not before the stream is ACTIVE, and not after their last record can have expired. */
  listed(stream: ModelStream): readonly ModelShard[] {
    if (stream.isCreating) return [];
    return stream.shards.filter(({ closedMs }) => closedMs === null || closedMs + RETENTION_MS > this.now);
  }

  childrenOf = (stream: ModelStream, { index }: ModelShard): readonly ModelShard[] =>
    stream.shards.filter(({ parents }) => parents.includes(index));

  isReadable = ({ arrivedMs }: ModelRecord): boolean => arrivedMs + RETENTION_MS > this.now;

  read(shard: ModelShard, position: number, limit: number): Reading {
    const records = shard.records
      .slice(position)
      .filter((record) => this.isReadable(record))
      .slice(0, limit);
    const last = records.at(-1);
    const next = last === undefined ? position : shard.records.indexOf(last) + 1;
    const isNewest = last === undefined || next === shard.records.length;
    return {
      records,
      next: isNewest && shard.closedMs !== null ? undefined : next,
      millisBehind: isNewest ? 0 : Math.max(1, this.now - last.arrivedMs),
    };
  }
}

export function statusOf({ isCreating, isUpdating, isDeleting }: ModelStream): Status {
  if (isDeleting) return 'DELETING';
  if (isCreating) return 'CREATING';
  return isUpdating ? 'UPDATING' : 'ACTIVE';
}

export const shardIdOf = (index: number): string => `shardId-${String(index).padStart(12, '0')}`;
