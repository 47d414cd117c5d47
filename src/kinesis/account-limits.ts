/** What an account may have in a region: shards, on-demand streams, streams that change their state at once. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { existsAt } from '../lifecycle.ts';
import { quotaHint } from '../quotas.ts';
import { onDemandLimitExceeded, shardLimitExceeded, tooManyCreatingOrDeleting, tooManyInTransition } from './errors.ts';

/** Whose limits are meant: the caller's, or those of the stream that is named by its ARN. */
interface Namespace {
  readonly account: string;
  readonly region: string;
}

/** Shards of a split or merge in progress count as if it were done, so that two at once cannot exceed a limit. */
const selectUse = query((bind: Bind<Namespace & { now: number }>, db) =>
  db
    .selectFrom('streams')
    .select([
      sql<number>`count(*) filter (
        where gone_ms is not null or (${bind('now')} >= created_ms and ${bind('now')} < active_ms)
      )`.as('creating_or_deleting'),
      sql<number>`count(*) filter (
        where gone_ms is null and ${bind('now')} >= updating_ms and ${bind('now')} < updated_ms
      )`.as('updating'),
      sql<number>`count(*) filter (where stream_mode = 'ON_DEMAND')`.as('on_demand'),
      sql<number>`coalesce(sum((select count(*) from shards where stream = streams.id and closed_ms is null)), 0)`.as(
        'open_shards',
      ),
    ])
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where(existsAt(bind('now'))),
);

type Use = NonNullable<(typeof selectUse)['row']>;

const useOf = ({ account, region }: Namespace, { now, database }: Call): Use =>
  database.get(selectUse, { account, region, now })!;

const selectChannels = query((bind: Bind<Namespace & { now: number }>, db) =>
  db
    .selectFrom('channels')
    .select(sql<number>`count(*)`.as('count'))
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where(existsAt(bind('now'))),
);

/** How many channels the caller's account has, in whatever state. */
export const channelCount = ({ account, region, now, database }: Call): number =>
  database.get(selectChannels, { account, region, now })!.count;

/** What the caller's account has of that which is limited, counted as the limits count it. */
export function limitsUse(call: Call) {
  const use = useOf(call, call);
  return {
    openShards: use.open_shards,
    onDemandStreams: use.on_demand,
    channels: channelCount(call),
  };
}

/** @throws ApiError LimitExceededException */
export function assertRoomForStream(mode: 'PROVISIONED' | 'ON_DEMAND', shards: number, call: Call): void {
  const { account, quotas } = call;
  const use = useOf(call, call);
  if (use.creating_or_deleting >= quotas.streamsInTransition) {
    throw tooManyCreatingOrDeleting(account, quotas.streamsInTransition);
  }
  assertRoom(shards, use, call, call);
  if (mode === 'ON_DEMAND') assertRoomForOnDemand(use, call, call);
}

/** @throws ApiError LimitExceededException when there is no room for a stream that becomes an on-demand stream */
export const assertRoomForOnDemandStream = (where: Namespace, call: Call): void =>
  assertRoomForOnDemand(useOf(where, call), where, call);

function assertRoomForOnDemand({ on_demand: count }: Use, where: Namespace, { quotas }: Call): void {
  if (count >= quotas.onDemandStreams) throw onDemandLimitExceeded(where, count, quotas.onDemandStreams);
}

/** @throws ApiError LimitExceededException */
export const assertRoomForShards = (additional: number, where: Namespace, call: Call): void =>
  assertRoom(additional, useOf(where, call), where, call);

/** @throws ApiError LimitExceededException when too many streams change their state, for one that begins to be deleted. */
export function assertMayBeDeleted(stream: Namespace, call: Call): void {
  const limit = call.quotas.streamsInTransition;
  if (useOf(stream, call).creating_or_deleting >= limit) throw tooManyCreatingOrDeleting(stream.account, limit);
}

/** @throws ApiError LimitExceededException when too many streams change their state, for one that begins to update. */
export function assertMayBeUpdated(stream: Namespace, call: Call): void {
  const limit = call.quotas.streamsInTransition;
  const { creating_or_deleting: others, updating } = useOf(stream, call);
  if (others + updating >= limit) throw tooManyInTransition(stream.account, limit);
}

function assertRoom(additional: number, { open_shards: open }: Use, where: Namespace, { quotas }: Call): void {
  const limit = quotas.shards;
  if (open + additional <= limit) return;
  const hint = quotaHint(quotas, 'shards', open + additional);
  throw shardLimitExceeded(where, { open, limit, additional, hint });
}
