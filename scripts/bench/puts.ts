/**
 * What puts records, under load: single records against a bare server that reads and parses the same requests and stores
 * nothing, batches against a raw loop that inserts the same rows, a commit per batch.
 */
import type { Listen, Listening } from './bare-server.ts';
import type { Cleanup } from './cleanup.ts';
import { type Contestant, type Match, type MatchResult, play } from './contest.ts';
import { fileLoop, type LoadGenerator, rawLoop, serverUnderPuts, type Wire } from './contestants.ts';
import { startDeliveryStream } from './delivery-stream.ts';
import { startHelper } from './helper.ts';
import { type Millrace, startMillrace } from './millrace.ts';
import { batchText, connectionsText, type Plan, SHARDS } from './plan.ts';
import { FIREHOSE, type PutKind, putInputs } from './requests.ts';

export interface PutCase extends PutKind {
  readonly connections: readonly number[];
  /** With h2c, requests in flight on each connection; absent for HTTP/1.1. */
  readonly streams?: number;
  /** The least part of the first yardstick that Millrace should do, by the number of connections. */
  readonly targets?: Readonly<Record<number, number>>;
  /** Whether plain files are a second yardstick. */
  readonly besideFiles?: boolean;
}

/** What Millrace is measured against. */
export interface Yardstick {
  readonly name: string;
  /** The contestant for a wire. */
  readonly on: (wire: Wire) => Contestant;
}

export async function benchPuts(put: PutCase, plan: Plan, cleanup: Cleanup): Promise<MatchResult[]> {
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const millrace = await (isFirehose(put)
    ? startDeliveryStream('UNCOMPRESSED', cleanup)
    : startMillrace(SHARDS, cleanup));
  const yardsticks = [
    put.records === 1 ? await bareServer(put, millrace, generator, cleanup) : await rawInsert(put, cleanup),
    ...(put.besideFiles ? [{ name: 'plain fs', on: always(await fileLoop(put.bytes, cleanup)) }] : []),
  ];
  return play(putMatches(put, underPuts(millrace, put, generator), yardsticks), plan);
}

/** A match against each yardstick for each number of connections. */
export function putMatches(put: PutCase, millrace: Yardstick['on'], yardsticks: readonly Yardstick[]): Match[] {
  return put.connections.flatMap((connections): Match[] => {
    const wire = { connections, streams: put.streams };
    const contestant = millrace(wire);
    return yardsticks.map(({ name, on }, index) => ({
      name: `${operationText(put)}, ${caseText(put)}, ${wireText(wire)}`,
      unit: put.records === 1 ? 'requests/s' : 'records/s',
      millrace: contestant,
      yardstick: { name, contestant: on(wire) },
      target: index === 0 ? put.targets?.[connections] : undefined,
    }));
  });
}

/** A server into which the records of a case are put. */
export const underPuts =
  ({ port }: Pick<Millrace, 'port'>, put: PutKind, generator: LoadGenerator): Yardstick['on'] =>
  (wire) =>
    serverUnderPuts(generator, port, put, wire);

/** What names a case within its operation: `1 KB`, `500 × 256 B, CBOR`, `1 KB, h2c`. */
export const caseText = (put: PutCase): string => `${batchText(put)}${put.streams === undefined ? '' : ', h2c'}`;

function operationText({ target }: PutKind): string {
  const [service, operation] = target.split('.') as [string, string];
  return service === FIREHOSE && operation === 'PutRecord' ? 'PutRecord (Firehose)' : operation;
}

const wireText = ({ connections, streams }: Wire): string =>
  `${connectionsText(connections)}${streams === undefined ? '' : ` × ${streams} streams`}`;

const isFirehose = ({ target }: PutKind): boolean => target.startsWith(FIREHOSE);

const always = (contestant: Contestant) => () => contestant;

async function bareServer(
  put: PutCase,
  { call }: Millrace,
  generator: LoadGenerator,
  cleanup: Cleanup,
): Promise<Yardstick> {
  const [input] = putInputs({ ...put, encoding: 'JSON' }, 1);
  const answer = await call(put.target, input!);
  const helper = startHelper<Listen, Listening>('bare-server', cleanup);
  const protocol = put.streams === undefined ? 'HTTP/1.1' : 'h2c';
  const server = await helper.do({ protocol, encoding: put.encoding, answer });
  return { name: protocol === 'h2c' ? 'bare node:http2' : 'bare node:http', on: underPuts(server, put, generator) };
}

async function rawInsert(put: PutCase, cleanup: Cleanup): Promise<Yardstick> {
  const table = isFirehose(put) ? 'buffered_records' : 'records';
  return { name: 'raw insert', on: always(await rawLoop('insert', { ...put, table }, cleanup)) };
}
