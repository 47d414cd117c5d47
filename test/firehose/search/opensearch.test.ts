/** Documents in a real OpenSearch. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bucketFiles, deliverAllAfter, putRecords, select } from '../../support/firehose.ts';
import { type OpenSearchNode, startOpenSearch } from '../../support/opensearch.ts';
import { createIndexer } from '../../support/search-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let node: OpenSearchNode | undefined;
beforeAll(async () => {
  node = await startOpenSearch();
}, 180_000);
afterAll(() => node?.remove());

/** Declares a test that is skipped where there is no node; the reason was printed. */
const itWithNode = (title: string, test: (node: OpenSearchNode) => Promise<void>) =>
  it(title, { timeout: 60_000 }, async (context) => {
    if (node === undefined) return context.skip();
    await test(node);
  });

const failures = (server: TestServer) =>
  bucketFiles(server).flatMap(({ content }) =>
    content
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );

/** The documents of an index by their ids. */
async function documentsIn({ ask }: OpenSearchNode, index: string): Promise<Record<string, object>> {
  await ask('POST', `/${index}/_refresh`);
  const { hits } = await ask('GET', `/${index}/_search?size=1000`);
  return Object.fromEntries(
    (hits.hits as { _id: string; _source: object }[]).map(({ _id, _source }) => [_id, _source]),
  );
}

itWithNode('records become documents of an index that is made for them', async (node) => {
  const server = await startTestServer();
  await createIndexer(server, node.url, { IndexName: 'events', IndexRotationPeriod: 'OneWeek' });
  await putRecords(server, 'd', ['{"name": "Zoë"}\n', '{"name": "Bo", "big": 9007199254740993}']);
  await deliverAllAfter(server, 1000);
  expect(Object.values(await documentsIn(node, 'events-2026-w01'))).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: 'Zoë' }), expect.objectContaining({ name: 'Bo' })]),
  );
  expect(select(server, 'select state, failed from v_deliveries')).toEqual([{ state: 'DELIVERED', failed: 0 }]);
});

itWithNode('documents that conflict with the mapping go to the bucket, with the error of the cluster', async (node) => {
  await node.ask('PUT', '/strict', { mappings: { properties: { n: { type: 'integer' } } } });
  const server = await startTestServer();
  await createIndexer(server, node.url, { IndexName: 'strict' });
  await putRecords(server, 'd', ['{"n": 1}', '{"n": "not a number"}', '{"n": 3}']);
  await deliverAllAfter(server, 1000);
  expect(Object.values(await documentsIn(node, 'strict'))).toHaveLength(2);
  expect(failures(server)).toMatchObject([
    {
      attemptsMade: 1,
      errorCode: '400',
      errorMessage: expect.stringMatching(/mapper_parsing_exception.*failed to parse field \[n\]/),
      esIndexName: 'strict',
      rawData: btoa('{"n": "not a number"}'),
    },
  ]);
});

itWithNode(
  'names of indices that it refuses, and types, which it has no more, are failures of the documents',
  async (node) => {
    const server = await startTestServer();
    await createIndexer(server, node.url, { IndexName: 'Upper' });
    await createIndexer(server, node.url, { IndexName: 'typed', TypeName: 't' }, 'e');
    await putRecords(server, 'd', ['{"a": 1}']);
    await putRecords(server, 'e', ['{"a": 1}']);
    await deliverAllAfter(server, 1000);
    expect(failures(server).map(({ errorCode, errorMessage }) => [errorCode, errorMessage])).toEqual([
      ['400', expect.stringContaining('invalid_index_name_exception')],
      ['400', expect.stringContaining('_type')],
    ]);
  },
);

itWithNode('a node that goes away in the middle and comes back has each document once', async (node) => {
  const server = await startTestServer();
  await createIndexer(server, node.url, { IndexName: 'lost' });
  const put = (from: number) =>
    putRecords(
      server,
      'd',
      Array.from({ length: 100 }, (_, index) => `{"n": ${from + index}}`),
    );
  await put(0);
  await deliverAllAfter(server, 1000);
  await node.stop();
  await put(100);
  await deliverAllAfter(server, 1000);
  expect(select(server, 'select state, last_error from v_deliveries')).toMatchObject([
    { state: 'DELIVERED' },
    { state: 'PLANNED', last_error: expect.stringContaining('The cluster cannot be reached') },
  ]);
  await server.restart();
  await node.start();
  await deliverAllAfter(server, 5000);
  const documents = Object.values(await documentsIn(node, 'lost')) as { n: number }[];
  expect(documents.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index));
});
