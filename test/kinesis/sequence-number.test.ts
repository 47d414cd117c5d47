import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_INDEX, parseSequenceNumber, sequenceNumbersOf } from '../../src/kinesis/sequence-number.ts';

const createdS = fc.integer({ min: 0, max: 16_025_174_999 });
const shardIndex = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const position = fc.integer({ min: 1, max: 2 ** 40 });

describe('sequence numbers', () => {
  it('decode a number that AWS gave out in 2019', () => {
    expect(parseSequenceNumber('49594189147623985939251953501666965394405037144469929986')).toEqual({
      version: 2,
      createdS: Date.UTC(2019, 2, 26, 2, 51, 52) / 1000,
      shardIndex: 0,
      index: 195n,
      recordS: Date.UTC(2019, 2, 26, 2, 52, 15) / 1000,
    });
  });

  it('encode the same number', () => {
    const numbers = sequenceNumbersOf(Date.UTC(2019, 2, 26, 2, 51, 52) / 1000, 0);
    expect(numbers.of(195, Date.UTC(2019, 2, 26, 2, 52, 15) / 1000)).toBe(
      '49594189147623985939251953501666965394405037144469929986',
    );
  });

  it('of neighbouring shards differ by the distance seen on AWS', () => {
    const [first, second] = [0, 1].map((index) => BigInt(sequenceNumbersOf(1_700_000_000, index).starting));
    expect(second! - first!).toBe(22300745198530623141535718272648361505980432n);
  });

  it('have 56 digits today', () => {
    expect(sequenceNumbersOf(1_800_000_000, 7).of(1, 1_800_000_001)).toMatch(/^\d{56}$/);
  });

  it('survive encoding and parsing', () => {
    fc.assert(
      fc.property(createdS, shardIndex, position, createdS, (created, shard, index, recordS) => {
        expect(parseSequenceNumber(sequenceNumbersOf(created, shard).of(index, recordS))).toEqual({
          version: 2,
          createdS: created,
          shardIndex: shard,
          index: BigInt(index),
          recordS,
        });
      }),
    );
  });

  it('grow with the position, whatever the clock says, and with the creation of the stream before that', () => {
    fc.assert(
      fc.property(createdS, shardIndex, position, createdS, createdS, (created, shard, index, earlier, later) => {
        const numbers = sequenceNumbersOf(created, shard);
        const reCreated = sequenceNumbersOf(created + 1, shard);
        const inOrder = [
          numbers.starting,
          numbers.of(index, later),
          numbers.of(index + 1, earlier),
          numbers.ending(earlier),
          reCreated.starting,
        ].map(BigInt);
        expect(inOrder).toEqual([...inOrder].sort((a, b) => (a < b ? -1 : 1)));
        expect(new Set(inOrder).size).toBe(inOrder.length);
      }),
    );
  });

  it('tell the end of a closed shard', () => {
    expect(parseSequenceNumber(sequenceNumbersOf(1_700_000_000, 3).ending(1_700_000_100))?.index).toBe(MAX_INDEX);
  });

  it('of the oldest version are parsed, with what is missing added', () => {
    expect(parseSequenceNumber('0')).toEqual({ version: 0, createdS: 0, shardIndex: 0, index: 0n, recordS: 0 });
  });

  it.each([
    ['between the versions', (1n << 129n).toString()],
    ['at the lower end of version 2', (1n << 185n).toString()],
    ['above version 2', ((1n << 185n) + (1n << 184n)).toString()],
    ['of an unknown version', (BigInt(sequenceNumbersOf(1, 1).starting) + 1n).toString()],
    ['with an index above the maximum', (BigInt(sequenceNumbersOf(1, 1).starting) | (1n << 143n)).toString()],
    ['with a creation second beyond the limit', sequenceNumbersOf(16_025_175_000, 0).starting],
  ])('%s are refused', (_case, text) => {
    expect(parseSequenceNumber(text)).toBeUndefined();
  });

  it('with a shard field of the upper half name a negative shard', () => {
    const text = (BigInt(sequenceNumbersOf(1_700_000_000, 0).starting) | (0xffff_ffffn << 4n)).toString();
    expect(parseSequenceNumber(text)?.shardIndex).toBe(-1);
  });
});
