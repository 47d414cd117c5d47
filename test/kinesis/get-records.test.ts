/** GetRecords gives back what was put, whatever it is and however large, and nothing that is not as it was put. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { type ReadRecord, shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const NUM_RUNS = Number(process.env.FUZZ_RUNS ?? 40);

/** Larger data than this is not fetched together with a thousand neighbours. */
const SHARE_BYTES = Math.floor((16 * 1024 * 1024) / 1000);

interface Put {
  readonly PartitionKey: string;
  readonly Data: string;
}

/** Keys with what separates and ends things elsewhere: quotes, spaces, digits, NUL, several bytes a character. */
const key = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc
    .array(fc.constantFrom(' ', '0', '17 3 ', '"', '\\', '\u0000', '\u001f', '\u2028', '\u00e9', '\ud83d\ude00'), {
      minLength: 1,
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
);
const around = fc.integer({ min: SHARE_BYTES - 2, max: SHARE_BYTES + 2 });
const data = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 2, arbitrary: fc.constantFrom(' ', '1 2 3 ', '\u0000', '\u0000\u0000 ').map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: around.map((bytes) => Buffer.alloc(bytes, ' 7')) },
);
const put: fc.Arbitrary<Put> = fc.record({ PartitionKey: key, Data: data.map((bytes) => bytes.toString('base64')) });

/** The answer as somebody else would write it. */
const jsonOf = (records: readonly Put[], numbers: readonly string[], arrivedMs: number, iterator: string): string =>
  JSON.stringify({
    Records: records.map(({ PartitionKey, Data }, index) => ({
      SequenceNumber: numbers[index],
      ApproximateArrivalTimestamp: arrivedMs / 1000,
      Data,
      PartitionKey,
    })),
    NextShardIterator: iterator,
    MillisBehindLatest: 0,
  });

it('gives back any records, byte for byte, and in CBOR the same', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  await fc.assert(
    fc.asyncProperty(fc.array(put, { minLength: 1, maxLength: 60 }), async (Records) => {
      const ShardIterator = await shardIterator(server, 's', 'LATEST');
      const { Records: results } = await server.ok('PutRecords', { StreamName: 's', Records });
      const { text, body } = await server.call('GetRecords', { ShardIterator });
      const numbers = results.map(({ SequenceNumber }: ReadRecord) => SequenceNumber);
      expect(text).toBe(jsonOf(Records, numbers, server.clock.now(), body.NextShardIterator));
      const { body: fromCbor } = await server.call('GetRecords', { ShardIterator }, { wire: 'cbor' });
      expect(fromCbor.Records).toEqual(body.Records);
    }),
    { numRuns: NUM_RUNS },
  );
});

it('gives thousands of records of all sizes in their order, page by page', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  const sizes = Array.from({ length: 2500 }, (_, index) => (index % 97 === 96 ? SHARE_BYTES + 1 : index % 300));
  for (let start = 0; start < sizes.length; start += 500) {
    const Records = sizes
      .slice(start, start + 500)
      .map((size, offset) => ({ PartitionKey: `${start + offset}`, Data: Buffer.alloc(size, 'x').toString('base64') }));
    await server.ok('PutRecords', { StreamName: 's', Records });
  }
  // A row that somebody has deleted leaves a gap.
  const handle = openHandle(join(server.directory, 'millrace.db'));
  handle.exec("delete from records where partition_key in ('3', '1000')");
  handle.close();
  const there = sizes
    .map((size, index) => [`${index}`, size] as const)
    .filter(([name]) => !['3', '1000'].includes(name));
  for (const Limit of [10_000, 33, 1]) {
    const seen: (readonly [string, number])[] = [];
    let iterator = await shardIterator(server, 's', 'TRIM_HORIZON');
    while (seen.length < (Limit === 1 ? 5 : there.length)) {
      const { Records, NextShardIterator } = await server.ok('GetRecords', { ShardIterator: iterator, Limit });
      const expected = Math.min(Limit, there.length - seen.length);
      expect(Records.length, `a page of at most ${Limit} behind ${seen.length} records`).toBe(expected);
      for (const { PartitionKey, Data } of Records) seen.push([PartitionKey, Buffer.from(Data, 'base64').length]);
      iterator = NextShardIterator;
    }
    expect(seen).toEqual(there.slice(0, seen.length));
  }
});

describe('a record that is damaged in one column', () => {
  it.each([
    ['sequence_number = null'],
    ["sequence_number = ''"],
    ["sequence_number = sequence_number || ' 1'"],
    ['partition_key = null'],
    ["partition_key = partition_key || ' '"],
    ['arrived_ms = arrived_ms + 1'],
    ["arrived_ms = arrived_ms || '0'"],
    ['crc32 = null'],
    ['crc32 = -crc32'],
    ['crc32 = crc32 | (1 << 60)'],
    ["crc32 = crc32 || ' 1 1'"],
    ['data = null'],
    ["data = x''"],
    ['data = zeroblob(20000)'],
  ])('is not given, but what lies before it is: %s', async (change) => {
    const server = await startTestServer();
    await server.createStream('s');
    const Records = ['a', 'b', 'c'].map((PartitionKey) => ({ PartitionKey, Data: 'AAAA' }));
    await server.ok('PutRecords', { StreamName: 's', Records });
    changeRows(server, `update records set ${change} where partition_key = 'b'`);
    const before = await server.ok('GetRecords', { ShardIterator: await shardIterator(server, 's', 'TRIM_HORIZON') });
    expect(before.Records.map(({ PartitionKey }: Put) => PartitionKey)).toEqual(['a']);
    const { status } = await server.call('GetRecords', { ShardIterator: before.NextShardIterator });
    expect(status).toBe(500);
    expect(server.log.take('error').map(({ fields }) => String((fields as { err: Error }).err))).toEqual([
      expect.stringMatching(/^Error: The record .*is damaged on disk: its checksum does not match\.$/s),
    ]);
  });
});

/** Executes `statement` on rows that are held to nothing, as damage is. */
function changeRows(server: TestServer, statement: string): void {
  const path = join(server.directory, 'millrace.db');
  const lax = openHandle(path);
  lax.unsafeMode(true);
  lax.pragma('writable_schema = on');
  lax.exec(
    `update sqlite_schema
     set sql = replace(replace(replace(sql, ' not null', ''), ') strict', ')'), 'integer not null', 'any')
     where name = 'records'`,
  );
  lax.close();
  const handle = openHandle(path);
  handle.exec(statement);
  handle.close();
}
