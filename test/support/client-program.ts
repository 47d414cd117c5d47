/**
 * Programs in other languages that do the same round trip with an unchanged SDK: `<program> <endpoint> <name>
 * [<transport>]`. Each prints the name of a check after it has passed; what the checks are stands in CHECKS and in the
 * programs. Credentials, the region and CA_FILE, a certificate to trust, come from the environment.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** In the order in which programs do them. */
export const CHECKS = ['create', 'put', 'batch', 'read', 'tag', 'split', 'deliver', 'errors'];

export interface ClientProgram {
  readonly name: string;
  /** Why it cannot be built or run on this machine; undefined when it can. */
  readonly missing: () => string | undefined;
  /** Makes it; `cache` is a directory of its own that outlives the run. Absent where nothing is to be made. */
  readonly build?: (cache: string) => Promise<void>;
  /** The command and its first arguments. */
  readonly command: (cache: string) => readonly [command: string, ...args: string[]];
  readonly transports: readonly string[];
}

const ROOT = join(import.meta.dirname, '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'clients');
const SOURCES = join(ROOT, 'test', 'clients');

const works = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const needs =
  (what: string, command: string, ...args: string[]) =>
  () =>
    works(command, ...args) ? undefined : `${what} is not installed`;

/** A build may have to fetch a few hundred packages. */
const BUILD_MS_MAX = 900_000;
const RUN_MS_MAX = 180_000;

async function make(directory: string, env: object, command: string, ...args: string[]): Promise<void> {
  const cwd = join(SOURCES, directory);
  await execute(command, args, { cwd, env: { ...process.env, ...env }, timeout: BUILD_MS_MAX, maxBuffer: 2 ** 26 });
}

const script = (...path: string[]) => join(SOURCES, ...path);

const javaProgram = (directory: string, mainClass: string, ...options: string[]) => ({
  missing: () => needs('Java', 'javac', '-version')() ?? needs('Maven', 'mvn', '-version')(),
  build: (cache: string) => make(directory, {}, 'mvn', '-q', '-B', `-Dbuild.dir=${cache}`, 'compile'),
  command: (cache: string): [string, ...string[]] => [
    'java',
    ...options,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    // What is unpacked stays out of the directory of everybody.
    `-Djava.io.tmpdir=${cache}`,
    '-cp',
    `${join(cache, 'classes')}:${join(cache, 'lib', '*')}`,
    mainClass,
  ],
});

const java = (...options: string[]) => javaProgram('java', 'roundtrip.RoundTrip', ...options);

const goProgram = (from: string, to: string) => ({
  missing: needs('Go', 'go', 'version'),
  build: (cache: string) =>
    make(
      'go',
      { GOFLAGS: '-mod=readonly -buildvcs=false' },
      'go',
      'build',
      '-p',
      '2',
      '-o',
      join(cache, to),
      `./${from}`,
    ),
  command: (cache: string): [string] => [join(cache, to)],
});

const rust = (binary: string) => ({
  missing: needs('Rust', 'cargo', '--version'),
  build: (cache: string) => make('rust', { CARGO_TARGET_DIR: cache }, 'cargo', 'build', '--locked', '-q', '-j2'),
  command: (cache: string): [string] => [join(cache, 'debug', binary)],
  transports: ['default'],
});

interface CachedProgram extends ClientProgram {
  /** The name of its cache; programs that are made of the same sources share one. */
  readonly cache: string;
}

export const PROGRAMS: readonly CachedProgram[] = [
  {
    name: 'JavaScript SDK v3',
    cache: 'javascript',
    missing: () => undefined,
    command: () => [process.execPath, script('javascript', 'checks.mjs')],
    transports: ['default', 'http1', 'http2', 'http2-isolated'],
  },
  {
    name: 'boto3',
    cache: 'python',
    missing: needs('boto3', 'python3', '-c', 'import boto3'),
    command: () => ['python3', script('python', 'checks.py')],
    transports: ['default'],
  },
  {
    name: 'AWS CLI',
    cache: 'cli',
    missing: needs('the AWS CLI', 'aws', '--version'),
    command: () => ['python3', script('cli', 'checks.py')],
    transports: ['default'],
  },
  { name: 'Java SDK v2, CBOR', cache: 'java', ...java(), transports: ['netty', 'url', 'apache'] },
  { name: 'Java SDK v2, JSON', cache: 'java', ...java('-Daws.cborEnabled=false'), transports: ['netty'] },
  {
    name: 'Go SDK v2',
    cache: 'go',
    ...goProgram('', 'run'),
    transports: ['default', 'http1', 'h2c'],
  },
  { name: 'Rust SDK', cache: 'rust', ...rust('aws_sdk') },
  { name: 'rusoto 0.48', cache: 'rust', ...rust('rusoto') },
];

/** Programs that read a stream through enhanced fan-out: `<program> <endpoint> <stream> <consumer>`. */
export const FAN_OUT_PROGRAMS: readonly CachedProgram[] = [
  {
    name: 'JavaScript SDK v3',
    cache: 'javascript',
    missing: () => undefined,
    command: () => [process.execPath, script('javascript', 'fan-out.mjs')],
    transports: ['default'],
  },
  {
    name: 'boto3',
    cache: 'python',
    missing: needs('boto3', 'python3', '-c', 'import boto3'),
    command: () => ['python3', script('python', 'fan_out.py')],
    transports: ['default'],
  },
  { name: 'Java SDK v2', cache: 'java', ...javaProgram('java', 'roundtrip.FanOut'), transports: ['default'] },
  { name: 'Go SDK v2', cache: 'go', ...goProgram('fanout', 'fan-out'), transports: ['default'] },
];

/** Puts through the Kinesis Producer Library: `<program> <port> <port of an STS> <stream> <count>`. */
export const PRODUCER_LIBRARY: CachedProgram = {
  name: 'KPL 0.15',
  cache: 'kpl',
  ...javaProgram('kpl', 'kpl.Put'),
  transports: ['default'],
};

/** Reads with the Kinesis Client Library: `<program> <endpoint> <stream> <application> <count>`. */
export const CLIENT_LIBRARY: CachedProgram = {
  name: 'KCL 3.5',
  cache: 'kcl',
  ...javaProgram(
    'kcl',
    'kcl.Work',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    `-Dsqlite4java.library.path=${join(CACHE, 'kcl', 'lib')}`,
  ),
  missing: () => {
    // What it keeps its leases in has a native part.
    if (process.platform !== 'linux' || process.arch !== 'x64') return 'DynamoDB Local runs on Linux on x64';
    return javaProgram('kcl', 'kcl.Work').missing();
  },
  transports: ['default'],
};

/** What builds say when it is the network or the age of the toolchain that keeps them from being made. */
const NOT_HERE =
  /could not resolve|resolve host|no such host|connection (refused|reset|timed out)|network is unreachable|failed to (download|fetch)|could not transfer|requires rustc|requires go |i\/o timeout/i;

/** Makes `program`. Returns why it cannot be had here, or undefined; throws when its sources are wrong. */
export async function prepare(program: CachedProgram): Promise<string | undefined> {
  const reason = program.missing();
  if (reason !== undefined || program.build === undefined) return reason;
  const cache = join(CACHE, program.cache);
  mkdirSync(cache, { recursive: true });
  try {
    await program.build(cache);
    return undefined;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const said = `${stdout}\n${stderr}`;
    if (NOT_HERE.test(said)) return `it cannot be built here (${NOT_HERE.exec(said)![0]})`;
    throw new Error(`${program.name} does not build: ${said}`);
  }
}

/** What of this machine's settings would change what clients do. */
const NOT_PASSED_ON = /^(AWS_|SSL_CERT|REQUESTS_CA|CURL_CA|NODE_EXTRA_CA)/;

/**
 * Runs a program that was prepared. Resolves to the lines that it printed, which are the checks that have passed, and what
 * it said at its end. `onOutput` is called with what it has printed.
 */
export async function runProgram(
  program: CachedProgram,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  onOutput: (printed: string) => void = () => undefined,
): Promise<{ readonly passed: readonly string[]; readonly said: string }> {
  const [command, ...first] = program.command(join(CACHE, program.cache));
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.test(name)));
  const env = { ...inherited, NODE_NO_WARNINGS: '1', ...environment };
  const running = execute(command, [...first, ...args], { env, timeout: RUN_MS_MAX, maxBuffer: 2 ** 26 });
  running.child.stdout?.on('data', onOutput);
  const outcome = await running.catch((error: { stdout?: string; stderr?: string }) => error);
  const { stdout = '', stderr = '' } = outcome;
  return { passed: stdout.split('\n').filter((line) => line !== ''), said: stderr };
}
