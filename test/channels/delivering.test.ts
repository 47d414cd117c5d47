/** What channels deliver: every record of the stream from the creation on, as the format says. */
import zlib, { createGzip, gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  channelInput,
  createChannel,
  createOnDemand,
  deliveredLines,
  describeChannel,
  putInto,
  setMode,
} from '../support/channels.ts';
import { breakBucket, bucketFiles, deliverAfter, flushNow, select } from '../support/firehose.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

const FRESH_MS = 300_000;

async function startWithStream(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await createOnDemand(server);
  return server;
}

/** Copies what is new, then delivers it. */
async function deliver(server: TestServer, ms = FRESH_MS): Promise<void> {
  await deliverAfter(server, 0);
  await deliverAfter(server, ms);
}

/** Nothing that was delivered is kept any longer. */
function expectNothingLeft(server: TestServer): void {
  expect(select(server, 'select count(*) as count from buffered_records')).toEqual([{ count: 0 }]);
}

const rawOf = (line: string) => Buffer.from(JSON.parse(line).rawData, 'base64').toString();

describe('the formats', () => {
  it('JSON: a document in every line, whatever line breaks stood in it; the rest are dead letters', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c', { format: 'JSON' });
    const good = ['{"a":1}', '{\n  "b": "x\\ny",\r\n  "big": 12345678901234567890\n}', ' 7 ', '"ä"', 'null'];
    const bad = ['', '{', '{"a":1}{"a":2}', Buffer.from([0x22, 0xff, 0x22]), '\ufeff{}'];
    await putInto(server, 's', [...good, ...bad]);
    await deliver(server);
    const lines = deliveredLines(server);
    expect(lines.map((line) => JSON.parse(line))).toEqual(good.map((text) => JSON.parse(text)));
    expect(lines[0], 'what needs no change stays as it is').toBe('{"a":1}');
    expect(lines[1], 'large numbers keep their digits').toContain('12345678901234567890');
    const letters = deliveredLines(server, 'backup').map((line) => JSON.parse(line));
    expect(letters.map(({ rawData }) => rawData)).toEqual(
      bad.map((data) => Buffer.from(data as string).toString('base64')),
    );
    expect(letters.map(({ errorCode }) => errorCode)).toEqual([
      'InvalidJson',
      'InvalidJson',
      'InvalidJson',
      'InvalidEncoding',
      'InvalidJson',
    ]);
    expect(letters[0]).toEqual({
      arrivalTimestamp: expect.any(Number),
      errorCode: 'InvalidJson',
      errorMessage: 'The record is not one JSON document.',
      partitionKey: 'k',
      sequenceNumber: expect.stringMatching(/^\d{56}$/),
      rawData: '',
    });
  });

  it('STRING: the text in a line, unless it has a line feed or is none', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c', { format: 'STRING' });
    const good = ['plain', '', 'ä😀', 'with\rreturn', '\\n', ' blanks '];
    await putInto(server, 's', [...good, 'two\nlines', 'ended\n', Buffer.from([0xc3])]);
    await deliver(server);
    expect(deliveredLines(server)).toEqual(good);
    const letters = deliveredLines(server, 'backup');
    expect(letters.map((line) => JSON.parse(line).errorCode)).toEqual(['LineBreak', 'LineBreak', 'InvalidEncoding']);
    expect(rawOf(letters[0]!)).toBe('two\nlines');
  });

  it('BYTE_ARRAY: base64 in a line, of whatever bytes', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c', { format: 'BYTE_ARRAY' });
    const data = [Buffer.from([0, 10, 255]), Buffer.alloc(0), Buffer.from('a\nb'), Buffer.alloc(100_000, 7)];
    await putInto(server, 's', data);
    await deliver(server);
    expect(deliveredLines(server).map((line) => Buffer.from(line, 'base64'))).toEqual(data);
    expect(deliveredLines(server, 'backup')).toEqual([]);
  });
});

