/** The finer points of what a shard takes and gives per second: enforced in `current`, only counted in `relaxed`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readShard } from '../support/kinesis.ts';
import { throttleLines } from '../support/metrics.ts';
import { type Answer, type CallOptions, startTestServer, type TestServer } from '../support/server.ts';

const SECOND_MS = 1000;
const MIB = 1024 * 1024;
const RECORDS_PER_SECOND = 1000;
const HASH_END = ((1n << 128n) - 1n).toString();
const id = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** A shard of a stream of somebody. */
interface Place {
  readonly StreamName: string;
  readonly ShardId: string;
  /** Goes to that shard. */
  readonly ExplicitHashKey: string;
  readonly options?: CallOptions;
}
const PLACE: Place = { StreamName: 's', ShardId: id(0), ExplicitHashKey: '0' };

/** A server whose stream `s` takes records of up to 10 MiB. */
async function startServer(QUOTAS = 'current', shards = 1): Promise<TestServer> {
  const server = await startTestServer({ settings: { QUOTAS } });
  await createStream(server, PLACE, shards);
  return server;
}

async function createStream(server: TestServer, { StreamName, options }: Place, ShardCount = 1): Promise<void> {
  await server.ok('CreateStream', { StreamName, ShardCount, MaxRecordSizeInKiB: 10_240 }, options);
  server.clock.advance(SECOND_MS);
}

/** A record that takes `bytes` of a budget, the UTF-8 bytes of its key included. */
const sized = (bytes: number, PartitionKey = 'k') => ({
  PartitionKey,
  Data: Buffer.alloc(bytes - Buffer.byteLength(PartitionKey)).toString('base64'),
});

/** Puts the records with one PutRecords; answers which of them were taken. */
async function putRecords(server: TestServer, records: readonly object[], place = PLACE): Promise<boolean[]> {
  const { StreamName, ExplicitHashKey, options } = place;
  const Records = records.map((record) => ({ ...record, ExplicitHashKey }));
  const answer = await server.ok('PutRecords', { StreamName, Records }, options);
  const taken = answer.Records.map(({ ErrorCode }: { ErrorCode?: string }) => {
    if (ErrorCode !== undefined) expect(ErrorCode).toBe('ProvisionedThroughputExceededException');
    return ErrorCode === undefined;
  });
  expect(answer.FailedRecordCount).toBe(taken.filter((isTaken: boolean) => !isTaken).length);
  return taken;
}

const putSizes = (server: TestServer, sizes: readonly number[], place?: Place) =>
  putRecords(
    server,
    sizes.map((bytes) => sized(bytes)),
    place,
  );
/** Whether the shard takes one byte, which it then has taken. */
const takes = async (server: TestServer, place?: Place) => (await putSizes(server, [1], place))[0]!;

/** Takes all that the shard takes within a second. */
async function fillSecond(server: TestServer, place?: Place): Promise<void> {
  expect(await putSizes(server, [MIB], place), 'the budget was fresh').toEqual([true]);
  expect(await takes(server, place), 'and is used up').toBe(false);
}

async function iteratorOf(server: TestServer, { StreamName, ShardId, options }: Place = PLACE): Promise<string> {
  const input = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
  return (await server.ok('GetShardIterator', input, options)).ShardIterator;
}

const read = (server: TestServer, ShardIterator: string, Limit?: number) =>
  server.call('GetRecords', { ShardIterator, Limit });

/** Whether the shard answered; the only reason not to is its throughput. */
function isAnswered({ status, body }: Answer): boolean {
  if (status !== 200) expect(body.__type).toBe('ProvisionedThroughputExceededException');
  return status === 200;
}
const canRead = async (server: TestServer, iterator: string) => isAnswered(await read(server, iterator, 1));

/** Reads as often as the shard may be read within a second. */
async function useUpCalls(server: TestServer, iterator: string): Promise<void> {
  for (let call = 1; call <= 5; call += 1) expect(await canRead(server, iterator), `call ${call}`).toBe(true);
  expect(await canRead(server, iterator), 'call 6').toBe(false);
}

/** Puts a record of that size and waits until the shard takes another. */
async function putAlone(server: TestServer, bytes: number): Promise<void> {
  expect(await putSizes(server, [bytes])).toEqual([true]);
  server.clock.advance(Math.max(SECOND_MS, (bytes / MIB) * SECOND_MS));
}

/** Other shards, which must not share the budgets of the first shard of `s`. */
const OTHER_PLACES: readonly [title: string, place: Place][] = [
  ['another shard of the stream', { ...PLACE, ShardId: id(1), ExplicitHashKey: HASH_END }],
  ['another stream', { ...PLACE, StreamName: 't' }],
  ['the same stream and shard in another region', { ...PLACE, options: { region: 'eu-west-1' } }],
  ['the same stream and shard of another account', { ...PLACE, options: { account: '111111111111' } }],
];

