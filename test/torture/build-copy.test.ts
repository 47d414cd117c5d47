/** Changed copies of the program: every change has exactly one place in the program as it is compiled now. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { patchedFiles } from '../../scripts/torture/build-copy.ts';
import { FAILPOINT_PATCHES, FAILPOINTS } from '../../scripts/torture/faults/failpoint-table.ts';
import { QUICK_RETENTION } from '../../scripts/torture/faults/mutant-checks.ts';
import { MUTATIONS } from '../../scripts/torture/faults/mutations.ts';

const build = fileURLToPath(new URL('../../dist', import.meta.url));

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

it('every failpoint has its place', () => {
  const files = [...patchedFiles(build, FAILPOINT_PATCHES).values()].join('\n');
  for (const { name } of FAILPOINTS) {
    expect(files.split(`globalThis.failpoint(${JSON.stringify(name)})`), name).toHaveLength(2);
  }
  expect(new Set(FAILPOINTS.map(({ name }) => name)).size).toBe(FAILPOINTS.length);
});

it.each(MUTATIONS)('the mistake "$name" has its places', ({ patches, methods }) => {
  expect(patchedFiles(build, [...QUICK_RETENTION, ...patches]).size).toBeGreaterThan(0);
  expect(methods.length).toBeGreaterThan(0);
});

it('mistakes that are looked for by failpoints leave these their places', () => {
  for (const { patches } of MUTATIONS.filter(({ methods }) => methods.includes('failpoints'))) {
    expect(() => patchedFiles(build, [...patches, ...FAILPOINT_PATCHES])).not.toThrow();
  }
});

it('a change without a place, or with two, is named', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-build-'));
  directories.push(directory);
  writeFileSync(join(directory, 'a.js'), 'one(); two(); two();\n');
  const change = (find: string) => () => patchedFiles(directory, [{ file: 'a.js', find, replace: '' }]);
  expect(change('three();')).toThrow('A patch of a.js should match once and matches 0 times: three();');
  expect(change('two();')).toThrow('matches 2 times');
  expect(change('one();')()).toEqual(new Map([['a.js', ' two(); two();\n']]));
});
