/**
 * Rates: how much of each second's worth of calls, records and bytes is used, and what AWS would have refused. The
 * instant comes in with every question, so nothing here waits or ticks. Kept in memory only: a restart begins anew.
 */
import type { QuotaName, Quotas } from './quotas.ts';
import type { Series } from './series.ts';

const SECOND_MS = 1000;

/**
 * One rate. Its second begins with the first use; what exceeds a second's worth at once, such as a large answer, makes
 * it as long as the rate needs for the amount.
 */
export class Budget {
  readonly #perSecond: number;
  #startMs = 0;
  #endMs = 0;
  #used = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether `amount` may be used at the instant `now`. A fresh budget has room for any amount. */
  hasRoomFor(amount: number, now: number): boolean {
    return this.isFresh(now) || this.#used === 0 || this.#used + amount <= this.#perSecond;
  }

  use(amount: number, now: number): void {
    if (amount === 0) return;
    if (this.isFresh(now)) {
      this.#startMs = now;
      this.#used = 0;
    }
    this.#used += amount;
    const lastsMs = Math.max(SECOND_MS, this.#msOf(this.#used));
    // What exceeds the rate by itself is waited for in full, however late in the second it came.
    const excessMs = amount > this.#perSecond ? this.#msOf(amount) : 0;
    this.#endMs = Math.max(this.#startMs + lastsMs, now + excessMs);
  }

  #msOf(amount: number): number {
    return (amount / this.#perSecond) * SECOND_MS;
  }

  /** Whether nothing that was used counts any more. A clock that was set back does not lock anybody out. */
  isFresh(now: number): boolean {
    return now >= this.#endMs || now < this.#startMs;
  }

  /** Whether it was used, and that does not count any more. */
  isOver(now: number): boolean {
    return this.#endMs > 0 && this.isFresh(now);
  }
}

/** Budgets that records use up together. */
export interface RecordBudgets {
  readonly records: Budget;
  readonly bytes: Budget;
}

/**
 * Takes records of the sizes `bytes` from both budgets, in their order. A record that does not fit leaves the budgets
 * to those after it. Returns the offsets of those.
 */
export function unfitRecords(bytes: readonly number[], budgets: RecordBudgets, now: number): ReadonlySet<number> {
  const unfit = new Set<number>();
  for (const [offset, size] of bytes.entries()) {
    if (budgets.records.hasRoomFor(1, now) && budgets.bytes.hasRoomFor(size, now)) {
      budgets.records.use(1, now);
      budgets.bytes.use(size, now);
    } else {
      unfit.add(offset);
    }
  }
  return unfit;
}

/** Who exceeded which rate. */
export interface Throttled {
  /** The X-Amz-Target. */
  readonly target: string;
  readonly account: string;
  readonly region: string;
  readonly stream?: string;
  readonly shard?: string;
  readonly deliveryStream?: string;
}

/** Budgets are dropped when there are this many and they are over; callers can make up any number of accounts. */
const PRUNE_AT = 10_000;
/** Further subjects are refused like any other, but not counted. */
const COUNTED_MAX = 50_000;

export class Rates {
  readonly #quotas: Quotas;
  readonly #budgets = new Map<string, Budget>();
  readonly #throttles = new Map<string, { readonly subject: Throttled; count: number }>();
  #pruneAt = PRUNE_AT;

  constructor(quotas: Quotas) {
    this.#quotas = quotas;
  }

  /** The budget of `key`, which is unique to the quota and its subject. To be used at the instant `now`, not kept. */
  budget(key: string, quota: QuotaName, now: number): Budget {
    let budget = this.#budgets.get(key);
    if (budget === undefined) {
      if (this.#budgets.size >= this.#pruneAt) this.#prune(now);
      budget = new Budget(this.#quotas[quota]);
      this.#budgets.set(key, budget);
    }
    return budget;
  }

  #prune(now: number): void {
    for (const [key, budget] of this.#budgets) if (budget.isOver(now)) this.#budgets.delete(key);
    this.#pruneAt = Math.max(PRUNE_AT, 2 * this.#budgets.size);
  }

  /**
   * Counts calls or records that AWS would refuse. Returns whether they are to be refused here too: in the relaxed
   * profile rates are only metered.
   */
  refuse(subject: Throttled, count = 1): boolean {
    const { target, account, region, stream, shard, deliveryStream } = subject;
    const key = `${target} ${account} ${region} ${stream} ${shard} ${deliveryStream}`;
    const known = this.#throttles.get(key);
    if (known !== undefined) known.count += count;
    else if (this.#throttles.size < COUNTED_MAX) this.#throttles.set(key, { subject, count });
    return this.#quotas.enforcesRates;
  }

  /** What exceeded its rate since the start, with how often. */
  throttles(): readonly { readonly subject: Throttled; readonly count: number }[] {
    return [...this.#throttles.values()];
  }
}

/** The counts of `rates` for the metrics. */
export const throttleSeries = (rates: Rates): Series => ({
  name: 'millrace_throttled_total',
  help: 'Calls and records beyond the rates of AWS: refused, or with QUOTAS=relaxed only counted here.',
  kind: 'counter',
  labels: ['target', 'account', 'region', 'stream', 'shard', 'deliveryStream'] satisfies readonly (keyof Throttled)[],
  collect: () => rates.throttles().map(({ subject, count }) => ({ labels: { ...subject }, value: count })),
});
