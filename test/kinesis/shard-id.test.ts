import { expect, it } from 'vitest';
import { shardIdOf, shardIndexOf } from '../../src/kinesis/shard-id.ts';

it.each([
  ['shardId-000000000003', 3],
  ['shardId-3', 3],
  ['shard-3', 3],
  ['x-00002147483647', 2_147_483_647],
  ['-3', 3],
  ['123', 123],
  ['a-7-b', 7],
])('%s is read as shard %i', (text, index) => {
  expect(shardIndexOf(text)).toBe(index);
});

it.each(['shardId', 'shardId-', 'shardId-x', 'shardId-2147483648', 'shardId--1', ''])('%s is no shard id', (text) => {
  expect(shardIndexOf(text)).toBeUndefined();
});

it('ids print with twelve digits, negative ones as AWS prints them', () => {
  expect(shardIdOf(0)).toBe('shardId-000000000000');
  expect(shardIdOf(2_147_483_647)).toBe('shardId-002147483647');
  expect(shardIdOf(-1)).toBe('shardId--00000000001');
});
