/** Data of earlier schemas: a file of each released version is opened by this one, with everything that was in it. */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import { expect, it } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { openConnection } from '../../src/database/connection.ts';
import { openHandle } from '../../src/database/handle.ts';
import { TEST_START_MS } from '../support/clock.ts';
import { bucketText, deliverAllAfter, select } from '../support/firehose.ts';
import { readShard } from '../support/kinesis.ts';
import { startTestServer, temporaryDirectory } from '../support/server.ts';

/** A file as the first `count` migrations leave it. */
async function makeFile(directory: string, count: number): Promise<void> {
  const handle = openConnection(join(directory, 'millrace.db'));
  const former = Object.fromEntries(Object.entries(migrations).slice(0, count));
  const db = new Kysely({ dialect: new SqliteDialect({ database: handle }) });
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => former } }).migrateToLatest();
  if (error) throw error;
  handle.pragma(`user_version = ${count}`);
  const row = (table: string, values: Record<string, string | number>) => {
    const columns = Object.keys(values);
    const places = columns.map(() => '?').join(', ');
    handle.prepare(`insert into ${table} (${columns.join(', ')}) values (${places})`).run(...Object.values(values));
  };
  const createdS = Math.floor(TEST_START_MS / 1000) - 100;
  row('server_state', { name: 'written_by', value: '0.0.1' });
  row('streams', {
    id: 1,
    account_id: '000000000000',
    region: 'us-east-1',
    name: 's',
    stream_id: 'abcdefghijklmnopqrst-abc',
    stream_mode: 'PROVISIONED',
    retention_hours: 24,
    created_ms: createdS * 1000,
    active_ms: createdS * 1000 + 500,
  });
  row('shards', {
    id: 1,
    stream: 1,
    shard_index: 0,
    starting_hash_key: '0',
    ending_hash_key: ((1n << 128n) - 1n).toString(),
    created_s: createdS,
  });
  handle.close();
}

it.each(Object.keys(migrations).slice(0, -1))('a file of %s is brought up to date and works', async (name) => {
  const directory = temporaryDirectory();
  await makeFile(directory, Object.keys(migrations).indexOf(name) + 1);
  const server = await startTestServer({ directory });
  const put = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
  expect((await readShard(server, 's', put.ShardId)).map(({ SequenceNumber }) => SequenceNumber)).toEqual([
    put.SequenceNumber,
  ]);
  const split = { StreamName: 's', ShardToSplit: put.ShardId, NewStartingHashKey: '7' };
  await server.ok('SplitShard', split);
  server.clock.advance(1000);
  expect((await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription.Shards).toHaveLength(3);
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  expect(handle.pragma('user_version', { simple: true })).toBe(Object.keys(migrations).length);
  for (const view of ['v_streams', 'v_shards', 'v_records']) {
    expect(() => handle.prepare(`select * from ${view}`).all(), view).not.toThrow();
  }
  handle.close();
});

const BUCKET = {
  RoleARN: 'arn:aws:iam::000000000000:role/r',
  BucketARN: 'arn:aws:s3:::b',
  Prefix: 'p/',
  BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 300 },
  CompressionFormat: 'UNCOMPRESSED',
  EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' },
  CloudWatchLoggingOptions: { Enabled: false },
};

/** As 0003 left them: only S3 was delivered, the other buffers had no settings. */
const FORMER = [
  {
    destination: { type: 'S3', description: { ...BUCKET, S3BackupMode: 'Disabled' } },
    settings: { bucket: 'b', compression: 'UNCOMPRESSED', sizeBytes: 5_242_880, intervalMs: 300_000 },
    data: 'object',
  },
  {
    destination: {
      type: 'Redshift',
      description: {
        RoleARN: BUCKET.RoleARN,
        ClusterJDBCURL: 'jdbc:redshift://c.x.us-east-1.redshift.amazonaws.com:5439/dev',
        CopyCommand: { DataTableName: 't' },
        Username: 'u',
        RetryOptions: { DurationInSeconds: 3600 },
        S3BackupMode: 'Disabled',
        S3DestinationDescription: BUCKET,
        CloudWatchLoggingOptions: { Enabled: false },
      },
      password: 'c2VhbGVkIHdpdGggYSBrZXkgdGhhdCBpcyBsb3N0',
    },
    settings: null,
    data: 'row\n',
  },
  {
    destination: {
      type: 'Elasticsearch',
      description: {
        RoleARN: BUCKET.RoleARN,
        DomainARN: 'arn:aws:es:us-east-1:000000000000:domain/logs',
        IndexName: 'i',
        IndexRotationPeriod: 'OneMonth',
        BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 300 },
        RetryOptions: { DurationInSeconds: 300 },
        S3BackupMode: 'FailedDocumentsOnly',
        S3DestinationDescription: BUCKET,
        CloudWatchLoggingOptions: { Enabled: false },
        DocumentIdOptions: { DefaultDocumentIdFormat: 'FIREHOSE_DEFAULT' },
      },
    },
    settings: null,
    data: '{"a":1}',
  },
];

it('records for Redshift and Elasticsearch that nothing could deliver are delivered now', async () => {
  const directory = temporaryDirectory();
  await makeFile(directory, 3);
  const handle = openHandle(join(directory, 'millrace.db'));
  const now = TEST_START_MS - 1000;
  for (const [index, { destination, settings, data }] of FORMER.entries()) {
    const id = index + 1;
    handle
      .prepare(
        `insert into delivery_streams (id, account_id, region, name, incarnation, stream_type, version, created_ms, active_ms)
        values (?, '000000000000', 'us-east-1', ?, '6f1c2d3e-0000-4000-8000-00000000000' || ?, 'DirectPut', 1, ?, ?)`,
      )
      .run(id, destination.type, String(id), now, now);
    handle
      .prepare(
        'insert into delivery_stream_versions (delivery_stream, version, created_ms, destination) values (?, 1, ?, ?)',
      )
      .run(id, now, JSON.stringify(destination));
    handle
      .prepare(
        `insert into buffers (id, delivery_stream, role, settings, size_bytes, interval_ms, next_position, total_bytes, last_arrived_ms)
        values (?, ?, 'destination', ?, 5242880, 300000, 2, ?, ?)`,
      )
      .run(id, id, settings && JSON.stringify(settings), data.length, now);
    handle
      .prepare(
        `insert into buffered_records (id, end_bytes, arrived_ms, is_text, crc32, data)
        values ((? << 40) | 1, ?, ?, 1, ?, cast(? as blob))`,
      )
      .run(id, data.length, now, crc32(data), data);
  }
  handle.close();

  const server = await startTestServer({ directory });
  await deliverAllAfter(server, 300_000);
  expect(bucketText(server)).toContain('object');
  expect(select(server, 'select index_name, id, body from search_documents')).toEqual([
    { index_name: 'i-2026-01', id: `6f1c2d3e-0000-4000-8000-000000000003.${now}.1`, body: '{"a":1}' },
  ]);
  expect(select(server, 'select kind, state, key, last_error from v_deliveries order by delivery_id')).toEqual([
    { kind: 'object', state: 'DELIVERED', key: expect.stringContaining('S3-1-'), last_error: null },
    {
      kind: 'redshift',
      state: 'PLANNED',
      key: expect.stringMatching(/^p\/2026\/01\/02\/03\/Redshift-1-/),
      last_error: expect.stringMatching(/A stored password cannot be read with .*secrets\.key; restore that file/),
    },
    { kind: 'search', state: 'DELIVERED', key: null, last_error: null },
  ]);
});
