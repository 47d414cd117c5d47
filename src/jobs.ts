/** Background work: on a cron schedule, once at the start, or on demand in tests. A job never overlaps itself. */
import cron from 'node-cron';
import type { Log } from './log.ts';

export interface Job {
  readonly name: string;
  /** Cron expression. */
  readonly schedule: string;
  /** Does its work in short slices and ends soon after `signal` is aborted. */
  readonly run: (signal: AbortSignal) => Promise<unknown>;
  /** Ends and waits for what runs may have left behind. */
  readonly settle?: () => Promise<unknown>;
}

export interface Jobs {
  /** Runs a job now; waits for the run in progress if there is one. Rejects with what the job throws. */
  run(name: string): Promise<unknown>;
  /** Starts a job now, unless it is running. */
  hasten(name: string): void;
  /** Ends the schedules and waits for the runs in progress, which are told to stop. */
  stop(): Promise<void>;
}

/** Whether `text` is a cron expression. */
export const isSchedule = (text: string): boolean => cron.validate(text);

/** Puts `jobs` on their schedules and runs each once. A failing run is logged and tried again at the next tick. */
export function startJobs(jobs: readonly Job[], log: Log): Jobs {
  const stopping = new AbortController();
  const running = new Map<string, Promise<unknown>>();

  const start = (job: Job): Promise<unknown> => {
    // Asynchronous, so that what a job throws at once is a rejection too.
    const run = (async () => job.run(stopping.signal))().finally(() => running.delete(job.name));
    running.set(job.name, run);
    return run;
  };
  const tick = (job: Job): void => {
    if (running.has(job.name) || stopping.signal.aborted) return;
    start(job).catch((error) => log.error({ err: error, job: job.name }, 'A background job failed.'));
  };

  const tasks = jobs.map((job) => cron.schedule(job.schedule, () => tick(job), { name: job.name }));
  for (const job of jobs) tick(job);

  const requireJob = (name: string): Job => {
    const job = jobs.find((candidate) => candidate.name === name);
    if (job === undefined) throw new Error(`There is no job named ${name}.`);
    return job;
  };

  return {
    async run(name) {
      const job = requireJob(name);
      while (running.has(name)) await running.get(name)?.catch(() => undefined);
      if (stopping.signal.aborted) throw new Error('The jobs have been stopped.');
      return start(job);
    },
    hasten: (name) => tick(requireJob(name)),
    async stop() {
      stopping.abort();
      for (const task of tasks) await task.destroy();
      await Promise.allSettled([...running.values(), ...jobs.map((job) => job.settle?.())]);
    },
  };
}
