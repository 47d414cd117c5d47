/** The declared inputs and errors of every operation are those of AWS's API model, but for what is refused by name. */
import { describe, expect, it } from 'vitest';
import { firehose } from '../../src/firehose/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { differences, factsOfDeclaration, factsOfModel, readModel } from '../support/model-facts.ts';

const model = readModel('firehose');
const operations = [...firehose.operations];

/** What is in these is not looked at, for they are refused whatever is in them. */
const REFUSED =
  /\.(Splunk|HttpEndpoint|Amazonopensearchservice|AmazonOpenSearchServerless|Snowflake|Iceberg)Destination(Configuration|Update)\.|\.(MSK|Database)SourceConfiguration\./;

/** The service prints this pattern in another form than its model. */
const FILE_EXTENSION = /\.FileExtension pattern /;

const isCompared = (fact: string) => !REFUSED.test(fact) && !FILE_EXTENSION.test(fact);

it('every operation of the model is declared', () => {
  expect(operations.map(([name]) => name).sort()).toEqual(Object.keys(model.operations).sort());
});

it('the comparison leaves out only what it says', () => {
  const facts = factsOfModel(model, 'CreateDeliveryStreamInput', 'C');
  expect(facts.filter(isCompared).length).toBeGreaterThan(300);
  expect(facts).toContain('C.ExtendedS3DestinationConfiguration.FileExtension is a string');
});

describe('the declaration of', () => {
  it.each(operations)('%s has the members and rules of the model', (name, { input }) => {
    const modelled = factsOfModel(model, model.operations[name]!.input, name).filter(isCompared);
    const declared = factsOfDeclaration(input as StructureShape, name).filter(isCompared);
    expect(differences(declared, modelled)).toEqual([]);
  });

  it.each(operations)('%s has the errors of the model', (name, { errors }) => {
    const fact = (error: string) => `${name} may throw ${error}`;
    expect(differences(errors.map(fact), model.operations[name]!.errors.map(fact))).toEqual([]);
    expect(errors.length, `${name} declares an error twice`).toBe(new Set(errors).size);
  });
});
