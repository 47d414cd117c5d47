/** Channels, as far as they matter to streams and tags. */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { streamHasChannels } from './errors.ts';
import type { Stream } from './stream-store.ts';

/** One that is not being deleted. */
const selectChannel = query((bind: Bind<{ stream: number }>, db) =>
  db.selectFrom('channels').select('id').where('stream', '=', bind('stream')).where('gone_ms', 'is', null),
);

/** @throws ApiError ResourceInUseException when the stream has channels that are not being deleted */
export function assertNoChannels(stream: Stream, { database }: Call): void {
  if (database.get(selectChannel, { stream: stream.id }) !== undefined) throw streamHasChannels(stream);
}

/** What the ARN of a channel says. */
export interface ChannelIdentity {
  readonly region: string;
  readonly account: string;
  readonly channelId: string;
}

const CHANNEL_ARN = /^arn:aws[a-z-]*:kinesis:([a-z0-9-]+):(\d{12}):channel\/(\S+)$/;

/** Undefined when `arn` is not the ARN of a channel. */
export function identityOfArn(arn: string): ChannelIdentity | undefined {
  const [, region, account, channelId] = CHANNEL_ARN.exec(arn) ?? [];
  return region && account && channelId ? { region, account, channelId } : undefined;
}

export const channelArnOf = ({ region, account, channelId }: ChannelIdentity) =>
  `arn:aws:kinesis:${region}:${account}:channel/${channelId}`;
