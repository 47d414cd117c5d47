/** Real lines of text to put and read: the repository's own files, not generated counters. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const FILES = ['package-lock.json', 'test/fixtures/kinesis-model.json', 'README.md', 'src/config.ts', 'LICENSE'];

/** `count` lines, taken from the files in turn and again from the start when they are used up. */
export function realLines(count: number): string[] {
  const lines = FILES.flatMap((file) => readFileSync(join(root, file), 'utf8').split('\n'));
  return Array.from({ length: count }, (_, index) => lines[index % lines.length]!);
}

/** How often each value occurs. */
export function tally(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
