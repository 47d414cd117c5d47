/**
 * Batches are planned here: which buffered records, under which key, compressed how. All of it is fixed in one
 * transaction before a byte is written, so that what a delivery does is a function of its plan, and doing it again after
 * a crash does the same again and makes nothing twice.
 */
import { hash } from 'node:crypto';
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { firstMark, type Mark, requireMark } from './buffer-log.ts';
import { CONTENT_ENCODINGS, EXTENSIONS } from './compression.ts';
import type { DeliverySettings } from './destinations/destination.ts';
import { failedDocumentsKey, type KeyParts, manifestKey, objectKey } from './key-prefix.ts';
import { addLoad } from './redshift/loads.ts';
import { addSearchBatch } from './search/batches.ts';

/** The buffers of a delivery stream that is not being deleted, with something in them that belongs to no batch. */
const selectFilled = query((bind: Bind<{ deliveryStream: number }>, db) =>
  db
    .selectFrom('buffers')
    .innerJoin('delivery_streams', 'delivery_streams.id', 'buffers.delivery_stream')
    .select([
      'buffers.id',
      'role',
      'settings',
      'size_bytes as sizeBytes',
      'interval_ms as intervalMs',
      'next_position as nextPosition',
      'total_bytes as totalBytes',
      'planned_position as plannedPosition',
      'planned_bytes as plannedBytes',
      'delivery_stream as deliveryStream',
      'account_id as account',
      'region',
      'name',
      'incarnation',
      'version',
    ])
    .where('delivery_stream', '=', bind('deliveryStream'))
    .where('gone_ms', 'is', null)
    .whereRef('planned_position', '<', 'next_position')
    .orderBy('buffers.id'),
);

type FilledBuffer = NonNullable<(typeof selectFilled)['row']>;
type Moment = Pick<Call, 'database' | 'clock' | 'now'>;

/** Why a batch is made: because its buffer is due, or because somebody wants to see the records now. */
export type Occasion = 'due' | 'flush';

/** One turn plans at most so many batches of a buffer. */
const BATCHES_PER_TURN = 20;

/** Whether `planBatches` would make a batch. */
export const isAnythingDue = (deliveryStream: number, occasion: Occasion, moment: Moment): boolean =>
  filledBuffers(deliveryStream, moment).some((buffer) => isDue(buffer, occasion, moment));

/**
 * Makes batches of what waits in the buffers of a delivery stream: of as many records as reach the buffer's size, and of
 * the rest when its oldest record is old enough. Only inside the body of a write. Returns whether there may be more.
 */
export function planBatches(deliveryStream: number, occasion: Occasion, moment: Moment): boolean {
  let isMore = false;
  for (const buffer of filledBuffers(deliveryStream, moment)) {
    let left: FilledBuffer | undefined = buffer;
    for (let batches = 0; left !== undefined && isDue(left, occasion, moment); batches += 1) {
      if (batches === BATCHES_PER_TURN) {
        isMore = true;
        break;
      }
      left = planBatch(left, moment);
    }
  }
  return isMore;
}

const filledBuffers = (deliveryStream: number, { database }: Moment): FilledBuffer[] =>
  database.all(selectFilled, { deliveryStream });

function isDue(buffer: FilledBuffer, occasion: Occasion, { database, now }: Moment): boolean {
  if (occasion === 'flush' || buffer.totalBytes - buffer.plannedBytes >= buffer.sizeBytes) return true;
  return isOldEnough(requireMark(buffer.id, buffer.plannedPosition, database), buffer, now);
}

/** Plans the next batch of a buffer. Returns the buffer without it, if something is left. */
function planBatch(buffer: FilledBuffer, moment: Moment): FilledBuffer | undefined {
  const { id, plannedPosition, plannedBytes, nextPosition, sizeBytes } = buffer;
  const first = requireMark(id, plannedPosition, moment.database);
  const waiting = { from: plannedPosition, until: nextPosition - 1 };
  const limitBytes = plannedBytes + sizeBytes;
  const last = firstMark(id, waiting, ({ endBytes }) => endBytes >= limitBytes, moment.database);
  insertPlan(buffer, { first, last }, moment);
  moment.database.run(advance, { buffer: id, position: last.position + 1, bytes: last.endBytes });
  if (last.position === waiting.until) return undefined;
  return { ...buffer, plannedPosition: last.position + 1, plannedBytes: last.endBytes };
}

/** A record that seems to come from beyond the interval's length in the future was stored before the clock was set back. */
const isOldEnough = ({ arrivedMs }: Mark, { intervalMs }: FilledBuffer, now: number): boolean =>
  now - arrivedMs >= intervalMs || arrivedMs - now > intervalMs;

interface Ends {
  readonly first: Mark;
  readonly last: Mark;
}

