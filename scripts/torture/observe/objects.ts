/** Looking at delivered objects: the files, decompressed and taken apart into bodies. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bodies } from '../bodies.ts';
import { createClient } from '../client.ts';
import { DELIVERY_STREAMS } from '../layout.ts';
import type { ObservedObject } from '../observation.ts';
import { settle } from './settle.ts';

export const objectsDirectory = (dataDir: string): string => join(dataDir, 's3');

const TEMPORARY = '.tmp';
const FLUSH_ATTEMPTS = 3;

/** Has everything delivered that is buffered; tells by one sentence each what is not. */
export async function flushAll(url: string): Promise<string[]> {
  const client = createClient(url);
  const complaints: string[] = [];
  for (const name of DELIVERY_STREAMS) {
    let error = '';
    for (let attempt = 0; attempt < FLUSH_ATTEMPTS; attempt += 1) {
      const answer = await client.post(`/_millrace/delivery-streams/${name}/flush`);
      error = answer.outcome === 'ok' ? '' : `${answer.status} ${answer.error}`;
      if (error === '') break;
    }
    if (error !== '') complaints.push(`The delivery stream ${name} cannot be flushed: ${error}`);
  }
  client.close();
  return complaints;
}

/** All delivered objects. */
export function observeObjects(dataDir: string, bodies: Bodies): ObservedObject[] {
  const root = objectsDirectory(dataDir);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.startsWith(`${TEMPORARY}/`))
    .sort()
    .map((path) => readObject(dataDir, path, bodies));
}

/** Takes an object apart; see layout.ts for where its delivery stream stands in its path. */
export function readObject(dataDir: string, path: string, bodies: Bodies): ObservedObject {
  const deliveryStream = path.split('/')[1] ?? '';
  try {
    const bytes = readFileSync(join(objectsDirectory(dataDir), path));
    const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return { path, deliveryStream, ...bodies.readAll(isCompressed ? gunzipSync(bytes) : bytes) };
  } catch {
    return { path, deliveryStream, bodies: [], restBytes: -1 };
  }
}

/** Files that were begun and stay, although nothing is being delivered. */
export async function leftTemporaries(dataDir: string): Promise<string[]> {
  const directory = join(objectsDirectory(dataDir), TEMPORARY);
  const left = await settle(
    () => (existsSync(directory) ? readdirSync(directory) : []),
    (names) => names.length === 0,
  );
  return left.map((name) => `The temporary file ${TEMPORARY}/${name} stays.`);
}
