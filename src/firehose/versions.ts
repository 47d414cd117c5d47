/** The versions of a delivery stream's configuration. Old ones stay: a batch keeps the one it was planned with. */
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import type { Destination } from './destinations/destination.ts';

export interface Version {
  /** The API's VersionId. */
  readonly version: number;
  readonly createdMs: number;
  readonly destination: Destination;
}

const insertVersion = query(
  (bind: Bind<{ deliveryStream: number; version: number; createdMs: number; destination: string }>, db) =>
    db.insertInto('delivery_stream_versions').values({
      delivery_stream: bind('deliveryStream'),
      version: bind('version'),
      created_ms: bind('createdMs'),
      destination: bind('destination'),
    }),
);

/** Of a delivery stream by its row id. Only inside the body of a write. */
export function addVersion(deliveryStream: number, { destination, ...version }: Version, database: Database): void {
  database.run(insertVersion, { deliveryStream, ...version, destination: JSON.stringify(destination) });
}

const selectDestination = query((bind: Bind<{ deliveryStream: number; version: number }>, db) =>
  db
    .selectFrom('delivery_stream_versions')
    .select('destination')
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('version', '=', bind('version')),
);

/** The destination of a delivery stream, by its row id, in one of its versions. */
export const destinationOf = (deliveryStream: number, version: number, database: Database): Destination =>
  JSON.parse(database.get(selectDestination, { deliveryStream, version })!.destination);
