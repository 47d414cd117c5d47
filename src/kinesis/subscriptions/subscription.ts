/** A subscription: one consumer's answer of events of one shard, and how far it is. */
import { type EventSink, EventStream, exceptionFrame, initialResponseFrame } from '../../protocol/event-stream.ts';
import type { Consumer } from '../consumer-store.ts';
import type { StreamName } from '../stream-store.ts';
import type { Shard } from '../topology.ts';
import type { ShardEvent } from './shard-event.ts';

/** Clients give up when they hear nothing for ten seconds. */
const HEARTBEAT_MS = 5000;

/** What a subscription may be ahead of its rate, so that small events do not wait for a timer. */
const AHEAD_MS = 10;

/** Who feeds it. */
export interface Feeder {
  /** It can take an event. */
  ready(subscription: Subscription): void;
  /** It is over. `isAbandoned`: because nobody receives it any more. */
  left(subscription: Subscription, isAbandoned: boolean): void;
}

export interface Subscribed {
  readonly consumer: Consumer;
  /** The name and the row id of the shard's stream. */
  readonly stream: StreamName & { readonly id: number };
  readonly shard: Pick<Shard, 'id' | 'index' | 'shardId'>;
  /** Of the next record that it gets. */
  readonly position: number;
}

export interface SubscriptionOptions {
  /** The instant of the call. */
  readonly now: number;
  /** Milliseconds of the steady clock, here and below, at which it ends. */
  readonly endMs: number;
  /** What it may be sent; Infinity where rates are not enforced. */
  readonly bytesPerSecond: number;
  readonly feeder: Feeder;
}

export class Subscription extends EventStream {
  readonly of: Subscribed;
  readonly startedMs: number;
  readonly endMs: number;
  readonly #bytesPerSecond: number;
  readonly #feeder: Feeder;
  #position: number;
  #sink: EventSink | undefined;
  #unreadBytes = 0;
  #isOver = false;
  /** The first event comes at once, also without records: it tells from where the client can go on. */
  #silentSinceMs = Number.NEGATIVE_INFINITY;
  /** Until when what was sent takes at the rate. */
  #paidUntilMs = 0;

  constructor(of: Subscribed, { now, endMs, bytesPerSecond, feeder }: SubscriptionOptions) {
    super();
    this.of = of;
    this.startedMs = now;
    this.endMs = endMs;
    this.#position = of.position;
    this.#bytesPerSecond = bytesPerSecond;
    this.#feeder = feeder;
  }

  get position(): number {
    return this.#position;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that the receiver has not read, while it is behind. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Whether it can be sent an event now. */
  canTake(steadyMs: number): boolean {
    return !this.#isOver && this.#sink !== undefined && this.#unreadBytes === 0 && this.payMs <= steadyMs;
  }

  /** When it may be sent an event again by its rate. */
  get payMs(): number {
    return this.#paidUntilMs - AHEAD_MS;
  }

  /** When it must be sent an event, even one without records. */
  get heartbeatMs(): number {
    return this.#silentSinceMs + HEARTBEAT_MS;
  }

  /** When it must be looked at. One that is behind is looked at when its receiver has read on. */
  dueMs(steadyMs: number): number {
    if (this.#sink === undefined || this.#unreadBytes > 0) return this.endMs;
    return Math.min(this.endMs, this.payMs > steadyMs ? this.payMs : this.heartbeatMs);
  }

  override start(sink: EventSink): void {
    this.#sink = sink;
    this.#write(initialResponseFrame());
    // The server may have begun to stop.
    if (this.#isOver) sink.end();
    else this.#feeder.ready(this);
  }

  override resume(): void {
    this.#unreadBytes = 0;
    if (!this.#isOver) this.#feeder.ready(this);
  }

  override stop(): void {
    if (!this.#isOver) this.#leave(true);
  }

  send({ frame, bytes, next, isLast }: ShardEvent, steadyMs: number): void {
    this.#position = next;
    this.#silentSinceMs = steadyMs;
    this.#paidUntilMs = Math.max(this.#paidUntilMs, steadyMs) + (bytes / this.#bytesPerSecond) * 1000;
    this.#write(frame);
    if (isLast) this.end();
  }

  /** Ends it in order. */
  end(): void {
    if (this.#isOver) return;
    this.#leave(false);
    this.#sink?.end();
  }

  /** Ends it by an error, which its client is told. */
  fail(code: string, message: string): void {
    if (this.#isOver) return;
    this.#sink?.write(exceptionFrame(code, message));
    this.end();
  }

  #leave(isAbandoned: boolean): void {
    this.#isOver = true;
    this.#unreadBytes = 0;
    this.#feeder.left(this, isAbandoned);
  }

  #write(bytes: Buffer): void {
    if (!this.#sink!.write(bytes)) this.#unreadBytes += bytes.length;
  }
}
