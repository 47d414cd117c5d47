import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/server.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/src/database/long-job.js', import.meta.url));

/** Whether there is a process with this id. */
function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it.each([0, 500])('a job ends with the server that started it, also when that was killed %i ms later', async (ms) => {
  // To open a pipe that nobody writes into takes for ever, as a check of a very large file seems to.
  const path = join(temporaryDirectory(), 'endless');
  execFileSync('mkfifo', [path]);
  const server = spawn('sh', ['-c', '"$0" "$1" $$ check "$2" & echo $!; wait', process.execPath, PROGRAM, path]);
  const pid = await new Promise<number>((resolve) =>
    createInterface({ input: server.stdout }).once('line', (line) => resolve(Number(line))),
  );
  onTestFinished(() => {
    if (runs(pid)) process.kill(pid, 'SIGKILL');
  });
  await new Promise((resolve) => setTimeout(resolve, ms));
  expect(runs(pid), 'while the server runs').toBe(true);
  server.kill('SIGKILL');
  await expect.poll(() => runs(pid), { timeout: 30_000, message: 'whether the job still runs' }).toBe(false);
});
