/** A control group of the kernel with a memory limit: what takes more in it is killed, as in a small container. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../bench/cleanup.ts';
import { memoryGroupsRoot } from './needs.ts';

const SWAP_BYTES = 1024 * 1024;

export interface MemoryGroup {
  /** From now on the process, and what it starts, counts. */
  take(pid: number): void;
  /** How often the limit was in the way. */
  hits(): number;
}

/** By version 1 of control groups or version 2, whichever this machine has. */
export function createMemoryGroup(name: string, limitBytes: number, cleanup: Cleanup): MemoryGroup {
  const group = join(memoryGroupsRoot()!, name);
  mkdirSync(group);
  cleanup.add(() => rmdirSync(group));
  const isFirst = existsSync(join(group, 'memory.limit_in_bytes'));
  const set = (file: string, value: number) => {
    if (existsSync(join(group, file))) writeFileSync(join(group, file), String(value));
  };
  set(isFirst ? 'memory.limit_in_bytes' : 'memory.max', limitBytes);
  // Where there is swap, it would take what does not fit; some is left, because only the other limit counts its hits.
  if (isFirst) set('memory.memsw.limit_in_bytes', limitBytes + SWAP_BYTES);
  else set('memory.swap.max', 0);
  return {
    take: (pid) => writeFileSync(join(group, 'cgroup.procs'), String(pid)),
    hits() {
      if (isFirst) return Number(readFileSync(join(group, 'memory.failcnt'), 'utf8'));
      return Number(/^max (\d+)$/m.exec(readFileSync(join(group, 'memory.events'), 'utf8'))?.[1] ?? 0);
    },
  };
}
