/** Hash keys: 128-bit integers that decide which shard gets a record. Pure. */
import { hash } from 'node:crypto';

/** 2^128: one above the largest hash key. */
const END = 1n << 128n;

/** A hash key in the form that routing compares: 32 lower-case hexadecimal digits. */
export type HexHashKey = string;

/** The hash key of a partition key: the MD5 of its UTF-8 bytes. */
export const hexOfPartitionKey = (partitionKey: string): HexHashKey => hash('md5', partitionKey, 'hex');

/** A decimal hash key as hex; undefined when it is 2^128 or more. */
export function hexOfDecimal(decimal: string): HexHashKey | undefined {
  const value = BigInt(decimal);
  return value < END ? value.toString(16).padStart(32, '0') : undefined;
}

export interface HashKeyRange {
  /** Decimal, inclusive. */
  readonly starting: string;
  /** Decimal, inclusive. */
  readonly ending: string;
}

/**
 * The ranges of a new stream's shards: `count` ranges of the same width that cover 0 to 2^128 - 1 without gaps. The
 * last takes what the division leaves over.
 */
export function evenRanges(count: number): HashKeyRange[] {
  const width = END / BigInt(count);
  return Array.from({ length: count }, (_, index) => {
    const start = BigInt(index) * width;
    const end = index === count - 1 ? END - 1n : start + width - 1n;
    return { starting: start.toString(), ending: end.toString() };
  });
}
