/** Chance from a seed: the same seed makes the same decisions. */

export interface Random {
  /** A number from 0 up to, but not including, 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  pick<T>(items: readonly T[]): T;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** `count` bytes. */
  bytes(count: number): Buffer;
  /** Another source, whose decisions follow from this seed and `name` alone. */
  fork(name: string): Random;
}

/** The generator sfc32, seeded with a number and the characters of a name. */
export function createRandom(seed: number, name = ''): Random {
  let [a, b, c, d] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9, 1];
  const draw = (): number => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (const character of name) {
    c = (c ^ character.codePointAt(0)!) | 0;
    draw();
  }
  // The first numbers still show the seed.
  for (let index = 0; index < 12; index += 1) draw();
  const next = () => draw() / 2 ** 32;
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick: (items) => items[integer(0, items.length - 1)]!,
    chance: (probability) => next() < probability,
    bytes(count) {
      const bytes = Buffer.allocUnsafe(count);
      for (let index = 0; index < count; index += 1) bytes[index] = draw() & 0xff;
      return bytes;
    },
    fork: (fork) => createRandom(seed, `${name}/${fork}`),
  };
}
