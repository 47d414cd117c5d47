/**
 * Every quota of the service, once, in three profiles (setting QUOTAS):
 *
 * - `relaxed` (default): today's sizes and counts; what would slow a developer down is not enforced, rates are metered.
 * - `current`: today's AWS.
 * - `documented`: the figures of the boto3 and rusoto reference documents that Millrace was built from.
 *
 * Sizes are bytes, counts are counts, rates are calls, records or bytes per second. `Infinity` means not limited.
 * The figures come from AWS's service quota pages and API reference (2026) and from those documents.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const PROFILES = ['relaxed', 'current', 'documented'] as const;
export type Profile = (typeof PROFILES)[number];

type Row = readonly [relaxed: number, current: number, documented: number];

const table = {
  // Records. The partition key's UTF-8 bytes count into a record's size since 2025, not before.
  recordBytes: [1 * MiB, 1 * MiB, 50 * KiB],
  recordBytesCeiling: [10 * MiB, 10 * MiB, 50 * KiB],
  partitionKeyCharacters: [256, 256, 256],
  putRecordsEntries: [500, 500, 500],
  putRecordsBytes: [10 * MiB, 10 * MiB, 5 * MiB],
  getRecordsLimit: [10_000, 10_000, 10_000],
  getRecordsBytes: [10 * MiB, 10 * MiB, 10 * MiB],

  // Rates, here and below, have a figure in every profile: what is not enforced is metered (see Quotas.enforcesRates).

  // Per shard and second. A read of 10 MiB uses up five seconds.
  shardReadCallsPerSecond: [5, 5, 5],
  shardReadBytesPerSecond: [2 * MiB, 2 * MiB, 2 * MiB],
  shardWriteRecordsPerSecond: [1000, 1000, 1000],
  shardWriteBytesPerSecond: [1 * MiB, 1 * MiB, 1 * MiB],

  // Lifetimes.
  retentionHoursDefault: [24, 24, 24],
  retentionHoursMinimum: [24, 24, 24],
  retentionHoursMaximum: [8760, 8760, 24],
  iteratorLifeMs: [300_000, 300_000, 300_000],
  pagingTokenLifeMs: [300_000, 300_000, 300_000],

  // Counts per account and region. AWS grants 20,000 shards in its largest regions, 1,000 or 6,000 elsewhere;
  // the reference documents speak of an "authorised number", which was 10 when they were written.
  shards: [20_000, 20_000, 10],
  streamsInTransition: [Infinity, 5, 5],
  onDemandStreams: [Infinity, 50, 50],
  // AWS has published no figure: as many as the on-demand streams that channels deliver.
  channels: [Infinity, 50, 50],
  onDemandInitialShards: [4, 4, 4],
  onDemandInitialWriteBytesPerSecond: [4 * MiB, 4 * MiB, 4 * MiB],
  onDemandInitialReadBytesPerSecond: [8 * MiB, 8 * MiB, 8 * MiB],
  // In the largest regions; 200 MiB/s elsewhere.
  onDemandMaximumWriteBytesPerSecond: [10 * 1024 * MiB, 10 * 1024 * MiB, 10 * 1024 * MiB],
  warmThroughputMibps: [10_240, 10_240, 10_240],
  consumersPerStream: [20, 20, 20],
  // With the account's commitment to a minimum throughput.
  consumersPerStreamCommitted: [50, 50, 50],
  consumersInTransition: [Infinity, 5, 5],

  // Tags.
  tagsPerStream: [50, 50, 10],
  tagKeyCharacters: [128, 128, 128],
  tagValueCharacters: [256, 256, 256],
  tagsPerCall: [200, 200, 10],
  tagKeysPerCall: [50, 50, 10],
  tagsPage: [50, 50, 10],

  // Pages.
  listStreamsPageDefault: [100, 100, 10],
  listStreamsPageMaximum: [100, 100, 10_000],
  describeStreamPage: [100, 100, 100],
  listShardsPage: [1000, 1000, 1000],
  listConsumersPage: [100, 100, 100],
  listChannelsPage: [100, 100, 100],

  // Changes per stream and rolling 24 hours.
  updateShardCountPerDay: [Infinity, 10, 10],
  // At most this many times the open shards, at least the inverse of it.
  updateShardCountFactor: [2, 2, 2],
  updateShardCountMaximum: [10_000, 10_000, 10_000],
  updateStreamModePerDay: [Infinity, 2, 2],
  encryptionChangesPerDay: [Infinity, 25, 25],

  // Enhanced fan-out.
  subscriptionLifeMs: [300_000, 300_000, 300_000],
  subscriptionTakeoverMs: [5000, 5000, 5000],
  subscribeCallsPerSecond: [1, 1, 1],
  subscriptionBytesPerSecond: [2 * MiB, 2 * MiB, 2 * MiB],

  // Calls per second and account.
  createStreamCallsPerSecond: [5, 5, 5],
  deleteStreamCallsPerSecond: [5, 5, 5],
  mergeShardsCallsPerSecond: [5, 5, 5],
  splitShardCallsPerSecond: [5, 5, 5],
  listStreamsCallsPerSecond: [5, 5, 5],
  describeStreamCallsPerSecond: [10, 10, 10],
  describeStreamSummaryCallsPerSecond: [20, 20, 20],
  describeLimitsCallsPerSecond: [1, 1, 1],
  tagCallsPerSecond: [5, 5, 5],
  updateShardCountCallsPerSecond: [10, 10, 10],
  registerConsumerCallsPerSecond: [5, 5, 5],
  accountSettingsCallsPerSecond: [5, 5, 5],
  streamSettingsCallsPerSecond: [5, 5, 5],
  channelCallsPerSecond: [5, 5, 5],

  // Calls per second and stream (the first: per open shard).
  getShardIteratorCallsPerSecond: [5, 5, 5],
  listShardsCallsPerSecond: [1000, 1000, 100],
  deregisterConsumerCallsPerSecond: [5, 5, 5],
  listConsumersCallsPerSecond: [5, 5, 5],
  describeConsumerCallsPerSecond: [20, 20, 20],

  // Delivery streams. The rates of puts are those of the largest regions; the reference documents are older than that.
  deliveryStreams: [5000, 5000, 20],
  deliveryStreamTransactionsPerSecond: [2000, 2000, 2000],
  deliveryStreamRecordsPerSecond: [500_000, 500_000, 5000],
  deliveryStreamBytesPerSecond: [5 * MiB, 5 * MiB, 5 * MiB],
  putRecordBatchBytes: [4 * MiB, 4 * MiB, 4 * MiB],
  deliveryRetentionHours: [24, 24, 24],
  tagsPerDeliveryStream: [50, 50, 50],
  deliveryStreamEncryptionChangesPerDay: [Infinity, 25, 25],
  // Of each operation that is not a put.
  deliveryStreamCallsPerSecond: [5, 5, 5],
} as const satisfies Record<string, Row>;

export type QuotaName = keyof typeof table;
export const QUOTA_NAMES = Object.keys(table) as readonly QuotaName[];

/** The figures in force, by name, and the profile they come from. */
export type Quotas = Readonly<Record<QuotaName, number>> & {
  readonly profile: Profile;
  /** Whether what exceeds a rate per second is refused; otherwise it is only counted. */
  readonly enforcesRates: boolean;
};

/** The figures of `profile`, with single ones replaced by `overrides` (settings such as SHARD_LIMIT). */
export function quotasOf(profile: Profile, overrides: Partial<Record<QuotaName, number>> = {}): Quotas {
  const column = PROFILES.indexOf(profile);
  const figures = Object.fromEntries(QUOTA_NAMES.map((name) => [name, overrides[name] ?? table[name][column]]));
  return Object.freeze({ ...(figures as Record<QuotaName, number>), profile, enforcesRates: profile !== 'relaxed' });
}

/** The figure in force where one has to be told: today's AWS's when there is no limit here. */
export const finiteQuota = (quotas: Quotas, name: QuotaName): number =>
  Number.isFinite(quotas[name]) ? quotas[name] : table[name][PROFILES.indexOf('current')]!;

/**
 * What an error message adds when only the documented profile is to blame: the name of the setting that lifts it.
 * Empty when today's AWS would have refused the value too.
 */
export function quotaHint(quotas: Quotas, name: QuotaName, value: number): string {
  const [, current, documented] = table[name];
  const isDocumented = quotas.profile === 'documented' && quotas[name] === documented;
  const allowedToday = isDocumented && value <= current;
  return allowedToday ? ` (quota ${name} of QUOTAS=documented)` : '';
}
