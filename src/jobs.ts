/** Background work: on a cron schedule, once at the start, or on demand in tests. A job never overlaps itself. */
import cron from 'node-cron';
import type { Clock } from './clock.ts';
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

/** A wall clock that moves by this much more, or less, than time passes was set. */
const JUMP_MS = 5000;

/** A process that was held up looks this far back for what it missed. */
const MISSED_S = 60;

/**
 * Puts `jobs` on their schedules and runs each once. A failing run is logged and tried again at the next tick.
 *
 * node-cron says which seconds a schedule means; when to look is decided here, once a second. Its own timers go through
 * every missed second after the clock was set forward, and wait for the old time to come back after it was set back.
 */
export function startJobs(jobs: readonly Job[], { clock, log }: { clock: Clock; log: Log }): Jobs {
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

  const schedules = jobs.map((job) => ({ job, task: cron.createTask(job.schedule, () => {}, { name: job.name }) }));
  for (const job of jobs) tick(job);
  const cancelWatch = watchSeconds(clock, (seconds) => {
    for (const { job, task } of schedules) {
      // After a jump nobody knows what was missed.
      if (seconds === 'jumped' || seconds.some((second) => task.match(new Date(second * 1000)))) tick(job);
    }
  });

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
      cancelWatch();
      for (const { task } of schedules) await task.destroy();
      await Promise.allSettled([...running.values(), ...jobs.map((job) => job.settle?.())]);
    },
  };
}

/** Tells every second that begins, or that the clock was set. Returns its end. */
function watchSeconds(clock: Clock, tell: (seconds: readonly number[] | 'jumped') => void): () => void {
  let last = { wallMs: clock.now(), steadyMs: clock.monotonicMs() };
  const look = (): void => {
    const current = { wallMs: clock.now(), steadyMs: clock.monotonicMs() };
    const [before, now] = [Math.floor(last.wallMs / 1000), Math.floor(current.wallMs / 1000)];
    const jumpedMs = current.wallMs - last.wallMs - (current.steadyMs - last.steadyMs);
    last = current;
    cancel = clock.after(1000 - (current.wallMs % 1000), look);
    const first = Math.max(before + 1, now - MISSED_S);
    if (Math.abs(jumpedMs) > JUMP_MS) tell('jumped');
    else if (now >= first) tell(Array.from({ length: now - first + 1 }, (_, index) => first + index));
  };
  let cancel = clock.after(1000 - (last.wallMs % 1000), look);
  return () => cancel();
}