describe('what a shard takes', () => {
  it('is counted in bytes of data and of the UTF-8 of the key', async () => {
    const server = await startServer();
    expect(await putSizes(server, [MIB - 3])).toEqual([true]);
    expect(await putRecords(server, [sized(4, '€')]), 'two characters, four bytes').toEqual([false]);
    expect(await putRecords(server, [sized(3, '€')]), 'exactly what is left').toEqual([true]);
    expect(await takes(server)).toBe(false);
  });

  it('begins its second with the first record, whenever that comes', async () => {
    const server = await startServer();
    server.clock.advance(12_345);
    expect(await takes(server)).toBe(true);
    server.clock.advance(SECOND_MS - 1);
    expect(await putSizes(server, new Array(499).fill(1))).not.toContain(false);
    expect(await putSizes(server, new Array(500).fill(1))).not.toContain(false);
    expect(await takes(server), 'record 1001 of the second').toBe(false);
    server.clock.advance(1);
    expect(await takes(server), 'the next second').toBe(true);
  });

  it.each([1, 10])('can be one record of %d MiB, which uses up as many seconds', async (mebibytes) => {
    const server = await startServer();
    expect(await putSizes(server, [mebibytes * MIB])).toEqual([true]);
    server.clock.advance(mebibytes * SECOND_MS - 1);
    expect(await takes(server)).toBe(false);
    server.clock.advance(1);
    expect(await takes(server)).toBe(true);
  });

  it('is not a record larger than a second takes when anything came before it', async () => {
    const server = await startServer();
    expect(await takes(server)).toBe(true);
    expect(await putSizes(server, [2 * MIB])).toEqual([false]);
    server.clock.advance(SECOND_MS);
    expect(await putSizes(server, [2 * MIB])).toEqual([true]);
  });

  it('leaves room for smaller records after one that did not fit', async () => {
    const server = await startServer();
    const sizes = [600_000, 600_000, 400_000, 100_000, MIB - 1_000_000, 1];
    expect(await putSizes(server, sizes)).toEqual([true, false, true, false, true, false]);
    expect((await readShard(server, 's', id(0))).map(({ Data }) => Buffer.from(Data, 'base64').length + 1)).toEqual([
      600_000,
      400_000,
      MIB - 1_000_000,
    ]);
  });

  it('is not used up by what is refused', async () => {
    const server = await startServer();
    await fillSecond(server);
    for (let count = 0; count < 3; count += 1) {
      server.clock.advance(300);
      expect(await putSizes(server, [MIB, 1])).toEqual([false, false]);
    }
    server.clock.advance(SECOND_MS - 3 * 300);
    await fillSecond(server);
  });

  it('is the same budget for PutRecord and PutRecords', async () => {
    const server = await startServer();
    const single = async (bytes: number) =>
      isAnswered(await server.call('PutRecord', { StreamName: 's', ...sized(bytes) }));
    expect(await single(MIB - 2)).toBe(true);
    expect(await takes(server)).toBe(true);
    expect(await single(2)).toBe(false);
    expect(await single(1)).toBe(true);
    expect(await takes(server)).toBe(false);
  });

  it('is whole for each child of a split', async () => {
    const server = await startServer();
    await fillSecond(server);
    await server.ok('SplitShard', { StreamName: 's', ShardToSplit: id(0), NewStartingHashKey: '1000' });
    expect(await takes(server), 'the parent is still the one that takes').toBe(false);
    server.clock.advance(500);
    for (const ExplicitHashKey of ['0', HASH_END]) await fillSecond(server, { ...PLACE, ExplicitHashKey });
  });
});

