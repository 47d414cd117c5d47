/** The server under test: the compiled program in a process of its own, with the faults that a scenario asks for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../bench/cleanup.ts';

export interface Launch {
  /** The directory of the compiled program. */
  readonly build: string;
  readonly dataDir: string;
  /** Further settings by their environment names. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further variables that are no settings, such as LD_PRELOAD. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Options of node, such as --max-old-space-size. */
  readonly nodeOptions?: readonly string[];
  /** Flags of the program, such as --accept-data-loss. */
  readonly flags?: readonly string[];
  /** The user that it runs as; the one of this process when absent. */
  readonly uid?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when it has ended, by whatever means. */
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Exit>;
}

export interface Server extends ServerProcess {
  readonly url: string;
  /** From the spawn of the process to its ready line. */
  readonly readyMs: number;
}

/** The program ended before it was ready. */
export class NotReady extends Error {
  override readonly name = 'NotReady';
  readonly exit: Exit;
  readonly stderr: string;

  constructor(exit: Exit, stderr: string) {
    super(`The server ended with ${exit.code ?? exit.signal} before it was ready: ${stderr}`);
    this.exit = exit;
    this.stderr = stderr;
  }
}

/** Streams are ready at once, delivery streams deliver soon; a scenario may say otherwise. */
const SETTINGS = { PORT: '0', TLS: 'off', LOG_LEVEL: 'warn', TRANSITION_MS: '20' };

/** So much of what a server said is told, in characters: two lines of the log with their stacks. */
const LAST_WORDS = 3000;

/** What a server said last, for a message about it. */
export const lastWords = ({ stderr }: ServerProcess): string => stderr().slice(-LAST_WORDS);

/** Starts the program; see `start` for waiting until it is ready. */
export function spawnServer(launch: Launch, cleanup: Cleanup): ServerProcess {
  const { build, dataDir, settings, environment, nodeOptions = [], flags = [], uid } = launch;
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [...nodeOptions, join(build, 'src', 'main.js'), ...flags], {
    env: { PATH, HOME, ...SETTINGS, DATA_DIR: dataDir, ...settings, ...environment },
    // Where no .env file is.
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
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
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  cleanup.add(async () => void (await end('SIGKILL')));
  return { pid: child.pid!, child, exited, stdout: () => stdout, stderr: () => stderr, end };
}

const READY = /ready in \d+ ms at (http:\S+) with data in /;

/**
 * Starts the program and waits until it is ready.
 * @throws NotReady when it ends instead.
 */
export async function start(launch: Launch, cleanup: Cleanup): Promise<Server> {
  const startedMs = performance.now();
  const server = spawnServer(launch, cleanup);
  const url = await new Promise<string>((resolve, reject) => {
    server.child.stdout!.on('data', () => {
      const match = READY.exec(server.stdout());
      if (match) resolve(match[1]!);
    });
    void server.exited.then((exit) => reject(new NotReady(exit, server.stderr())));
  });
  return { ...server, url, readyMs: performance.now() - startedMs };
}
