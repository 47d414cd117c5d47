/** Millrace as its users run it: the compiled program in a process of its own, reached through its port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { pin } from './cores.ts';
import { ended } from './helper.ts';
import { ENCODINGS, SIGNATURE, STREAM, targetOf } from './requests.ts';

const PROGRAM = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const READY_LINE = /^Millrace .* at (http:\/\/\S+) with data in /;

/** A new stream is CREATING for half a second. */
const ACTIVE_POLL_MS = 50;

/** A server that speaks Kinesis: Millrace, or one of its peers. */
export interface Millrace {
  readonly port: number;
  /** Calls an operation of Kinesis, or of the service before a dot; rejects unless it succeeds. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  call(operation: string, input: object): Promise<any>;
}

/** Starts Millrace with a fresh data directory and one active stream of `shards` shards. */
export async function startMillrace(shards: number, cleanup: Cleanup): Promise<Millrace> {
  const millrace = await startProgram(temporaryDirectory(cleanup), {}, cleanup);
  await createStream(shards, millrace.call);
  return millrace;
}

/** A schedule that hardly ever comes. What is scheduled so runs only once, at the start. */
export const NEVER = '0 0 1 1 *';

/** How often the threads of a program are put on their cores: new ones may have started. */
const PINNING_MS = 500;

export interface Program extends Millrace {
  readonly pid: number;
  /** From starting the process to the line that says it is ready. */
  readonly readyMs: number;
  /** Stops the program in order. */
  stop(): Promise<void>;
  /** Ends the process as a crash would (SIGKILL). */
  kill(): Promise<void>;
}

/** Starts Millrace on the data of `directory`, with further `settings` by their environment names. */
export async function startProgram(
  directory: string,
  settings: Record<string, string>,
  cleanup: Cleanup,
): Promise<Program> {
  const startMs = performance.now();
  const child = spawn(process.execPath, [PROGRAM], {
    // Neither the caller's settings nor a file .env in the working directory may change what is measured.
    cwd: directory,
    env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: directory, LOG_LEVEL: 'warn', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let pinning: NodeJS.Timeout | undefined;
  const end = (signal: NodeJS.Signals) => {
    clearInterval(pinning);
    child.kill(signal);
    return ended(child);
  };
  const stop = () => end('SIGTERM');
  cleanup.add(stop);
  const url = await readyUrl(child);
  const readyMs = performance.now() - startMs;
  pin(child.pid!, 'measured');
  // The thread that moves the WAL starts when there is something to move.
  pinning = setInterval(() => pin(child.pid!, 'measured'), PINNING_MS);
  const server = serverAt(Number(new URL(url).port));
  return { ...server, pid: child.pid!, readyMs, stop, kill: () => end('SIGKILL') };
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Millrace ended with ${code} before it was ready.`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const url = READY_LINE.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

/** Creates the stream of the benchmark and waits until it is ACTIVE. */
export async function createStream(shards: number, call: Millrace['call']): Promise<void> {
  await call('CreateStream', { StreamName: STREAM, ShardCount: shards });
  for (let status = ''; status !== 'ACTIVE'; ) {
    await new Promise((resolve) => setTimeout(resolve, ACTIVE_POLL_MS));
    status = (await call('DescribeStreamSummary', { StreamName: STREAM })).StreamDescriptionSummary.StreamStatus;
  }
}

/** The server that listens at a port of this machine. */
export function serverAt(port: number): Millrace {
  return { port, call: (operation, input) => callOver(`http://127.0.0.1:${port}`, operation, input) };
}

async function callOver(url: string, operation: string, input: object): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': ENCODINGS.JSON.contentType, 'X-Amz-Target': targetOf(operation), ...SIGNATURE },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${operation} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
