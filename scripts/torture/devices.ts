/** File systems of a scenario's own, which can be small, read-only or broken. All of them need root. */
import { execFile } from 'node:child_process';
import { mkdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Cleanup } from '../bench/cleanup.ts';

const execute = promisify(execFile);

export interface FileSystem {
  /** Where it is mounted. */
  readonly path: string;
  /** Bytes that can still be written. */
  free(): number;
  mount(): Promise<void>;
  unmount(): Promise<void>;
  /** Changes it while it is mounted, by options such as `ro`. */
  remount(options: string): Promise<void>;
}

/** Pages in memory; gone when it is unmounted. */
export function mountTmpfs(path: string, sizeBytes: number, cleanup: Cleanup): Promise<FileSystem> {
  return mounted(path, ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0755`, 'tmpfs'], cleanup);
}

/** An ext4 in the file `image`, which is made; what is in it survives unmounting. */
export async function mountExt4(image: string, path: string, sizeBytes: number, cleanup: Cleanup): Promise<FileSystem> {
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  await execute('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  return mounted(path, ['-t', 'ext4', '-o', 'loop', image], cleanup);
}

/** The directory `source` once more at `path`, through a program in between: to the system it is a FUSE file system. */
export function mountFuse(source: string, path: string, cleanup: Cleanup): Promise<FileSystem> {
  mkdirSync(source, { recursive: true });
  return mounted(path, [source], cleanup, 'bindfs');
}

async function mounted(
  path: string,
  args: readonly string[],
  cleanup: Cleanup,
  command = 'mount',
): Promise<FileSystem> {
  let isMounted = false;
  const fileSystem: FileSystem = {
    path,
    free() {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    },
    async mount() {
      await execute(command, [...args, path]);
      isMounted = true;
    },
    async unmount() {
      if (!isMounted) return;
      try {
        await execute('umount', [path]);
      } catch {
        // Somebody still has a file open: it goes when they do.
        await execute('umount', ['--lazy', path]);
      }
      isMounted = false;
    },
    remount: async (options) => void (await execute('mount', ['-o', `remount,${options}`, path])),
  };
  mkdirSync(path, { recursive: true });
  cleanup.add(() => fileSystem.unmount());
  await fileSystem.mount();
  return fileSystem;
}

/** A file of a neighbour that takes all the space that is left, but for `leaveBytes`. */
export function occupy(file: string, fileSystem: FileSystem, leaveBytes: number): void {
  const sizeBytes = Math.max(0, fileSystem.free() - leaveBytes);
  writeFileSync(file, Buffer.alloc(sizeBytes, 'x'));
}
