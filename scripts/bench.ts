/**
 * `npm run bench`: Millrace side by side with what it cannot be faster than. Single records against a bare node:http
 * server, batches and reads against better-sqlite3 alone on the same tables, the delivery of a delivery stream against
 * the same bytes written to plain files; and next to its peers, which scripts/bench/peers/ installs. `steps.ts` is the
 * table of what is measured.
 *
 *     --json         the results as JSON instead of tables
 *     --long         everything, in more and longer rounds; without it what has a target, in less than two minutes
 *     --only WORD    only the steps with this in their names, for example firehose or GetRecords
 *
 * Writes up to 2 GB (long: 8 GB) into the system's directory for temporary files, and removes them.
 */
import { parseArgs } from 'node:util';
import { Cleanup } from './bench/cleanup.ts';
import type { MatchResult } from './bench/contest.ts';
import { collectFacts } from './bench/facts.ts';
import { LONG_PLAN, SHORT_PLAN } from './bench/plan.ts';
import { type JudgedFigure, judged, type NotMeasured, type Report, reportText } from './bench/report.ts';
import { STEPS, type Step } from './bench/steps.ts';

/** Above this load average, other programs take part in the measurement. */
const QUIET_LOAD = 0.5;

const options = readOptions();
const plan = options.long ? LONG_PLAN : SHORT_PLAN;
const cleanup = new Cleanup();

process.once('SIGINT', () => giveUp('Interrupted.'));
process.once('SIGTERM', () => giveUp('Terminated.'));
setTimeout(() => giveUp(`Not finished after ${plan.limitMs / 60_000} minutes.`), plan.limitMs).unref();

try {
  const report = await bench();
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${reportText(report)}\n`);
} catch (error) {
  await giveUp((error as Error).message);
}

interface Options {
  readonly json: boolean;
  readonly long: boolean;
  readonly steps: readonly Step[];
}

function readOptions(): Options {
  try {
    const { json, long, only } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        long: { type: 'boolean', default: false },
        only: { type: 'string' },
      },
    }).values;
    return { json, long, steps: only === undefined ? STEPS.filter(({ isShort }) => long || isShort) : named(only) };
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message} The options are --json, --long and --only WORD.\n`);
    process.exit(2);
  }
}

/** The steps with `word` in their names, also those that are not part of a short run. */
function named(word: string): readonly Step[] {
  const steps = STEPS.filter(({ name }) => name.toLowerCase().includes(word.toLowerCase()));
  if (steps.length > 0) return steps;
  throw new Error(`No step has ${word} in its name: ${STEPS.map(({ name }) => name).join('; ')}.`);
}

async function bench(): Promise<Report> {
  const startMs = performance.now();
  const facts = await clean('facts', () => collectFacts(plan, cleanup));
  if (facts.loadBefore > QUIET_LOAD) process.stderr.write('bench: other programs were busy just now; see min – max.\n');
  const matches: MatchResult[] = [];
  const figures: JudgedFigure[] = [];
  const notMeasured: NotMeasured[] = [];
  for (const { name, mayFail, run } of options.steps) {
    try {
      const measured = await clean(name, () => run(plan, cleanup));
      matches.push(...(measured.matches ?? []));
      figures.push(...(measured.figures ?? []).map(judged));
    } catch (error) {
      if (!mayFail) throw error;
      notMeasured.push({ name, reason: (error as Error).message });
      process.stderr.write(`bench: ${name} is left out: ${(error as Error).message}\n`);
    }
  }
  return { matches, figures, notMeasured, facts, elapsedMs: performance.now() - startMs };
}

/** Runs one part of the benchmark with children and directories of its own, which are gone when it ends. */
async function clean<T>(name: string, run: () => Promise<T>): Promise<T> {
  process.stderr.write(`bench: ${name}\n`);
  try {
    return await run();
  } finally {
    await cleanup.run();
  }
}

async function giveUp(reason: string): Promise<void> {
  process.stderr.write(`bench: ${reason}\n`);
  await cleanup.run();
  process.exit(1);
}
