/** The results as text: ratios, then absolute figures, then the facts. Pure. */
import type { MatchResult, Score } from './contest.ts';
import type { Facts } from './facts.ts';
import type { Figure } from './figure.ts';
import { countText } from './plan.ts';
import type { Spread } from './statistics.ts';

export interface Report {
  readonly matches: readonly MatchResult[];
  readonly figures: readonly JudgedFigure[];
  readonly notMeasured: readonly NotMeasured[];
  readonly facts: Facts;
  /** Of the whole run. */
  readonly elapsedMs: number;
}

/** A step that needs what is not there. */
export interface NotMeasured {
  readonly name: string;
  readonly reason: string;
}

/** A figure, and whether its median is as small as it should be. */
export type JudgedFigure = Figure & { readonly isMet?: boolean };

export const judged = (figure: Figure): JudgedFigure =>
  figure.target === undefined ? figure : { ...figure, isMet: figure.value.median <= figure.target };

export function reportText({ matches, figures, notMeasured, facts, elapsedMs }: Report): string {
  return [
    ...(matches.length === 0 ? [] : [ratioTable(matches), rateTable(matches)]),
    ...(figures.length === 0 ? [] : [figureTable(figures)]),
    ...(notMeasured.length === 0
      ? []
      : [notMeasured.map(({ name, reason }) => `Not measured: ${name}. ${reason}`).join('\n')]),
    factLines(facts, matches, elapsedMs),
    'Ratios are taken within a round. Each contestant has one thread for JavaScript and SQL. The servers parse HTTP and\n' +
      'JSON or CBOR in it; the bare ones send the headers of an answer of Kinesis, and read CBOR as Millrace does. The raw\n' +
      'loops only call SQLite, with values made beforehand, and commit as many rows as a request has. Millrace and the raw\n' +
      'loops move the WAL into the data file in a second thread, by the same code. Plain fs writes bytes made beforehand\n' +
      'to a file and syncs it: after every batch, or once per object. A delivery includes deleting what was delivered\n' +
      'from the buffer. The peers sync nothing.',
  ].join('\n\n');
}

function ratioTable(matches: readonly MatchResult[]): string {
  const rows = matches.map(({ name, ratio, target, isMet, yardstick }) => [
    name,
    fixed(ratio.median, 2),
    target === undefined ? '' : `${isMet ? '≥' : '<'} ${target}`,
    rangeText(ratio, (value) => fixed(value, 2)),
    yardstick.name,
  ]);
  return table(['Millrace / yardstick', 'median', 'target', 'min – max', 'yardstick'], rows);
}

function rateTable(matches: readonly MatchResult[]): string {
  const rows = matches.flatMap(({ name, unit, millrace, yardstick }) => [
    rateRow(name, unit, 'Millrace', millrace),
    rateRow(name, unit, yardstick.name, yardstick),
  ]);
  // Where there are two yardsticks, Millrace's figures are the same in both matches.
  const unique = [...new Map(rows.map((row) => [row.join(), row])).values()];
  return table(['per second', 'median', 'min – max', 'unit', 'p50 ms', 'p99 ms', 'of'], unique);
}

function rateRow(name: string, unit: string, of: string, { perSecond, p50Ms, p99Ms }: Score): string[] {
  return [
    name,
    countText(perSecond.median),
    rangeText(perSecond, countText),
    unit,
    p50Ms === undefined ? '' : fixed(p50Ms.median, 2),
    p99Ms === undefined ? '' : fixed(p99Ms.median, 2),
    of,
  ];
}

function figureTable(figures: readonly JudgedFigure[]): string {
  const rows = figures.map(({ name, unit, value, target, isMet, beside }) => [
    name,
    amountText(value.median),
    target === undefined ? '' : `${isMet ? '≤' : '>'} ${target}`,
    rangeText(value, amountText),
    unit,
    beside === undefined ? '' : amountText(beside.value.median),
    beside?.name ?? '',
  ]);
  return table(['time, memory, cost', 'median', 'target', 'min – max', 'unit', 'beside', 'of'], rows);
}

/** Two digits at least. */
const amountText = (value: number): string => (Math.abs(value) < 10 ? fixed(value, 2) : countText(value));

function factLines(facts: Facts, matches: readonly MatchResult[], elapsedMs: number): string {
  const generatorShare = Math.max(0, ...matches.map((match) => match.generatorShare));
  return [
    `Millrace ${facts.millrace}, Node ${facts.node}, SQLite ${facts.sqlite}, ${facts.cores} cores with a load of ` +
      `${fixed(facts.loadBefore, 1)} before the start`,
    `SQLite commits with synchronous=${facts.synchronous}; fsync after a write of 4 KiB: median ` +
      `${fixed(facts.fsyncMs.median, 2)} ms (${rangeText(facts.fsyncMs, (ms) => fixed(ms, 2))})`,
    `${facts.rounds} rounds of ${facts.roundMs} ms, contestants in turns; ${fixed(elapsedMs / 1000, 0)} s in all`,
    `The load generator used at most ${fixed(generatorShare * 100, 0)} % of a core ` +
      `(${facts.pinned ? 'its own; what is measured has the others' : 'shared: cores cannot be chosen here'})`,
  ].join('\n');
}

/** Columns of equal width; all but the first and those of words are numbers and lean to the right. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const isNumeric = header.map((_, column) => rows.every((row) => /^[\d,. –]*$/.test(row[column]!)));
  const cell = (text: string, column: number) =>
    isNumeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}

const fixed = (value: number, digits: number) => value.toFixed(digits);
const rangeText = ({ min, max }: Spread, text: (value: number) => string) => `${text(min)} – ${text(max)}`;
