/** Shard ids: `shardId-` and twelve digits. Pure. */

const INDEX_MAX = 2_147_483_647;

/** `shardId-000000000000`; negative indices, which only crafted sequence numbers have, print as AWS prints them. */
export function shardIdOf(index: number): string {
  return index < 0 ? `shardId--${String(-index).padStart(11, '0')}` : `shardId-${String(index).padStart(12, '0')}`;
}

/**
 * The index in a shard id, read as leniently as AWS reads it: the digits between the first hyphen and the next, or the
 * whole text. So `shard-0`, `-0` and `0` are all shard 0. Undefined when there is no such number.
 */
export function shardIndexOf(text: string): number | undefined {
  const digits = text.includes('-') ? text.split('-')[1]! : text;
  const index = /^\d{1,20}$/.test(digits) ? Number(digits) : Number.NaN;
  return index <= INDEX_MAX ? index : undefined;
}
