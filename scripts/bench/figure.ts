/** What is measured once in a while and is no rate: times, memory, costs. */
import type { Spread } from './statistics.ts';

export interface Figure {
  /** For example `Ready with 5 GB stored`. */
  readonly name: string;
  readonly unit: 'ms' | 'µs' | 'MB' | '×' | '/s' | '%';
  readonly value: Spread;
  /** The same of the yardstick, for example of an empty Node.js program. */
  readonly beside?: { readonly name: string; readonly value: Spread };
  /** The most that it should be, in `unit`. */
  readonly target?: number;
}
