/** System calls of a running server that fail or take their time, by strace. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Cleanup } from '../bench/cleanup.ts';

export interface Injection {
  /** Names of system calls. */
  readonly syscalls: readonly string[];
  /** What happens to them, as strace has it: `error=EIO:when=3+`, `delay_exit=20000`. */
  readonly fault: string;
  /** Only calls on exactly these files. All when absent. */
  readonly paths?: readonly string[];
  /** Only these threads. All, and those that are yet to come, when absent. */
  readonly threads?: readonly number[];
}

export interface Tracing {
  /** How many system calls were tampered with so far. */
  injected(): number;
  /** The paths that they named; those that only had a descriptor are not among them. */
  paths(): string[];
  /** From now on all is as usual. Also resolves when the server has ended. */
  detach(): Promise<void>;
}

const ATTACH_LIMIT_MS = 10_000;

/**
 * strace lets go within milliseconds, or never: told to while the process is ending, it waits for the first thread,
 * whose end the kernel does not report before strace has taken notice of the other threads.
 */
const DETACH_LIMIT_MS = 5_000;

/** Resolves when every thread that is meant is being watched. `log` is the file of what was seen. */
export async function inject(pid: number, injection: Injection, log: string, cleanup: Cleanup): Promise<Tracing> {
  const { syscalls, fault, paths = [], threads } = injection;
  const names = syscalls.join(',');
  const whom = threads === undefined ? ['-f', '-p', String(pid)] : threads.flatMap((thread) => ['-p', String(thread)]);
  const options = [
    ...whom,
    ...paths.flatMap((path) => ['-P', path]),
    ...['-e', `trace=${names}`, '-e', `inject=${names}:${fault}`],
  ];
  const detach = await attach(options, { log, attachments: threads?.length ?? 1 }, cleanup);
  const injected = () => readFileSync(log, 'latin1').match(/^.*\((?:INJECTED|DELAYED)\)$/gm) ?? [];
  return {
    detach,
    injected: () => injected().length,
    paths: () => injected().flatMap((line) => /"([^"]*)"/.exec(line)?.[1] ?? []),
  };
}

/** The threads of a process but its first, which runs all JavaScript and SQL. */
export const threadsBesideMain = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .filter((thread) => thread !== pid);

/**
 * Attaches strace with these options; resolves, when so many threads are being watched, with what ends the watching.
 * `log` is the file of what was seen.
 */
export async function attach(
  options: readonly string[],
  { log, attachments }: { readonly log: string; readonly attachments: number },
  cleanup: Cleanup,
): Promise<() => Promise<void>> {
  const child = spawn('strace', [...options, '-o', log], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const detach = () => {
    // It lets go of whom it watches; SIGKILL does that too, but leaves calls of a process that goes on half way.
    child.kill('SIGINT');
    const limit = setTimeout(() => child.kill('SIGKILL'), DETACH_LIMIT_MS);
    return exited.finally(() => clearTimeout(limit));
  };
  cleanup.add(detach);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`strace could not be attached (${why}): ${said}`));
    const timer = setTimeout(() => fail('in time'), ATTACH_LIMIT_MS);
    child.stderr.on('data', (chunk) => {
      said += chunk;
      if ((said.match(/ attached/g)?.length ?? 0) < attachments) return;
      clearTimeout(timer);
      resolve();
    });
    void exited.then(() => {
      clearTimeout(timer);
      fail('it ended');
    });
  });
  return detach;
}
