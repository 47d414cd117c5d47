/** Starts programs for what takes long with a large database; see long-job.js. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./long-job.js', import.meta.url));

export type LongJob =
  | { readonly job: 'check'; readonly path: string }
  | { readonly job: 'copy'; readonly path: string; readonly to: string };

type Answer = { readonly found: string } | { readonly error: { readonly code?: string; readonly message: string } };

/**
 * Does a job and resolves with what SQLite says about it: `ok`, or what it found. An abort ends it at once.
 * @throws Error with SQLite's code, or without one when the program ends before its job is done
 */
export function runLongJob(work: LongJob, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [String(process.pid), work.job, work.path, ...(work.job === 'copy' ? [work.to] : [])];
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    const end = () => child.kill('SIGKILL');
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      signal.removeEventListener('abort', end);
      const answer = parse(printed);
      if (answer === undefined) reject(new Error(`It ended with ${code ?? 'a signal'} before it was done.`));
      else if ('error' in answer) reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
      else resolve(answer.found);
    });
  });
}

function parse(printed: string): Answer | undefined {
  try {
    return JSON.parse(printed) as Answer;
  } catch {
    return undefined;
  }
}
