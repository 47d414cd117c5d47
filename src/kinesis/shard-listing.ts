/** ListShards: the shards of a stream, page by page. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { type Decoded, structure, timestamp } from '../protocol/shape.ts';
import { assertStreamCallRate } from './call-rates.ts';
import { invalidArgument, shardNotFound, streamNotFound } from './errors.ts';
import { openPagingToken, pagingToken } from './paging.ts';
import { nextToken, pageLimit, shardId, streamArn, streamId, streamName } from './shapes.ts';
import { assertFilter, isFrom, type Period, periodOf, shardFilter } from './shard-filter.ts';
import { shardIndexOf } from './shard-id.ts';
import { describeShard } from './stream-descriptions.ts';
import { assertCreatedAt, findStream, listedShards, requireStream, type Stream } from './stream-store.ts';
import { parentIndicesOf, type Shard } from './topology.ts';
import { assertActiveOrUpdating } from './updates.ts';

const LISTING = 'ListShards';

const listShardsInput = structure({
  ExclusiveStartShardId: shardId,
  MaxResults: pageLimit,
  NextToken: nextToken,
  ShardFilter: shardFilter,
  StreamCreationTimestamp: timestamp(),
  // Required in no profile: there is no name on the pages after the first.
  StreamName: streamName,
  StreamARN: streamArn,
  StreamId: streamId,
});
type ListShardsInput = Decoded<typeof listShardsInput>;

export const ListShards = operation({
  access: 'read',
  input: listShardsInput,
  errors: [
    'ResourceNotFoundException',
    'InvalidArgumentException',
    'LimitExceededException',
    'ExpiredNextTokenException',
    'ResourceInUseException',
    'AccessDeniedException',
  ],
  run(input, call) {
    const listing = input.NextToken === undefined ? beginListing(input, call) : resumeListing(input, call);
    const page = Math.min(input.MaxResults ?? call.quotas.listShardsPage, call.quotas.listShardsPage);
    const rest = shardsOf(listing, call).filter(({ index }) => index > listing.after);
    const shards = rest.slice(0, page);
    return {
      Shards: shards.map(describeShard),
      NextToken: rest.length > page ? tokenOf({ ...listing, after: shards.at(-1)!.index }, call) : undefined,
    };
  },
});

/**
 * A listing that a client pages through. All its pages show the topology of the first one, though the stream may have
 * been split or merged since: parents on one page and their children on another would cover hash keys twice.
 */
interface Listing extends Period {
  readonly stream: Stream;
  /** The index of the newest shard there was when the listing began. */
  readonly newest: number;
  /** The index after which it goes on. */
  readonly after: number;
}

function beginListing(input: ListShardsInput, call: Call): Listing {
  const { ExclusiveStartShardId, ShardFilter, StreamCreationTimestamp, ...reference } = input;
  if ([input.StreamName, input.StreamARN, input.StreamId].every((named) => named === undefined)) {
    throw invalidArgument('Either NextToken or StreamName should be provided.');
  }
  if (ShardFilter !== undefined) assertFilter(ShardFilter);
  const stream = requireStream(reference, call);
  if (StreamCreationTimestamp !== undefined) assertCreatedAt(StreamCreationTimestamp, stream);
  assertListable(stream, call);
  const starts = [ExclusiveStartShardId, ShardFilter?.ShardId].map((text) => indexOf(text, stream));
  const newest = listedShards(stream, call).at(-1)!.index;
  return { stream, newest, after: Math.max(...starts), ...periodOf(ShardFilter, stream, call) };
}

function indexOf(text: string | undefined, stream: Stream): number {
  if (text === undefined) return -1;
  const index = shardIndexOf(text);
  if (index === undefined) throw shardNotFound(text, stream);
  return index;
}

/** What a token says already. MaxResults may change from page to page, and StreamId is not looked at beside a token. */
const SAID_BY_TOKEN = [
  'StreamName',
  'StreamARN',
  'ShardFilter',
  'ExclusiveStartShardId',
  'StreamCreationTimestamp',
] as const satisfies readonly (keyof ListShardsInput)[];

function resumeListing(input: ListShardsInput, call: Call): Listing {
  const twice = SAID_BY_TOKEN.find((name) => input[name] !== undefined);
  if (twice !== undefined) throw invalidArgument(`NextToken and ${twice} cannot be provided together.`);
  const fields = JSON.parse(openPagingToken(LISTING, input.NextToken!, call)) as TokenFields;
  const [account, region, name, id, newest, after, fromMs, untilMs] = fields;
  const stream = findStream({ account, region, name }, call);
  // Another stream may have that name by now.
  if (stream?.id !== id) throw streamNotFound({ account, name });
  assertListable(stream, call);
  return { stream, newest, after, fromMs, untilMs };
}

type TokenFields = [
  account: string,
  region: string,
  name: string,
  id: number,
  newest: number,
  after: number,
  fromMs: number,
  untilMs: number,
];

function tokenOf({ stream, newest, after, fromMs, untilMs }: Listing, call: Call): string {
  const { account, region, name, id } = stream;
  const fields: TokenFields = [account, region, name, id, newest, after, fromMs, untilMs];
  return pagingToken(LISTING, JSON.stringify(fields), call);
}

/**
 * AWS lists shards of streams that are ACTIVE or UPDATING. One that is DELETING is refused as well, as its text says: who
 * lists shards is about to read them all, and is told to come back until the stream is not found any more.
 */
function assertListable(stream: Stream, call: Call): void {
  assertStreamCallRate('ListShards', 'listShardsCallsPerSecond', stream, call);
  assertActiveOrUpdating(stream, call);
}

/** All shards of a listing, as they were when it began. */
function shardsOf({ stream, newest, ...period }: Listing, call: Call): readonly Shard[] {
  const listed = listedShards(stream, call);
  const closedSince = new Set(listed.filter(({ index }) => index > newest).flatMap(parentIndicesOf));
  return listed
    .filter(({ index }) => index <= newest)
    .map((shard) => (closedSince.has(shard.index) ? { ...shard, closedMs: null } : shard))
    .filter((shard) => isFrom(period, shard, call));
}
