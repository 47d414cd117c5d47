/** CreateStream, DeleteStream, ListStreams: which streams there are. */
import type { Call } from '../call.ts';
import { atMost, type Bind, query } from '../database/query.ts';
import { existsAt } from '../lifecycle.ts';
import { operation } from '../protocol/operation.ts';
import { boolean, type Decoded, integer, required, requiredIn, structure } from '../protocol/shape.ts';
import { assertMayBeDeleted, assertRoomForStream } from './account-limits.ts';
import { consumersEver, consumersOf, deleteConsumer } from './consumer-store.ts';
import { autoNeedsOnDemand, invalidArgument, streamExists, streamHasConsumers } from './errors.ts';
import { evenRanges } from './hash-key.ts';
import { openPagingToken, pagingToken } from './paging.ts';
import { removeBelongings } from './resource-belongings.ts';
import {
  maxRecordSize,
  nextToken,
  pageLimit,
  recordDistribution,
  streamModeDetails,
  streamName,
  streamReference,
  tagMap,
  warmThroughput,
} from './shapes.ts';
import { assertNoChannels } from './stream-channels.ts';
import {
  addShard,
  findStream,
  forgetStream,
  requireStream,
  type Stream,
  type StreamName,
  statusOf,
  streamArnOf,
} from './stream-store.ts';
import { saveTags } from './tags.ts';
import { newestSecond } from './topology.ts';
import { assertWarmThroughput } from './warm-throughput.ts';

const createStreamInput = structure({
  ShardCount: requiredIn('documented', integer({ min: 1 })),
  StreamModeDetails: streamModeDetails,
  MaxRecordSizeInKiB: maxRecordSize,
  WarmThroughputMiBps: warmThroughput,
  RecordDistributionStrategy: recordDistribution,
  Tags: tagMap,
  StreamName: required(streamName),
});
type CreateStreamInput = Decoded<typeof createStreamInput>;

export const CreateStream = operation({
  access: 'write',
  input: createStreamInput,
  rate: 'createStreamCallsPerSecond',
  errors: ['ResourceInUseException', 'LimitExceededException', 'InvalidArgumentException', 'ValidationException'],
  run(input, call) {
    const name = { account: call.account, region: call.region, name: input.StreamName };
    if (findStream(name, call) !== undefined) throw streamExists(name);
    const mode = modeOf(input);
    if (input.RecordDistributionStrategy === 'AUTO' && mode !== 'ON_DEMAND') throw autoNeedsOnDemand(name);
    const shardCount = shardCountOf(input, mode, call);
    assertWarmThroughput(input.WarmThroughputMiBps, call, call);
    assertRoomForStream(mode, shardCount, call);
    const createdS = firstFreeSecond(name, call);
    const id = call.database.insert(insertStream, {
      ...name,
      streamId: randomStreamId(call),
      mode,
      retentionHours: call.quotas.retentionHoursDefault,
      maxRecordKib: input.MaxRecordSizeInKiB ?? null,
      warmThroughputMibps: input.WarmThroughputMiBps ?? null,
      recordDistribution: input.RecordDistributionStrategy ?? 'USER_PARTITION_KEY',
      createdMs: call.now,
      activeMs: call.now + call.transitionMs,
    });
    const first = { parent: null, adjacentParent: null, openedMs: 0, closedMs: null, lastArrivedMs: 0 };
    for (const [index, { starting, ending }] of evenRanges(shardCount).entries()) {
      addShard({ stream: id, index, starting, ending, createdS, ...first }, call);
    }
    saveTags(streamArnOf(name), input.Tags ?? new Map(), call);
    // Former streams of the name end here at the latest: even if the clock goes back, they do not come back.
    call.database.run(endFormer, name);
    forgetStream(name, call);
  },
});

/** Without any capacity AWS creates an on-demand stream. */
function modeOf({ ShardCount, StreamModeDetails, WarmThroughputMiBps }: CreateStreamInput): Stream['mode'] {
  const mode = StreamModeDetails?.StreamMode ?? (ShardCount === undefined ? 'ON_DEMAND' : 'PROVISIONED');
  if (mode === 'ON_DEMAND' && ShardCount !== undefined) {
    throw invalidArgument('ShardCount is not expected when StreamMode=ON_DEMAND');
  }
  if (mode === 'PROVISIONED' && ShardCount === undefined) {
    throw invalidArgument('ShardCount is required when StreamMode=PROVISIONED');
  }
  if (mode === 'PROVISIONED' && WarmThroughputMiBps !== undefined) {
    throw invalidArgument('WarmThroughputMiBps is not expected when StreamMode=PROVISIONED');
  }
  return mode;
}

function shardCountOf({ ShardCount }: CreateStreamInput, mode: Stream['mode'], { quotas }: Call): number {
  return mode === 'ON_DEMAND' ? quotas.onDemandInitialShards : ShardCount!;
}

/**
 * The creation second for the sequence numbers of a new stream's shards: now, but above that of every former stream of
 * the name, so that numbers never repeat or go back when a stream is re-created, even if the clock went back.
 */
function firstFreeSecond(name: StreamName, { database, now }: Call): number {
  const lastS = database.get(selectLastCreatedS, name)?.last_created_s ?? 0;
  return Math.max(Math.floor(now / 1000), lastS + 1);
}

const ID_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Twenty characters, a hyphen and three more, as AWS's ids look. */
function randomStreamId({ clock }: Call): string {
  const characters = [...clock.randomBytes(23)].map((byte) => ID_CHARACTERS[byte % ID_CHARACTERS.length]);
  return `${characters.slice(0, 20).join('')}-${characters.slice(20).join('')}`;
}

