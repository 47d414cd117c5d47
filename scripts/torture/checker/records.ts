/** What must be true of the records in streams: all that was acknowledged, and nothing else, as it was sent. */
import { hexOf, nameText, partitionKeyOf } from '../bodies.ts';
import type { Put, Settled } from '../history.ts';
import { mayBeExplicit, targetParts } from '../layout.ts';
import { isAcknowledged, type Ledger } from '../ledger.ts';
import type { Observation, ObservedRecord, ObservedShard, ObservedStream } from '../observation.ts';
import type { Findings } from './findings.ts';

/** Where a body was found. */
interface Place {
  readonly stream: string;
  readonly shard: number;
  readonly number: string;
}

/** By index of the put, then by index of the record in it. */
type Found = Map<number, (Place | undefined)[]>;

/**
 * NoLoss, NoForeign, NoDuplicate, SameSequence, AtomicRequest, BytesEqual and NoResurrection of records. Returns what
 * became of the puts of unknown outcome.
 */
export function checkRecords(ledger: Ledger, observation: Observation, findings: Findings): Settled[] {
  const found: Found = new Map();
  const firstPut = observation.extent === 'all' ? 0 : ledger.checked.puts;
  for (const stream of observation.streams) {
    for (const shard of stream.shards) {
      for (const record of shard.records) enter(record, shard, stream, { ledger, firstPut, found, findings });
    }
  }
  const settled: Settled[] = [];
  for (let index = firstPut; index < ledger.puts.length; index += 1) {
    const put = ledger.puts[index]!;
    if (put.service !== 'kinesis') continue;
    const verdict = checkPut(put, found.get(index) ?? [], ledger, findings);
    if (verdict !== undefined) settled.push(verdict);
  }
  checkReads(ledger, observation, found, findings);
  return settled;
}

interface Entering {
  readonly ledger: Ledger;
  readonly firstPut: number;
  readonly found: Found;
  readonly findings: Findings;
}

/** Judges a record by itself, and notes where its body is. */
function enter(record: ObservedRecord, shard: ObservedShard, stream: ObservedStream, entering: Entering): void {
  const { ledger, firstPut, found, findings } = entering;
  const { body, number } = record;
  const where = `${stream.name}/${shard.index} at ${number}`;
  if (body === null) return findings.add('NoForeign', `There is a record in ${where} that is none of ours, or broken.`);
  const index = ledger.indexOf(body);
  const put = ledger.puts[index];
  if (put === undefined) {
    return findings.add('NoForeign', `The body ${nameText(body)} in ${where} was sent by nobody.`);
  }
  const { stream: meantStream, life } = targetParts(put.target);
  if (meantStream !== stream.name) {
    return findings.add('NoForeign', `The body ${nameText(body)} for ${put.target} is in ${where}.`);
  }
  if (ledger.lifeThere(stream.name) !== life) {
    const message = `The body ${nameText(body)} for ${put.target} is in ${where}, a later stream of that name.`;
    return findings.add('NoResurrection', message);
  }
  const offset = body.counter - put.first;
  if (isAcknowledged(put, offset) === false) {
    findings.add(
      'NoForeign',
      `The body ${nameText(body)} in ${where} was refused (${put.error ?? 'by an ErrorCode'}).`,
    );
  }
  if (!body.isIntact || body.size !== put.sizes[offset] || record.partitionKey !== partitionKeyOf(body)) {
    findings.add('BytesEqual', `The body ${nameText(body)} in ${where} is not as it was sent.`);
  }
  const hex = hexOf(body, mayBeExplicit(stream.name));
  if (hex < shard.from || hex > shard.to) {
    findings.add(
      'BytesEqual',
      `The body ${nameText(body)} in ${where} has the hash key ${hex}, which is of another shard.`,
    );
  }
  if (index < firstPut) {
    const guarantee = put.outcome === 'ok' ? 'NoDuplicate' : 'NoResurrection';
    return findings.add(guarantee, `The body ${nameText(body)} in ${where} appeared after an earlier check.`);
  }
  note(index, offset, { stream: stream.name, shard: shard.index, number }, found, () =>
    findings.add('NoDuplicate', `The body ${nameText(body)} is more than once in ${stream.name}, again in ${where}.`),
  );
}

