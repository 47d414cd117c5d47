/**
 * Doing the steps of deliveries, and what follows when one fails: another attempt later, or the end of all attempts. See
 * planning.ts for why each of them may be repeated.
 */
import { type Delivery, type Pacing, postpone, RETRY_MAX_MS, readyForStep } from './deliveries.ts';
import { loadStep, reportStep } from './redshift/loading.ts';
import { indexStep } from './search/indexing.ts';
import { Busy, type Occupation, type Step } from './step.ts';
import { storeStep } from './storing.ts';

const STEPS: Readonly<Record<Delivery['step'], Step>> = {
  STORE: storeStep,
  LOAD: loadStep,
  INDEX: indexStep,
  REPORT: reportStep,
};

/** Buckets come back soon; databases and clusters are left in peace for longer, as the service does. */
const OBJECT_PACING: Pacing = { firstMs: 1000, mostMs: 60_000 };
const DESTINATION_PACING: Pacing = { firstMs: 5000, mostMs: RETRY_MAX_MS };

/**
 * Does the next step of a delivery, or notes why that failed. Never rejects for what is wrong with the destination.
 */
export async function deliver(occupation: Occupation): Promise<'done' | 'failed' | 'put off'> {
  const { delivery, delivering, task } = occupation;
  const { clock, log } = delivering.world;
  const { id, step, bucket, key } = delivery;
  const startedMs = clock.now();
  try {
    await STEPS[step].run(occupation);
    log.debug({ delivery: id, step, bucket, key }, 'A step of a delivery is done.');
    return 'done';
  } catch (error) {
    // Whoever stops the server interrupts deliveries; that is nobody's fault.
    if (task.signal.aborted || error instanceof Busy) return 'put off';
    const attempts = delivery.attempts + 1;
    log.warn({ err: error, delivery: id, step, bucket, key, attempts }, 'A delivery failed and waits.');
    await fail(occupation, error as Error, startedMs);
    return 'failed';
  }
}

/** What is wrong with a server as a whole is wrong for all batches that would go there now. */
async function fail(
  { delivery, deliveryStream, delivering }: Occupation,
  error: Error,
  startedMs: number,
): Promise<void> {
  const { clock, database, log } = delivering.world;
  const { step } = delivery;
  await database.write(() => {
    const moment = { database, log, now: clock.now() };
    const concernsAll = (error as { concernsAll?: boolean }).concernsAll === true;
    // One that was never tried is tried once for itself, before it can be given up.
    const others = concernsAll ? readyForStep(deliveryStream.id, step, startedMs, database) : [];
    const alike = others.filter(({ id, attempts }) => id !== delivery.id && attempts > 0);
    const failed = [delivery, ...alike];
    const { retries } = STEPS[step];
    const failure = { startedMs, error: error.message };
    for (const one of failed) {
      if (retries === undefined) {
        postpone(one, failure, OBJECT_PACING, moment);
        continue;
      }
      // A beginning in the future is one that a clock has told which was set back since.
      const latestMs = Math.min(one.started_ms ?? startedMs, startedMs) + retries.durationMs(deliveryStream);
      if (moment.now >= latestMs) retries.giveUp(one, error, deliveryStream, moment);
      else postpone(one, { ...failure, latestMs }, DESTINATION_PACING, moment);
    }
  });
}
