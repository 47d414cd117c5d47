/** Helpers: programs of the benchmark that run in processes of their own and do one job after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cleanup } from './cleanup.ts';

/** A child that has not ended by then is killed. */
const END_MS = 5000;

export interface Helper<Job, Result> {
  /** One job at a time. Rejects with the helper's error, or when the helper ends. */
  do(job: Job): Promise<Result>;
}

type Reply<Result> = { readonly result: Result } | { readonly failure: string };

/** Starts the program `name` of this directory; `cleanup` ends it. */
export function startHelper<Job extends object, Result>(name: string, cleanup: Cleanup): Helper<Job, Result> {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const child = fork(file, { serialization: 'advanced', execArgv: [] });
  cleanup.add(() => {
    // The helper ends by itself when its parent is gone, which also holds for a parent that was killed.
    if (child.connected) child.disconnect();
    return ended(child);
  });
  return {
    do: (job) =>
      new Promise((resolve, reject) => {
        const onExit = () => reject(new Error(`The helper ${name} ended by itself.`));
        child.once('exit', onExit);
        child.once('message', (reply: Reply<Result>) => {
          child.off('exit', onExit);
          if ('failure' in reply) reject(new Error(`${name}: ${reply.failure}`));
          else resolve(reply.result);
        });
        child.send(job);
      }),
  };
}

/** The helper's side: answers each job with what `work` returns or throws. */
export function serveJobs<Job, Result>(work: (job: Job) => Promise<Result> | Result): void {
  // An interrupt from the terminal reaches every process; the parent decides what it means.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit());
  process.on('message', async (job: Job) => {
    let reply: Reply<Result>;
    try {
      reply = { result: await work(job) };
    } catch (error) {
      reply = { failure: (error as Error).message };
    }
    process.send!(reply);
  });
}

/** Resolves when the child has ended; kills it when that takes too long. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const kill = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(kill);
}
