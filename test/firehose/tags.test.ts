/** TagDeliveryStream, UntagDeliveryStream, ListTagsForDeliveryStream. */
import { expect, it } from 'vitest';
import { callFirehose, createDeliveryStream, firehose, S3 } from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const tag = (server: TestServer, tags: Record<string, string>) =>
  callFirehose(server, 'TagDeliveryStream', {
    DeliveryStreamName: 'd',
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  });
const list = (server: TestServer, more: object = {}) =>
  firehose(server, 'ListTagsForDeliveryStream', { DeliveryStreamName: 'd', ...more });

it('tags are set, replaced, listed in order and removed', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd', { S3DestinationConfiguration: S3, Tags: [{ Key: 'b', Value: '1' }] });
  await tag(server, { c: '3', a: '' });
  await firehose(server, 'TagDeliveryStream', {
    DeliveryStreamName: 'd',
    Tags: [
      { Key: 'b', Value: 'first' },
      { Key: 'b', Value: 'last' },
    ],
  });
  expect(await list(server)).toEqual({
    HasMoreTags: false,
    Tags: [
      { Key: 'a', Value: '' },
      { Key: 'b', Value: 'last' },
      { Key: 'c', Value: '3' },
    ],
  });
  await firehose(server, 'UntagDeliveryStream', { DeliveryStreamName: 'd', TagKeys: ['a', 'unknown', 'c'] });
  expect((await list(server)).Tags).toEqual([{ Key: 'b', Value: 'last' }]);
});

it('they come in pages', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await tag(server, { a: '1', b: '2', c: '3' });
  expect(await list(server, { Limit: 2 })).toMatchObject({ HasMoreTags: true, Tags: [{ Key: 'a' }, { Key: 'b' }] });
  expect(await list(server, { Limit: 2, ExclusiveStartTagKey: 'b' })).toEqual({
    HasMoreTags: false,
    Tags: [{ Key: 'c', Value: '3' }],
  });
});

it('they are at most 50, of which a refused request leaves none', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  const some = (count: number, from = 0) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${from + index}`, 'v']));
  expect((await tag(server, some(49))).status).toBe(200);
  const { status, body } = await tag(server, some(2, 49));
  expect([status, body.__type]).toEqual([400, 'LimitExceededException']);
  expect((await list(server)).Tags).toHaveLength(49);
  expect((await tag(server, some(50))).status, 'the fiftieth').toBe(200);
});

it('those of the service itself cannot be set', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  const { body } = await tag(server, { 'aws:x': '1' });
  expect(body.message).toContain("Value at 'tags.1.member.key' failed to satisfy constraint");
  expect((await tag(server, { 'größe 1+1=2': 'ü/@%' })).status).toBe(200);
});

it('they go with their delivery stream', async () => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'd');
  await tag(server, { a: '1' });
  await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
  server.clock.advance(1000);
  await createDeliveryStream(server, 'd');
  expect((await list(server)).Tags).toEqual([]);
});
