/** What becomes an object, when, under which key, and that doing it again makes no second one. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { keyOf } from '../../src/firehose/objects/object-path.ts';
import {
  bucketFiles,
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  firehose,
  putRecords,
  S3,
  select,
} from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const MEGABYTE = 1024 * 1024;
const YEAR_MS = 365 * 86_400_000;

const withHints = (SizeInMBs: number, IntervalInSeconds: number, more: object = {}) => ({
  ExtendedS3DestinationConfiguration: { ...S3, BufferingHints: { SizeInMBs, IntervalInSeconds }, ...more },
});

const sizes = (server: TestServer) => bucketFiles(server).map(({ content }) => content.length);

/** Changes rows while no server runs. */
function alter({ directory }: TestServer, sql: string): void {
  const handle = openHandle(join(directory, 'millrace.db'));
  handle.prepare(sql).run();
  handle.close();
}

describe('a batch', () => {
  it('ends with the record that reaches the size, and the next begins after it', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', withHints(1, 900));
    const half = Buffer.alloc(MEGABYTE / 2, 'x');
    // 2 × 0.5 MB, then 0.5 + 0.3 + 0.5 MB, then 0.1 MB that wait.
    await putRecords(server, 'd', [half, half, half, half.subarray(0, 300_000), half]);
    await putRecords(server, 'd', [half.subarray(0, 100_000)]);
    await deliverAfter(server, 0);
    expect(sizes(server).sort()).toEqual([MEGABYTE, MEGABYTE + 300_000]);
    expect(select(server, 'select records, bytes from v_buffers')).toEqual([{ records: 1, bytes: 100_000 }]);
    await deliverAfter(server, 900_000);
    expect(sizes(server).reduce((sum, size) => sum + size, 0)).toBe(2 * MEGABYTE + 400_000);
  });

  it('is made of many small records as of few large ones', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', withHints(1, 900));
    const lines = Array.from({ length: 500 }, (_, index) => `${index} ${'y'.repeat(1000)}\n`);
    for (let batch = 0; batch < 5; batch += 1) await putRecords(server, 'd', lines);
    await deliverAfter(server, 900_000);
    const delivered = select(server, 'select records, bytes from v_deliveries order by delivery_id');
    expect(delivered.map(({ bytes }) => bytes >= MEGABYTE && bytes < MEGABYTE + 1100)).toEqual([true, true, false]);
    const texts = select(server, 'select path from v_deliveries order by delivery_id').map(({ path }) => {
      const file = bucketFiles(server).find((candidate) => path === `b/${candidate.path}`);
      return file!.content.toString();
    });
    expect(texts.join(''), 'every line once, in order').toBe(lines.join('').repeat(5));
  });

  it('waits for nothing when the interval is 0', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', withHints(5, 0));
    await putRecords(server, 'd', ['at once']);
    await deliverAfter(server, 0);
    expect(bucketText(server)).toBe('at once');
    await deliverAfter(server, 900_000);
    expect(bucketFiles(server), 'an empty buffer makes no object').toHaveLength(1);
  });

  it('of empty records is an empty object', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await putRecords(server, 'd', ['', '']);
    await deliverAfter(server, 300_000);
    expect(sizes(server)).toEqual([0]);
    expect(select(server, 'select records, bytes, state from v_deliveries')).toEqual([
      { records: 2, bytes: 0, state: 'DELIVERED' },
    ]);
  });

  it('is due at the same instant after a restart, and at once after a longer time', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await putRecords(server, 'd', ['a']);
    await deliverAfter(server, 200_000);
    await server.restart();
    await deliverAfter(server, 99_999);
    expect(bucketText(server)).toBe('');
    await deliverAfter(server, 1);
    expect(bucketText(server)).toBe('a');
    await putRecords(server, 'd', ['b']);
    server.clock.advance(7_200_000);
    await server.restart();
    await deliverAfter(server, 0);
    expect(bucketText(server)).toBe('ab');
  });

  it('does not wait for a clock that was set back to catch up', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await putRecords(server, 'd', ['before']);
    server.clock.jump(-YEAR_MS);
    await deliverAfter(server, 0);
    expect(bucketText(server)).toBe('before');
    await putRecords(server, 'd', ['after']);
    await deliverAfter(server, 300_000);
    // Arrivals never decrease, so both have the same; the names of such objects are in no order.
    expect(
      bucketFiles(server)
        .map(({ content }) => content.toString())
        .sort(),
    ).toEqual(['after', 'before']);
  });
});

