import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
const INVALID = 'InvalidArgumentException';

const increase = (server: TestServer, RetentionPeriodHours: number, more: object = { StreamName: 's' }) =>
  server.call('IncreaseStreamRetentionPeriod', { RetentionPeriodHours, ...more });
const decrease = (server: TestServer, RetentionPeriodHours: number, more: object = { StreamName: 's' }) =>
  server.call('DecreaseStreamRetentionPeriod', { RetentionPeriodHours, ...more });
const put = (server: TestServer, PartitionKey: string) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '' });
const keys = async (server: TestServer) =>
  (await readShard(server, 's', 'shardId-0')).map((record) => record.PartitionKey);

async function summaryOf(server: TestServer) {
  return (await server.ok('DescribeStreamSummary', { StreamName: 's' })).StreamDescriptionSummary;
}

/** Changes the retention of `s` and waits until the stream is ACTIVE again. */
async function changeTo(server: TestServer, change: typeof increase, hours: number): Promise<void> {
  expect(await change(server, hours)).toMatchObject({ status: 200, text: '' });
  server.clock.advance(500);
}

/** What a view shows to whoever opens the file, whose clock is the computer's. */
function rowsOf(server: TestServer, sql: string): unknown[] {
  const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
  const rows = handle.prepare(sql).pluck().all();
  handle.close();
  return rows;
}

describe('IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod', () => {
  it('answer an empty body, tell the new period at once, and leave the stream UPDATING for a while', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (const [change, hours] of [
      [increase, 8760],
      [decrease, 24],
      [increase, 25],
    ] as const) {
      expect(await change(server, hours, { StreamARN: ARN })).toMatchObject({ status: 200, text: '' });
      expect(await summaryOf(server)).toMatchObject({ RetentionPeriodHours: hours, StreamStatus: 'UPDATING' });
      server.clock.advance(499);
      expect((await summaryOf(server)).StreamStatus).toBe('UPDATING');
      server.clock.advance(1);
      expect((await summaryOf(server)).StreamStatus).toBe('ACTIVE');
    }
    await server.restart();
    expect((await summaryOf(server)).RetentionPeriodHours).toBe(25);
  });

  it('succeed for the period that the stream has, without a change', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (const change of [increase, decrease]) {
      expect((await change(server, 24)).status).toBe(200);
      expect(await summaryOf(server)).toMatchObject({ RetentionPeriodHours: 24, StreamStatus: 'ACTIVE' });
    }
  });

  it('refuse, in this order: no stream, a period out of bounds, the wrong direction, a stream that is not ACTIVE', async () => {
    const server = await startTestServer();
    const short = (hours: number) =>
      `Minimum allowed retention period is 24 hours. Requested retention period (${hours} hours) is too short.`;
    const long = 'Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.';
    const notActive = (state: string) => ({
      __type: 'ResourceInUseException',
      message: `Stream s under account 000000000000 not ACTIVE, instead in state ${state}`,
    });
    for (const change of [increase, decrease]) {
      expect((await change(server, 1)).body).toEqual({
        __type: 'ResourceNotFoundException',
        message: 'Stream s under account 000000000000 not found.',
      });
    }
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    for (const change of [increase, decrease]) {
      for (const hours of [23, 0, -1]) {
        expect((await change(server, hours)).body).toEqual({ __type: INVALID, message: short(hours) });
      }
      expect((await change(server, 8761)).body).toEqual({ __type: INVALID, message: long });
    }
    expect((await increase(server, 48)).body).toEqual(notActive('CREATING'));
    expect((await increase(server, 24)).body, 'not even for the same period').toEqual(notActive('CREATING'));
    server.clock.advance(500);
    expect((await increase(server, 100)).status).toBe(200);
    expect((await increase(server, 99)).body).toEqual({
      __type: INVALID,
      message:
        'Requested retention period (99 hours) for stream s can not be shorter than existing retention period ' +
        '(100 hours). Use DecreaseRetentionPeriod API.',
    });
    expect((await decrease(server, 101)).body).toEqual({
      __type: INVALID,
      message:
        'Requested retention period (101 hours) for stream s can not be longer than existing retention period ' +
        '(100 hours). Use IncreaseRetentionPeriod API.',
    });
    expect((await decrease(server, 50)).body).toEqual(notActive('UPDATING'));
    expect((await summaryOf(server)).RetentionPeriodHours).toBe(100);
  });

  it('name the setting with which the maximum is that of the reference documents', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'documented' } });
    await server.createStream('s');
    expect((await increase(server, 25)).body.message).toBe(
      'Maximum allowed retention period is 24 hours. Requested retention period (25 hours) is too long. ' +
        '(quota retentionHoursMaximum of QUOTAS=documented)',
    );
    expect((await increase(server, 8761)).body.message).toMatch(/is too long\.$/);
  });

  it('can be called five times a second where AWS does, and stop at five streams in transition', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '20000' } });
    for (const name of ['a', 'b', 'c', 'd', 's', 'f']) {
      await server.createStream(name);
      server.clock.advance(20_000);
    }
    for (const StreamName of ['a', 'b', 'c', 'd', 's']) {
      expect((await increase(server, 48, { StreamName })).status).toBe(200);
    }
    expect((await increase(server, 48, { StreamName: 'f' })).body.message).toBe(
      'Rate exceeded for account 000000000000.',
    );
    server.clock.advance(1000);
    expect((await increase(server, 48, { StreamName: 'f' })).body.message).toContain('simultaneously be in CREATING');
  });

  it('change the stream of one account and region only', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const others = [{ region: 'eu-west-1' }, { account: '111111111111' }];
    for (const options of others) await server.createStream('s', 1, options);
    await changeTo(server, increase, 48);
    for (const options of others) {
      const { StreamDescriptionSummary: other } = await server.ok(
        'DescribeStreamSummary',
        { StreamName: 's' },
        options,
      );
      expect(other.RetentionPeriodHours).toBe(24);
    }
  });

  it('leave one of two that come at once', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const answers = await Promise.all([increase(server, 48), increase(server, 72)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });
});

