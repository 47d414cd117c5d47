import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { evenRanges, hexOfDecimal, hexOfPartitionKey } from '../../src/kinesis/hash-key.ts';

const MAX = (1n << 128n) - 1n;

it('three shards end where AWS ends them', () => {
  expect(evenRanges(3)).toEqual([
    { starting: '0', ending: '113427455640312821154458202477256070484' },
    { starting: '113427455640312821154458202477256070485', ending: '226854911280625642308916404954512140969' },
    { starting: '226854911280625642308916404954512140970', ending: MAX.toString() },
  ]);
});

it('the ranges of any number of shards cover all keys once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (count) => {
      const ranges = evenRanges(count);
      expect(ranges).toHaveLength(count);
      let next = 0n;
      for (const { starting, ending } of ranges) {
        expect(BigInt(starting)).toBe(next);
        next = BigInt(ending) + 1n;
      }
      expect(next).toBe(MAX + 1n);
    }),
  );
});

it('a partition key hashes to the MD5 of its UTF-8 bytes', () => {
  expect(hexOfPartitionKey('é€😀')).toBe(createHash('md5').update('é€😀', 'utf8').digest('hex'));
});

it('a decimal key has the same order as hex, and 2^128 is none', () => {
  expect(hexOfDecimal('0')).toBe('0'.repeat(32));
  expect(hexOfDecimal(MAX.toString())).toBe('f'.repeat(32));
  expect(hexOfDecimal((MAX + 1n).toString())).toBeUndefined();
  fc.assert(
    fc.property(fc.bigInt(0n, MAX), fc.bigInt(0n, MAX), (a, b) => {
      expect(hexOfDecimal(a.toString())! < hexOfDecimal(b.toString())!).toBe(a < b);
    }),
  );
});
