/** The results of a torture run as text. Pure. */
import type { Result, Scenario } from './scenario.ts';

export interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly planned: number;
  readonly elapsedMs: number;
  /** Undefined when the scenario itself has failed; then `error` says how. */
  readonly result: Result | undefined;
  readonly error: string | undefined;
  /** The directory that was kept. */
  readonly directory: string | undefined;
  /** The command that does it again. */
  readonly replay: string;
}

export interface Report {
  readonly seed: number;
  readonly long: boolean;
  readonly outcomes: readonly Outcome[];
  readonly skipped: readonly { readonly name: string; readonly title: string; readonly why: string }[];
  readonly elapsedMs: number;
}

/** Of the same guarantee no more than these are told one by one. */
const TOLD_PER_GUARANTEE = 5;

export function reportText({ seed, outcomes, skipped, elapsedMs }: Report): string {
  const rows = outcomes.map(({ name, title, planned, elapsedMs, result }) => [
    name,
    title,
    `${result?.done ?? 0}/${planned}`,
    (elapsedMs / 1000).toFixed(0),
    result === undefined ? 'failed' : String(result.violations.length),
  ]);
  const parts = [
    table(['scenario', 'what happens', 'done', 'seconds', 'violations'], rows),
    outcomes.map(detailLines).join('\n'),
    skipped.map(({ name, title, why }) => `${name} (${title}) was skipped: ${why}.`).join('\n'),
    outcomes.flatMap(violationText).join('\n'),
    `Seed ${seed}, ${(elapsedMs / 1000).toFixed(0)} s in all`,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** What happened sometimes, and the figures, on one line. */
function detailLines({ name, result }: Outcome): string {
  if (result === undefined) return `${name}: nothing to tell`;
  const facts = Object.entries({ ...result.sometimes, ...result.figures });
  return `${name}: ${facts.map(([fact, value]) => `${fact} ${figureText(value)}`).join(', ')}`;
}

const figureText = (value: number | string) =>
  typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 1 }) : value;

/** Every violation with what it takes to see it again. */
export function violationText({ name, result, error, directory, replay }: Outcome): string[] {
  const lines = error === undefined ? [] : [`${name}: could not be carried out: ${error}`];
  const told = new Map<string, number>();
  for (const { guarantee, message } of result?.violations ?? []) {
    const before = told.get(guarantee) ?? 0;
    told.set(guarantee, before + 1);
    if (before < TOLD_PER_GUARANTEE) lines.push(`${name}: ${guarantee}: ${message}`);
  }
  for (const [guarantee, count] of told) {
    if (count > TOLD_PER_GUARANTEE) lines.push(`${name}: ${guarantee}: ${count - TOLD_PER_GUARANTEE} more.`);
  }
  if (lines.length === 0) return [];
  return [...lines, `${name}: replay with: ${replay}`, ...(directory ? [`${name}: kept: ${directory}`] : [])];
}

export function listText(scenarios: readonly Scenario[], secondsOf: (of: Scenario, long: boolean) => number): string {
  const rows = scenarios.map((scenario) => [
    scenario.name,
    scenario.title,
    String(scenario.counts.short),
    String(scenario.counts.long),
    secondsOf(scenario, false).toFixed(0),
    [...scenario.needs, ...(scenario.alone ? ['alone'] : [])].join(', '),
  ]);
  return table(['scenario', 'what happens', 'short', 'long', 'seconds', 'needs'], rows);
}

/** Columns of equal width; those of numbers lean to the right. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const isNumeric = header.map((_, column) => rows.every((row) => /^[\d/]+$/.test(row[column]!)));
  const cell = (text: string, column: number) =>
    isNumeric[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}
