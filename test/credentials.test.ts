/** The keys of AUTH=strict: what the file may hold, what is said about one that is wrong, what happens when it changes. */
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../src/config.ts';
import { openCredentials } from '../src/credentials.ts';
import { EXIT_CODES, Refusal } from '../src/refusal.ts';
import { createTestClock } from './support/clock.ts';
import { askHttp1 } from './support/http-client.ts';
import { createTestLog, type TestLog } from './support/log.ts';
import { spawnMillrace } from './support/process.ts';
import { refusalOf } from './support/refusal.ts';
import { startTestServer, temporaryDirectory } from './support/server.ts';
import { withSignature } from './support/signer.ts';

/** In every secret of these tests: it must not be seen anywhere. */
const CANARY = 'c4n4ry';
const SECRET = `${CANARY}/abc+DEF=`;
const TOKEN = `${CANARY}token`;

const profile = (name: string, ...lines: string[]) => [`[${name}]`, ...lines, ''].join('\n');
const key = (id: string, secret = SECRET) => [`aws_access_key_id = ${id}`, `aws_secret_access_key = ${secret}`];

const KEY = { secretAccessKey: SECRET, sessionToken: undefined, expiresMs: undefined, account: undefined };

/** The keyring of a file with `content`, which may be written again. */
async function keyringOf(content: string) {
  const path = join(temporaryDirectory(), 'credentials');
  const [clock, log] = [createTestClock(), createTestLog()];
  writeFileSync(path, content);
  const keyring = await openCredentials(path, { clock, log });
  return { path, clock, log, find: (id: string) => keyring.find(id) };
}

/** The sentence with which `content` is refused. */
async function sentenceAbout(content: string): Promise<string> {
  const refusal = await keyringOf(content).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof Refusal)) throw new Error(`Nothing was refused: ${String(refusal)}`);
  expect(refusal.reason).toBe('badSetting');
  expect(String(refusal.stack), 'no secret in the error').not.toContain(CANARY);
  return refusal.message;
}

const textOf = (log: TestLog) =>
  JSON.stringify(log.entries, (_name, value) => (value instanceof Error ? `${value.stack}` : value));

