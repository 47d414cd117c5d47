/** What the steps of deliveries have in common. */
import type { Call, World } from '../call.ts';
import type { Delivery } from './deliveries.ts';
import type { DeliveryStream } from './delivery-stream-store.ts';
import type { ObjectStore } from './objects/object-store.ts';
import type { Occasion } from './planning.ts';
import type { Warehouses } from './redshift/warehouses.ts';
import type { SearchClusters } from './search/clusters.ts';

/** Where, and for whom, deliveries are made. */
export interface Delivering {
  readonly world: World;
  readonly store: ObjectStore;
  readonly warehouses: Warehouses;
  readonly clusters: SearchClusters;
}

/** One look at a delivery stream. */
export interface Task {
  readonly occasion: Occasion;
  /** Whether the clock can be believed as far as giving up data goes. */
  readonly mayExpire: boolean;
  readonly signal: AbortSignal;
  /**
   * Waits for a server that is not ours; others are served meanwhile, however long it takes.
   * @throws Busy when too many wait already
   */
  readonly remotely: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Nothing failed; there was no room. The next look at the delivery stream tries again. */
export class Busy extends Error {}

/** A delivery whose next step is to be done. */
export interface Occupation {
  readonly delivery: Delivery;
  readonly deliveryStream: DeliveryStream;
  readonly delivering: Delivering;
  readonly task: Task;
}

export interface Step {
  /**
   * Does the step, and says in a write what follows. May be repeated, from the beginning or from where it was.
   * @throws Error with one sentence when it failed and is to be tried again
   */
  readonly run: (occupation: Occupation) => Promise<void>;
  /** Absent: until the records expire, which are kept for so long. */
  readonly retries?: {
    /** Counted from the first attempt. */
    readonly durationMs: (deliveryStream: DeliveryStream) => number;
    /** Says in the body of a write what follows when the time is over. */
    readonly giveUp: (delivery: Delivery, error: Error, deliveryStream: DeliveryStream, moment: Moment) => void;
  };
}

export type Moment = Pick<Call, 'database' | 'log' | 'now'>;