describe('what a shard gives', () => {
  it.each([
    [2, 1000],
    [3, 1500],
    [10, 5000],
  ])('pauses after %d MiB, until %d ms after the second began', async (mebibytes, pauseMs) => {
    const server = await startServer();
    await putAlone(server, mebibytes * MIB);
    const iterator = await iteratorOf(server);
    expect(await canRead(server, iterator)).toBe(true);
    expect(await canRead(server, iterator), 'at once').toBe(false);
    server.clock.advance(pauseMs - 1);
    expect(await canRead(server, iterator), 'a millisecond too early').toBe(false);
    server.clock.advance(1);
    expect(await canRead(server, iterator), 'when the pause is over').toBe(true);
  });

  it('is added up over the reads of a second', async () => {
    const server = await startServer();
    await putAlone(server, MIB);
    await putAlone(server, 2 * MIB);
    const first = await read(server, await iteratorOf(server), 1);
    server.clock.advance(600);
    expect(await canRead(server, first.body.NextShardIterator), 'a mebibyte is left').toBe(true);
    server.clock.advance(899);
    expect(await canRead(server, first.body.NextShardIterator), 'three take 1500 ms from the first on').toBe(false);
    server.clock.advance(1);
    expect(await canRead(server, first.body.NextShardIterator)).toBe(true);
  });

  it('is used up for the five seconds after a read of 10 MiB, also when it was not the first of its second', async () => {
    const server = await startServer();
    await putAlone(server, 1);
    await putAlone(server, 10 * MIB);
    const first = await read(server, await iteratorOf(server), 1);
    server.clock.advance(900);
    expect(await canRead(server, first.body.NextShardIterator)).toBe(true);
    server.clock.advance(4999);
    expect(await canRead(server, first.body.NextShardIterator), 'S-120').toBe(false);
    server.clock.advance(1);
    expect(await canRead(server, first.body.NextShardIterator)).toBe(true);
  });

  it('is counted in bytes of data and of the UTF-8 of the key', async () => {
    const server = await startServer();
    const key = '€'.repeat(256);
    expect(await putRecords(server, [sized(2 * MIB, key)])).toEqual([true]);
    const iterator = await iteratorOf(server);
    expect(await canRead(server, iterator)).toBe(true);
    expect(await canRead(server, iterator), 'the key is 256 characters, but 768 bytes').toBe(false);
  });

  it('does not begin its second with a read that found nothing', async () => {
    const server = await startServer();
    const iterator = await iteratorOf(server);
    expect((await read(server, iterator)).body.Records).toEqual([]);
    server.clock.advance(900);
    expect(await putSizes(server, [10 * MIB])).toEqual([true]);
    expect((await read(server, iterator)).body.Records).toHaveLength(1);
    server.clock.advance(4999);
    expect(await canRead(server, iterator), 'S-120: not within 5 seconds of the 10 MiB').toBe(false);
    server.clock.advance(1);
    expect(await canRead(server, iterator)).toBe(true);
  });

  it('is five answers a second, also of nothing; a call that is refused costs nothing', async () => {
    const server = await startServer();
    const iterator = await iteratorOf(server);
    await useUpCalls(server, iterator);
    server.clock.advance(SECOND_MS - 1);
    expect(await canRead(server, iterator)).toBe(false);
    server.clock.advance(1);
    await useUpCalls(server, iterator);
  });

  it('is the same for all who read it', async () => {
    const server = await startServer();
    await useUpCalls(server, await iteratorOf(server));
    expect(await canRead(server, await iteratorOf(server)), 'with an iterator of its own').toBe(false);
  });

  it('is what an iterator gives later when it is refused now', async () => {
    const server = await startServer();
    expect(await putRecords(server, [sized(9, 'first'), sized(9, 'second')])).toEqual([true, true]);
    const { body } = await read(server, await iteratorOf(server), 1);
    server.clock.advance(SECOND_MS);
    await useUpCalls(server, body.NextShardIterator);
    server.clock.advance(SECOND_MS);
    const { Records } = (await read(server, body.NextShardIterator)).body;
    expect(Records).toEqual([expect.objectContaining({ PartitionKey: 'second' })]);
  });
});

describe('iterators of a shard', () => {
  const ask = async (server: TestServer, account?: string) => {
    const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';
    const input = { StreamARN, ShardId: id(0), ShardIteratorType: 'TRIM_HORIZON' };
    return isAnswered(await server.call('GetShardIterator', input, account === undefined ? {} : { account }));
  };

  it('are five a second for an account, whatever else is asked of the shard', async () => {
    const server = await startServer();
    const iterator = await iteratorOf(server);
    await useUpCalls(server, iterator);
    await fillSecond(server);
    for (let call = 2; call <= 5; call += 1) expect(await ask(server), `call ${call}`).toBe(true);
    expect(await ask(server), 'call 6').toBe(false);
    expect(await ask(server, '111111111111'), 'another account has its own').toBe(true);
    server.clock.advance(SECOND_MS);
    expect(await canRead(server, iterator), 'iterators cost no reads').toBe(true);
    expect(await ask(server)).toBe(true);
  });
});

describe('budgets', () => {
  it.each(OTHER_PLACES)('are separate for %s', async (_title, other) => {
    const server = await startServer('current', 2);
    if (other.StreamName !== PLACE.StreamName || other.options !== undefined) await createStream(server, other);
    for (const place of [PLACE, other]) {
      await useUpCalls(server, await iteratorOf(server, place));
      await fillSecond(server, place);
    }
  });

  it.each([
    ['a clock that is set back', async ({ clock }: TestServer) => clock.jump(-3_600_000)],
    ['a restart', (server: TestServer) => server.restart()],
  ])('are fresh after %s', async (_title, event) => {
    const server = await startServer();
    const iterator = await iteratorOf(server);
    expect(await putSizes(server, [3 * MIB])).toEqual([true]);
    expect(await canRead(server, iterator)).toBe(true);
    expect([await takes(server), await canRead(server, iterator)], 'both are used up').toEqual([false, false]);
    await event(server);
    await fillSecond(server);
    expect(await canRead(server, iterator)).toBe(true);
  });
});

