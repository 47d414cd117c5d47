/**
 * The ballast: a file that only takes up room. When the disk is full it is thrown away, so that rows can be deleted and
 * the write-ahead log be moved, which need room themselves.
 *
 * It is written, not merely made long, because a hole takes no room; with bytes that no file system can compress; and
 * synced, because only then is it certain that the room was there.
 */
import { closeSync, fsyncSync, lstatSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { freeSpace } from './file-system.ts';

/** Written at once. */
const PIECE_BYTES = 1024 * 1024;

/** Of a small volume the reserve takes this share at most. */
const VOLUME_SHARE = 1 / 16;

/** It is made only where this many times its size is free: to fill the disk with it would help nobody. */
const ROOM_FACTOR = 2;

export interface SpaceReserveOptions {
  /** Of the file; its directory is there. */
  readonly path: string;
  /** 0: there is never one. */
  readonly sizeBytes: number;
  /** Makes `count` bytes that cannot be compressed. */
  readonly fill: (count: number) => Buffer;
}

/** How large a reserve can be in `directory` when `requestedBytes` are wanted. */
export function reserveSize(requestedBytes: number, directory: string): number {
  return Math.min(requestedBytes, Math.floor(freeSpace(directory).totalBytes * VOLUME_SHARE));
}

export class SpaceReserve {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #fill: (count: number) => Buffer;

  constructor({ path, sizeBytes, fill }: SpaceReserveOptions) {
    this.#path = path;
    this.sizeBytes = sizeBytes;
    this.#fill = fill;
  }

  /** Whether it is there, in its size. */
  get isHeld(): boolean {
    const found = lstatSync(this.#path, { throwIfNoEntry: false });
    return this.sizeBytes > 0 && found !== undefined && found.isFile() && found.size === this.sizeBytes;
  }

  /** Makes it, unless it is there. False when there is no room or it could not be written; then nothing is left of it. */
  hold(): boolean {
    try {
      if (this.isHeld) return true;
      // What a killed process or another size left.
      this.release();
      if (this.sizeBytes === 0 || freeSpace(dirname(this.#path)).freeBytes < ROOM_FACTOR * this.sizeBytes) return false;
      this.#write();
      return true;
    } catch {
      this.release();
      return false;
    }
  }

  /** Gives up the room it takes. Where it cannot be removed, it stays. */
  release(): void {
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // Whoever needs the room will meet the full disk again.
    }
  }

  #write(): void {
    const file = openSync(this.#path, 'wx', 0o600);
    try {
      for (let written = 0; written < this.sizeBytes; ) {
        const piece = this.#fill(Math.min(PIECE_BYTES, this.sizeBytes - written));
        // A disk that becomes full takes a part of a piece first; the rest of it is not needed.
        written += writeSync(file, piece);
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}