export const DeleteStream = operation({
  access: 'delete',
  input: structure({ ...streamReference, EnforceConsumerDeletion: boolean() }),
  rate: 'deleteStreamCallsPerSecond',
  errors: [
    'ResourceNotFoundException',
    'LimitExceededException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
  run(input, call) {
    const stream = requireStream(input, call);
    // Deleting what is being deleted changes nothing, above all not the instant at which it is gone.
    if (stream.goneMs !== null) return;
    const consumers = consumersOf(stream, call);
    if (consumers.length > 0 && input.EnforceConsumerDeletion !== true) throw streamHasConsumers(stream);
    assertNoChannels(stream, call);
    if (statusOf(stream, call.now) !== 'CREATING') assertMayBeDeleted(stream, call);
    const goneMs = call.now + call.transitionMs;
    call.database.run(markDeleted, { id: stream.id, deletedMs: call.now, goneMs });
    const { account, region, name } = stream;
    call.database.run(rememberName, { account, region, name, lastCreatedS: lastCreatedSecond(stream, call) });
    for (const consumer of consumers) deleteConsumer(consumer, goneMs, stream, call);
    removeBelongings(stream.arn, call.database);
    forgetStream(stream, call);
  },
});

/** Consumers count too, so that the ARN of one of this stream's never is that of one of the next stream's. */
function lastCreatedSecond(stream: Stream, call: Call): number {
  return newestSecond([...stream.topologies.after.listed, ...consumersEver(stream, call)]);
}

const LISTING = 'ListStreams';

export const ListStreams = operation({
  access: 'read',
  input: structure({ Limit: pageLimit, ExclusiveStartStreamName: streamName, NextToken: nextToken }),
  rate: 'listStreamsCallsPerSecond',
  errors: ['LimitExceededException', 'ExpiredNextTokenException', 'InvalidArgumentException'],
  run(input, call) {
    const { account, region, now, quotas } = call;
    const limit = Math.min(input.Limit ?? quotas.listStreamsPageDefault, quotas.listStreamsPageMaximum);
    const after =
      input.NextToken === undefined
        ? (input.ExclusiveStartStreamName ?? '')
        : openPagingToken(LISTING, input.NextToken, call);
    const rows = call.database.all(selectPage, { account, region, now, after, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const hasMore = rows.length > limit;
    return {
      StreamNames: page.map(({ name }) => name),
      HasMoreStreams: hasMore,
      NextToken: hasMore ? pagingToken(LISTING, page.at(-1)!.name, call) : undefined,
      StreamSummaries: page.map((row) => ({
        StreamName: row.name,
        StreamARN: streamArnOf({ account, region, name: row.name }),
        StreamStatus: statusOf(row, now),
        StreamModeDetails: { StreamMode: row.stream_mode },
        StreamCreationTimestamp: wholeSeconds(row.createdMs),
      })),
    };
  },
});

/** AWS shows creation times in whole seconds. */
export const wholeSeconds = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);

interface NewStream extends StreamName {
  readonly streamId: string;
  readonly mode: Stream['mode'];
  readonly retentionHours: number;
  readonly maxRecordKib: number | null;
  readonly warmThroughputMibps: number | null;
  readonly recordDistribution: Stream['recordDistribution'];
  readonly createdMs: number;
  readonly activeMs: number;
}

const insertStream = query((bind: Bind<NewStream>, db) =>
  db.insertInto('streams').values({
    account_id: bind('account'),
    region: bind('region'),
    name: bind('name'),
    stream_id: bind('streamId'),
    stream_mode: bind('mode'),
    retention_hours: bind('retentionHours'),
    max_record_kib: bind('maxRecordKib'),
    warm_throughput_mibps: bind('warmThroughputMibps'),
    record_distribution: bind('recordDistribution'),
    created_ms: bind('createdMs'),
    active_ms: bind('activeMs'),
  }),
);

const markDeleted = query((bind: Bind<{ id: number; deletedMs: number; goneMs: number }>, db) =>
  db
    .updateTable('streams')
    .set({ deleted_ms: bind('deletedMs'), gone_ms: bind('goneMs') })
    .where('id', '=', bind('id')),
);

const endFormer = query((bind: Bind<StreamName>, db) =>
  db
    .updateTable('streams')
    .set((column) => ({ gone_ms: column.ref('deleted_ms') }))
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name'))
    .where('gone_ms', 'is not', null),
);

/** Ends a stream that is being deleted before its time: its name is free. Only inside the body of a write. */
export function endDeletion(name: StreamName, call: Call): void {
  call.database.run(endFormer, name);
  forgetStream(name, call);
}

const rememberName = query((bind: Bind<StreamName & { lastCreatedS: number }>, db) =>
  db
    .insertInto('stream_names')
    .values({
      account_id: bind('account'),
      region: bind('region'),
      name: bind('name'),
      last_created_s: bind('lastCreatedS'),
    })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'region', 'name']).doUpdateSet({ last_created_s: bind('lastCreatedS') }),
    ),
);

const selectLastCreatedS = query((bind: Bind<StreamName>, db) =>
  db
    .selectFrom('stream_names')
    .select('last_created_s')
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name')),
);

interface Namespace {
  readonly account: string;
  readonly region: string;
  readonly now: number;
}

/** Sorted by code units, which for UTF-8 names of ASCII characters is SQLite's own order. */
const selectPage = query((bind: Bind<Namespace & { after: string; limit: number }>, db) =>
  db
    .selectFrom('streams')
    .select(['name', 'stream_mode', 'created_ms as createdMs', 'active_ms as activeMs'])
    .select(['updating_ms as updatingMs', 'updated_ms as updatedMs'])
    .select(['deleted_ms as deletedMs', 'gone_ms as goneMs'])
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '>', bind('after'))
    .where(existsAt(bind('now')))
    .orderBy('name')
    .limit(atMost(bind('limit'))),
);