function insertPlan(buffer: FilledBuffer, { first, last }: Ends, { database, clock, now }: Moment): void {
  const settings = JSON.parse(buffer.settings!) as DeliverySettings;
  const { compression, kind } = settings;
  const { name, version, role, incarnation, plannedBytes } = buffer;
  const parts: KeyParts = {
    prefix: settings.prefix,
    timeZone: settings.timeZone,
    name: settings.objectName ?? name,
    version,
    oldestArrivedMs: first.arrivedMs,
    uuid: nameUuid(incarnation, `${role} ${first.position} ${last.position}`),
    // An empty FileExtension means the format's own.
    extension: settings.fileExtension || EXTENSIONS[compression],
    randomUuid: () => clock.randomUuid(),
  };
  const { id } = database.get(insertDelivery, {
    ...valuesOf(buffer, { first, last }, now),
    kind,
    step: kind === 'search' ? 'INDEX' : 'STORE',
    bytes: last.endBytes - plannedBytes,
    bucket: settings.bucket,
    key: kind === 'search' ? failedDocumentsKey({ ...parts, ...settings }) : objectKey(parts),
    compression,
    contentEncoding: CONTENT_ENCODINGS[compression] ?? null,
    kmsKeyArn: settings.kmsKeyArn ?? null,
  })!;
  addDetails(id, settings, { parts, buffer, first, last }, database);
}

/** What only deliveries of this kind have. */
function addDetails(
  delivery: number,
  settings: DeliverySettings,
  { parts, buffer, first, last }: Ends & { parts: KeyParts; buffer: FilledBuffer },
  database: Database,
): void {
  if (settings.kind === 'redshift') {
    addLoad(
      {
        delivery,
        // With the arrivals, because after the restoration of an older copy of the database positions are given out again.
        loadId: nameUuid(
          buffer.incarnation,
          `load ${first.position} ${last.position} ${first.arrivedMs} ${last.arrivedMs}`,
        ),
        manifestKey: manifestKey('manifests/', parts),
        errorManifestKey: manifestKey('errors/manifests/', parts),
      },
      database,
    );
  } else if (settings.kind === 'search') {
    const { indexName, rotation, typeName, idFormat } = settings;
    const from = { delivery, idPrefix: buffer.incarnation, nextPosition: first.position };
    addSearchBatch({ ...from, indexName, rotation, typeName, idFormat }, database);
  }
}

const valuesOf = (buffer: FilledBuffer, { first, last }: Ends, now: number) => ({
  buffer: buffer.id,
  deliveryStream: buffer.deliveryStream,
  role: buffer.role,
  version: buffer.version,
  firstPosition: first.position,
  lastPosition: last.position,
  startBytes: buffer.plannedBytes,
  firstArrivedMs: first.arrivedMs,
  lastArrivedMs: last.arrivedMs,
  now,
});

/** The UUID of `name` in the namespace of another UUID: version 5 of RFC 9562. */
export function nameUuid(namespace: string, name: string): string {
  const digest = hash('sha1', Buffer.concat([Buffer.from(namespace.replaceAll('-', ''), 'hex'), Buffer.from(name)]));
  const variant = ((Number.parseInt(digest[16]!, 16) & 0x3) | 0x8).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `5${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}

interface Plan {
  readonly buffer: number;
  readonly deliveryStream: number;
  readonly role: FilledBuffer['role'];
  readonly version: number;
  readonly kind: DeliverySettings['kind'];
  readonly step: 'STORE' | 'INDEX';
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly startBytes: number;
  readonly bytes: number;
  readonly firstArrivedMs: number;
  readonly lastArrivedMs: number;
  readonly bucket: string;
  readonly key: string;
  readonly compression: string;
  readonly contentEncoding: string | null;
  readonly kmsKeyArn: string | null;
  readonly now: number;
}

/** Always the same on AWS. */
const CONTENT_TYPE = 'application/octet-stream';

const insertDelivery = query((bind: Bind<Plan>, db) =>
  db
    .insertInto('deliveries')
    .values({
      buffer: bind('buffer'),
      delivery_stream: bind('deliveryStream'),
      role: bind('role'),
      version: bind('version'),
      kind: bind('kind'),
      step: bind('step'),
      state: sql.lit('PLANNED'),
      first_position: bind('firstPosition'),
      last_position: bind('lastPosition'),
      start_bytes: bind('startBytes'),
      bytes: bind('bytes'),
      first_arrived_ms: bind('firstArrivedMs'),
      last_arrived_ms: bind('lastArrivedMs'),
      bucket: bind('bucket'),
      key: bind('key'),
      compression: bind('compression'),
      content_type: sql.lit(CONTENT_TYPE),
      content_encoding: bind('contentEncoding'),
      kms_key_arn: bind('kmsKeyArn'),
      planned_ms: bind('now'),
    })
    .returning('id'),
);

const advance = query((bind: Bind<{ buffer: number; position: number; bytes: number }>, db) =>
  db
    .updateTable('buffers')
    .set({ planned_position: bind('position'), planned_bytes: bind('bytes') })
    .where('id', '=', bind('buffer')),
);
