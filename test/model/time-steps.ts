/** Steps that no client makes: time passes, the sweeper runs, the server stops and starts. */
import type { Model } from './model.ts';
import { pick, type Step, step } from './step.ts';
import { passTime } from './world.ts';

export const advance = (ms: number): Step => step(`advance ${ms} ms`, (model, world) => passTime(ms, model, world));

/** To the end of a transition that is in progress, or to the millisecond before it. */
export const awaitTransition = (choice: number, offsetMs: -1 | 0): Step =>
  awaitInstant('transition', (model) => model.comingTransitions(), choice, offsetMs);

/** To the instant from which a record or a closed shard has expired, or to the millisecond before it. */
export const awaitExpiry = (choice: number, offsetMs: -1 | 0): Step =>
  awaitInstant('expiry', (model) => model.comingExpiries(), choice, offsetMs);

const awaitInstant = (
  what: string,
  instants: (model: Readonly<Model>) => readonly number[],
  choice: number,
  offsetMs: number,
): Step =>
  step(
    `await coming ${what} ${choice}, ${offsetMs} ms`,
    (model, world) => passTime(pick(instants(model), choice)! + offsetMs - model.now, model, world),
    (model) => instants(model).length > 0,
  );

/** Frees what nobody sees any more; nobody may see that. */
export const sweep: Step = step('sweep', (_model, { server }) => server.runJob('sweep'));

/** Nobody may see this either. */
export const restart: Step = step('restart', (_model, { server }) => server.restart());
