/**
 * Sequence numbers in AWS's layout (version 2): an integer of 186 bits, 47 hexadecimal digits, printed in decimal.
 *
 *     digits  0     constant 2
 *             1-9   creation second of the shard
 *            10     lowest digit of the shard index
 *            11-26  sequence index: here the record's position in its shard
 *            27-28  zero
 *            29-37  second in which the record arrived
 *            38-45  shard index
 *            46     version, 2
 *
 * The index stands left of the time, so numbers grow with the position whatever the clock does; and the creation second
 * stands left of both, so a new stream's numbers are above those of a former stream of the same name. Pure.
 *
 * The layout, and those of the older versions that AWS still accepts, were decoded from real numbers of 2015-2023.
 */

/** The sequence index of a closed shard's EndingSequenceNumber: above every record's. */
export const MAX_INDEX = 0x7fff_ffff_ffff_ffffn;

/** Creation seconds from here on are not valid (version 0 and 2). */
const CREATED_S_LIMIT = 16_025_175_000;

export interface SequenceNumber {
  readonly version: 0 | 1 | 2;
  /** Creation second of the shard. */
  readonly createdS: number;
  /** Negative in numbers that no service hands out but AWS parses. */
  readonly shardIndex: number;
  /** The sequence index; 0 in the shard's StartingSequenceNumber. Always 0n for the old versions. */
  readonly index: bigint;
  /** Second of the record's arrival; the creation second in version 0, which has none. */
  readonly recordS: number;
}

/** Composes version 2 numbers of one shard: most of the digits are the same for all its records. */
export function sequenceNumbersOf(createdS: number, shardIndex: number) {
  const head = (((2n << 36n) | BigInt(createdS)) << 4n) | BigInt(shardIndex & 15);
  const base = head << 144n;
  const tail = (BigInt(shardIndex) << 4n) | 2n;
  const compose = (index: number | bigint, recordS: number) =>
    (base | (BigInt(index) << 80n) | (BigInt(recordS) << 36n) | tail).toString();
  return {
    /** The shard's StartingSequenceNumber: below every record's number. */
    starting: compose(0, createdS),
    /** The number of the record at `position` that arrived in the second `recordS`. */
    of: compose,
    /** The EndingSequenceNumber of the shard, when it closed in the second `closedS`. */
    ending: (closedS: number) => compose(MAX_INDEX, closedS),
  };
}

const V0_TOP = 1n << 124n;
const V0_END = 1n << 129n;
const V2_START = 1n << 185n;
const V2_END = V2_START + (V2_START >> 1n);

/** Takes a number apart; undefined when AWS would not accept it as one. `text` is a decimal integer. */
export function parseSequenceNumber(text: string): SequenceNumber | undefined {
  let value = BigInt(text);
  if (value < V0_TOP) value += V0_TOP;
  const hex = value.toString(16);
  const field = (start: number, end: number) => Number.parseInt(hex.slice(start, end), 16);
  const createdS = field(1, 10);
  if (value < V0_END) {
    if (createdS >= CREATED_S_LIMIT) return undefined;
    return { version: 0, createdS, shardIndex: signed(field(28, 32), 16), index: 0n, recordS: createdS };
  }
  if (value <= V2_START || value >= V2_END) return undefined;
  if (hex.endsWith('1')) {
    return { version: 1, createdS, shardIndex: signed(field(38, 46), 32), index: 0n, recordS: field(13, 22) };
  }
  const index = BigInt(`0x${hex.slice(11, 27)}`);
  if (!hex.endsWith('2') || createdS >= CREATED_S_LIMIT || index > MAX_INDEX) return undefined;
  return { version: 2, createdS, shardIndex: signed(field(38, 46), 32), index, recordS: field(29, 38) };
}

/** The field read as a two's complement number of `bits` bits. */
const signed = (value: number, bits: number) => (value >= 2 ** (bits - 1) ? value - 2 ** bits : value);
