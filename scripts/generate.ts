/** Writes what is made from the code: `.env.example` and the generated parts of the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { channelService } from '../src/channels/index.ts';
import { firehose } from '../src/firehose/index.ts';
import { kinesis } from '../src/kinesis/index.ts';
import { envExample, settingsTable } from '../src/settings-texts.ts';

const root = join(import.meta.dirname, '..', '..');

/** The README with the text between `<!-- {name} -->` and `<!-- /{name} -->` replaced by each of `parts`. */
export function withParts(readme: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const pattern = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!pattern.test(text)) throw new Error(`README.md has no part named ${name}.`);
    return text.replace(pattern, (_all, start: string, end: string) => `${start}\n${part}\n\n${end}`);
  }, readme);
}

/** The generated parts of the README, by name. */
export const readmeParts = () => ({ settings: settingsTable(), operations: operationsTable() });

function operationsTable(): string {
  const streams = [...kinesis.operations.keys(), ...channelService.operations.keys()];
  const columns = [streams, [...firehose.operations.keys()]].map((names) => names.sort());
  const rows = Array.from({ length: Math.max(...columns.map(({ length }) => length)) }, (_, row) => {
    return `| ${columns.map((names) => names[row] ?? '').join(' | ')} |`;
  });
  return ['| Kinesis Data Streams | Firehose |', '|---|---|', ...rows].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(join(root, '.env.example'), envExample());
  const path = join(root, 'README.md');
  writeFileSync(path, withParts(readFileSync(path, 'utf8'), readmeParts()));
}
