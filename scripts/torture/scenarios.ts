/** All scenarios, in the order in which they are told of, and how long each takes. */

import { clockJumps, longDowntime, retentionEdge } from './faults/clock.ts';
import { corruption } from './faults/corruption.ts';
import { doubleFaults } from './faults/double-fault.ts';
import { failpoints } from './faults/failpoints.ts';
import { foreignHands } from './faults/foreign-hands.ts';
import { fullBucket } from './faults/full-bucket.ts';
import { fullDisk } from './faults/full-disk.ts';
import { fuse } from './faults/fuse.ts';
import { ioErrors } from './faults/io-errors.ts';
import { kill } from './faults/kill.ts';
import { largeDatabase } from './faults/large-database.ts';
import { manyStarts } from './faults/many-starts.ts';
import { memory } from './faults/memory.ts';
import { mutants } from './faults/mutants.ts';
import { pause } from './faults/pause.ts';
import { powerCut } from './faults/power-cut.ts';
import { readOnly } from './faults/read-only.ts';
import { recordedWrites } from './faults/recorded-writes.ts';
import { slowDisk } from './faults/slow-disk.ts';
import { slowReader } from './faults/slow-reader.ts';
import { stop } from './faults/stop.ts';
import { subscribers } from './faults/subscribers.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [
  kill,
  failpoints,
  powerCut,
  recordedWrites,
  doubleFaults,
  pause,
  memory,
  stop,
  subscribers,
  ioErrors,
  slowDisk,
  fullDisk,
  fullBucket,
  readOnly,
  corruption,
  foreignHands,
  slowReader,
  manyStarts,
  largeDatabase,
  fuse,
  clockJumps,
  retentionEdge,
  longDowntime,
  mutants,
];

/** Seconds that the short counts take, measured on two cores: the shares of the time box follow from them. */
const SECONDS: Readonly<Record<string, number>> = {
  C1: 240,
  C2: 95,
  C3: 165,
  C4: 110,
  C5: 45,
  C6: 10,
  C7: 20,
  C8: 20,
  C9: 25,
  F1: 90,
  F2: 45,
  F3: 40,
  F4: 75,
  F5: 20,
  F6: 190,
  F7: 65,
  F8: 25,
  F9: 50,
  F10: 50,
  N1: 20,
  T1: 40,
  T2: 5,
  T3: 10,
  mutants: 160,
};

/** Of those that nobody has measured yet. */
const UNMEASURED_SECONDS = 30;

export function secondsOf({ name, counts }: Scenario, long: boolean): number {
  const seconds = SECONDS[name] ?? UNMEASURED_SECONDS;
  return long ? (seconds * counts.long) / counts.short : seconds;
}
