/** The declared inputs and errors of every operation are those of AWS's API model: nothing missing, nothing invented. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kinesis } from '../../src/kinesis/index.ts';
import type { AnyShape, Rules, StructureShape } from '../../src/protocol/shape.ts';

interface ModelShape {
  readonly type: string;
  readonly required?: readonly string[];
  readonly members?: Readonly<Record<string, string>>;
  readonly member?: string;
  readonly key?: string;
  readonly value?: string;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

interface Model {
  readonly operations: Readonly<Record<string, { readonly errors: readonly string[]; readonly input: string }>>;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

const model: Model = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'kinesis-model.json'), 'utf8'),
);

/** One line per fact: `Records[].PartitionKey min 1`. Two inputs are the same when their facts are. */
type Facts = string[];

function rulesOf(path: string, { min, max, pattern, enum: values }: Rules): Facts {
  return [
    min === undefined ? [] : `${path} min ${min}`,
    max === undefined ? [] : `${path} max ${max}`,
    pattern === undefined ? [] : `${path} pattern ${pattern}`,
    // Sorted, because the declarations follow the order of AWS's messages and the model does not.
    values === undefined ? [] : `${path} enum ${[...values].sort().join(' ')}`,
  ].flat();
}

function factsOfModel(name: string, path: string): Facts {
  const shape = model.shapes[name];
  if (shape === undefined) throw new Error(`The model has no shape ${name}.`);
  const { type, members = {}, member, key, value, required = [] } = shape;
  return [
    `${path} is a ${type}`,
    ...rulesOf(path, shape),
    ...Object.entries(members).flatMap(([memberName, target]) => [
      ...(required.includes(memberName) ? [`${path}.${memberName} is required`] : []),
      ...factsOfModel(target, `${path}.${memberName}`),
    ]),
    ...(member === undefined ? [] : factsOfModel(member, `${path}[]`)),
    ...(key === undefined ? [] : factsOfModel(key, `${path}{key}`)),
    ...(value === undefined ? [] : factsOfModel(value, `${path}{value}`)),
  ];
}

function factsOfDeclaration(shape: AnyShape, path: string): Facts {
  const own = [`${path} is a ${shape.kind}`, ...(shape.kind === 'structure' ? [] : rulesOf(path, shape.rules))];
  switch (shape.kind) {
    case 'structure':
      return [
        ...own,
        ...shape.members.flatMap((member) => [
          // What only one profile requires is stricter than today's model.
          ...(member.required === true ? [`${path}.${member.name} is required`] : []),
          ...factsOfDeclaration(member.shape, `${path}.${member.name}`),
        ]),
      ];
    case 'list':
      return [...own, ...factsOfDeclaration(shape.member, `${path}[]`)];
    case 'map':
      return [
        ...own,
        ...factsOfDeclaration(shape.key, `${path}{key}`),
        ...factsOfDeclaration(shape.value, `${path}{value}`),
      ];
    default:
      return own;
  }
}

/** The facts on one side only, each with the name of the side that has it. */
function differences(declared: Facts, modelled: Facts): string[] {
  return [
    ...modelled.filter((fact) => !declared.includes(fact)).map((fact) => `only in the model: ${fact}`),
    ...declared.filter((fact) => !modelled.includes(fact)).map((fact) => `only declared: ${fact}`),
  ];
}

const operations = [...kinesis.operations];

describe('the model', () => {
  it('knows every operation that is declared', () => {
    expect(operations.length, 'no operation was found').toBeGreaterThan(0);
    expect(operations.map(([name]) => name).filter((name) => !(name in model.operations))).toEqual([]);
  });

  it('is compared down to members of elements and to every kind of rule', () => {
    expect(factsOfModel('PutRecordsInput', 'PutRecords')).toEqual(
      expect.arrayContaining([
        'PutRecords.Records is required',
        'PutRecords.Records max 500',
        'PutRecords.Records[].Data is a blob',
        'PutRecords.Records[].PartitionKey min 1',
        'PutRecords.Records[].ExplicitHashKey pattern 0|([1-9]\\d{0,38})',
      ]),
    );
    expect(factsOfModel('CreateStreamInput', 'CreateStream')).toEqual(
      expect.arrayContaining([
        'CreateStream.Tags{key} max 128',
        'CreateStream.StreamModeDetails.StreamMode enum ON_DEMAND PROVISIONED',
      ]),
    );
  });
});

describe('the declaration of', () => {
  it.each(operations)('%s has the members and rules of the model', (name, { input }) => {
    const modelled = factsOfModel(model.operations[name]!.input, name);
    expect(differences(factsOfDeclaration(input as StructureShape, name), modelled)).toEqual([]);
  });

  it.each(operations)('%s has the errors of the model', (name, { errors }) => {
    const fact = (error: string) => `${name} may throw ${error}`;
    expect(differences(errors.map(fact), model.operations[name]!.errors.map(fact))).toEqual([]);
    expect(errors.length, `${name} declares an error twice`).toBe(new Set(errors).size);
  });
});
