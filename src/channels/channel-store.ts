/**
 * Channels as the operations see them: found by name or ARN, with the state that follows from the stored instants and
 * `call.now`.
 */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { channelNotFound } from '../kinesis/errors.ts';
import { type ChannelIdentity, channelArnOf, identityOfArn } from '../kinesis/stream-channels.ts';
import { wholeSeconds } from '../kinesis/streams.ts';
import { existsAt, isWithin } from '../lifecycle.ts';
import type { Configuration } from './configuration.ts';

export type ChannelStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';

export interface ChannelName {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface Channel extends ChannelName {
  /** The row id. */
  readonly id: number;
  readonly channelId: string;
  readonly arn: string;
  /** Of the delivery stream behind it. */
  readonly deliveryName: string;
  readonly configuration: Configuration;
  readonly createdMs: number;
  readonly activeMs: number;
  readonly updatingMs: number | null;
  readonly updatedMs: number | null;
  readonly goneMs: number | null;
}

export const deliveryNameOf = (channelId: string) => `channel/${channelId}`;

type Row = NonNullable<(typeof selectByArn)['row']>;

export function channelOf(row: Row): Channel {
  const { account_id: account, region, channel_id: channelId } = row;
  return {
    id: row.id,
    account,
    region,
    name: row.name,
    channelId,
    arn: channelArnOf({ region, account, channelId }),
    deliveryName: deliveryNameOf(channelId),
    configuration: JSON.parse(row.configuration),
    createdMs: row.created_ms,
    activeMs: row.active_ms,
    updatingMs: row.updating_ms,
    updatedMs: row.updated_ms,
    goneMs: row.gone_ms,
  };
}

const selectByName = query((bind: Bind<ChannelName & { now: number }>, db) =>
  db
    .selectFrom('channels')
    .select('id')
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '=', bind('name'))
    .where(existsAt(bind('now'))),
);

/** Whether there is a channel of that name, in whatever state. */
export const hasChannel = (name: ChannelName, { database, now }: Call): boolean =>
  database.get(selectByName, { ...name, now }) !== undefined;

const selectByArn = query((bind: Bind<ChannelIdentity & { now: number }>, db) =>
  db
    .selectFrom('channels')
    .selectAll()
    .where('channel_id', '=', bind('channelId'))
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where(existsAt(bind('now'))),
);

/** The channel that an ARN names, in the ARN's account and region. @throws ApiError ResourceNotFoundException */
export function requireChannel(arn: string, { database, now }: Call): Channel {
  const identity = identityOfArn(arn);
  const row = identity && database.get(selectByArn, { ...identity, now });
  if (row === undefined) throw channelNotFound(arn);
  return channelOf(row);
}

type Instants = Pick<Channel, 'createdMs' | 'activeMs' | 'updatingMs' | 'updatedMs' | 'goneMs'>;

/** The state that follows from the stored instants. */
export function statusOf({ createdMs, activeMs, updatingMs, updatedMs, goneMs }: Instants, now: number): ChannelStatus {
  if (goneMs !== null) return 'DELETING';
  if (isWithin(now, createdMs, activeMs)) return 'CREATING';
  return isWithin(now, updatingMs, updatedMs) ? 'UPDATING' : 'ACTIVE';
}

/** What listings and descriptions tell. */
export const summaryOf = (channel: Channel, now: number) => ({
  ChannelName: channel.name,
  ChannelARN: channel.arn,
  ChannelId: channel.channelId,
  ChannelStatus: statusOf(channel, now),
  ChannelCreationTimestamp: wholeSeconds(channel.createdMs),
});

/** The ChannelDescription of the API. */
export function describe(channel: Channel, now: number) {
  const { stream, RecordConfiguration, ...settings } = channel.configuration;
  return {
    ...summaryOf(channel, now),
    ...settings,
    StreamConfigurationList: [
      { StreamARN: stream.arn, StreamCreationTimestamp: wholeSeconds(stream.createdMs), RecordConfiguration },
    ],
  };
}
