/** S-130 to S-153: PutRecord and PutRecords. Rates are enforced in `documented` and `current`, only counted in `relaxed`. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import type { Profile } from '../../src/quotas.ts';
import { readShard } from '../support/kinesis.ts';
import { throttleLines } from '../support/metrics.ts';
import type { CallOptions, TestServer } from '../support/server.ts';
import { type Check, type Differing, statement } from '../support/statement.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 3_600_000;
const KEY_END = 1n << 128n;
/** A well-formed number that AWS gave out in 2019. */
const OLD_NUMBER = '49594189147623985939251953501666965394405037144469929986';

const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const isAscending = (numbers: readonly string[]) =>
  numbers.every((number, index) => index === 0 || BigInt(number) > BigInt(numbers[index - 1]!));

const put = (server: TestServer, PartitionKey: string, more: object = {}) =>
  server.ok('PutRecord', { StreamName: 's', PartitionKey, Data: '', ...more });
const putRecords = (server: TestServer, Records: readonly object[], options?: CallOptions) =>
  server.ok('PutRecords', { StreamName: 's', Records }, options);

/** A byte, of the partition key. */
const record = { Data: '', PartitionKey: 'k' };
/** The same for the shard of that index in a stream of three. */
const entryFor = (shard: number) => ({ ...record, ExplicitHashKey: String((KEY_END / 3n) * BigInt(shard)) });

const constraint = (path: string, text: string) => ({
  __type: 'ValidationException',
  message: `1 validation error detected: Value ${path} failed to satisfy constraint: ${text}`,
});
const notNull = (path: string) => constraint(`null at '${path}'`, 'Member must not be null');
const memberPath = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

