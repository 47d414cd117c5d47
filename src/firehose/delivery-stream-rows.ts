/** Delivery streams as rows: how they are made, changed and ended, for whomever they deliver. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { addBuffers } from './buffers.ts';
import { dropPlannedOf } from './deliveries.ts';
import {
  type DeliveryStream,
  type DeliveryStreamName,
  forgetDeliveryStream,
  type Source,
} from './delivery-stream-store.ts';
import type { Destination } from './destinations/destination.ts';
import { checkpointTips } from './source.ts';
import { addVersion } from './versions.ts';

const FIRST_VERSION = 1;

interface Parts {
  readonly source: Source | undefined;
  readonly destination: Destination;
}

/**
 * Makes a delivery stream, which reads its source, if it has one, from this instant on. Only inside the body of a write,
 * which ends with `forgetDeliveryStream`. Returns its row id.
 */
export function addDeliveryStream(name: DeliveryStreamName, { source, destination }: Parts, call: Call): number {
  const { database, now } = call;
  const readsStream = source?.KinesisStreamSourceDescription !== undefined;
  const id = database.insert(insertDeliveryStream, {
    ...name,
    incarnation: call.clock.randomUuid(),
    type: readsStream ? 'KinesisStreamAsSource' : 'DirectPut',
    source: source === undefined ? null : JSON.stringify(source),
    version: FIRST_VERSION,
    createdMs: now,
    activeMs: now + call.transitionMs,
  });
  addVersion(id, { version: FIRST_VERSION, createdMs: now, destination }, database);
  addBuffers(id, destination, database);
  if (readsStream) checkpointTips(id, source, call);
  // Former delivery streams of the name end here at the latest: even if the clock goes back, they do not come back.
  database.run(endFormer, name);
  return id;
}

/** Gives a delivery stream another destination, in a version of its own. Only inside the body of a write. */
export function changeDestination(deliveryStream: DeliveryStream, destination: Destination, call: Call): void {
  const { database, now } = call;
  const { id } = deliveryStream;
  const version = deliveryStream.version + 1;
  addVersion(id, { version, createdMs: now, destination }, database);
  database.run(setVersion, { id, version, updatedMs: now });
  addBuffers(id, destination, database);
  forgetDeliveryStream(deliveryStream, call);
}

/** Deletes a delivery stream; what is not delivered yet is given up. Only inside the body of a write. */
export function endDeliveryStream(deliveryStream: DeliveryStream, call: Call): void {
  const { id } = deliveryStream;
  call.database.run(markDeleted, { id, deletedMs: call.now, goneMs: call.now + call.transitionMs });
  dropPlannedOf(id, call);
  forgetDeliveryStream(deliveryStream, call);
}

interface NewDeliveryStream extends DeliveryStreamName {
  readonly incarnation: string;
  readonly type: DeliveryStream['type'];
  readonly source: string | null;
  readonly version: number;
  readonly createdMs: number;
  readonly activeMs: number;
}

const insertDeliveryStream = query((bind: Bind<NewDeliveryStream>, db) =>
  db.insertInto('delivery_streams').values({
    account_id: bind('account'),
    region: bind('region'),
    name: bind('name'),
    incarnation: bind('incarnation'),
    stream_type: bind('type'),
    source: bind('source'),
    version: bind('version'),
    created_ms: bind('createdMs'),
    active_ms: bind('activeMs'),
  }),
);

const setVersion = query((bind: Bind<{ id: number; version: number; updatedMs: number }>, db) =>
  db
    .updateTable('delivery_streams')
    .set({ version: bind('version'), updated_ms: bind('updatedMs') })
    .where('id', '=', bind('id')),
);

const markDeleted = query((bind: Bind<{ id: number; deletedMs: number; goneMs: number }>, db) =>
  db
    .updateTable('delivery_streams')
    .set({ deleted_ms: bind('deletedMs'), gone_ms: bind('goneMs') })
    .where('id', '=', bind('id')),
);

const endFormer = query((bind: Bind<DeliveryStreamName>, db) =>
  db
    .updateTable('delivery_streams')
    .set((column) => ({ gone_ms: column.ref('deleted_ms') }))
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name'))
    .where('gone_ms', 'is not', null),
);
