/** The records of the benchmark: JSON events of exactly so many bytes, the same in every run. */

export interface BenchRecord {
  readonly partitionKey: string;
  /** UTF-8 text of an event. */
  readonly data: Buffer;
}

const WORDS = ['order', 'basket', 'refund', 'warehouse', 'delivered', 'pending', 'customer', 'invoice', 'tracking'];

/** Partition keys are those of this many users, so that they spread over all shards. */
const USERS = 100_000;

/** `count` records of `bytes` bytes of data each; at least 256. */
export function makeRecords(count: number, bytes: number): BenchRecord[] {
  const random = createRandom(bytes);
  return Array.from({ length: count }, () => makeRecord(bytes, random));
}

function makeRecord(bytes: number, random: (below: number) => number): BenchRecord {
  const user = `user-${String(random(USERS)).padStart(6, '0')}`;
  const event = {
    type: 'order.placed',
    id: random(2 ** 32)
      .toString(16)
      .padStart(8, '0'),
    at: new Date(Date.UTC(2026, 0, 1) + random(86_400_000)).toISOString(),
    user,
    amount: random(100_000) / 100,
    note: '',
  };
  const room = bytes - Buffer.byteLength(JSON.stringify(event));
  while (event.note.length < room) event.note += `${WORDS[random(WORDS.length)]} `;
  event.note = event.note.slice(0, room);
  return { partitionKey: user, data: Buffer.from(JSON.stringify(event)) };
}

/** Whole numbers below a bound, always the same ones for a seed (xorshift32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
}
