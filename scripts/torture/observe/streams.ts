/** Reading streams through the API of a running server: all that is there, or what came after an earlier look. */
import type { Bodies } from '../bodies.ts';
import { type Answer, type Client, createClient } from '../client.ts';
import { hexOfDecimal, indexOfShard, lifeOf, shardIdOf } from '../layout.ts';
import type { ObservedRecord, ObservedShard, ObservedStream } from '../observation.ts';
import { settle } from './settle.ts';

/** How far each shard was read; kept from one look to the next. */
export interface Bookmark {
  readonly number: string;
  readonly arrivedMs: number;
}

export interface Bookmarks {
  readonly ends: Map<string, Bookmark>;
  /** Closed shards that were read to their end. */
  readonly finished: Set<string>;
}

export const newBookmarks = (): Bookmarks => ({ ends: new Map(), finished: new Set() });

export interface Look {
  readonly url: string;
  readonly bodies: Bodies;
  readonly extent: 'since' | 'all';
  readonly bookmarks: Bookmarks;
  /** Which life of a stream this is; undefined when it is not known. */
  lifeOf(stream: string): string | undefined;
  /** Take one sentence about what does not settle, and about what cannot be read. */
  onStuck(message: string): void;
  onUnreadable(message: string): void;
}

const CONNECTIONS = 4;

/** All streams; also moves the bookmarks. */
export async function observeStreams(look: Look): Promise<ObservedStream[]> {
  const client = createClient(look.url);
  const streams: Described[] = [];
  try {
    for (const stream of await settledStreams(client)) {
      if (stream.status !== 'ACTIVE') look.onStuck(`The stream ${stream.name} stays ${stream.status}.`);
      streams.push(stream);
    }
  } finally {
    client.close();
  }
  const queue = streams.flatMap((stream) => stream.shards.map((shard) => ({ stream, shard })));
  const readOn = async () => {
    const own = createClient(look.url);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await readShard(next.stream.name, next.shard, look, own);
    }
    own.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, readOn));
  return streams;
}

/** The streams that are there once nothing is under way any more; those that do not get there have another status. */
export async function settledStreams(client: Client): Promise<Described[]> {
  const streams: Described[] = [];
  for (const name of await listStreams(client)) {
    const stream = await settle(
      () => describe(client, name),
      ({ status }) => status === 'ACTIVE' || status === GONE,
    );
    if (stream.status !== GONE) streams.push(stream);
  }
  return streams;
}

/** The status of what is not there. */
const GONE = 'GONE';

export interface Described extends ObservedStream {
  readonly shards: Shard[];
}

interface Shard extends ObservedShard {
  before: Bookmark | null;
  readonly records: ObservedRecord[];
}

async function listStreams(client: Client): Promise<string[]> {
  const names: string[] = [];
  for (let isMore = true; isMore; ) {
    const after = names.at(-1);
    const page = await require(client, 'ListStreams', after === undefined ? {} : { ExclusiveStartStreamName: after });
    names.push(...page.StreamNames);
    isMore = page.HasMoreStreams;
  }
  return names;
}

async function describe(client: Client, name: string): Promise<Described> {
  const shards: Shard[] = [];
  let status = GONE;
  for (let isMore = true; isMore; ) {
    const last = shards.at(-1);
    const after = last === undefined ? {} : { ExclusiveStartShardId: shardIdOf(last.index) };
    const answer = await client.call('DescribeStream', { StreamName: name, ...after });
    if (answer.outcome === 'fail' && answer.error.includes('ResourceNotFoundException')) {
      return { name, status: GONE, shards: [] };
    }
    if (answer.outcome !== 'ok') throw new Error(`DescribeStream answered ${answer.status}: ${answer.error}`);
    const description = answer.body.StreamDescription;
    status = description.StreamStatus;
    shards.push(...description.Shards.map(shardOf));
    isMore = description.HasMoreShards;
  }
  return { name, status, shards };
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
function shardOf(shard: any): Shard {
  return {
    index: indexOfShard(shard.ShardId),
    from: hexOfDecimal(shard.HashKeyRange.StartingHashKey),
    to: hexOfDecimal(shard.HashKeyRange.EndingHashKey),
    isOpen: shard.SequenceNumberRange.EndingSequenceNumber === undefined,
    parents: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined).map(indexOfShard),
    before: null,
    records: [],
  };
}

/** Reads a shard from its bookmark, or from its beginning, to its end. */
async function readShard(stream: string, shard: Shard, look: Look, client: Client): Promise<void> {
  const { bookmarks, extent } = look;
  const place = `${lifeOf(stream, look.lifeOf(stream) ?? '?')}/${shard.index}`;
  if (extent === 'since') {
    if (bookmarks.finished.has(place)) return;
    shard.before = bookmarks.ends.get(place) ?? null;
  }
  const start =
    shard.before === null
      ? { ShardIteratorType: 'TRIM_HORIZON' }
      : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: shard.before.number };
  const input = { StreamName: stream, ShardId: shardIdOf(shard.index), ...start };
  try {
    let iterator = (await require(client, 'GetShardIterator', input)).ShardIterator;
    for (let isMore = true; isMore && typeof iterator === 'string'; ) {
      const page = await require(client, 'GetRecords', { ShardIterator: iterator });
      for (const record of page.Records) shard.records.push(recordOf(record, look.bodies));
      isMore = page.Records.length > 0 && page.MillisBehindLatest > 0;
      iterator = page.NextShardIterator;
    }
  } catch (error) {
    return look.onUnreadable(`The shard ${place} cannot be read to its end: ${(error as Error).message}`);
  }
  const last = shard.records.at(-1);
  if (last !== undefined) bookmarks.ends.set(place, { number: last.number, arrivedMs: last.arrivedMs });
  if (!shard.isOpen) bookmarks.finished.add(place);
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
function recordOf(record: any, bodies: Bodies): ObservedRecord {
  return {
    number: record.SequenceNumber,
    arrivedMs: Math.round(record.ApproximateArrivalTimestamp * 1000),
    partitionKey: record.PartitionKey,
    body: bodies.read(Buffer.from(record.Data, 'base64')) ?? null,
  };
}

const ATTEMPTS = 3;

/** The body of the answer to an operation that only reads, which is therefore tried several times. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
export async function require(client: Client, operation: string, input: object): Promise<any> {
  let answer: Answer | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    answer = await client.call(operation, input);
    if (answer.outcome === 'ok') return answer.body;
    if (answer.outcome === 'fail') break;
  }
  throw new Error(`${operation} answered ${answer!.status}: ${answer!.error}`);
}
