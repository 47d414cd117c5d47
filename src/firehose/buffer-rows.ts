/** What all that touches buffered records must agree on: their ids. */
import { sql } from 'kysely';
import type { Bind } from '../database/query.ts';

/** The id of a record, composed in SQL because it exceeds what a JavaScript number holds exactly. */
export const idOf = <P extends { buffer: number }>(bind: Bind<P>, position: number | undefined) =>
  sql<number>`(${bind('buffer')} << 40) | ${position}`;
export const positionOfId = sql<number>`id & 1099511627775`;

/** The positions from `from` up to and including `until`. */
export interface Span {
  readonly from: number;
  readonly until: number;
}