describe('objects', () => {
  it('have the hour, the name of the channel and a UUID in their keys, and the errors a prefix', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c');
    await putInto(server, 's', ['{}', 'no']);
    await deliver(server);
    const date = String.raw`\d{4}/\d\d/\d\d/\d\d/c-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}`;
    expect(bucketFiles(server).map(({ path }) => path)).toEqual([
      expect.stringMatching(new RegExp(`^${date}$`)),
      expect.stringMatching(new RegExp(`^errors/${date}$`)),
    ]);
  });

  it('begin with the template, whose expressions are those of prefixes', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c', {
      storage: { OutputKeyTemplate: 'in/!{timestamp:yyyy}/x-', CompressionType: 'GZIP' },
      destination: {
        DeadLetterQueueS3Configuration: {
          BucketARN: 'arn:aws:s3:::letters',
          ExpectedBucketOwner: '000000000000',
          ErrorOutputPrefix: 'bad/',
        },
      },
    });
    await putInto(server, 's', ['{}', 'no']);
    await deliver(server);
    const [file] = bucketFiles(server);
    expect(file!.path).toMatch(/^in\/\d{4}\/x-c-1-.*\.gz$/);
    expect(gunzipSync(file!.content).toString()).toBe('{}\n');
    expect(bucketFiles(server, 'letters').map(({ path }) => path)).toEqual([expect.stringMatching(/^bad\/\d{4}\//)]);
    expect(select(server, "select content_encoding from deliveries where role = 'destination'")).toEqual([
      { content_encoding: 'gzip' },
    ]);
  });

  it('are made when the oldest record is as old as the freshness, and at once when somebody asks', async () => {
    const server = await startWithStream();
    const arn = await createChannel(server, 'c', { destination: { DataFreshnessInSeconds: 60 } });
    await putInto(server, 's', ['1']);
    await deliverAfter(server, 0);
    await deliverAfter(server, 59_000);
    expect(bucketFiles(server)).toEqual([]);
    await deliverAfter(server, 1000);
    expect(deliveredLines(server)).toEqual(['1']);
    await putInto(server, 's', ['2']);
    const id = arn.slice(arn.lastIndexOf('/') + 1);
    expect((await flushNow(server, encodeURIComponent(`channel/${id}`))).status).toBe(200);
    expect(deliveredLines(server)).toEqual(['1', '2']);
  });

  it('hold what comes after an update with the new freshness', async () => {
    const server = await startWithStream();
    const ChannelARN = await createChannel(server, 'c');
    await putInto(server, 's', ['1']);
    await deliverAfter(server, 0);
    await server.ok('UpdateChannel', { ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 10 } });
    await deliverAfter(server, 10_000);
    expect(deliveredLines(server)).toEqual(['1']);
  });

  it('of two channels of a stream are the same records', async () => {
    const server = await startWithStream();
    await createChannel(server, 'one', { storage: { BucketARN: 'arn:aws:s3:::one' } });
    await createChannel(server, 'two', { storage: { BucketARN: 'arn:aws:s3:::two' }, format: 'BYTE_ARRAY' });
    await putInto(server, 's', ['1', '2']);
    await deliver(server);
    expect(deliveredLines(server)).toEqual(['1', '2', 'MQ==', 'Mg==']);
  });
});

describe('which records', () => {
  it('those from the creation on, also while it is CREATING, and across restarts', async () => {
    const server = await startWithStream();
    await putInto(server, 's', ['0']);
    const { ChannelDescription } = await server.ok('CreateChannel', channelInput('c'));
    await putInto(server, 's', ['1']);
    await deliverAfter(server, 0);
    await server.restart();
    await putInto(server, 's', ['2']);
    await deliver(server);
    await server.restart();
    await putInto(server, 's', ['3']);
    await deliver(server);
    expect(deliveredLines(server)).toEqual(['1', '2', '3']);
    expect((await describeChannel(server, ChannelDescription.ChannelARN)).ChannelStatus).toBe('ACTIVE');
    expectNothingLeft(server);
  });

  it('each once and in the order of its key, through splits, merges, restarts and a bucket that fails', async () => {
    const server = await startWithStream();
    await createChannel(server, 'c', { destination: { DataFreshnessInSeconds: 60 } });
    // On-demand streams are not split by hand.
    await setMode(server, 'PROVISIONED');
    const reshard = async (operation: string, input: object) => {
      await server.ok(operation, { StreamName: 's', ...input });
      server.clock.advance(1000);
    };
    const keys = [...'abcdefgh'];
    let number = 0;
    const put = async () => {
      number += 1;
      for (const key of keys) await putInto(server, 's', [JSON.stringify([key, number])], key);
    };
    await put();
    await reshard('SplitShard', { ShardToSplit: id(0), NewStartingHashKey: (1n << 125n).toString() });
    await put();
    await deliverAfter(server, 0);
    await server.restart();
    const repair = breakBucket(server);
    await put();
    await deliverAfter(server, 60_000);
    repair();
    await reshard('MergeShards', { ShardToMerge: id(5), AdjacentShardToMerge: id(1) });
    await put();
    await server.restart();
    await put();
    for (let runs = 0; runs < 3; runs += 1) await deliver(server, 60_000);
    const delivered = deliveredLines(server).map((line) => JSON.parse(line) as [string, number]);
    for (const key of keys) {
      expect(delivered.filter(([of]) => of === key).map(([, of]) => of)).toEqual([1, 2, 3, 4, 5]);
    }
    expect(delivered.length).toBe(keys.length * number);
    expectNothingLeft(server);
  });

  it('those of a deleted channel are given up as far as they are not delivered', async () => {
    const server = await startWithStream();
    const ChannelARN = await createChannel(server, 'c');
    await putInto(server, 's', ['1']);
    await deliver(server);
    await putInto(server, 's', ['2']);
    await deliverAfter(server, 0);
    await server.ok('DeleteChannel', { ChannelARN });
    await putInto(server, 's', ['3']);
    await deliver(server);
    expect(deliveredLines(server)).toEqual(['1']);
    expect(select(server, 'select count(*) as count from buffered_records')).toEqual([{ count: 0 }]);
    expect(select(server, 'select count(*) as count from source_checkpoints')).toEqual([{ count: 0 }]);
  });
});

