/** The version in package.json, which lies above both src/ and dist/src/. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const VERSION: string = readVersion(import.meta.dirname);

function readVersion(directory: string): string {
  const path = join(directory, 'package.json');
  if (!existsSync(path)) return readVersion(dirname(directory));
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
