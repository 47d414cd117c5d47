/** A torture run: which scenario is done when, beside which other one, and for how long. */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cleanup } from '../bench/cleanup.ts';
import { within } from './faults/within.ts';
import { createRandom } from './random.ts';
import type { Outcome } from './report.ts';
import type { Context, Result, Scenario } from './scenario.ts';
import { secondsOf } from './scenarios.ts';

/** The compiled program that this file was compiled with. */
export const OWN_BUILD = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** Scenarios that run at a time, unless they must be alone. */
const LANES = 2;

/** How long a scenario may take beyond twice its share before it counts as stuck. */
const STUCK_MS = 180_000;

/** Ending servers and removing files takes a second or two. */
const UNDO_LIMIT_MS = 60_000;

/** A scenario's progress is told this often at most. */
const PROGRESS_MS = 2000;

export interface RunOptions {
  readonly seed: number;
  readonly count: number | undefined;
  /** Infinity when only the counts decide. */
  readonly minutes: number;
  readonly build: string;
  readonly long: boolean;
  readonly keep: boolean;
}

export class Run {
  readonly #options: RunOptions;
  readonly #say: (text: string) => void;
  readonly #root: string;
  readonly #cleanups = new Set<Cleanup>();
  readonly #underWay = new Set<string>();

  constructor(options: RunOptions, say: (text: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#root = mkdtempSync(join(tmpdir(), 'millrace-torture-'));
  }

  /** Does all of `scenarios`; resolves with what became of them, in the same order. */
  async all(scenarios: readonly Scenario[]): Promise<Outcome[]> {
    const shareMs = this.#shares(scenarios);
    const outcomes = new Map<Scenario, Outcome>();
    const lane = async (queue: Scenario[]) => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        outcomes.set(next, await this.#one(next, shareMs(next)));
      }
    };
    // The longest first, so that the lanes end at about the same time.
    const together = scenarios.filter(({ alone }) => !alone).sort((a, b) => shareMs(b) - shareMs(a));
    await Promise.all(Array.from({ length: LANES }, () => lane(together)));
    await lane(scenarios.filter(({ alone }) => alone));
    this.#removeRoot();
    return scenarios.map((scenario) => outcomes.get(scenario)!);
  }

  /** Undoes whatever is under way. What failed before stays, and so does its directory. */
  async undo(): Promise<void> {
    await Promise.all([...this.#cleanups].map((cleanup) => this.#undoAll(cleanup)));
    if (!this.#options.keep) for (const directory of this.#underWay) this.#remove(directory);
    this.#removeRoot();
  }

  /** The part of the time box that each scenario has, by the seconds that it takes. */
  #shares(scenarios: readonly Scenario[]): (scenario: Scenario) => number {
    const seconds = (scenario: Scenario) => secondsOf(scenario, this.#options.long);
    const wall = (scenario: Scenario) => seconds(scenario) / (scenario.alone ? 1 : Math.min(LANES, scenarios.length));
    const sum = scenarios.reduce((total, scenario) => total + wall(scenario), 0);
    return (scenario) => (seconds(scenario) / sum) * this.#options.minutes * 60_000;
  }

  async #one(scenario: Scenario, shareMs: number): Promise<Outcome> {
    const { seed, build, long, keep, count = scenario.counts[long ? 'long' : 'short'] } = this.#options;
    const { name, title } = scenario;
    const directory = join(this.#root, name);
    mkdirSync(directory);
    this.#underWay.add(directory);
    const cleanup = new Cleanup();
    this.#cleanups.add(cleanup);
    const startMs = performance.now();
    const context: Context = {
      seed,
      random: createRandom(seed, name),
      build,
      directory,
      count,
      isTimeUp: () => performance.now() - startMs >= shareMs,
      cleanup,
      progress: this.#teller(name),
    };
    this.#say(`${name}: ${title}`);
    let result: Result | undefined;
    let error: string | undefined;
    try {
      result = await withinTime(scenario.run(context), shareMs * 2 + STUCK_MS);
    } catch (thrown) {
      error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    }
    await this.#undoAll(cleanup);
    this.#cleanups.delete(cleanup);
    this.#underWay.delete(directory);
    const elapsedMs = performance.now() - startMs;
    const isKept = keep || error !== undefined || result!.violations.length > 0;
    if (!isKept) this.#remove(directory);
    const found = result === undefined ? 'failed' : `${result.done}/${count}, ${result.violations.length} violations`;
    this.#say(`${name}: ${found} in ${(elapsedMs / 1000).toFixed(0)} s`);
    const other = build === OWN_BUILD ? '' : ` --build ${build}`;
    const replay = `npm run torture -- --only ${name} --seed ${seed} --count ${count}${other}`;
    return { name, title, planned: count, elapsedMs, result, error, directory: isKept ? directory : undefined, replay };
  }

  #teller(name: string): (text: string) => void {
    let toldMs = 0;
    return (text) => {
      if (performance.now() - toldMs < PROGRESS_MS) return;
      toldMs = performance.now();
      this.#say(`${name}: ${text}`);
    };
  }

  /** An undo that fails or does not end must not keep the others, or the other scenarios, from being done. */
  async #undoAll(cleanup: Cleanup): Promise<void> {
    for (;;) {
      try {
        const isUndone = await within(
          cleanup.run().then(() => true),
          UNDO_LIMIT_MS,
        );
        if (!isUndone) this.#say(`Could not be undone within ${UNDO_LIMIT_MS} ms; what was started may still run.`);
        return;
      } catch (error) {
        this.#say(`Could not be undone: ${(error as Error).message}`);
      }
    }
  }

  #remove(directory: string): void {
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #removeRoot(): void {
    try {
      rmdirSync(this.#root);
    } catch {
      // A scenario's directory was kept in it.
    }
  }
}

/** A scenario that never ends would keep all others from being done. */
async function withinTime<T extends object>(work: Promise<T>, limitMs: number): Promise<T> {
  const result = Number.isFinite(limitMs) ? await within(work, limitMs) : await work;
  if (result === undefined) throw new Error(`Not finished after ${(limitMs / 1000).toFixed(0)} s.`);
  return result;
}
