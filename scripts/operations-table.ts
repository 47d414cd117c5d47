/**
 * Prints every operation with the number of its test cases. A test case of an operation is a call of `it`, `test` or
 * `statement` under `test`, a table of cases counting once, that names the operation (as `PutRecord`, `putRecord` or
 * `PutRecordCommand`) in its own source or in that of a function that it uses, of its file or imported from
 * `test/support`; a name that both services have counts for Firehose in the files named after it. What tests all
 * operations without naming them is not counted.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { channelService } from '../src/channels/index.ts';
import { firehose } from '../src/firehose/index.ts';
import { kinesis } from '../src/kinesis/index.ts';

const TEST_CASE = /^( *)(?:it|test|statement)\b[.(]/;
const HELPER = /^( *)(?:export )?(?:const|let|(?:async )?function\*?) ([a-zA-Z_$][\w$]*)/;
const WORD = /[A-Za-z_$][\w$]*/g;
const IMPORT = /^import \{([^}]*)\} from '[^']*support\/[\w-]+\.ts';$/gm;

/** The words of functions by their names. */
type Helpers = Map<string, Set<string>>;

/**
 * The words of each test case of a test file, those of the helpers that it uses included: of its own, and of those of
 * `shared` that it imports.
 */
export function wordsOfTestCases(source: string, shared: Helpers = new Map()): ReadonlySet<string>[] {
  const { testCases, helpers } = parsed(source);
  for (const name of importedNames(source)) if (shared.has(name)) helpers.set(name, shared.get(name)!);
  // A set may grow while it is walked: helpers of helpers are added too.
  for (const words of testCases) {
    for (const word of words) for (const inner of helpers.get(word) ?? []) words.add(inner);
  }
  return testCases;
}

/** The functions of the files of `test/support`, with the words of those of their own files that they use. */
export function helpersOf(sources: readonly string[]): Helpers {
  const all = sources.map((source) => parsed(source).helpers);
  for (const helpers of all) {
    for (const words of helpers.values()) {
      for (const word of words) for (const inner of helpers.get(word) ?? []) words.add(inner);
    }
  }
  return new Map(all.flatMap((helpers) => [...helpers]));
}

const importedNames = (source: string): string[] =>
  [...source.matchAll(IMPORT)].flatMap(([, names]) => names!.match(WORD) ?? []);

function parsed(source: string): { readonly testCases: Set<string>[]; readonly helpers: Helpers } {
  const lines = source.split('\n');
  const helpers: Helpers = new Map();
  const testCases: Set<string>[] = [];
  for (let first = 0; first < lines.length; first++) {
    const testCase = TEST_CASE.exec(lines[first]!);
    const [, indent, name] = testCase ?? HELPER.exec(lines[first]!) ?? [];
    if (indent === undefined) continue;
    const last = lastLine(lines, first, indent.length);
    const words = new Set(
      lines
        .slice(first, last + 1)
        .join('\n')
        .match(WORD),
    );
    if (testCase !== null) testCases.push(words);
    else helpers.set(name!, new Set([...(helpers.get(name!) ?? []), ...words]));
    first = last;
  }
  return { testCases, helpers };
}

/** Where a statement ends that begins at the line `first`; the formatter indents everything inside of it. */
function lastLine(lines: readonly string[], first: number, indent: number): number {
  const end = lines.findIndex(
    (line, n) =>
      n >= first && line.search(/\S/) === indent && (line.endsWith(';') || (n > first && line.trim() === '}')),
  );
  return end === -1 ? lines.length - 1 : end;
}

export interface TestFile {
  readonly path: string;
  readonly source: string;
}

/** How many test cases `files` have of each of `operations`, in those files of which `isOurs` says that they count for it. */
export function countTestCases(
  operations: Iterable<string>,
  files: readonly TestFile[],
  isOurs: (path: string, operation: string) => boolean,
  helpers: Helpers = new Map(),
): Map<string, number> {
  const testCases = files.flatMap(({ path, source }) =>
    wordsOfTestCases(source, helpers).map((words) => ({ path, words })),
  );
  const countOf = (operation: string) => {
    const names = [operation, `${operation}Command`, operation.charAt(0).toLowerCase() + operation.slice(1)];
    return testCases.filter(({ path, words }) => isOurs(path, operation) && names.some((name) => words.has(name)))
      .length;
  };
  return new Map([...operations].sort().map((operation) => [operation, countOf(operation)]));
}

/** All test files below the directory `test`, and what they share. */
export function readTestFiles(test: string): { readonly files: TestFile[]; readonly helpers: Helpers } {
  const paths = readdirSync(test, { recursive: true, encoding: 'utf8' }).sort();
  const read = (path: string) => readFileSync(join(test, path), 'utf8');
  // What starts servers has everything that tests do with one.
  const shared = paths.filter((path) => /^support\/(?!server|process)[\w-]+\.ts$/.test(path));
  return {
    files: paths.filter((path) => path.endsWith('.test.ts')).map((path) => ({ path, source: read(path) })),
    helpers: helpersOf(shared.map(read)),
  };
}

/** The test cases of each operation by service. */
export function testCasesByService({ files, helpers }: ReturnType<typeof readTestFiles>) {
  const streams = [...kinesis.operations.keys(), ...channelService.operations.keys()];
  const deliveries = [...firehose.operations.keys()];
  const isShared = (operation: string) => streams.includes(operation) && deliveries.includes(operation);
  const isOfFirehose = (path: string) => path.includes('firehose');
  return {
    'Kinesis Data Streams': countTestCases(
      streams,
      files,
      (path, name) => !(isShared(name) && isOfFirehose(path)),
      helpers,
    ),
    Firehose: countTestCases(deliveries, files, (path, name) => !isShared(name) || isOfFirehose(path), helpers),
  };
}

function table(): string {
  const services = Object.entries(testCasesByService(readTestFiles(join(import.meta.dirname, '..', '..', 'test'))));
  const parts = services.map(([service, counts]) => {
    const rows = [...counts].map(([operation, count]) => `| ${operation} | ${count} |`);
    return [`| ${service}: ${counts.size} operations | Test cases |`, '|---|---|', ...rows].join('\n');
  });
  return `${parts.join('\n\n')}\n`;
}

if (process.argv[1] === import.meta.filename) process.stdout.write(table());
