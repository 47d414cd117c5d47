/** Delivering at once what a delivery stream has buffered: for people and scripts, beside AWS's API. */
import { sql } from 'kysely';
import type { World } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { type DeliveryStreamName, findDeliveryStream } from './delivery-stream-store.ts';
import type { Flusher } from './flusher.ts';

export interface FlushReport {
  readonly deliveries: readonly {
    readonly role: string;
    /** Null for documents, unless some of them failed and are there. */
    readonly bucket: string | null;
    readonly key: string | null;
    readonly records: number;
    readonly bytes: number;
    readonly state: string;
    /** Why it is not delivered. */
    readonly error: string | null;
  }[];
}

const selectLatest = query((_bind: Bind<object>, db) =>
  db.selectFrom('deliveries').select(sql<number>`ifnull(max(id), 0)`.as('id')),
);

const selectWaiting = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .selectFrom('deliveries')
    .select('id')
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('is_cleared', '=', sql.lit(0))
    .where('state', '=', sql.lit('PLANNED')),
);

/** What waited, as a JSON array of ids, and what was planned since. */
const selectReport = query((bind: Bind<{ deliveryStream: number; after: number; waiting: string }>, db) =>
  db
    .selectFrom('deliveries')
    .select(['role', 'bytes', 'state', 'last_error as error'])
    .select([
      sql<string | null>`case when kind != 'search' or object_bytes is not null then bucket end`.as('bucket'),
      sql<string | null>`case when kind != 'search' or object_bytes is not null then key end`.as('key'),
    ])
    .select(sql<number>`last_position - first_position + 1`.as('records'))
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where((column) =>
      column.or([
        column('id', '>', bind('after')),
        sql<boolean>`id in (select value from json_each(${bind('waiting')}))`,
      ]),
    )
    .orderBy('id'),
);

/** Undefined when there is no such delivery stream. */
export async function flushNow(
  name: DeliveryStreamName,
  flusher: Flusher,
  { database, clock }: World,
): Promise<FlushReport | undefined> {
  const deliveryStream = findDeliveryStream(name, { database, now: clock.now() });
  if (deliveryStream === undefined || deliveryStream.goneMs !== null) return undefined;
  const after = database.get(selectLatest, {})!.id;
  const waiting = JSON.stringify(
    database.all(selectWaiting, { deliveryStream: deliveryStream.id }).map(({ id }) => id),
  );
  await flusher.flush(deliveryStream);
  return { deliveries: database.all(selectReport, { deliveryStream: deliveryStream.id, after, waiting }) };
}
