/** What a deleted delivery stream leaves behind, and its removal. */
import { sql } from 'kysely';
import type { World } from '../call.ts';
import { pause } from '../clock.ts';
import { type Bind, query } from '../database/query.ts';
import { clearSlice } from './buffer-log.ts';

const selectBuffers = query((bind: Bind<{ id: number }>, db) =>
  db.selectFrom('buffers').select(['id', 'next_position as nextPosition']).where('delivery_stream', '=', bind('id')),
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
      .deleteFrom('rejected_documents')
      .where('delivery', 'in', (of) =>
        of
          .selectFrom('deliveries')
          .select('id')
          .where('delivery_stream', '=', bind('id'))
          .where('is_cleared', '=', sql.lit(0)),
      ),
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
  for (const buffer of database.all(selectBuffers, { id })) {
    const span = { from: 0, until: buffer.nextPosition };
    while (!signal.aborted && !(await database.write(() => clearSlice(buffer.id, span, database)))) {
      await pause(PAUSE_MS, clock, signal);
    }
  }
  if (signal.aborted) return;
  await database.write(() => {
    for (const statement of ofDeliveryStream) database.run(statement, { id });
  });
}
