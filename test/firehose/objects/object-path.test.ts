import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { directoryBeside, fileBeside, keyOf, pathOf } from '../../../src/firehose/objects/object-path.ts';

/** How many keys the property tries; raise it for a long run. */
const RUNS = Number(process.env.OBJECT_PATH_RUNS ?? 2000);

it.each([
  ['2026/11/20/14/orders-1-2026-11-20-14-05-31-6f1b', ['2026', '11', '20', '14', 'orders-1-2026-11-20-14-05-31-6f1b']],
  ["AZaz09!_.*'()=-", ["AZaz09!_.*'()=-"]],
  ['day=1/a b+c:d~', ['day=1', 'a%20b%2Bc%3Ad%7E']],
  ['é€😀', ['%C3%A9%E2%82%AC%F0%9F%98%80']],
  ['/leading', ['%_', 'leading']],
  ['two//slashes/', ['two', '%_', 'slashes', '%_']],
  ['', ['%_']],
  ['../../etc/passwd', ['%2E%2E', '%2E%2E', 'etc', 'passwd']],
  ['./.../a../.hidden/~', ['%2E', '..%2E', 'a.%2E', '.hidden', '%7E']],
  ['..%2f..%2F', ['..%252f..%252F']],
  ['..\\windows\0', ['..%5Cwindows%00']],
  ['dot./blank /CON', ['dot%2E', 'blank%20', 'CON']],
  ['\u202Egpj.exe', ['%E2%80%AEgpj.exe']],
  ['100%-/%_/p%dir/p%file', ['100%25-', '%25_', 'p%25dir', 'p%25file']],
])('%j has an obvious path', (key, path) => {
  expect(pathOf('logs', key)).toEqual(['logs', ...path]);
  expect(keyOf(['logs', ...path])).toEqual({ bucket: 'logs', key });
});

it.each([
  ['.tmp', '%2Etmp'],
  ['..', '%2E%2E'],
  ['.', '%2E'],
  ['', '%_'],
  ['a/../b', 'a%2F..%2Fb'],
  ['my.bucket_1', 'my.bucket_1'],
])('the bucket %j is one harmless directory', (bucket, name) => {
  expect(pathOf(bucket, 'k')).toEqual([name, 'k']);
  expect(keyOf([name, 'k'])).toEqual({ bucket, key: 'k' });
});

it('a long segment continues in directories below, without tearing an encoded byte apart', () => {
  expect(pathOf('b', 'x'.repeat(240))).toEqual(['b', 'x'.repeat(240)]);
  expect(pathOf('b', 'x'.repeat(241))).toEqual(['b', `${'x'.repeat(238)}%-`, 'xxx']);
  expect(pathOf('b', `${' '.repeat(160)}/y`)).toEqual([
    'b',
    `${'%20'.repeat(79)}%-`,
    `${'%20'.repeat(79)}%-`,
    '%20%20',
    'y',
  ]);
  expect(pathOf('b'.repeat(255), 'k')).toEqual([`${'b'.repeat(238)}%-`, 'b'.repeat(17), 'k']);
});

describe('keyOf', () => {
  it('knows the names of objects that are beside others', () => {
    expect(keyOf(['logs', 'a', fileBeside('p')])).toEqual({ bucket: 'logs', key: 'a/p' });
    expect(keyOf([directoryBeside('logs'), directoryBeside('p'), 'a'])).toEqual({ bucket: 'logs', key: 'p/a' });
    const [first, second] = pathOf('logs', 'x'.repeat(300)).slice(1) as [string, string];
    expect(keyOf(['logs', directoryBeside(first), fileBeside(second)])).toEqual({
      bucket: 'logs',
      key: 'x'.repeat(300),
    });
  });

  it.each([
    [[]],
    [['logs']],
    [['logs', '']],
    [['logs', '..', 'a']],
    [['.tmp', 'a']],
    [['logs', 'a b']],
    [['logs', '%61']],
    [['logs', '%2f']],
    [['logs', '%C3']],
    [['logs', 'a%-']],
    [['logs', 'a%-', 'b']],
    [['logs', 'x'.repeat(241)]],
    [['logs', 'p%dir']],
    [['logs', 'p%file', 'a']],
    [['logs', 'p%dir%dir', 'a']],
  ])('takes no path that is not ours: %j', (segments) => {
    expect(keyOf(segments)).toBeUndefined();
  });
});

const text = fc
  .string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 12 })
  .map((units) => units.toWellFormed());

const segment = fc.oneof(
  text,
  fc.string({
    unit: fc.constantFrom('.', '%', '-', '_', ' ', '~', '2', 'E', 'F', '\\', '\0', '\u202E', 'é', '\uD83D\uDE00'),
    maxLength: 8,
  }),
  fc.constantFrom(
    '',
    '.',
    '..',
    '...',
    '~',
    '~root',
    'CON',
    'nul.txt',
    '..%2f',
    '%2e%2e',
    '%_',
    '%-',
    '%dir',
    '%file',
    '.tmp',
  ),
  fc
    .tuple(fc.constantFrom('x', '.', ' ', 'é', '%', '\0'), fc.integer({ min: 75, max: 1024 }))
    .map(([unit, count]) => unit.repeat(count)),
);

/** The longest keys S3 allows have 1,024 bytes. */
const key = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) =>
  Buffer.from(segments.join('/'))
    .subarray(0, 1024)
    .toString('utf8')
    .replace(/\uFFFD+$/, ''),
);

const bucket = fc.oneof(fc.stringMatching(/^[\w.-]{1,255}$/), segment);

it('any key comes back from its path, which stays below the root', () => {
  fc.assert(
    fc.property(bucket, key, (bucket, key) => {
      const path = pathOf(bucket, key);
      for (const name of path) {
        if (!/^[A-Za-z0-9!_.*'()=%-]{1,240}$/.test(name) || /^\.\.?$|\.$/.test(name))
          throw new Error(`bad name ${name}`);
      }
      if (path[0]!.startsWith('.')) throw new Error(`${path[0]} hides among our own directories`);
      if (join('/top', ...path) !== `/top/${path.join('/')}`) throw new Error(`${path} leaves its place`);
      // With its inverse it cannot give two objects the same path.
      const back = keyOf(path);
      if (back?.bucket !== bucket || back.key !== key) throw new Error(`came back as ${JSON.stringify(back)}`);
      const beside = [...path.slice(0, -1).map(directoryBeside), fileBeside(path.at(-1)!)];
      if (keyOf(beside)?.key !== key) throw new Error('is lost beside others');
    }),
    { numRuns: RUNS },
  );
}, 600_000);

it('a name that is not ours gives no object, or one whose path it is', () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 4 }), (segments) => {
      const name = keyOf(segments);
      if (name === undefined) return;
      const plain = segments.map((segment) => segment.replace(/%(dir|file)$/, ''));
      expect(pathOf(name.bucket, name.key)).toEqual(plain);
    }),
    { numRuns: 1000 },
  );
});

it('a lone surrogate counts as the replacement character, as in UTF-8', () => {
  expect(pathOf('b', 'a\uD800')).toEqual(pathOf('b', 'a\uFFFD'));
});
