import { beforeEach, describe, expect, it } from 'vitest';
import { sequenceNumbersOf } from '../../src/kinesis/sequence-number.ts';
import { shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const SHARD = 'shardId-000000000000';

let server: TestServer;
/** Sequence numbers of the records a, b and c, which arrived ten seconds apart. */
let numbers: string[];
let firstArrivalMs: number;

beforeEach(async () => {
  server = await startTestServer();
  await server.createStream('s', 2);
  firstArrivalMs = server.clock.now();
  numbers = [];
  for (const PartitionKey of ['a', 'b', 'c']) {
    const put = await server.ok('PutRecord', { StreamName: 's', PartitionKey, ExplicitHashKey: '0', Data: '' });
    numbers.push(put.SequenceNumber);
    server.clock.advance(10_000);
  }
});

async function keysFrom(type: string, more: object = {}): Promise<string> {
  const ShardIterator = await shardIterator(server, 's', type, more);
  const { Records } = await server.ok('GetRecords', { ShardIterator });
  return Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey).join('');
}

const refusal = async (input: object) => {
  const { body } = await server.call('GetShardIterator', { StreamName: 's', ShardId: SHARD, ...input });
  return body;
};
const invalid = (message: string) => ({ __type: 'InvalidArgumentException', message });

describe('GetShardIterator', () => {
  it('TRIM_HORIZON starts at the oldest record', async () => {
    expect(await keysFrom('TRIM_HORIZON')).toBe('abc');
  });

  it('LATEST is fixed at the call: it gives what comes later, and nothing before', async () => {
    const ShardIterator = await shardIterator(server, 's', 'LATEST');
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'd', ExplicitHashKey: '0', Data: '' });
    const { Records } = await server.ok('GetRecords', { ShardIterator });
    expect(Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey)).toEqual(['d']);
  });

  it('AT_SEQUENCE_NUMBER includes the record, AFTER_SEQUENCE_NUMBER excludes it', async () => {
    expect(await keysFrom('AT_SEQUENCE_NUMBER', { StartingSequenceNumber: numbers[1] })).toBe('bc');
    expect(await keysFrom('AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: numbers[1] })).toBe('c');
    expect(await keysFrom('AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: numbers[2] })).toBe('');
  });

  it("takes the shard's StartingSequenceNumber, though no record has it", async () => {
    const { StreamDescription } = await server.ok('DescribeStream', { StreamName: 's' });
    const { StartingSequenceNumber } = StreamDescription.Shards[0].SequenceNumberRange;
    expect(BigInt(StartingSequenceNumber) < BigInt(numbers[0]!)).toBe(true);
    for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
      expect(await keysFrom(type, { StartingSequenceNumber })).toBe('abc');
    }
  });

  it('AT_TIMESTAMP starts at the first record that arrived then or later, to the millisecond', async () => {
    const at = (ms: number) => keysFrom('AT_TIMESTAMP', { Timestamp: ms / 1000 });
    expect(await at(firstArrivalMs + 10_000)).toBe('bc');
    expect(await at(firstArrivalMs + 10_001)).toBe('c');
    expect(await at(firstArrivalMs + 20_001)).toBe('');
    expect(await at(0)).toBe('abc');
  });

  it('AT_TIMESTAMP answers on an empty shard and gives what comes later', async () => {
    const Timestamp = server.clock.now() / 1000;
    const ShardIterator = await shardIterator(server, 's', 'AT_TIMESTAMP', { ShardId: 'shardId-1', Timestamp });
    const ExplicitHashKey = ((1n << 128n) - 1n).toString();
    await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'z', ExplicitHashKey, Data: '' });
    expect((await server.ok('GetRecords', { ShardIterator })).Records).toHaveLength(1);
  });

  it('a number that was never given out does not hide the records to come', async () => {
    const unused = (BigInt(numbers[2]!) + (1000n << 80n)).toString();
    for (const type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
      const ShardIterator = await shardIterator(server, 's', type, { StartingSequenceNumber: unused });
      await server.ok('PutRecord', { StreamName: 's', PartitionKey: 'd', ExplicitHashKey: '0', Data: '' });
      expect((await server.ok('GetRecords', { ShardIterator })).Records, type).not.toEqual([]);
    }
  });

  it('reads shard ids leniently and normalises them in messages', async () => {
    expect(await keysFrom('TRIM_HORIZON', { ShardId: 'shard-0' })).toBe('abc');
    expect(await refusal({ ShardId: 'shard-7', ShardIteratorType: 'LATEST' })).toEqual({
      __type: 'ResourceNotFoundException',
      message: 'Shard shardId-000000000007 in stream s under account 000000000000 does not exist',
    });
  });

  it('parses the shard id before it looks for the stream', async () => {
    expect(await refusal({ StreamName: 'none', ShardId: 'x-y', ShardIteratorType: 'LATEST' })).toEqual({
      __type: 'ResourceNotFoundException',
      message: 'Could not find shard x-y in stream none under account 000000000000.',
    });
    expect(await refusal({ StreamName: 'none', ShardIteratorType: 'LATEST' })).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Shard ${SHARD} in stream none under account 000000000000 does not exist`,
    });
  });

  it('knows no shard of a stream in CREATING', async () => {
    await server.ok('CreateStream', { StreamName: 'new', ShardCount: 1 });
    expect(await refusal({ StreamName: 'new', ShardIteratorType: 'LATEST' })).toEqual({
      __type: 'ResourceNotFoundException',
      message: `Shard ${SHARD} in stream new under account 000000000000 does not exist`,
    });
  });

  it.each([
    ['TRIM_HORIZON', 'also a'],
    ['LATEST', 'also a'],
    ['AT_SEQUENCE_NUMBER', 'no'],
    ['AFTER_SEQUENCE_NUMBER', 'no'],
  ])('%s with %s StartingSequenceNumber is refused', async (type, article) => {
    const StartingSequenceNumber = article === 'no' ? undefined : numbers[0];
    expect(await refusal({ ShardIteratorType: type, StartingSequenceNumber })).toEqual(
      invalid(
        'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
          '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
          `Request specified ${type} and ${article} StartingSequenceNumber.`,
      ),
    );
  });

  it('AT_TIMESTAMP needs a timestamp, and none of the future', async () => {
    const type = { ShardIteratorType: 'AT_TIMESTAMP' };
    expect(await refusal(type)).toEqual(
      invalid(
        'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. ' +
          'Current request has no timestamp parameter.',
      ),
    );
    const now = server.clock.now();
    expect(await refusal({ ...type, Timestamp: (now + 1) / 1000 })).toEqual(
      invalid(
        'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
          `timestampInMillis: ${now + 1}, currentTimestampInMillis: ${now}`,
      ),
    );
  });

  it.each(['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER'])(
    '%s refuses numbers that do not belong here',
    async (type) => {
      const createdS = Math.floor((firstArrivalMs - 1000) / 1000);
      const used = (number: string) =>
        `StartingSequenceNumber ${number} used in GetShardIterator on shard ${SHARD} in stream s under account 000000000000 is invalid`;
      const ask = (StartingSequenceNumber: string) => refusal({ ShardIteratorType: type, StartingSequenceNumber });

      const unparsable = (1n << 185n).toString();
      expect(await ask(unparsable)).toEqual(invalid(`${used(unparsable)}.`));
      expect(await ask(sequenceNumbersOf(createdS, 1).of(1, createdS))).toEqual(
        invalid(
          'Invalid StartingSequenceNumber. It encodes shardId-000000000001, ' +
            `while it was used in a call to a shard with ${SHARD}`,
        ),
      );
      const foreign = sequenceNumbersOf(createdS - 1, 0).of(1, createdS);
      expect(await ask(foreign)).toEqual(invalid(`${used(foreign)} because it did not come from this stream.`));
      expect(await ask('0'), 'AWS itself fails on the oldest format').toEqual({ __type: 'InternalFailure' });
      expect(await ask(sequenceNumbersOf(createdS, 0).ending(createdS))).toEqual(
        invalid(
          `Invalid SequenceNumber for ShardIteratorType ${type}, SequenceNumber has reached max possible value for the shard.`,
        ),
      );
    },
  );

  it('validation comes before existence', async () => {
    const { body } = await server.call('GetShardIterator', { StreamName: 'none', ShardId: '', ShardIteratorType: 'X' });
    expect(body.__type).toBe('ValidationException');
  });

  it('iterators fit into 512 characters for the longest names', async () => {
    const name = 'n'.repeat(128);
    await server.createStream(name, 1, { region: 'a-very-long-region-name-that-nobody-has-1' });
    const input = { StreamName: name, ShardId: SHARD, ShardIteratorType: 'LATEST' };
    const { ShardIterator } = await server.ok('GetShardIterator', input, {
      region: 'a-very-long-region-name-that-nobody-has-1',
    });
    expect(ShardIterator.length).toBeLessThanOrEqual(512);
  });

  it('iterators survive a restart', async () => {
    const ShardIterator = await shardIterator(server, 's', 'AFTER_SEQUENCE_NUMBER', {
      StartingSequenceNumber: numbers[0],
    });
    await server.restart();
    const { Records } = await server.ok('GetRecords', { ShardIterator });
    expect(Records.map(({ PartitionKey }: { PartitionKey: string }) => PartitionKey)).toEqual(['b', 'c']);
  });
});
