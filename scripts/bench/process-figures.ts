/** What the system knows of a running process: its processor time and its memory. Linux only; elsewhere nothing is told. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const MEGABYTE = 1024;

/** Whether the other functions work here. */
export const canLookInto = (): boolean => process.platform === 'linux';

/** Microseconds of processor time that all threads of the process have taken so far. */
export function cpuMicroseconds(pid: number): number {
  const directory = `/proc/${pid}/task`;
  // A file per thread, in nanoseconds: the sum for the process has a resolution of 10 ms only.
  const nanoseconds = readdirSync(directory).map((thread) =>
    Number(readFileSync(`${directory}/${thread}/schedstat`, 'latin1').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, count) => sum + count, 0) / 1000;
}

export interface Memory {
  /** Resident now, in MB. */
  readonly nowMb: number;
  /** The most since the start, or since `forgetPeak`. */
  readonly peakMb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) / MEGABYTE;
  return { nowMb: field('VmRSS'), peakMb: field('VmHWM') };
}

/** Has the peak begin with what is resident now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
