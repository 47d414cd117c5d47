/** People look into the database while the server runs, with SQLite tools that are not ours. */
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { type RunningMillrace, startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient, type WireClient } from '../support/wire.ts';

async function startWithStream(): Promise<{ path: string; url: string; client: WireClient; process: RunningMillrace }> {
  const directory = temporaryDirectory();
  const process = await startMillrace({ DATA_DIR: directory, TRANSITION_MS: '0' });
  const { url } = process;
  const client = createWireClient(url);
  onTestFinished(() => client.close());
  await client.send('CreateStream', { StreamName: 's', ShardCount: 2, Tags: { team: 'a' } });
  return { path: join(directory, 'millrace.db'), url, client, process };
}

const put = (client: WireClient, data: string | Buffer) =>
  client.send('PutRecord', { StreamName: 's', PartitionKey: 'Schlüssel', Data: Buffer.from(data).toString('base64') });

function readonly(path: string): BetterSqlite3.Database {
  const handle = openHandle(path, { readonly: true });
  onTestFinished(() => void handle.close());
  return handle;
}

describe('the views', () => {
  it('show records as text when they are text, and as hex when they are not', async () => {
    const { path, client } = await startWithStream();
    for (const data of ['{"größe": 1}', '', Buffer.from([0xff, 0x00]), 'a\0b']) await put(client, data);
    const rows = readonly(path)
      .prepare('select stream, partition_key, data, bytes, arrived from v_records')
      .all() as Record<string, unknown>[];
    expect(rows.map(({ data, bytes }) => [data, bytes])).toEqual([
      ['{"größe": 1}', 14],
      ['', 0],
      ["x'FF00'", 2],
      ["x'610062'", 3],
    ]);
    expect(rows[0]).toMatchObject({ stream: 's', partition_key: 'Schlüssel' });
    expect(rows[0]!.arrived).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('show streams and shards', async () => {
    const { path, client } = await startWithStream();
    await put(client, 'x');
    const handle = readonly(path);
    expect(
      handle.prepare('select stream, account, region, status, mode, open_shards, retention_hours from v_streams').all(),
    ).toEqual([
      {
        stream: 's',
        account: '000000000000',
        region: 'us-east-1',
        status: 'ACTIVE',
        mode: 'PROVISIONED',
        open_shards: 2,
        retention_hours: 24,
      },
    ]);
    const shards = handle.prepare('select shard, state, records_ever, parent from v_shards').all();
    expect(shards).toEqual([
      { shard: 'shardId-000000000000', state: 'OPEN', records_ever: expect.any(Number), parent: null },
      { shard: 'shardId-000000000001', state: 'OPEN', records_ever: expect.any(Number), parent: null },
    ]);
    expect(handle.prepare('select sum(records_ever) from v_shards').pluck().get()).toBe(1);
  });

  it('show a split or merge as clients see it: the old shards while UPDATING, then the new ones', async () => {
    const { path, client, process } = await startWithStream();
    const shard = (index: number) => `shardId-00000000000${index}`;
    const look = () => {
      const handle = readonly(path);
      const streams = handle.prepare('select status, open_shards from v_streams').raw().all();
      const shards = handle.prepare('select shard, state, parent, adjacent_parent from v_shards').raw().all();
      return { streams, shards };
    };
    await client.send('MergeShards', { StreamName: 's', ShardToMerge: shard(0), AdjacentShardToMerge: shard(1) });
    const merged = [
      [shard(0), 'CLOSED', null, null],
      [shard(1), 'CLOSED', null, null],
      [shard(2), 'OPEN', shard(0), shard(1)],
    ];
    expect(look()).toEqual({ streams: [['ACTIVE', 1]], shards: merged });
    await process.kill('SIGTERM');
    const slow = await startMillrace({ DATA_DIR: dirname(path), TRANSITION_MS: '60000' });
    const slowClient = createWireClient(slow.url);
    onTestFinished(() => slowClient.close());
    await slowClient.send('SplitShard', { StreamName: 's', ShardToSplit: shard(2), NewStartingHashKey: '9' });
    expect(look()).toEqual({ streams: [['UPDATING', 1]], shards: merged });
  });

  it('can be read with the sqlite3 command', async ({ skip }) => {
    if (spawnSync('sqlite3', ['--version']).error) skip('the sqlite3 command is not installed');
    const { path, client } = await startWithStream();
    await put(client, 'hello');
    const text = execFileSync('sqlite3', ['-readonly', path, 'select * from v_records limit 5'], { encoding: 'utf8' });
    expect(text).toMatch(/^s\|shardId-00000000000\d\|\d{4}-.*Z\|Schlüssel\|hello\|5\|\d{56}\|/);
  });
});

describe('another process', () => {
  it('that holds a read transaction stalls nothing, and sees its own moment', async () => {
    const { path, client } = await startWithStream();
    await put(client, 'before');
    const reader = readonly(path);
    reader.exec('begin');
    const count = () => reader.prepare('select count(*) from records').pluck().get();
    expect(count()).toBe(1);
    for (let index = 0; index < 50; index += 1) expect((await put(client, 'during')).SequenceNumber).toBeDefined();
    expect(count()).toBe(1);
    reader.exec('commit');
    expect(count()).toBe(51);
  });

  it('that holds a write lock delays puts, but not reads, and loses nothing', async () => {
    const { path, url, client } = await startWithStream();
    const editor = openHandle(path);
    onTestFinished(() => void editor.close());
    editor.exec('begin immediate');
    let isPut = false;
    const waiting = put(client, 'later').then(() => {
      isPut = true;
    });
    const other = createWireClient(url);
    onTestFinished(() => other.close());
    const { StreamNames } = await other.send('ListStreams', {});
    expect(StreamNames).toEqual(['s']);
    expect(isPut).toBe(false);
    editor.exec('rollback');
    await waiting;
    expect(readonly(path).prepare('select count(*) from records').pluck().get()).toBe(1);
  });
});
