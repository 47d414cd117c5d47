/**
 * Copies of the compiled program in which some places are changed: failpoints, mistakes made on purpose. The changes are
 * exact texts, so that whoever changes the program is told when one of them has no place any more. The program itself
 * has no switches for any of this.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A place in a compiled file, and what stands there instead. */
export interface Patch {
  /** Below the directory of the compiled program, such as src/main.js. */
  readonly file: string;
  /** There exactly once, when the patches before this one were applied. */
  readonly find: string;
  readonly replace: string;
}

export interface BuildCopyOptions {
  /** The directory of the compiled program. */
  readonly build: string;
  /** Where the copy goes: a new directory. */
  readonly directory: string;
  readonly patches: readonly Patch[];
  /** Further files by their names in the copy, and where they come from. */
  readonly additions?: Readonly<Record<string, string>>;
}

const PARTS = ['src', 'migrations'];

/**
 * Copies and changes the program; returns the directory of the copy, which is a build like any other.
 * @throws Error that names the patch which has no place, or more than one
 */
export function copyBuild({ build, directory, patches, additions = {} }: BuildCopyOptions): string {
  const copy = join(directory, 'dist');
  mkdirSync(copy, { recursive: true });
  for (const part of PARTS) cpSync(join(build, part), join(copy, part), { recursive: true });
  // As around the original: what the program imports is looked for upwards, as is its version.
  symlinkSync(above(build, 'node_modules'), join(directory, 'node_modules'));
  cpSync(above(build, 'package.json'), join(directory, 'package.json'));
  for (const [file, text] of patchedFiles(build, patches)) writeFileSync(join(copy, file), text);
  for (const [file, from] of Object.entries(additions)) cpSync(from, join(copy, file));
  return copy;
}

/**
 * The files that the patches change, as they are afterwards.
 * @throws Error as copyBuild
 */
export function patchedFiles(build: string, patches: readonly Patch[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const patch of patches) {
    const text = files.get(patch.file) ?? readFileSync(join(build, patch.file), 'utf8');
    files.set(patch.file, patched(text, patch));
  }
  return files;
}

function patched(text: string, { file, find, replace }: Patch): string {
  const pieces = text.split(find);
  if (pieces.length !== 2) {
    throw new Error(`A patch of ${file} should match once and matches ${pieces.length - 1} times: ${find}`);
  }
  return pieces.join(replace);
}

function above(directory: string, name: string): string {
  const path = join(directory, name);
  if (existsSync(path)) return realpathSync(path);
  if (dirname(directory) === directory) throw new Error(`There is no ${name} above the compiled program.`);
  return above(dirname(directory), name);
}