/** Where Node has it, it cannot be assigned to. */
function setZstd(create: unknown): void {
  Object.defineProperty(zlib, 'createZstdCompress', { value: create, configurable: true, enumerable: true });
}

/** Plays Zstandard with gzip where this version of Node has none, or takes it away. */
function pretendZstd(create: unknown): void {
  const { createZstdCompress: real } = zlib as unknown as { createZstdCompress?: unknown };
  setZstd(create);
  onTestFinished(() => setZstd(real));
}

describe('Zstandard', () => {
  const node = zlib as unknown as {
    createZstdCompress?: unknown;
    zstdDecompressSync?: (content: Buffer) => Buffer;
  };

  it('is what objects are compressed with, and their keys tell', async () => {
    if (node.createZstdCompress === undefined) pretendZstd(() => createGzip());
    const server = await startWithStream();
    await createChannel(server, 'c', { storage: { CompressionType: 'ZSTD' } });
    await putInto(server, 's', ['1', '2']);
    await deliver(server);
    expect(deliveredLines(server, 'destination', node.zstdDecompressSync ?? gunzipSync)).toEqual(['1', '2']);
    expect(bucketFiles(server)[0]!.path).toMatch(/\.zst$/);
    expect(select(server, 'select content_encoding from deliveries')).toEqual([{ content_encoding: 'zstd' }]);
  });

  it('is refused by a version of Node that has none, in a sentence that says which has', async () => {
    pretendZstd(undefined);
    const server = await startWithStream();
    const { status, body } = await server.call(
      'CreateChannel',
      channelInput('c', { storage: { CompressionType: 'ZSTD' } }),
    );
    expect([status, body]).toEqual([
      400,
      {
        __type: 'InvalidArgumentException',
        message:
          'CompressionType ZSTD cannot be used: Zstandard needs Node.js 22.15, 23.8 or newer, and this is ' +
          `${process.version}. Use GZIP or NONE.`,
      },
    ]);
  });

  it('that is gone with an older Node makes deliveries wait for a newer one, which are told and lose nothing', async () => {
    if (node.createZstdCompress === undefined) pretendZstd(() => createGzip());
    const server = await startWithStream();
    await createChannel(server, 'c', { storage: { CompressionType: 'ZSTD' } });
    await putInto(server, 's', ['1']);
    const create = node.createZstdCompress;
    pretendZstd(undefined);
    await deliver(server);
    await server.restart();
    expect(select(server, 'select state, attempts, last_error as error from deliveries')).toEqual([
      {
        state: 'PLANNED',
        attempts: 1,
        error: `Cannot compress an object: Zstandard needs Node.js 22.15, 23.8 or newer, and this is ${process.version}.`,
      },
    ]);
    setZstd(create);
    await deliverAfter(server, 60_000);
    expect(deliveredLines(server, 'destination', node.zstdDecompressSync ?? gunzipSync)).toEqual(['1']);
  });
});
