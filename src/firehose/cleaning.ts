/** What a deleted delivery stream leaves behind, and its removal. */
import { sql } from 'kysely';
import type { World } from '../call.ts';
import { pause } from '../clock.ts';
import { type Bind, query } from '../database/query.ts';
import { clearSlice } from './buffer-clearing.ts';
import { forgetRejected } from './search/batches.ts';

const selectBuffers = query((bind: Bind<{ id: number }>, db) =>
  db.selectFrom('buffers').select(['id', 'next_position as nextPosition']).where('delivery_stream', '=', bind('id')),
);

const selectSearches = query((bind: Bind<{ id: number }>, db) =>
  db
    .selectFrom('deliveries')
    .select('id')
    .where('delivery_stream', '=', bind('id'))
    .where('kind', '=', sql.lit('search'))
    .where('is_cleared', '=', sql.lit(0)),
);

const ofDeliveryStream = [
  query((bind: Bind<{ id: number }>, db) => db.deleteFrom('buffers').where('delivery_stream', '=', bind('id'))),
  query((bind: Bind<{ id: number }>, db) =>
    db.deleteFrom('source_checkpoints').where('delivery_stream', '=', bind('id')),
  ),
  query((bind: Bind<{ id: number }>, db) =>
    db.deleteFrom('encryption_changes').where('delivery_stream', '=', bind('id')),
  ),
  query((bind: Bind<{ id: number }>, db) =>
    db.deleteFrom('delivery_stream_versions').where('delivery_stream', '=', bind('id')),
  ),
  query((bind: Bind<{ id: number }>, db) =>
    db
      .updateTable('deliveries')
      .set({ is_cleared: sql.lit(1) })
      .where('delivery_stream', '=', bind('id'))
      .where('is_cleared', '=', sql.lit(0)),
  ),
  // Nor does it come back when the clock is set back.
  query((bind: Bind<{ id: number }>, db) =>
    db
      .updateTable('delivery_streams')
      .set((column) => ({ gone_ms: column.ref('deleted_ms') }))
      .where('id', '=', bind('id')),
  ),
  // What it delivered is remembered, and with it who it was.
  query((bind: Bind<{ id: number }>, db) =>
    db
      .deleteFrom('delivery_streams')
      .where('id', '=', bind('id'))
      .where((column) =>
        column.not(
          column.exists(
            column.selectFrom('deliveries').select('id').whereRef('delivery_stream', '=', 'delivery_streams.id'),
          ),
        ),
      ),
  ),
];

const PAUSE_MS = 1;

/** Deletes in slices what a delivery stream that is gone had buffered, then the rest of it. */
export async function removeGone(id: number, { clock, database }: World, signal: AbortSignal): Promise<void> {
  /** Until nothing is left. */
  const inSlices = async (slice: () => boolean) => {
    while (!signal.aborted && !(await database.reclaim(slice))) await pause(PAUSE_MS, clock, signal);
  };
  for (const buffer of database.all(selectBuffers, { id })) {
    const span = { from: 0, until: buffer.nextPosition };
    await inSlices(() => clearSlice(buffer.id, span, database));
  }
  for (const delivery of database.all(selectSearches, { id })) {
    await inSlices(() => forgetRejected(delivery.id, database));
  }
  if (signal.aborted) return;
  await database.reclaim(() => {
    for (const statement of ofDeliveryStream) database.run(statement, { id });
  });
}
