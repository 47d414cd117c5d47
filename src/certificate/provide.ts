/**
 * The certificate of the server: the user's own, or one that is made at the first start and kept in the data directory,
 * so that clients that trust it go on trusting it.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { replaceFile, settleDirectory } from '../durable-file.ts';
import type { Log } from '../log.ts';
import { Refusal } from '../refusal.ts';
import type { Identity } from '../server/tls.ts';
import { certificateNames } from './names.ts';
import { makeSelfSigned } from './self-signed.ts';

/** One that ends sooner is replaced at the next start. */
const RENEWED_BEFORE_MS = 30 * 86_400_000;

export interface Provided {
  readonly identity: Identity;
  /** The PEM file that clients are to trust. */
  readonly path: string;
}

type Settings = Pick<Config, 'tls' | 'tlsCert' | 'tlsKey' | 'dataDir' | 'host' | 'allowedHosts' | 'region'>;

/**
 * Undefined when TLS is switched off.
 * @throws Refusal (`badSetting`, `dataNotUsable`) when files cannot be read, written, or do not fit together
 */
export async function provideCertificate(
  settings: Settings,
  { clock, log }: { clock: Clock; log: Log },
): Promise<Provided | undefined> {
  const { tls, tlsCert, tlsKey, dataDir } = settings;
  if (tls === 'off') return undefined;
  if (tlsCert !== '') return { identity: readOwn(tlsCert, tlsKey), path: tlsCert };
  const directory = join(dataDir, 'tls');
  const files = { certificate: join(directory, 'certificate.pem'), key: join(directory, 'key.pem') };
  const names = certificateNames(settings);
  const reason = reasonForNew(files, names, clock.now());
  if (reason !== undefined) {
    const serialNumber = `01${clock.randomBytes(15).toString('hex')}`;
    const identity = await makeSelfSigned({ names, now: clock.now(), serialNumber });
    keep(directory, files, identity);
    if (reason !== NONE_YET) {
      log.warn({ reason }, 'A new certificate for https was made; clients that trust the old one must trust this one.');
    }
  }
  return { identity: readKept(files), path: files.certificate };
}

/** The paths of the two PEM files. */
type Files = Readonly<Record<keyof Identity, string>>;

const NONE_YET = 'there is none yet';

/** Why the certificate that is kept cannot be used any more; undefined when it can. */
function reasonForNew(files: Files, names: readonly string[], now: number): string | undefined {
  if (!existsSync(files.certificate)) return NONE_YET;
  try {
    const { certificate, key } = readKept(files);
    const parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return 'its key belongs to another one';
    if (Date.parse(parsed.validTo) < now + RENEWED_BEFORE_MS) return `it ends on ${parsed.validTo}`;
    if (Date.parse(parsed.validFrom) > now) return `it begins on ${parsed.validFrom}`;
    // Whoever made it wrote the names as they are; asking for each of a hundred takes ten milliseconds.
    const listed = new Set(parsed.subjectAltName?.split(', '));
    const missing = names.find((name) => !listed.has(`DNS:${name}`) && !isNamed(parsed, name));
    return missing === undefined ? undefined : `it does not name ${missing}`;
  } catch (error) {
    return `it cannot be read (${(error as Error).message})`;
  }
}

/** A wildcard is named when any name that it stands for is. */
function isNamed(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  return certificate.checkHost(name.replace(/^\*/, 'any'), { subject: 'never' }) !== undefined;
}

const readKept = (files: Files): Identity => ({
  certificate: readFileSync(files.certificate, 'utf8'),
  key: readFileSync(files.key, 'utf8'),
});

/** The key first: a certificate without its key would be taken for a damaged pair and named in a warning. */
function keep(directory: string, files: Files, identity: Identity): void {
  try {
    settleDirectory(directory);
    for (const part of ['key', 'certificate'] as const) replaceFile(files[part], identity[part]);
  } catch (error) {
    const { message } = error as Error;
    throw new Refusal('dataNotUsable', `The certificate cannot be kept (${message}); make ${directory} writable.`);
  }
}

function readOwn(tlsCert: string, tlsKey: string): Identity {
  const certificate = readPem('TLS_CERT', tlsCert);
  const key = readPem('TLS_KEY', tlsKey);
  if (key.includes('ENCRYPTED')) {
    throw new Refusal('badSetting', 'TLS_KEY is encrypted; give the key without a passphrase.');
  }
  let fit: boolean;
  try {
    fit = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
    // Whatever else TLS will not take, such as a key that is too short, or a damaged certificate further down the chain.
    if (fit) createSecureContext({ cert: certificate, key });
  } catch (error) {
    const { message } = error as Error;
    throw new Refusal('badSetting', `TLS_CERT and TLS_KEY must be PEM files that TLS can use (${message}).`);
  }
  if (!fit) throw new Refusal('badSetting', 'TLS_KEY is not the private key of the certificate in TLS_CERT.');
  return { certificate, key };
}

function readPem(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refusal('badSetting', `${setting} cannot be read: ${(error as Error).message}.`);
  }
}
