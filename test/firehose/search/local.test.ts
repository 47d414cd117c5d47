/** Documents of domains that no server stands for: a table of the Millrace database. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openHandle } from '../../../src/database/handle.ts';
import { bucketFiles, deliverAfter, firehose, flushNow, putRecords, select } from '../../support/firehose.ts';
import { metricValue } from '../../support/metrics.ts';
import { createIndexer } from '../../support/search-server.ts';
import { startTestServer } from '../../support/server.ts';

it('documents are kept in search_documents, readable with SQL', async () => {
  const server = await startTestServer();
  await createIndexer(server, undefined, { TypeName: 't', IndexRotationPeriod: 'OneDay' });
  await putRecords(server, 'd', ['{"a": 1.10}\n', '{"b": "ß"}']);
  await deliverAfter(server, 1000);
  expect(select(server, 'select * from v_search_documents order by id')).toEqual(
    ['{"a": 1.10}', '{"b": "ß"}'].map((body, index) => ({
      domain: 'arn:aws:es:us-east-1:000000000000:domain/logs',
      index_name: 'i-2026-01-02',
      id: expect.stringMatching(new RegExp(`^[0-9a-f-]{36}\\.\\d{13}\\.${index + 1}$`)),
      type_name: 't',
      body,
      arrived: expect.stringMatching(/^2026-01-02T03:04:06\./),
    })),
  );
  expect(select(server, "select json_extract(body, '$.b') as b from search_documents where b is not null")).toEqual([
    { b: 'ß' },
  ]);
  expect(select(server, 'select state, failed from v_deliveries')).toEqual([{ state: 'DELIVERED', failed: 0 }]);
});

it('what a cluster would refuse goes to the bucket', async () => {
  const server = await startTestServer();
  await createIndexer(server);
  await createIndexer(server, 'https://vpc-x.us-east-1.es.amazonaws.com', { IndexName: 'Upper Case' }, 'e');
  await putRecords(server, 'd', ['{"a": 1}', 'no json']);
  await putRecords(server, 'e', ['{"a": 1}']);
  await deliverAfter(server, 1000);
  const errors = bucketFiles(server).map(({ content }) => JSON.parse(content.toString()).errorMessage);
  expect(errors).toEqual([
    expect.stringContaining('it is not JSON'),
    expect.stringMatching(/invalid_index_name_exception.*\[Upper Case\], must be lowercase/),
  ]);
  expect(select(server, 'select body from search_documents')).toEqual([{ body: '{"a": 1}' }]);
  const labels = { deliveryStream: 'd' };
  expect(await metricValue(server, 'millrace_firehose_delivered_records_total', labels)).toBe(2);
  expect(await metricValue(server, 'millrace_firehose_failed_records_total', labels)).toBe(1);
});

it('documents without ids of their own are all kept', async () => {
  const server = await startTestServer();
  await createIndexer(server, undefined, { DocumentIdOptions: { DefaultDocumentIdFormat: 'NO_DOCUMENT_ID' } });
  await putRecords(server, 'd', ['{"a":1}', '{"a":1}']);
  await deliverAfter(server, 1000);
  expect(select(server, 'select count(distinct id) as ids from search_documents')).toEqual([{ ids: 2 }]);
});

it('a batch that is done again changes nothing', async () => {
  const server = await startTestServer();
  await createIndexer(server);
  await putRecords(server, 'd', ['{"a":1}', 'bad', '{"a":3}']);
  await deliverAfter(server, 1000);
  const before = select(server, 'select * from search_documents order by id');
  const records = 'insert into buffered_records (id, end_bytes, arrived_ms, is_text, crc32, data) values ';
  await server.close();
  const handle = openHandle(join(server.directory, 'millrace.db'));
  const again = ['{"a":1}', 'bad', '{"a":3}'].map((data, index) => ({ data, index }));
  const { crc32 } = await import('node:zlib');
  for (const { data, index } of again) {
    const row = handle.prepare(
      `${records} ((1 << 40) | ?, ?, (select first_arrived_ms from deliveries), 1, ?, cast(? as blob))`,
    );
    row.run(index + 1, (index + 1) * 7, crc32(data), data);
  }
  handle.exec(
    "update deliveries set state = 'PLANNED', step = 'INDEX', is_cleared = 0; update search_batches set next_position = 1",
  );
  handle.close();
  const second = await startTestServer({ directory: server.directory, clock: server.clock });
  await deliverAfter(second, 1000);
  expect(select(second, 'select * from search_documents order by id')).toEqual(before);
  expect(bucketFiles(second)).toHaveLength(1);
});

it('a large batch, in slices', async () => {
  const server = await startTestServer();
  await createIndexer(server);
  for (let call = 0; call < 10; call += 1) {
    await putRecords(
      server,
      'd',
      Array.from({ length: 500 }, (_, index) => `{"n":${call * 500 + index}}`),
    );
  }
  const flushed = await flushNow(server, 'd');
  expect(await flushed.json()).toMatchObject({ deliveries: [{ state: 'DELIVERED', bucket: null, key: null }] });
  expect(
    select(server, "select count(*) as documents, sum(json_extract(body, '$.n')) as sum from search_documents"),
  ).toEqual([{ documents: 5000, sum: (4999 * 5000) / 2 }]);
});

it('a delivery stream that is deleted while documents wait leaves nothing behind', async () => {
  const server = await startTestServer();
  await createIndexer(server, 'http://127.0.0.1:1');
  await putRecords(server, 'd', ['bad', '{"a":1}']);
  await deliverAfter(server, 1000);
  await firehose(server, 'DeleteDeliveryStream', { DeliveryStreamName: 'd' });
  await deliverAfter(server, 10_000);
  for (const table of ['buffered_records', 'rejected_documents', 'buffers']) {
    expect(select(server, `select count(*) as rows from ${table}`), table).toEqual([{ rows: 0 }]);
  }
});
