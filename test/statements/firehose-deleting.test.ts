/** F-030 to F-043: DeleteDeliveryStream, DescribeDeliveryStream, ListDeliveryStreams. */
import { expect } from 'vitest';
import {
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  describeDeliveryStream,
  firehose,
  putRecords,
  S3,
  select,
} from '../support/firehose.ts';
import type { TestServer } from '../support/server.ts';
import { statement } from '../support/statement.ts';

const remove = (server: TestServer) => callFirehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });

statement('F-030', 'DeleteDeliveryStream deletes the delivery stream and its data', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['never delivered']);
  expect((await remove(server)).text).toBe('{}');
  await deliverAfter(server, 600_000);
  expect(bucketText(server)).toBe('');
  expect(select(server, 'select * from buffered_records')).toEqual([]);
  const gone = await callFirehose(server, 'DescribeDeliveryStream', { DeliveryStreamName: 'd' });
  expect([gone.status, gone.body]).toEqual([
    400,
    { __type: 'ResourceNotFoundException', message: 'Firehose d under account 000000000000 not found.' },
  ]);
  await createDeliveryStream(server, 'd');
  await deliverAfter(server, 600_000);
  expect(bucketText(server), 'not by another of the same name either').toBe('');
});

statement('F-031', 'an ACTIVE delivery stream can be deleted', async (server) => {
  await createDeliveryStream(server, 'd');
  expect((await remove(server)).status).toBe(200);
});

statement('F-032', 'so can one that is already DELETING', async (server) => {
  await createDeliveryStream(server, 'd');
  await remove(server);
  server.clock.advance(400);
  expect((await remove(server)).status).toBe(200);
  server.clock.advance(100);
  expect((await remove(server)).body.__type, 'it is gone when the first call said').toBe('ResourceNotFoundException');
});

statement('F-033', 'one that is CREATING cannot be deleted', async (server) => {
  await firehose(server, 'CreateDeliveryStream', { DeliveryStreamName: 'd', S3DestinationConfiguration: S3 });
  const { status, body } = await remove(server);
  expect([status, body]).toEqual([
    400,
    {
      __type: 'ResourceInUseException',
      message: 'Firehose d under account 000000000000 cannot be deleted in CREATING state',
    },
  ]);
  server.clock.advance(1000);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus).toBe('ACTIVE');
});

statement('F-034', 'while the deletion is processed the status is DELETING', async (server) => {
  await createDeliveryStream(server, 'd');
  await remove(server);
  server.clock.advance(499);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus).toBe('DELETING');
});

statement('F-035', 'DescribeDeliveryStream shows the state during the deletion', async (server) => {
  await createDeliveryStream(server, 'd');
  const before = await describeDeliveryStream(server, 'd');
  await remove(server);
  expect(await describeDeliveryStream(server, 'd')).toEqual({ ...before, DeliveryStreamStatus: 'DELETING' });
});

statement('F-036', 'a DELETING delivery stream may accept records: this one does not, as AWS today', async (server) => {
  await createDeliveryStream(server, 'd');
  await remove(server);
  const put = await callFirehose(server, 'PutRecord', { DeliveryStreamName: 'd', Record: { Data: 'AAAA' } });
  expect(put.body).toEqual({
    __type: 'ResourceNotFoundException',
    message: 'Firehose d is not active in 000000000000 account.',
  });
});

statement('F-037', 'nothing is delivered any more once it is DELETING', async (server) => {
  await createDeliveryStream(server, 'd');
  await putRecords(server, 'd', ['a']);
  server.clock.advance(300_000);
  await remove(server);
  await deliverAfter(server, 100);
  expect((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus).toBe('DELETING');
  expect(bucketText(server)).toBe('');
});

statement('F-038', 'DescribeDeliveryStream tells when a delivery stream has become ACTIVE', async (server) => {
  await firehose(server, 'CreateDeliveryStream', { DeliveryStreamName: 'd', S3DestinationConfiguration: S3 });
  const seen = [];
  for (let poll = 0; poll < 4; poll += 1) {
    seen.push((await describeDeliveryStream(server, 'd')).DeliveryStreamStatus);
    server.clock.advance(200);
  }
  expect(seen).toEqual(['CREATING', 'CREATING', 'CREATING', 'ACTIVE']);
  const { body } = await callFirehose(server, 'DescribeDeliveryStream', { DeliveryStreamName: 'other' });
  expect(body.__type).toBe('ResourceNotFoundException');
});

/** Creates `count` delivery streams and returns their names in order. */
async function create(server: TestServer, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `d${String(index).padStart(2, '0')}`);
  for (const name of names.toReversed()) await createDeliveryStream(server, name);
  return names;
}

const list = (server: TestServer, input: object = {}) => {
  server.clock.advance(1000);
  return firehose(server, 'ListDeliveryStreams', input);
};

statement('F-039', "ListDeliveryStreams lists the caller's delivery streams", async (server) => {
  const names = await create(server, 3);
  expect(await list(server)).toEqual({ DeliveryStreamNames: names, HasMoreDeliveryStreams: false });
  const other = await firehose(server, 'ListDeliveryStreams', {}, { account: '123456789012' });
  expect(other.DeliveryStreamNames).toEqual([]);
});

statement('F-040', 'one call may return only part of them', async (server) => {
  const names = await create(server, 12);
  expect(await list(server)).toEqual({ DeliveryStreamNames: names.slice(0, 10), HasMoreDeliveryStreams: true });
});

statement('F-041', 'Limit caps the number returned', async (server) => {
  const names = await create(server, 5);
  expect((await list(server, { Limit: 2 })).DeliveryStreamNames).toEqual(names.slice(0, 2));
  expect((await list(server, { Limit: 10_000 })).DeliveryStreamNames).toEqual(names);
});

statement('F-042', 'HasMoreDeliveryStreams says whether more exist', async (server) => {
  await create(server, 3);
  expect((await list(server, { Limit: 2 })).HasMoreDeliveryStreams).toBe(true);
  expect((await list(server, { Limit: 3 })).HasMoreDeliveryStreams).toBe(false);
});

statement('F-043', 'ExclusiveStartDeliveryStreamName goes on after the last returned name', async (server) => {
  const names = await create(server, 5);
  const pages: string[][] = [];
  for (let after: string | undefined, more = true; more; ) {
    const page = await list(server, { Limit: 2, ExclusiveStartDeliveryStreamName: after });
    pages.push(page.DeliveryStreamNames);
    after = page.DeliveryStreamNames.at(-1);
    more = page.HasMoreDeliveryStreams;
  }
  expect(pages).toEqual([names.slice(0, 2), names.slice(2, 4), names.slice(4)]);
});
