/** The three profiles of quotas, and when an error names the setting. */
import { describe, expect, it } from 'vitest';
import { PROFILES, QUOTA_NAMES, quotaHint, quotasOf } from '../src/quotas.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const [relaxed, current, documented] = PROFILES.map((profile) => quotasOf(profile));

describe('the profiles', () => {
  it('have the names that the setting QUOTAS takes, and know which they are', () => {
    expect(PROFILES).toEqual(['relaxed', 'current', 'documented']);
    expect([relaxed, current, documented].map((quotas) => quotas!.profile)).toEqual(PROFILES);
  });

  it('have a figure for every quota', () => {
    for (const profile of PROFILES) {
      for (const name of QUOTA_NAMES) {
        expect(quotasOf(profile)[name], `${name} of ${profile}`).toBeGreaterThan(0);
      }
    }
  });

  it('cannot be changed by a request', () => {
    expect(Object.isFrozen(quotasOf('relaxed'))).toBe(true);
  });

  it.each([
    ['recordBytes', 1 * MiB, 50 * KiB],
    ['recordBytesCeiling', 10 * MiB, 50 * KiB],
    ['partitionKeyCharacters', 256, 256],
    ['putRecordsEntries', 500, 500],
    ['putRecordsBytes', 10 * MiB, 5 * MiB],
    ['getRecordsLimit', 10_000, 10_000],
    ['getRecordsBytes', 10 * MiB, 10 * MiB],
    ['shardReadCallsPerSecond', 5, 5],
    ['shardReadBytesPerSecond', 2 * MiB, 2 * MiB],
    ['shardWriteRecordsPerSecond', 1000, 1000],
    ['shardWriteBytesPerSecond', 1 * MiB, 1 * MiB],
    ['retentionHoursDefault', 24, 24],
    ['retentionHoursMaximum', 8760, 24],
    ['iteratorLifeMs', 300_000, 300_000],
    ['pagingTokenLifeMs', 300_000, 300_000],
    ['streamsInTransition', 5, 5],
    ['shards', 20_000, 10],
    ['onDemandStreams', 50, 50],
    ['consumersPerStream', 20, 20],
    ['tagsPerStream', 50, 10],
    ['tagKeyCharacters', 128, 128],
    ['tagValueCharacters', 256, 256],
    ['tagsPage', 50, 10],
    ['listStreamsPageDefault', 100, 10],
    ['describeStreamPage', 100, 100],
    ['listShardsPage', 1000, 1000],
    ['updateShardCountPerDay', 10, 10],
    ['updateStreamModePerDay', 2, 2],
    ['encryptionChangesPerDay', 25, 25],
    ['createStreamCallsPerSecond', 5, 5],
    ['describeStreamCallsPerSecond', 10, 10],
    ['describeStreamSummaryCallsPerSecond', 20, 20],
    ['getShardIteratorCallsPerSecond', 5, 5],
    ['listShardsCallsPerSecond', 1000, 100],
    ['subscriptionLifeMs', 300_000, 300_000],
  ] as const)('have for %s what AWS documents: %d today, %d in the reference documents', (name, today, then) => {
    expect([current![name], documented![name]]).toEqual([today, then]);
  });

  it('allow in relaxed at least what AWS allows today', () => {
    for (const name of QUOTA_NAMES) {
      expect(relaxed![name], `${name} is stricter in relaxed than in current`).toBeGreaterThanOrEqual(current![name]);
    }
  });

  it('have the rates of AWS in relaxed too, where they are metered and not enforced', () => {
    const rates = QUOTA_NAMES.filter((name) => /PerSecond$/.test(name));
    expect(rates.length).toBeGreaterThan(20);
    for (const name of rates) expect(relaxed![name], name).toBe(current![name]);
    expect([relaxed, current, documented].map((quotas) => quotas!.enforcesRates)).toEqual([false, true, true]);
  });

  it('do not limit in relaxed how often a stream may change in a day', () => {
    const perDay = QUOTA_NAMES.filter((name) => /PerDay$/.test(name));
    expect(perDay.length).toBeGreaterThan(2);
    for (const name of perDay) expect(relaxed![name], name).toBe(Infinity);
  });
});

describe('a single quota', () => {
  it('can be replaced, without the others', () => {
    expect(quotasOf('documented', { shards: 3 })).toEqual({ ...documented, shards: 3 });
    expect(quotasOf('relaxed', {})).toEqual(relaxed);
  });

  it('can be replaced by nothing at all allowed', () => {
    expect(quotasOf('relaxed', { shards: 0 }).shards).toBe(0);
  });
});

describe('the hint in an error message', () => {
  it.each([
    ['just above the documented figure', documented!, 50 * KiB + 1, ' (quota recordBytes of QUOTAS=documented)'],
    ['just at today’s figure', documented!, 1 * MiB, ' (quota recordBytes of QUOTAS=documented)'],
    ['above today’s figure too', documented!, 1 * MiB + 1, ''],
    ['in another profile', current!, 50 * KiB + 1, ''],
    ['in the default profile', relaxed!, 50 * KiB + 1, ''],
  ])('names the setting only if lifting it helps: value %s', (_title, quotas, value, hint) => {
    expect(quotaHint(quotas, 'recordBytes', value)).toBe(hint);
  });
});
