/** Makes a certificate that is its own issuer. Its library is loaded only here: it is needed once in years. */
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Identity } from '../server/tls.ts';

/** Apple's clients take no certificate of a server that is valid for more than 825 days. */
const VALID_DAYS = 820;

const DAY_MS = 86_400_000;

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };

export interface SelfSignedOptions {
  /** Host names, which may begin with a wildcard label, and IP addresses. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Positive, in hexadecimal digits. */
  readonly serialNumber: string;
}

/** A new key and a certificate for it. */
export async function makeSelfSigned({ names, now, serialNumber }: SelfSignedOptions): Promise<Identity> {
  // The library's parts find each other through this extension of Reflect.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Millrace',
    serialNumber,
    // Clients' clocks may be behind.
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + VALID_DAYS * DAY_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      // Not an authority: whoever gets hold of the key of a certificate that was trusted can play these names only,
      // and some clients take no authority for a server.
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { certificate: `${certificate.toString('pem')}\n`, key: pemOf('PRIVATE KEY', key) };
}

function pemOf(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
