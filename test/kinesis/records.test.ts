import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { parseSequenceNumber } from '../../src/kinesis/sequence-number.ts';
import { TEST_START_MS } from '../support/clock.ts';
import { readShard, shardIterator } from '../support/kinesis.ts';
import { startTestServer } from '../support/server.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const NOT_FOUND = { __type: 'ResourceNotFoundException', message: 'Stream s under account 000000000000 not found.' };

describe('PutRecord', () => {
  it('answers the shard and a number from which the record can be read back unchanged', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const put = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'Schlüssel', Data: base64('Wert €') });
    expect(put).toEqual({
      ShardId: expect.stringMatching(/^shardId-00000000000[01]$/),
      SequenceNumber: expect.stringMatching(/^\d{56}$/),
    });
    const records = await readShard(server, 's', put.ShardId);
    expect(records).toEqual([
      {
        SequenceNumber: put.SequenceNumber,
        ApproximateArrivalTimestamp: (TEST_START_MS + 1000) / 1000,
        Data: base64('Wert €'),
        PartitionKey: 'Schlüssel',
      },
    ]);
  });

  it('routes by the MD5 of the partition key, and by the explicit hash key in its place', async () => {
    const server = await startTestServer();
    await server.createStream('s', 5);
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' });
    const shardOf = (key: bigint) =>
      StreamDescription.Shards.find(
        ({ HashKeyRange: range }: { HashKeyRange: Record<string, string> }) =>
          BigInt(range.StartingHashKey!) <= key && key <= BigInt(range.EndingHashKey!),
      ).ShardId;
    for (const key of ['a', 'ü', '😀', 'order-17', '.', ' ']) {
      const hash = BigInt(`0x${createHash('md5').update(key).digest('hex')}`);
      const put = await server.ok('PutRecord', { StreamName: 's', PartitionKey: key, Data: '' });
      expect(put.ShardId, `partition key ${key}`).toBe(shardOf(hash));
    }
    for (const key of [0n, (1n << 128n) / 5n - 1n, (1n << 128n) / 5n, (1n << 128n) - 1n]) {
      const input = { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: key.toString(), Data: '' };
      expect((await server.ok('PutRecord', input)).ShardId, `explicit hash key ${key}`).toBe(shardOf(key));
    }
  });

  it('refuses an explicit hash key of 2^128', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const key = (1n << 128n).toString();
    const message = `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${key}`;
    const record = { PartitionKey: 'a', ExplicitHashKey: key, Data: '' };
    const single = await server.call('PutRecord', { StreamName: 's', ...record });
    expect(single.body).toEqual({ __type: 'InvalidArgumentException', message });
    const fine = { PartitionKey: 'a', Data: '' };
    const batch = await server.call('PutRecords', { StreamName: 's', Records: [fine, record] });
    expect(batch.body).toEqual({ __type: 'InvalidArgumentException', message });
    expect(await readShard(server, 's', 'shardId-0'), 'nothing of the batch was stored').toEqual([]);
  });

  it('takes a well-formed SequenceNumberForOrdering, also of another stream, but none of the future', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const put = (SequenceNumberForOrdering?: string) =>
      server.call('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '', SequenceNumberForOrdering });
    const first = (await put()).body.SequenceNumber;
    const second = (await put(first)).body.SequenceNumber;
    expect(BigInt(second) > BigInt(first)).toBe(true);
    expect((await put('49594189147623985939251953501666965394405037144469929986')).status).toBe(200);
    const future = (BigInt(first) + (1n << 36n)).toString();
    for (const number of [future, '5']) {
      const answer = await put(number);
      if (number === '5') expect(answer.status, 'version 0 is well-formed').toBe(200);
      else {
        expect(answer.body).toEqual({
          __type: 'InvalidArgumentException',
          message: `ExclusiveMinimumSequenceNumber ${number} used in PutRecord on stream s under account 000000000000 is invalid.`,
        });
      }
    }
    expect((await put((1n << 185n).toString())).body.__type).toBe('InvalidArgumentException');
  });

  it('keeps a partition key readable that ends in half of a surrogate pair', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'cut 😀'.slice(0, -1), Data: '' });
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'after', Data: '' });
    expect((await readShard(server, 's', 'shardId-0')).map(({ PartitionKey }) => PartitionKey)).toEqual([
      'cut \ufffd',
      'after',
    ]);
  });

  it('takes the own StartingSequenceNumber of a stream whose creation second lies ahead of the clock', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    for (let round = 0; round < 3; round += 1) {
      await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
      if (round < 2) await server.ok('DeleteStream', { StreamName: 's' });
    }
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' });
    const SequenceNumberForOrdering = StreamDescription.Shards[0].SequenceNumberRange.StartingSequenceNumber;
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '', SequenceNumberForOrdering });
  });

  it('is not found while the stream is in CREATING', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    expect((await server.call('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' })).body).toEqual(NOT_FOUND);
  });
});

