/** Violations as they are found: of each guarantee a few are told in full, the others are counted. */
import type { Violation } from '../scenario.ts';

/** The guarantees by their names. */
export const GUARANTEES = [
  'NoLoss',
  'NoForeign',
  'NoDuplicate',
  'SameSequence',
  'Monotonic',
  'RealTimeOrder',
  'AtomicRequest',
  'BytesEqual',
  'ObjectExactlyOnce',
  'ObjectOrder',
  'NoStuckState',
  'NoResurrection',
  'DatabaseIntact',
] as const;

export type Guarantee = (typeof GUARANTEES)[number];

export interface Findings {
  add(guarantee: Guarantee, message: string): void;
  readonly violations: readonly Violation[];
}

const TOLD_MAX = 5;

export function createFindings(): Findings {
  const told: Violation[] = [];
  const counts = new Map<Guarantee, number>();
  return {
    add(guarantee, message) {
      const count = (counts.get(guarantee) ?? 0) + 1;
      counts.set(guarantee, count);
      if (count <= TOLD_MAX) told.push({ guarantee, message });
    },
    get violations() {
      const untold = [...counts].filter(([, count]) => count > TOLD_MAX);
      return [
        ...told,
        ...untold.map(([guarantee, count]) => ({ guarantee, message: `And ${count - TOLD_MAX} more like these.` })),
      ];
    },
  };
}
