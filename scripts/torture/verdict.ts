/** What makes a torture run fail. Pure. */
import type { Outcome, Report } from './report.ts';

/** Less of the planned counts than this proves too little. */
const LEAST_SHARE = 0.7;

/** Why the run has failed, a sentence each; none when all is well. */
export function failures({ outcomes, skipped }: Report): string[] {
  const nothing = outcomes.length === 0 && skipped.length > 0 ? ['Nothing could be done.'] : [];
  return [...nothing, ...outcomes.flatMap(failuresOf)];
}

function failuresOf({ name, result, error, planned }: Outcome): string[] {
  if (error !== undefined) return [`${name} could not be carried out: ${error.split('\n')[0]}`];
  const { violations, sometimes, done } = result!;
  const reasons: string[] = [];
  if (violations.length > 0) reasons.push(`${name} found ${violations.length} violations.`);
  for (const [event, count] of Object.entries(sometimes)) {
    if (count === 0) reasons.push(`${name} is invalid: "${event}" never happened.`);
  }
  if (done < planned * LEAST_SHARE) reasons.push(`${name} was done ${done} times of ${planned}, which is too few.`);
  return reasons;
}
