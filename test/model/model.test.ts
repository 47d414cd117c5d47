/**
 * Random sequences of what clients do, with restarts in between: the server must agree with the model after every step.
 *
 *     MODEL_RUNS=1000 npx vitest run test/model      more runs
 *     MODEL_SEED=1 MODEL_PATH=2:3 MODEL_REPLAY=AbC npx vitest run test/model      what a failure printed, again
 */
import fc from 'fast-check';
import { it } from 'vitest';
import { startTestServer } from '../support/server.ts';
import { arbitraries, prologue } from './commands.ts';
import { Model } from './model.ts';

const { MODEL_RUNS = '50', MODEL_SEED, MODEL_PATH, MODEL_REPLAY } = process.env;
const runs = Number(MODEL_RUNS);

it('the server agrees with the model after every step', { timeout: 30_000 + runs * 2000 }, async () => {
  const replay = MODEL_REPLAY === undefined ? {} : { replayPath: MODEL_REPLAY };
  const property = fc.asyncProperty(
    fc.commands([...arbitraries], { maxCommands: 60, size: 'max', ...replay }),
    async (commands) => {
      const server = await startTestServer({ settings: { TRANSITION_MS: '500' } });
      try {
        const model = new Model(server.clock.now());
        for (const command of prologue) await command.run(model, server);
        await fc.asyncModelRun(() => ({ model, real: server }), commands);
      } finally {
        await server.close();
      }
    },
  );
  await fc.assert(property, {
    numRuns: runs,
    ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
    endOnFailure: false,
  });
});
