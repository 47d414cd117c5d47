/** What a history says, in the order in which the checker asks for it. */
import type { BodyName } from './bodies.ts';
import {
  ABSENT,
  type Change,
  type Entry,
  type Put,
  type Read,
  type Removed,
  type Reshard,
  type Scale,
} from './history.ts';
import { isPassing, streamCell, targetParts } from './layout.ts';

export interface Ledger {
  readonly puts: readonly Put[];
  readonly reads: readonly Read[];
  readonly reshards: readonly Reshard[];
  readonly scales: readonly Scale[];
  readonly removed: readonly Removed[];
  /** How many puts and reads had been checked by the end of the last check. */
  readonly checked: { readonly puts: number; readonly reads: number };
  readonly acknowledged: number;
  /** Records of puts whose outcome is still unknown. */
  readonly unknown: number;
  learn(entry: Entry): void;
  /** The put that a body was sent with, and its index in `puts`; undefined when nobody sent it. */
  putOf(body: BodyName): Put | undefined;
  indexOf(body: BodyName): number;
  /** What is known of a put of unknown outcome by now. */
  settled(put: Put): boolean | undefined;
  /** The states that a cell may be in; several when the outcomes of changes are unknown. Nobody touched it: absent. */
  possible(cell: string): ReadonlySet<string>;
  /** All states that a cell was ever meant to have. */
  meant(cell: string): ReadonlySet<string>;
  readonly cells: readonly string[];
  /** Whether a put went to a stream, or a life of a stream, that is there; undefined when that is not known. */
  isTargetThere(target: string): boolean | undefined;
  /** Where records of this target are: undefined when it is another life of the stream. */
  lifeThere(stream: string): string | undefined;
}

/** A ledger of nothing yet; `learn` adds the entries of a history in their order. */
export function createLedger(entries: Iterable<Entry> = []): Ledger {
  const puts: Put[] = [];
  const reads: Read[] = [];
  const reshards: Reshard[] = [];
  const scales: Scale[] = [];
  const removed: Removed[] = [];
  const putsByClient = new Map<number, number[]>();
  const settled = new Map<string, boolean>();
  const cells = new Map<string, Cell>();
  const checked = { puts: 0, reads: 0 };
  const counts = { acknowledged: 0, unknown: 0 };

  const indexOf = ({ client, counter }: BodyName): number => {
    const own = putsByClient.get(client);
    return own === undefined ? -1 : lastAtOrBelow(own, counter, puts);
  };
  const possible = (cell: string) => cells.get(cell)?.possible ?? NOWHERE;

  const learn = (entry: Entry): void => {
    switch (entry.kind) {
      case 'put': {
        const own = putsByClient.get(entry.client);
        if (own === undefined) putsByClient.set(entry.client, [puts.length]);
        else own.push(puts.length);
        puts.push(entry);
        counts.acknowledged += acknowledgedIn(entry);
        if (entry.outcome === 'unknown') counts.unknown += entry.sizes.length;
        break;
      }
      case 'read':
        reads.push(entry);
        break;
      case 'reshard':
        reshards.push(entry);
        break;
      case 'scale':
        scales.push(entry);
        break;
      case 'removed':
        removed.push(entry);
        break;
      case 'settled':
        settled.set(`${entry.client}:${entry.first}`, entry.isThere);
        break;
      case 'change':
        changeCell(cells, entry);
        break;
      case 'seen':
        cells.set(entry.cell, { possible: new Set([entry.state]), meant: meantOf(cells, entry.cell) });
        break;
      case 'mark':
        if (entry.what === 'checked') Object.assign(checked, { puts: puts.length, reads: reads.length });
        break;
    }
  };

  const lifeThere = (stream: string): string | undefined => {
    if (!isPassing(stream)) return '';
    const states = possible(streamCell(stream));
    const [only] = states;
    return states.size === 1 && only !== ABSENT ? only : undefined;
  };

  for (const entry of entries) learn(entry);
  return {
    puts,
    reads,
    reshards,
    scales,
    removed,
    checked,
    get acknowledged() {
      return counts.acknowledged;
    },
    get unknown() {
      return counts.unknown;
    },
    learn,
    indexOf,
    putOf: (body) => puts[indexOf(body)],
    settled: ({ client, first }) => settled.get(`${client}:${first}`),
    possible,
    meant: (cell) => meantOf(cells, cell),
    get cells() {
      return [...cells.keys()];
    },
    lifeThere,
    isTargetThere(target) {
      const { stream, life } = targetParts(target);
      if (life === '') return true;
      const states = possible(streamCell(stream));
      if (!states.has(life)) return false;
      return states.size === 1 ? true : undefined;
    },
  };
}

interface Cell {
  readonly possible: ReadonlySet<string>;
  readonly meant: Set<string>;
}

const NOWHERE: ReadonlySet<string> = new Set([ABSENT]);

const meantOf = (cells: ReadonlyMap<string, Cell>, cell: string): Set<string> =>
  cells.get(cell)?.meant ?? new Set([ABSENT]);

function changeCell(cells: Map<string, Cell>, { cell, to, outcome }: Change): void {
  const meant = meantOf(cells, cell).add(to);
  const before = cells.get(cell)?.possible ?? NOWHERE;
  const possible = outcome === 'ok' ? [to] : outcome === 'fail' ? before : [...before, to];
  cells.set(cell, { possible: new Set(possible), meant });
}

/** The index of the put among a client's that has the body with this counter; -1 if there is none. */
function lastAtOrBelow(own: readonly number[], counter: number, puts: readonly Put[]): number {
  let low = 0;
  let high = own.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (puts[own[middle]!]!.first <= counter) low = middle;
    else high = middle - 1;
  }
  const index = own[low]!;
  const { first, sizes } = puts[index]!;
  return counter >= first && counter < first + sizes.length ? index : -1;
}

/** How many records of an acknowledged put were refused. */
export const refusedOf = ({ numbers, refused }: Put): number =>
  numbers?.reduce((count, number) => count + (number === null ? 1 : 0), 0) ?? refused?.length ?? 0;

/** How many records of a put were acknowledged. */
export const acknowledgedIn = (put: Put): number => (put.outcome === 'ok' ? put.sizes.length - refusedOf(put) : 0);

/** Whether the record at `index` of a put was acknowledged; undefined when nobody knows. */
export function isAcknowledged(put: Put, index: number): boolean | undefined {
  if (put.outcome !== 'ok') return put.outcome === 'fail' ? false : undefined;
  return put.service === 'kinesis' ? put.numbers?.[index] !== null : !put.refused?.includes(index);
}
