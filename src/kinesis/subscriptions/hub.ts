/**
 * The subscriptions of a database, and who is to be served. Nothing here asks the database in vain: subscriptions are woken
 * by commits that brought records to their shards, and by one timer for heartbeats, ends and changes of streams.
 *
 * Invariants: a subscriber reads from its own position, so one that is behind loses nothing and costs nobody memory; those
 * that stand at the same position of a shard share one read and one frame; a turn is short, and is followed by a rest at
 * least as long, in which more records come together while there is much to do.
 */
import type { World } from '../../call.ts';
import type { Database } from '../../database/database.ts';
import { isBusy } from '../../database/errors.ts';
import { isWithin } from '../../lifecycle.ts';
import { changesOf } from '../changes.ts';
import { consumerStatusOf, consumersEver } from '../consumer-store.ts';
import { consumerNotFound, otherSubscription, shardDoesNotExist, streamNotFound } from '../errors.ts';
import { onAppended } from '../record-log.ts';
import { findStream, type Stream, topologyAt } from '../stream-store.ts';
import { Members } from './members.ts';
import { eventFrom, hasNews, type Place, type ShardEvent } from './shard-event.ts';
import { type Subscribed, Subscription } from './subscription.ts';

/** After this time of serving subscribers, others have their turn. */
const TURN_MS = 5;
const REST_MS_MAX = 20;

/** Before the next attempt to read what another program has locked, which only a rollback journal lets it. */
const LOCKED_REST_MS = 50;

/** Data of an event; less for many receivers, and while those who are behind hold much memory. A record may be larger. */
const EVENT_BYTES = 1024 * 1024;
const EVENT_BYTES_LOW = 64 * 1024;
const UNREAD_BYTES_MAX = 64 * 1024 * 1024;

/** The timer looks at least this often. */
const LOOK_MS = 1000;

type Surroundings = Pick<World, 'clock' | 'database' | 'log' | 'quotas'>;

export class Hub {
  readonly members = new Members();
  readonly #world: Surroundings;
  /** Those that may have something to be sent; served in this order. */
  readonly #ready = new Set<Subscription>();
  #isTurnPlanned = false;
  /** No turn before this, by the steady clock. */
  #restUntilMs = 0;
  /** The state of `changesOf` that the subscriptions were compared with. */
  #changes: number;
  /** The next instant, by the wall clock, at which a stream or consumer becomes another by itself. */
  #changeMs = Number.POSITIVE_INFINITY;
  #cancelLook: (() => void) | undefined;
  #isClosed = false;

