/** Style that is not tested decays: import directions, banned calls, dead files. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

function filesBelow(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(directory, name));
}

const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Import {
  readonly file: string;
  /** Path from the root for our own files, the package's name otherwise. */
  readonly target: string;
  readonly isType: boolean;
  /** By a call of import(), when it is needed. */
  readonly isLate: boolean;
}

function importsOf(file: string): Import[] {
  const statements = read(file).matchAll(/(?:^(?:import|export) (type )?[^;]*?from |\bimport\()'([^']+)'/gm);
  return [...statements].map(([statement, type, from]) => ({
    file,
    target: from!.startsWith('.') ? relative(root, join(root, dirname(file), from!)) : from!,
    isType: type !== undefined,
    isLate: statement.startsWith('import('),
  }));
}

const sources = filesBelow('src');
const imports = [...sources, ...filesBelow('migrations')].flatMap(importsOf);

/** A file's room: its folder below src, or its own name when it lies directly in src. */
function roomOf(file: string): string {
  const [top, second] = file.split('/');
  if (top !== 'src') return top!;
  return second!.replace(/\.ts$/, '');
}

/** What each room may import of our own; imports of types alone may also name the rooms after the bar. */
const ALLOWED: Record<string, string> = {
  clock: '',
  'clock-trust': '| clock log',
  lifecycle: '',
  sealing: '',
  series: '',
  tags: 'database',
  refusal: '',
  log: '',
  quotas: '',
  rates: '| quotas series',
  version: '',
  certificate: 'durable-file refusal | clock config log server',
  credentials: 'refusal | clock log protocol',
  settings: 'jobs log quotas',
  'settings-texts': 'settings',
  config: 'quotas refusal settings settings-texts',
  deadline: '| clock',
  'durable-file': '',
  call: '| clock database log quotas rates',
  jobs: '| clock log',
  database: 'durable-file migrations refusal | clock log series',
  migrations: '',
  protocol: 'quotas database | call',
  kinesis:
    'clock clock-trust protocol database lifecycle quotas rates refusal sealing tags | call jobs series settings',
  // Of kinesis the feed only, see below.
  firehose:
    'clock clock-trust deadline durable-file protocol database lifecycle quotas rates refusal sealing tags kinesis | call jobs series',
  // Of firehose what it delivers for others only, see below.
  channels: 'protocol database lifecycle quotas tags kinesis firehose | call',
  companions: 'protocol database | call',
  server: 'protocol | clock log series',
  start:
    'call certificate channels clock companions config credentials database firehose jobs kinesis protocol rates refusal server version | log',
  ending: 'database refusal | log',
  main: 'program',
  program: 'clock config ending log refusal start version',
};

