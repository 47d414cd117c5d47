/** How large an answer is about: room for ten megabytes is made once instead of by doubling what was too little. */
import type { WireStructure, WireValue } from './wire-value.ts';

/** More than most numbers and instants take. */
const SCALAR_BYTES = 16;

/** What surrounds a text, blob, list or member: quotes, commas, colons, lengths. */
const FRAME_BYTES = 5;

/** About the bytes of `value` when each blob of n bytes is written in `blobBytes(n)`. Texts count as if they were ASCII. */
export function roughBytes(value: WireValue, blobBytes: (bytes: number) => number): number {
  if (typeof value === 'string') return FRAME_BYTES + value.length;
  if (typeof value !== 'object' || value instanceof Date) return SCALAR_BYTES;
  if (Buffer.isBuffer(value)) return FRAME_BYTES + blobBytes(value.length);
  let bytes = FRAME_BYTES;
  if (Array.isArray(value)) {
    for (const item of value as readonly WireValue[]) bytes += roughBytes(item, blobBytes);
    return bytes;
  }
  const structure = value as WireStructure;
  for (const name in structure) bytes += FRAME_BYTES + name.length + roughBytes(structure[name], blobBytes);
  return bytes;
}
