/**
 * A directory as the store of objects: `<root>/<bucket>/<key>`, with names as object-path.ts makes them. An object is
 * there whole or not at all, also after a power cut: it is written and synced under a temporary name on the same file
 * system, renamed, and the directories that name it are synced before `put` answers. Nothing outside the root is
 * touched: symbolic links below it are refused. One process at a time may have a root open.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { settleDirectory } from '../../durable-file.ts';
import { directoryBeside, fileBeside, pathOf } from './object-path.ts';
import {
  contentPieces,
  type Fingerprint,
  newMeasure,
  type ObjectAddress,
  type ObjectStore,
  type ObjectToStore,
  type StoredObject,
} from './object-store.ts';

/** No bucket's directory can have this name. */
const TEMPORARY = '.tmp';
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW;
const READ_BYTES = 1024 * 1024;
/** Whoever gets an object works on each chunk at one go: others wait for this long only. */
const CHUNK_BYTES = 128 * 1024;

/** How many directories are remembered as synced before they are forgotten and synced once more. */
const SETTLED_MAX = 10_000;

const REASONS = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the path is too long',
  ENOENT: 'a directory above it is missing',
  ENOTDIR: 'a file is where a directory must be',
  EISDIR: 'a directory is where a file must be',
  EMFILE: 'too many files are open',
  ELOOP: 'it is a symbolic link',
};

/** What the steps of a put share. */
interface Tree {
  /** Without symbolic links. */
  readonly root: string;
  /** Directories whose entry in their parent is known to be on disk. */
  readonly settled: Set<string>;
}

interface Place {
  readonly directory: string;
  readonly name: string;
  /** What is there already. */
  readonly found: Stats | undefined;
  /** Names below the root. */
  readonly segments: readonly string[];
}

/**
 * Opens, and makes when it is missing, the store in the directory `root`, and removes what an interrupted put left.
 * @param newUuid names temporary files; must not repeat itself while a put is under way
 * @throws Error with one sentence when the directory cannot be used
 */
export async function openLocalStore(root: string, newUuid: () => string): Promise<ObjectStore> {
  const place = resolve(root);
  await makeRoot(place);
  const tree: Tree = { root: await attempt('use', place, realpath(place)), settled: new Set() };
  const temporary = await requireDirectory(tree, tree.root, TEMPORARY);
  for (const name of await attempt('read', temporary, readdir(temporary))) {
    const left = join(temporary, name);
    // Removes a symbolic link, not what it points to.
    await attempt('remove', left, rm(left, { recursive: true, force: true }));
  }
  return {
    place,
    put: (object, signal) => put(tree, object, newUuid(), signal),
    get: (address, signal) => get(tree, address, signal),
    close: async () => {},
  };
}

/** Makes `root` and the missing directories above it. Unlike below the root, links to directories are welcome. */
async function makeRoot(root: string): Promise<void> {
  const outermost = await attempt('make', root, mkdir(root, { recursive: true, mode: DIRECTORY_MODE }));
  // Also one that was there: whoever made it may have been killed before it was synced.
  if (outermost === undefined) return settleDirectory(root);
  for (let made = root; made.length >= outermost.length; made = dirname(made)) {
    const parent = dirname(made);
    await sync(await attempt('use', parent, realpath(parent)));
  }
}

