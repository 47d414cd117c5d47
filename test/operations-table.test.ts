/** What `npm run operations` counts as a test of an operation. */
import { expect, it } from 'vitest';
import {
  countTestCases,
  helpersOf,
  readTestFiles,
  testCasesByService,
  wordsOfTestCases,
} from '../scripts/operations-table.ts';

const FILE = `import { it } from 'vitest';

const direct = (server) => server.ok('ListShards', {});

async function indirect(server) {
  await direct(server);
}

describe('streams', () => {
  const merge = { operation: 'MergeShards' };

  it('one', async () => {
    await server.ok('PutRecord', {});
  });

  it.each([
    ['a', 'SplitShard'],
    ['b', 'SplitShard'],
  ])('table %s', async (_name, operation) => {
    const local = await server.ok(operation, {});
    expect(local).toBe(1);
  });

  it('in one line', () => expect(merge).toBeDefined());
});

statement('S-001', 'uses helpers', async (server) => {
  await indirect(server);
  await client.send(new PutRecordsCommand({}));
  await kinesis.putRecord({});
});

const unused = 'DeleteStream';
`;

const countsOf = (operations: readonly string[], isOurs: (path: string) => boolean = () => true) =>
  Object.fromEntries(countTestCases(operations, [{ path: 'a.test.ts', source: FILE }], isOurs));

it('each call is a test case, a table too', () => {
  expect(wordsOfTestCases(FILE)).toHaveLength(4);
});

it('operations are named whole, as commands and methods, and by the helpers that a case uses', () => {
  expect(
    countsOf(['PutRecord', 'PutRecords', 'SplitShard', 'MergeShards', 'ListShards', 'DeleteStream', 'Shard']),
  ).toEqual({ PutRecord: 2, PutRecords: 1, SplitShard: 1, MergeShards: 1, ListShards: 1, DeleteStream: 0, Shard: 0 });
});

it('functions that are imported from what tests share count too, with those that they use', () => {
  const helpers = helpersOf([
    "const path = 'ListTagsForStream';\n\nexport const listTags = (server) => server.ok(path);\n\nexport const other = 'SplitShard';\n",
  ]);
  const source =
    "import { listTags } from '../support/tags.ts';\n\nit('lists', async () => {\n  await listTags(server);\n});\n";
  const [words] = wordsOfTestCases(source, helpers);
  expect([words!.has('ListTagsForStream'), words!.has('SplitShard')]).toEqual([true, false]);
});

it('files of another service do not count', () => {
  expect(countsOf(['PutRecord'], (path) => path !== 'a.test.ts')).toEqual({ PutRecord: 0 });
});

it('every operation has test cases of its own, and PutRecord those of its service', () => {
  const { files, helpers } = readTestFiles(import.meta.dirname);
  const counts = testCasesByService({ files, helpers });
  const entries = Object.values(counts).flatMap((operations) => [...operations]);
  expect(entries.length).toBeGreaterThan(20);
  expect(entries.filter(([, count]) => count === 0)).toEqual([]);
  const [ofStreams, ofDeliveries] = Object.values(counts).map((operations) => operations.get('PutRecord')!);
  const all = countTestCases(['PutRecord'], files, () => true, helpers).get('PutRecord')!;
  expect(ofStreams! + ofDeliveries!).toBe(all);
});
