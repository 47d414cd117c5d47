/** The documents say what the code does: settings, operations, exit codes, views, and the map of the house. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readmeParts, withParts } from '../scripts/generate.ts';
import { EXIT_CODES } from '../src/refusal.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const architecture = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const migrations = readdirSync(join(root, 'migrations'))
  .map((name) => readFileSync(join(root, 'migrations', name), 'utf8'))
  .join('\n');

describe('README.md', () => {
  it('has the tables of operations and settings that npm run generate writes', () => {
    expect(withParts(readme, readmeParts())).toBe(readme);
  });

  it('explains every exit code', () => {
    const [, sentence] = /Exit codes: ([\s\S]*?)\n\n/.exec(readme)!;
    const explained = [...sentence!.matchAll(/(\d+) \w/g)].map(([, code]) => Number(code));
    expect(explained).toEqual(Object.values(EXIT_CODES));
  });

  it('names every view', () => {
    const views = [...migrations.matchAll(/create view (\w+)/g)].map(([, view]) => view!);
    expect(views.filter((view) => !readme.includes(`\`${view}\``))).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  it('names only files that exist', () => {
    const named = [...architecture.matchAll(/`((?:src|test|scripts|migrations)\/[\w./-]*)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
