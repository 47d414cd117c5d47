/**
 * Requests at a fixed rate, whatever becomes of the ones before. A latency begins when its request was to be sent, so a
 * server that stops for a second is charged with all that would have come in that second, not with one slow request.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { LoadConnection } from './load-connection.ts';

export interface Pace {
  readonly port: number;
  /** Sent one after the other, over and over. */
  readonly requests: readonly Uint8Array[];
  /** A request waits while all of them are busy. */
  readonly connections: number;
  readonly perSecond: number;
  /** Requests are planned for this time; the last answers come later. */
  readonly ms: number;
  /** Told before a request is sent: its number, and when it was to be sent (performance.now). */
  readonly onPlanned?: (index: number, plannedMs: number) => void;
}

const READ_BUFFER_BYTES = 64 * 1024;

/** Timers are late by up to a millisecond, so the end of a wait is spent turning the event loop. */
const TURNED_MS = 1.5;

/** An answer that has not come by then, after the last request, does not come any more. */
const ANSWERED_MS = 30_000;
const LOOK_MS = 2;

/**
 * Sends, and returns the latency of each request in milliseconds, in the order in which they were planned.
 * @throws Error when an answer is not 200, a connection ends or an answer does not come
 */
export async function sendAtRate(pace: Pace): Promise<Float64Array> {
  const sender = new PacedSender(pace);
  try {
    await sender.connect();
    return await sender.send();
  } finally {
    sender.close();
  }
}

class PacedSender {
  readonly #pace: Pace;
  readonly #latenciesMs: Float64Array;
  readonly #connections: LoadConnection[] = [];
  #idle: LoadConnection[] = [];
  /** Which request a connection is busy with. */
  readonly #indexes = new Map<LoadConnection, number>();
  #failure: Error | undefined;
  #startMs = 0;
  /** Requests whose time has come; those that were sent; those that were answered. */
  #due = 0;
  #sent = 0;
  #answered = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
    this.#latenciesMs = new Float64Array(Math.ceil((pace.perSecond * pace.ms) / 1000));
  }

  async connect(): Promise<void> {
    const options = {
      port: this.#pace.port,
      buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
      onResponse: (connection: LoadConnection) => this.#take(connection),
      onFailure: (error: Error) => {
        this.#failure ??= error;
      },
    };
    for (let count = 0; count < this.#pace.connections; count += 1) {
      this.#connections.push(await LoadConnection.connect(options));
    }
    this.#idle = [...this.#connections];
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  async send(): Promise<Float64Array> {
    const count = this.#latenciesMs.length;
    this.#startMs = performance.now();
    while (this.#due < count) {
      await this.#waitUntil(this.#plannedMs(this.#due));
      for (const nowMs = performance.now(); this.#due < count && this.#plannedMs(this.#due) <= nowMs; this.#due += 1) {
        this.#pace.onPlanned?.(this.#due, this.#plannedMs(this.#due));
      }
      this.#sendDue();
    }
    const endMs = performance.now() + ANSWERED_MS;
    while (this.#answered < count && performance.now() < endMs) await this.#pause(LOOK_MS);
    if (this.#answered < count) throw new Error(`${count - this.#answered} requests were not answered.`);
    return this.#latenciesMs;
  }

  #plannedMs(index: number): number {
    return this.#startMs + (index * 1000) / this.#pace.perSecond;
  }

  async #waitUntil(ms: number): Promise<void> {
    const waitMs = Math.floor(ms - performance.now() - TURNED_MS);
    if (waitMs > 0) await this.#pause(waitMs);
    while (performance.now() < ms) await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #sendDue(): void {
    while (this.#sent < this.#due && this.#idle.length > 0) {
      const connection = this.#idle.pop()!;
      this.#indexes.set(connection, this.#sent);
      connection.send(this.#pace.requests[this.#sent % this.#pace.requests.length]!);
      this.#sent += 1;
    }
  }

  #take(connection: LoadConnection): void {
    const index = this.#indexes.get(connection)!;
    this.#latenciesMs[index] = performance.now() - this.#plannedMs(index);
    this.#answered += 1;
    this.#idle.push(connection);
    this.#sendDue();
  }
}