describe('the records of a stream whose retention changes', () => {
  it('are there for as long as the longer period says', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'first');
    await changeTo(server, increase, 48);
    server.clock.advance(2 * DAY_MS - 501);
    await server.runJob('sweep');
    expect(await keys(server)).toEqual(['first']);
    server.clock.advance(1);
    expect(await keys(server)).toEqual([]);
  });

  it('disappear at once when the period becomes shorter, also for iterators and positions that are older', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await changeTo(server, increase, 48);
    const { SequenceNumber } = await put(server, 'old');
    server.clock.advance(DAY_MS);
    await put(server, 'new');
    const iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    expect((await decrease(server, 24)).status).toBe(200);
    const read = async (ShardIterator: string) =>
      (await server.ok('GetRecords', { ShardIterator })).Records.map((r: { PartitionKey: string }) => r.PartitionKey);
    expect(await read(iterator)).toEqual(['new']);
    const at = { StartingSequenceNumber: SequenceNumber };
    expect(await read(await shardIterator(server, 's', 'AT_SEQUENCE_NUMBER', at))).toEqual(['new']);
    expect(await server.runJob('sweep')).toBe(1);
  });

  it.each([
    ['by the increase', false],
    ['after the sweep', true],
  ])('do not come back %s when they had expired by the shorter period', async (_when, isSwept) => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'expired');
    server.clock.advance(1);
    await put(server, 'last');
    server.clock.advance(DAY_MS - 1);
    expect(await keys(server)).toEqual(['last']);
    if (isSwept) await server.runJob('sweep');
    await changeTo(server, increase, 48);
    expect(await keys(server)).toEqual(['last']);
    await server.restart();
    expect(await keys(server)).toEqual(['last']);
    // Two changes in a row must not forget the first.
    await changeTo(server, decrease, 24);
    expect(await keys(server), 'half a second later even the last has expired').toEqual([]);
    await changeTo(server, increase, 8760);
    expect(await keys(server)).toEqual([]);
  });

  it('do not come back in a closed shard either, which stays unlisted', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'parent');
    await server.ok('SplitShard', { StreamName: 's', ShardToSplit: 'shardId-0', NewStartingHashKey: '99' });
    server.clock.advance(DAY_MS + 500);
    const shards = async () =>
      (await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription.Shards.map(
        ({ ShardId }: { ShardId: string }) => ShardId.at(-1),
      );
    expect(await shards()).toEqual(['1', '2']);
    await changeTo(server, increase, 8760);
    expect(await shards()).toEqual(['1', '2']);
    expect(await server.runJob('sweep'), 'the sweeper goes by the same rule').toBe(1);
    expect(rowsOf(server, 'select shard_index from shards order by 1')).toEqual([1, 2]);
  });

  it('come back when the clock was ahead while the period was increased: nothing had expired in truth', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'early');
    server.clock.jump(365 * DAY_MS);
    expect(await keys(server)).toEqual([]);
    await changeTo(server, increase, 48);
    server.clock.jump(-365 * DAY_MS);
    expect(await keys(server)).toEqual(['early']);
    server.clock.advance(DAY_MS + HOUR_MS);
    expect(await keys(server), 'it is kept for the longer period').toEqual(['early']);
  });

  it('are in the views as they are for clients', async () => {
    const server = await startTestServer();
    const behindMs = Date.now() - server.clock.now();
    // The views go by the computer's clock.
    server.clock.jump(behindMs - DAY_MS - HOUR_MS);
    await server.createStream('s');
    await put(server, 'expired');
    await server.ok('SplitShard', { StreamName: 's', ShardToSplit: 'shardId-0', NewStartingHashKey: '99' });
    server.clock.jump(2 * HOUR_MS);
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'last', Data: '' });
    server.clock.jump(DAY_MS - HOUR_MS - 1000);
    const seen = () => [
      rowsOf(server, 'select partition_key from v_records'),
      rowsOf(server, 'select shard from v_shards order by 1').length,
    ];
    expect(seen()).toEqual([['last'], 2]);
    await changeTo(server, increase, 48);
    expect(seen()).toEqual([['last'], 2]);
    expect(rowsOf(server, 'select partition_key from records'), 'they are still in the table').toHaveLength(2);
  });
});
