/** Documents on their way to a cluster that answers all there is: taken, refused, too large, not at all. */
import { expect, it } from 'vitest';
import {
  bucketFiles,
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAfter,
  deliverAllAfter,
  flushNow,
  putRecords,
  S3,
  select,
} from '../../support/firehose.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createIndexer, elasticsearchAt, startSearchServer } from '../../support/search-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { until } from '../../support/until.ts';

const state = (server: TestServer) =>
  select(server, 'select state, step, failed from v_deliveries order by delivery_id');

const DELIVERED = { state: 'DELIVERED', step: null, failed: 0 };

/** The lines of the files that documents which failed are written to. */
const failedLines = (server: TestServer) =>
  bucketFiles(server)
    .filter(({ path }) => path.startsWith('AmazonOpenSearchService-failed/'))
    .flatMap(({ content }) => content.toString().trimEnd().split('\n'))
    .map((line) => JSON.parse(line));

const idsOf = (documents: readonly { readonly index: { readonly _id?: string } }[]) =>
  documents.map(({ index }) => index._id);

it('each record is a document with an id of its own, in one bulk request', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  await putRecords(server, 'd', ['{"a": 1.10}\n', ' {"b":"ß"}']);
  await deliverAllAfter(server, 1000);
  const [documents] = cluster.requests;
  expect(documents!.map(({ body }) => body)).toEqual(['{"a": 1.10}', '{"b":"ß"}']);
  expect(documents!.map(({ index }) => index)).toEqual([
    { _index: 'i', _id: expect.stringMatching(/^[0-9a-f-]{36}\.\d{13}\.1$/) },
    { _index: 'i', _id: expect.stringMatching(/^[0-9a-f-]{36}\.\d{13}\.2$/) },
  ]);
  expect(cluster.headers[0]!['content-type']).toBe('application/x-ndjson');
  expect(state(server)).toEqual([DELIVERED]);
  expect(select(server, 'select bucket, key from v_deliveries'), 'no object was made').toEqual([
    { bucket: null, key: null },
  ]);
  expect(bucketFiles(server)).toEqual([]);
  expect(select(server, 'select count(*) as left from buffered_records')).toEqual([{ left: 0 }]);
});

it('a type is sent, an id is not, where the configuration says so', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  const DocumentIdOptions = { DefaultDocumentIdFormat: 'NO_DOCUMENT_ID' };
  await createIndexer(server, cluster.url, { TypeName: 't', DocumentIdOptions, IndexRotationPeriod: 'OneHour' });
  await putRecords(server, 'd', ['{}']);
  await deliverAllAfter(server, 1000);
  expect(cluster.requests[0]![0]!.index).toEqual({ _index: 'i-2026-01-02-03', _type: 't' });
});

it.each([503, 429, 401, 403, 404, 500, 'reset'] as const)(
  '%s: the same documents again, 5 seconds later',
  async (reaction) => {
    const cluster = await startSearchServer();
    const server = await startTestServer();
    await createIndexer(server, cluster.url);
    cluster.react(reaction);
    await putRecords(server, 'd', ['{"a":1}', '{"a":2}']);
    await deliverAllAfter(server, 1000);
    expect(state(server)).toEqual([{ state: 'PLANNED', step: 'INDEX', failed: 0 }]);
    await deliverAllAfter(server, 4000);
    expect(cluster.requests.length, 'not before 5 seconds').toBe(1);
    await deliverAllAfter(server, 1000);
    expect(idsOf(cluster.requests[1]!)).toEqual(idsOf(cluster.requests[0]!));
    expect(state(server)).toEqual([DELIVERED]);
  },
);

it('documents that are refused for now are sent again, without the others', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  cluster.react([201, 429, 503, 200]);
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}']);
  await deliverAllAfter(server, 1000);
  expect(select(server, 'select last_error from v_deliveries')[0].last_error).toBe(
    'The cluster refused 2 documents for now, one of them with {"type":"some_exception","reason":"as the test wants it"}',
  );
  cluster.react([429, 201]);
  await deliverAllAfter(server, 5000);
  await deliverAllAfter(server, 10_000);
  expect(cluster.requests.map((documents) => documents.map(({ body }) => body.at(-2)))).toEqual([
    ['1', '2', '3', '4'],
    ['2', '3'],
    ['2'],
  ]);
  expect([state(server), bucketFiles(server)]).toEqual([[DELIVERED], []]);
});

