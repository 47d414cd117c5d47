import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const put = (server: TestServer, PartitionKey: string, Data = '') =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data });
const keys = async (server: TestServer) =>
  (await readShard(server, 's', 'shardId-0')).map((record) => record.PartitionKey);

/** Counts rows from outside, as a user's tool does. */
function countRows(server: TestServer, table: string): number {
  const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
  const count = handle.prepare(`select count(*) from ${table}`).pluck().get() as number;
  handle.close();
  return count;
}

describe('retention', () => {
  it('hides a record exactly 24 hours after its arrival, without any sweep', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'old');
    server.clock.advance(1);
    await put(server, 'new');
    server.clock.advance(DAY_MS - 2);
    expect(await keys(server)).toEqual(['old', 'new']);
    server.clock.advance(1);
    expect(await keys(server)).toEqual(['new']);
    server.clock.advance(1);
    expect(await keys(server)).toEqual([]);
    expect(countRows(server, 'records'), 'nothing was deleted: reading alone hides').toBe(2);
  });

  it('moves iterators and numbers below the horizon up to the oldest record that is left', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const { SequenceNumber } = await put(server, 'old');
    server.clock.advance(DAY_MS - 60_000);
    const iterator = await shardIterator(server, 's', 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: SequenceNumber });
    await put(server, 'new');
    server.clock.advance(60_000);
    const isNew = ({
      Records,
      MillisBehindLatest,
    }: {
      Records: { PartitionKey: string }[];
      MillisBehindLatest: number;
    }) => {
      expect(Records.map(({ PartitionKey }) => PartitionKey)).toEqual(['new']);
      expect(MillisBehindLatest).toBe(0);
    };
    isNew(await server.ok('GetRecords', { ShardIterator: iterator }));
    for (const swept of [false, true]) {
      if (swept) await server.runJob('sweep');
      for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
        const again = await shardIterator(server, 's', type, { StartingSequenceNumber: SequenceNumber });
        isNew(await server.ok('GetRecords', { ShardIterator: again }));
      }
      const atTime = await shardIterator(server, 's', 'AT_TIMESTAMP', { Timestamp: 1 });
      isNew(await server.ok('GetRecords', { ShardIterator: atTime }));
    }
  });
});

describe('the sweeper', () => {
  it('deletes what has expired, in many slices, and nothing else', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const batch = (name: string) =>
      server.ok('PutRecords', {
        StreamName: 's',
        Records: Array.from({ length: 500 }, (_, index) => ({ PartitionKey: `${name} ${index}`, Data: '' })),
      });
    for (let round = 0; round < 4; round += 1) await batch('old');
    server.clock.advance(HOUR_MS);
    await batch('new');
    server.clock.advance(DAY_MS - HOUR_MS);
    expect(await server.runJob('sweep')).toBe(2000);
    expect(countRows(server, 'records')).toBe(500);
    expect(await server.runJob('sweep')).toBe(0);
    const left = [...(await readShard(server, 's', 'shardId-0')), ...(await readShard(server, 's', 'shardId-1'))];
    expect(left.every(({ PartitionKey }) => PartitionKey.startsWith('new'))).toBe(true);
    expect(left).toHaveLength(500);
  });

  it('never lets sequence numbers repeat in a shard that it has emptied, not even across a restart', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const before = await put(server, 'old');
    server.clock.advance(DAY_MS);
    await server.runJob('sweep');
    expect(countRows(server, 'records')).toBe(0);
    await server.restart();
    const after = await put(server, 'new');
    expect(BigInt(after.SequenceNumber) > BigInt(before.SequenceNumber)).toBe(true);
  });

  it('removes everything of a deleted stream, but not of one that is still DELETING', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    await server.createStream('kept', 1);
    for (let index = 0; index < 20; index += 1) await put(server, `${index}`);
    await server.ok('DeleteStream', { StreamName: 's' });
    expect(await server.runJob('sweep')).toBe(0);
    server.clock.advance(500);
    expect(await server.runJob('sweep')).toBe(20);
    expect([countRows(server, 'streams'), countRows(server, 'shards'), countRows(server, 'records')]).toEqual([
      1, 1, 0,
    ]);
  });

  it('gives the space back to the file system', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const Data = Buffer.alloc(60_000, 7).toString('base64');
    const Records = Array.from({ length: 100 }, (_, index) => ({ PartitionKey: `${index}`, Data }));
    for (let round = 0; round < 8; round += 1) await server.ok('PutRecords', { StreamName: 's', Records });
    server.clock.advance(DAY_MS);
    await server.runJob('sweep');
    const sizeOf = (file: string) => statSync(join(server.directory, file)).size;
    await until(() => sizeOf('millrace.db-wal') === 0);
    expect(sizeOf('millrace.db'), 'at most the 8 MiB of free pages that are kept for the next records').toBeLessThan(
      10_000_000,
    );
  });
});

describe('a clock that goes forward by years', () => {
  it('hides everything but deletes nothing until it has been steady for ten minutes', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'kept');
    const years = 20 * 365 * DAY_MS;
    server.clock.jump(years);
    expect(await server.runJob('sweep')).toBe(0);
    expect(server.log.take('warn')).toHaveLength(1);
    expect(await keys(server)).toEqual([]);
    server.clock.jump(-years);
    expect(await keys(server)).toEqual(['kept']);
    server.clock.jump(years);
    expect(await server.runJob('sweep')).toBe(0);
    server.log.take('warn');
    server.clock.advance(600_000);
    expect(await server.runJob('sweep')).toBe(1);
  });

  it('is not trusted at a start years after the newest record either, but for what was deleted', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.createStream('deleted');
    await put(server, 'kept');
    await server.ok('PutRecord', { StreamName: 'deleted', PartitionKey: 'k', Data: '' });
    await server.ok('DeleteStream', { StreamName: 'deleted' });
    server.clock.jump(20 * 365 * DAY_MS);
    await server.restart();
    await server.runJob('sweep');
    expect(countRows(server, 'records'), 'only the record of the deleted stream went').toBe(1);
    expect(countRows(server, 'streams')).toBe(1);
    server.clock.advance(600_000);
    expect(await server.runJob('sweep')).toBe(1);
  });

  it('is trusted at a start on the next day: short sessions free their space too', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'old');
    server.clock.jump(DAY_MS);
    await server.restart();
    await server.runJob('sweep');
    expect(countRows(server, 'records')).toBe(0);
  });
});

describe('a clock that is set back', () => {
  it('does not revive a swept stream', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('DeleteStream', { StreamName: 's' });
    await server.ok('DescribeStreamSummary', { StreamName: 's' });
    server.clock.advance(500);
    await server.runJob('sweep');
    server.clock.jump(-300);
    const { status, body } = await server.call('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    expect([status, body.__type]).toEqual([400, 'ResourceNotFoundException']);
  });

  it('does not send a stream back to CREATING or a deleted one back to DELETING', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.createStream('deleted');
    await server.ok('DeleteStream', { StreamName: 'deleted' });
    server.clock.advance(1000);
    for (const restarted of [false, true]) {
      server.clock.jump(-HOUR_MS);
      if (restarted) await server.restart();
      await put(server, 'k');
      const list = await server.ok('ListStreams', {});
      expect(list.StreamNames).toEqual(['s']);
      expect(list.StreamSummaries[0].StreamStatus).toBe('ACTIVE');
    }
  });
});
