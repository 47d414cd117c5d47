/**
 * Which core runs what. Left alone, the scheduler sometimes puts the load generator and the server on the same core and
 * keeps them there, which changes figures by a factor of two from one run to the next. So the load generator gets a
 * core of its own, and the JavaScript thread of what is measured gets the others, where the system lets us choose.
 * Other threads (V8's own, the one that moves the WAL) stay free to use every core, as they are in everyday use.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type Place = 'load' | 'measured';

/**
 * Puts the JavaScript thread of a process on the cores of `place`, if cores can be chosen, and its other threads on all of
 * them. A thread inherits the cores of the one that starts it, so this is done again when others may have been started.
 */
export function pin(pid: number, place: Place): void {
  if (!canPin()) return;
  taskset('--all-tasks', cores, pid);
  // Without --all-tasks this is about one thread: the one whose id is that of the process.
  taskset('--pid', place === 'load' ? cores.slice(0, 1) : cores.slice(1), pid);
}

function taskset(which: '--all-tasks' | '--pid', chosen: readonly number[], pid: number): void {
  const options = which === '--pid' ? ['--pid'] : [which, '--pid'];
  spawnSync('taskset', [...options, '--cpu-list', chosen.join(','), String(pid)]);
}

/** Whether `pin` can do anything here. */
export const canPin = (): boolean => cores.length >= 2;

/** The numbers of the cores that this process may use; empty except on a Linux that has `taskset`. */
function choosableCores(): number[] {
  if (process.platform !== 'linux' || spawnSync('taskset', ['--version']).status !== 0) return [];
  const list = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number) as [number, number?];
    return Array.from({ length: last! - first + 1 }, (_, offset) => first + offset);
  });
}

/** As they are before this process itself is put somewhere. */
const cores = choosableCores();