describe('the key', () => {
  it('has the arrival of the oldest record, the version and what the configuration asks for', async () => {
    const server = await startTestServer();
    const more = {
      Prefix: 'y=!{timestamp:yyyy}/h=!{timestamp:HH}/',
      ErrorOutputPrefix: 'e/!{firehose:error-output-type}/',
      CustomTimeZone: 'Asia/Calcutta',
      FileExtension: '.log',
    };
    await createDeliveryStream(server, 'd', withHints(5, 60, more));
    await putRecords(server, 'd', ['oldest']);
    server.clock.advance(50_000);
    await putRecords(server, 'd', ['newest']);
    await deliverAfter(server, 10_000);
    const [{ key, path, place, version, first_arrived, last_arrived }] = select(server, 'select * from v_deliveries');
    expect(key).toMatch(/^y=2026\/h=08\/d-1-2026-01-02-08-34-06-[0-9a-f-]{36}\.log$/);
    expect([path, place, version]).toEqual([`b/${key}`, join(server.directory, 's3'), 1]);
    expect([first_arrived, last_arrived]).toEqual(['2026-01-02T03:04:06.678Z', '2026-01-02T03:04:56.678Z']);
  });

  it.each([
    '/',
    '../../../',
    'a//b/',
    '..%2f',
    '.tmp/',
    '\u0000\\?*|<>":',
    `${'x'.repeat(500)}/`,
    '😀 ü/',
    'con./ ./~/',
  ])('that is hostile to a file system stays below the bucket: %j', async (Prefix) => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', withHints(5, 60, { Prefix }));
    await putRecords(server, 'd', ['safe']);
    await deliverAfter(server, 60_000);
    expect(bucketText(server)).toBe('safe');
    const [{ key, path }] = select(server, 'select key, path from v_deliveries');
    expect(key.startsWith(Prefix)).toBe(true);
    expect(keyOf(path.split('/')), 'the path tells the key').toEqual({ bucket: 'b', key });
    const everything = readdirSync(server.directory).filter((name) => !name.startsWith('millrace.db'));
    expect(everything.sort()).toEqual(['commit-witness', 'instance.json', 'lock.db', 's3']);
  });

  it('of delivery streams with one prefix in one bucket differ', async () => {
    const server = await startTestServer();
    for (const name of ['d', 'e']) {
      await createDeliveryStream(server, name);
      await putRecords(server, name, [name]);
    }
    await deliverAfter(server, 300_000);
    expect(bucketText(server)).toBe('de');
  });
});

describe.each([
  ['UNCOMPRESSED', '', null, ''],
  ['GZIP', '.gz', 'gzip', '1f8b08'],
  ['ZIP', '.zip', 'zip', '504b0304'],
  ['Snappy', '.snappy', 'snappy-java', '82534e4150505900'],
  ['HADOOP_SNAPPY', '.snappy', 'hadoop-snappy', '000186a0'],
])('with the format %s', (CompressionFormat, extension, encoding, magic) => {
  it('objects and what is told of them', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', withHints(5, 60, { CompressionFormat }));
    await putRecords(server, 'd', ['a'.repeat(50_000), 'b'.repeat(50_000)]);
    await deliverAfter(server, 60_000);
    const [file] = bucketFiles(server);
    expect(file!.path.endsWith(extension), file!.path).toBe(true);
    expect(file!.content.toString('hex').startsWith(magic), 'the first bytes').toBe(true);
    const [row] = select(server, 'select * from v_deliveries');
    expect(row).toMatchObject({
      content_type: 'application/octet-stream',
      content_encoding: encoding,
      object_bytes: file!.content.length,
      bytes: 100_000,
      records: 2,
      encryption: 'none',
    });
    if (CompressionFormat === 'GZIP') expect(gunzipSync(file!.content)).toHaveLength(100_000);
  });
});

