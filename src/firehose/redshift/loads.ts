/** What a batch for Redshift needs besides its object, as rows. */
import type { Database } from '../../database/database.ts';
import { type Bind, query } from '../../database/query.ts';
import type { Loaded } from './bookkeeping.ts';

export interface PlannedLoad {
  /** deliveries.id */
  readonly delivery: number;
  /** A UUID. */
  readonly loadId: string;
  readonly manifestKey: string;
  readonly errorManifestKey: string;
}

const insertLoad = query((bind: Bind<PlannedLoad>, db) =>
  db.insertInto('redshift_loads').values({
    delivery: bind('delivery'),
    load_id: bind('loadId'),
    manifest_key: bind('manifestKey'),
    error_manifest_key: bind('errorManifestKey'),
  }),
);

/** Only inside the body of a write. */
export function addLoad(load: PlannedLoad, database: Database): void {
  database.run(insertLoad, load);
}

const selectLoad = query((bind: Bind<{ delivery: number }>, db) =>
  db
    .selectFrom('redshift_loads')
    .select(['load_id as loadId', 'manifest_key as manifestKey', 'error_manifest_key as errorManifestKey'])
    .where('delivery', '=', bind('delivery')),
);

/** Of a batch for Redshift, by its row id. */
export const loadOf = (delivery: number, database: Database): Omit<PlannedLoad, 'delivery'> =>
  database.get(selectLoad, { delivery })!;

const setLoaded = query((bind: Bind<Loaded & { delivery: number }>, db) =>
  db
    .updateTable('redshift_loads')
    .set({ rows_loaded: bind('rowsLoaded'), rows_rejected: bind('rowsRejected') })
    .where('delivery', '=', bind('delivery')),
);

/** Only inside the body of a write. */
export function noteLoaded(delivery: number, loaded: Loaded, database: Database): void {
  database.run(setLoaded, { delivery, ...loaded });
}