  constructor(world: Surroundings) {
    const { database } = world;
    this.#world = world;
    this.#changes = changesOf(database);
    onAppended((shards) => this.#wake(shards), database);
    database.onCommit(() => this.#compare());
  }

  /** A new subscription, which takes the place of the consumer's older one of the shard. */
  begin(of: Subscribed, now: number): Subscription {
    const { clock, quotas } = this.#world;
    const { consumer, shard, stream } = of;
    const { code, message } = otherSubscription(consumer, shard.shardId, stream);
    this.members.current(consumer, shard)?.fail(code, message);
    const subscription = new Subscription(of, {
      now,
      endMs: clock.monotonicMs() + quotas.subscriptionLifeMs,
      bytesPerSecond: quotas.enforcesRates ? quotas.subscriptionBytesPerSecond : Number.POSITIVE_INFINITY,
      feeder: {
        ready: (ready) => this.#serveSoon(ready),
        left: (left, isAbandoned) => this.#forget(left, isAbandoned && quotas.enforcesRates),
      },
    });
    this.members.forgetBefore(now - quotas.subscriptionTakeoverMs);
    this.members.add(subscription);
    this.#watch(subscription, now);
    if (this.#isClosed) subscription.end();
    else this.#look();
    return subscription;
  }

  /**
   * Whether the consumer has begun a subscription of the shard in the last `takeoverMs` milliseconds. One that was ended
   * in order does not count; one whose client has gone counts where rates are enforced, because AWS learns of it later.
   */
  hasRecent({ consumer, shard }: Pick<Subscribed, 'consumer' | 'shard'>, now: number): boolean {
    const startedMs = this.members.startedMs(consumer, shard);
    return startedMs !== undefined && isWithin(now, startedMs, startedMs + this.#world.quotas.subscriptionTakeoverMs);
  }

  /** Ends all subscriptions in order, and those that begin from now on. */
  close(): void {
    this.#isClosed = true;
    for (const subscription of this.members.all()) subscription.end();
  }

  #forget(subscription: Subscription, isRemembered: boolean): void {
    this.#ready.delete(subscription);
    this.members.remove(subscription, isRemembered);
    if (!this.members.isEmpty) return;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    this.#changeMs = Number.POSITIVE_INFINITY;
  }

  #wake(shards: ReadonlySet<number>): void {
    for (const shard of shards) for (const subscription of this.members.of(shard)) this.#serveSoon(subscription);
  }

  #serveSoon(subscription: Subscription): void {
    this.#ready.add(subscription);
    this.#planTurn();
  }

  #planTurn(): void {
    if (this.#isTurnPlanned || this.#ready.size === 0) return;
    this.#isTurnPlanned = true;
    const { clock } = this.#world;
    const restMs = this.#restUntilMs - clock.monotonicMs();
    // Those who put the records are answered first.
    if (restMs < 1) setImmediate(() => this.#turn());
    else clock.after(restMs, () => this.#turn());
  }

  #turn(): void {
    this.#isTurnPlanned = false;
    const { clock } = this.#world;
    const startMs = clock.monotonicMs();
    let nowMs = startMs;
    let isLocked = false;
    for (const subscription of this.#ready) {
      if (nowMs - startMs >= TURN_MS || isLocked) break;
      this.#ready.delete(subscription);
      isLocked = !unlessLocked(() => this.#serve(subscription, nowMs));
      if (isLocked) this.#ready.add(subscription);
      nowMs = clock.monotonicMs();
    }
    this.#restUntilMs = nowMs + (isLocked ? LOCKED_REST_MS : Math.min(nowMs - startMs, REST_MS_MAX));
    this.#planTurn();
  }

  /** Serves a subscription and all that stand where it does. */
  #serve(subscription: Subscription, steadyMs: number): void {
    if (!subscription.canTake(steadyMs)) return this.#lookIfPaced(subscription, steadyMs);
    const place = this.#placeOf(subscription);
    if (place === undefined) return;
    const { position } = subscription;
    const isNews = hasNews(position, place);
    const peers = [...this.members.of(place.shard.id)].filter(
      (other) => other.position === position && other.canTake(steadyMs) && (isNews || other.heartbeatMs <= steadyMs),
    );
    const event = peers.length === 0 ? undefined : this.#eventFrom(position, peers.length, place);
    if (event === undefined) return;
    for (const peer of peers) {
      this.#ready.delete(peer);
      peer.send(event, steadyMs);
      if (!peer.canTake(steadyMs)) this.#lookIfPaced(peer, steadyMs);
      else if (event.hasMore) this.#ready.add(peer);
    }
  }

  /** Whoever waits for a receiver is woken by that; whoever waits because of the rate, by the timer. */
  #lookIfPaced({ unreadBytes, payMs, isOver }: Subscription, steadyMs: number): void {
    if (!isOver && unreadBytes === 0 && payMs > steadyMs) this.#look();
  }

  /** Undefined when the shard is gone, or cannot be read: then its subscriptions have been ended. */
  #placeOf({ of }: Subscription): Place | undefined {
    const { database, clock } = this.#world;
    const now = clock.now();
    const stream = findStream(of.stream, { database, now });
    if (stream?.id !== of.stream.id) {
      const { code, message } = streamNotFound(of.stream);
      this.#failAll(of.shard.id, code, message);
      return undefined;
    }
    const shard = topologyAt(stream, now).byIndex.get(of.shard.index);
    if (shard === undefined) {
      const { code, message } = shardDoesNotExist(of.shard.shardId, of.stream);
      this.#failAll(of.shard.id, code, message);
      return undefined;
    }
    return { stream, shard, now, database };
  }

