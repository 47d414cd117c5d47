/** What must be true of the order of records in shards. */
import type { Ledger } from '../ledger.ts';
import type { Observation } from '../observation.ts';
import type { Findings } from './findings.ts';

/** Sequence numbers that one server gives have the same number of digits; others are compared all the same. */
const isBelow = (a: string, b: string): boolean => (a.length === b.length ? a < b : a.length < b.length);

/** Monotonic: within a shard numbers strictly increase and arrivals do not decrease, also from check to check. */
export function checkMonotonic({ streams }: Observation, findings: Findings): void {
  for (const { name, shards } of streams) {
    for (const { index, before, records } of shards) {
      let last = before;
      for (const record of records) {
        const { number, arrivedMs } = record;
        if (last !== null && !isBelow(last.number, number)) {
          findings.add('Monotonic', `In ${name}/${index} the number ${number} follows ${last.number}.`);
        }
        if (last !== null && arrivedMs < last.arrivedMs) {
          findings.add('Monotonic', `In ${name}/${index} the record ${number} arrived before the one in front of it.`);
        }
        last = record;
      }
    }
  }
}

/** A put as one shard sees it. */
interface Stay {
  readonly startUs: number;
  readonly endUs: number;
  first: string;
  last: string;
}

/**
 * RealTimeOrder: when a put was answered before another was sent, its numbers in every shard that both have records in
 * are lower.
 */
export function checkRealTimeOrder(ledger: Ledger, { extent }: Observation, findings: Findings): void {
  for (const [shard, stays] of staysByShard(ledger, extent === 'all' ? 0 : ledger.checked.puts)) {
    const byEnd = stays.toSorted((a, b) => a.endUs - b.endUs);
    let ended = 0;
    let highest: Stay | undefined;
    for (const stay of stays.toSorted((a, b) => a.startUs - b.startUs)) {
      for (; ended < byEnd.length && byEnd[ended]!.endUs < stay.startUs; ended += 1) {
        if (highest === undefined || isBelow(highest.last, byEnd[ended]!.last)) highest = byEnd[ended];
      }
      if (highest === undefined || isBelow(highest.last, stay.first)) continue;
      const message = `In ${shard} ${stay.first} was put after ${highest.last} had been acknowledged, and is not above it.`;
      findings.add('RealTimeOrder', message);
    }
  }
}

function staysByShard(ledger: Ledger, firstPut: number): Map<string, Stay[]> {
  const shards = new Map<string, Stay[]>();
  for (let at = firstPut; at < ledger.puts.length; at += 1) {
    const { target, numbers, shards: indices, startUs, endUs } = ledger.puts[at]!;
    const own = new Map<number, Stay>();
    numbers?.forEach((number, offset) => {
      const shard = indices?.[offset];
      if (number === null || typeof shard !== 'number') return;
      const stay = own.get(shard);
      if (stay === undefined) own.set(shard, { startUs, endUs, first: number, last: number });
      else if (isBelow(number, stay.first)) stay.first = number;
      else if (isBelow(stay.last, number)) stay.last = number;
    });
    for (const [shard, stay] of own) {
      const name = `${target}/${shard}`;
      const stays = shards.get(name);
      if (stays === undefined) shards.set(name, [stay]);
      else stays.push(stay);
    }
  }
  return shards;
}
