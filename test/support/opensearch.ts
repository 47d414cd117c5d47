/** A real OpenSearch node of the test's own, where Java is: see test/servers/opensearch. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const RUN = join(ROOT, 'test', 'servers', 'opensearch', 'run.sh');
const CACHE = join(ROOT, 'node_modules', '.cache', 'opensearch');

/** Set by `npm run test:opensearch`: fetch what is missing. Other runs of the tests need no network. */
const MAY_FETCH = process.env.FETCH_OPENSEARCH === '1';

/** Why there is no node; undefined when there can be one. */
function problem(): string | undefined {
  const has = (program: string) => spawnSync('which', [program]).status === 0;
  if (!has('java')) return 'Java is not installed';
  if (existsSync(CACHE) && readdirSync(CACHE).some((name) => name.startsWith('searchnode-'))) return undefined;
  if (!MAY_FETCH) return 'npm run test:opensearch fetches it';
  return has('mvn') ? undefined : 'Maven is not installed';
}

export interface OpenSearchNode {
  readonly url: string;
  /** The answer to a request, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
  ask(method: string, path: string, body?: object): Promise<any>;
  /** Ends the node at once. */
  stop(): Promise<void>;
  /** Starts it again, on the same port and files. */
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Starts a node; undefined, after a line that says why, where there can be none. To be removed after the tests. */
export async function startOpenSearch(): Promise<OpenSearchNode | undefined> {
  const reason = problem();
  if (reason !== undefined) return skipped(reason);
  const data = mkdtempSync(join(tmpdir(), 'millrace-opensearch-'));
  let node = await spawnNode(data, 0);
  if (node === undefined) return skipped('Maven cannot reach its registry');
  const { url } = node;
  const stop = async () => {
    const { child } = node!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  return {
    url,
    async ask(method, path, body) {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      });
      return response.json();
    },
    stop,
    async start() {
      node = await spawnNode(data, Number(new URL(url).port));
    },
    async remove() {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

function skipped(reason: string): undefined {
  console.warn(`Skipped: tests with a real OpenSearch node, for ${reason}.`);
  return undefined;
}

/** The script ends with this when something is missing on this machine. */
const UNAVAILABLE = 3;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

function spawnNode(data: string, port: number): Promise<Running | undefined> {
  // The node ends when its standard input does, so it never outlives this process.
  const child = spawn('sh', [RUN, CACHE, data, String(port)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const url = /^ready (\S+)$/m.exec(output)?.[1];
      if (url !== undefined) resolve({ child, url });
    });
    child.once('exit', (code) => {
      if (code === UNAVAILABLE) resolve(undefined);
      else reject(new Error(`The OpenSearch node ended with ${code}: ${errors.slice(-2000)}`));
    });
  });
}
