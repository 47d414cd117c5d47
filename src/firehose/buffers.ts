/** The buffers of a delivery stream: one for its destination, one for copies of all records where a backup is kept. */
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import type { BufferRole } from './delivery-stream-store.ts';
import {
  type Buffering,
  backupSettingsOf,
  bufferingOf,
  type DeliverySettings,
  type Destination,
  deliverySettingsOf,
} from './destinations/destination.ts';

interface BufferValues {
  readonly deliveryStream: number;
  readonly role: BufferRole;
  readonly settings: string;
  readonly sizeBytes: number;
  readonly intervalMs: number;
}

const upsert = query((bind: Bind<BufferValues>, db) =>
  db
    .insertInto('buffers')
    .values({
      delivery_stream: bind('deliveryStream'),
      role: bind('role'),
      settings: bind('settings'),
      size_bytes: bind('sizeBytes'),
      interval_ms: bind('intervalMs'),
    })
    .onConflict((conflict) =>
      conflict.columns(['delivery_stream', 'role']).doUpdateSet((column) => ({
        settings: column.ref('excluded.settings'),
        takes_records: column.ref('excluded.takes_records'),
        size_bytes: column.ref('excluded.size_bytes'),
        interval_ms: column.ref('excluded.interval_ms'),
      })),
    ),
);

const closeBuffer = query((bind: Bind<{ deliveryStream: number; role: BufferRole; takes: 0 | 1 }>, db) =>
  db
    .updateTable('buffers')
    .set({ takes_records: bind('takes') })
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('role', '=', bind('role')),
);

/**
 * Makes the buffers that `destination` needs, or gives those that are there its settings, which then count for all that
 * is not yet part of a batch. A backup that is needed no more takes no records, and what it has is delivered as before.
 * Only inside the body of a write, which ends with `forgetDeliveryStream`.
 */
export function addBuffers(deliveryStream: number, destination: Destination, database: Database): void {
  const save = (role: BufferRole, settings: DeliverySettings, { sizeBytes, intervalMs }: Buffering) =>
    database.run(upsert, { deliveryStream, role, settings: JSON.stringify(settings), sizeBytes, intervalMs });
  save('destination', deliverySettingsOf(destination), bufferingOf(destination));
  const backup = backupSettingsOf(destination);
  if (backup !== undefined) save('backup', backup, backup);
  else database.run(closeBuffer, { deliveryStream, role: 'backup', takes: 0 });
}
