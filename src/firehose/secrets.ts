/**
 * Passwords of destinations. They are stored sealed, with a key that lies beside the database and not in it, because
 * people open the database with tools and give copies of it away.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../call.ts';
import { memory } from '../database/memory.ts';
import { replaceFile } from '../durable-file.ts';
import { KEY_BYTES, NONCE_BYTES, openText, sealText } from '../sealing.ts';

const KEY_FILE = 'secrets.key';

const keys = memory(() => ({ key: undefined as Buffer | undefined }));

/** `secret` in a form that may be stored. */
export function sealSecret(secret: string, world: World): string {
  return sealText(keyOf(world), world.clock.randomBytes(NONCE_BYTES), secret).toString('base64');
}

/**
 * The secret that was sealed.
 * @throws Error when the key is not the one that it was sealed with
 */
export function openSecret(sealed: string, world: World): string {
  const secret = openText(keyOf(world), Buffer.from(sealed, 'base64'));
  if (secret !== undefined) return secret;
  const path = join(world.dataDir, KEY_FILE);
  throw new Error(`A stored password cannot be read with ${path}; restore that file, or give the password again.`);
}

function keyOf(world: World): Buffer {
  const remembered = keys.of(world.database);
  remembered.key ??= readKey(world) ?? makeKey(world);
  return remembered.key;
}

function readKey({ dataDir }: World): Buffer | undefined {
  const path = join(dataDir, KEY_FILE);
  try {
    const key = readFileSync(path);
    if (key.length === KEY_BYTES) return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  throw new Error(`${path} is not a key of ${KEY_BYTES} bytes; restore it from a copy.`);
}

/** Whole and on disk before the first secret that needs it. */
function makeKey({ dataDir, clock }: World): Buffer {
  const key = clock.randomBytes(KEY_BYTES);
  const path = join(dataDir, KEY_FILE);
  replaceFile(path, key);
  return key;
}
