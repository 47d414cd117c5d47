/** What is buffered is read and deleted many records at a time: every byte of theirs, and none of others. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import {
  bucketFiles,
  bucketText,
  createDeliveryStream,
  deliverAfter,
  flushNow,
  putRecords,
  S3,
  select,
} from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const into = (bucket: string) => ({
  ExtendedS3DestinationConfiguration: { ...S3, BucketARN: `arn:aws:s3:::${bucket}` },
});

/** Restarts the server after a row was changed by hand. */
async function restartAltered(server: TestServer, sql: string): Promise<TestServer> {
  await server.close();
  const handle = openHandle(join(server.directory, 'millrace.db'));
  const { changes } = handle.prepare(sql).run();
  handle.close();
  expect(changes, 'rows that were changed by hand').toBe(1);
  return startTestServer({ directory: server.directory, clock: server.clock });
}

const lastErrors = (server: TestServer) =>
  select(server, "select last_error from v_deliveries where state = 'PLANNED'").map(({ last_error }) => last_error);

it('every byte is delivered as it was put, text or not', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  const anyBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const records = ['efbbbf61', '', '00', 'c3', 'a9', 'fffe', '0000', 'eda080', '', 'f8888080'].map((hex) =>
    Buffer.from(hex, 'hex'),
  );
  const put = [...records, anyBytes, Buffer.alloc(0), Buffer.concat([anyBytes.subarray(128), anyBytes])];
  await putRecords(server, 'd', put);
  await flushNow(server, 'd');
  expect(bucketFiles(server).map(({ content }) => content.toString('hex'))).toEqual([
    Buffer.concat(put).toString('hex'),
  ]);
});

it('a size that was changed by hand harms no record', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['ab', 'cd']);
  const again = await restartAltered(server, 'update buffered_records set end_bytes = 1 where end_bytes = 2');
  await flushNow(again, 'd');
  // The checksums say that the records are as they were put, whatever is said of their sizes.
  expect(bucketText(again)).toBe('abcd');
});

it.each([
  ['damaged', "update buffered_records set crc32 = crc32 + 1 where data = x'62'", /^The record \d+ of buffer 1 is dam/],
  ['missing', "delete from buffered_records where data = x'62'", /missing/],
])('a batch with a record that is %s is not delivered, whatever is around it', async (_state, sql, error) => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', [...'abcdefgh']);
  const again = await restartAltered(server, sql);
  await flushNow(again, 'd');
  expect(bucketFiles(again)).toEqual([]);
  expect(lastErrors(again)).toEqual([expect.stringMatching(error)]);
});

it('what is cleared is what was delivered: neither what others have buffered nor what came later', async () => {
  const server = await startTestServer();
  // Others before and after it in the table.
  for (const name of ['a', 'b', 'c']) {
    await createDeliveryStream(server, name, into(name));
    await putRecords(server, name, [name]);
  }
  const buffered = () =>
    select(server, 'select cast(data as text) as data from buffered_records').map(({ data }) => data);
  await flushNow(server, 'b');
  expect(buffered()).toEqual(['a', 'c']);
  await putRecords(server, 'b', ['later']);
  await flushNow(server, 'a');
  expect(buffered()).toEqual(['later', 'c']);
  await flushNow(server, 'c');
  expect(buffered()).toEqual(['later']);
  await flushNow(server, 'b');
  expect(buffered(), 'of the last one too').toEqual([]);
  expect([bucketText(server, 'a'), bucketText(server, 'b'), bucketText(server, 'c')]).toEqual(['a', 'blater', 'c']);
  expect(select(server, 'select is_cleared from deliveries where is_cleared = 0'), 'batches to be cleared').toEqual([]);
});

it('what takes several slices is cleared as a whole, beside what others have', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await createDeliveryStream(server, 'e', into('e'));
  await putRecords(server, 'e', ['other']);
  const batch = Array.from({ length: 500 }, () => 'x');
  for (let put = 0; put < 9; put += 1) await putRecords(server, 'd', batch);
  await flushNow(server, 'd');
  expect(select(server, 'select cast(data as text) as data from buffered_records')).toEqual([{ data: 'other' }]);
  await deliverAfter(server, 300_000);
  expect([bucketText(server).length, bucketText(server, 'e')]).toEqual([4500, 'other']);
});