async function put(tree: Tree, object: ObjectToStore, uuid: string, signal: AbortSignal): Promise<StoredObject> {
  const temporaries = await requireDirectory(tree, tree.root, TEMPORARY);
  await refuseDetour(tree, temporaries, [TEMPORARY]);
  const temporary = join(temporaries, uuid);
  const file = await attempt('create', temporary, open(temporary, CREATE, FILE_MODE));
  try {
    const fingerprint = await write(file, temporary, object, signal);
    const { directory, name, found, segments } = await findPlace(tree, pathOf(object.bucket, object.key));
    const final = join(directory, name);
    if (found !== undefined && (await isIntact(final, found, fingerprint))) {
      await sync(final);
      await attempt('remove', temporary, rm(temporary));
    } else {
      await refuseDetour(tree, directory, segments.slice(0, -1));
      signal.throwIfAborted();
      await attempt('write', final, rename(temporary, final));
    }
    await sync(directory);
    return { ...fingerprint, path: segments.join('/') };
  } catch (error) {
    // The first error tells more than one of tidying up; opening removes what stays.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

async function* get(tree: Tree, { bucket, key }: ObjectAddress, signal: AbortSignal): AsyncGenerator<Buffer> {
  const path = await locate(tree, pathOf(bucket, key));
  if (path === undefined) throw new Error(`There is no object s3://${bucket}/${key}`);
  const file = await attempt('read', path, open(path, READ));
  try {
    for (;;) {
      signal.throwIfAborted();
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await attempt('read', path, file.read(buffer, 0, CHUNK_BYTES, null));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Where the object with this path is, evading as `findPlace` does; undefined when it is not there. */
async function locate({ root }: Tree, path: readonly string[]): Promise<string | undefined> {
  let directory = root;
  for (const name of path.slice(0, -1)) {
    const found = await find(join(directory, name));
    directory = join(directory, found === undefined || found.isDirectory() ? name : directoryBeside(name));
    if (!(await find(directory))?.isDirectory()) return undefined;
  }
  const plain = join(directory, path.at(-1)!);
  const found = await find(plain);
  if (found?.isFile()) return plain;
  const beside = join(directory, fileBeside(path.at(-1)!));
  return (await find(beside))?.isFile() ? beside : undefined;
}

/** Writes, syncs and closes `file`. */
async function write(file: FileHandle, path: string, object: ObjectToStore, signal: AbortSignal): Promise<Fingerprint> {
  try {
    const fingerprint = await writeContent(file, path, object, signal);
    await attempt('sync', path, file.sync());
    return fingerprint;
  } finally {
    await file.close();
  }
}

/** While the disk takes a piece it is hashed, and the next one is made. */
async function writeContent(
  file: FileHandle,
  path: string,
  object: ObjectToStore,
  signal: AbortSignal,
): Promise<Fingerprint> {
  const measure = newMeasure();
  let writing = Promise.resolve();
  try {
    for await (const piece of contentPieces(object, signal)) {
      await writing;
      writing = append(file, path, piece);
      // Whoever awaits it hears of its failure; until then nobody may have.
      writing.catch(() => {});
      measure.add(piece);
    }
  } finally {
    // Also when the content fails: a file is not closed while it is written.
    await writing;
  }
  return measure.fingerprint();
}

/**
 * Writes at the end of what was written before. Not by `writeFile`, which cuts a piece in two and comes back for the second
 * half: the disk would wait for this thread in between.
 */
async function append(file: FileHandle, path: string, piece: Buffer): Promise<void> {
  for (let start = 0; start < piece.length; ) {
    const { bytesWritten } = await attempt('write', path, file.write(piece, start));
    start += bytesWritten;
  }
}

/** Where the object with this path goes. Makes the directories it needs, and evades files and directories in its way. */
async function findPlace(tree: Tree, path: readonly string[]): Promise<Place> {
  const segments: string[] = [];
  let directory = tree.root;
  for (const name of path.slice(0, -1)) {
    const found = await find(join(directory, name));
    const chosen = found === undefined || found.isDirectory() ? name : directoryBeside(name);
    directory = await requireDirectory(tree, directory, chosen);
    segments.push(chosen);
  }
  const plain = path.at(-1)!;
  const found = await find(join(directory, plain));
  if (!found?.isDirectory()) return { directory, name: plain, found, segments: [...segments, plain] };
  const name = fileBeside(plain);
  const beside = await find(join(directory, name));
  if (!beside?.isDirectory()) return { directory, name, found: beside, segments: [...segments, name] };
  throw new Error(`Cannot write ${join(directory, name)}: ${REASONS.EISDIR}.`);
}

/** The directory `name` in `parent`; makes it when it is missing, and sees to it that its entry is on disk. */
async function requireDirectory({ settled }: Tree, parent: string, name: string): Promise<string> {
  const directory = join(parent, name);
  if ((await find(directory)) === undefined) {
    // Before it exists, so that nobody else takes the new directory for the one that was here earlier.
    settled.delete(directory);
    await mkdir(directory, { mode: DIRECTORY_MODE }).catch((error: NodeJS.ErrnoException) => {
      // Another put was faster.
      if (error.code !== 'EEXIST') throw failure('make', directory, error);
    });
  }
  if (!(await find(directory))?.isDirectory()) {
    throw new Error(`Cannot use ${directory}: ${REASONS.ENOTDIR}.`);
  }
  // Also one that was there: whoever made it may have been killed, or be another put that has not synced it yet.
  if (!settled.has(directory)) {
    await sync(parent);
    if (settled.size >= SETTLED_MAX) settled.clear();
    settled.add(directory);
  }
  return directory;
}

/** What is at `path`, if anything; a symbolic link is refused. */
async function find(path: string): Promise<Stats | undefined> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw failure('use', path, error);
  });
  if (stats?.isSymbolicLink()) throw new Error(`Cannot use ${path}: ${REASONS.ELOOP}.`);
  return stats;
}

/** Whether `directory` really is where its names say, also if the root or a directory was replaced in the meantime. */
async function refuseDetour({ root }: Tree, directory: string, segments: readonly string[]): Promise<void> {
  const real = await attempt('use', directory, realpath(directory));
  if (real !== join(root, ...segments)) {
    throw new Error(`Cannot use ${directory}: it leads to ${real}.`);
  }
}

/** Whether the file that was found at `path` holds these bytes already. */
async function isIntact(path: string, found: Stats, { sizeBytes, sha256 }: Fingerprint): Promise<boolean> {
  if (!found.isFile() || found.size !== sizeBytes) return false;
  const file = await attempt('read', path, open(path, READ));
  try {
    const measure = newMeasure();
    const buffer = Buffer.alloc(READ_BYTES);
    for (;;) {
      const { bytesRead } = await attempt('read', path, file.read(buffer, 0, READ_BYTES, null));
      if (bytesRead === 0) return measure.fingerprint().sha256 === sha256;
      measure.add(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Puts on disk what is known of a file or a directory. */
async function sync(path: string): Promise<void> {
  const file = await attempt('sync', path, open(path, READ));
  try {
    await attempt('sync', path, file.sync());
  } finally {
    await file.close();
  }
}

/** The result of `work`, or its error as a sentence about `path`. */
async function attempt<T>(verb: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw failure(verb, path, error);
  }
}

function failure(verb: string, path: string, cause: unknown): Error {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const reason = code in REASONS ? `${REASONS[code as keyof typeof REASONS]} (${code})` : message;
  return new Error(`Cannot ${verb} ${path}: ${reason}.`, { cause });
}
