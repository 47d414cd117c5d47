/**
 * The keys of AUTH=strict, from a file in the form of `~/.aws/credentials`, read with the SDKs' own reader:
 *
 *     [anybody]
 *     aws_access_key_id = AKIDEXAMPLE
 *     aws_secret_access_key = …
 *     aws_session_token = …                              of temporary keys
 *     aws_credential_expiration = 2026-11-21T12:00:00Z   when they end
 *     aws_account_id = 123456789012                      whose they are
 *
 * The file may be changed while the server runs.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { loadSharedConfigFiles } from '@smithy/core/config';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Key, Keyring } from './protocol/verification.ts';
import { Refusal } from './refusal.ts';

/** How often the file is looked at, at most. */
const LOOK_MS = 1000;

type Keys = ReadonlyMap<string, Key>;

/** The SDKs' reader does not say why it cannot read a file. */
const NO_KEYS =
  'CREDENTIALS_FILE holds no profile with aws_access_key_id and aws_secret_access_key ' +
  'that can be read; it must be UTF-8, with these names in lower case.';

/**
 * The keys in the file at `path`.
 * @throws Refusal (`badSetting`) when it cannot be read, holds no key, or one that is not well-formed
 */
export async function openCredentials(path: string, { clock, log }: { clock: Clock; log: Log }): Promise<Keyring> {
  let version = versionOf(path);
  let keys = await readKeys(path);
  let lookedMs = clock.monotonicMs();
  let problem = '';

  const refresh = async (): Promise<void> => {
    if (clock.monotonicMs() - lookedMs < LOOK_MS) return;
    lookedMs = clock.monotonicMs();
    try {
      const current = versionOf(path);
      if (current === version) return;
      version = current;
      keys = await readKeys(path);
      problem = '';
      log.info({ keys: keys.size }, 'The keys of CREDENTIALS_FILE were read again.');
    } catch (error) {
      const { message } = error as Error;
      if (message === problem) return;
      problem = message;
      log.warn({ problem }, 'CREDENTIALS_FILE cannot be used any more; the keys it held before stay valid.');
    }
  };

  return {
    async find(accessKeyId) {
      await refresh();
      return keys.get(accessKeyId);
    },
  };
}

/** Changes when the file does. */
function versionOf(path: string): string {
  try {
    const file = statSync(path);
    // The SDKs' reader takes what cannot be read for empty.
    accessSync(path, constants.R_OK);
    if (file.isDirectory()) throw new Error('it is a directory');
    return `${file.mtimeMs} ${file.size} ${file.ino}`;
  } catch (error) {
    throw new Refusal('badSetting', `CREDENTIALS_FILE cannot be read: ${(error as Error).message}.`);
  }
}

async function readKeys(path: string): Promise<Keys> {
  const { credentialsFile } = await loadSharedConfigFiles({ filepath: path, configFilepath: path, ignoreCache: true });
  const keys = new Map<string, Key>();
  for (const [profile, values] of Object.entries(credentialsFile)) {
    const { aws_access_key_id: id, aws_secret_access_key: secret } = values;
    // Profiles of other kinds, such as those of roles.
    if (!id && !secret) continue;
    const key = keyOf(profile, values);
    if ((keys.get(id!) ?? key).secretAccessKey !== secret) {
      throw wrong(profile, 'aws_access_key_id', 'another than that of a profile before, or have the same secret');
    }
    keys.set(id!, key);
  }
  if (keys.size > 0) return keys;
  throw new Refusal('badSetting', NO_KEYS);
}

const wrong = (profile: string, name: string, expected: string) =>
  new Refusal('badSetting', `In CREDENTIALS_FILE, ${name} of the profile ${profile} must be ${expected}.`);

function keyOf(profile: string, values: Readonly<Record<string, string | undefined>>): Key {
  const { aws_access_key_id: id, aws_secret_access_key: secretAccessKey, aws_account_id: account } = values;
  if (!id) throw wrong(profile, 'aws_access_key_id', 'the id of its aws_secret_access_key');
  if (!secretAccessKey) throw wrong(profile, 'aws_secret_access_key', 'the secret of its aws_access_key_id');
  if (account && !/^\d{12}$/.test(account)) throw wrong(profile, 'aws_account_id', '12 digits');
  const { aws_session_token: sessionToken, aws_credential_expiration: expiration } = values;
  const expiresMs = expiration ? Date.parse(expiration) : undefined;
  if (Number.isNaN(expiresMs)) throw wrong(profile, 'aws_credential_expiration', 'a time such as 2026-11-21T12:00:00Z');
  return { secretAccessKey, sessionToken: sessionToken || undefined, expiresMs, account: account || undefined };
}
