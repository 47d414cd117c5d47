/** ListChannels. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { atMost, type Bind, query } from '../database/query.ts';
import { invalidArgument } from '../kinesis/errors.ts';
import { openPagingToken, pagingToken } from '../kinesis/paging.ts';
import { streamArnOf, streamNameOfArn } from '../kinesis/stream-store.ts';
import { wholeSeconds } from '../kinesis/streams.ts';
import { existsAt } from '../lifecycle.ts';
import { operation } from '../protocol/operation.ts';
import { type Channel, channelOf, summaryOf } from './channel-store.ts';
import { type ListChannelsInput, listChannelsInput } from './shapes.ts';

const LISTING = 'ListChannels';

export const ListChannels = operation({
  access: 'read',
  input: listChannelsInput,
  rate: 'channelCallsPerSecond',
  errors: [
    'AccessDeniedException',
    'ExpiredNextTokenException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ValidationException',
  ],
  run(input, call) {
    const { account, region, now, database, quotas } = call;
    const limit = Math.min(input.MaxResults ?? quotas.listChannelsPage, quotas.listChannelsPage);
    const { after, filter } = startOf(input, call);
    const rows = database.all(selectPage, { account, region, now, after, filter, limit: limit + 1 });
    const page = rows.slice(0, limit).map(channelOf);
    const isMore = rows.length > limit;
    return {
      ChannelSummaries: page.map((channel) => describeShortly(channel, now)),
      NextToken: isMore ? pagingToken(LISTING, JSON.stringify([page.at(-1)!.name, filter]), call) : undefined,
    };
  },
});

interface Start {
  readonly after: string;
  /** JSON: a list of ARNs, which creation times in seconds may follow behind a blank; empty: all channels. */
  readonly filter: string;
}

/** A page's token keeps the filter, which may be given again with it, but not another one. */
function startOf({ NextToken, StreamFilter }: ListChannelsInput, call: Call): Start {
  const given = StreamFilter && JSON.stringify(StreamFilter.map(entryOf));
  if (NextToken === undefined) return { after: '', filter: given ?? '[]' };
  const [after, filter] = JSON.parse(openPagingToken(LISTING, NextToken, call)) as [string, string];
  if (given !== undefined && given !== filter) {
    throw invalidArgument('StreamFilter must be the one that NextToken was made with, or be left out.');
  }
  return { after, filter };
}

type StreamFilter = NonNullable<ListChannelsInput['StreamFilter']>[number];

function entryOf({ StreamARN, StreamCreationTimestamp }: StreamFilter): string {
  const name = streamNameOfArn(StreamARN);
  if (name === undefined) throw invalidArgument(`StreamARN ${StreamARN} is not the ARN of a stream.`);
  const arn = streamArnOf(name);
  // Streams are shown with whole seconds, but who knows the milliseconds means the same stream.
  return StreamCreationTimestamp === undefined ? arn : `${arn} ${Math.floor(StreamCreationTimestamp / 1000)}`;
}

function describeShortly(channel: Channel, now: number) {
  const { arn, createdMs } = channel.configuration.stream;
  return {
    ...summaryOf(channel, now),
    ChannelDestinationType: 'S3',
    Streams: [{ StreamARN: arn, StreamCreationTimestamp: wholeSeconds(createdMs) }],
  };
}

type Page = Pick<Call, 'account' | 'region' | 'now'> & Start & { readonly limit: number };

const selectPage = query((bind: Bind<Page>, db) =>
  db
    .selectFrom('channels')
    .selectAll()
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '>', bind('after'))
    .where(existsAt(bind('now')))
    // SQLite reads the list once for all channels: each looks itself up.
    .where(
      sql<boolean>`(
        ${bind('filter')} = '[]'
        or json_extract(configuration, '$.stream.arn') in (select value from json_each(${bind('filter')}) as wanted)
        or json_extract(configuration, '$.stream.arn') || ' ' || (json_extract(configuration, '$.stream.createdMs') / 1000)
          in (select value from json_each(${bind('filter')}) as wanted)
      )`,
    )
    .orderBy('name')
    .limit(atMost(bind('limit'))),
);
