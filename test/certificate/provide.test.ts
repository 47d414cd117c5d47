/** The certificate that is made, kept, renewed, or brought along; and what is said about one that cannot be used. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Provided, provideCertificate } from '../../src/certificate/provide.ts';
import { readConfig } from '../../src/config.ts';
import { Refusal } from '../../src/refusal.ts';
import { createTestClock } from '../support/clock.ts';
import { createTestLog } from '../support/log.ts';
import { temporaryDirectory } from '../support/server.ts';

const DAY_MS = 86_400_000;

/** A data directory and a clock, on which servers start one after the other. */
function newPlace() {
  const directory = temporaryDirectory();
  const clock = createTestClock();
  const log = createTestLog();
  const provide = (settings: Record<string, string> = {}): Promise<Provided | undefined> =>
    provideCertificate(readConfig({ DATA_DIR: directory, ...settings }), { clock, log });
  return { directory, clock, log, provide };
}

const parsed = (provided: Provided | undefined) => new X509Certificate(provided!.identity.certificate);

/** The sentence with which `settings` are refused. */
async function sentenceOf(providing: Promise<unknown>): Promise<string> {
  const error = await providing.then(
    () => new Error('Nothing was refused.'),
    (thrown: Error) => thrown,
  );
  if (error instanceof Refusal && error.reason === 'badSetting') return error.message;
  throw error;
}

describe('the generated certificate', () => {
  it('is no authority, is for servers, and is valid for less than 825 days', async () => {
    const { provide, clock } = newPlace();
    const certificate = parsed(await provide());
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage, 'extended key usage: serverAuth').toEqual(['1.3.6.1.5.5.7.3.1']);
    const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    expect(from).toBeLessThan(clock.now());
    expect((to - from) / DAY_MS).toBeLessThan(825);
    expect((to - clock.now()) / DAY_MS).toBeGreaterThan(800);
    expect(certificate.verify(certificate.publicKey), 'it has signed itself').toBe(true);
  });

  it('is kept: the next start has the same, readable by nobody else', async () => {
    const { directory, provide, log } = newPlace();
    const first = await provide();
    expect(first!.path).toBe(join(directory, 'tls', 'certificate.pem'));
    expect(readFileSync(first!.path, 'utf8')).toBe(first!.identity.certificate);
    const modes = ['', 'certificate.pem', 'key.pem'].map((name) => statSync(join(directory, 'tls', name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o600, 0o600]);
    expect((await provide())!.identity).toEqual(first!.identity);
    expect(log.entries, 'a first certificate is nothing to warn of').toEqual([]);
  });

  it('is kept when fewer names are asked for than it has', async () => {
    const { provide } = newPlace();
    const first = await provide({ ALLOWED_HOSTS: 'a.example,b.example' });
    expect((await provide({ ALLOWED_HOSTS: 'b.example' }))!.identity).toEqual(first!.identity);
  });

  it.each(['::1', '::ffff:127.0.0.1', '192.0.2.7', 'streams.example', 'LOCALHOST', '0.0.0.0'])(
    'is kept when %s is listened on',
    async (HOST) => {
      const { provide, log } = newPlace();
      const first = await provide({ HOST });
      expect((await provide({ HOST }))!.identity).toEqual(first!.identity);
      expect(log.entries).toEqual([]);
    },
  );

  const other = async () => (await newPlace().provide())!.identity;

  it.each<[string, RegExp, (place: ReturnType<typeof newPlace>) => Promise<Record<string, string> | undefined>]>([
    ['it ends soon', /it ends on /, async ({ clock }) => void clock.advance(795 * DAY_MS)],
    ['it begins later', /it begins on /, async ({ clock }) => void clock.jump(-10 * DAY_MS)],
    ['a name was added', /it does not name b\.example/, async () => ({ ALLOWED_HOSTS: 'b.example' })],
    ['an address was added', /it does not name 192\.0\.2\.7/, async () => ({ HOST: '192.0.2.7' })],
    [
      'its key is another one',
      /its key belongs to another/,
      async ({ directory }) => writeFileSync(join(directory, 'tls', 'key.pem'), (await other()).key) as undefined,
    ],
    [
      'it is damaged',
      /it cannot be read/,
      async ({ directory }) => writeFileSync(join(directory, 'tls', 'certificate.pem'), 'no PEM') as undefined,
    ],
    [
      'its key is gone',
      /it cannot be read \(ENOENT/,
      async ({ directory }) => rmSync(join(directory, 'tls', 'key.pem')) as undefined,
    ],
  ])('is replaced when %s, and the log says that clients must trust another', async (_title, reason, change) => {
    const place = newPlace();
    const first = await place.provide();
    const second = await place.provide((await change(place)) ?? {});
    expect(second!.identity).not.toEqual(first!.identity);
    const warnings = place.log.take('warn').map(({ fields }) => (fields as { reason: string }).reason);
    expect(warnings.join()).toMatch(reason);
    expect((await place.provide())!.identity, 'the new one is kept').toEqual(second!.identity);
  });

  it('is not made when TLS is off', async () => {
    const { directory, provide } = newPlace();
    expect(await provide({ TLS: 'off' })).toBeUndefined();
    expect(existsSync(join(directory, 'tls'))).toBe(false);
  });

  it('cannot be kept where nothing may be written, and the sentence says where', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('the superuser may write anywhere');
    const { directory, provide } = newPlace();
    chmodSync(directory, 0o500);
    await expect(provide()).rejects.toThrow(`make ${join(directory, 'tls')} writable`);
    chmodSync(directory, 0o700);
  });
});

