/**
 * The negative controls: copies of the program with a mistake each, which the scenarios must find. Whatever is found by
 * nobody shows that a scenario proves nothing. The same scenarios find nothing in a copy without a mistake.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cleanup } from '../../bench/cleanup.ts';
import { copyBuild } from '../build-copy.ts';
import { missingNeeds } from '../needs.ts';
import type { Random } from '../random.ts';
import type { Context, Need, Result, Scenario, Violation } from '../scenario.ts';
import { FAILPOINTS } from './failpoint-table.ts';
import { runTasks, taskFor } from './failpoints.ts';
import { kill } from './kill.ts';
import { checkInspectors, checkRetention, QUICK_RETENTION } from './mutant-checks.ts';
import { type Method, MUTATIONS, type Mutation } from './mutations.ts';
import { powerCut } from './power-cut.ts';
import { recordedWrites } from './recorded-writes.ts';
import { subscribers } from './subscribers.ts';

/** A scenario, run briefly. */
interface Brief {
  readonly needs: readonly Need[];
  readonly count: number;
  readonly limitMs: number;
  /** What it is tried again for, with other decisions: chance may be on the side of the mutant. */
  readonly tries: number;
  run(context: Context): Promise<Result>;
}

/** A kill at the first finds an object that was confirmed too early; at the others an object that gets a second name. */
const OBJECT_POINT_NAMES = [
  'before the rename',
  'after the rename',
  "before the sync of the object's directory",
  'before the turn of a confirmation',
];
const OBJECT_POINTS = FAILPOINTS.filter(({ name }) => OBJECT_POINT_NAMES.includes(name));

/** The process is killed at each of them. */
const checkFailpoints = (context: Context): Promise<Result> =>
  runTasks(
    OBJECT_POINTS.map((point) => taskFor(point, 'kill', context.random)),
    context,
  );

/** The limits are for machines that have other work: what counts is how often something is tried. */
const METHODS: Readonly<Record<Method, Brief>> = {
  kill: { needs: kill.needs, count: 14, limitMs: 60_000, tries: 3, run: kill.run },
  failpoints: { needs: [], count: OBJECT_POINTS.length, limitMs: 60_000, tries: 3, run: checkFailpoints },
  'power cut': { needs: powerCut.needs, count: 8, limitMs: 60_000, tries: 3, run: powerCut.run },
  'recorded writes': { needs: recordedWrites.needs, count: 120, limitMs: 60_000, tries: 3, run: recordedWrites.run },
  retention: { needs: [], count: 1, limitMs: 30_000, tries: 2, run: checkRetention },
  subscribers: { needs: [], count: 6, limitMs: 60_000, tries: 3, run: subscribers.run },
  inspectors: { needs: ['sqlite3'], count: 1, limitMs: 30_000, tries: 1, run: checkInspectors },
};

/** Done at a time: most of them wait for something most of the time. */
const AT_ONCE = 2;

export const mutants: Scenario = {
  name: 'mutants',
  title: 'mistakes made on purpose in a copy of the program are found',
  needs: [],
  counts: { short: MUTATIONS.length, long: 3 * MUTATIONS.length },
  alone: true,
  run,
};

interface Tally {
  readonly violations: Violation[];
  /** The mutants that were found or not, and by what. */
  readonly verdicts: Record<string, string>;
  tried: number;
  caught: number;
  controls: number;
}

async function run(context: Context): Promise<Result> {
  const tally: Tally = { violations: [], verdicts: {}, tried: 0, caught: 0, controls: 0 };
  const wanted = MUTATIONS.flatMap(({ methods }) => methods.flatMap((method) => METHODS[method].needs));
  const missing = await missingNeeds(new Set(wanted), context.progress);
  const isPossible = (method: Method) => METHODS[method].needs.every((need) => !missing.has(need));
  const mutations = Array.from({ length: context.count }, (_, index) => MUTATIONS[index % MUTATIONS.length]!);
  const used = new Set(
    mutations.map(({ methods }) => methods.find(isPossible)).filter((method) => method !== undefined),
  );
  const jobs = [
    ...[...used].map((method) => () => control(method, context, tally)),
    ...mutations.map((mutation, index) => () => tryMutant(mutation, { index, isPossible }, context, tally)),
  ];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let job = jobs.shift(); job !== undefined && !context.isTimeUp(); job = jobs.shift()) await job();
    }),
  );
  const { violations, verdicts, tried, caught, controls } = tally;
  return {
    violations,
    done: tried,
    sometimes: { 'mutants caught': caught, 'controls passed': controls },
    figures: { caught: `${caught} of ${tried}`, ...verdicts },
  };
}

/** The same ways of looking, at a copy without a mistake. */
async function control(method: Method, context: Context, tally: Tally): Promise<void> {
  const name = `control ${method}`;
  context.progress(name);
  const trial = await look(method, { name, patches: [] }, context.random.fork(name), context);
  if (trial.violations.length === 0) tally.controls += 1;
  for (const { guarantee, message } of trial.violations) {
    tally.violations.push({ guarantee, message: `${message} (in the control for ${method})` });
  }
}

interface Turn {
  readonly index: number;
  readonly isPossible: (method: Method) => boolean;
}

async function tryMutant(
  mutation: Mutation,
  { index, isPossible }: Turn,
  context: Context,
  tally: Tally,
): Promise<void> {
  const { name, methods, breaks } = mutation;
  const method = methods.find(isPossible);
  if (method === undefined) {
    tally.verdicts[name] = `not possible here: ${methods.join(' or ')}`;
    return;
  }
  tally.tried += 1;
  const others = new Set<string>();
  for (let attempt = 1; attempt <= METHODS[method].tries; attempt += 1) {
    context.progress(`${name}: ${method}`);
    const random = context.random.fork(`${name} ${index} ${attempt}`);
    const place = { name: `mutant-${index}-${attempt}`, patches: mutation.patches };
    const { violations } = await look(method, place, random, context);
    const found = violations.find(({ guarantee }) => breaks.includes(guarantee));
    if (found !== undefined) {
      tally.caught += 1;
      tally.verdicts[name] = `${found.guarantee} (${method})`;
      return;
    }
    for (const { guarantee, message } of violations) others.add(`${guarantee}: ${message}`);
  }
  const instead = others.size === 0 ? 'nothing' : [...others].slice(0, 3).join('; ');
  tally.verdicts[name] = 'not caught';
  tally.violations.push({
    guarantee: 'MutantCaught',
    message: `"${name}" should break ${breaks.join(' or ')}; ${method} found ${instead}.`,
  });
}

interface Place {
  readonly name: string;
  readonly patches: Mutation['patches'];
}

/** Does a scenario briefly upon a copy; all that it leaves is removed. */
async function look(method: Method, { name, patches }: Place, random: Random, context: Context): Promise<Result> {
  const { count, limitMs, run: runBrief } = METHODS[method];
  const directory = join(context.directory, name.replaceAll(' ', '-'));
  const scene = join(directory, 'scene');
  mkdirSync(scene, { recursive: true });
  const needed = method === 'retention' ? [...QUICK_RETENTION, ...patches] : patches;
  const build = copyBuild({ build: context.build, directory: join(directory, 'build'), patches: needed });
  const cleanup = new Cleanup();
  context.cleanup.add(() => cleanup.run());
  const endMs = performance.now() + limitMs;
  try {
    return await runBrief({
      ...context,
      random,
      build,
      directory: scene,
      count,
      isTimeUp: () => performance.now() > endMs,
      cleanup,
    });
  } finally {
    await cleanup.run();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