/** Each member of `complete` is required; a stream named by ARN is what today's AWS takes as well. `more` always holds. */
function requires(operation: string, complete: Record<string, unknown>, more: Check): Differing {
  const lacking = async (server: TestServer, members: readonly string[]) => {
    for (const member of members) {
      const { body } = await server.call(operation, { StreamName: 's', ...complete, [member]: undefined });
      expect(body, `without ${member}`).toEqual(notNull(memberPath(member)));
    }
  };
  return {
    documented: async (server, profile) => {
      await server.createStream('s');
      await lacking(server, ['StreamName', ...Object.keys(complete)]);
      await server.ok(operation, { StreamName: 's', ...complete });
      await more(server, profile);
    },
    otherwise: [
      'a StreamARN can take the place of StreamName',
      async (server, profile) => {
        await server.createStream('s');
        await lacking(server, Object.keys(complete));
        expect((await server.call(operation, complete)).body.__type).toBe('InvalidArgumentException');
        await server.ok(operation, { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s', ...complete });
        await more(server, profile);
      },
    ],
  };
}

statement(
  'S-130',
  'PutRecord requires StreamName, Data and PartitionKey, and takes a hash key and a number for ordering',
  requires('PutRecord', record, async (server) => {
    await put(server, 'k', { ExplicitHashKey: '7', SequenceNumberForOrdering: OLD_NUMBER });
  }),
);

/** Data up to `bytes` are taken, though they are longer in base64; `limit` is the figure in the message beyond it. */
const dataUpTo =
  (bytes: number, limit: number): Check =>
  async (server) => {
    await server.createStream('s');
    await put(server, 'k', { Data: Buffer.alloc(bytes).toString('base64') });
    const tooLarge = { StreamName: 's', PartitionKey: 'k', Data: Buffer.alloc(bytes + 1).toString('base64') };
    const { message, __type } = (await server.call('PutRecord', tooLarge)).body;
    expect(__type).toBe('ValidationException');
    // In the documented profile the message goes on with the setting that lifts the limit.
    const expected = constraint("at 'data'", `Member must have length less than or equal to ${limit}`);
    expect(message).toContain(expected.message);
  };

statement('S-131', 'data are up to 50 KB before base64', {
  documented: dataUpTo(51_200, 51_200),
  otherwise: ['data and partition key are up to 1 MiB before base64', dataUpTo(1_048_575, 1_048_576)],
});

statement('S-132', 'a partition key is a Unicode string of up to 256 characters', async (server) => {
  await server.createStream('s');
  const longest = '€'.repeat(256);
  await put(server, longest);
  expect((await readShard(server, 's', id(0))).map(({ PartitionKey }) => PartitionKey)).toEqual([longest]);
  const refusal = async (PartitionKey: string) =>
    (await server.call('PutRecord', { StreamName: 's', PartitionKey, Data: '' })).body;
  expect(await refusal(`${longest}€`)).toEqual(
    constraint(`'${longest}€' at 'partitionKey'`, 'Member must have length less than or equal to 256'),
  );
  expect(await refusal('')).toEqual(
    constraint("'' at 'partitionKey'", 'Member must have length greater than or equal to 1'),
  );
});

interface ListedShard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

/** Creates the stream `s` of five shards; returns them as DescribeStream tells them. */
async function fiveShards(server: TestServer): Promise<readonly ListedShard[]> {
  await server.createStream('s', 5);
  return (await server.ok('DescribeStream', { StreamName: 's' })).StreamDescription.Shards;
}

statement('S-133', 'the MD5 of the partition key as an integer decides on the shard', async (server) => {
  const shards = await fiveShards(server);
  const hit = new Set<string>();
  for (const key of ['a', 'b', 'ü', '😀', 'order-17', ' ', 'c', 'd']) {
    const hash = BigInt(`0x${createHash('md5').update(key).digest('hex')}`);
    const expected = shards.find(
      ({ HashKeyRange: range }) => BigInt(range.StartingHashKey) <= hash && hash <= BigInt(range.EndingHashKey),
    )!.ShardId;
    expect((await put(server, key)).ShardId, `partition key ${key}`).toBe(expected);
    hit.add(expected);
  }
  expect(hit.size, 'the keys are of several shards').toBeGreaterThan(3);
});

statement('S-134', 'the same partition key goes to the same shard', async (server) => {
  await server.createStream('s', 5);
  const keys = ['customer-1', 'customer-2', 'customer-3', 'customer-4', 'customer-5'];
  const shardsOf = async () => {
    server.clock.advance(SECOND_MS);
    const { Records } = await putRecords(
      server,
      keys.map((PartitionKey) => ({ PartitionKey, Data: '' })),
    );
    return Records.map(({ ShardId }: { ShardId: string }) => ShardId);
  };
  const first = await shardsOf();
  expect(new Set(first).size, 'other keys go to other shards').toBeGreaterThan(1);
  expect(await shardsOf()).toEqual(first);
  for (const [index, key] of keys.entries()) expect((await put(server, key)).ShardId, key).toBe(first[index]);
});

statement('S-135', 'ExplicitHashKey takes the place of the MD5', async (server) => {
  for (const { ShardId, HashKeyRange } of await fiveShards(server)) {
    for (const ExplicitHashKey of [HashKeyRange.StartingHashKey, HashKeyRange.EndingHashKey]) {
      expect((await put(server, 'a', { ExplicitHashKey })).ShardId, `hash key ${ExplicitHashKey}`).toBe(ShardId);
    }
  }
});

statement('S-136', 'PutRecord returns ShardId and SequenceNumber', async (server) => {
  await server.createStream('s');
  const answer = await put(server, 'k');
  expect(answer).toEqual({ ShardId: id(0), SequenceNumber: expect.stringMatching(/^\d{56}$/) });
  expect((await readShard(server, 's', id(0)))[0]!.SequenceNumber).toBe(answer.SequenceNumber);
});

statement('S-137', 'sequence numbers are unique across all records of the stream', async (server) => {
  await server.createStream('s', 3);
  const Records = Array.from({ length: 100 }, (_, index) => ({ PartitionKey: `key ${index}`, Data: '' }));
  const batch = async () => (await putRecords(server, Records)).Records;
  const answers = [...(await Promise.all([batch(), batch(), put(server, 'a'), put(server, 'b')])).flat()];
  await server.ok('SplitShard', { StreamName: 's', ShardToSplit: id(0), NewStartingHashKey: '1000' });
  server.clock.advance(SECOND_MS);
  await server.restart();
  answers.push(...(await batch()));
  expect(new Set(answers.map(({ ShardId }) => ShardId)).size, 'before and after a split').toBeGreaterThan(3);
  expect(new Set(answers.map(({ SequenceNumber }) => SequenceNumber)).size).toBe(302);
});

statement('S-138', 'the numbers of a partition key increase with time', async (server) => {
  await server.createStream('s', 3);
  for (const key of ['a', 'b', 'c', 'd']) {
    const numbers: string[] = [];
    for (const pauseMs of [0, 1, 999, 3_600_000]) {
      server.clock.advance(pauseMs);
      numbers.push((await put(server, key)).SequenceNumber);
    }
    expect(isAscending(numbers), `${key}: ${numbers}`).toBe(true);
  }
});

statement(
  'S-139',
  'with SequenceNumberForOrdering the numbers increase strictly, whatever the clock does',
  async (server) => {
    await server.createStream('s');
    const numbers = [(await put(server, 'k')).SequenceNumber];
    for (const jumpMs of [0, 0, 5000, -20_000, -1, 0, 3000]) {
      server.clock.jump(jumpMs);
      numbers.push((await put(server, 'k', { SequenceNumberForOrdering: numbers.at(-1) })).SequenceNumber);
    }
    expect(isAscending(numbers), String(numbers)).toBe(true);
  },
);

statement('S-140', 'without it, records are in the order of their arrival', async (server) => {
  await server.createStream('s');
  const expected: [key: string, arrival: number][] = [];
  for (const [index, pauseMs] of [0, 0, 1, 1500, 60_000].entries()) {
    server.clock.advance(pauseMs);
    await put(server, `key ${index}`);
    expected.push([`key ${index}`, server.clock.now() / 1000]);
  }
  const read = await readShard(server, 's', id(0));
  expect(read.map((given) => [given.PartitionKey, given.ApproximateArrivalTimestamp])).toEqual(expected);
});

const rateExceeded = (shard: number, account = '000000000000') =>
  `Rate exceeded for shard ${id(shard)} in stream s under account ${account}.`;

/** What AWS would have refused until now: `{operation} {account}/{stream}/{shard} {calls or records}`. */
async function throttled(server: TestServer): Promise<string[]> {
  const lines = await throttleLines(server);
  return lines.map((line) => {
    const [, operation, account, stream, shard, count] =
      /\{target="\w+\.(\w+)",account="(\d+)",.*stream="(\w+)",shard="(.+)"\} (\d+)$/.exec(line) ?? [];
    return `${operation} ${account}/${stream}/${shard} ${count}`;
  });
}

/** The two ways to use up the write budget of a shard for a second, with PutRecords. */
const SECONDS_WORTH = {
  '1000 records': [new Array(500).fill(record), new Array(500).fill(record)],
  '1 MiB with the keys': [new Array(32).fill({ PartitionKey: 'k', Data: Buffer.alloc(32_767).toString('base64') })],
};

async function useUpSecond(server: TestServer, batches: readonly object[][], options?: CallOptions): Promise<void> {
  for (const batch of batches) {
    expect((await putRecords(server, batch, options)).FailedRecordCount, "a second's worth is taken").toBe(0);
  }
}

statement('S-141', 'PutRecord throws when the shard lacks throughput', async (server, profile) => {
  await server.createStream('s');
  for (const [index, [amount, batches]] of Object.entries(SECONDS_WORTH).entries()) {
    server.clock.advance(SECOND_MS);
    await useUpSecond(server, batches);
    const { status, body } = await server.call('PutRecord', { StreamName: 's', ...record });
    if (profile === 'relaxed') expect(status, amount).toBe(200);
    else {
      const error = { __type: 'ProvisionedThroughputExceededException', message: rateExceeded(0) };
      expect([status, body], amount).toEqual([400, error]);
    }
    expect(await throttled(server), 'it is counted').toEqual([`PutRecord 000000000000/s/${id(0)} ${index + 1}`]);
  }
  server.clock.advance(SECOND_MS);
  await put(server, 'k');
  expect(await throttled(server), 'a second later there is throughput again').toEqual([
    `PutRecord 000000000000/s/${id(0)} 2`,
  ]);
});

statement('S-142', 'records are readable for 24 hours, then not', async (server) => {
  await server.createStream('s');
  await put(server, 'k');
  server.clock.advance(DAY_MS - 1);
  expect(await readShard(server, 's', id(0))).toHaveLength(1);
  server.clock.advance(1);
  expect(await readShard(server, 's', id(0))).toEqual([]);
});

statement(
  'S-143',
  'PutRecords requires Records and StreamName, each entry Data and PartitionKey; ExplicitHashKey is optional',
  requires('PutRecords', { Records: [record] }, async (server) => {
    for (const member of ['Data', 'PartitionKey']) {
      const Records = [record, { ...record, [member]: undefined }];
      const { body } = await server.call('PutRecords', { StreamName: 's', Records });
      expect(body).toEqual(notNull(`records.2.member.${memberPath(member)}`));
    }
    expect((await putRecords(server, [{ ...record, ExplicitHashKey: '7' }])).FailedRecordCount).toBe(0);
  }),
);

statement('S-144', 'PutRecords returns FailedRecordCount and Records', async (server) => {
  await server.createStream('s');
  expect(await putRecords(server, [record])).toEqual({
    FailedRecordCount: 0,
    Records: [{ ShardId: id(0), SequenceNumber: expect.stringMatching(/^\d{56}$/) }],
  });
});

statement('S-145', 'its Records have the length and the order of the request', async (server) => {
  await server.createStream('s', 3);
  const shards = Array.from({ length: 500 }, (_, index) => (index * index) % 3);
  const texts = shards.map((_shard, index) => base64(`record ${index}`));
  const { Records } = await putRecords(
    server,
    shards.map((shard, index) => ({ ...entryFor(shard), Data: texts[index] })),
  );
  expect(Records.map(({ ShardId }: { ShardId: string }) => ShardId)).toEqual(shards.map(id));
  const read = (await Promise.all([0, 1, 2].map((shard) => readShard(server, 's', id(shard))))).flat();
  const byNumber = new Map(read.map(({ SequenceNumber, Data }) => [SequenceNumber, Data]));
  expect(Records.map(({ SequenceNumber }: { SequenceNumber: string }) => byNumber.get(SequenceNumber))).toEqual(texts);
});

/** Creates the stream `s` of three shards, of which the second has given out all its numbers: whatever it gets fails. */
async function streamWithFailingShard(server: TestServer): Promise<void> {
  await server.createStream('s', 3);
  const handle = openHandle(join(server.directory, 'millrace.db'));
  handle.prepare('update shards set next_position = 1099511627776 where shard_index = 1').run();
  handle.close();
}

/** Puts a record into each of those shards, of which the second fails, as the log must say. */
async function putDespiteFailure(server: TestServer, shards: readonly number[]) {
  const answer = await putRecords(server, shards.map(entryFor));
  expect(server.log.take('error'), 'the server complains about the exhausted shard').toHaveLength(1);
  return answer;
}

const failed = { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal Service Failure' };
const stored = (shard: number) => ({ ShardId: id(shard), SequenceNumber: expect.stringMatching(/^\d{56}$/) });

statement('S-146', 'a failing record does not stop the later ones', async (server) => {
  await streamWithFailingShard(server);
  await putDespiteFailure(server, [0, 1, 2, 1, 0]);
  const counts = await Promise.all([0, 1, 2].map(async (shard) => (await readShard(server, 's', id(shard))).length));
  expect(counts).toEqual([2, 0, 1]);
});

statement('S-147', 'a successful entry has ShardId and SequenceNumber', async (server) => {
  await streamWithFailingShard(server);
  const { Records } = await putDespiteFailure(server, [1, 2, 0]);
  expect(Records.slice(1)).toEqual([stored(2), stored(0)]);
});

statement('S-148', 'a failed entry has ErrorCode and ErrorMessage', async (server) => {
  await streamWithFailingShard(server);
  const { Records } = await putDespiteFailure(server, [0, 1]);
  expect(Records[1], 'and nothing else').toEqual({ ErrorCode: expect.any(String), ErrorMessage: expect.any(String) });
});

statement('S-149', 'ErrorCode is that of missing throughput or InternalFailure', async (server, profile) => {
  await streamWithFailingShard(server);
  await useUpSecond(server, [new Array(500).fill(entryFor(0)), new Array(500).fill(entryFor(0))]);
  const { Records } = await putDespiteFailure(server, [0, 1, 2]);
  const throughput = profile === 'relaxed' ? undefined : 'ProvisionedThroughputExceededException';
  const codes = Records.map(({ ErrorCode }: { ErrorCode?: string }) => ErrorCode);
  expect(codes).toEqual([throughput, 'InternalFailure', undefined]);
});

statement('S-150', 'the throughput message has account id, stream name and shard id', async (server, profile) => {
  const options = { account: '123456789012' };
  await server.createStream('s', 3, options);
  await useUpSecond(server, [new Array(500).fill(entryFor(1)), new Array(500).fill(entryFor(1))], options);
  const { Records } = await putRecords(server, [entryFor(1)], options);
  const ErrorMessage = rateExceeded(1, options.account);
  const refused = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage };
  expect(Records).toEqual([profile === 'relaxed' ? stored(1) : refused]);
  expect(await throttled(server), 'so does the count').toEqual([`PutRecords 123456789012/s/${id(1)} 1`]);
});

statement('S-151', 'the InternalFailure message is exactly "Internal Service Failure"', async (server) => {
  await streamWithFailingShard(server);
  expect((await putDespiteFailure(server, [1])).Records).toEqual([failed]);
});

statement('S-152', 'FailedRecordCount counts the failed entries', async (server) => {
  await streamWithFailingShard(server);
  expect((await putDespiteFailure(server, [1, 0, 1, 1, 2])).FailedRecordCount).toBe(3);
  expect((await putRecords(server, [entryFor(0), entryFor(2)])).FailedRecordCount).toBe(0);
});

/** Of five more records for the shard of a second's worth less two, the last three exceed the rate. */
async function exceedByThree(server: TestServer, profile: Profile): Promise<void> {
  const { FailedRecordCount, Records } = await putRecords(server, new Array(5).fill(entryFor(0)));
  const codes = Records.map(({ ErrorCode }: { ErrorCode?: string }) => ErrorCode ?? 'none');
  const refused = profile === 'relaxed' ? 'none' : 'ProvisionedThroughputExceededException';
  expect(codes).toEqual(['none', 'none', refused, refused, refused]);
  expect(FailedRecordCount).toBe(profile === 'relaxed' ? 0 : 3);
}

statement('S-153', 'the write limits of a shard apply to PutRecords too', async (server, profile) => {
  await server.createStream('s', 3);
  await useUpSecond(server, [new Array(500).fill(entryFor(0)), new Array(498).fill(entryFor(0))]);
  await exceedByThree(server, profile);
  expect((await putRecords(server, [entryFor(1)])).FailedRecordCount, 'other shards have their own').toBe(0);
  server.clock.advance(SECOND_MS);
  // The entries of `exceedByThree` are a byte each: a mebibyte less two leaves room for two of them.
  const large = { ...entryFor(0), Data: Buffer.alloc(32_767).toString('base64') };
  const smaller = { ...large, Data: Buffer.alloc(32_765).toString('base64') };
  await useUpSecond(server, [[...new Array(31).fill(large), smaller]]);
  await exceedByThree(server, profile);
  expect(await throttled(server)).toEqual([`PutRecords 000000000000/s/${id(0)} 6`]);
});
