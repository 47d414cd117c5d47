/** Finds out what this machine can do, and installs the Debian packages that are missing where that is possible. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Need } from './scenario.ts';

const execute = promisify(execFile);

const INSTALL_LIMIT_MS = 240_000;
const PROBE_LIMIT_MS = 10_000;

interface Requirement {
  /** Rejects, with what is missing, unless it is there. */
  readonly probe: () => Promise<void>;
  /** Debian packages that bring it. */
  readonly packages: readonly string[];
}

const REQUIREMENTS: Readonly<Record<Need, Requirement>> = {
  root: { probe: requireRoot, packages: [] },
  loop: { probe: requireLoop, packages: ['e2fsprogs', 'mount'] },
  tmpfs: { probe: requireTmpfs, packages: ['mount'] },
  strace: { probe: () => answers('strace', '-o', '/dev/null', 'true'), packages: ['strace'] },
  faketime: { probe: requireFaketime, packages: ['libfaketime'] },
  gcc: { probe: requireGcc, packages: ['gcc', 'libc6-dev'] },
  sqlite3: { probe: () => answers('sqlite3', '--version'), packages: ['sqlite3'] },
  cgroup: { probe: requireCgroup, packages: [] },
  fuse: { probe: requireFuse, packages: ['bindfs', 'fuse3'] },
};

/** Those of `needs` that are not there, and cannot be installed, each with why. */
export async function missingNeeds(needs: ReadonlySet<Need>, say: (text: string) => void): Promise<Map<Need, string>> {
  const before = await probeAll(needs);
  const packages = [...before.keys()].flatMap((need) => REQUIREMENTS[need].packages);
  if (packages.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return before;
  say(`installing ${packages.join(', ')}`);
  try {
    await install(packages);
  } catch (error) {
    say(`not installed: ${(error as Error).message.trim().split('\n').at(-1)}`);
  }
  return probeAll(before.keys());
}

async function probeAll(needs: Iterable<Need>): Promise<Map<Need, string>> {
  const missing = new Map<Need, string>();
  for (const need of needs) {
    try {
      await REQUIREMENTS[need].probe();
    } catch (error) {
      missing.set(need, `${need} is missing (${(error as Error).message.trim().split('\n')[0]})`);
    }
  }
  return missing;
}

async function install(packages: readonly string[]): Promise<void> {
  const options = { timeout: INSTALL_LIMIT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  try {
    await execute('apt-get', args, options);
  } catch {
    // The lists of packages may be older than the packages.
    await execute('apt-get', ['update'], options);
    await execute('apt-get', args, options);
  }
}

async function answers(command: string, ...args: string[]): Promise<void> {
  await execute(command, args, { timeout: PROBE_LIMIT_MS });
}

async function requireRoot(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the user is not root');
}

async function requireLoop(): Promise<void> {
  await requireRoot();
  await inProbeDirectory(async (directory) => {
    const [image, place] = [join(directory, 'image'), join(directory, 'place')];
    writeFileSync(image, '');
    truncateSync(image, 8 * 1024 * 1024);
    mkdirSync(place);
    await answers('mkfs.ext4', '-q', '-F', image);
    await answers('mount', '-o', 'loop', image, place);
    await answers('umount', place);
  });
}

/** What is only said to be there may be forbidden, in a container say: it is tried. */
async function inProbeDirectory(probe: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-torture-probe-'));
  try {
    await probe(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function requireTmpfs(): Promise<void> {
  await requireRoot();
  await inProbeDirectory(async (directory) => {
    await answers('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory);
    await answers('umount', directory);
  });
}

async function requireFaketime(): Promise<void> {
  const places = ['/usr/lib', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))];
  const isThere = places.some((place) => existsSync(join(place, 'faketime', 'libfaketime.so.1')));
  if (!isThere) throw new Error('no libfaketime.so.1');
}

/** The compiler alone is of no use without the headers of the C library. */
async function requireGcc(): Promise<void> {
  await answers('gcc', '--version');
  if (!existsSync('/usr/include/stdio.h')) throw new Error('no headers of the C library');
}

/** Version 1 with the memory controller, or version 2 with it handed on to groups of our own. */
async function requireCgroup(): Promise<void> {
  await requireRoot();
  const root = memoryGroupsRoot();
  if (root === undefined) throw new Error('no memory controller');
  const group = join(root, `millrace-probe-${process.pid}`);
  mkdirSync(group);
  rmdirSync(group);
}

/** The directory in which groups with a memory limit can be made. */
export function memoryGroupsRoot(): string | undefined {
  const first = '/sys/fs/cgroup/memory';
  if (existsSync(join(first, 'memory.limit_in_bytes'))) return first;
  const second = '/sys/fs/cgroup';
  const handedOn = join(second, 'cgroup.subtree_control');
  return existsSync(handedOn) && /\bmemory\b/.test(readFileSync(handedOn, 'utf8')) ? second : undefined;
}

async function requireFuse(): Promise<void> {
  await inProbeDirectory(async (directory) => {
    const [source, place] = [join(directory, 'source'), join(directory, 'place')];
    mkdirSync(source);
    mkdirSync(place);
    await answers('bindfs', source, place);
    await answers('umount', place);
  });
}
