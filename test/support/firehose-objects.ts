/** What a data directory says about delivered objects, read while no server runs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openHandle } from '../../src/database/handle.ts';

export interface DeliveredObject {
  readonly key: string;
  readonly content: Buffer;
}

interface Row {
  readonly state: string;
  readonly bucket: string;
  readonly key: string;
  readonly path: string | null;
}

function deliveryRows(directory: string): Row[] {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  const rows = handle.prepare('select state, bucket, key, path from deliveries order by buffer, first_position').all();
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
  return rows.map(({ key, path }) => ({ key, content: readFileSync(join(directory, 's3', path!)) }));
}

/** Objects that have their names although their deliveries are not confirmed. */
export const unconfirmedObjects = (directory: string): Row[] =>
  deliveryRows(directory).filter(
    ({ state, bucket, key }) => state === 'PLANNED' && existsSync(join(directory, 's3', bucket, key)),
  );
