/**
 * A real server in the test's process: real sockets, real SQLite file in a temporary directory, a clock that the test
 * moves. Everything goes through the port, as it does for users.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { openConnection } from '../../src/database/connection.ts';
import { migrate } from '../../src/database/migrate.ts';
import { type Millrace, start } from '../../src/start.ts';
import { VERSION } from '../../src/version.ts';
import { CBOR_TYPE, cborOf, jsonOf } from './cbor.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { createTestLog, type TestLog } from './log.ts';
import { signatureHeaders } from './signature.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body; of an answer in CBOR, the JSON that says the same. */
  readonly text: string;
  /** The parsed body; undefined when it is empty. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
  readonly body: any;
}

export interface CallOptions {
  /** 12 digits; the access key id of the signature. */
  readonly account?: string;
  readonly region?: string;
  readonly headers?: Record<string, string>;
  /** In which encoding the call is made; that of the variable WIRE when absent, or JSON. */
  readonly wire?: Wire | undefined;
}

export type Wire = 'json' | 'cbor';

/** `npm run test:cbor` sets it: all that tests say in JSON is then asked and answered in CBOR. */
const WIRE: Wire = process.env.WIRE === 'cbor' ? 'cbor' : 'json';

export interface TestServer {
  readonly url: string;
  readonly directory: string;
  readonly clock: TestClock;
  readonly log: TestLog;
  /** Calls `Kinesis_20131202.{operation}`, or an operation with its service before a dot, with JSON. */
  call(operation: string, input: object, options?: CallOptions): Promise<Answer>;
  /** Like `call`, but throws unless the answer is 200, and returns its body. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
  ok(operation: string, input: object, options?: CallOptions): Promise<any>;
  /** Creates a stream and advances the clock until it is ACTIVE. */
  createStream(name: string, shardCount?: number, options?: CallOptions): Promise<void>;
  runJob(name: string): Promise<unknown>;
  /** Stops the server in order and starts another on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** Settings by their environment names, for example `{ QUOTAS: 'documented' }`. */
  readonly settings?: Record<string, string>;
  readonly clock?: TestClock;
  /** The data directory; a temporary one that is removed afterwards when absent. */
  readonly directory?: string;
}

const DATABASE_FILE = 'millrace.db';

/** Nearly: the first minute of a year. */
const NEVER = '0 0 1 1 *';

/** A directory that is removed when the test has finished. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts a server that is closed when the test has finished; the test fails if the server logged an error. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const directory = options.directory ?? temporaryDirectory();
  const clock = options.clock ?? createTestClock();
  const log = createTestLog();
  // No tick of a schedule inside a test: jobs run when the test says so.
  const settings = {
    PORT: '0',
    DATA_DIR: directory,
    SWEEP_SCHEDULE: NEVER,
    FLUSH_SCHEDULE: NEVER,
    // Making a certificate costs as much as many tests.
    TLS: 'off',
    // A reserve for each of them would be gigabytes.
    SPACE_RESERVE: '0',
    ...options.settings,
  };
  await provideSchema(directory);
  const startOne = () => start(readConfig(settings), { log, clock, onFatal: () => undefined });
  let millrace: Millrace | undefined = await startOne();

  const call: TestServer['call'] = async (operation, input, { account, region, headers, wire = WIRE } = {}) => {
    const target = operation.includes('.') ? operation : `Kinesis_20131202.${operation}`;
    const scope = `${account ?? 'test'}/20260102/${region ?? 'us-east-1'}/kinesis/aws4_request`;
    const response = await fetch(millrace!.url, {
      method: 'POST',
      headers: {
        'Content-Type': wire === 'cbor' ? CBOR_TYPE : 'application/x-amz-json-1.1',
        'X-Amz-Target': target,
        ...signatureHeaders(scope),
        ...headers,
      },
      body: wire === 'cbor' ? cborOf(target, input) : JSON.stringify(input),
    });
    const { status, headers: answered } = response;
    const bytes = Buffer.from(await response.arrayBuffer());
    if (answered.get('content-type') === CBOR_TYPE) {
      const body = jsonOf(bytes);
      return { status, headers: answered, text: body === undefined ? '' : JSON.stringify(body), body };
    }
    const text = bytes.toString();
    return { status, headers: answered, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
  };
  const ok: TestServer['ok'] = async (operation, input, callOptions) => {
    const { status, body, text } = await call(operation, input, callOptions);
    if (status !== 200) throw new Error(`${operation} answered ${status}: ${text}`);
    return body;
  };
  const server: TestServer = {
    get url() {
      return millrace!.url;
    },
    directory,
    clock,
    log,
    call,
    ok,
    async createStream(name, shardCount = 1, callOptions) {
      await ok('CreateStream', { StreamName: name, ShardCount: shardCount }, callOptions);
      clock.advance(1000);
    },
    runJob: (name) => millrace!.jobs.run(name),
    async restart() {
      await millrace!.close();
      millrace = await startOne();
    },
    async close() {
      const closing = millrace;
      millrace = undefined;
      await closing?.close();
    },
  };
  onTestFinished(async () => {
    await server.close();
    const errors = log.entries.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw new Error(`The server logged errors: ${JSON.stringify(errors, errorText)}`);
  });
  return server;
}

/** An empty database with the newest schema, made once: hundreds of tests need not run all migrations. */
const template = mkdtempSync(join(tmpdir(), 'millrace-template-'));
process.once('exit', () => rmSync(template, { recursive: true, force: true }));

async function provideSchema(directory: string): Promise<void> {
  const [empty, file] = [join(template, DATABASE_FILE), join(directory, DATABASE_FILE)];
  if (!existsSync(directory) || existsSync(file)) return;
  if (!existsSync(empty)) {
    const handle = openConnection(empty);
    await migrate(handle, VERSION);
    handle.pragma('wal_checkpoint(TRUNCATE)');
    handle.close();
  }
  copyFileSync(empty, file);
}

const errorText = (_key: string, value: unknown) => (value instanceof Error ? value.stack : value);
