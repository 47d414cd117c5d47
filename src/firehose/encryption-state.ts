/** Server-side encryption of a delivery stream: what is in force, from the changes that were asked for. */
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { isWithin } from '../lifecycle.ts';

export type KeyType = 'AWS_OWNED_CMK' | 'CUSTOMER_MANAGED_CMK';
export type EncryptionStatus = 'ENABLING' | 'ENABLED' | 'DISABLING' | 'DISABLED';

/** The latest change; that of a delivery stream which never had encryption lies before all instants. */
export interface Encryption {
  readonly isEnabled: boolean;
  readonly keyType: KeyType | null;
  readonly keyArn: string | null;
  readonly changedMs: number;
  readonly settledMs: number;
}

const NEVER: Encryption = { isEnabled: false, keyType: null, keyArn: null, changedMs: 0, settledMs: 0 };

const selectLatest = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .selectFrom('encryption_changes')
    .selectAll()
    .where('delivery_stream', '=', bind('deliveryStream'))
    .orderBy('id', 'desc')
    .limit(sql.lit(1)),
);

const insertChange = query(
  (
    bind: Bind<{
      deliveryStream: number;
      isEnabled: 0 | 1;
      keyType: KeyType | null;
      keyArn: string | null;
      changedMs: number;
      settledMs: number;
    }>,
    db,
  ) =>
    db.insertInto('encryption_changes').values({
      delivery_stream: bind('deliveryStream'),
      is_enabled: bind('isEnabled'),
      key_type: bind('keyType'),
      key_arn: bind('keyArn'),
      changed_ms: bind('changedMs'),
      settled_ms: bind('settledMs'),
    }),
);

const countChanges = query((bind: Bind<{ deliveryStream: number; sinceMs: number }>, db) =>
  db
    .selectFrom('encryption_changes')
    .select((count) => count.fn.countAll<number>().as('changes'))
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('changed_ms', '>', bind('sinceMs')),
);

/** By the row id of the delivery stream. */
export function encryptionOf(deliveryStream: number, database: Database): Encryption {
  const row = database.get(selectLatest, { deliveryStream });
  if (row === undefined) return NEVER;
  return {
    isEnabled: row.is_enabled === 1,
    keyType: row.key_type,
    keyArn: row.key_arn,
    changedMs: row.changed_ms,
    settledMs: row.settled_ms,
  };
}

export function encryptionStatus({ isEnabled, changedMs, settledMs }: Encryption, now: number): EncryptionStatus {
  const isSettling = isWithin(now, changedMs, settledMs);
  if (isEnabled) return isSettling ? 'ENABLING' : 'ENABLED';
  return isSettling ? 'DISABLING' : 'DISABLED';
}

/** Only inside the body of a write, which ends with `forgetDeliveryStream`. */
export function addEncryptionChange(deliveryStream: number, change: Encryption, database: Database): void {
  database.run(insertChange, { ...change, deliveryStream, isEnabled: change.isEnabled ? 1 : 0 });
}

/** How often encryption was changed after the instant `sinceMs`. */
export const encryptionChangesSince = (deliveryStream: number, sinceMs: number, database: Database): number =>
  database.get(countChanges, { deliveryStream, sinceMs })!.changes;
