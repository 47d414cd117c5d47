/** Amazon Kinesis Data Streams: its table of contents. */
import type { World } from '../call.ts';
import type { Job } from '../jobs.ts';
import { service } from '../protocol/operation.ts';
import type { Series } from '../series.ts';
import * as account from './account.ts';
import * as capacity from './capacity.ts';
import * as consumers from './consumers.ts';
import * as encryption from './encryption.ts';
import { rateExceeded } from './errors.ts';
import { provideStreams, type WantedStreams } from './initial-streams.ts';
import * as iterators from './iterators.ts';
import * as monitoring from './monitoring.ts';
import * as recordDistribution from './record-distribution.ts';
import * as records from './records.ts';
import * as resourcePolicies from './resource-policies.ts';
import * as resourceTags from './resource-tags.ts';
import { createSweeper } from './retention.ts';
import * as retentionPeriods from './retention-periods.ts';
import { ensureTokenKey } from './sealed-token.ts';
import { TARGET } from './shapes.ts';
import * as shardCount from './shard-count.ts';
import * as shardListing from './shard-listing.ts';
import * as shards from './shards.ts';
import * as streamDescriptions from './stream-descriptions.ts';
import * as streams from './streams.ts';
import * as subscribeToShard from './subscribe-to-shard.ts';
import { hubOf } from './subscriptions/hub.ts';
import { subscriptionSeries } from './subscriptions/metrics.ts';
import * as tags from './tags.ts';

export const kinesis = service(
  { target: TARGET, signingName: 'kinesis', showsValues: true, rateExceeded },
  streams,
  streamDescriptions,
  shards,
  shardListing,
  shardCount,
  records,
  iterators,
  subscribeToShard,
  consumers,
  tags,
  resourceTags,
  resourcePolicies,
  retentionPeriods,
  encryption,
  monitoring,
  capacity,
  recordDistribution,
  account,
);

/**
 * What is to be in the database before the first request: what the service needs, and the streams that settings name.
 * @throws Refusal when they cannot be had
 */
export async function prepareKinesis(world: World, wanted: WantedStreams): Promise<void> {
  await ensureTokenKey(world);
  await provideStreams(wanted, world);
}

export const kinesisJobs = (world: World, sweepSchedule: string): readonly Job[] => [
  { name: 'sweep', schedule: sweepSchedule, run: createSweeper(world) },
];

/** What the metrics tell about it. */
export const kinesisSeries = (world: World): readonly Series[] => [subscriptionSeries(hubOf(world))];

/** Ends all subscriptions in order, and those that begin later: clients subscribe again, where they were. */
export const endSubscriptions = (world: World): void => hubOf(world).close();
