/**
 * A disk whose power can be cut: ext4 on a loop device, whose image is a file in memory. What was written but not yet
 * synced is in the page cache of the mounted file system and not in the image; so a copy of the image is what a power
 * cut at this moment would leave, journal and all. `commit=300` keeps the file system from syncing by itself.
 *
 * The copy is taken while the server stands still. It is one moment of the disk only if the disk was not written
 * meanwhile: the loop device counts its requests, and a copy during which one began, ended or was under way is made again.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cleanup } from '../../bench/cleanup.ts';

const execute = promisify(execFile);

const COMMAND_LIMIT_MS = 30_000;
const STILL_LIMIT_MS = 5_000;
const COPIES_MAX = 50;
/** A file system that a process has just left can be busy for a moment. */
const UNMOUNTS_MAX = 20;

const MEGABYTE = 1024 * 1024;
/** Whatever `mkfs.ext4` would leave for later would be written during the copies. */
const FORMAT = ['-q', '-F', '-b', '4096', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard'];

export interface PowerCutDisk {
  /** Where the file system is mounted. */
  readonly directory: string;
  /** Puts a new, empty file system in the place of the one there is. */
  renew(): Promise<void>;
  /** Copies the image, while the processes that write to the disk stand still. Answers how often that took. */
  copy(): Promise<number>;
  /** Takes the power away and gives it back: from now on the disk is what was copied last. Nobody may use it. */
  restart(): Promise<void>;
  /** Keeps the image that was copied last, as a file. */
  keep(path: string): Promise<void>;
}

/** Makes a disk of `sizeBytes` below `directory`; the memory it takes is three times what is used of that. */
export async function createPowerCutDisk(
  directory: string,
  sizeBytes: number,
  cleanup: Cleanup,
): Promise<PowerCutDisk> {
  const memory = join(directory, 'memory');
  const mounted = join(directory, 'disk');
  const [blank, image, copied] = ['blank', 'image', 'copied'].map((name) => join(memory, `${name}.img`)) as [
    string,
    string,
    string,
  ];
  mkdirSync(memory, { recursive: true });
  mkdirSync(mounted);
  cleanup.add(() => unmount(memory));
  const megabytes = Math.ceil((3 * sizeBytes) / MEGABYTE) + 8;
  await command('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', memory);
  await command('truncate', '-s', String(sizeBytes), blank);
  await command('mkfs.ext4', ...FORMAT, blank);
  cleanup.add(() => unmount(mounted));

  let device: string | undefined;
  const insert = async (from: string): Promise<void> => {
    if (device !== undefined) await unmount(mounted);
    device = undefined;
    rmSync(image, { force: true });
    await duplicate(from, image);
    // The loop device goes away with the mount.
    await command('mount', '-o', 'loop,commit=300', image, mounted);
    device = deviceOf(mounted);
  };

  return {
    directory: mounted,
    renew: () => insert(blank),
    restart: () => insert(copied),
    keep: (path) => duplicate(copied, path),
    async copy() {
      for (let count = 1; count <= COPIES_MAX; count += 1) {
        const before = writesOf(device!);
        await duplicate(image, copied);
        const after = writesOf(device!);
        if (before.inFlight === 0 && after.inFlight === 0 && before.done === after.done) return count;
        await sleep(2);
      }
      throw new Error(`${device} was written during each of ${COPIES_MAX} copies, though the server stands still.`);
    },
  };
}

/** Stops all threads of a process, in the middle of whatever they do; a system call that is under way ends first. */
export async function standStill(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const untilMs = performance.now() + STILL_LIMIT_MS;
  while (!isStill(pid)) {
    if (performance.now() > untilMs) throw new Error(`Process ${pid} does not stand still.`);
    await sleep(1);
  }
}

function isStill(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  // The name of a thread, which stands before its state, is in parentheses and can hold anything.
  const stateOf = (task: string) => /.*\) (\S)/s.exec(readFileSync(join(tasks, task, 'stat'), 'latin1'))?.[1];
  return readdirSync(tasks).every((task) => stateOf(task) === 'T');
}

/** What the kernel counts of a device: what it wrote and flushed, and what is under way. See its Documentation/block/stat. */
function writesOf(device: string): { readonly done: string; readonly inFlight: number } {
  const fields = readFileSync(`/sys/block/${device}/stat`, 'latin1').trim().split(/\s+/);
  const [writes, , sectors, , inFlight] = fields.slice(4);
  const [discards, flushes] = [fields[11], fields[15]];
  return { done: [writes, sectors, discards, flushes].join(), inFlight: Number(inFlight) };
}

function deviceOf(mounted: string): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((text) => text.split(' ')[1] === mounted);
  if (line === undefined) throw new Error(`${mounted} is not mounted.`);
  return basename(line.split(' ')[0]!);
}

async function duplicate(from: string, to: string): Promise<void> {
  await command('cp', '--sparse=always', from, to);
}

async function unmount(directory: string): Promise<void> {
  for (let count = 1; isMounted(directory); count += 1) {
    try {
      await command('umount', directory);
    } catch (error) {
      if (count === UNMOUNTS_MAX) throw error;
      await sleep(50);
    }
  }
}

const isMounted = (directory: string): boolean =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === directory);

async function command(name: string, ...args: string[]): Promise<void> {
  await execute(name, args, { timeout: COMMAND_LIMIT_MS });
}