it('documents that are refused for good are written into the bucket, in the form of the service', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url, {
    IndexRotationPeriod: 'OneMonth',
    S3Configuration: { ...S3, Prefix: 'p/' },
  });
  cluster.react([201, 400, 201]);
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}', '{"a":3}']);
  await deliverAllAfter(server, 1000);
  const [file, ...others] = bucketFiles(server);
  expect(others).toEqual([]);
  expect(file!.path).toMatch(
    /^p\/AmazonOpenSearchService-failed\/2026\/01\/02\/03\/d-1-2026-01-02-03-04-06-[0-9a-f-]{36}$/,
  );
  const [{ arrived }] = select(server, 'select first_arrived_ms as arrived from deliveries');
  const id = cluster.requests[0]![1]!.index._id;
  expect(file!.content.toString()).toBe(
    `{"attemptsMade":1,"arrivalTimestamp":${arrived},"errorCode":"400","errorMessage":` +
      '"{\\"type\\":\\"some_exception\\",\\"reason\\":\\"as the test wants it\\"}",' +
      `"attemptEndingTimestamp":${arrived + 1000},"esDocumentId":"${id}","esIndexName":"i-2026-01","esTypeName":"",` +
      `"rawData":"${Buffer.from('{"a":2}').toString('base64')}"}\n`,
  );
  expect(state(server)).toEqual([{ ...DELIVERED, failed: 1 }]);
  expect(select(server, 'select key, object_bytes from v_deliveries')).toEqual([
    { key: file!.path, object_bytes: file!.content.length },
  ]);
  expect(select(server, 'select count(*) as left from rejected_documents')).toEqual([{ left: 0 }]);
});

it('a cluster that stays away: after 300 seconds all documents are in the bucket, and later batches are tried', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  const ErrorOutputPrefix = 'bad/!{firehose:error-output-type}/!{timestamp:yyyy}/';
  await createIndexer(server, cluster.url, {
    S3Configuration: { ...S3, ErrorOutputPrefix, CompressionFormat: 'UNCOMPRESSED' },
  });
  cluster.reactAlways(503);
  await putRecords(server, 'd', ['{"a":1}', 'bad', '{"a":3}']);
  for (let second = 0; second < 299; second += 1) await deliverAfter(server, 1000);
  await deliverAllAfter(server, 0);
  expect(cluster.requests.length, 'after 5, 10, 20, 40, 80 and 160 seconds').toBe(6);
  expect(bucketFiles(server)).toEqual([]);
  await deliverAllAfter(server, 3000);
  expect(state(server)).toEqual([{ ...DELIVERED, failed: 3 }]);
  const [file] = bucketFiles(server);
  expect(file!.path).toMatch(/^bad\/AmazonOpenSearchService-failed\/2026\/d-1-/);
  const lines = file!.content
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ errorCode, attemptsMade, rawData }) => [errorCode, attemptsMade, atob(rawData)])).toEqual([
    ['503', 7, '{"a":1}'],
    ['503', 7, 'bad'],
    ['503', 7, '{"a":3}'],
  ]);
  cluster.reactAlways('take');
  await putRecords(server, 'd', ['{"a":4}']);
  await deliverAllAfter(server, 1000);
  expect(cluster.requests.at(-1)!.map(({ body }) => body)).toEqual(['{"a":4}']);
});

it('no retries: into the bucket at once', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url, { RetryOptions: { DurationInSeconds: 0 } });
  cluster.react('reset');
  await putRecords(server, 'd', ['{"a":1}']);
  await deliverAllAfter(server, 1000);
  expect(failedLines(server)).toMatchObject([{ attemptsMade: 1, errorCode: 'ES.ServiceException' }]);
});

it('too large a request is halved until it fits; a document that is too large alone goes to the bucket', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  cluster.react(413, 413, 'take', 413, 'take');
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}']);
  await deliverAllAfter(server, 1000);
  expect(cluster.requests.map(({ length }) => length)).toEqual([4, 2, 1, 1, 2]);
  expect(failedLines(server)).toMatchObject([{ errorCode: '413', rawData: btoa('{"a":2}') }]);
  expect(state(server)).toEqual([{ ...DELIVERED, failed: 1 }]);
});

