/** The peers: other servers that speak Kinesis, from npm, started as their users start them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Cleanup, temporaryDirectory } from './cleanup.ts';
import { type Match, type MatchResult, play } from './contest.ts';
import type { LoadGenerator } from './contestants.ts';
import { pin } from './cores.ts';
import { type ReadCase, readText, serverUnderReads } from './get-records.ts';
import { ended, startHelper } from './helper.ts';
import { createStream, type Millrace, serverAt, startMillrace } from './millrace.ts';
import { type Plan, SHARDS } from './plan.ts';
import { type PutCase, putMatches, underPuts } from './puts.ts';

interface Peer {
  /** As in the table, with what it does about durability. */
  readonly name: string;
  /** The program, below `node_modules`. */
  readonly program: string;
  readonly args: (port: number, directory: string) => readonly string[];
  readonly environment: (port: number, otherPort: number) => Readonly<Record<string, string>>;
}

const PEERS = {
  kinesalite: {
    name: 'kinesalite, LevelDB without fsync',
    program: 'kinesalite/cli.js',
    args: (port, directory) => ['--port', String(port), '--path', join(directory, 'leveldb')],
    environment: () => ({}),
  },
  'kinesis-local': {
    name: 'kinesis-local, in memory',
    program: 'kinesis-local/main.js',
    args: () => [],
    environment: (port, otherPort) => ({
      KINESIS_MOCK_PLAIN_PORT: String(port),
      KINESIS_MOCK_TLS_PORT: String(otherPort),
      KINESIS_MOCK_CERT_PATH: join(PACKAGE, 'node_modules', 'kinesis-local', 'server.json'),
      LOG_LEVEL: 'ERROR',
    }),
  },
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;

/** A little package of its own, so that Millrace does not depend on what it is compared with. */
const PACKAGE = fileURLToPath(new URL('../../../scripts/bench/peers/', import.meta.url));
const INSTALL_MS_MAX = 120_000;
const READY_MS_MAX = 20_000;
const READY_POLL_MS = 50;

/** @throws Error when the peer cannot be installed, does not start, or does not answer as it should */
export async function benchPeer(
  name: PeerName,
  puts: readonly PutCase[],
  reads: readonly ReadCase[],
  plan: Plan,
  cleanup: Cleanup,
): Promise<MatchResult[]> {
  await install();
  const peer = PEERS[name];
  const generator: LoadGenerator = startHelper('load-generator', cleanup);
  const [millrace, theirs] = await startBoth(peer, SHARDS, cleanup);
  const matches = puts.flatMap((put) =>
    putMatches(put, underPuts(millrace, put, generator), [{ name: peer.name, on: underPuts(theirs, put, generator) }]),
  );
  for (const read of reads) matches.push(await readMatch(read, peer, generator, cleanup));
  return play(matches, plan);
}

/** Reading has servers of its own, with a single shard. */
async function readMatch(read: ReadCase, peer: Peer, generator: LoadGenerator, cleanup: Cleanup): Promise<Match> {
  const [millrace, theirs] = await startBoth(peer, 1, cleanup);
  return {
    name: readText(read),
    unit: 'records/s',
    millrace: await serverUnderReads(generator, millrace, read),
    yardstick: { name: peer.name, contestant: await serverUnderReads(generator, theirs, read) },
  };
}

/** Millrace and the peer, each with a stream of `shards` shards. */
async function startBoth(peer: Peer, shards: number, cleanup: Cleanup): Promise<[Millrace, Millrace]> {
  const theirs = await startPeer(peer, cleanup);
  await createStream(shards, theirs.call);
  return [await startMillrace(shards, cleanup), theirs];
}

async function startPeer({ name, program, args, environment }: Peer, cleanup: Cleanup): Promise<Millrace> {
  const [port, otherPort] = await freePorts();
  const directory = temporaryDirectory(cleanup);
  const child = spawn(process.execPath, [join(PACKAGE, 'node_modules', program), ...args(port, directory)], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...environment(port, otherPort) },
    stdio: 'ignore',
  });
  cleanup.add(() => {
    // One of them takes seconds to end in order, and nobody needs what it holds.
    child.kill('SIGKILL');
    return ended(child);
  });
  const server = serverAt(port);
  const endMs = performance.now() + READY_MS_MAX;
  while (child.exitCode === null && performance.now() < endMs) {
    const isReady = await server.call('ListStreams', {}).then(
      () => true,
      () => false,
    );
    if (isReady) {
      pin(child.pid!, 'measured');
      return server;
    }
    await pause(READY_POLL_MS);
  }
  throw new Error(`${name} did not start.`);
}

/** Neither of the peers tells which port it was given when it asks for any. */
async function freePorts(): Promise<[number, number]> {
  const servers = [net.createServer(), net.createServer()];
  const ports = await Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as net.AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as [number, number];
}

/** Installs the peers unless they are there. */
async function install(): Promise<void> {
  if (Object.values(PEERS).every(({ program }) => existsSync(join(PACKAGE, 'node_modules', program)))) return;
  process.stderr.write('bench: installing kinesalite and kinesis-local beside their package.json\n');
  // LevelDB comes compiled for the usual machines, so no scripts have to run.
  const child = spawn(
    'npm',
    ['ci', '--ignore-scripts', '--prefer-offline', '--fetch-retries=0', '--no-audit', '--no-fund'],
    {
      cwd: PACKAGE,
      stdio: ['ignore', 2, 2],
      timeout: INSTALL_MS_MAX,
    },
  );
  const outcome = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  if (outcome !== 0) throw new Error(`npm ci in scripts/bench/peers failed (${outcome}).`);
}
