/** Destinations that fail: batches wait, others go on, and what is given up is told. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import {
  breakBucket,
  bucketFiles,
  bucketText,
  createDeliveryStream,
  deliverAfter,
  firehose,
  putRecords,
  S3,
  select,
} from '../support/firehose.ts';
import { metricValue } from '../support/metrics.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const HOUR_MS = 3_600_000;

const into = (bucket: string) => ({
  ExtendedS3DestinationConfiguration: { ...S3, BucketARN: `arn:aws:s3:::${bucket}` },
});

/** A server with a batch for the bucket `b`, the first attempt at which has failed. */
async function startFailing(): Promise<{ server: TestServer; repair: () => void }> {
  const server = await startTestServer();
  const repair = breakBucket(server);
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['waiting']);
  await deliverAfter(server, 300_000);
  return { server, repair };
}

const attempts = (server: TestServer) => select(server, 'select attempts from v_deliveries')[0].attempts;

describe('a batch that cannot be delivered', () => {
  it('is tried again after 1, 2, 4 … and at most 60 seconds', async () => {
    const { server } = await startFailing();
    const waits = [];
    for (let tries = 1; tries < 10; tries += 1) {
      let seconds = 0;
      while (attempts(server) === tries && seconds < 100) {
        await deliverAfter(server, 1000);
        seconds += 1;
      }
      waits.push(seconds);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('tells why, in the view and in the log', async () => {
    const { server } = await startFailing();
    const [buffer] = select(server, 'select waiting_batches, waiting_bytes, records, last_error from v_buffers');
    expect(buffer).toEqual({
      waiting_batches: 1,
      waiting_bytes: 7,
      records: 0,
      last_error: expect.stringContaining('symbolic link'),
    });
    expect(select(server, 'select state, next_attempt from v_deliveries')).toEqual([
      { state: 'PLANNED', next_attempt: '2026-01-02T03:09:07.678Z' },
    ]);
    expect(server.log.entries).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'A delivery failed and waits.' }),
    );
    expect(await metricValue(server, 'millrace_firehose_data_freshness_seconds')).toBe(300);
  });

  it('is delivered when the destination is repaired, also after a restart', async () => {
    const { server, repair } = await startFailing();
    await server.restart();
    repair();
    await deliverAfter(server, 60_000);
    expect(bucketText(server)).toBe('waiting');
    expect(select(server, 'select state, last_error from v_deliveries')).toEqual([
      { state: 'DELIVERED', last_error: null },
    ]);
  });

  it('does not hinder other delivery streams, nor later batches of its own', async () => {
    const { server } = await startFailing();
    await createDeliveryStream(server, 'e', into('c'));
    await putRecords(server, 'e', ['other']);
    await firehose(server, 'UpdateDestination', {
      DeliveryStreamName: 'd',
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'destinationId-000000000001',
      ExtendedS3DestinationUpdate: { BucketARN: 'arn:aws:s3:::f' },
    });
    await putRecords(server, 'd', ['later']);
    await deliverAfter(server, 300_000);
    expect([bucketText(server, 'c'), bucketText(server, 'f')]).toEqual(['other', 'later']);
    expect(select(server, "select bucket, version from v_deliveries where state = 'PLANNED'"), 'as planned').toEqual([
      { bucket: 'b', version: 1 },
    ]);
  });

  it('is not dropped because the clock jumped', async () => {
    const { server, repair } = await startFailing();
    server.clock.jump(30 * HOUR_MS);
    await deliverAfter(server, 60_000);
    await deliverAfter(server, 60_000);
    expect(select(server, 'select * from incidents')).toEqual([]);
    repair();
    await deliverAfter(server, 60_000);
    expect(bucketText(server)).toBe('waiting');
  });

  it('is dropped after a day, which a row, the log and a counter tell', async () => {
    const { server } = await startFailing();
    for (let hour = 0; hour < 25; hour += 1) await deliverAfter(server, HOUR_MS);
    expect(select(server, 'select state, records from v_deliveries')).toEqual([{ state: 'DROPPED', records: 1 }]);
    expect(select(server, 'select * from buffered_records')).toEqual([]);
    const [incident] = select(server, 'select * from incidents');
    expect(incident).toMatchObject({ kind: 'EXPIRED', subject: 'd', records: 1, bytes: 7 });
    expect(incident.reason).toMatch(/^They expired because their delivery failed: .*symbolic link/);
    expect(await metricValue(server, 'millrace_firehose_dropped_records_total', { deliveryStream: 'd' })).toBe(1);
    expect(server.log.entries).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'Records were dropped.' }),
    );
  });
});

it('a record that is damaged on disk is named and never delivered; other delivery streams go on', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await createDeliveryStream(server, 'e', into('c'));
  await putRecords(server, 'd', ['first', 'second']);
  await putRecords(server, 'e', ['other']);
  await server.close();
  const handle = openHandle(join(server.directory, 'millrace.db'));
  handle.prepare("update buffered_records set data = cast('sEcond' as blob) where data = cast('second' as blob)").run();
  handle.close();
  const again = await startTestServer({ directory: server.directory, clock: server.clock });
  await deliverAfter(again, 300_000);
  expect([bucketFiles(again, 'b'), bucketText(again, 'c')]).toEqual([[], 'other']);
  expect(select(again, "select last_error from v_deliveries where state = 'PLANNED'")).toEqual([
    { last_error: 'The record 2 of buffer 1 is damaged on disk: its checksum does not match.' },
  ]);
});
