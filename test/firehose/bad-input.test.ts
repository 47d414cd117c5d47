/** Whatever is wrong with a request, the answer says it in AWS's words, and the data is as it was before. */
import { expect, it } from 'vitest';
import { firehose as service } from '../../src/firehose/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { quotasOf } from '../../src/quotas.ts';
import { databaseRows } from '../support/database-rows.ts';
import { callFirehose, createDeliveryStream, firehose, putRecords } from '../support/firehose.ts';
import { startTestServer } from '../support/server.ts';
import { badSamples, jsonOf, wrongTypeSamples } from '../support/shape-samples.ts';
import { itemsOf, pathsOf } from '../support/validation-items.ts';

const operations = [...service.operations].map(([name, { input }]) => [name, input as StructureShape] as const);

/** The rules are the same in all profiles. */
const quotas = quotasOf('relaxed');

/** Firehose does not show the offending values. */
const withoutValue = (item: string) => item.replace(/^Value .*?at '/s, "Value at '");

it('there is a bad input for every rule and type', () => {
  const counts = operations.map(([name, shape]) => [
    name,
    wrongTypeSamples(shape).length,
    badSamples(shape, quotas).length,
  ]);
  const total = (column: 1 | 2) => counts.reduce((sum, count) => sum + Number(count[column]), 0);
  expect(counts.filter(([, wrongTypes, badValues]) => Number(wrongTypes) < 4 || Number(badValues) < 4)).toEqual([]);
  expect(total(1)).toBeGreaterThan(1000);
  expect(total(2)).toBeGreaterThan(500);
});

it.each(operations)('%s names the wrong type or the broken rule, and changes no row', async (operation, shape) => {
  const server = await startTestServer();
  await createDeliveryStream(server, 'a');
  await putRecords(server, 'a', ['kept']);
  await firehose(server, 'TagDeliveryStream', { DeliveryStreamName: 'a', Tags: [{ Key: 'kept', Value: 'value' }] });
  const before = databaseRows(server.directory);
  for (const { title, input, message, wire } of wrongTypeSamples(shape)) {
    const { status, body } = await callFirehose(server, operation, input as object, { wire });
    expect.soft([status, body], title).toEqual([400, { __type: 'SerializationException', Message: message }]);
  }
  for (const { title, input, item } of badSamples(shape, quotas)) {
    const { status, body } = await callFirehose(server, operation, jsonOf(shape, input) as object);
    expect
      .soft([status, body.__type, Object.keys(body)], title)
      .toEqual([400, 'ValidationException', ['__type', 'message']]);
    const items = itemsOf(body.message);
    expect.soft(items, title).toContain(withoutValue(item));
    expect.soft(new Set(pathsOf(items)).size, `${title}: nothing else is wrong with it`).toBe(1);
  }
  expect(databaseRows(server.directory)).toEqual(before);
});

it.each([
  ['Snappy', 'SNAPPY', '[UNCOMPRESSED, GZIP, ZIP, Snappy, HADOOP_SNAPPY]'],
  ['GZIP', 'gzip', '[UNCOMPRESSED, GZIP, ZIP, Snappy, HADOOP_SNAPPY]'],
])('enumerations are exact: %s, not %s', async (_right, wrong, values) => {
  const server = await startTestServer();
  const { body } = await callFirehose(server, 'CreateDeliveryStream', {
    DeliveryStreamName: 'd',
    S3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/r',
      BucketARN: 'arn:aws:s3:::b',
      CompressionFormat: wrong,
    },
  });
  expect(body.message).toBe(
    `1 validation error detected: Value at 's3DestinationConfiguration.compressionFormat' failed to satisfy constraint: Member must satisfy enum value set: ${values}`,
  );
});

it('several broken rules are told together, each with its path', async () => {
  const server = await startTestServer();
  const { body } = await callFirehose(server, 'CreateDeliveryStream', {
    DeliveryStreamName: 'a b',
    ExtendedS3DestinationConfiguration: {
      FileExtension: 'log',
      ProcessingConfiguration: { Processors: [{ Type: 'Lambda' }, { Type: 'Magic' }] },
    },
  });
  expect(itemsOf(body.message)).toEqual([
    "Value at 'deliveryStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    "Value at 'extendedS3DestinationConfiguration.roleARN' failed to satisfy constraint: Member must not be null",
    "Value at 'extendedS3DestinationConfiguration.bucketARN' failed to satisfy constraint: Member must not be null",
    expect.stringContaining("'extendedS3DestinationConfiguration.processingConfiguration.processors.2.member.type'"),
    "Value at 'extendedS3DestinationConfiguration.fileExtension' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(|\\.[0-9a-z!\\-_.*'()]+)$",
  ]);
});

it('unknown members are ignored, also known names where they do not belong', async () => {
  const server = await startTestServer();
  const answer = await callFirehose(server, 'CreateDeliveryStream', {
    DeliveryStreamName: 'd',
    Unknown: { deep: [1] },
    S3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/r',
      BucketARN: 'arn:aws:s3:::b',
      ProcessingConfiguration: { Enabled: true },
    },
  });
  expect(answer.status).toBe(200);
});
