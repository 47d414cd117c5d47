import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openLocalStore } from '../../../src/firehose/objects/local-store.ts';
import { keyOf } from '../../../src/firehose/objects/object-path.ts';
import type { ObjectStore, ObjectToStore } from '../../../src/firehose/objects/object-store.ts';

/** A directory of the test's own; `root` lies in it and does not exist yet. */
let home: string;
let root: string;
let uuids: number;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'local-store-'));
  root = join(home, 'data', 'objects');
  uuids = 0;
  return () => rmSync(home, { recursive: true });
});

const opened = () => openLocalStore(root, () => `temporary-${uuids++}`);
const never = new AbortController().signal;

function object(key: string, ...chunks: (string | Buffer)[]): ObjectToStore {
  return {
    bucket: 'logs',
    key,
    content: async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
    contentType: 'application/octet-stream',
    contentEncoding: undefined,
    kmsKeyArn: undefined,
    region: 'us-east-1',
  };
}

const put = (store: ObjectStore, key: string, ...chunks: (string | Buffer)[]) =>
  store.put(object(key, ...chunks), never);

/** All files below the root with their content, without those of directories. */
function files(): Record<string, string> {
  const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  const paths = found.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

const modeOf = (...path: string[]) => (statSync(join(root, ...path)).mode & 0o777).toString(8);

describe('opening', () => {
  it('makes the root, for its owner only, and names it', async () => {
    const store = await opened();
    expect(store.place).toBe(root);
    expect([modeOf('..'), modeOf(), modeOf('.tmp')]).toEqual(['700', '700', '700']);
    await store.close();
  });

  it('removes what interrupted puts left, and nothing that a link there points to', async () => {
    await put(await opened(), 'a', 'kept');
    writeFileSync(join(home, 'outside'), 'precious');
    mkdirSync(join(home, 'directory'));
    writeFileSync(join(home, 'directory', 'file'), 'precious');
    writeFileSync(join(root, '.tmp', 'half'), 'written');
    mkdirSync(join(root, '.tmp', 'made', 'by-hand'), { recursive: true });
    symlinkSync(join(home, 'outside'), join(root, '.tmp', 'link'));
    symlinkSync(join(home, 'directory'), join(root, '.tmp', 'links'));
    await opened();
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
    expect(readFileSync(join(home, 'outside'), 'utf8')).toBe('precious');
    expect(readFileSync(join(home, 'directory', 'file'), 'utf8')).toBe('precious');
    expect(files()).toEqual({ 'logs/a': 'kept' });
  });

  it('follows links above the root and the root itself', async () => {
    mkdirSync(join(home, 'real'));
    symlinkSync(join(home, 'real'), join(home, 'data'));
    await put(await opened(), 'a/b', 'c');
    mkdirSync(join(home, 'elsewhere'));
    symlinkSync(join(home, 'elsewhere'), join(home, 'real', 'link'));
    root = join(home, 'data', 'link');
    await put(await opened(), 'a/b', 'd');
    expect(readFileSync(join(home, 'real/objects/logs/a/b'), 'utf8')).toBe('c');
    expect(readFileSync(join(home, 'elsewhere/logs/a/b'), 'utf8')).toBe('d');
  });

  it('refuses a root that is a file, or below one', async () => {
    writeFileSync(join(home, 'data'), '');
    await expect(opened()).rejects.toThrow(`Cannot make ${root}: a file is where a directory must be (ENOTDIR).`);
    root = join(home, 'data');
    await expect(opened()).rejects.toThrow(/^Cannot make .*data: .*EEXIST.*\.$/);
  });

  it('refuses a root behind a link to nowhere', async () => {
    symlinkSync(join(home, 'nowhere'), join(home, 'data'));
    await expect(opened()).rejects.toThrow(/^Cannot make .*objects: .*\.$/);
  });

  it('refuses a .tmp that is a link', async () => {
    mkdirSync(root, { recursive: true });
    mkdirSync(join(home, 'outside'));
    writeFileSync(join(home, 'outside', 'file'), 'precious');
    symlinkSync(join(home, 'outside'), join(root, '.tmp'));
    await expect(opened()).rejects.toThrow(`Cannot use ${join(root, '.tmp')}: it is a symbolic link.`);
    expect(readdirSync(join(home, 'outside'))).toEqual(['file']);
  });
});

describe('an object', () => {
  it('is a file with its bytes, for its owner only', async () => {
    const bytes = Buffer.concat(
      Array.from({ length: 40_000 }, (_, index) => createHash('sha512').update(`${index}`).digest()),
    );
    const stored = await put(await opened(), 'p=1/2026/orders', bytes.subarray(0, 10), '', bytes.subarray(10));
    expect(stored).toEqual({
      sizeBytes: 2_560_000,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      md5: createHash('md5').update(bytes).digest('hex'),
      path: 'logs/p=1/2026/orders',
    });
    expect(readFileSync(join(root, stored.path!)).equals(bytes)).toBe(true);
    expect(modeOf('logs/p=1/2026/orders')).toBe('600');
    expect([modeOf('logs'), modeOf('logs/p=1'), modeOf('logs/p=1/2026')]).toEqual(['700', '700', '700']);
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  });

  it('may be empty', async () => {
    expect(await put(await opened(), 'a')).toMatchObject({ sizeBytes: 0, md5: 'd41d8cd98f00b204e9800998ecf8427e' });
    expect(files()).toEqual({ 'logs/a': '' });
  });

  it('stored again stays the same file', async () => {
    const store = await opened();
    const first = await put(store, 'a/b', 'same');
    utimesSync(join(root, 'logs/a/b'), 1000, 1000);
    const { ino, mtimeMs } = statSync(join(root, 'logs/a/b'));
    expect(await put(store, 'a/b', 'sa', 'me')).toEqual(first);
    expect(await put(await opened(), 'a/b', 'same')).toEqual(first);
    expect(statSync(join(root, 'logs/a/b'))).toMatchObject({ ino, mtimeMs });
    expect(files()).toEqual({ 'logs/a/b': 'same' });
  });

  it.each(['half', 'HALF-', 'half-written and more'])(
    'replaces what is there with other bytes: %s',
    async (damaged) => {
      const store = await opened();
      await put(store, 'a', 'half-');
      writeFileSync(join(root, 'logs/a'), damaged);
      await put(store, 'a', 'half-');
      expect(files()).toEqual({ 'logs/a': 'half-' });
    },
  );

  it('can be put at the same time as its neighbours, and as itself', async () => {
    const store = await opened();
    const keys = Array.from({ length: 40 }, (_, index) => `a/b${index % 3}/c/${index % 20}`);
    await Promise.all(keys.map((key) => put(store, key, key)));
    expect(files()).toEqual(Object.fromEntries(keys.sort().map((key) => [`logs/${key}`, key])));
  });

  it('finds its place again after its directories were removed', async () => {
    const store = await opened();
    await put(store, 'a/b', 'c');
    rmSync(join(root, 'logs'), { recursive: true });
    rmSync(join(root, '.tmp'), { recursive: true });
    await put(store, 'a/b', 'c');
    expect(files()).toEqual({ 'logs/a/b': 'c' });
  });

  it.each([
    '../../etc/passwd',
    '..%2f..',
    '/a//b/',
    '..',
    '.',
    'a\0b',
    'C:\\x',
    '\u202Egpj',
    'x'.repeat(1024),
    '/'.repeat(200),
  ])('keeps its place whatever its key is: %j', async (key) => {
    const { path } = await put(await opened(), key, 'content');
    expect(files()).toEqual({ [path!]: 'content' });
    expect(keyOf(path!.split('/'))).toEqual({ bucket: 'logs', key });
    expect(readdirSync(home)).toEqual(['data']);
  });

  it('of a bucket called .tmp is not temporary', async () => {
    await (await opened()).put({ ...object('a', 'b'), bucket: '.tmp' }, never);
    await opened();
    expect(files()).toEqual({ '%2Etmp/a': 'b' });
  });
});

describe('a name that is taken', () => {
  it('by a file gets a directory beside it', async () => {
    const store = await opened();
    await put(store, 'p', 'file');
    const stored = await put(store, 'p/x', 'below');
    expect(stored.path).toBe('logs/p%dir/x');
    expect(await put(store, 'p/x', 'below'), 'once more').toEqual(stored);
    expect(files()).toEqual({ 'logs/p': 'file', 'logs/p%dir/x': 'below' });
    expect(keyOf(['logs', 'p%dir', 'x'])).toEqual({ bucket: 'logs', key: 'p/x' });
  });

  it('by a directory gets a file beside it', async () => {
    const store = await opened();
    await put(store, 'p/x', 'below');
    const stored = await put(store, 'p', 'file');
    expect(stored.path).toBe('logs/p%file');
    expect(await put(store, 'p', 'file'), 'once more').toEqual(stored);
    expect(files()).toEqual({ 'logs/p%file': 'file', 'logs/p/x': 'below' });
    expect(keyOf(['logs', 'p%file'])).toEqual({ bucket: 'logs', key: 'p' });
  });

  it('for a bucket too', async () => {
    const store = await opened();
    writeFileSync(join(root, 'logs'), 'by hand');
    expect((await put(store, 'a', 'b')).path).toBe('logs%dir/a');
  });

  it('twice is an error of one sentence', async () => {
    const store = await opened();
    mkdirSync(join(root, 'logs/p%file'), { recursive: true });
    mkdirSync(join(root, 'logs/p'));
    writeFileSync(join(root, 'logs/q'), '');
    writeFileSync(join(root, 'logs/q%dir'), '');
    await expect(put(store, 'p', '')).rejects.toThrow(
      new Error(`Cannot write ${root}/logs/p%file: a directory is where a file must be.`),
    );
    await expect(put(store, 'q/x', '')).rejects.toThrow(
      new Error(`Cannot use ${root}/logs/q%dir: a file is where a directory must be.`),
    );
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  });
});

describe('a symbolic link', () => {
  let outside: string;

  beforeEach(() => {
    outside = join(home, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'precious');
  });

  const untouched = () => {
    expect(readdirSync(outside)).toEqual(['file']);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('precious');
    if (existsSync(join(root, '.tmp'))) expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  };

  it.each([
    ['bucket', 'logs', ''],
    ['parent', 'logs/a', ''],
    ['final name', 'logs/a/file', 'file'],
    ['dangling final name', 'logs/a/file', 'nothing'],
    ['directory of the final name', 'logs/a/file', ''],
  ])('as %s is refused', async (_, path, target) => {
    const store = await opened();
    const link = join(root, path);
    mkdirSync(join(link, '..'), { recursive: true });
    symlinkSync(join(outside, target), link);
    await expect(put(store, 'a/file', 'content')).rejects.toThrow(
      new Error(`Cannot use ${link}: it is a symbolic link.`),
    );
    expect(readlinkSync(link)).toBe(join(outside, target));
    untouched();
  });

  it('as the directory beside a file is refused', async () => {
    const store = await opened();
    await put(store, 'a', '');
    symlinkSync(outside, join(root, 'logs/a%dir'));
    await expect(put(store, 'a/file', '')).rejects.toThrow(`Cannot use ${root}/logs/a%dir: it is a symbolic link.`);
    untouched();
  });

  it('in the place of .tmp is refused while running', async () => {
    const store = await opened();
    rmSync(join(root, '.tmp'), { recursive: true });
    symlinkSync(outside, join(root, '.tmp'));
    await expect(put(store, 'a', '')).rejects.toThrow(`Cannot use ${root}/.tmp: it is a symbolic link.`);
    expect(readdirSync(outside)).toEqual(['file']);
  });

  /** Makes the root a link to a directory where everything seems to be in its place. */
  const replaceRoot = () => {
    renameSync(root, `${root}-moved`);
    symlinkSync(outside, root);
    mkdirSync(join(outside, '.tmp'));
    mkdirSync(join(outside, 'logs'));
  };
  const emptyDirectories = () => {
    expect(readdirSync(join(outside, 'logs'))).toEqual([]);
    expect(readdirSync(join(outside, '.tmp'))).toEqual([]);
  };

  it('in the place of the root is refused while running', async () => {
    const store = await opened();
    await put(store, 'file', 'content');
    replaceRoot();
    await expect(put(store, 'file', '')).rejects.toThrow(`Cannot use ${root}/.tmp: it leads to ${outside}/.tmp.`);
    emptyDirectories();
  });

  it.each([
    ['the root', () => replaceRoot(), () => `Cannot use ${root}/logs: it leads to ${outside}/logs.`],
    [
      'the parent',
      () => {
        rmSync(join(root, 'logs'), { recursive: true });
        symlinkSync(outside, join(root, 'logs'));
      },
      () => `Cannot use ${root}/logs: it is a symbolic link.`,
    ],
  ])('in the place of %s is noticed in the middle of a put', async (_, replace, message) => {
    const store = await opened();
    await put(store, 'other', 'content');
    const content = async function* () {
      yield Buffer.from('con');
      replace();
      yield Buffer.from('tent');
    };
    await expect(store.put({ ...object('file'), content }, never)).rejects.toThrow(message());
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('precious');
    if (existsSync(join(outside, 'logs'))) emptyDirectories();
  });

  it('with the name of a temporary file is refused', async () => {
    const store = await opened();
    symlinkSync(join(outside, 'file'), join(root, '.tmp', 'temporary-0'));
    await expect(put(store, 'a', 'content')).rejects.toThrow(/^Cannot create .*temporary-0: .*EEXIST/);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('precious');
  });
});

describe('a put that fails leaves nothing', () => {
  it('when its content fails, whose error it passes on', async () => {
    const store = await opened();
    const error = new Error('the rows are damaged');
    const content = async function* () {
      yield Buffer.from('half');
      throw error;
    };
    await expect(store.put({ ...object('a'), content }, never)).rejects.toBe(error);
    expect(files()).toEqual({});
  });

  it('when it is aborted, between two chunks', async () => {
    const store = await opened();
    const controller = new AbortController();
    let taken = 0;
    const content = async function* () {
      for (; taken < 10; taken++) {
        if (taken === 3) controller.abort(new Error('stopping'));
        yield Buffer.from('chunk');
      }
    };
    await expect(store.put({ ...object('a'), content }, controller.signal)).rejects.toThrow('stopping');
    expect(taken).toBe(3);
    expect(files()).toEqual({});
  });

  it('when it was aborted before', async () => {
    const store = await opened();
    await expect(store.put(object('a', 'b'), AbortSignal.abort())).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    expect(files()).toEqual({});
  });

  it('when a path is longer than the system takes, with the original error', async () => {
    root = join(home, ...Array<string>(20).fill('d'.repeat(200)));
    const store = await opened();
    const failure = await put(store, `${'e'.repeat(200)}/${'f'.repeat(200)}`, '').catch((error: Error) => error);
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^Cannot use \/.*: the path is too long \(ENAMETOOLONG\)\.$/),
      cause: { code: 'ENAMETOOLONG' },
    });
    expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  });

  // Nothing is forbidden to root.
  it.skipIf(process.getuid?.() === 0)('when a directory is not writable', async () => {
    const store = await opened();
    mkdirSync(join(root, 'logs'), { mode: 0o500 });
    onTestFinished(() => chmodSync(join(root, 'logs'), 0o700));
    await expect(put(store, 'a/b', '')).rejects.toThrow(`Cannot make ${root}/logs/a: permission is denied (EACCES).`);
    expect(files()).toEqual({});
  });
});