function note(index: number, offset: number, place: Place, found: Found, onDuplicate: () => void): void {
  let places = found.get(index);
  if (places === undefined) {
    places = [];
    found.set(index, places);
  }
  if (places[offset] !== undefined) return onDuplicate();
  places[offset] = place;
}

/** Judges a put by what was found of it. */
function checkPut(
  put: Put,
  places: readonly (Place | undefined)[],
  ledger: Ledger,
  findings: Findings,
): Settled | undefined {
  const count = places.reduce((sum, place) => sum + (place === undefined ? 0 : 1), 0);
  if (put.outcome === 'unknown') return checkUnknown(put, count, ledger, findings);
  if (put.outcome === 'fail' || ledger.isTargetThere(put.target) !== true) return undefined;
  for (let offset = 0; offset < put.sizes.length; offset += 1) {
    if (put.numbers?.[offset] === null) continue;
    const body = nameText({ client: put.client, counter: put.first + offset });
    const place = places[offset];
    if (place === undefined) {
      findings.add(
        'NoLoss',
        `The record ${body}, acknowledged as ${put.numbers?.[offset]} of ${put.target}, is missing.`,
      );
    } else if (place.number !== put.numbers?.[offset] || place.shard !== put.shards?.[offset]) {
      const acknowledged = `${put.target}/${put.shards?.[offset]} at ${put.numbers?.[offset]}`;
      findings.add(
        'SameSequence',
        `The record ${body}, acknowledged in ${acknowledged}, is in shard ${place.shard} at ${place.number}.`,
      );
    }
  }
  return undefined;
}

/** All of it or nothing, and once that was found out it stays so. */
function checkUnknown(put: Put, count: number, ledger: Ledger, findings: Findings): Settled | undefined {
  const { client, first, sizes, target } = put;
  if (ledger.isTargetThere(target) !== true) return undefined;
  const name = `The ${put.operation} ${nameText({ client, counter: first })} of ${sizes.length} records into ${target}`;
  if (count !== 0 && count !== sizes.length) {
    findings.add('AtomicRequest', `${name}, of unknown outcome, is there with ${count} of them.`);
  }
  const before = ledger.settled(put);
  const isThere = count > 0;
  if (before === true && !isThere) findings.add('NoLoss', `${name} was there at an earlier check and is missing.`);
  if (before === false && isThere)
    findings.add('NoResurrection', `${name} was not there at an earlier check and is now.`);
  return { kind: 'settled', client, first, isThere };
}

/** What a reader was shown stays: nothing was shown that could still be taken back. */
function checkReads(ledger: Ledger, { extent }: Observation, found: Found, findings: Findings): void {
  const from = extent === 'all' ? 0 : ledger.checked.reads;
  const firstPut = extent === 'all' ? 0 : ledger.checked.puts;
  for (const { target, shard, records } of ledger.reads.slice(from)) {
    for (const [client, counter, number] of records) {
      const index = ledger.indexOf({ client, counter });
      const put = ledger.puts[index];
      // What an earlier check has seen is read again when everything is.
      if (put !== undefined && index < firstPut) continue;
      const place = put && found.get(index)?.[counter - put.first];
      if (place?.number === number && place.shard === shard) continue;
      const now = place === undefined ? 'is missing' : `is in shard ${place.shard} at ${place.number}`;
      const shown = `shown to a reader in ${target}/${shard} at ${number}`;
      findings.add(
        place === undefined ? 'NoLoss' : 'SameSequence',
        `The record ${client}:${counter}, ${shown}, ${now}.`,
      );
    }
  }
}
