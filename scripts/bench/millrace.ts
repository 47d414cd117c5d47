/** Millrace as its users run it: the compiled program in a process of its own, reached through its port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { pin } from './cores.ts';
import { ended } from './helper.ts';
import { SERVICE, SIGNATURE, STREAM } from './requests.ts';

const PROGRAM = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const READY_LINE = /^Millrace .* at (http:\/\/\S+) with data in /;

/** A new stream is CREATING for half a second. */
const ACTIVE_POLL_MS = 50;

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

export interface Program extends Millrace {
  /** Stops the program in order. */
  stop(): Promise<void>;
}

/** Starts Millrace on the data of `directory`, with further `settings` by their environment names. */
export async function startProgram(
  directory: string,
  settings: Record<string, string>,
  cleanup: Cleanup,
): Promise<Program> {
  const child = spawn(process.execPath, [PROGRAM], {
    // Neither the caller's settings nor a file .env in the working directory may change what is measured.
    cwd: directory,
    env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: directory, LOG_LEVEL: 'warn', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = () => {
    child.kill('SIGTERM');
    return ended(child);
  };
  cleanup.add(stop);
  const url = await readyUrl(child);
  pin(child.pid!, 'measured');
  const call = (operation: string, input: object) => callOver(url, operation, input);
  return { port: Number(new URL(url).port), call, stop };
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

async function callOver(url: string, operation: string, input: object): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': operation.includes('.') ? operation : `${SERVICE}.${operation}`,
      ...SIGNATURE,
    },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${operation} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
