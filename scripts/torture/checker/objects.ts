/** What must be true of delivered objects after a flush: each acknowledged record in exactly one, whole and in order. */
import { type BodyName, nameText, partitionKeyOf } from '../bodies.ts';
import type { Put, Settled } from '../history.ts';
import { DELIVERY_STREAMS, SOURCE, SOURCED } from '../layout.ts';
import { isAcknowledged, type Ledger } from '../ledger.ts';
import type { Observation, ObservedObject } from '../observation.ts';
import type { Findings } from './findings.ts';

/** A body's name as one number: counters have 24 bits. */
const keyOf = ({ client, counter }: BodyName): number => client * 2 ** 24 + counter;

/** ObjectExactlyOnce, ObjectOrder, BytesEqual, NoForeign and AtomicRequest of objects; what became of unknown puts. */
export function checkObjects(ledger: Ledger, observation: Observation, findings: Findings): Settled[] {
  const { objects } = observation;
  if (objects === undefined) return [];
  const settled: Settled[] = [];
  for (const deliveryStream of DELIVERY_STREAMS) {
    const own = objects.filter((object) => object.deliveryStream === deliveryStream);
    const target = deliveryStream === SOURCED ? SOURCE : deliveryStream;
    const delivered = deliveredOnce(own, target, ledger, findings);
    // What was deleted by hand was delivered once.
    for (const { path, bodies } of ledger.removed) {
      if (!path.includes(`/${deliveryStream}/`)) continue;
      for (const [client, counter] of bodies) enter({ client, counter }, path, delivered, findings);
    }
    if (deliveryStream === SOURCED) checkSourced(delivered, observation, findings);
    else settled.push(...checkDirect(delivered, target, ledger, findings));
    checkOrder(own, deliveryStream === SOURCED ? partitionKeyOf : ({ client }) => String(client), findings);
  }
  for (const { path, deliveryStream } of objects) {
    if (!DELIVERY_STREAMS.some((name) => name === deliveryStream)) {
      findings.add('NoForeign', `The object ${path} is of no delivery stream of ours.`);
    }
  }
  return settled;
}

/** Names of bodies as numbers, with the path of the object that has it. */
type Delivered = Map<number, string>;

/** Judges each object by itself; returns what is delivered. */
function deliveredOnce(
  objects: readonly ObservedObject[],
  target: string,
  ledger: Ledger,
  findings: Findings,
): Delivered {
  const delivered: Delivered = new Map();
  for (const { path, bodies, restBytes } of objects) {
    if (restBytes < 0) findings.add('BytesEqual', `The object ${path} cannot be decompressed.`);
    if (restBytes > 0)
      findings.add('BytesEqual', `The object ${path} has ${restBytes} bytes at its end that are no record.`);
    if (restBytes === 0 && bodies.length === 0) findings.add('BytesEqual', `The object ${path} is empty.`);
    for (const body of bodies) {
      const put = ledger.putOf(body);
      if (put === undefined || put.target !== target) {
        findings.add('NoForeign', `The record ${nameText(body)} in ${path} was not sent there.`);
        continue;
      }
      const offset = body.counter - put.first;
      if (isAcknowledged(put, offset) === false) {
        findings.add('NoForeign', `The record ${nameText(body)} in ${path} was refused.`);
      }
      if (!body.isIntact || body.size !== put.sizes[offset]) {
        findings.add('BytesEqual', `The record ${nameText(body)} in ${path} is not as it was sent.`);
      }
      enter(body, path, delivered, findings);
    }
  }
  return delivered;
}

function enter(body: BodyName, path: string, delivered: Delivered, findings: Findings): void {
  const before = delivered.get(keyOf(body));
  if (before !== undefined) {
    findings.add('ObjectExactlyOnce', `The record ${nameText(body)} is in ${before} and again in ${path}.`);
  }
  delivered.set(keyOf(body), path);
}

/** What clients put into a delivery stream is there if it was acknowledged. */
function checkDirect(delivered: Delivered, target: string, ledger: Ledger, findings: Findings): Settled[] {
  const settled: Settled[] = [];
  for (const put of ledger.puts) {
    if (put.service !== 'firehose' || put.target !== target) continue;
    if (put.outcome === 'unknown') {
      settled.push(checkUnknown(put, delivered, ledger, findings));
      continue;
    }
    put.sizes.forEach((_size, offset) => {
      const body = { client: put.client, counter: put.first + offset };
      if (!isAcknowledged(put, offset) || delivered.has(keyOf(body))) return;
      findings.add('ObjectExactlyOnce', `The acknowledged record ${nameText(body)} of ${target} is in no object.`);
    });
  }
  return settled;
}

