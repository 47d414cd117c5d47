/**
 * On what a directory lies: whether SQLite's write-ahead log is safe there, and how much room there is. The processes
 * that use a WAL share memory through a mapped file, and they lock ranges of it. File systems that reach into another
 * machine, or from a virtual machine into its host, map a file for each side on its own; databases were seen damaged
 * there within a minute.
 */
import { readFileSync, realpathSync, statfsSync } from 'node:fs';

export interface FileSystem {
  /** As the mount names it: `ext4`, `nfs4`, `fuse.sshfs`; `unknown` where the system does not tell. */
  readonly type: string;
  /** Whether SQLite's WAL is safe on it. */
  readonly isWalSafe: boolean;
}

/** By the number that statfs tells on Linux. */
const UNSAFE_NUMBERS = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x564c, 'ncp'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'],
  [0x6a656a63, 'virtiofs'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x7c7c6673, 'prl_fs'],
  [0x00c36400, 'ceph'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'afs'],
  [0x73757245, 'coda'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x0bd00bd0, 'lustre'],
  [0x47504653, 'gpfs'],
  [0xaad7aaea, 'panfs'],
  [0x19830326, 'beegfs'],
  [0x20030528, 'orangefs'],
  [0xbeefdead, 'snfs'],
  [0x61636673, 'acfs'],
]);

/**
 * By the type of the mount. Some do not show in the number: the mounts of Docker Desktop (fakeowner, grpcfuse, osxfs)
 * and of Windows in WSL (drvfs). All kinds of fuse are here, also those of a local disk: they cannot be told apart.
 */
const UNSAFE_TYPES =
  /^(nfs\d?|smb\w*|cifs|ncpfs|9p|fuse|fuseblk|fuse\..*|virtiofs|vboxsf|vmhgfs|prl_fs|ceph|afs|coda|gfs2?|ocfs2|lustre|gpfs|panfs|beegfs|orangefs|pvfs2|snfs|acfs|drvfs|fakeowner|grpcfuse|osxfs)$/;

/** The file system of `directory`. `mountInfo` is the text of /proc/self/mountinfo, which is read when it is absent. */
export function fileSystemOf(directory: string, mountInfo = readMountInfo()): FileSystem {
  const number = statfsNumber(directory);
  const unsafe = number === undefined ? undefined : UNSAFE_NUMBERS.get(number);
  const type = mountTypeOf(realPath(directory), mountInfo) ?? unsafe ?? 'unknown';
  return { type, isWalSafe: unsafe === undefined && !UNSAFE_TYPES.test(type) };
}

/** Bytes that a program without privileges can still write to the volume of `directory`, and its size. */
export function freeSpace(directory: string): { freeBytes: number; totalBytes: number } {
  const { bavail, blocks, bsize } = statfsSync(directory);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Empty where there is no such file: on other systems than Linux. */
function readMountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}

/** The type of the mount that `path`, which has no links in it, lies in. Undefined when none of them is above it. */
function mountTypeOf(path: string, mountInfo: string): string | undefined {
  let found: { readonly point: string; readonly type: string } | undefined;
  for (const line of mountInfo.split('\n')) {
    const mount = parseMount(line);
    if (mount === undefined || !isWithin(path, mount.point)) continue;
    // Of two mounts at one place the later one hides the earlier.
    if (found === undefined || mount.point.length >= found.point.length) found = mount;
  }
  return found?.type;
}

/** `36 35 98:0 /root /point options optional… - type source options`; see proc_pid_mountinfo(5). */
function parseMount(line: string): { point: string; type: string } | undefined {
  const [mount = '', source = ''] = line.split(' - ');
  const point = mount.split(' ')[4];
  const type = source.split(' ')[0];
  return point && type ? { point: unescaped(point), type: unescaped(type) } : undefined;
}

/** Spaces, tabs, line ends and backslashes are written as three octal digits each. All of them are bytes of ASCII. */
const unescaped = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

const isWithin = (path: string, point: string) => point === '/' || path === point || path.startsWith(`${point}/`);

/** Other systems have other numbers. */
function statfsNumber(directory: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return statfsSync(directory).type >>> 0;
  } catch {
    return undefined;
  }
}

function realPath(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
