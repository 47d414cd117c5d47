/** What a scenario of the torture run is: something is done to a server under load, and its promises are checked. */
import type { Cleanup } from '../bench/cleanup.ts';
import type { Random } from './random.ts';

/** A promise that was broken. */
export interface Violation {
  /** The guarantee by its name, such as NoLoss; or the expectation of the scenario. */
  readonly guarantee: string;
  /** One sentence that says what was expected and what was found. */
  readonly message: string;
}

/** What a scenario cannot do without; where it is missing, the scenario is skipped with its name. */
export type Need = 'root' | 'loop' | 'tmpfs' | 'strace' | 'faketime' | 'gcc' | 'sqlite3' | 'cgroup' | 'fuse';

export interface Scenario {
  /** Short and unique, such as C1: what `--only` names. */
  readonly name: string;
  /** What happens, in a few words. */
  readonly title: string;
  readonly needs: readonly Need[];
  /** How often it is done: in the time-boxed run, and in the long one. */
  readonly counts: { readonly short: number; readonly long: number };
  /** It measures times, or needs the memory or the cores for itself: nothing else runs beside it. */
  readonly alone?: true;
  /** Does it `context.count` times, or until `context.isTimeUp()`. Rejects for what is wrong with the scenario itself. */
  run(context: Context): Promise<Result>;
}

export interface Context {
  /** Decides everything that is left to chance; printed with every violation. */
  readonly seed: number;
  readonly random: Random;
  /** The directory of the compiled program under test; `src/main.js` is in it. */
  readonly build: string;
  /** A directory of the scenario's own. It is kept when there are violations, and removed otherwise. */
  readonly directory: string;
  readonly count: number;
  /** Whether the time of this scenario is used up; asked between two rounds. */
  isTimeUp(): boolean;
  /** What must be undone however the scenario ends: servers that run, file systems that are mounted. */
  readonly cleanup: Cleanup;
  /** Tells whoever waits how far it is. */
  progress(text: string): void;
}

export interface Result {
  readonly violations: readonly Violation[];
  /** How often the thing was done, such as kills or images. */
  readonly done: number;
  /** What must have happened for the run to mean something: each must be above 0, or the run is invalid. */
  readonly sometimes: Readonly<Record<string, number>>;
  /** Figures for the report, such as `{ acknowledged: 157617, 'ready p99 ms': 412 }`. */
  readonly figures: Readonly<Record<string, number | string>>;
}
