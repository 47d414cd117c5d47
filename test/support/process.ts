/** The built program as a child process, for what only a real process can show: exit codes, signals, kill -9. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'src', 'main.js');

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface MillraceProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): Promise<Exit>;
}

/** Runs the program with `settings` (environment names) and nothing else of Millrace's from this environment. */
export function spawnMillrace(settings: Record<string, string>, args: readonly string[] = []): MillraceProcess {
  const { PATH, HOME } = process.env;
  // The working directory has no .env file; DATA_DIR is given by every test.
  const child = spawn(process.execPath, [MAIN, ...args], {
    // Making a certificate costs half a start, and a reserve of space more.
    env: { PATH, HOME, TLS: 'off', SPACE_RESERVE: '0', ...settings },
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    child,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    kill(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

export interface RunningMillrace extends MillraceProcess {
  readonly url: string;
  /** The PEM file that clients of https are to trust; empty without TLS. */
  readonly certificate: string;
}

const READY = /ready in \d+ ms at (http:\S+) with data in .*?(?:; https with (.*))?\n/;

/** Like spawnMillrace, and waits for the ready line. Fails with the program's output when it ends instead. */
export async function startMillrace(settings: Record<string, string>): Promise<RunningMillrace> {
  const millrace = spawnMillrace({ PORT: '0', LOG_LEVEL: 'warn', ...settings });
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    millrace.child.stdout!.on('data', () => {
      const match = READY.exec(millrace.stdout());
      if (match) resolve(match);
    });
    void millrace.exited.then(({ code, signal }) =>
      reject(new Error(`Millrace ended with ${code ?? signal} before it was ready: ${millrace.stderr()}`)),
    );
  });
  return { ...millrace, url: ready[1]!, certificate: ready[2] ?? '' };
}