function checkUnknown(put: Put, delivered: Delivered, ledger: Ledger, findings: Findings): Settled {
  const { client, first, sizes, operation, target } = put;
  const count = sizes.filter((_size, offset) => delivered.has(keyOf({ client, counter: first + offset }))).length;
  const name = `The ${operation} ${nameText({ client, counter: first })} of ${sizes.length} records into ${target}`;
  if (count !== 0 && count !== sizes.length) {
    findings.add('AtomicRequest', `${name}, of unknown outcome, was delivered with ${count} of them.`);
  }
  const before = ledger.settled(put);
  if (before === true && count === 0)
    findings.add('NoLoss', `${name} was delivered at an earlier check and is missing.`);
  if (before === false && count > 0) {
    findings.add('NoResurrection', `${name} was not delivered by an earlier flush and is now.`);
  }
  return { kind: 'settled', client, first, isThere: count > 0 };
}

/** Each record of the source is delivered, and no other. */
function checkSourced(delivered: Delivered, { streams }: Observation, findings: Findings): void {
  const inSource = new Set<number>();
  for (const { shards } of streams.filter(({ name }) => name === SOURCE)) {
    for (const { index, records } of shards) {
      for (const { body, number } of records) {
        if (body === null) continue;
        inSource.add(keyOf(body));
        if (delivered.has(keyOf(body))) continue;
        const name = `The record ${nameText(body)} of ${SOURCE}/${index} at ${number}`;
        findings.add('ObjectExactlyOnce', `${name} is in no object.`);
      }
    }
  }
  for (const [key, path] of delivered) {
    if (inSource.has(key)) continue;
    const name = nameText({ client: Math.floor(key / 2 ** 24), counter: key % 2 ** 24 });
    findings.add('NoForeign', `The record ${name} in ${path} is not in its source.`);
  }
}

/** The bodies of one key in one object. */
interface Run {
  readonly object: number;
  readonly first: number;
  last: number;
}

/**
 * ObjectOrder: of each key the counters rise within an object, no two objects have them interleaved, and all keys agree
 * on which object comes first.
 */
function checkOrder(objects: readonly ObservedObject[], orderOf: (body: BodyName) => string, findings: Findings): void {
  const runs = new Map<string, Run[]>();
  objects.forEach(({ path, bodies }, object) => {
    for (const body of bodies) {
      const key = orderOf(body);
      let own = runs.get(key);
      if (own === undefined) {
        own = [];
        runs.set(key, own);
      }
      const run = own.at(-1);
      if (run?.object !== object) {
        own.push({ object, first: body.counter, last: body.counter });
        continue;
      }
      if (body.counter <= run.last) {
        findings.add('ObjectOrder', `In ${path} the record ${nameText(body)} follows ${body.client}:${run.last}.`);
      }
      run.last = body.counter;
    }
  });
  const followers: Set<number>[] = objects.map(() => new Set());
  for (const [key, own] of runs) {
    own.sort((a, b) => a.first - b.first);
    for (const [index, run] of own.slice(1).entries()) {
      const before = own[index]!;
      followers[before.object]!.add(run.object);
      if (run.first > before.last) continue;
      const [one, other] = [objects[before.object]!.path, objects[run.object]!.path];
      findings.add('ObjectOrder', `The records of ${key} are interleaved in ${one} and ${other}.`);
    }
  }
  const knot = firstKnot(followers);
  if (knot !== undefined) {
    findings.add(
      'ObjectOrder',
      `The object ${objects[knot]!.path} comes before another for some and after it for others.`,
    );
  }
}

/** A node that comes both before and after another; undefined when there is none. */
function firstKnot(followers: readonly ReadonlySet<number>[]): number | undefined {
  const awaited = followers.map(() => 0);
  for (const own of followers) for (const next of own) awaited[next]! += 1;
  const free = followers.map((_, node) => node).filter((node) => awaited[node] === 0);
  let count = 0;
  for (let node = free.pop(); node !== undefined; node = free.pop()) {
    count += 1;
    for (const next of followers[node]!) {
      awaited[next]! -= 1;
      if (awaited[next] === 0) free.push(next);
    }
  }
  return count === followers.length ? undefined : awaited.findIndex((left) => left > 0);
}
