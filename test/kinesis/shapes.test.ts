/** The declared inputs and errors of every operation are those of AWS's API model: nothing missing, nothing invented. */
import { describe, expect, it } from 'vitest';
import { channelService } from '../../src/channels/index.ts';
import { kinesis } from '../../src/kinesis/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { differences, factsOfDeclaration, factsOfModel, readModel } from '../support/model-facts.ts';

const model = readModel('kinesis');
const operations = [...kinesis.operations, ...channelService.operations];

describe('the model', () => {
  it('knows every operation that is declared', () => {
    expect(operations.length, 'no operation was found').toBeGreaterThan(0);
    expect(operations.map(([name]) => name).filter((name) => !(name in model.operations))).toEqual([]);
  });

  it('is compared down to members of elements and to every kind of rule', () => {
    expect(factsOfModel(model, 'PutRecordsInput', 'PutRecords')).toEqual(
      expect.arrayContaining([
        'PutRecords.Records is required',
        'PutRecords.Records max 500',
        'PutRecords.Records[].Data is a blob',
        'PutRecords.Records[].PartitionKey min 1',
        'PutRecords.Records[].ExplicitHashKey pattern 0|([1-9]\\d{0,38})',
      ]),
    );
    expect(factsOfModel(model, 'CreateStreamInput', 'CreateStream')).toEqual(
      expect.arrayContaining([
        'CreateStream.Tags{key} max 128',
        'CreateStream.StreamModeDetails.StreamMode enum ON_DEMAND PROVISIONED',
      ]),
    );
  });
});

describe('the declaration of', () => {
  it.each(operations)('%s has the members and rules of the model', (name, { input }) => {
    const modelled = factsOfModel(model, model.operations[name]!.input, name);
    expect(differences(factsOfDeclaration(input as StructureShape, name), modelled)).toEqual([]);
  });

  it.each(operations)('%s has the errors of the model', (name, { errors }) => {
    const fact = (error: string) => `${name} may throw ${error}`;
    expect(differences(errors.map(fact), model.operations[name]!.errors.map(fact))).toEqual([]);
    expect(errors.length, `${name} declares an error twice`).toBe(new Set(errors).size);
  });
});
