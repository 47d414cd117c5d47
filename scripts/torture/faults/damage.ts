/** Copies of a data directory, and what can be done to their files. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../random.ts';

export const DATA_FILE = 'millrace.db';
export const WAL_FILE = 'millrace.db-wal';
export const WITNESS_FILE = 'commit-witness';

/** A data directory that nobody uses at the moment. */
export class Copy {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** This directory becomes a copy of `original`. What lies in memory between processes is no part of it. */
  static of(original: string, directory: string): Copy {
    rmSync(directory, { recursive: true, force: true });
    cpSync(original, directory, { recursive: true, preserveTimestamps: true });
    return new Copy(directory);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  write(name: string, bytes: Buffer | string): void {
    writeFileSync(this.path(name), bytes);
  }

  remove(...names: readonly string[]): void {
    for (const name of names) rmSync(this.path(name), { force: true });
  }

  truncate(name: string, sizeBytes: number): void {
    truncateSync(this.path(name), sizeBytes);
  }

  sizeOf(name: string): number {
    return existsSync(this.path(name)) ? statSync(this.path(name)).size : 0;
  }

  overwrite(name: string, offset: number, bytes: Buffer): void {
    const content = this.read(name);
    bytes.copy(content, offset);
    this.write(name, content);
  }

  /** Flips one bit in the `size` bytes from `offset` on. */
  flip(name: string, [offset, size]: readonly [number, number], random: Random): void {
    this.flipEach(name, [offset], size, random);
  }

  /** Flips one bit in the `size` bytes from each of the `offsets` on: everywhere the same. */
  flipEach(name: string, offsets: readonly number[], size: number, random: Random): void {
    const content = this.read(name);
    const distance = random.integer(0, size - 1);
    const bit = 1 << random.integer(0, 7);
    for (const offset of offsets) content[offset + distance] = content[offset + distance]! ^ bit;
    this.write(name, content);
  }

  /** Files of another directory take the place of these; those that are not there are removed here. */
  replace(other: string, ...names: readonly string[]): void {
    for (const name of names) {
      rmSync(this.path(name), { recursive: true, force: true });
      if (existsSync(join(other, name))) cpSync(join(other, name), this.path(name), { recursive: true });
    }
  }

  /** What the data files are: two that are equal have the same bytes. To SQLite, an empty WAL is the same as none. */
  fingerprint(): string {
    const isThere = existsSync(this.path(DATA_FILE));
    const hashOf = (name: string) =>
      this.sizeOf(name) === 0 ? 'nothing' : createHash('sha256').update(this.read(name)).digest('hex');
    return `${isThere} ${hashOf(DATA_FILE)} ${hashOf(WAL_FILE)}`;
  }
}
