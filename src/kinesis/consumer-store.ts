/**
 * Registered consumers of streams as the operations see them: found by name or ARN, with the state that follows from
 * the stored instants and `call.now`.
 */
import type { Call } from '../call.ts';
import { memory } from '../database/memory.ts';
import { type Bind, query } from '../database/query.ts';
import { exists, isWithin } from '../lifecycle.ts';
import { noteChange } from './changes.ts';
import { consumerNotFound, invalidArgument } from './errors.ts';
import { removeBelongings } from './resource-belongings.ts';
import { findStream, type Moment, type Stream, streamNameOfArn } from './stream-store.ts';

export interface Consumer {
  /** The row id, never reused: another consumer of the same name has another. */
  readonly id: number;
  /** The row id of its stream. */
  readonly stream: number;
  readonly name: string;
  readonly arn: string;
  /** The creation second that the ARN ends with. */
  readonly createdS: number;
  readonly createdMs: number;
  readonly activeMs: number;
  readonly deletedMs: number | null;
  readonly goneMs: number | null;
}

export type ConsumerStatus = 'CREATING' | 'ACTIVE' | 'DELETING';

const selectConsumers = query((bind: Bind<{ stream: number }>, db) =>
  db.selectFrom('consumers').selectAll().where('stream', '=', bind('stream')).orderBy('name').orderBy('created_s'),
);

/** The consumers of streams by the stream's row id, gone ones among them. Filled on demand. */
const knownConsumers = memory(() => new Map<number, readonly Consumer[]>());

/** The consumers of at most this many streams are remembered. */
const KNOWN_MAX = 10_000;

/** To be called by whoever changes rows of the stream's consumers. */
export function forgetConsumers(stream: Pick<Stream, 'id'>, { database }: Pick<Call, 'database'>): void {
  knownConsumers.of(database).delete(stream.id);
  noteChange(database);
}

/** The consumers of a stream, in whatever state, unless they are gone; sorted by name. */
export const consumersOf = (stream: Stream, moment: Moment): readonly Consumer[] =>
  consumersEver(stream, moment).filter((consumer) => exists(consumer, moment.now));

/** Those that are gone too, as far as their rows are there; sorted by name, then by age, the oldest first. */
export function consumersEver(stream: Stream, { database }: Pick<Moment, 'database'>): readonly Consumer[] {
  const known = knownConsumers.of(database);
  const found = known.get(stream.id);
  if (found !== undefined) return found;
  const consumers = database.all(selectConsumers, { stream: stream.id }).map((row) => consumerOf(row, stream));
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(stream.id, consumers);
  return consumers;
}

export const consumerArnOf = ({ arn }: Pick<Stream, 'arn'>, name: string, createdS: number) =>
  `${arn}/consumer/${name}:${createdS}`;

/** Stricter than the API model's pattern, which is not bound to the end of the text. */
const CONSUMER_ARN = /^(arn:.*)\/consumer\/([a-zA-Z0-9_.-]+):(\d+)$/;

/** What the ARN of a consumer says: `stream` and `createdS` tell it from others of its name. */
export interface ConsumerArn {
  readonly stream: NonNullable<ReturnType<typeof streamNameOfArn>>;
  readonly name: string;
  /** In decimal, as it stands in the ARN. */
  readonly createdS: string;
}

/** The parts of a consumer's ARN; undefined when it is not one. */
export function parseConsumerArn(arn: string): ConsumerArn | undefined {
  const [, streamArn = '', name, createdS] = CONSUMER_ARN.exec(arn) ?? [];
  const stream = streamNameOfArn(streamArn);
  return stream && name && createdS ? { stream, name, createdS } : undefined;
}

/**
 * The consumer that an ARN names, in whatever state, and its stream.
 * @throws ApiError InvalidArgumentException when it is not the ARN of a consumer, ResourceNotFoundException
 */
export function requireConsumer(
  consumerArn: string,
  moment: Moment,
): { readonly consumer: Consumer; readonly stream: Stream } {
  const parts = parseConsumerArn(consumerArn);
  if (parts === undefined) throw invalidArgument(`ConsumerARN ${consumerArn} is not the ARN of a consumer.`);
  const stream = findStream(parts.stream, moment);
  const consumer = stream && consumersOf(stream, moment).find(({ name }) => name === parts.name);
  // A former consumer of the name had another creation second.
  if (consumer === undefined || String(consumer.createdS) !== parts.createdS) {
    throw consumerNotFound(consumerArn, parts.stream.account);
  }
  return { consumer, stream: stream! };
}

/**
 * The stream's consumer of that name, in whatever state.
 * @throws ApiError ResourceNotFoundException
 */
export function requireConsumerNamed(name: string, stream: Stream, moment: Moment): Consumer {
  const consumer = consumersOf(stream, moment).find((candidate) => candidate.name === name);
  if (consumer === undefined) throw consumerNotFound(name, stream.account);
  return consumer;
}

/** The state that follows from the stored instants. */
export function consumerStatusOf(
  { createdMs, activeMs, goneMs }: Pick<Consumer, 'createdMs' | 'activeMs' | 'goneMs'>,
  now: number,
): ConsumerStatus {
  if (goneMs !== null) return 'DELETING';
  return isWithin(now, createdMs, activeMs) ? 'CREATING' : 'ACTIVE';
}

const markDeleted = query((bind: Bind<{ consumer: number; deletedMs: number; goneMs: number }>, db) =>
  db
    .updateTable('consumers')
    .set({ deleted_ms: bind('deletedMs'), gone_ms: bind('goneMs') })
    .where('id', '=', bind('consumer'))
    // Deleting what is being deleted changes nothing, as with streams.
    .where('gone_ms', 'is', null),
);

/**
 * Makes a consumer DELETING until `goneMs`, without its tags and policy; one that is DELETING already stays as it is.
 * Only inside the body of a write.
 */
export function deleteConsumer({ id, arn }: Consumer, goneMs: number, stream: Stream, call: Call): void {
  call.database.run(markDeleted, { consumer: id, deletedMs: call.now, goneMs });
  removeBelongings(arn, call.database);
  forgetConsumers(stream, call);
}

type ConsumerRow = NonNullable<(typeof selectConsumers)['row']>;

function consumerOf(row: ConsumerRow, stream: Stream): Consumer {
  return {
    id: row.id,
    stream: row.stream,
    name: row.name,
    arn: consumerArnOf(stream, row.name, row.created_s),
    createdS: row.created_s,
    createdMs: row.created_ms,
    activeMs: row.active_ms,
    deletedMs: row.deleted_ms,
    goneMs: row.gone_ms,
  };
}
