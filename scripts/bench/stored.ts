/**
 * What a put costs with few and with many records stored, and while the sweeper deletes: processor time of the server,
 * which the disk and other programs change less than they change rates. Rounds alternate between the programs.
 */
import type { Cleanup } from './cleanup.ts';
import type { LoadGenerator } from './contestants.ts';
import type { Figure } from './figure.ts';
import { expired, filledDirectory, fresh, watchExpired } from './filled-database.ts';
import { startHelper } from './helper.ts';
import { NEVER, startProgram } from './millrace.ts';
import { BATCH_RECORDS, countText, type Plan, RECORD_BYTES } from './plan.ts';
import { canLookInto, cpuMicroseconds } from './process-figures.ts';
import { putRecordRequests, putRecordsRequests } from './requests.ts';
import { spreadOf } from './statistics.ts';

/** Bytes of data in a stored record. */
const BYTES = 100;
const FEW = 10_000;

/** The cost with many stored is to be at most this many times the cost with few. */
const TARGET_RATIO = 1.1;

const SHORT = { counts: [1_000_000], expired: 300_000, rounds: 5, sweptRounds: 3, roundMs: 200, warmUpMs: 300 };
const LONG = {
  counts: [1_000_000, 20_000_000],
  expired: 4_000_000,
  rounds: 9,
  sweptRounds: 5,
  roundMs: 1000,
  warmUpMs: 2000,
};

type Amounts = typeof SHORT;

const { small, usual } = RECORD_BYTES;
const LOADS = [
  {
    name: 'PutRecord',
    per: 'PutRecord',
    connections: 64,
    weight: 1,
    requests: (port: number) => putRecordRequests(port, usual),
  },
  {
    name: 'PutRecords',
    per: 'record of PutRecords',
    connections: 8,
    weight: BATCH_RECORDS,
    requests: (port: number) => putRecordsRequests(port, small),
  },
] as const;

interface Candidate {
  /** For example `with 10,000 stored`. */
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** Microseconds per record, by load. */
  readonly costs: readonly number[][];
  /** Whether it still is what its name says. */
  readonly isValid: () => boolean;
}

/** Nothing where the processor time of another process cannot be told. */
export async function benchStored(plan: Plan, cleanup: Cleanup): Promise<Figure[]> {
  if (!canLookInto()) return [];
  const amounts: Amounts = plan.isLong ? LONG : SHORT;
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const few = await startFilled(FEW, cleanup);
  const many: Candidate[] = [];
  for (const count of amounts.counts) many.push(await startFilled(count, cleanup));
  await measure([few, ...many], amounts, generator);
  const figures = many.flatMap((candidate) => compare(candidate, few));

  const reference = { ...few, costs: LOADS.map(() => []) };
  const swept = await startSwept(amounts.expired, cleanup);
  await measure([reference, swept], { ...amounts, rounds: amounts.sweptRounds, warmUpMs: 0 }, generator);
  return [...figures, ...LOADS.flatMap(({ per }, load) => costFigures(per, load, swept, reference))];
}

async function startFilled(records: number, cleanup: Cleanup): Promise<Candidate> {
  const directory = await filledDirectory({ records, bytes: BYTES, arrivedMs: fresh() }, cleanup);
  const { port, pid } = await startProgram(directory, { SWEEP_SCHEDULE: NEVER }, cleanup);
  return { name: `with ${countText(records)} stored`, port, pid, costs: LOADS.map(() => []), isValid: () => true };
}

/** The sweeper of this one begins at once. */
async function startSwept(records: number, cleanup: Cleanup): Promise<Candidate> {
  const directory = await filledDirectory({ records, bytes: BYTES, arrivedMs: expired() }, cleanup);
  const expiredLeft = watchExpired(directory, records, cleanup);
  const { port, pid } = await startProgram(directory, {}, cleanup);
  return {
    name: 'while the sweeper deletes',
    port,
    pid,
    costs: LOADS.map(() => []),
    isValid: () => expiredLeft() > 0,
  };
}

/** Rounds in turns, for each load; a candidate that is no longer valid is left out, and so is the round it ended in. */
async function measure(
  candidates: readonly Candidate[],
  { rounds, roundMs, warmUpMs }: Amounts,
  generator: LoadGenerator,
): Promise<void> {
  for (let round = warmUpMs > 0 ? -1 : 0; round < rounds; round += 1) {
    for (const [load] of LOADS.entries()) {
      // Every other round the other way round: what slows the machine down for a while meets all of them.
      for (const candidate of round % 2 === 0 ? candidates : candidates.toReversed()) {
        if (!candidate.isValid()) continue;
        const cost = await costOf(candidate, load, round < 0 ? warmUpMs : roundMs, generator);
        if (round >= 0 && candidate.isValid()) candidate.costs[load]!.push(cost);
      }
    }
  }
}

/** Microseconds of the server per record. */
async function costOf({ port, pid }: Candidate, load: number, ms: number, generator: LoadGenerator): Promise<number> {
  const { requests, connections, weight } = LOADS[load]!;
  const before = cpuMicroseconds(pid);
  const { responses } = await generator.do({ port, requests: requests(port), connections, ms });
  return (cpuMicroseconds(pid) - before) / (responses * weight);
}

/** The costs of a candidate beside those of another, and how many times as high they are. */
function compare(candidate: Candidate, other: Candidate): Figure[] {
  return LOADS.flatMap(({ per }, load) => {
    const ratios = candidate.costs[load]!.map((cost, round) => cost / other.costs[load]![round]!);
    const ratio: Figure = {
      name: `Cost per ${per} ${candidate.name}, of that ${other.name}`,
      unit: '×',
      value: spreadOf(ratios),
      target: TARGET_RATIO,
    };
    return [...costFigures(per, load, candidate, other), ratio];
  });
}

/** Nothing when the candidate did not stay valid for a single round. */
function costFigures(per: string, load: number, candidate: Candidate, other: Candidate): Figure[] {
  if (candidate.costs[load]!.length === 0) return [];
  const beside = { name: other.name, value: spreadOf(other.costs[load]!) };
  const value = spreadOf(candidate.costs[load]!);
  return [{ name: `Processor time per ${per} ${candidate.name}`, unit: 'µs', value, beside }];
}
