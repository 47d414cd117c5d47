/** The checker: what clients were told against what is there. Pure, so that a history can be judged again at any time. */
import { readHistory, type Seen, type Settled } from '../history.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import type { Observation } from '../observation.ts';
import type { Violation } from '../scenario.ts';
import { createFindings } from './findings.ts';
import { checkObjects } from './objects.ts';
import { checkMonotonic, checkRealTimeOrder } from './order.ts';
import { checkRecords } from './records.ts';
import { checkCells, checkRest, checkStreams } from './states.ts';

export interface Verdict {
  readonly violations: readonly Violation[];
  /** What became of unknown outcomes: entries for the history, which the ledger has learned already. */
  readonly learned: readonly (Seen | Settled)[];
}

/** Checks all guarantees. The ledger learns what the unknown outcomes were. */
export function check(ledger: Ledger, observation: Observation): Verdict {
  const findings = createFindings();
  const seen = checkCells(ledger, observation, findings);
  for (const entry of seen) ledger.learn(entry);
  checkStreams(ledger, observation, findings);
  const settled = [
    ...checkRecords(ledger, observation, findings),
    ...checkObjects(ledger, observation, findings),
  ].filter((entry) => isNews(entry, ledger));
  checkMonotonic(observation, findings);
  checkRealTimeOrder(ledger, observation, findings);
  checkRest(observation, findings);
  for (const entry of settled) ledger.learn(entry);
  return { violations: findings.violations, learned: [...seen, ...settled] };
}

const isNews = (entry: Settled, ledger: Ledger): boolean =>
  ledger.settled(ledger.putOf({ client: entry.client, counter: entry.first })!) !== entry.isThere;

/** Checks a history that was saved against an observation of everything. */
export const checkHistory = (path: string, observation: Observation): readonly Violation[] =>
  check(createLedger(readHistory(path)), observation).violations;
