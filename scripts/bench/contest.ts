/** Contestants are measured in turns, so that whatever else the machine does meets all of them. */
import type { Plan } from './plan.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** What one contestant did in one round. */
export interface Round {
  /** In the unit of the match. */
  readonly perSecond: number;
  /** Only where single requests were timed. */
  readonly latency?: { readonly p50Ms: number; readonly p99Ms: number };
  /** The part of one core that the load generator used, 0 to 1; absent where there is none. */
  readonly generatorShare?: number;
}

export interface Contestant {
  round(ms: number): Promise<Round>;
}

/** Millrace in one discipline, and what it is measured against. */
export interface Match {
  /** The discipline, for example `PutRecord, 1 KB, 16 connections`. */
  readonly name: string;
  readonly unit: 'requests/s' | 'records/s' | 'MB/s';
  readonly millrace: Contestant;
  readonly yardstick: { readonly name: string; readonly contestant: Contestant };
  /** The least that Millrace's figure divided by the yardstick's should be. */
  readonly target?: number | undefined;
}

/** All rounds of one contestant. */
export interface Score {
  readonly perSecond: Spread;
  /** Over the rounds, of the figure of each round. */
  readonly p50Ms?: Spread;
  readonly p99Ms?: Spread;
}

export interface MatchResult {
  readonly name: string;
  readonly unit: Match['unit'];
  /** Millrace's figure divided by the yardstick's, in each round. */
  readonly ratio: Spread;
  /** Of the median of the ratio: the least that it should be, and whether it is. */
  readonly target?: number;
  readonly isMet?: boolean;
  readonly millrace: Score;
  readonly yardstick: Score & { readonly name: string };
  /** The most that the load generator used of one core. */
  readonly generatorShare: number;
}

/** Plays all matches round by round. A contestant that takes part in several matches is measured once per round. */
export async function play(matches: readonly Match[], { rounds, roundMs, warmUpMs }: Plan): Promise<MatchResult[]> {
  const contestants = [...new Set(matches.flatMap(({ millrace, yardstick }) => [millrace, yardstick.contestant]))];
  const played = new Map<Contestant, Round[]>(contestants.map((contestant) => [contestant, []]));
  for (const contestant of contestants) await contestant.round(warmUpMs);
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of contestants) played.get(contestant)!.push(await contestant.round(roundMs));
  }
  return matches.map((match) => resultOf(match, played.get(match.millrace)!, played.get(match.yardstick.contestant)!));
}

function resultOf(match: Match, ours: readonly Round[], theirs: readonly Round[]): MatchResult {
  const { name, unit, yardstick, target } = match;
  const ratio = spreadOf(ours.map(({ perSecond }, round) => perSecond / theirs[round]!.perSecond));
  return {
    name,
    unit,
    ratio,
    ...(target === undefined ? {} : { target, isMet: ratio.median >= target }),
    millrace: scoreOf(ours),
    yardstick: { name: yardstick.name, ...scoreOf(theirs) },
    generatorShare: Math.max(...[...ours, ...theirs].map(({ generatorShare }) => generatorShare ?? 0)),
  };
}

function scoreOf(rounds: readonly Round[]): Score {
  const perSecond = spreadOf(rounds.map((round) => round.perSecond));
  const latencies = rounds.flatMap(({ latency }) => latency ?? []);
  if (latencies.length === 0) return { perSecond };
  return {
    perSecond,
    p50Ms: spreadOf(latencies.map(({ p50Ms }) => p50Ms)),
    p99Ms: spreadOf(latencies.map(({ p99Ms }) => p99Ms)),
  };
}
