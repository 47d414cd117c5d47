/** The subscriptions that there are: by shard, and by consumer and shard. */
import type { Consumer } from '../consumer-store.ts';
import type { Shard } from '../topology.ts';
import type { Subscription } from './subscription.ts';

type Whose = Pick<Consumer, 'id'>;
type Where = Pick<Shard, 'id'>;

const keyOf = (consumer: Whose, shard: Where) => `${consumer.id} ${shard.id}`;

const NONE: ReadonlySet<Subscription> = new Set();

export class Members {
  readonly #byShard = new Map<number, Set<Subscription>>();
  readonly #current = new Map<string, Subscription>();

  /** When the latest subscriptions began, by the wall clock, also of some that are over. */
  readonly #startedMs = new Map<string, number>();

  add(subscription: Subscription): void {
    const { consumer, shard } = subscription.of;
    const key = keyOf(consumer, shard);
    this.#current.set(key, subscription);
    this.#startedMs.set(key, subscription.startedMs);
    const ofShard = this.#byShard.get(shard.id);
    if (ofShard === undefined) this.#byShard.set(shard.id, new Set([subscription]));
    else ofShard.add(subscription);
  }

  /** `isRemembered`: when it began counts further on. */
  remove(subscription: Subscription, isRemembered: boolean): void {
    const { consumer, shard } = subscription.of;
    const key = keyOf(consumer, shard);
    if (this.#current.get(key) === subscription) {
      this.#current.delete(key);
      if (!isRemembered) this.#startedMs.delete(key);
    }
    const ofShard = this.#byShard.get(shard.id);
    if (ofShard?.delete(subscription) && ofShard.size === 0) this.#byShard.delete(shard.id);
  }

  get isEmpty(): boolean {
    return this.#current.size === 0 && this.#byShard.size === 0;
  }

  /** Those of a shard, by its row id. They may end while one goes through them. */
  of(shard: number): ReadonlySet<Subscription> {
    return this.#byShard.get(shard) ?? NONE;
  }

  /** The one that a consumer has of a shard. */
  current(consumer: Whose, shard: Where): Subscription | undefined {
    return this.#current.get(keyOf(consumer, shard));
  }

  startedMs(consumer: Whose, shard: Where): number | undefined {
    return this.#startedMs.get(keyOf(consumer, shard));
  }

  /** Forgets the beginnings before the instant `ms` of those that are over. */
  forgetBefore(ms: number): void {
    for (const [key, startedMs] of this.#startedMs) {
      if (startedMs < ms && !this.#current.has(key)) this.#startedMs.delete(key);
    }
  }

  *all(): Iterable<Subscription> {
    for (const ofShard of this.#byShard.values()) yield* ofShard;
  }

  /** One of each shard that has any, and how many it has. */
  *byShard(): Iterable<readonly [one: Subscription, count: number]> {
    for (const ofShard of this.#byShard.values()) {
      const [first] = ofShard;
      if (first !== undefined) yield [first, ofShard.size];
    }
  }

  /** What those that are behind have not read, together. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const { unreadBytes } of this.all()) bytes += unreadBytes;
    return bytes;
  }
}
