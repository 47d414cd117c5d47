/** Starts threads for what takes long with a large database; see long-job.js. */
import { Worker } from 'node:worker_threads';

export type LongJob =
  | { readonly job: 'check'; readonly path: string }
  | { readonly job: 'copy'; readonly path: string; readonly to: string };

/**
 * Does a job and resolves with what SQLite says about it: `ok`, or what it found. An abort ends the thread.
 * @throws SqliteError of the thread, or Error when the thread ends without an answer
 */
export function runLongJob(job: LongJob, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./long-job.js', import.meta.url), { workerData: job });
    worker.unref();
    signal.addEventListener('abort', () => void worker.terminate(), { once: true });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`The thread ended with ${code} before its job was done.`)));
  });
}
