/** DescribeLimits and the settings of accounts. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { isCommitted } from '../../src/kinesis/account-settings.ts';
import { type CallOptions, startTestServer, type TestServer } from '../support/server.ts';

const DAY_MS = 24 * 3_600_000;
const HERE = { account: '111111111111', region: 'us-east-1' };

describe('DescribeLimits', () => {
  const limits = (server: TestServer, place: CallOptions = HERE) => server.ok('DescribeLimits', {}, place);

  it('counts what the account has in the region, as the limits count it', async () => {
    const server = await startTestServer();
    const NOTHING = { OpenShardCount: 0, OnDemandStreamCount: 0, ChannelCount: 0 };
    expect(await limits(server)).toMatchObject(NOTHING);
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 3 }, HERE);
    expect(await limits(server), 'while CREATING').toMatchObject({ OpenShardCount: 3 });
    server.clock.advance(500);
    await server.ok('CreateStream', { StreamName: 'demand' }, HERE);
    server.clock.advance(500);
    const split = { StreamName: 's', ShardToSplit: 'shardId-000000000000', NewStartingHashKey: '7' };
    await server.ok('SplitShard', split, HERE);
    server.clock.advance(500);
    const expected = { OpenShardCount: 8, OnDemandStreamCount: 1, ChannelCount: 0 };
    expect(await limits(server), 'closed shards do not count').toMatchObject(expected);
    await server.restart();
    expect(await limits(server)).toMatchObject(expected);
    expect(await limits(server, { ...HERE, region: 'eu-west-1' })).toMatchObject(NOTHING);
    expect(await limits(server, { ...HERE, account: '222222222222' })).toMatchObject(NOTHING);
    await server.ok('DeleteStream', { StreamName: 's' }, HERE);
    server.clock.advance(500);
    expect(await limits(server)).toMatchObject({ OpenShardCount: 4, OnDemandStreamCount: 1 });
  });

  it('tells the limits in force, and those of AWS where there is none', async () => {
    const today = { ShardLimit: 20_000, OnDemandStreamCountLimit: 50, ChannelCountLimit: 50 };
    for (const [QUOTAS, expected] of [
      ['relaxed', today],
      ['current', today],
      ['documented', { ...today, ShardLimit: 10 }],
    ] as const) {
      const server = await startTestServer({ settings: { QUOTAS } });
      expect(await limits(server), QUOTAS).toMatchObject(expected);
    }
    const server = await startTestServer({ settings: { SHARD_LIMIT: '7' } });
    expect((await limits(server)).ShardLimit).toBe(7);
  });

  it('is called once a second with QUOTAS=current', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    await limits(server);
    expect((await server.call('DescribeLimits', {}, HERE)).body).toEqual({
      __type: 'LimitExceededException',
      message: 'Rate exceeded for account 111111111111.',
    });
  });

  it('counts channels until they are gone', async () => {
    const server = await startTestServer();
    await server.createStream('s', 1, HERE);
    const now = server.clock.now();
    await server.close();
    const handle = openHandle(join(server.directory, 'millrace.db'));
    handle.pragma('foreign_keys = off');
    const insert = handle.prepare(
      `insert into channels (account_id, region, name, channel_id, stream, delivery_stream, configuration, created_ms,
        active_ms, deleted_ms, gone_ms) values ('111111111111', ?, ?, ?, 1, 1, '{}', 0, 0, ?, ?)`,
    );
    insert.run('us-east-1', 'a', 'a', null, null);
    insert.run('us-east-1', 'deleting', 'b', now - 10, now + 10);
    insert.run('us-east-1', 'gone', 'c', now - 10, now - 5);
    insert.run('eu-west-1', 'a', 'd', null, null);
    handle.close();
    const { directory, clock } = server;
    const again = await startTestServer({ directory, clock });
    expect((await limits(again)).ChannelCount).toBe(2);
  });
});

describe('the commitment to a minimum throughput', () => {
  const seconds = (ms: number) => ms / 1000;
  const read = async (server: TestServer, place: CallOptions = HERE) =>
    (await server.ok('DescribeAccountSettings', {}, place)).MinimumThroughputBillingCommitment;
  const update = async (server: TestServer, Status: string, place: CallOptions = HERE) => {
    const answer = await server.ok('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status } }, place);
    expect(answer.MinimumThroughputBillingCommitment, 'the answer is the new state').toEqual(await read(server, place));
    return answer.MinimumThroughputBillingCommitment;
  };

  it('is not made unless it is asked for, and ending what was not made changes nothing', async () => {
    const server = await startTestServer();
    expect(await read(server)).toEqual({ Status: 'DISABLED' });
    expect(await update(server, 'DISABLED')).toEqual({ Status: 'DISABLED' });
  });

  it('lasts 24 hours at least; ending it earlier fixes the end, which making it again calls off', async () => {
    const server = await startTestServer();
    const startMs = server.clock.now();
    const times = { StartedAt: seconds(startMs), EarliestAllowedEndAt: seconds(startMs + DAY_MS) };
    expect(await update(server, 'ENABLED')).toEqual({ Status: 'ENABLED', ...times });
    server.clock.advance(3_600_000);
    expect(await update(server, 'ENABLED'), 'what is in force stays').toEqual({ Status: 'ENABLED', ...times });
    const ending = { Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END', ...times };
    expect(await update(server, 'DISABLED')).toEqual(ending);
    expect(await update(server, 'DISABLED'), 'twice').toEqual(ending);
    expect(await update(server, 'ENABLED')).toEqual({ Status: 'ENABLED', ...times });
    await update(server, 'DISABLED');
    await server.restart();
    server.clock.advance(DAY_MS - 3_600_000 - 1);
    expect(await read(server), 'a millisecond before the end').toEqual(ending);
    server.clock.advance(1);
    const ended = { Status: 'DISABLED', StartedAt: times.StartedAt, EndedAt: seconds(startMs + DAY_MS) };
    expect(await read(server)).toEqual(ended);
    expect(await update(server, 'DISABLED')).toEqual(ended);
    const againMs = server.clock.now();
    expect(await update(server, 'ENABLED'), 'a new one').toEqual({
      Status: 'ENABLED',
      StartedAt: seconds(againMs),
      EarliestAllowedEndAt: seconds(againMs + DAY_MS),
    });
  });

  it('ends at once after 24 hours', async () => {
    const server = await startTestServer();
    const startMs = server.clock.now();
    await update(server, 'ENABLED');
    server.clock.advance(DAY_MS + 5);
    expect(await update(server, 'DISABLED')).toEqual({
      Status: 'DISABLED',
      StartedAt: seconds(startMs),
      EndedAt: seconds(startMs + DAY_MS + 5),
    });
  });

  it('is of one account and region', async () => {
    const server = await startTestServer();
    await update(server, 'ENABLED');
    for (const place of [
      { ...HERE, region: 'eu-west-1' },
      { ...HERE, account: '222222222222' },
    ]) {
      expect(await read(server, place)).toEqual({ Status: 'DISABLED' });
    }
  });

  it('is in force until its end has come', () => {
    const committed = (isAskedFor: boolean, ended_ms: number | null, now: number) => {
      const row = { is_committed: isAskedFor ? 1 : 0, started_ms: 0, ended_ms };
      const database = { get: () => row } as never;
      return isCommitted('111111111111', 'us-east-1', { database, now });
    };
    expect(committed(true, null, 5)).toBe(true);
    expect(committed(false, 10, 9)).toBe(true);
    expect(committed(false, 10, 10)).toBe(false);
  });

  it('is asked for in one of two ways', async () => {
    const server = await startTestServer();
    const { body } = await server.call('UpdateAccountSettings', {
      MinimumThroughputBillingCommitment: { Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' },
    });
    expect(body.message).toMatch(
      /at 'minimumThroughputBillingCommitment.status' failed to satisfy constraint: Member must satisfy enum value set: \[ENABLED, DISABLED\]$/,
    );
    expect((await server.call('UpdateAccountSettings', {})).body.message).toBe(
      "1 validation error detected: Value null at 'minimumThroughputBillingCommitment' failed to satisfy constraint: Member must not be null",
    );
  });
});
