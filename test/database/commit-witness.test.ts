import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openWitness, readWitness } from '../../src/database/commit-witness.ts';
import { temporaryDirectory } from '../support/server.ts';

const databaseId = '0123456789abcdef0123456789abcdef';

it('says the last commit that it was told, and keeps its size', () => {
  const path = join(temporaryDirectory(), 'witness');
  expect(readWitness(path)).toBeUndefined();
  const witness = openWitness(path, { databaseId, commit: 9 });
  const { size } = statSync(path);
  for (const commit of [10, 11, 4_000_000_000_000_000]) {
    witness.note(commit);
    expect(readWitness(path)).toEqual({ databaseId, commit });
    expect(statSync(path).size).toBe(size);
  }
  witness.close();
  openWitness(path, { databaseId, commit: 3 }).close();
  expect(readWitness(path), 'it says what the one who opens it says').toEqual({ databaseId, commit: 3 });
});

it('is unreadable when any byte of it is another one, when it is cut, or empty', () => {
  const path = join(temporaryDirectory(), 'witness');
  openWitness(path, { databaseId, commit: 123_456 }).close();
  const bytes = readFileSync(path);
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index]! ^= 1;
    writeFileSync(path, changed);
    expect(readWitness(path), `byte ${index} changed`).toBe('unreadable');
    writeFileSync(path, bytes.subarray(0, index));
    expect(readWitness(path), `cut to ${index} bytes`).toBe('unreadable');
  }
  openWitness(path, { databaseId, commit: 5 }).close();
  expect(readWitness(path), 'it is written anew').toEqual({ databaseId, commit: 5 });
});
