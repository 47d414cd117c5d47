/**
 * Batches are planned here: which buffered records, under which key, compressed how. All of it is fixed in one
 * transaction before a byte is written, so that what a delivery does is a function of its plan, and doing it again after
 * a crash makes the same object, never a second one.
 */
import { hash } from 'node:crypto';
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import type { Database } from '../database/database.ts';
import { type Bind, query } from '../database/query.ts';
import { firstMark, type Mark, requireMark } from './buffer-log.ts';
import { CONTENT_ENCODINGS, EXTENSIONS } from './compression.ts';
import type { ObjectSettings } from './destinations/destination.ts';
import { addIncident } from './incidents.ts';
import { objectKey } from './key-prefix.ts';

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
type Moment = Pick<Call, 'database' | 'log' | 'clock' | 'now'>;

/** Why a batch is made: because its buffer is due, or because somebody wants to see the records now. */
export type Occasion = 'due' | 'flush';

/** One turn plans at most so many batches of a buffer. */
const BATCHES_PER_TURN = 20;

/** Whether `planBatches` would make a batch. */
export const isAnythingDue = (deliveryStream: number, occasion: Occasion, moment: Moment): boolean =>
  deliverableBuffers(deliveryStream, moment).some((buffer) => isDue(buffer, occasion, moment));

/**
 * Makes batches of what waits in the buffers of a delivery stream: of as many records as reach the buffer's size, and of
 * the rest when its oldest record is old enough. Only inside the body of a write. Returns whether there may be more.
 */
export function planBatches(deliveryStream: number, occasion: Occasion, moment: Moment): boolean {
  let isMore = false;
  for (const buffer of deliverableBuffers(deliveryStream, moment)) {
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

const deliverableBuffers = (deliveryStream: number, { database }: Moment): FilledBuffer[] =>
  database.all(selectFilled, { deliveryStream }).filter(({ settings }) => settings !== null);

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
  const settings = JSON.parse(buffer.settings!) as ObjectSettings;
  const { compression } = settings;
  const { name, version, role, incarnation, plannedBytes } = buffer;
  database.run(insertDelivery, {
    ...valuesOf(buffer, { first, last }, now),
    state: 'PLANNED',
    endedMs: null,
    bytes: last.endBytes - plannedBytes,
    bucket: settings.bucket,
    key: objectKey({
      prefix: settings.prefix,
      timeZone: settings.timeZone,
      name,
      version,
      oldestArrivedMs: first.arrivedMs,
      uuid: nameUuid(incarnation, `${role} ${first.position} ${last.position}`),
      // An empty FileExtension means the format's own.
      extension: settings.fileExtension || EXTENSIONS[compression],
      randomUuid: () => clock.randomUuid(),
    }),
    compression,
    contentEncoding: CONTENT_ENCODINGS[compression] ?? null,
    kmsKeyArn: settings.kmsKeyArn ?? null,
  });
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

/** What of a delivery stream arrived at or before `untilMs` and cannot become a batch: nothing delivers it. */
export function undeliverableSpans(deliveryStream: number, untilMs: number, { database }: Moment): UndeliverableSpan[] {
  const buffers = database.all(selectFilled, { deliveryStream }).filter(({ settings }) => settings === null);
  return buffers.flatMap((buffer) => expiredSpan(buffer, untilMs, database) ?? []);
}

interface UndeliverableSpan extends Ends {
  readonly buffer: FilledBuffer;
}

/** Gives a span up. Only inside the body of a write. */
export function dropUndeliverable({ buffer, first, last }: UndeliverableSpan, moment: Moment): void {
  const bytes = last.endBytes - buffer.plannedBytes;
  moment.database.run(insertDelivery, {
    ...valuesOf(buffer, { first, last }, moment.now),
    ...NO_OBJECT,
    state: 'DROPPED',
    endedMs: moment.now,
    bytes,
  });
  moment.database.run(advance, { buffer: buffer.id, position: last.position + 1, bytes: last.endBytes });
  const span = { buffer: buffer.id, from: first.position, until: last.position };
  const records = span.until - span.from + 1;
  const reason = 'They expired before anything could deliver them to their destination.';
  addIncident({ kind: 'EXPIRED', ...buffer, records, bytes, span, reason }, moment);
}

/** What a batch has in place of an object that never was. */
const NO_OBJECT = { bucket: '', key: '', compression: '', contentEncoding: null, kmsKeyArn: null } as const;

function expiredSpan(buffer: FilledBuffer, untilMs: number, database: Database): UndeliverableSpan | undefined {
  const { id, plannedPosition: from, nextPosition } = buffer;
  const isAlive = ({ arrivedMs }: Mark) => arrivedMs > untilMs;
  const first = requireMark(id, from, database);
  if (isAlive(first)) return undefined;
  const mark = firstMark(id, { from, until: nextPosition - 1 }, isAlive, database);
  return { buffer, first, last: isAlive(mark) ? requireMark(id, mark.position - 1, database) : mark };
}

interface Plan {
  readonly buffer: number;
  readonly deliveryStream: number;
  readonly role: FilledBuffer['role'];
  readonly version: number;
  readonly state: 'PLANNED' | 'DROPPED';
  readonly endedMs: number | null;
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
  db.insertInto('deliveries').values({
    buffer: bind('buffer'),
    delivery_stream: bind('deliveryStream'),
    role: bind('role'),
    version: bind('version'),
    state: bind('state'),
    ended_ms: bind('endedMs'),
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
  }),
);

const advance = query((bind: Bind<{ buffer: number; position: number; bytes: number }>, db) =>
  db
    .updateTable('buffers')
    .set({ planned_position: bind('position'), planned_bytes: bind('bytes') })
    .where('id', '=', bind('buffer')),
);
