/** Which states of a disk a power cut may leave, for recordings so small that they can be told. */
import { describe, expect, test } from 'vitest';
import { type Cut, crashState, HABITS, MODELS } from '../../scripts/torture/disk/crash-states.ts';
import { resolveRecording } from '../../scripts/torture/disk/recording.ts';
import type { Operation } from '../../scripts/torture/disk/write-log.ts';
import { createRandom } from '../../scripts/torture/random.ts';

const ROOT = 1;
const FILE = 2;

type Step = Operation extends infer Each ? (Each extends Operation ? Omit<Each, 'startNs' | 'endNs'> : never) : never;

/** Operations that follow each other: the one with index n from 10 n to 10 n + 5. */
const recordingOf = (steps: readonly Step[]) =>
  resolveRecording(
    steps.map((step, index) => ({ ...step, startNs: 10 * index, endNs: 10 * index + 5 }) as Operation),
    ROOT,
  );

const write = (text: string, offset = 0): Step => ({ kind: 'write', inode: FILE, offset, bytes: Buffer.from(text) });
const create = (path: string): Step => ({ kind: 'create', inode: FILE, path });
const sync = (inode: number): Step => ({ kind: 'sync', inode });

/** All states that chance makes of a cut, each as the text of its files. */
function statesOf(steps: readonly Step[], cut: Partial<Cut>): Set<string> {
  const recording = recordingOf(steps);
  const found = new Set<string>();
  for (const model of cut.model === undefined ? MODELS : [cut.model]) {
    for (const habit of cut.habit === undefined ? HABITS : [cut.habit]) {
      for (let seed = 0; seed < 30; seed += 1) {
        const { files } = crashState(recording, { atNs: cut.atNs ?? 1e9, model, habit }, createRandom(seed));
        found.add([...files].map(([path, bytes]) => `${path}=${bytes?.toString('latin1') ?? ''}`).join(' '));
      }
    }
  }
  return found;
}

describe('what was synced', () => {
  const steps = [create('/a'), write('old'), sync(FILE), sync(ROOT)];

  test('is there, whatever becomes of the rest', () => {
    expect(statesOf(steps, {})).toEqual(new Set(['/a=old']));
  });

  test('is there only when the sync had ended', () => {
    expect(statesOf(steps, { atNs: 22 })).toContain('');
    expect(statesOf(steps, { atNs: 22 })).toContain('/a=');
  });

  test('does not hold what was written after the sync began', () => {
    const states = statesOf([...steps, write('new')], {});
    expect(states).toEqual(new Set(['/a=old', '/a=new']));
  });
});

describe('names', () => {
  test('need a sync of the directory in the strict model, and of the file in that of ext4', () => {
    const steps = [create('/a'), write('old'), sync(FILE)];
    expect(statesOf(steps, { model: 'strict', habit: 'none' })).toEqual(new Set(['']));
    expect(statesOf(steps, { model: 'ext4', habit: 'none' })).toEqual(new Set(['/a=old']));
  });

  test('are given and taken at once by a rename within a directory', () => {
    const steps = [
      create('/a'),
      sync(FILE),
      sync(ROOT),
      { kind: 'rename', inode: FILE, path: '/a', to: '/b' } as const,
    ];
    expect(statesOf(steps, {})).toEqual(new Set(['/a=', '/b=']));
  });

  test('lead nowhere when the directory above has none', () => {
    const steps = [{ kind: 'makeDirectory', inode: 3, path: '/d' } as const, create('/d/a'), sync(FILE), sync(3)];
    expect(statesOf(steps, { model: 'strict', habit: 'none' })).toEqual(new Set(['']));
    expect(statesOf(steps, { model: 'ext4', habit: 'none' })).toEqual(new Set(['/d= /d/a=']));
  });

  test('stand for another file when the number of an inode is used again', () => {
    const steps = [create('/a'), write('one'), { kind: 'remove', path: '/a' } as const, create('/b'), write('two')];
    expect(statesOf(steps, { habit: 'all' })).toEqual(new Set(['/b=two']));
  });
});

describe('what was not synced', () => {
  test('is lost, kept or torn at sectors, and never mixed with what nobody wrote', () => {
    const steps = [create('/a'), sync(ROOT), write('x'.repeat(1024))];
    const states = [...statesOf(steps, {})];
    expect(states.every((state) => /^\/a=(x{512}|\0{512})*$/.test(state))).toBe(true);
    for (const size of ['', 'x'.repeat(512), 'x'.repeat(1024), '\0'.repeat(1024)])
      expect(states).toContain(`/a=${size}`);
  });

  test('may be there without what came before it', () => {
    const steps = [create('/a'), sync(ROOT), write('one'), write('two', 3)];
    expect(statesOf(steps, { habit: 'but one' })).toEqual(new Set(['/a=one', '/a=\0\0\0two']));
  });
});