describe('a certificate of the user', () => {
  /** PEM files that do not lie where a generated certificate would. */
  async function newFiles() {
    const { directory, provide } = newPlace();
    const { identity } = (await newPlace().provide())!;
    const [TLS_CERT, TLS_KEY] = [join(directory, 'own.pem'), join(directory, 'own-key.pem')];
    writeFileSync(TLS_CERT, identity.certificate);
    writeFileSync(TLS_KEY, identity.key);
    return { directory, provide, identity, TLS_CERT, TLS_KEY };
  }

  it('is used as it is, and none is made', async () => {
    const { directory, provide, identity, TLS_CERT, TLS_KEY } = await newFiles();
    expect(await provide({ TLS_CERT, TLS_KEY })).toEqual({ identity, path: TLS_CERT });
    expect(existsSync(join(directory, 'tls'))).toBe(false);
  });

  it('is refused with a sentence that names the setting when a file is missing', async () => {
    const { provide, TLS_CERT, TLS_KEY } = await newFiles();
    expect(await sentenceOf(provide({ TLS_CERT: '/none.pem', TLS_KEY }))).toMatch(/^TLS_CERT cannot be read: ENOENT/);
    expect(await sentenceOf(provide({ TLS_CERT, TLS_KEY: '/none.pem' }))).toMatch(/^TLS_KEY cannot be read: ENOENT/);
  });

  it('is refused when it is no PEM, or not of the key', async () => {
    const { provide, TLS_CERT, TLS_KEY } = await newFiles();
    expect(await sentenceOf(provide({ TLS_CERT: TLS_KEY, TLS_KEY }))).toMatch(
      /^TLS_CERT and TLS_KEY must be PEM files/,
    );
    const damagedChain = `${readFileSync(TLS_CERT, 'utf8')}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`;
    writeFileSync(`${TLS_CERT}.chain`, damagedChain);
    expect(await sentenceOf(provide({ TLS_CERT: `${TLS_CERT}.chain`, TLS_KEY }))).toMatch(/that TLS can use \(/);
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const cipher = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
    writeFileSync(`${TLS_KEY}.encrypted`, short.export(cipher));
    expect(await sentenceOf(provide({ TLS_CERT, TLS_KEY: `${TLS_KEY}.encrypted` }))).toBe(
      'TLS_KEY is encrypted; give the key without a passphrase.',
    );
    const another = await newFiles();
    expect(await sentenceOf(provide({ TLS_CERT, TLS_KEY: another.TLS_KEY }))).toBe(
      'TLS_KEY is not the private key of the certificate in TLS_CERT.',
    );
  });
});
