/** Histories and observations made by hand, for tests of the checker. */
import { partitionKeyOf } from '../../scripts/torture/bodies.ts';
import type { Change, Outcome, Put } from '../../scripts/torture/history.ts';
import type {
  Observation,
  ObservedObject,
  ObservedRecord,
  ObservedShard,
  ObservedStream,
} from '../../scripts/torture/observation.ts';

export const SIZE = 40;
export const LAST_KEY = 'f'.repeat(32);
export const numberAt = (position: number) => `49${String(position).padStart(54, '0')}`;

/** A put that was answered at once, one after the other by `startUs`. */
export function put(client: number, first: number, positions: readonly number[], more: Partial<Put> = {}): Put {
  return {
    kind: 'put',
    service: 'kinesis',
    operation: 'PutRecords',
    target: 'wide',
    client,
    first,
    sizes: positions.map(() => SIZE),
    startUs: first * 100,
    endUs: first * 100 + 50,
    outcome: 'ok',
    numbers: positions.map(numberAt),
    shards: positions.map(() => 0),
    ...more,
  };
}

/** As a put into a delivery stream is answered. */
export function direct(client: number, first: number, count: number, outcome: Outcome = 'ok'): Put {
  const { numbers: _numbers, shards: _shards, ...rest } = put(client, first, Array(count).fill(0));
  return { ...rest, service: 'firehose', target: 'direct', outcome };
}

export const unknown = ({ numbers: _numbers, shards: _shards, ...rest }: Put): Put => ({ ...rest, outcome: 'unknown' });

export const record = (
  client: number,
  counter: number,
  position: number,
  more: Partial<ObservedRecord> = {},
): ObservedRecord => ({
  number: numberAt(position),
  arrivedMs: 1000 + position,
  partitionKey: partitionKeyOf({ client, counter }),
  body: { client, counter, size: SIZE, isIntact: true },
  ...more,
});

export const shard = (
  index: number,
  records: readonly ObservedRecord[],
  more: Partial<ObservedShard> = {},
): ObservedShard => ({
  index,
  from: '0'.repeat(32),
  to: LAST_KEY,
  isOpen: true,
  parents: [],
  before: null,
  records,
  ...more,
});

export const stream = (name: string, ...shards: readonly ObservedShard[]): ObservedStream => ({
  name,
  status: 'ACTIVE',
  shards,
});

/** An observation of the streams that every world has; `given` stand in the place of those of their names. */
export function observed(given: readonly ObservedStream[], more: Partial<Observation> = {}): Observation {
  const names = ['plain', 'wide', 'fluid', 'source'].filter((name) => !given.some((one) => one.name === name));
  const streams = [...names.map((name) => stream(name, shard(0, []))), ...given];
  return { extent: 'all', streams, cells: {}, returned: [], stuck: [], database: [], ...more };
}

export const wide = (...records: readonly ObservedRecord[]): Observation =>
  observed([stream('wide', shard(0, records))]);

export const object = (
  path: string,
  bodies: readonly (readonly [number, number])[],
  more: Partial<ObservedObject> = {},
) => ({
  path: `torture/${path}`,
  deliveryStream: path.split('/')[0]!,
  bodies: bodies.map(([client, counter]) => ({ client, counter, size: SIZE, isIntact: true })),
  restBytes: 0,
  ...more,
});

export const objects = (...given: readonly ObservedObject[]): Observation => observed([], { objects: given });

export function change(cell: string, to: string, outcome: Outcome = 'ok'): Change {
  return { kind: 'change', client: 1, operation: 'Change', cell, to, startUs: 1, endUs: 2, outcome };
}