it('what was taken before the cluster went away is not sent again, nor written into the bucket', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url, { DocumentIdOptions: { DefaultDocumentIdFormat: 'NO_DOCUMENT_ID' } });
  cluster.react(413, 'take', 503, 503);
  await putRecords(server, 'd', ['{"a":1}', 'bad', '{"a":2}', '{"a":3}', 'bad too']);
  await deliverAllAfter(server, 1000);
  await deliverAllAfter(server, 5000);
  expect(cluster.requests.map((documents) => documents.map(({ body }) => body))).toEqual([
    ['{"a":1}', '{"a":2}', '{"a":3}'],
    ['{"a":1}', '{"a":2}'],
    ['{"a":3}'],
    ['{"a":3}'],
  ]);
  await deliverAllAfter(server, 10_000);
  expect(failedLines(server).map(({ rawData }) => atob(rawData))).toEqual(['bad', 'bad too']);
  expect(state(server)).toEqual([{ ...DELIVERED, failed: 2 }]);
});

it('without retries each batch has an attempt of its own', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url, {
    RetryOptions: { DurationInSeconds: 0 },
    BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 0 },
  });
  cluster.react('reset');
  const large = `{"a":"${'x'.repeat(900_000)}"}`;
  for (let n = 0; n < 3; n += 1) await putRecords(server, 'd', [large, large]);
  await deliverAllAfter(server, 1000);
  expect(state(server)).toEqual([{ ...DELIVERED, failed: 2 }, DELIVERED, DELIVERED]);
});

it('after the clock was set back the time for attempts is as long as ever', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  cluster.reactAlways(503);
  await putRecords(server, 'd', ['{"a":1}']);
  server.clock.advance(365 * 86_400_000);
  await deliverAllAfter(server, 0);
  server.clock.advance(-365 * 86_400_000);
  for (let minute = 0; minute < 6; minute += 1) await deliverAllAfter(server, 60_000);
  expect(failedLines(server)).toHaveLength(1);
  expect(cluster.requests.length).toBeLessThan(10);
});

it('documents that are refused for now go to the bucket when there is no time for more', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url, { RetryOptions: { DurationInSeconds: 0 } });
  cluster.react([429]);
  await putRecords(server, 'd', ['{"a":1}']);
  await deliverAllAfter(server, 1000);
  expect(failedLines(server)).toMatchObject([{ errorCode: '429', attemptsMade: 1 }]);
});

it('what is no document never reaches the cluster, and cannot become another action there', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  const bad = [
    'no json',
    '',
    '[1]',
    '"text"',
    '{"a":\n1}',
    '{}\n{"delete":{"_index":"i","_id":"1"}}',
    Buffer.from('7bff7d', 'hex'),
  ];
  await putRecords(server, 'd', [...bad, '{"good":1}']);
  await deliverAllAfter(server, 1000);
  expect(cluster.requests.map((documents) => documents.map(({ body }) => body))).toEqual([['{"good":1}']]);
  expect(failedLines(server).map(({ rawData }) => rawData)).toEqual(
    bad.map((data) => Buffer.from(data).toString('base64')),
  );
  expect(failedLines(server)[0]).toMatchObject({
    errorCode: '400',
    errorMessage: '{"type":"mapper_parsing_exception","reason":"failed to parse: it is not JSON"}',
  });
});

it('a request that the cluster refuses as a whole for what is in it is not repeated', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url, { TypeName: 't' });
  cluster.react(400);
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}']);
  await deliverAllAfter(server, 1000);
  expect(failedLines(server)).toMatchObject([
    { errorCode: '400', esTypeName: 't', errorMessage: expect.stringContaining('some_exception') },
    { errorCode: '400' },
  ]);
});

it('an answer for other documents than were sent is not believed', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  cluster.react([201]);
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}']);
  await deliverAllAfter(server, 1000);
  expect(select(server, 'select state, last_error from v_deliveries')).toEqual([
    { state: 'PLANNED', last_error: 'The cluster answered for 1 of 2 documents.' },
  ]);
});

it('a slow answer is an answer', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  cluster.react('slow');
  await putRecords(server, 'd', ['{"a":1}']);
  await deliverAllAfter(server, 1000);
  expect([state(server), cluster.requests.length]).toEqual([[DELIVERED], 1]);
});

it('an answer without end, or one that is none, is an attempt that failed', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  await createIndexer(server, cluster.url);
  cluster.react('endless', 'nonsense');
  await putRecords(server, 'd', ['{"a":1}']);
  const lastError = () => select(server, 'select last_error from v_deliveries')[0].last_error;
  await deliverAllAfter(server, 1000);
  expect(lastError()).toBe('The cluster cannot be reached: its answer is longer than 67108864 bytes.');
  await deliverAllAfter(server, 5000);
  expect(lastError()).toBe('The cluster answered with what is no JSON object: <html>');
  await deliverAllAfter(server, 10_000);
  expect(state(server)).toEqual([DELIVERED]);
});