  #eventFrom(position: number, receivers: number, place: Place): ShardEvent | undefined {
    try {
      return eventFrom(position, this.#eventBytes(receivers), place);
    } catch (error) {
      if (isBusy(error)) throw error;
      const { stream, shard } = place;
      this.#world.log.error(
        { err: error, stream: stream.name, shard: shard.shardId },
        'A subscription could not go on.',
      );
      this.#failAll(shard.id, 'InternalFailureException', 'The next record of the shard could not be read.', position);
      return undefined;
    }
  }

  /** Writing an event to its receivers is a part of the turn too. */
  #eventBytes(receivers: number): number {
    if (this.members.unreadBytes > UNREAD_BYTES_MAX) return EVENT_BYTES_LOW;
    return Math.max(EVENT_BYTES_LOW, Math.floor(EVENT_BYTES / Math.ceil(receivers / 4)));
  }

  /** Ends the subscriptions of a shard (by row id), or those of them that stand at `position`. */
  #failAll(shard: number, code: string, message: string, position?: number): void {
    for (const subscription of this.members.of(shard)) {
      if (position === undefined || subscription.position === position) subscription.fail(code, message);
    }
  }

  /** After a commit: were streams or consumers changed by it? */
  #compare(): void {
    const changes = changesOf(this.#world.database);
    if (changes === this.#changes) return;
    this.#changes = changes;
    if (!this.members.isEmpty) setImmediate(() => this.#review());
  }

  /** Finds out which subscriptions are over because their stream or consumer is another than before. */
  #review(): void {
    const { clock } = this.#world;
    const now = clock.now();
    this.#changeMs = Number.POSITIVE_INFINITY;
    for (const subscription of this.members.all()) {
      if (!unlessLocked(() => this.#watch(subscription, now))) this.#changeMs = now + LOCKED_REST_MS;
      if (!subscription.isOver) this.#serveSoon(subscription);
    }
    if (!this.members.isEmpty) this.#look();
  }

  /** Notes when the stream of a subscription changes by itself next. Ends it when that, or its consumer, is gone. */
  #watch(subscription: Subscription, now: number): void {
    const { database } = this.#world;
    const { stream: name, consumer } = subscription.of;
    const stream = findStream(name, { database, now });
    if (stream?.id !== name.id) {
      const { code, message } = streamNotFound(name);
      return subscription.fail(code, message);
    }
    this.#changeMs = Math.min(this.#changeMs, nextChangeOf(stream, now));
    const current = consumersEver(stream, { database }).find(({ id }) => id === consumer.id);
    if (current !== undefined && consumerStatusOf(current, now) === 'ACTIVE') return;
    const { code, message } = consumerNotFound(consumer.arn, name.account);
    subscription.fail(code, message);
  }

  /** Sets the timer anew. */
  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#world.clock.after(this.#nextLookMs(), () => this.#onTime());
  }

  #nextLookMs(): number {
    const { clock } = this.#world;
    const steadyMs = clock.monotonicMs();
    let lookMs = Math.min(steadyMs + LOOK_MS, steadyMs + this.#changeMs - clock.now());
    for (const subscription of this.members.all()) lookMs = Math.min(lookMs, subscription.dueMs(steadyMs));
    return Math.max(1, Math.ceil(lookMs - steadyMs));
  }

  #onTime(): void {
    const { clock } = this.#world;
    const steadyMs = clock.monotonicMs();
    for (const subscription of this.members.all()) {
      if (subscription.endMs <= steadyMs) subscription.end();
      else if (subscription.canTake(steadyMs)) this.#serveSoon(subscription);
    }
    if (this.#changeMs <= clock.now()) this.#review();
    if (!this.members.isEmpty) this.#look();
  }
}

/** Does what reads the database. False when it could not, because another program has locked it for the moment. */
function unlessLocked(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!isBusy(error)) throw error;
    return false;
  }
}

/** When the state of a stream changes by itself next. */
function nextChangeOf({ updatingMs, updatedMs, goneMs }: Stream, now: number): number {
  const updateMs = isWithin(now, updatingMs, updatedMs) ? updatedMs! : Number.POSITIVE_INFINITY;
  return Math.min(updateMs, goneMs ?? Number.POSITIVE_INFINITY);
}

const hubs = new WeakMap<Database, Hub>();

/** The hub of a database, made when it is needed first. */
export function hubOf(world: Surroundings): Hub {
  let hub = hubs.get(world.database);
  if (hub === undefined) {
    hub = new Hub(world);
    hubs.set(world.database, hub);
  }
  return hub;
}
