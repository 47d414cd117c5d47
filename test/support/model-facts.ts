/**
 * Facts of the API models and of declared shapes, one line each, so that both can be compared: `Records[].PartitionKey
 * min 1`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyShape, Rules } from '../../src/protocol/shape.ts';

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

export interface Model {
  readonly operations: Readonly<Record<string, { readonly errors: readonly string[]; readonly input: string }>>;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

const fixture = (name: string): Model =>
  JSON.parse(readFileSync(join(import.meta.dirname, '..', 'fixtures', `${name}.json`), 'utf8'));

/**
 * The model of a service in the fixtures. What the newest JavaScript SDK knows of Kinesis beyond it stands in a file of its
 * own: operations and shapes that are new, or take the place of the model's.
 */
export function readModel(name: 'kinesis' | 'firehose'): Model {
  const model = fixture(`${name}-model`);
  if (name === 'firehose') return model;
  const newest = fixture('kinesis-model-newest');
  return {
    operations: { ...model.operations, ...newest.operations },
    shapes: { ...model.shapes, ...newest.shapes },
  };
}

/** Two inputs are the same when their facts are. */
export type Facts = string[];

function rulesOf(path: string, { min, max, pattern, enum: values }: Rules): Facts {
  return [
    min === undefined ? [] : `${path} min ${min}`,
    max === undefined ? [] : `${path} max ${max}`,
    pattern === undefined ? [] : `${path} pattern ${pattern}`,
    // Sorted, because the declarations follow the order of AWS's messages and the model does not.
    values === undefined ? [] : `${path} enum ${[...values].sort().join(' ')}`,
  ].flat();
}

/** Types of the model that have other names in declarations, or are not told apart there. */
const KINDS: Readonly<Record<string, string>> = { long: 'integer', double: 'number', float: 'number' };

/** Of the shape `name` of a model. */
export function factsOfModel(model: Model, name: string, path: string): Facts {
  const shape = model.shapes[name];
  if (shape === undefined) throw new Error(`The model has no shape ${name}.`);
  const { type, members = {}, member, key, value, required = [] } = shape;
  return [
    `${path} is a ${KINDS[type] ?? type}`,
    ...rulesOf(path, shape),
    ...Object.entries(members).flatMap(([memberName, target]) => [
      ...(required.includes(memberName) ? [`${path}.${memberName} is required`] : []),
      ...factsOfModel(model, target, `${path}.${memberName}`),
    ]),
    ...(member === undefined ? [] : factsOfModel(model, member, `${path}[]`)),
    ...(key === undefined ? [] : factsOfModel(model, key, `${path}{key}`)),
    ...(value === undefined ? [] : factsOfModel(model, value, `${path}{value}`)),
  ];
}

export function factsOfDeclaration(shape: AnyShape, path: string): Facts {
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
export function differences(declared: Facts, modelled: Facts): string[] {
  return [
    ...modelled.filter((fact) => !declared.includes(fact)).map((fact) => `only in the model: ${fact}`),
    ...declared.filter((fact) => !modelled.includes(fact)).map((fact) => `only declared: ${fact}`),
  ];
}
