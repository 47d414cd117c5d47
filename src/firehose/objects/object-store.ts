/** Where finished objects go: what a store takes and what it answers, and what all stores do with the bytes. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

export interface ObjectToStore {
  readonly bucket: string;
  readonly key: string;
  /** The bytes. Called once at a time, but again for a retry. */
  readonly content: () => AsyncIterable<Buffer>;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly kmsKeyArn: string | undefined;
  readonly region: string;
}

/** An object as it is asked for. */
export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
}

export interface StoredObject {
  readonly sizeBytes: number;
  /** In hex. */
  readonly sha256: string;
  /** In hex, as S3's ETag. */
  readonly md5: string;
  /** Relative to the root of the store; null for a remote one. */
  readonly path: string | null;
}

export interface ObjectStore {
  /**
   * Stores an object durably, or rejects with an error whose message is one sentence. Storing the same object again
   * leaves one. Rejects with the signal's reason once `signal` is aborted.
   */
  put(object: ObjectToStore, signal: AbortSignal): Promise<StoredObject>;
  /** The bytes of an object; rejects with an error whose message is one sentence when there is none. */
  get(address: ObjectAddress, signal: AbortSignal): AsyncIterable<Buffer>;
  /** URL or directory, for people. */
  readonly place: string;
  close(): Promise<void>;
}

/** What is hashed or written at once: others wait for this long only. */
const PIECE_BYTES = 1024 * 1024;

/** The bytes of `object` in pieces of a bounded size, with a turn of the event loop and a look at `signal` between them. */
export async function* contentPieces(object: ObjectToStore, signal: AbortSignal): AsyncGenerator<Buffer> {
  let sinceTurn = 0;
  signal.throwIfAborted();
  for await (const chunk of object.content()) {
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      const piece = chunk.subarray(start, start + PIECE_BYTES);
      yield piece;
      sinceTurn += piece.length;
      if (sinceTurn >= PIECE_BYTES) {
        await setImmediate();
        sinceTurn = 0;
      }
      signal.throwIfAborted();
    }
  }
}

export type Fingerprint = Omit<StoredObject, 'path'>;

export interface Measure {
  add(piece: Buffer): void;
  /** Of all the bytes added. Ends the measure. */
  fingerprint(): Fingerprint;
}

/** Counts and hashes bytes as they pass. */
export function newMeasure(): Measure {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let sizeBytes = 0;
  return {
    add(piece) {
      sha256.update(piece);
      md5.update(piece);
      sizeBytes += piece.length;
    },
    fingerprint: () => ({ sizeBytes, sha256: sha256.digest('hex'), md5: md5.digest('hex') }),
  };
}