describe('in relaxed', () => {
  it('nothing is refused, and what AWS would have refused is counted exactly', async () => {
    const server = await startServer('relaxed', 2);
    const other: Place = {
      StreamName: 'orders',
      ShardId: id(1),
      ExplicitHashKey: HASH_END,
      options: { account: '111111111111', region: 'eu-west-1' },
    };
    await createStream(server, other, 2);
    expect(await putSizes(server, [MIB]), 'within the rate').toEqual([true]);
    expect(await putSizes(server, [MIB - 5, 2, 2], other), 'within the rate').toEqual([true, true, true]);
    expect(await throttleLines(server)).toEqual([]);
    // One byte is left in the other place: the second of these records fits, the others do not.
    expect(await putSizes(server, [2, 1, 1, 5000], other)).toEqual([true, true, true, true]);
    const record = { StreamName: 's', ExplicitHashKey: '0', ...sized(1) };
    for (let count = 0; count < 2; count += 1) await server.ok('PutRecord', record);
    const iterator = await iteratorOf(server);
    for (let count = 0; count < 8; count += 1) expect(await canRead(server, iterator)).toBe(true);
    for (let count = 0; count < 9; count += 1) await iteratorOf(server, other);
    for (let count = 0; count < 11; count += 1) await server.ok('DescribeStream', { StreamName: 's' });
    const line = (operation: string, subject: string, count: number) =>
      `millrace_throttled_total{target="Kinesis_20131202.${operation}",${subject}} ${count}`;
    const own = 'account="000000000000",region="us-east-1"';
    const ownShard = `${own},stream="s",shard="${id(0)}"`;
    const otherShard = `account="111111111111",region="eu-west-1",stream="orders",shard="${id(1)}"`;
    expect((await throttleLines(server)).sort()).toEqual([
      line('DescribeStream', own, 1),
      // The first two reads give a mebibyte each, and with them all that the shard gives in a second.
      line('GetRecords', ownShard, 6),
      line('GetShardIterator', otherShard, 4),
      line('PutRecord', ownShard, 2),
      line('PutRecords', otherShard, 3),
    ]);
    expect(await readShard(server, 's', id(0)), 'everything was stored').toHaveLength(3);
  });
});

/** What AWS's rate says about the records of one shard, in order: a window begins with the first record after the last. */
function createReference() {
  let window = { startMs: 0, endMs: 0, records: 0, bytes: 0 };
  return (size: number, now: number): boolean => {
    if (now >= window.endMs) window = { startMs: now, endMs: 0, records: 0, bytes: 0 };
    const { startMs, records, bytes } = window;
    const fits = records === 0 || (records < RECORDS_PER_SECOND && bytes + size <= MIB);
    if (!fits) return false;
    const seconds = Math.max(1, (bytes + size) / MIB);
    window = { startMs, endMs: startMs + seconds * SECOND_MS, records: records + 1, bytes: bytes + size };
    return true;
  };
}

describe('any sequence of puts', () => {
  // Amounts and pauses that often end exactly at a limit, or one before or after it.
  const advance = fc.record({ advanceMs: fc.oneof(fc.constantFrom(1, 400, 600, 999, 1000), fc.nat(2500)) });
  const size = fc.oneof(fc.constantFrom(1, MIB - 1, MIB, MIB + 1), fc.integer({ min: 1, max: 2 * MIB }));
  const few = fc.array(size, { minLength: 1, maxLength: 3 });
  const many = fc
    .tuple(fc.constantFrom(1, 250, 499, 500), fc.constantFrom(1, 1000, 2100))
    .map(([count, bytes]) => new Array<number>(count).fill(bytes));
  const put = fc.record({ sizes: fc.oneof(few, many, many) });

  it('is taken up to 1000 records and 1 MiB in a second, or one larger record, and never less', async () => {
    const server = await startServer();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(advance, put, put), { minLength: 1, maxLength: 10 }), async (steps) => {
        // Longer than any record lasts: each run begins with a fresh budget.
        server.clock.advance(10 * SECOND_MS);
        const fits = createReference();
        for (const step of steps) {
          if ('advanceMs' in step) server.clock.advance(step.advanceMs);
          else {
            const expected = step.sizes.map((size) => fits(size, server.clock.now()));
            expect(await putSizes(server, step.sizes)).toEqual(expected);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