describe('the size of a record', () => {
  const sized = (bytes: number, PartitionKey = 'k') => ({
    PartitionKey,
    Data: Buffer.alloc(bytes, 1).toString('base64'),
  });
  const tooLong = (path: string, max: number, hint = '') =>
    `1 validation error detected: Value at '${path}' failed to satisfy constraint: Member must have length less than or equal to ${max}${hint}`;

  it('is limited to 1 MiB of data and key together', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('PutRecord', { StreamName: 's', ...sized(1_048_575) });
    await server.ok('PutRecord', { StreamName: 's', ...sized(1_048_574, 'é') });
    for (const record of [sized(1_048_577), sized(1_048_576), sized(1_048_575, 'é')]) {
      const { body } = await server.call('PutRecord', { StreamName: 's', ...record });
      expect(body).toEqual({ __type: 'ValidationException', message: tooLong('data', 1_048_576) });
    }
    const { body } = await server.call('PutRecords', { StreamName: 's', Records: [sized(1), sized(1_048_577)] });
    expect(body).toEqual({ __type: 'ValidationException', message: tooLong('records.2.member.data', 1_048_576) });
    expect(await readShard(server, 's', 'shardId-0')).toHaveLength(2);
  });

  it('is what the stream was created with', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 10_240 });
    server.clock.advance(1000);
    await server.ok('PutRecord', { StreamName: 's', ...sized(10_485_759) });
    const { body } = await server.call('PutRecord', { StreamName: 's', ...sized(10_485_760) });
    expect(body.message).toBe(tooLong('data', 10_485_760));
    expect((await readShard(server, 's', 'shardId-0'))[0]?.Data).toBe(sized(10_485_759).Data);
  });

  it('is 50 KB of data in the reference documents, and the message names the setting', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'documented' } });
    await server.createStream('s');
    await server.ok('PutRecord', { StreamName: 's', ...sized(51_200, 'a long key') });
    const { body } = await server.call('PutRecord', { StreamName: 's', ...sized(51_201) });
    expect(body.message).toBe(tooLong('data', 51_200, ' (quota recordBytesCeiling of QUOTAS=documented)'));
  });
});

