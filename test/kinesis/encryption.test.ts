import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const DAY_MS = 24 * 3_600_000;
const KEY = 'alias/aws/kinesis';
const OTHER_KEY = '1234abcd-12ab-34cd-56ef-1234567890ab';
const STREAM_ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';

type Operation = 'StartStreamEncryption' | 'StopStreamEncryption';
const ask = (server: TestServer, operation: Operation, more: object = {}) =>
  server.call(operation, { StreamName: 's', EncryptionType: 'KMS', KeyId: KEY, ...more });
const start = (server: TestServer, KeyId = KEY) => ask(server, 'StartStreamEncryption', { KeyId });
const stop = (server: TestServer, KeyId = KEY) => ask(server, 'StopStreamEncryption', { KeyId });
const put = (server: TestServer, PartitionKey: string) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '' });

/** Starts or stops, which must succeed, and waits until the stream is ACTIVE again. */
async function settled(server: TestServer, answer: ReturnType<typeof start>): Promise<void> {
  expect(await answer).toMatchObject({ status: 200, text: '' });
  server.clock.advance(500);
}

/** What describes tell of encryption, with the status. */
async function described(server: TestServer) {
  const { StreamDescription: description } = await server.ok('DescribeStream', { StreamName: 's' });
  const { StreamDescriptionSummary: summary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
  expect([summary.EncryptionType, summary.KeyId]).toEqual([description.EncryptionType, description.KeyId]);
  return [description.StreamStatus, description.EncryptionType, description.KeyId];
}

/** Of each record of the stream: its partition key, and the EncryptionType that GetRecords shows. */
async function shown(server: TestServer): Promise<[string, string | undefined][]> {
  const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
  const { Records } = await server.ok('GetRecords', { ShardIterator });
  return Records.map((record: { PartitionKey: string; EncryptionType?: string }) => {
    expect('EncryptionType' in record).toBe(record.EncryptionType !== undefined);
    return [record.PartitionKey, record.EncryptionType];
  });
}

function historyOf(server: TestServer): unknown[] {
  const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
  const rows = handle.prepare('select key_id from stream_encryption order by from_ms').pluck().all();
  handle.close();
  return rows;
}

async function startServer(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.createStream('s');
  return server;
}

describe('StartStreamEncryption and StopStreamEncryption', () => {
  it('take effect when the stream is ACTIVE again', async () => {
    const server = await startServer();
    expect(await start(server)).toMatchObject({ status: 200, text: '' });
    expect(await described(server)).toEqual(['UPDATING', 'NONE', undefined]);
    server.clock.advance(499);
    expect(await described(server)).toEqual(['UPDATING', 'NONE', undefined]);
    server.clock.advance(1);
    expect(await described(server)).toEqual(['ACTIVE', 'KMS', KEY]);
    await server.restart();
    expect(await described(server)).toEqual(['ACTIVE', 'KMS', KEY]);
    expect((await stop(server)).status).toBe(200);
    expect(await described(server)).toEqual(['UPDATING', 'KMS', KEY]);
    server.clock.advance(500);
    expect(await described(server)).toEqual(['ACTIVE', 'NONE', undefined]);
  });

  it('switch to another key, and do nothing with the same one or without encryption', async () => {
    const server = await startServer();
    expect((await stop(server)).status).toBe(200);
    expect(await described(server), 'nothing to stop').toEqual(['ACTIVE', 'NONE', undefined]);
    await settled(server, start(server));
    expect((await start(server)).status).toBe(200);
    expect(await described(server), 'the same key again').toEqual(['ACTIVE', 'KMS', KEY]);
    expect((await start(server, OTHER_KEY)).status).toBe(200);
    expect(await described(server)).toEqual(['UPDATING', 'KMS', KEY]);
    server.clock.advance(500);
    expect(await described(server)).toEqual(['ACTIVE', 'KMS', OTHER_KEY]);
    await settled(server, stop(server, KEY));
    expect(await described(server), 'by another name of the key').toEqual(['ACTIVE', 'NONE', undefined]);
  });

  it('take every form of the name of a key', async () => {
    const server = await startServer();
    for (const KeyId of [
      OTHER_KEY,
      OTHER_KEY.toUpperCase(),
      'mrk-1234abcd12ab34cd56ef1234567890ab',
      'alias/a',
      'alias/team/a_b-c',
      'arn:aws:kms:us-east-1:123456789012:alias/a',
      `arn:aws:kms:us-east-1:000000000000:key/${OTHER_KEY}`,
      `arn:aws-cn:kms:cn-north-1:123456789012:key/${OTHER_KEY}`,
    ]) {
      const input = { StreamName: undefined, StreamARN: STREAM_ARN, KeyId };
      await settled(server, ask(server, 'StartStreamEncryption', input));
      expect(await described(server)).toEqual(['ACTIVE', 'KMS', KeyId]);
    }
  });

  it('refuse what does not name a key', async () => {
    const server = await startServer();
    for (const KeyId of [
      'a',
      'alias/',
      ' alias/a',
      'alias/a b',
      'alias/a\n',
      OTHER_KEY.slice(1),
      `key/${OTHER_KEY}`,
      'arn:aws:kms:us-east-1:123456789012:a',
      'arn:aws:kms:us-east-1:12345678901:alias/a',
      `arn:aws:s3:us-east-1:123456789012:key/${OTHER_KEY}`,
    ]) {
      for (const operation of ['StartStreamEncryption', 'StopStreamEncryption'] as const) {
        expect((await ask(server, operation, { KeyId })).body).toEqual({
          __type: 'InvalidArgumentException',
          message:
            `KeyId ${KeyId} does not name a key. It must be the UUID of a key, the ARN of a key, alias/ and a name ` +
            '(such as alias/aws/kinesis), or the ARN of an alias.',
        });
      }
    }
  });

  it.each(['StartStreamEncryption', 'StopStreamEncryption'] as const)(
    '%s refuses, in this order: no stream, another type than KMS, a key that is none, a stream that is not ACTIVE',
    async (operation) => {
      const server = await startTestServer();
      const wrong = { EncryptionType: 'NONE', KeyId: 'a' };
      expect((await ask(server, operation, wrong)).body).toEqual({
        __type: 'ResourceNotFoundException',
        message: 'Stream s under account 000000000000 not found.',
      });
      await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
      expect((await ask(server, operation, wrong)).body).toEqual({
        __type: 'InvalidArgumentException',
        message: `EncryptionType NONE cannot be used in ${operation}, which takes KMS only.`,
      });
      expect((await ask(server, operation, { KeyId: 'a' })).body.__type).toBe('InvalidArgumentException');
      expect((await ask(server, operation)).body).toEqual({
        __type: 'ResourceInUseException',
        message: 'Stream s under account 000000000000 not ACTIVE, instead in state CREATING',
      });
      server.clock.advance(500);
      await start(server);
      expect((await ask(server, operation)).body.message).toContain('instead in state UPDATING');
    },
  );

  it('are possible 25 times each in any 24 hours where AWS counts', async () => {
    const server = await startServer({ QUOTAS: 'current' });
    for (let round = 0; round < 25; round += 1) {
      await settled(server, start(server));
      await settled(server, start(server));
      await settled(server, stop(server));
      await settled(server, stop(server));
    }
    const { body } = await start(server);
    expect(body.__type).toBe('LimitExceededException');
    expect(body.message).toContain('quota encryptionChangesPerDay');
    expect(await described(server)).toEqual(['ACTIVE', 'NONE', undefined]);
    server.clock.advance(DAY_MS - 25 * 2000);
    await settled(server, start(server));
    expect((await stop(server)).body.__type, 'a stop later than its start').toBe('LimitExceededException');
    server.clock.advance(1000);
    await settled(server, stop(server));
  });

  it('know the stream of one account and region only', async () => {
    const server = await startServer();
    const others = [{ region: 'eu-west-1' }, { account: '111111111111' }];
    for (const options of others) await server.createStream('s', 1, options);
    await settled(server, start(server));
    for (const options of others) {
      const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' }, options);
      expect(StreamDescription.EncryptionType).toBe('NONE');
    }
  });
});

describe('records', () => {
  it('say whether they arrived while the stream was encrypted, whatever it is now', async () => {
    const server = await startServer();
    expect(await put(server, 'before')).not.toHaveProperty('EncryptionType');
    await start(server);
    expect(await put(server, 'while updating')).not.toHaveProperty('EncryptionType');
    server.clock.advance(500);
    expect((await put(server, 'encrypted')).EncryptionType).toBe('KMS');
    const Records = [{ PartitionKey: 'in a batch', Data: '' }];
    expect(await server.ok('PutRecords', { StreamName: 's', Records })).toMatchObject({ EncryptionType: 'KMS' });
    await stop(server);
    expect((await put(server, 'still encrypted')).EncryptionType).toBe('KMS');
    server.clock.advance(500);
    expect(await put(server, 'after')).not.toHaveProperty('EncryptionType');
    expect(await server.ok('PutRecords', { StreamName: 's', Records })).not.toHaveProperty('EncryptionType');
    const expected = [
      ['before', undefined],
      ['while updating', undefined],
      ['encrypted', 'KMS'],
      ['in a batch', 'KMS'],
      ['still encrypted', 'KMS'],
      ['after', undefined],
      ['in a batch', undefined],
    ];
    expect(await shown(server)).toEqual(expected);
    await server.restart();
    expect(await shown(server)).toEqual(expected);
  });

  it('keep saying so while the history of keys is shortened to what they need', async () => {
    const server = await startServer();
    await settled(server, start(server));
    await settled(server, stop(server));
    await settled(server, start(server, OTHER_KEY));
    await put(server, 'old');
    server.clock.advance(DAY_MS - 1000);
    await settled(server, stop(server));
    await put(server, 'new');
    expect(historyOf(server), 'all of them are of the last day').toEqual([KEY, null, OTHER_KEY, null]);
    await settled(server, start(server));
    expect(historyOf(server), 'what was in force at the horizon is still needed').toEqual([null, OTHER_KEY, null, KEY]);
    await server.restart();
    expect(await shown(server)).toEqual([['new', undefined]]);
  });

  it('go by the latest change after a clock was ahead', async () => {
    const server = await startServer();
    server.clock.jump(DAY_MS);
    await settled(server, start(server));
    server.clock.jump(-DAY_MS);
    await settled(server, start(server, OTHER_KEY));
    await settled(server, stop(server));
    expect(historyOf(server)).toEqual([OTHER_KEY, null]);
    server.clock.advance(2 * DAY_MS);
    expect(await described(server), 'the key of the wrong day does not come back').toEqual([
      'ACTIVE',
      'NONE',
      undefined,
    ]);
  });

  it('of a deleted stream leave no keys behind for its successor', async () => {
    const server = await startServer();
    await settled(server, start(server));
    await server.ok('DeleteStream', { StreamName: 's' });
    server.clock.advance(500);
    await server.createStream('s');
    expect(await described(server)).toEqual(['ACTIVE', 'NONE', undefined]);
    expect(await put(server, 'new')).not.toHaveProperty('EncryptionType');
    await server.runJob('sweep');
    expect(historyOf(server)).toEqual([]);
  });
});
