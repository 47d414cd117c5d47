/** What the appending and the reading side of the log must agree on: the ids of records, and their checksums. */
import { crc32 } from 'node:zlib';
import { sql } from 'kysely';
import { type Bind, query } from '../database/query.ts';

/** The id of a record, composed in SQL because it exceeds what a JavaScript number holds exactly. */
export const idOf = <P extends { shard: number }>(bind: Bind<P>, position: number | undefined) =>
  sql<number>`(${bind('shard')} << 40) | ${position}`;
export const positionOfId = sql<number>`id & 1099511627775`;

/** The position and the arrival of a shard's first record from a position on. */
export const selectFirst = query((bind: Bind<{ shard: number; from: number }>, db) =>
  db
    .selectFrom('records')
    .select([positionOfId.as('position'), 'arrived_ms'])
    .where('id', '>=', idOf(bind, bind('from')))
    .where('id', '<', sql<number>`(${bind('shard')} + 1) << 40`)
    .orderBy('id')
    .limit(sql.lit(1)),
);

/** Of a record as it is stored: damage between memory, disk and back is noticed. */
export const checksum = (sequenceNumber: string, arrivedMs: number, ofContent: number): number =>
  crc32(`${sequenceNumber} ${arrivedMs}`, ofContent);

/** The part of `checksum` that is of the content; rows of earlier schemas have no more. */
export function checksumOfContent(partitionKey: string, data: Buffer): number {
  const ofKey = crc32(partitionKey);
  // zlib starts anew when it is given no bytes at a null address, which is what an empty blob may or may not have.
  return data.length === 0 ? ofKey : crc32(data, ofKey);
}
