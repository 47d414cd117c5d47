/**
 * Random sequences of what clients do, with restarts in between: the server must agree with the model after every step.
 *
 *     MODEL_RUNS=1000 npx vitest run test/model      more runs
 *
 * A failure prints the shortest sequence that was found, and the command that repeats it.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Model } from './model.ts';
import { anyStep, prologue } from './sequences.ts';
import type { Step } from './step.ts';
import { startWorld } from './world.ts';

const { MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_REPLAY } = process.env;
const numRuns = Number(MODEL_RUNS ?? 9);

const sequences = fc.commands([anyStep], {
  maxCommands: 50,
  size: 'max',
  ...(MODEL_REPLAY !== undefined && { replayPath: MODEL_REPLAY }),
});

const agreement = fc.asyncProperty(sequences, async (sequence) => {
  const world = await startWorld();
  try {
    const model = new Model(world.server.clock.now());
    for (const step of prologue) await step.run(model, world);
    await fc.asyncModelRun(() => ({ model, real: world }), sequence);
    const errors = world.server.log.entries.filter(({ level }) => level === 'error');
    expect(errors, 'what the server logged').toEqual([]);
  } catch (error) {
    throw new Error(world.story.join('\n'), { cause: error });
  } finally {
    await world.close();
  }
});

// A failure needs time to be shortened.
it('the server agrees with the model after every step', { timeout: 120_000 + numRuns * 2000 }, async () => {
  const result = await fc.check(agreement, {
    numRuns,
    ...(MODEL_SEED !== undefined && { seed: Number(MODEL_SEED) }),
    ...(MODEL_PATH !== undefined && { path: MODEL_PATH }),
  });
  if (result.failed) throw disagreement(result);
});

function disagreement({ seed, counterexamplePath, counterexample, errorInstance }: fc.RunDetails<[Iterable<Step>]>) {
  const { message: story, cause } = errorInstance as Error;
  const [, replay] = /replayPath="(.*)"/.exec(String(counterexample?.[0])) ?? [];
  const command = `MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath} MODEL_REPLAY=${replay} npx vitest run test/model`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${reason}\n\nThe last of these steps is the first to go wrong:\n\n${story}\n\n${command}`, {
    cause,
  });
}
