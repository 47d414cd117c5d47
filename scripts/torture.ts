/**
 * `npm run torture`: does to Millrace under load what ends other databases – kills, power cuts, failing disks, foreign
 * hands – and checks after each that everything that was acknowledged is still there.
 *
 *     --only C1,F3    only the scenarios of these names
 *     --count N       how often, instead of the planned counts; the time box does not apply then
 *     --seed N        what decides everything that is left to chance; otherwise a new one
 *     --minutes M     the time box of the whole run; 15, or without end with --long
 *     --long          the counts for a night
 *     --keep          keep the directories of all scenarios, not only of those that failed
 *     --build DIR     the compiled program under test, instead of the one that this was compiled with
 *     --json          the results as JSON on standard output
 *     --list          names what there is
 *
 * Ends with 1 when a promise was broken, when a scenario proved nothing, or when too little was done; see verdict.ts.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { missingNeeds } from './torture/needs.ts';
import { listText, type Report, reportText } from './torture/report.ts';
import { OWN_BUILD, Run } from './torture/run.ts';
import type { Scenario } from './torture/scenario.ts';
import { SCENARIOS, secondsOf } from './torture/scenarios.ts';
import { failures } from './torture/verdict.ts';

const DEFAULT_MINUTES = 15;

const options = readOptions();
if (options.list) {
  process.stdout.write(`${listText(SCENARIOS, secondsOf)}\n`);
  process.exit(0);
}

const run = new Run(options, say);
process.once('SIGINT', () => giveUp('Interrupted.', 130));
process.once('SIGTERM', () => giveUp('Terminated.', 143));
process.on('uncaughtException', (error) => giveUp(error.stack ?? error.message, 1));

const report = await torture();
process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${reportText(report)}\n`);
const reasons = failures(report);
for (const reason of reasons) say(reason);
process.exit(reasons.length > 0 ? 1 : 0);

async function torture(): Promise<Report> {
  const startMs = performance.now();
  say(`seed ${options.seed}, program ${options.build}`);
  const missing = await missingNeeds(new Set(options.scenarios.flatMap(({ needs }) => needs)), say);
  const possible = options.scenarios.filter(({ needs }) => !needs.some((need) => missing.has(need)));
  const skipped = options.scenarios
    .filter((scenario) => !possible.includes(scenario))
    .map(({ name, title, needs }) => {
      const why = needs.flatMap((need) => missing.get(need) ?? []).join('; ');
      say(`${name} (${title}) is skipped: ${why}.`);
      return { name, title, why };
    });
  const outcomes = await run.all(possible);
  const { seed, long } = options;
  return { seed, long, outcomes, skipped, elapsedMs: performance.now() - startMs };
}

interface Options {
  readonly scenarios: readonly Scenario[];
  readonly seed: number;
  readonly count: number | undefined;
  /** Infinity when only the counts decide. */
  readonly minutes: number;
  readonly build: string;
  readonly long: boolean;
  readonly keep: boolean;
  readonly json: boolean;
  readonly list: boolean;
}

function readOptions(): Options {
  try {
    const values = parseArgs({
      options: {
        only: { type: 'string' },
        seed: { type: 'string' },
        minutes: { type: 'string' },
        count: { type: 'string' },
        build: { type: 'string', default: OWN_BUILD },
        long: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    }).values;
    const count = numberOf('count', values.count);
    if (count !== undefined && values.only === undefined) throw new Error('--count needs --only.');
    const isBoxed = count === undefined && !values.long;
    return {
      ...values,
      scenarios: chosen(values.only),
      seed: numberOf('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 32),
      count,
      minutes: numberOf('minutes', values.minutes) ?? (isBoxed ? DEFAULT_MINUTES : Number.POSITIVE_INFINITY),
      build: resolve(values.build),
    };
  } catch (error) {
    const known = '--only NAMES, --count N, --seed N, --minutes M, --long, --keep, --build DIR, --json and --list';
    say(`${(error as Error).message} The options are ${known}.`);
    process.exit(2);
  }
}

/** The scenarios with these names, in the order of the list. */
function chosen(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return SCENARIOS;
  const names = only.split(',').map((name) => name.trim().toLowerCase());
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name.toLowerCase() === name));
  if (unknown.length > 0) throw new Error(`There is no scenario ${unknown.join(', ')}; see --list.`);
  return SCENARIOS.filter(({ name }) => names.includes(name.toLowerCase()));
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === '' || !(value >= 0)) throw new Error(`--${option} must be a number.`);
  return value;
}

function say(text: string): void {
  process.stderr.write(`torture: ${text}\n`);
}

async function giveUp(reason: string, exitCode: number): Promise<void> {
  say(reason);
  await run.undo();
  process.exit(exitCode);
}
