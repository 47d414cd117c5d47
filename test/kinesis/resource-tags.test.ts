/** Tags by ARN: the same store as the tags of streams by name, for consumers and channels too. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openConnection } from '../../src/database/connection.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const UNDER = 'under account 000000000000';
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';

async function startWithStream(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.createStream('s');
  return server;
}

async function startWithConsumer(settings: Record<string, string> = {}): Promise<[TestServer, string]> {
  const server = await startWithStream(settings);
  const { Consumer } = await server.ok('RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'c' });
  server.clock.advance(1000);
  return [server, Consumer.ConsumerARN];
}

const tag = (server: TestServer, ResourceARN: string, Tags: object) =>
  server.call('TagResource', { ResourceARN, Tags });
const untag = (server: TestServer, ResourceARN: string, ...TagKeys: string[]) =>
  server.call('UntagResource', { ResourceARN, TagKeys });
const tagsOf = async (server: TestServer, ResourceARN: string) =>
  (await server.ok('ListTagsForResource', { ResourceARN })).Tags;

const numbered = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${String(index).padStart(2, '0')}`, 'x']));

describe('the tags of a stream by ARN', () => {
  it('are those of the stream by name', async () => {
    const server = await startWithStream();
    await server.ok('AddTagsToStream', { StreamName: 's', Tags: { a: '1', b: '2' } });
    const tagged = await tag(server, ARN, { b: 'new', 'c:d%': '' });
    expect([tagged.status, tagged.text]).toEqual([200, '']);
    const untagged = await untag(server, ARN, 'a', 'none');
    expect([untagged.status, untagged.text]).toEqual([200, '']);
    const Tags = [
      { Key: 'b', Value: 'new' },
      { Key: 'c:d%', Value: '' },
    ];
    expect(await server.ok('ListTagsForResource', { ResourceARN: ARN })).toEqual({ Tags });
    expect(await server.ok('ListTagsForStream', { StreamName: 's' })).toEqual({ Tags, HasMoreTags: false });
  });

  it('are listed all at once', async () => {
    const server = await startWithStream();
    await tag(server, ARN, numbered(50));
    expect((await tagsOf(server, ARN)).map(({ Key }: { Key: string }) => Key)).toEqual(Object.keys(numbered(50)));
  });

  it('look for the stream, then at its state, the characters, and the number', async () => {
    const server = await startWithStream();
    const bad = { ...numbered(51), 'bad;key': 'x' };
    const other = ARN.replace('/s', '/none');
    const notFound = { __type: 'ResourceNotFoundException', message: `Stream none ${UNDER} not found.` };
    expect((await tag(server, other, bad)).body).toEqual(notFound);
    expect((await untag(server, other, 'bad;')).body).toEqual(notFound);
    expect((await server.call('ListTagsForResource', { ResourceARN: other })).body).toEqual(notFound);
    const characters = {
      __type: 'InvalidArgumentException',
      message:
        'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
    };
    expect((await tag(server, ARN, bad)).body).toEqual(characters);
    expect((await untag(server, ARN, 'bad;')).body).toEqual(characters);
    expect((await tag(server, ARN, numbered(51))).body).toEqual({
      __type: 'InvalidArgumentException',
      message: `Failed to add tags to stream s ${UNDER} because a given stream cannot have more than 10 tags associated with it.`,
    });
    expect(await tagsOf(server, ARN)).toEqual([]);
    await server.ok('DeleteStream', { StreamName: 's' });
    const deleting = {
      __type: 'ResourceInUseException',
      message: `Stream s ${UNDER} not ACTIVE or UPDATING, instead in state DELETING`,
    };
    expect((await tag(server, ARN, bad)).body).toEqual(deleting);
    expect((await untag(server, ARN, 'bad;')).body).toEqual(deleting);
  });
});

describe('the tags of a consumer', () => {
  it('are its own, kept by a restart, and gone with it', async () => {
    const [server, arn] = await startWithConsumer({ TRANSITION_MS: '1000' });
    await tag(server, ARN, { stream: 'x' });
    await tag(server, arn, { b: '2', a: '1' });
    await untag(server, arn, 'b', 'stream');
    await server.restart();
    expect(await tagsOf(server, arn)).toEqual([{ Key: 'a', Value: '1' }]);
    expect(await tagsOf(server, ARN)).toEqual([{ Key: 'stream', Value: 'x' }]);
    await server.ok('DeregisterStreamConsumer', { ConsumerARN: arn });
    expect(await tagsOf(server, arn)).toEqual([]);
    const createdS = arn.split(':').at(-1);
    expect((await tag(server, arn, { a: '1' })).body).toEqual({
      __type: 'ResourceInUseException',
      message: `Consumer c with creation timestamp ${createdS} under stream: s , account 000000000000 is not in ACTIVE status.`,
    });
    server.clock.advance(1000);
    expect((await server.call('ListTagsForResource', { ResourceARN: arn })).body).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Consumer ${arn}, account 000000000000 not found.`,
    });
  });

  it('are at most 50, and 10 in the reference documents, whose setting the text names', async () => {
    for (const [QUOTAS, limit, hint] of [
      ['relaxed', 50, ''],
      ['documented', 10, ' (quota tagsPerStream of QUOTAS=documented)'],
    ] as const) {
      const [server, arn] = await startWithConsumer({ QUOTAS });
      await tag(server, arn, numbered(limit - 1));
      const { body } = await tag(server, arn, { k00: 'new', one: 'x', two: 'x' });
      expect(body).toEqual({
        __type: 'InvalidArgumentException',
        message: `Failed to add tags to resource ${arn} because a given resource cannot have more than ${limit} tags associated with it.${hint}`,
      });
      expect((await tag(server, arn, { one: 'x' })).status).toBe(200);
    }
  });
});

describe('a ResourceARN', () => {
  it('of nothing that has tags is refused', async () => {
    const server = await startWithStream();
    const arn = `${ARN}/shard/1`;
    expect((await tag(server, arn, { a: 'x' })).body).toEqual({
      __type: 'InvalidArgumentException',
      message: `ResourceARN ${arn} is not the ARN of a stream or consumer.`,
    });
    const { body } = await tag(server, ARN.replace('kinesis', 'sqs'), { a: 'x' });
    expect(body.message, 'the pattern of the model').toMatch(
      /pattern: arn:aws\.\*:kinesis:\.\*:\\d\{12\}:\.\*stream\/\\S\+$/,
    );
  });
});

describe('the tags of a channel', () => {
  const CHANNEL = 'arn:aws:kinesis:us-east-1:000000000000:channel/abc';

  /** A channel that is CREATING for two seconds; DELETING instead for as long when `isDeleted`. Only its row is there. */
  async function startWithChannel(isDeleted: boolean): Promise<TestServer> {
    const { directory, clock, close } = await startWithStream();
    await close();
    const handle = openConnection(join(directory, 'millrace.db'));
    handle.pragma('foreign_keys = off');
    const [nowMs, endMs] = [clock.now(), clock.now() + 2000];
    handle
      .prepare(
        `insert into channels (account_id, region, name, channel_id, stream, delivery_stream, configuration, created_ms,
           active_ms, deleted_ms, gone_ms)
         values ('000000000000', 'us-east-1', 'n', 'abc', 1, 1, '{}', ?, ?, ?, ?)`,
      )
      .run(nowMs, endMs, isDeleted ? nowMs : null, isDeleted ? endMs : null);
    handle.close();
    return startTestServer({ directory, clock });
  }

  const inState = (state: string) => ({
    __type: 'ResourceInUseException',
    message: `Channel ${CHANNEL} not ACTIVE or UPDATING, instead in state ${state}`,
  });

  it('cannot be changed any more while it is DELETING', async () => {
    const server = await startWithChannel(true);
    expect((await tag(server, CHANNEL, { a: 'x' })).body).toEqual(inState('DELETING'));
    expect((await untag(server, CHANNEL, 'a')).body).toEqual(inState('DELETING'));
    expect(await tagsOf(server, CHANNEL)).toEqual([]);
    server.clock.advance(2000);
    const { body } = await server.call('ListTagsForResource', { ResourceARN: CHANNEL });
    expect(body).toEqual({ __type: 'ResourceNotFoundException', message: `Channel ${CHANNEL} not found.` });
  });

  it('are set by its ARN once it is ACTIVE', async () => {
    const server = await startWithChannel(false);
    expect((await tag(server, CHANNEL, { a: 'x' })).body).toEqual(inState('CREATING'));
    server.clock.advance(2000);
    expect((await tag(server, CHANNEL, { a: 'x', b: 'y' })).status).toBe(200);
    expect((await untag(server, CHANNEL, 'b')).status).toBe(200);
    expect(await tagsOf(server, CHANNEL)).toEqual([{ Key: 'a', Value: 'x' }]);
    for (const arn of [`${CHANNEL}d`, CHANNEL.replace('us-east-1', 'eu-west-1'), CHANNEL.replace(':0000', ':1111')]) {
      expect((await tag(server, arn, { a: 'x' })).body).toEqual({
        __type: 'ResourceNotFoundException',
        message: `Channel ${arn} not found.`,
      });
    }
  });
});
