/** Everything one request may depend on besides its input. */
import type { Clock } from './clock.ts';
import type { Database } from './database/database.ts';
import type { Log } from './log.ts';
import type { Quotas } from './quotas.ts';
import type { Rates } from './rates.ts';

/** What outlives a request: made once by start.ts, handed to services, jobs and calls. */
export interface World {
  readonly clock: Clock;
  readonly database: Database;
  readonly log: Log;
  readonly quotas: Quotas;
  /** What is used of the quotas per second. */
  readonly rates: Rates;
  /** Time that a stream spends in CREATING, UPDATING and DELETING, in milliseconds. */
  readonly transitionMs: number;
  /** The directory of everything that is kept. */
  readonly dataDir: string;
}

export interface Call extends World {
  /** The instant of the request, in milliseconds since the epoch. Read once; all arithmetic is on this number. */
  readonly now: number;
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  readonly requestId: string;
}
