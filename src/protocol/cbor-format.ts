/** The numbers of RFC 8949 that reading and writing share. The first byte of an item is its type and an argument. */

/** Upper three bits of the first byte. */
export const TYPE = {
  unsigned: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  list: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;

/** Lower five bits: a value up to 23, or how many bytes of argument follow. */
export const ARGUMENT = { uint8: 24, uint16: 25, uint32: 26, uint64: 27, indefinite: 31 } as const;

/** What the lower five bits of type `simple` mean. */
export const SIMPLE = { false: 20, true: 21, null: 22, undefined: 23, float16: 25, float32: 26, float64: 27 } as const;

/** Ends an item of indefinite length. */
export const BREAK = 0xff;

/** The tag of points in time. */
export const TAG_INSTANT = 1;