describe('after a crash', () => {
  const deliverOne = async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd', withHints(5, 60, { CompressionFormat: 'GZIP' }));
    await putRecords(server, 'd', ['a', 'b']);
    return server;
  };

  it('between the rename and the confirmation, the object is confirmed, not written again', async () => {
    const server = await deliverOne();
    await deliverAfter(server, 60_000);
    const before = bucketFiles(server);
    await putRecords(server, 'd', ['c']);
    await server.close();
    // As it was before the confirmation: the batch is planned, its records are there, and so is its object.
    alter(server, "update deliveries set state = 'PLANNED', is_cleared = 0, ended_ms = null, sha256 = null");
    for (const [position, data, crc] of [
      [1, 'a', 0xe8b7be43],
      [2, 'b', 0x71beeff9],
    ] as const) {
      alter(
        server,
        `insert into buffered_records (id, end_bytes, arrived_ms, is_text, crc32, data)
         values ((1 << 40) | ${position}, ${position}, 1767323046678, 1, ${crc}, cast('${data}' as blob))`,
      );
    }
    const again = await startTestServer({ directory: server.directory, clock: server.clock });
    await deliverAfter(again, 0);
    expect(bucketFiles(again)).toEqual(before);
    expect(select(again, 'select state, records, attempts from v_deliveries')).toEqual([
      { state: 'DELIVERED', records: 2, attempts: 0 },
    ]);
    await deliverAfter(again, 60_000);
    expect(bucketFiles(again).map(({ content }) => gunzipSync(content).toString())).toEqual(['ab', 'c']);
  });

  it('an object that somebody deleted does not come back', async () => {
    const server = await deliverOne();
    await deliverAfter(server, 60_000);
    const path = join(server.directory, 's3', 'b', bucketFiles(server)[0]!.path);
    rmSync(path);
    await server.restart();
    await deliverAfter(server, 60_000);
    expect(existsSync(path)).toBe(false);
  });

  it('buffered records of batches that have ended are cleared at the next opportunity', async () => {
    const server = await deliverOne();
    await deliverAfter(server, 60_000);
    expect(select(server, 'select * from buffered_records')).toEqual([]);
    expect(select(server, 'select is_cleared from deliveries')).toEqual([{ is_cleared: 1 }]);
  });
});

describe('a deleted delivery stream', () => {
  it('leaves what it delivered, and nothing else', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await firehose(server, 'StartDeliveryStreamEncryption', { DeliveryStreamName: 'd' });
    await putRecords(server, 'd', ['delivered']);
    await deliverAfter(server, 300_000);
    await putRecords(server, 'd', Array(500).fill('buffered'));
    await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
    await deliverAfter(server, 1000);
    for (const table of ['buffers', 'buffered_records', 'encryption_changes', 'delivery_stream_versions', 'tags']) {
      expect(select(server, `select * from ${table}`), table).toEqual([]);
    }
    expect(select(server, 'select delivery_stream, state from v_deliveries')).toEqual([
      { delivery_stream: 'd', state: 'DELIVERED' },
    ]);
    expect(bucketText(server)).toBe('delivered');
  });

  it('does not come back when the clock is set back', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await putRecords(server, 'd', ['delivered']);
    await deliverAfter(server, 300_000);
    await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
    await deliverAfter(server, 1000);
    server.clock.jump(-900);
    await server.restart();
    const { body } = await callFirehose(server, 'DescribeDeliveryStream', { DeliveryStreamName: 'd' });
    expect(body.__type).toBe('ResourceNotFoundException');
    await createDeliveryStream(server, 'd');
  });

  it('that never delivered leaves no row at all', async () => {
    const server = await startTestServer();
    await createDeliveryStream(server, 'd');
    await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
    await deliverAfter(server, 1000);
    expect(select(server, 'select * from delivery_streams')).toEqual([]);
  });
});
