/** What a data directory says about delivered objects, read while no server runs. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openHandle } from '../../src/database/handle.ts';
import { hadoopBlocks, xerialBlocks } from './snappy.ts';

export interface DeliveredObject {
  readonly key: string;
  /** As it was before it was compressed. */
  readonly content: Buffer;
}

interface Row {
  readonly state: string;
  readonly bucket: string;
  readonly key: string;
  readonly path: string | null;
  readonly content_encoding: string | null;
}

function deliveryRows(directory: string): Row[] {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  const rows = handle
    .prepare('select state, bucket, key, path, content_encoding from deliveries order by buffer, first_position')
    .all();
  handle.close();
  return rows as Row[];
}

/** Every file in the object store but those that are being written. */
function storedPaths(directory: string): string[] {
  const root = join(directory, 's3');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/**
 * The delivered objects in the order of their records.
 * @throws Error when the files are not exactly those that the rows speak of, or one is half-written.
 */
export function deliveredObjects(directory: string): DeliveredObject[] {
  const rows = deliveryRows(directory);
  const waiting = rows.filter(({ state }) => state !== 'DELIVERED');
  if (waiting.length > 0) throw new Error(`Not delivered: ${waiting.map(({ key }) => key).join(', ')}`);
  const known = rows.map(({ path }) => path!).sort();
  const stored = storedPaths(directory).sort();
  if (known.join('\n') !== stored.join('\n')) {
    throw new Error(`The files are not those of the rows:\n${stored.join('\n')}\n--\n${known.join('\n')}`);
  }
  return rows.map((row) => ({ key: row.key, content: decompressed(join(directory, 's3', row.path!), row) }));
}

/** By other programs than those that compressed: node's gunzip, unzip, a decoder of Snappy of our own. */
function decompressed(path: string, { content_encoding }: Row): Buffer {
  switch (content_encoding) {
    case null:
      return readFileSync(path);
    case 'gzip':
      return gunzipSync(readFileSync(path));
    case 'zip':
      return execFileSync('unzip', ['-p', path], { maxBuffer: 2 ** 28 });
    case 'snappy-java':
      return Buffer.concat(xerialBlocks(readFileSync(path)));
    case 'hadoop-snappy':
      return Buffer.concat(hadoopBlocks(readFileSync(path)));
    default:
      throw new Error(`Nobody knows the encoding ${content_encoding}.`);
  }
}

/** Objects that have their names although their deliveries are not confirmed. */
export const unconfirmedObjects = (directory: string): Row[] =>
  deliveryRows(directory).filter(
    ({ state, bucket, key }) => state === 'PLANNED' && existsSync(join(directory, 's3', bucket, key)),
  );
