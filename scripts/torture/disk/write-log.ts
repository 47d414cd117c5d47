/** Reads what recorder.c has recorded: the operations upon the files below a directory, in the order of their beginnings. */
import { readFileSync } from 'node:fs';

interface Recorded {
  /** On the monotonic clock, in nanoseconds: before the operation began. */
  readonly startNs: number;
  /** After it had ended. */
  readonly endNs: number;
}

/** Something about one file or directory. Inodes are numbers that are used again once their file is gone. */
type OfInode = Recorded & { readonly inode: number };

export type Operation =
  | (OfInode & { readonly kind: 'create' | 'makeDirectory' | 'link'; readonly path: string })
  | (OfInode & { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer })
  /** `size`: how many bytes it has afterwards, or, if it was to be extended, at least. */
  | (OfInode & { readonly kind: 'truncate' | 'extend'; readonly size: number })
  | (OfInode & { readonly kind: 'sync' })
  | (OfInode & { readonly kind: 'rename'; readonly path: string; readonly to: string })
  | (Recorded & { readonly kind: 'remove'; readonly path: string });

/** As `struct head` in recorder.c has it. */
const HEAD_BYTES = 48;
const KINDS = [
  undefined,
  'create',
  'write',
  'truncate',
  'sync',
  'makeDirectory',
  'rename',
  'remove',
  'link',
  'extend',
] as const;

/** The operations in a log. Paths begin with a slash and are relative to the recorded directory, which is ''. */
export function readWriteLog(path: string): Operation[] {
  const log = readFileSync(path);
  const operations: Operation[] = [];
  for (let at = 0; at + HEAD_BYTES <= log.length; ) {
    const length = log.readUInt32LE(at);
    // A process was killed while it wrote its last entry; its operation is not known to have ended.
    if (at + length > log.length) break;
    operations.push(operationAt(log.subarray(at, at + length)));
    at += length;
  }
  return operations.sort((a, b) => a.startNs - b.startNs);
}

function operationAt(entry: Buffer): Operation {
  const number = (offset: number) => Number(entry.readBigUInt64LE(offset));
  const kind = KINDS[entry.readUInt32LE(4)];
  if (kind === undefined) throw new Error(`The log of writes has an operation ${entry.readUInt32LE(4)}.`);
  const secondAt = HEAD_BYTES + entry.readUInt32LE(40);
  const bytesAt = secondAt + entry.readUInt32LE(44);
  const path = entry.toString('utf8', HEAD_BYTES, secondAt);
  const recorded = { startNs: number(8), endNs: number(16), inode: number(24) };
  switch (kind) {
    case 'write':
      return { ...recorded, kind, offset: number(32), bytes: entry.subarray(bytesAt) };
    case 'truncate':
    case 'extend':
      return { ...recorded, kind, size: number(32) };
    case 'sync':
      return { ...recorded, kind };
    case 'rename':
      return { ...recorded, kind, path, to: entry.toString('utf8', secondAt, bytesAt) };
    default:
      return { ...recorded, kind, path };
  }
}