describe('get', () => {
  const get = async (store: ObjectStore, key: string, signal = never) => {
    const chunks: Buffer[] = [];
    for await (const chunk of store.get({ bucket: 'logs', key, region: 'us-east-1' }, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  it('gives back what was put, whatever its key and size', async () => {
    const store = await opened();
    const large = Buffer.alloc(2_500_000, 'abcdefg');
    const contents: Record<string, Buffer> = { 'a/b': Buffer.from('1'), a: Buffer.from('2'), 'a/': Buffer.from('3') };
    Object.assign(contents, { '../../etc/passwd': Buffer.from('4'), 'ü%2F': Buffer.from(''), large });
    for (const [key, content] of Object.entries(contents)) await put(store, key, content);
    // As one value: comparing large buffers byte by byte takes half a minute.
    for (const [key, content] of Object.entries(contents))
      expect((await get(store, key)).equals(content), key).toBe(true);
    await store.close();
  });

  it('names an object that is not there, a directory that is one, a link', async () => {
    const store = await opened();
    await put(store, 'a/b', 'x');
    writeFileSync(join(home, 'outside'), 'secret');
    symlinkSync(join(home, 'outside'), join(root, 'logs', 'link'));
    await expect(get(store, 'c')).rejects.toThrow('There is no object s3://logs/c');
    await expect(get(store, 'a')).rejects.toThrow('There is no object s3://logs/a');
    await expect(get(store, 'a/b/c')).rejects.toThrow('There is no object s3://logs/a/b/c');
    await expect(get(store, 'link')).rejects.toThrow(/symbolic link/);
    await store.close();
  });

  it('ends when it is aborted, and closes the file', async () => {
    const store = await opened();
    await put(store, 'a', Buffer.alloc(3_000_000));
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for await (const _chunk of store.get({ bucket: 'logs', key: 'a', region: 'us-east-1' }, never)) break;
    await expect(get(store, 'a', AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    expect(descriptors()).toBe(before);
    await store.close();
  });
});