describe('PutRecords', () => {
  it('answers in the order of the request, with numbers that rise within each shard', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index}`);
    const answer = await server.ok('PutRecords', {
      StreamName: 's',
      Records: lines.map((line) => ({ PartitionKey: line, Data: base64(line) })),
    });
    expect(answer.FailedRecordCount).toBe(0);
    expect(answer.Records).toHaveLength(500);
    const byNumber = new Map<string, string>();
    for (let index = 0; index < 3; index += 1) {
      const ShardId = `shardId-00000000000${index}`;
      const put = answer.Records.filter((record: { ShardId: string }) => record.ShardId === ShardId);
      const read = await readShard(server, 's', ShardId);
      expect(read.map(({ SequenceNumber }) => SequenceNumber)).toEqual(
        put.map(({ SequenceNumber }: { SequenceNumber: string }) => SequenceNumber),
      );
      for (const record of read) byNumber.set(record.SequenceNumber, Buffer.from(record.Data, 'base64').toString());
    }
    expect(
      answer.Records.map(({ SequenceNumber }: { SequenceNumber: string }) => byNumber.get(SequenceNumber)),
    ).toEqual(lines);
  });

  it('takes at most 500 records', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const Records = Array.from({ length: 501 }, () => ({ PartitionKey: 'k', Data: '' }));
    expect((await server.call('PutRecords', { StreamName: 's', Records })).body).toEqual({
      __type: 'ValidationException',
      message:
        "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length less than or equal to 500",
    });
  });

  it('takes at most 10 MiB of data and keys, 5 MiB in the reference documents', async () => {
    const megabyte = { PartitionKey: 'kkkk', Data: Buffer.alloc(1_048_572).toString('base64') };
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('PutRecords', { StreamName: 's', Records: Array.from({ length: 10 }, () => megabyte) });
    const eleven = [...Array.from({ length: 10 }, () => megabyte), { PartitionKey: 'k', Data: '' }];
    expect((await server.call('PutRecords', { StreamName: 's', Records: eleven })).body).toEqual({
      __type: 'InvalidArgumentException',
      message: 'Records size exceeds 10 MB limit',
    });
    const documented = await startTestServer({ settings: { QUOTAS: 'documented' } });
    await documented.createStream('s');
    const small = { PartitionKey: 'k', Data: Buffer.alloc(51_200).toString('base64') };
    const answer = await documented.call('PutRecords', {
      StreamName: 's',
      Records: Array.from({ length: 103 }, () => small),
    });
    expect(answer.body.message).toBe('Records size exceeds 5 MB limit (quota putRecordsBytes of QUOTAS=documented)');
  });

  it('is not found while the stream is in CREATING', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    const Records = [{ PartitionKey: 'k', Data: '' }];
    expect((await server.call('PutRecords', { StreamName: 's', Records })).body).toEqual(NOT_FOUND);
  });

  it('loses nothing and keeps the order when many are sent at once', async () => {
    const server = await startTestServer();
    await server.createStream('s', 2);
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        server.ok('PutRecord', { StreamName: 's', PartitionKey: `key ${index}`, Data: base64(`${index}`) }),
      ),
    );
    const read = [...(await readShard(server, 's', 'shardId-0')), ...(await readShard(server, 's', 'shardId-1'))];
    const byNumber = new Map(
      read.map((record) => [record.SequenceNumber, Buffer.from(record.Data, 'base64').toString()]),
    );
    expect(byNumber.size).toBe(64);
    for (const [index, { SequenceNumber }] of answers.entries()) expect(byNumber.get(SequenceNumber)).toBe(`${index}`);
  });
});

describe('GetRecords', () => {
  it('gives a fresh iterator every time, also when there is nothing to read', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    let iterator = await shardIterator(server, 's', 'LATEST');
    for (let round = 0; round < 3; round += 1) {
      const answer = await server.ok('GetRecords', { ShardIterator: iterator });
      expect(answer).toMatchObject({ Records: [], MillisBehindLatest: 0 });
      expect(answer.NextShardIterator).not.toBe(iterator);
      iterator = answer.NextShardIterator;
    }
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    expect((await server.ok('GetRecords', { ShardIterator: iterator })).Records).toHaveLength(1);
    expect(
      (await server.ok('GetRecords', { ShardIterator: iterator })).Records,
      'an iterator can be used again',
    ).toHaveLength(1);
  });

  it('returns at most Limit records and tells how far behind the last one is', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    for (let index = 0; index < 3; index += 1) {
      await server.ok('PutRecord', { StreamName: 's', PartitionKey: `${index}`, Data: '' });
      server.clock.advance(10_000);
    }
    let iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    const seen: [string, number][] = [];
    for (let round = 0; round < 3; round += 1) {
      const answer = await server.ok('GetRecords', { ShardIterator: iterator, Limit: 1 });
      seen.push([answer.Records[0].PartitionKey, answer.MillisBehindLatest]);
      iterator = answer.NextShardIterator;
    }
    expect(seen).toEqual([
      ['0', 30_000],
      ['1', 20_000],
      ['2', 0],
    ]);
  });

  it('never says 0 ms behind while there is more, within a millisecond or with the clock set back', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const Records = Array.from({ length: 10 }, (_, index) => ({ PartitionKey: `${index}`, Data: '' }));
    await server.ok('PutRecords', { StreamName: 's', Records });
    const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    for (const jump of [0, -60_000]) {
      server.clock.jump(jump);
      expect((await server.ok('GetRecords', { ShardIterator, Limit: 3 })).MillisBehindLatest).toBeGreaterThan(0);
      expect((await server.ok('GetRecords', { ShardIterator, Limit: 10 })).MillisBehindLatest).toBe(0);
    }
  });

  it('gives what lies before a damaged record, and then names the record instead of giving it', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const puts = [];
    for (const PartitionKey of ['a', 'b', 'c'])
      puts.push(await server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: 'AAAA' }));
    const handle = openHandle(join(server.directory, 'millrace.db'));
    handle.prepare("update records set data = x'000001' where partition_key = 'b'").run();
    handle.close();
    const first = await server.ok('GetRecords', { ShardIterator: await shardIterator(server, 's', 'TRIM_HORIZON') });
    expect(first.Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey)).toEqual(['a']);
    const second = await server.call('GetRecords', { ShardIterator: first.NextShardIterator });
    expect([second.status, second.body]).toEqual([500, { __type: 'InternalFailure' }]);
    expect(
      JSON.stringify(server.log.take('error').map(({ fields }) => String((fields as { err: Error }).err))),
    ).toContain(puts[1].SequenceNumber);
    const after = { StartingSequenceNumber: puts[1].SequenceNumber };
    const third = await server.ok('GetRecords', {
      ShardIterator: await shardIterator(server, 's', 'AFTER_SEQUENCE_NUMBER', after),
    });
    expect(third.Records).toHaveLength(1);
  });

  it.each([
    ["sequence_number = replace(sequence_number, '2', '3')"],
    ['arrived_ms = arrived_ms + 1'],
    ["partition_key = 'K'"],
    ["data = x'00000000'"],
  ])('gives no record of which something else is stored than was put: %s', async (change) => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: 'AAAA' });
    const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    expect((await server.ok('GetRecords', { ShardIterator })).Records).toHaveLength(1);
    const handle = openHandle(join(server.directory, 'millrace.db'));
    handle.exec(`update records set ${change}`);
    handle.close();
    expect((await server.call('GetRecords', { ShardIterator })).status).toBe(500);
    server.log.take('error');
  });

  it('reads records that were stored before their numbers had checksums', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: 'AAAA' });
    const handle = openHandle(join(server.directory, 'millrace.db'));
    handle.prepare('update records set crc32 = ?').run(crc32(Buffer.alloc(3), crc32('k')));
    handle.close();
    const ShardIterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    expect((await server.ok('GetRecords', { ShardIterator })).Records).toHaveLength(1);
  });

  it('returns at most 10 MiB, but always one record', async () => {
    const server = await startTestServer();
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 10_240 });
    server.clock.advance(1000);
    const megabyte = { PartitionKey: 'k', Data: Buffer.alloc(1_048_575).toString('base64') };
    await server.ok('PutRecords', { StreamName: 's', Records: Array.from({ length: 10 }, () => megabyte) });
    await server.ok('PutRecord', {
      StreamName: 's',
      PartitionKey: 'large',
      Data: Buffer.alloc(10_485_755).toString('base64'),
    });
    const sizes: number[] = [];
    for (let iterator = await shardIterator(server, 's', 'TRIM_HORIZON'), round = 0; round < 3; round += 1) {
      const answer = await server.ok('GetRecords', { ShardIterator: iterator });
      sizes.push(answer.Records.length);
      iterator = answer.NextShardIterator;
    }
    expect(sizes).toEqual([10, 1, 0]);
  });

  it.each([
    ['made up', 'AAAAAAAAAAE='],
    ['not base64', '!!!'],
  ])('refuses an iterator that is %s', async (_case, ShardIterator) => {
    const server = await startTestServer();
    const { body } = await server.call('GetRecords', { ShardIterator });
    expect(body).toEqual({ __type: 'InvalidArgumentException', message: 'Invalid ShardIterator.' });
  });

  it('refuses an iterator with any byte changed', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const bytes = Buffer.from(await shardIterator(server, 's', 'LATEST'), 'base64');
    for (let index = 0; index < bytes.length; index += 7) {
      const damaged = Buffer.from(bytes);
      damaged[index]! ^= 1;
      const { body } = await server.call('GetRecords', { ShardIterator: damaged.toString('base64') });
      expect(body, `byte ${index}`).toEqual({ __type: 'InvalidArgumentException', message: 'Invalid ShardIterator.' });
    }
  });

  it('takes an iterator in the double quotes that a shell script left around it', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await server.ok('GetRecords', { ShardIterator: `"${await shardIterator(server, 's', 'LATEST')}"` });
  });

  it('refuses an iterator after five minutes, in the words of AWS', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const iterator = await shardIterator(server, 's', 'LATEST');
    server.clock.advance(300_000);
    await server.ok('GetRecords', { ShardIterator: iterator });
    server.clock.advance(1);
    expect((await server.call('GetRecords', { ShardIterator: iterator })).body).toEqual({
      __type: 'ExpiredIteratorException',
      message:
        'Iterator expired. The iterator was created at time Fri Jan 02 03:04:06 UTC 2026 while right now it is ' +
        'Fri Jan 02 03:09:06 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.',
    });
  });

  it('tolerates a clock that is set back', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    const first = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    server.clock.jump(-60_000);
    const second = await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: '' });
    expect(BigInt(second.SequenceNumber) > BigInt(first.SequenceNumber)).toBe(true);
    const { Records } = await server.ok('GetRecords', { ShardIterator: iterator });
    const arrivals = Records.map(
      (record: { ApproximateArrivalTimestamp: number }) => record.ApproximateArrivalTimestamp,
    );
    expect(arrivals, 'arrivals never decrease within a shard').toEqual([arrivals[0], arrivals[0]]);
    expect(parseSequenceNumber(second.SequenceNumber)?.recordS).toBe(Math.floor(arrivals[1]));
  });

  it('refuses an iterator of a deleted stream, also when the name is taken again', async () => {
    const server = await startTestServer({ settings: { TRANSITION_MS: '0' } });
    await server.createStream('s');
    const ShardIterator = await shardIterator(server, 's', 'LATEST');
    const gone = {
      __type: 'ResourceNotFoundException',
      message: 'Shard shardId-000000000000 in stream s under account 000000000000 does not exist',
    };
    await server.ok('DeleteStream', { StreamName: 's' });
    expect((await server.call('GetRecords', { ShardIterator })).body).toEqual(gone);
    await server.createStream('s');
    expect((await server.call('GetRecords', { ShardIterator })).body).toEqual(gone);
  });

  it('refuses a StreamARN that does not name the stream of the iterator', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const ShardIterator = await shardIterator(server, 's', 'LATEST');
    const arn = 'arn:aws:kinesis:us-east-1:000000000000:stream/';
    await server.ok('GetRecords', { ShardIterator, StreamARN: `${arn}s` });
    const inChina = `${arn}s`.replace('aws', 'aws-cn');
    await server.ok('GetRecords', { ShardIterator, StreamARN: inChina });
    const { body } = await server.call('GetRecords', { ShardIterator, StreamARN: `${arn}t` });
    expect(body.__type).toBe('InvalidArgumentException');
  });
});