describe('a credentials file', () => {
  it('holds any number of keys', async () => {
    const { find } = await keyringOf(
      [profile('default', ...key('A')), profile('b', ...key('B', 'other')), profile('c', ...key('222222222222'))].join(
        '\n',
      ),
    );
    expect(await find('A')).toEqual(KEY);
    expect(await find('B')).toEqual({ ...KEY, secretAccessKey: 'other' });
    expect(await find('222222222222')).toEqual(KEY);
    for (const id of ['', 'a', 'AB', 'default', '__proto__', 'constructor', 'size'])
      expect(await find(id)).toBe(undefined);
  });

  it('says whose keys are, and until when', async () => {
    const { find } = await keyringOf(
      profile(
        'all',
        ...key('A'),
        `aws_session_token = ${TOKEN}`,
        'aws_credential_expiration = 2026-11-21T12:00:00Z',
        'aws_account_id = 012345678901',
        'region = eu-west-3',
      ),
    );
    expect(await find('A')).toEqual({
      secretAccessKey: SECRET,
      sessionToken: TOKEN,
      expiresMs: Date.UTC(2026, 10, 21, 12),
      account: '012345678901',
    });
  });

  it.each([
    ['comments', `# one\n; two\n${profile('a', '# three', ...key('A'), '; four', 'region = x # five')}`],
    [
      'comments behind values',
      profile('a', 'aws_access_key_id = A # mine', `aws_secret_access_key = ${SECRET} ; hush`),
    ],
    ['blanks', `\n\n  [a]  \n${key('A').join('  \n')}\n\n`],
    ['no blanks', `[a]\naws_access_key_id=A\naws_secret_access_key=${SECRET}`],
    ['tabs', `[a]\naws_access_key_id\t=\tA\t\naws_secret_access_key\t=\t${SECRET}\t`],
    ['lines of Windows', profile('a', ...key('A')).replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${profile('a', ...key('A'))}`],
    ['profile in the name', profile('profile a', ...key('A'))],
    ['quotes in the name', profile('profile "a"', ...key('A'))],
    [
      'profiles without keys',
      `${profile('role', 'role_arn = arn:aws:iam::1:role/x', 'source_profile = a')}\n${profile('a', ...key('A'))}`,
    ],
    [
      'empty optional values',
      profile('a', ...key('A'), 'aws_session_token =', 'aws_account_id =', 'aws_credential_expiration ='),
    ],
    [
      'the same profile twice',
      `${profile('a', 'aws_access_key_id = A')}\n${profile('a', `aws_secret_access_key = ${SECRET}`)}`,
    ],
  ])('may have %s', async (_title, content) => {
    expect(await (await keyringOf(content)).find('A')).toEqual(KEY);
  });

  it('takes a time with any offset', async () => {
    const { find } = await keyringOf(
      profile('a', ...key('A'), 'aws_credential_expiration = 2026-11-21T13:00:00+01:00'),
    );
    expect((await find('A'))?.expiresMs).toBe(Date.UTC(2026, 10, 21, 12));
  });

  it.each(['constructor', 'toString', 'hasOwnProperty'])('may have a profile named %s', async (name) => {
    // The SDKs' reader writes the values into what all objects have under this name, where later tests would see them.
    const shared = Reflect.get(Object.prototype, name) as object;
    onTestFinished(() => {
      for (const property of Object.keys(shared)) Reflect.deleteProperty(shared, property);
    });
    const { find } = await keyringOf(`${profile(name, ...key('A'))}\n${profile('b', ...key('B'))}`);
    expect(await find('A')).toEqual(KEY);
    expect(await find('B')).toEqual(KEY);
  });
});

describe('a credentials file is refused in one sentence', () => {
  const WITHOUT =
    'CREDENTIALS_FILE holds no profile with aws_access_key_id and aws_secret_access_key ' +
    'that can be read; it must be UTF-8, with these names in lower case.';
  const about = (name: string, expected: string) =>
    `In CREDENTIALS_FILE, ${name} of the profile bad must be ${expected}.`;
  const good = profile('good', ...key('G'));

  it.each([
    ['is empty', '', WITHOUT],
    ['holds only comments', '# nothing\n', WITHOUT],
    ['holds no profile', key('A').join('\n'), WITHOUT],
    ['holds no key', profile('bad', 'region = x'), WITHOUT],
    ['holds something else', `{"${CANARY}": 1}`, WITHOUT],
    [
      'has a key without a secret',
      `${good}\n${profile('bad', 'aws_access_key_id = A')}`,
      about('aws_secret_access_key', 'the secret of its aws_access_key_id'),
    ],
    [
      'has a key with an empty secret',
      `${good}\n${profile('bad', 'aws_access_key_id = A', 'aws_secret_access_key =')}`,
      about('aws_secret_access_key', 'the secret of its aws_access_key_id'),
    ],
    ...['12345678901', '1234567890123', '12345678901a', '1234-5678-9012', CANARY].map((account) => [
      `has the account ${account}`,
      `${good}\n${profile('bad', ...key('A'), `aws_account_id = ${account}`)}`,
      about('aws_account_id', '12 digits'),
    ]),
    ...['tomorrow', '2026-13-01T00:00:00Z', CANARY].map((time) => [
      `has keys that end at ${time}`,
      `${good}\n${profile('bad', ...key('A'), `aws_credential_expiration = ${time}`)}`,
      about('aws_credential_expiration', 'a time such as 2026-11-21T12:00:00Z'),
    ]),
  ] as [string, string, string][])('when it %s', async (_title, content, sentence) => {
    expect(await sentenceAbout(content)).toBe(sentence);
  });

  it('when it holds a secret without an id, which is no key', async () => {
    expect(await sentenceAbout(`${good}\n${profile('bad', `aws_secret_access_key = ${SECRET}`)}`)).toContain('bad');
  });

  it('when two profiles have the same key but not the same secret', async () => {
    expect(await sentenceAbout(`${good}\n${profile('bad', ...key('G', 'another'))}`)).toContain('bad');
  });

  it('when it is not there', async () => {
    const path = join(temporaryDirectory(), 'missing');
    const opening = openCredentials(path, { clock: createTestClock(), log: createTestLog() });
    await expect(opening).rejects.toMatchObject({
      reason: 'badSetting',
      message: expect.stringMatching(/^CREDENTIALS_FILE cannot be read: ENOENT: .*missing'\.$/),
    });
  });

  it('when it is a directory', async () => {
    const path = temporaryDirectory();
    const opening = openCredentials(path, { clock: createTestClock(), log: createTestLog() });
    await expect(opening).rejects.toMatchObject({
      reason: 'badSetting',
      message: expect.stringMatching(/^CREDENTIALS_FILE cannot be read: .*\.$/),
    });
  });

  it('by the program, with exit code 2', async () => {
    const path = join(temporaryDirectory(), 'credentials');
    writeFileSync(path, profile('bad', ...key('A'), 'aws_account_id = 1'));
    const settings = { PORT: '0', DATA_DIR: join(temporaryDirectory(), 'data'), TLS: 'off', LOG_LEVEL: 'debug' };
    const millrace = spawnMillrace({ ...settings, AUTH: 'strict', CREDENTIALS_FILE: path });
    expect(await millrace.exited).toEqual({ code: EXIT_CODES.badSetting, signal: null });
    expect(millrace.stderr()).toBe(`millrace: ${about('aws_account_id', '12 digits')}\n`);
    expect(millrace.stdout()).toBe('');
  });
});

describe('the settings', () => {
  it('belong together', () => {
    expect(refusalOf(() => readConfig({ AUTH: 'strict' })).message).toBe(
      'AUTH=strict needs CREDENTIALS_FILE, the file with the keys to verify with.',
    );
    for (const AUTH of ['any', 'off', '']) {
      const refusal = refusalOf(() => readConfig({ AUTH, CREDENTIALS_FILE: '/keys' }));
      expect(refusal.reason).toBe('badSetting');
      expect(refusal.message).toBe('CREDENTIALS_FILE is read with AUTH=strict only; set that too, or leave it out.');
    }
    const { auth, credentialsFile } = readConfig({ AUTH: 'strict', CREDENTIALS_FILE: 'keys' }, new Map(), '/home/me');
    expect({ auth, credentialsFile }).toEqual({ auth: 'strict', credentialsFile: '/home/me/keys' });
  });

  it('take no other word for AUTH', () => {
    for (const AUTH of ['Strict', 'on', 'none', 'true', 'any,strict']) {
      expect(refusalOf(() => readConfig({ AUTH, CREDENTIALS_FILE: '/keys' })).message).toBe(
        `AUTH must be one of any, strict, off; it is "${AUTH}".`,
      );
    }
  });
});

describe('a file that changes while the server runs', () => {
  it('is read again, after a second at most', async () => {
    const { path, clock, find, log } = await keyringOf(profile('a', ...key('A')));
    writeFileSync(path, profile('b', ...key('B', 'other')));
    clock.advance(1000);
    expect(await find('A'), 'a key that was taken out').toBe(undefined);
    expect(await find('B')).toEqual({ ...KEY, secretAccessKey: 'other' });
    expect(log.take('info')).toMatchObject([{ fields: { keys: 1 } }]);
    clock.advance(1000);
    await find('B');
    expect(log.entries, 'it is read when it has changed only').toEqual([]);
  });

  it('is seen when another takes its place, of the same length and time', async () => {
    const { path, clock, find } = await keyringOf(profile('a', ...key('A')));
    utimesSync(path, 1, 1);
    clock.advance(1000);
    await find('A');
    writeFileSync(`${path}.new`, profile('a', ...key('B')));
    utimesSync(`${path}.new`, 1, 1);
    renameSync(`${path}.new`, path);
    clock.advance(1000);
    expect(await find('A')).toBe(undefined);
    expect(await find('B')).toEqual(KEY);
  });

  it('is asked about by many requests at once', async () => {
    const { path, clock, find } = await keyringOf(profile('a', ...key('A')));
    writeFileSync(path, `${profile('a', ...key('A'))}\n${profile('b', ...key('B'))}`);
    clock.advance(1000);
    expect(await Promise.all(Array.from({ length: 20 }, () => find('A')))).toEqual(Array(20).fill(KEY));
    expect(await find('B')).toEqual(KEY);
  });

  it.each([
    [
      'is broken',
      (path: string) => writeFileSync(path, profile('bad', ...key('A', `${CANARY}2`), 'aws_account_id = 1')),
    ],
    ['is emptied', (path: string) => writeFileSync(path, '')],
    ['is deleted', (path: string) => rmSync(path)],
    [
      'becomes a directory',
      (path: string) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  ])('keeps its keys when it %s, and is complained about once', async (_title, spoil) => {
    const content = profile('a', ...key('A'));
    const { path, clock, find, log } = await keyringOf(content);
    spoil(path);
    for (let second = 0; second < 3; second += 1) {
      clock.advance(1000);
      expect(await find('A')).toEqual(KEY);
    }
    expect(textOf(log)).not.toContain(CANARY);
    expect(log.take('warn')).toMatchObject([
      { message: 'CREDENTIALS_FILE cannot be used any more; the keys it held before stay valid.' },
    ]);
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, profile('b', ...key('B')));
    clock.advance(1000);
    expect(await find('A')).toBe(undefined);
    expect(await find('B')).toEqual(KEY);
  });

  it('opens and closes the server to its keys', async () => {
    const path = join(temporaryDirectory(), 'credentials');
    writeFileSync(path, profile('a', ...key('A')));
    const { url, clock, log } = await startTestServer({ settings: { AUTH: 'strict', CREDENTIALS_FILE: path } });
    const ask = async (accessKeyId: string, secretAccessKey = SECRET) => {
      const date = new Date(clock.now()).toISOString().replace(/[-:]|\.\d{3}/g, '');
      const { headers, body } = withSignature(
        {
          method: 'POST',
          path: '/',
          query: [],
          headers: [
            ['Host', new URL(url).host],
            ['Content-Type', 'application/x-amz-json-1.1'],
            ['X-Amz-Target', 'Kinesis_20131202.ListStreams'],
          ],
          body: '{}',
        },
        { credentials: { accessKeyId, secretAccessKey }, date, region: 'us-east-1', service: 'kinesis' },
      );
      const { status, text } = await askHttp1(url, { headers: Object.fromEntries(headers), body });
      expect(text).not.toContain(CANARY);
      return status === 200 ? 'served' : JSON.parse(text).__type;
    };
    expect([await ask('A'), await ask('B')]).toEqual(['served', 'UnrecognizedClientException']);
    writeFileSync(path, profile('b', ...key('B')));
    clock.advance(1000);
    expect([await ask('A'), await ask('B')]).toEqual(['UnrecognizedClientException', 'served']);
    writeFileSync(path, profile('b', ...key('B', `${SECRET}new`)));
    clock.advance(1000);
    expect([await ask('B'), await ask('B', `${SECRET}new`)]).toEqual(['InvalidSignatureException', 'served']);
    writeFileSync(path, 'nothing');
    clock.advance(1000);
    expect(await ask('B', `${SECRET}new`)).toBe('served');
    expect(log.entries.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(textOf(log)).not.toContain(CANARY);
  });
});
