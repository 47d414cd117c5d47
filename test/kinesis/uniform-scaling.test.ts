/** The lineage by which shards become equal ones: what was seen on AWS, and what holds for any shards. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evenRanges } from '../../src/kinesis/hash-key.ts';
import { type Piece, planUniformScaling, type ScalingPlan } from '../../src/kinesis/uniform-scaling.ts';

const END = 1n << 128n;
const CLOSED_S = 1000;
const closingSecondOf = ({ createdS }: Piece) => Math.max(createdS, CLOSED_S);

/** Open shards that begin at 0 and at the keys `starts`. */
const shardsFrom = (starts: readonly bigint[]): Piece[] =>
  [0n, ...starts].map((starting, index) => ({
    index,
    starting,
    ending: (starts[index] ?? END) - 1n,
    createdS: 500,
  }));
const even = (count: number) =>
  shardsFrom(
    evenRanges(count)
      .slice(1)
      .map(({ starting }) => BigInt(starting)),
  );

const plan = (open: readonly Piece[], target: number) =>
  planUniformScaling(open, target, { firstIndex: open.length, closingSecondOf });

/** What is open after it, by hash key. */
const openAfter = (open: readonly Piece[], { created, closed }: ScalingPlan): Piece[] =>
  [...open, ...created].filter(({ index }) => !closed.has(index)).sort((a, b) => (a.starting < b.starting ? -1 : 1));

describe('the lineage', () => {
  it.each([
    [2, 4, 6, [2, 3, 4, 5], 4],
    [4, 2, 6, [4, 5], 4],
    [4, 5, 15, [4, 8, 11, 14, 13], 6],
    [4, 3, 11, [6, 9, 10], 5],
    [3, 6, 9, [3, 4, 5, 6, 7, 8], 6],
    [6, 3, 9, [6, 7, 8], 6],
    [1, 1, 1, [0], 1],
    [5, 1, 9, [8], 5],
  ])('from %i to %i shards has %i in all', (from, to, total, openIndices, peak) => {
    const open = even(from);
    const planned = plan(open, to);
    expect(from + planned.created.length).toBe(total);
    expect(openAfter(open, planned).map(({ index }) => index)).toEqual(openIndices);
    expect(planned.peak, 'open at once, at most').toBe(peak);
  });

  it('does without slivers where boundaries differ by rounding only', () => {
    for (const count of [3, 7, 1000, 4999]) {
      expect(plan(even(count), 2 * count).created, `${count} doubled`).toHaveLength(2 * count);
      expect(plan(even(2 * count), count).created, `${2 * count} halved`).toHaveLength(count);
    }
  });

  it('leaves a shard alone that has its range already', () => {
    const [first, second] = even(2) as [Piece, Piece];
    const halves = plan([second], 1);
    expect(halves.created).toEqual([]);
    const split = shardsFrom([1n << 126n, 1n << 127n]);
    const planned = plan(split, 2);
    expect(planned.closed).toEqual(new Set([0, 1]));
    expect(openAfter(split, planned)).toEqual([
      { ...first, index: 3, parent: 0, adjacentParent: 1, createdS: CLOSED_S + 1 },
      { ...second, index: 2 },
    ]);
  });

  it('has few generations however uneven the shards are', () => {
    const tiny = shardsFrom(Array.from({ length: 4999 }, (_, index) => BigInt(index + 1) * 5n));
    const { created } = plan(tiny, 10_000);
    expect(Math.max(...created.map(({ createdS }) => createdS))).toBeLessThan(CLOSED_S + 30);
  });

  const uneven = fc
    .tuple(fc.uniqueArray(fc.bigInt({ min: 1n, max: END - 1n }), { maxLength: 40 }), fc.integer({ min: 0, max: 3 }))
    // Some of them very close to each other.
    .map(([keys, near]) => [
      ...new Set(keys.flatMap((key, at) => (at < near && key + 2n < END ? [key, key + 2n] : [key]))),
    ])
    .map((keys) => shardsFrom(keys.sort((a, b) => (a < b ? -1 : 1))));

  it('is made of splits in two and merges of two, ends in equal ranges and covers every key', () => {
    fc.assert(
      fc.property(uneven, fc.integer({ min: 1, max: 60 }), (open, target) => {
        const planned = plan(open, target);
        const byIndex = new Map([...open, ...planned.created].map((shard) => [shard.index, shard]));
        const childrenOf = new Map<number, Piece[]>();
        for (const [offset, child] of planned.created.entries()) {
          expect(child.index).toBe(open.length + offset);
          const parents = [child.parent, child.adjacentParent].filter((index) => index !== null);
          for (const index of parents) {
            expect(index, 'parents are made before').toBeLessThan(child.index);
            expect(child.createdS).toBeGreaterThan(closingSecondOf(byIndex.get(index)!));
            childrenOf.set(index, [...(childrenOf.get(index) ?? []), child]);
          }
          const [lower, upper] = parents.map((index) => byIndex.get(index)!);
          if (upper === undefined) continue;
          expect([child.starting, child.ending]).toEqual([lower!.starting, upper.ending]);
          expect(lower!.ending + 1n).toBe(upper.starting);
        }
        expect(new Set(childrenOf.keys())).toEqual(planned.closed);
        for (const [index, children] of childrenOf) {
          if (children.length === 1) continue;
          const [lower, upper, ...more] = children;
          expect(more).toEqual([]);
          const { starting, ending } = byIndex.get(index)!;
          expect([lower!.starting, lower!.ending + 1n, upper!.ending]).toEqual([starting, upper!.starting, ending]);
        }
        const after = openAfter(open, planned);
        const ranges = evenRanges(target);
        expect(after).toHaveLength(target);
        let next = 0n;
        for (const [at, { starting, ending }] of after.entries()) {
          expect(starting).toBe(next);
          next = ending + 1n;
          const off = ending - BigInt(ranges[at]!.ending);
          expect(off <= 1n << 17n && off >= -(1n << 17n), `range ${at} of ${target}`).toBe(true);
        }
        expect(next).toBe(END);
      }),
      { numRuns: 200 },
    );
  });
});
