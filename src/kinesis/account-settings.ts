/** The commitment of an account to a minimum throughput, in a region: stored instants, and the state that follows. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import type { Moment } from './stream-store.ts';

/** It lasts at least this long. */
const MINIMUM_MS = 86_400_000;

interface Place {
  readonly account: string;
  readonly region: string;
}

/** A commitment that was made at some time. Instants are milliseconds. */
export interface Commitment {
  /** Whether it was asked for last; false: it ends at `endedMs`, which may lie in the future. */
  readonly isAskedFor: boolean;
  readonly startedMs: number;
  readonly endedMs: number | null;
}

export type CommitmentStatus = 'ENABLED' | 'DISABLED' | 'ENABLED_UNTIL_EARLIEST_ALLOWED_END';

const selectCommitment = query((bind: Bind<Place>, db) =>
  db
    .selectFrom('account_settings')
    .select(['is_committed', 'started_ms', 'ended_ms'])
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region')),
);

const saveCommitment = query(
  (bind: Bind<Place & { isCommitted: 0 | 1; startedMs: number; endedMs: number | null }>, db) =>
    db
      .insertInto('account_settings')
      .values({
        account_id: bind('account'),
        region: bind('region'),
        is_committed: bind('isCommitted'),
        started_ms: bind('startedMs'),
        ended_ms: bind('endedMs'),
      })
      .onConflict((conflict) =>
        conflict.columns(['account_id', 'region']).doUpdateSet({
          is_committed: bind('isCommitted'),
          started_ms: bind('startedMs'),
          ended_ms: bind('endedMs'),
        }),
      ),
);

/** The latest commitment; undefined when none was ever made. */
export function commitmentOf({ account, region }: Place, { database }: Pick<Moment, 'database'>) {
  const row = database.get(selectCommitment, { account, region });
  if (row === undefined) return undefined;
  return { isAskedFor: row.is_committed === 1, startedMs: row.started_ms, endedMs: row.ended_ms } satisfies Commitment;
}

/** The first instant at which the commitment may end. */
export const earliestEndOf = ({ startedMs }: Commitment): number => startedMs + MINIMUM_MS;

export function commitmentStatusOf(commitment: Commitment | undefined, now: number): CommitmentStatus {
  if (commitment === undefined) return 'DISABLED';
  if (commitment.isAskedFor) return 'ENABLED';
  return now < commitment.endedMs! ? 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' : 'DISABLED';
}

/** Whether the account is committed to a minimum throughput in the region: also while the end is only scheduled. */
export const isCommitted = (account: string, region: string, moment: Moment): boolean =>
  commitmentStatusOf(commitmentOf({ account, region }, moment), moment.now) !== 'DISABLED';

/**
 * Makes the commitment, or lets the one that is about to end go on; one that is in force already stays as it is. Only
 * inside the body of a write.
 */
export function commit({ account, region, now, database }: Call): void {
  const former = commitmentOf({ account, region }, { database });
  const goesOn = commitmentStatusOf(former, now) !== 'DISABLED';
  const startedMs = goesOn ? former!.startedMs : now;
  database.run(saveCommitment, { account, region, isCommitted: 1, startedMs, endedMs: null });
}

/** Ends the commitment as soon as it may end. Only inside the body of a write. */
export function endCommitment({ account, region, now, database }: Call): void {
  const commitment = commitmentOf({ account, region }, { database });
  if (commitment === undefined || !commitment.isAskedFor) return;
  const endedMs = Math.max(now, earliestEndOf(commitment));
  database.run(saveCommitment, { account, region, isCommitted: 0, startedMs: commitment.startedMs, endedMs });
}
