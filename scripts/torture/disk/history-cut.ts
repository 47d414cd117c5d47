/** A history as it was at a moment: what clients knew when the power was cut. */
import type { Entry, Put } from '../history.ts';

/**
 * What of `entries` was known at `atNs`. Requests that were under way then have an unknown outcome; those that had not
 * begun never happened. What was found out without a time of its own was found out before the next entry that has one.
 */
export function historyAt(entries: readonly Entry[], atNs: number): Entry[] {
  const known: Entry[] = [];
  let nextNs = Number.POSITIVE_INFINITY;
  for (const entry of entries.toReversed()) {
    switch (entry.kind) {
      case 'put':
      case 'change':
      case 'reshard':
      case 'scale':
        nextNs = endNs(entry.endUs);
        if (nextNs <= atNs) known.push(entry);
        else if (entry.startUs * 1000 < atNs) known.push(asUnknown(entry));
        break;
      case 'mark':
      case 'read':
        nextNs = endNs(entry.atUs);
        if (nextNs <= atNs) known.push(entry);
        break;
      case 'beginning':
        known.push(entry);
        break;
      case 'removed':
        // By a hand that was not recorded: the object is still there.
        break;
      default:
        if (nextNs <= atNs) known.push(entry);
    }
  }
  return known.reverse();
}

/** Microseconds are rounded down: it had happened for certain when the next one began. */
const endNs = (us: number): number => (us + 1) * 1000;

type Timed = Extract<Entry, { readonly kind: 'put' | 'change' | 'reshard' | 'scale' }>;

/** What was going to be refused had no effect at any time. */
function asUnknown(entry: Timed): Entry {
  if (entry.outcome === 'fail') return entry;
  if (entry.kind !== 'put') return { ...entry, outcome: 'unknown' };
  const { shards: _shards, numbers: _numbers, refused: _refused, ...put }: Put = entry;
  return { ...put, outcome: 'unknown' };
}
