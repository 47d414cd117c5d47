/** What is measured: a table of steps, which say what their limits and their targets are. */
import type { Cleanup } from './cleanup.ts';
import type { MatchResult } from './contest.ts';
import { benchDelivery } from './delivery.ts';
import { benchEndToEnd } from './end-to-end.ts';
import { benchFanOut } from './fan-out.ts';
import type { Figure } from './figure.ts';
import { benchGetRecords, type ReadCase, readText } from './get-records.ts';
import { benchMemory } from './memory.ts';
import { benchPeer, type PeerName } from './peers.ts';
import { BATCH_RECORDS, type Plan, RECORD_BYTES } from './plan.ts';
import { benchPuts, caseText, type PutCase } from './puts.ts';
import { FIREHOSE, SERVICE } from './requests.ts';
import { benchStartUp } from './start-up.ts';
import { benchStored } from './stored.ts';
import { benchUnderSweep } from './under-sweep.ts';

export interface Step {
  readonly name: string;
  /** Whether it is measured without --long, too. */
  readonly isShort: boolean;
  /** Whether the benchmark goes on, and tells, when this step fails: it needs what is not ours. */
  readonly mayFail?: boolean;
  readonly run: (plan: Plan, cleanup: Cleanup) => Promise<Measured>;
}

export interface Measured {
  readonly matches?: readonly MatchResult[];
  readonly figures?: readonly Figure[];
}

/** What a short run does of a case: of puts, with so many connections; nothing where this is absent. */
interface ShortForm {
  readonly short?: true | readonly number[];
}

const { small, usual, large } = RECORD_BYTES;
const json = { encoding: 'JSON', bytes: usual } as const;
const cbor = { encoding: 'CBOR', bytes: usual } as const;
const PutRecord = { target: `${SERVICE}.PutRecord`, records: 1, connections: [1, 16, 64, 256] } as const;
const PutRecords = { target: `${SERVICE}.PutRecords`, records: BATCH_RECORDS, connections: [1, 8] } as const;
const FirehosePutRecord = { target: `${FIREHOSE}.PutRecord`, records: 1, connections: [64] } as const;
const PutRecordBatch = { ...PutRecords, target: `${FIREHOSE}.PutRecordBatch` } as const;

/** Targets by connections. */
const OF_BARE = { 64: 0.75 };
const OF_RAW = { 1: 0.75, 8: 0.75 };
/** 200,000 records a second where SQLite alone does 400,000. */
const OF_RAW_SMALL = { 1: 0.5, 8: 0.5 };

const PUTS: readonly (PutCase & ShortForm)[] = [
  { ...PutRecord, ...json, targets: OF_BARE, short: [64] },
  { ...PutRecord, ...json, bytes: small, targets: OF_BARE },
  { ...PutRecord, ...json, connections: [4], streams: 16, short: [4] },
  { ...PutRecord, ...cbor, connections: [64] },
  { ...PutRecords, ...json, targets: OF_RAW, short: [8] },
  { ...PutRecords, ...json, bytes: small, targets: OF_RAW_SMALL, short: [8] },
  { ...PutRecords, ...json, bytes: large, records: 10 },
  { ...PutRecords, ...cbor, targets: OF_RAW },
  { ...PutRecords, ...cbor, bytes: small, targets: OF_RAW_SMALL },
  { ...PutRecords, ...cbor, bytes: large, records: 10 },
  { ...FirehosePutRecord, ...json },
  { ...PutRecordBatch, ...json, targets: OF_RAW, besideFiles: true, short: [8] },
];

const READS: readonly (ReadCase & ShortForm)[] = [
  { ...json, records: 10_000, target: 0.5, short: true },
  { ...cbor, records: 10_000, target: 0.5 },
  { ...json, records: 1000, bytes: small },
  { ...cbor, records: 1000, bytes: small },
];

/** Of each peer the same; it is Millrace's targets that differ. */
const PEER_PUTS = {
  PutRecord: { ...PutRecord, ...json, connections: [64] },
  PutRecords: { ...PutRecords, ...json },
} as const;
/** kinesis-local counts an answer's bytes in another way: it gives fewer than 10,000 of these at once. */
const PEER_READS: readonly ReadCase[] = [{ ...json, records: 5000 }];

const PEER_CASES: Readonly<Record<PeerName, readonly (PutCase & ShortForm)[]>> = {
  kinesalite: [
    { ...PEER_PUTS.PutRecord, targets: { 64: 6 }, short: [64] },
    { ...PEER_PUTS.PutRecords, targets: { 1: 4, 8: 4 }, short: [8] },
  ],
  // A batch takes it the longer the more records it holds, soon seconds: one at a time is enough.
  'kinesis-local': [PEER_PUTS.PutRecord, { ...PEER_PUTS.PutRecords, connections: [1] }],
};

interface FigureCase {
  readonly name: string;
  readonly isShort: boolean;
  /** Does less in a short run, by a measure of its own. */
  readonly bench: (plan: Plan, cleanup: Cleanup) => Promise<Figure[]>;
}

/** What is no rate. */
const FIGURES: readonly FigureCase[] = [
  { name: 'End to end', isShort: false, bench: benchEndToEnd },
  { name: 'SubscribeToShard', isShort: true, bench: benchFanOut },
  { name: 'Latency under the sweeper', isShort: true, bench: benchUnderSweep },
  { name: 'Cost per put', isShort: false, bench: benchStored },
  { name: 'Start-up', isShort: false, bench: benchStartUp },
  { name: 'Memory', isShort: true, bench: benchMemory },
];

const rates = async (matches: Promise<MatchResult[]>): Promise<Measured> => ({ matches: await matches });

/** In the order in which they are done. */
export const STEPS: readonly Step[] = [
  ...PUTS.map(putStep),
  ...READS.map(readStep),
  { name: 'Firehose delivery', isShort: true, run: (plan, cleanup) => rates(benchDelivery(plan, cleanup)) },
  ...FIGURES.map(figureStep),
  ...(Object.keys(PEER_CASES) as PeerName[]).map(peerStep),
];

function putStep(put: PutCase & ShortForm): Step {
  return {
    name: `${put.target.split('_')[0]} ${put.target.split('.')[1]}, ${caseText(put)}`,
    isShort: put.short !== undefined,
    run: (plan, cleanup) => rates(benchPuts(inForm(put, plan), plan, cleanup)),
  };
}

function readStep(read: ReadCase & ShortForm): Step {
  return {
    name: `Kinesis ${readText(read)}`,
    isShort: read.short !== undefined,
    run: (plan, cleanup) => rates(benchGetRecords(read, plan, cleanup)),
  };
}

function figureStep({ name, isShort, bench }: FigureCase): Step {
  // It may find too little room on the disk, and is not worth the others' results then.
  return { name, isShort, mayFail: true, run: async (plan, cleanup) => ({ figures: await bench(plan, cleanup) }) };
}

function peerStep(peer: PeerName): Step {
  const cases = PEER_CASES[peer];
  return {
    name: `Peer ${peer}`,
    isShort: cases.some(({ short }) => short !== undefined),
    mayFail: true,
    run: (plan, cleanup) => {
      const puts = cases.map((put) => inForm(put, plan));
      return rates(benchPeer(peer, puts, plan.isLong ? PEER_READS : [], plan, cleanup));
    },
  };
}

/** The case with as much as a run of this length has time for. */
function inForm(put: PutCase & ShortForm, { isLong }: Plan): PutCase {
  return isLong || !Array.isArray(put.short) ? put : { ...put, connections: put.short, besideFiles: false };
}
