/** Data that was given up: a log line, and a row that tells what it was and why. The metrics count the rows. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';

export interface Incident {
  /** SKIPPED: they are in the intermediate bucket, but not in Redshift. */
  readonly kind: 'EXPIRED' | 'EXPIRED_IN_SOURCE' | 'SKIPPED';
  readonly account: string;
  readonly region: string;
  /** The delivery stream. */
  readonly name: string;
  readonly records: number;
  /** Null where it is not known. */
  readonly bytes: number | null;
  /** The buffered records that were given up; null when they never were in a buffer. */
  readonly span: { readonly buffer: number; readonly from: number; readonly until: number } | null;
  readonly reason: string;
}

interface Values extends Omit<Incident, 'span'> {
  readonly now: number;
  readonly buffer: number | null;
  readonly from: number | null;
  readonly until: number | null;
}

const insertIncident = query((bind: Bind<Values>, db) =>
  db.insertInto('incidents').values({
    happened_ms: bind('now'),
    kind: bind('kind'),
    account_id: bind('account'),
    region: bind('region'),
    subject: bind('name'),
    records: bind('records'),
    bytes: bind('bytes'),
    // Null stays null in SQL's arithmetic.
    first_record: sql<number>`(${bind('buffer')} << 40) | ${bind('from')}`,
    last_record: sql<number>`(${bind('buffer')} << 40) | ${bind('until')}`,
    reason: bind('reason'),
  }),
);

/** Only inside the body of a write. */
export function addIncident(incident: Incident, { database, log, now }: Pick<Call, 'database' | 'log' | 'now'>): void {
  const { kind, account, region, name, records, bytes, span, reason } = incident;
  const { buffer, from, until } = span ?? { buffer: null, from: null, until: null };
  database.run(insertIncident, { kind, account, region, name, records, bytes, reason, buffer, from, until, now });
  log.warn({ deliveryStream: name, account, region, records, bytes, kind, reason }, 'Records were dropped.');
}
