/** Every limit of every declared input, however deep: the last good value is accepted, the first bad one refused. */
import { describe, expect, it } from 'vitest';
import { kinesis } from '../../src/kinesis/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { quotasOf } from '../../src/quotas.ts';
import { badSamples, edgeSamples } from '../support/shape-samples.ts';
import { validationOf } from '../support/validation.ts';

const quotas = quotasOf('relaxed');
const operations = [...kinesis.operations].map(([name, { input }]) => [name, input as StructureShape] as const);

describe('the declared input of', () => {
  it.each(operations)('%s refuses the first value beyond each limit', (_operation, shape) => {
    const wrong = badSamples(shape, quotas)
      .map(({ title, input, item }) => ({ title, said: validationOf(shape, input), item }))
      .filter(({ said, item }) => !said.includes(item))
      .map(({ title, said, item }) => `${title} must be refused (${item}); it was: ${said.slice(0, 200)}`);
    expect(wrong).toEqual([]);
  });

  it.each(operations)('%s accepts the last value within each limit', (_operation, shape) => {
    const wrong = edgeSamples(shape, quotas)
      .map(({ title, input }) => ({ title, said: validationOf(shape, input) }))
      .filter(({ said }) => said !== 'accepted')
      .map(({ title, said }) => `${title} must be accepted; it was: ${said.slice(0, 200)}`);
    expect(wrong).toEqual([]);
  });
});

describe('the samples', () => {
  it('cover the rules of members of elements', () => {
    const shape = kinesis.operations.get('PutRecords')!.input as StructureShape;
    expect(badSamples(shape, quotas).map(({ title }) => title)).toEqual(
      expect.arrayContaining([
        'records missing',
        'records of length 0',
        'records of length 501',
        'records.1.member null',
        'records.1.member.data missing',
        'records.1.member.partitionKey of length 257',
        'records.1.member.explicitHashKey = "#"',
        'records.1.member.explicitHashKey = "#" 100000 times',
        'records.1.member.data of length 10485761',
        'streamName = "#"',
      ]),
    );
    expect(edgeSamples(shape, quotas).map(({ title }) => title)).toContain('input.Records of length 500');
  });

  it('cover the rules of keys and values of maps, of numbers and of nested structures', () => {
    const shape = kinesis.operations.get('CreateStream')!.input as StructureShape;
    expect(badSamples(shape, quotas).map(({ title }) => title)).toEqual(
      expect.arrayContaining([
        'tags of length 201',
        'key of length 129',
        'value of length 257',
        'maxRecordSizeInKiB = 10241',
        'streamModeDetails.streamMode missing',
        'streamModeDetails.streamMode = "#"',
      ]),
    );
  });
});
