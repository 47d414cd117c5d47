/** The results as text: ratios, then absolute figures, then the facts. Pure. */
import type { MatchResult, Score } from './contest.ts';
import type { Facts } from './facts.ts';
import { countText } from './plan.ts';
import type { Spread } from './statistics.ts';

export interface Report {
  readonly matches: readonly MatchResult[];
  readonly facts: Facts;
  /** Of the whole run. */
  readonly elapsedMs: number;
}

export function reportText({ matches, facts, elapsedMs }: Report): string {
  return [
    ratioTable(matches),
    figureTable(matches),
    factLines(facts, matches, elapsedMs),
    'Ratios are taken within a round. Each contestant has one thread for JavaScript and SQL. The servers parse HTTP and\n' +
      'JSON in it; the raw loops only call SQLite, with values made beforehand. Millrace and the raw loops move the WAL\n' +
      'into the data file in a second thread, by the same code. Plain fs writes bytes made beforehand to a file and syncs\n' +
      'it: after every batch, or once per object. A delivery includes deleting what was delivered from the buffer.',
  ].join('\n\n');
}

function ratioTable(matches: readonly MatchResult[]): string {
  const rows = matches.map(({ name, ratio, yardstick }) => [
    name,
    fixed(ratio.median, 2),
    rangeText(ratio, (value) => fixed(value, 2)),
    yardstick.name,
  ]);
  return table(['Millrace / yardstick', 'median', 'min – max', 'yardstick'], rows);
}

function figureTable(matches: readonly MatchResult[]): string {
  const rows = matches.flatMap(({ name, unit, millrace, yardstick }) => [
    figureRow(name, unit, 'Millrace', millrace),
    figureRow(name, unit, yardstick.name, yardstick),
  ]);
  return table(['per second', 'median', 'min – max', 'unit', 'p50 ms', 'p99 ms', 'of'], rows);
}

function figureRow(name: string, unit: string, of: string, { perSecond, p50Ms, p99Ms }: Score): string[] {
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

function factLines(facts: Facts, matches: readonly MatchResult[], elapsedMs: number): string {
  const generatorShare = Math.max(...matches.map((match) => match.generatorShare));
  return [
    `Millrace ${facts.millrace}, Node ${facts.node}, SQLite ${facts.sqlite}, ${facts.cores} cores with a load of ` +
      `${fixed(facts.loadBefore, 1)} before the start`,
    `SQLite commits with synchronous=${facts.synchronous}; the raw loop commits every ${facts.rowsPerCommit} rows`,
    `fsync after a write of 4 KiB: median ${fixed(facts.fsyncMs.median, 2)} ms ` +
      `(${rangeText(facts.fsyncMs, (ms) => fixed(ms, 2))})`,
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
