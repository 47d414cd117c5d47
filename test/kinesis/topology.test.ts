/** Shards at one instant, as far as it needs no server to see it. */
import { expect, it } from 'vitest';
import { newestSecond, oldestSecond } from '../../src/kinesis/topology.ts';

it('the creation seconds of more shards than a call takes arguments', () => {
  const shards = Array.from({ length: 150_000 }, (_, index) => ({ createdS: 1000 + index }));
  expect(() => Math.max(...shards.map(({ createdS }) => createdS)), 'that many').toThrow(RangeError);
  expect([oldestSecond(shards), newestSecond(shards)]).toEqual([1000, 150_999]);
});