it('all documents are backed up where that is wanted, those that failed besides', async () => {
  const cluster = await startSearchServer();
  const server = await startTestServer();
  const hints = { IntervalInSeconds: 60, SizeInMBs: 5 };
  await createIndexer(server, cluster.url, {
    S3BackupMode: 'AllDocuments',
    S3Configuration: { ...S3, BufferingHints: hints },
  });
  cluster.react([201, 400]);
  await putRecords(server, 'd', ['{"a":1}', '{"a":2}']);
  await deliverAllAfter(server, 60_000);
  expect(failedLines(server)).toMatchObject([{ rawData: btoa('{"a":2}') }]);
  expect(bucketText(server)).toContain('{"a":1}{"a":2}');
});

it('an endpoint that hangs is given up after 30 seconds; other delivery streams go on meanwhile', async () => {
  const clock = createManualClock();
  const cluster = await startSearchServer();
  const server = await startTestServer({ clock });
  const names = Array.from({ length: 12 }, (_, index) => `hanging-${index}`);
  for (const name of names) await createIndexer(server, cluster.url, {}, name);
  await createDeliveryStream(server, 'z', {
    ExtendedS3DestinationConfiguration: { ...S3, BufferingHints: { IntervalInSeconds: 0 } },
  });
  cluster.reactAlways('hang');
  for (const name of names) await putRecords(server, name, ['{"a":1}']);
  const flushed = async (condition: () => boolean) => {
    const job = server.runJob('flush');
    await until(condition);
    // The job waits no longer for what hangs.
    clock.fire(900);
    await job;
  };
  clock.advance(1000);
  await flushed(() => cluster.requests.length === 12);
  await putRecords(server, 'z', ['delivered']);
  await flushed(() => bucketText(server) === 'delivered');
  cluster.reactAlways('take');
  clock.fire(30_000);
  const count = (what: string) => select(server, `select count(*) as count from v_deliveries where ${what}`)[0].count;
  await until(() => count("attempts = 1 and last_error like '%no answer within 30 seconds%'") === 12);
  clock.advance(5000);
  await flushed(() => count("state = 'DELIVERED'") === 13);
});

it('a server stands in for domains on AWS, with a password that nobody is told', async () => {
  const cluster = await startSearchServer();
  const url = cluster.url.replace('http://', 'http://admin:canary-4711@');
  const server = await startTestServer({ settings: { ELASTICSEARCH_ENDPOINT: url } });
  await createIndexer(server);
  await createIndexer(server, 'https://search-x.us-east-1.es.amazonaws.com', {}, 'e');
  cluster.react(401, 'reset');
  await putRecords(server, 'd', ['{"a":1}']);
  await deliverAllAfter(server, 1000);
  await flushNow(server, 'd');
  await putRecords(server, 'e', ['{"a":2}']);
  await deliverAllAfter(server, 10_000);
  expect(cluster.headers.every(({ authorization }) => authorization === `Basic ${btoa('admin:canary-4711')}`)).toBe(
    true,
  );
  expect(cluster.requests.length).toBe(4);
  expect(JSON.stringify([server.log.entries, select(server, 'select * from deliveries')])).not.toContain('canary');
});

it.each([
  'http://169.254.169.254',
  'http://[fd00:ec2::254]',
  'http://[::ffff:169.254.169.254]:80',
  'http://0.0.0.0:9200',
])('nothing is delivered to %s', async (endpoint) => {
  const server = await startTestServer();
  await createIndexer(server, endpoint);
  await putRecords(server, 'd', ['{"a":1}']);
  await deliverAllAfter(server, 1000);
  expect(select(server, 'select last_error from v_deliveries')[0].last_error).toMatch(/^Nothing is delivered to /);
});

it('endpoints that are none, or that everybody would see a password in, are refused', async () => {
  const server = await startTestServer();
  const create = async (endpoint: string) =>
    (await callFirehose(server, 'CreateDeliveryStream', { DeliveryStreamName: 'd', ...elasticsearchAt(endpoint) })).body
      .message;
  expect(await create('https:')).toBe('ClusterEndpoint must be an http or https URL.');
  expect(await create('https://u:p@h')).toMatch(/^ClusterEndpoint must not contain a user or a password; /);
  expect(await create('ftp://h')).toMatch(/Member must satisfy regular expression pattern: https:\.\*$/);
});
