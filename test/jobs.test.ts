/** Background jobs: never two runs of one job at a time, failures are survived, stopping waits. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../src/clock.ts';
import { type Job, type Jobs, startJobs } from '../src/jobs.ts';
import { createTestLog } from './support/log.ts';

/** A job whose runs end when the test says so. */
class HeldJob implements Job {
  readonly name: string;
  readonly schedule: string;
  readonly signals: AbortSignal[] = [];
  running = 0;
  atMost = 0;
  readonly #ends: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];

  constructor(name = 'held', schedule = NEVER) {
    this.name = name;
    this.schedule = schedule;
  }

  readonly run = async (signal: AbortSignal): Promise<unknown> => {
    this.signals.push(signal);
    this.running += 1;
    this.atMost = Math.max(this.atMost, this.running);
    try {
      return await new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
    } finally {
      this.running -= 1;
    }
  };

  get runs(): number {
    return this.signals.length;
  }

  /** Ends the oldest run that has not ended yet. */
  end(value?: unknown): void {
    this.#ends.shift()!.resolve(value);
  }

  fail(message: string): void {
    this.#ends.shift()!.reject(new Error(message));
  }
}

const NEVER = '0 0 29 2 *';
const EVERY_MINUTE = '* * * * *';
const log = createTestLog();

function startForTest(...jobs: Job[]): Jobs {
  const started = startJobs(jobs, { clock: systemClock, log });
  onTestFinished(() => void started.stop());
  return started;
}

/** Lets everything run that waits for nothing but promises. */
const settle = async () => {
  for (let pass = 0; pass < 20; pass += 1) await Promise.resolve();
};

beforeEach(() => {
  log.entries.length = 0;
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 2, 3, 4, 5) });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a schedule', () => {
  it('runs a job once at the start and then at every tick', async () => {
    const job = new HeldJob('a', EVERY_MINUTE);
    startForTest(job);
    expect(job.runs).toBe(1);
    job.end();
    for (const runs of [2, 3, 4]) {
      await vi.advanceTimersByTimeAsync(60_000);
      expect(job.runs).toBe(runs);
      job.end();
    }
  });

  it('leaves a tick out while the run before is in progress, and goes on afterwards', async () => {
    const job = new HeldJob('a', EVERY_MINUTE);
    startForTest(job);
    await vi.advanceTimersByTimeAsync(180_000);
    expect(job.runs, 'a tick started a second run beside the first').toBe(1);
    job.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(job.runs).toBe(2);
    expect(job.atMost).toBe(1);
  });

  it('does not let one job hold up another', async () => {
    const slow = new HeldJob('slow', EVERY_MINUTE);
    const quick = new HeldJob('quick', EVERY_MINUTE);
    startForTest(slow, quick);
    quick.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([slow.runs, quick.runs]).toEqual([1, 2]);
  });

  it('goes on at once after the clock was set forward or back, and makes up for nothing', async () => {
    const job = new HeldJob('a', '*/10 * * * * *');
    startForTest(job);
    job.end();
    for (const [index, byMs] of [
      24 * 3_600_000,
      -2 * 3_600_000,
      -30 * 24 * 3_600_000,
      70 * 365 * 86_400_000,
    ].entries()) {
      vi.setSystemTime(Date.now() + byMs);
      await vi.advanceTimersByTimeAsync(1000);
      expect(job.runs, `not run after the clock moved by ${byMs} ms`).toBe(2 + 2 * index);
      job.end();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(job.runs, `no tick within ten seconds after the clock moved by ${byMs} ms`).toBe(3 + 2 * index);
      job.end();
    }
  });

  it('logs a run that fails, and runs the job again at the next tick', async () => {
    const job = new HeldJob('a', EVERY_MINUTE);
    startForTest(job);
    job.fail('no space');
    await vi.advanceTimersByTimeAsync(0);
    expect(log.take('error')).toEqual([
      { level: 'error', message: 'A background job failed.', fields: { err: new Error('no space'), job: 'a' } },
    ]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(job.runs, 'the job never ran again').toBe(2);
    expect(log.entries).toEqual([]);
  });
});

describe('a run on demand', () => {
  it('waits for the run in progress and then runs the job, giving back its result', async () => {
    const job = new HeldJob();
    const jobs = startForTest(job);
    const result = jobs.run('held');
    await settle();
    expect(job.runs, 'it did not wait for the first run').toBe(1);
    job.end('of the start');
    await settle();
    expect(job.runs).toBe(2);
    job.end('on demand');
    expect(await result).toBe('on demand');
  });

  it('is not harmed by the failure of the run that it waited for', async () => {
    const job = new HeldJob();
    const jobs = startForTest(job);
    const result = jobs.run('held');
    job.fail('no space');
    await settle();
    job.end('good');
    expect(await result).toBe('good');
  });

  it('rejects with what the job throws', async () => {
    const job = new HeldJob();
    const jobs = startForTest(job);
    job.end();
    const result = jobs.run('held');
    await settle();
    job.fail('no space');
    await expect(result).rejects.toThrow('no space');
  });

  it('never overlaps another one of the same job', async () => {
    const job = new HeldJob();
    const jobs = startForTest(job);
    const results = ['first', 'second', 'third'].map(() => jobs.run('held'));
    for (let run = 0; run < 4; run += 1) {
      await settle();
      expect(job.running, `runs of one job at the same time after ${run} ended`).toBe(1);
      job.end(run);
    }
    expect(await Promise.all(results)).toEqual([1, 2, 3]);
    expect(job.atMost).toBe(1);
  });

  it('of a job that does not exist says so', async () => {
    await expect(startForTest().run('nobody')).rejects.toThrow('There is no job named nobody.');
  });
});

describe('stopping', () => {
  it('tells the run in progress to stop and waits until it has', async () => {
    const job = new HeldJob();
    const jobs = startForTest(job);
    expect(job.signals[0]!.aborted).toBe(false);
    let stopped = false;
    const stopping = jobs.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect(job.signals[0]!.aborted, 'the run was not told').toBe(true);
    expect(stopped, 'stop did not wait for the run').toBe(false);
    job.end();
    await stopping;
  });

  it('does not mind a run that fails while it stops', async () => {
    const job = new HeldJob();
    const stopping = startForTest(job).stop();
    job.fail('aborted');
    await expect(stopping).resolves.toBeUndefined();
  });

  it('ends the schedules', async () => {
    const job = new HeldJob('a', EVERY_MINUTE);
    const jobs = startForTest(job);
    job.end();
    await jobs.stop();
    await vi.advanceTimersByTimeAsync(300_000);
    expect(job.runs, 'a tick came after the stop').toBe(1);
    expect(vi.getTimerCount(), 'the timer of a schedule is left').toBe(0);
  });
});