describe('imports', () => {
  it('run downward only', () => {
    const wrong = imports.filter(({ file, target, isType }) => {
      if (!target.endsWith('.ts') || roomOf(target) === roomOf(file)) return false;
      const [values, types = ''] = (ALLOWED[roomOf(file)] ?? '').split('|');
      const allowed = `${values} ${isType ? types : ''}`.split(' ');
      return !allowed.includes(roomOf(target));
    });
    expect(wrong.map(({ file, target }) => `${file} must not import ${target}`)).toEqual([]);
  });

  it.each([
    ['express', ['server']],
    ['better-sqlite3', ['database']],
    ['node-cron', ['jobs']],
    ['pino', ['log']],
    ['prom-client', ['server']],
    ['kysely', ['channels', 'database', 'firehose', 'kinesis', 'lifecycle', 'migrations']],
    ['yazl', ['firehose']],
    ['snappyjs', ['firehose']],
  ])('%s is used in its rooms only', (name, rooms) => {
    const wrong = imports.filter(({ file, target }) => target === name && !rooms.includes(roomOf(file)));
    expect(wrong.map(({ file }) => `${file} must not import ${name}; only ${rooms.join(', ')} may`)).toEqual([]);
  });

  it('reach kinesis from firehose through its feed only', () => {
    const wrong = imports.filter(
      ({ file, target }) => roomOf(file) === 'firehose' && roomOf(target) === 'kinesis' && !target.endsWith('/feed.ts'),
    );
    expect(wrong.map(({ file, target }) => `${file} must not import ${target}`)).toEqual([]);
  });

  it('reach firehose from channels through its deliveries for others only', () => {
    const wrong = imports.filter(
      ({ file, target }) =>
        roomOf(file) === 'channels' && roomOf(target) === 'firehose' && !target.endsWith('/hosted-deliveries.ts'),
    );
    expect(wrong.map(({ file, target }) => `${file} must not import ${target}`)).toEqual([]);
  });

  it.each(['express', 'prom-client', 'pg', '@opensearch-project/opensearch', '@peculiar/x509'])(
    '%s is not loaded by a start, which would take longer',
    (name) => {
      const loaded = new Set(['src/main.ts', 'src/program.ts']);
      for (const file of loaded) {
        if (!file.endsWith('.ts')) continue;
        for (const { target, isType, isLate } of importsOf(file)) if (!isType && !isLate) loaded.add(target);
      }
      expect(loaded.size, 'files and packages that a start loads').toBeGreaterThan(100);
      expect(imports.map(({ target }) => target)).toContain(name);
      expect(loaded).not.toContain(name);
    },
  );

  it('make no cycles', () => {
    const graph = new Map(sources.map((file) => [file, importsOf(file).filter(({ isType }) => !isType)]));
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      else for (const { target } of graph.get(file) ?? []) visit(target, [...path, file]);
    };
    for (const file of sources) if (cycles.length === 0) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('reach every source file', () => {
    const reached = new Set([
      'src/main.ts',
      ...[...imports, ...filesBelow('scripts').flatMap(importsOf)].map(({ target }) => target),
    ]);
    expect(
      sources.filter((file) => !reached.has(file)),
      'nothing imports these',
    ).toEqual([]);
  });
});

/** What must not be called, where it may be, and what to use in its place. */
const BANNED: readonly (readonly [call: RegExp, allowedIn: readonly string[], instead: string])[] = [
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, ['src/clock.ts'], 'call.now or the clock'],
  [/(?<!\.)\b(setTimeout|setInterval)\b/, ['src/clock.ts'], 'clock.after'],
  [/\bMath\.random\b|\brandomBytes\(|\brandomUUID\b|\brandomFillSync\b/, ['src/clock.ts'], 'the clock'],
  [/\bprocess\.env\b/, ['src/config.ts'], 'the settings, through config.ts'],
  [/\bnew BetterSqlite3\(/, ['src/database/handle.ts'], 'openHandle'],
  [/\bconsole\./, [], 'the log'],
  [
    /\bKinesis|\bFirehose/,
    [
      'src/kinesis/',
      'src/firehose/',
      'src/start.ts',
      'src/config.ts',
      'src/quotas.ts',
      'src/server/one-port.ts',
      'src/protocol/operation.ts',
    ],
    'words of no service',
  ],
];

/** The code of a file without its comments and texts. */
const codeOf = (file: string) => read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'|`[^`]*`/gm, '');

describe('banned calls', () => {
  it.each(BANNED)('%s', (call, allowedIn, instead) => {
    const wrong = sources.filter((file) => {
      if (allowedIn.some((prefix) => file.startsWith(prefix))) return false;
      // The clock's own methods have these names.
      return call.test(codeOf(file).replaceAll(/clock\.random\w+\(/g, ''));
    });
    expect(wrong, `use ${instead}`).toEqual([]);
  });
});

describe('files', () => {
  it('of sources begin with what lives there', () => {
    const silent = [...sources, ...filesBelow('migrations')].filter((file) => !/^(#!.*\n)?\/\*\*/.test(read(file)));
    expect(silent).toEqual([]);
  });

  it('have an obvious size', () => {
    const long = sources.filter((file) => read(file).split('\n').length > 400);
    expect(long, 'split by noun').toEqual([]);
  });

  it('of migrations are all listed', () => {
    const listed = importsOf('migrations/index.ts').map(({ target }) => target);
    const present = filesBelow('migrations').filter((file) => file !== 'migrations/index.ts');
    expect(present.filter((file) => !listed.includes(file))).toEqual([]);
  });
});
