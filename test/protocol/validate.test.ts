/** Constraint errors: AWS's texts, paths, order and number. */
import { describe, expect, it } from 'vitest';
import { kinesis } from '../../src/kinesis/index.ts';
import {
  blob,
  integer,
  list,
  map,
  oneOf,
  required,
  type StructureShape,
  string,
  structure,
} from '../../src/protocol/shape.ts';
import { quotasOf } from '../../src/quotas.ts';
import { startTestServer } from '../support/server.ts';
import { validationOf } from '../support/validation.ts';

const one = (item: string) => `1 validation error detected: ${item}`;
const at = (value: string, path: string, constraint: string) =>
  `Value ${value}at '${path}' failed to satisfy constraint: ${constraint}`;

const PATTERN = 'Member must satisfy regular expression pattern: ';

describe('the text of one failed constraint', () => {
  const name = string({ min: 2, max: 4, pattern: '[a-z]+' });
  const shape = structure({
    Name: name,
    Count: integer({ min: 1, max: 10 }),
    Mode: oneOf('SECOND', 'FIRST'),
    Payload: blob({ min: 1, max: 3 }),
    Keys: list(string({ min: 1, max: 2 }), { min: 1, max: 3 }),
    Rows: list(structure({ Name: required(name) }), { min: 1, max: 2 }),
    Tags: map(string({ min: 1, max: 2 }), string({ min: 0, max: 3 }), { min: 1, max: 2 }),
    Codes: list(oneOf('A', 'B')),
    Words: list(string({ pattern: '[a-z]+' })),
  });
  const inside = (max: number, min: number) =>
    `[Member must have length less than or equal to ${max}, Member must have length greater than or equal to ${min}]`;
  const rows = (count: number) => Array.from({ length: count }, () => ({ Name: 'abc' }));

  it.each<[string, object, string]>([
    ['number below', { Count: 0 }, at("'0' ", 'count', 'Member must have value greater than or equal to 1')],
    ['number above', { Count: 11 }, at("'11' ", 'count', 'Member must have value less than or equal to 10')],
    ['string too short', { Name: 'a' }, at("'a' ", 'name', 'Member must have length greater than or equal to 2')],
    ['string too long', { Name: 'abcde' }, at("'abcde' ", 'name', 'Member must have length less than or equal to 4')],
    ['pattern', { Name: 'a!c' }, at("'a!c' ", 'name', 'Member must satisfy regular expression pattern: [a-z]+')],
    [
      'pattern that only a part of the value satisfies',
      { Name: 'ab\n' },
      at("'ab\n' ", 'name', 'Member must satisfy regular expression pattern: [a-z]+'),
    ],
    [
      'enum, in the declared order',
      { Mode: 'THIRD' },
      at("'THIRD' ", 'mode', 'Member must satisfy enum value set: [SECOND, FIRST]'),
    ],
    [
      'blob too short, without its value',
      { Payload: Buffer.alloc(0) },
      at('', 'payload', 'Member must have length greater than or equal to 1'),
    ],
    [
      'blob too long, without its value',
      { Payload: Buffer.alloc(4) },
      at('', 'payload', 'Member must have length less than or equal to 3'),
    ],
    ['list too short', { Keys: [] }, at("'[]' ", 'keys', 'Member must have length greater than or equal to 1')],
    [
      'list too long',
      { Keys: ['a', 'b', 'c', 'd'] },
      at("'[a, b, c, d]' ", 'keys', 'Member must have length less than or equal to 3'),
    ],
    [
      'list of structures too long, without its value',
      { Rows: rows(3) },
      at('', 'rows', 'Member must have length less than or equal to 2'),
    ],
    [
      'element of a list of strings too long',
      { Keys: ['a', 'bcd'] },
      at("'[a, bcd]' ", 'keys', `Member must satisfy constraint: ${inside(2, 1)}`),
    ],
    [
      'element of a list of strings too short',
      { Keys: ['a', ''] },
      at("'[a, ]' ", 'keys', `Member must satisfy constraint: ${inside(2, 1)}`),
    ],
    [
      'element outside of an enum',
      { Codes: ['A', 'C'] },
      at("'[A, C]' ", 'codes', 'Member must satisfy constraint: [Member must satisfy enum value set: [A, B]]'),
    ],
    [
      'element against a pattern',
      { Words: ['a', 'B'] },
      at(
        "'[a, B]' ",
        'words',
        'Member must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+]',
      ),
    ],
    ['null element', { Keys: ['a', undefined] }, at('null ', 'keys.2.member', 'Member must not be null')],
    ['missing member of an element', { Rows: [{}] }, at('null ', 'rows.1.member.name', 'Member must not be null')],
    [
      'bad member of the second element',
      { Rows: [{ Name: 'abc' }, { Name: 'a' }] },
      at("'a' ", 'rows.2.member.name', 'Member must have length greater than or equal to 2'),
    ],
    ['map too small', { Tags: new Map() }, at("'{}' ", 'tags', 'Member must have length greater than or equal to 1')],
    [
      'map too large',
      { Tags: new Map(Object.entries({ a: '1', b: '2', c: '3' })) },
      at("'{a=1, b=2, c=3}' ", 'tags', 'Member must have length less than or equal to 2'),
    ],
    [
      'map key',
      { Tags: new Map([['abc', '1']]) },
      at("'{abc=1}' ", 'tags', `Map keys must satisfy constraint: ${inside(2, 1)}`),
    ],
    [
      'map value',
      { Tags: new Map([['a', '1234']]) },
      at("'{a=1234}' ", 'tags', `Map value must satisfy constraint: ${inside(3, 0)}`),
    ],
    ['null map value', { Tags: new Map([['a', undefined]]) }, at('null ', 'tags.a.member', 'Member must not be null')],
  ])('%s', (_title, input, item) => {
    expect(validationOf(shape, input)).toBe(one(item));
  });

  it('is cut where it would repeat a very long value, so that an answer stays small', () => {
    const message = validationOf(shape, { Name: 'a'.repeat(100_000) });
    expect(message).toMatch(/^1 validation error detected: Value 'a{4096}…' at 'name' failed/);
    expect(validationOf(shape, { Keys: Array.from({ length: 50_000 }, () => 'a') }).length).toBeLessThan(5000);
  });

  it('is cut where it would repeat a very long map key as a path', () => {
    const message = validationOf(shape, { Tags: new Map([['k'.repeat(100_000), undefined]]) });
    expect(message.length, 'a 100,000 character key came back in the message').toBeLessThan(20_000);
  });

  it.each([
    ['no digits', 'x'.repeat(100_000)],
    ['digits', '9'.repeat(100_000)],
  ])('is not passed over because the value is long: a hash key of 100,000 %s', async (_title, ExplicitHashKey) => {
    const { call } = await startTestServer();
    const { status, body } = await call('PutRecord', { StreamName: 'a', PartitionKey: 'k', Data: '', ExplicitHashKey });
    expect([status, body.__type]).toEqual([400, 'ValidationException']);
    expect(body.message).toContain(`at 'explicitHashKey' failed to satisfy constraint: ${PATTERN}0|([1-9]\\d{0,38})`);
  });

  it('counts characters as Java does, in UTF-16 units', () => {
    const tooLong = 'Member must have length less than or equal to 2';
    expect(validationOf(structure({ Key: string({ max: 2 }) }), { Key: '😀a' })).toContain(tooLong);
    expect(validationOf(structure({ Key: string({ max: 2 }) }), { Key: 'éé' })).toBe('accepted');
  });
});

/** The order of kinesalite, for AWS's own is not stable. Operations that do not exist yet are left out. */
const MEMBER_ORDERS: readonly (readonly [string, readonly string[]])[] = (
  [
    ['CreateStream', ['shardCount', 'streamName']],
    ['DeleteStream', ['streamName']],
    ['DescribeStreamSummary', ['streamName']],
    ['DescribeStream', ['limit', 'exclusiveStartShardId', 'streamName']],
    ['GetRecords', ['limit', 'shardIterator']],
    ['GetShardIterator', ['shardId', 'shardIteratorType', 'startingSequenceNumber', 'streamName', 'timestamp']],
    ['ListStreams', ['limit', 'exclusiveStartStreamName']],
    ['PutRecord', ['sequenceNumberForOrdering', 'partitionKey', 'explicitHashKey', 'data', 'streamName']],
    ['PutRecords', ['records', 'streamName']],
    ['AddTagsToStream', ['tags', 'streamName']],
    ['ListShards', ['exclusiveStartShardId', 'maxResults', 'nextToken', 'streamCreationTimestamp', 'streamName']],
    ['ListTagsForStream', ['limit', 'exclusiveStartTagKey', 'streamName']],
    ['MergeShards', ['shardToMerge', 'adjacentShardToMerge', 'streamName']],
    ['RemoveTagsFromStream', ['tagKeys', 'streamName']],
    ['SplitShard', ['newStartingHashKey', 'streamName', 'shardToSplit']],
    ['IncreaseStreamRetentionPeriod', ['retentionPeriodHours', 'streamName']],
    ['DecreaseStreamRetentionPeriod', ['retentionPeriodHours', 'streamName']],
    ['UpdateShardCount', ['scalingType', 'streamName', 'targetShardCount']],
  ] as const
).filter(([operation]) => kinesis.operations.has(operation));

describe('several failed constraints', () => {
  /** Records with two flaws each. */
  const flawed = (count: number) => Array.from({ length: count }, () => ({ PartitionKey: '' }));

  it('come in one message, counted, in the order of the declared members', async () => {
    const { call } = await startTestServer();
    const { body } = await call('CreateStream', { StreamName: '', ShardCount: 0 });
    expect(body).toEqual({
      __type: 'ValidationException',
      message:
        '3 validation errors detected: ' +
        "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1; " +
        "Value '' at 'streamName' failed to satisfy constraint: " +
        'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; ' +
        "Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1",
    });
  });

  it('are at most ten, and the count is that of the listed ones', async () => {
    const { call } = await startTestServer();
    const { body } = await call('PutRecords', { StreamName: 'a', Records: flawed(11) });
    expect(body.message.startsWith('10 validation errors detected: ')).toBe(true);
    expect(body.message.split('; ')).toHaveLength(10);
    expect(body.message).toContain("Value null at 'records.5.member.data'");
    expect(body.message).not.toContain('records.6.');
  });

  it('are exactly as many as there are when there are ten', async () => {
    const { call } = await startTestServer();
    const { body } = await call('PutRecords', { StreamName: 'a', Records: flawed(5) });
    expect(body.message.startsWith('10 validation errors detected: ')).toBe(true);
  });

  it('of one map are at most ten too', () => {
    const shape = structure({ Tags: map(string(), string()) });
    const message = validationOf(shape, { Tags: new Map(Array.from({ length: 30 }, (_, n) => [`k${n}`, undefined])) });
    expect(message).toMatch(/^10 validation errors detected: /);
    expect(message.split('; ')).toHaveLength(10);
  });

  it.each(MEMBER_ORDERS)('of %s stand in the order of kinesalite', (operation, order) => {
    const { members } = kinesis.operations.get(operation)!.input as StructureShape;
    expect(members.map(({ pathName }) => pathName).filter((name) => order.includes(name))).toEqual(order);
  });

  it('of an entry of PutRecords stand in the order of kinesalite', () => {
    const shape = kinesis.operations.get('PutRecords')!.input as StructureShape;
    const { shape: records } = shape.members.find(({ name }) => name === 'Records')!;
    const entry = (records as { member: StructureShape }).member;
    expect(entry.members.map(({ pathName }) => pathName)).toEqual(['partitionKey', 'explicitHashKey', 'data']);
  });
});

describe('a limit that only QUOTAS=documented sets', () => {
  const shape = kinesis.operations.get('PutRecord')!.input;
  const put = (bytes: number) => ({ StreamName: 'a', PartitionKey: 'a', Data: Buffer.alloc(bytes) });
  const documented = quotasOf('documented');

  it('names the setting when AWS would allow the value today', () => {
    expect(validationOf(shape, put(51_201), documented)).toBe(
      one(
        at(
          '',
          'data',
          'Member must have length less than or equal to 51200 (quota recordBytesCeiling of QUOTAS=documented)',
        ),
      ),
    );
    expect(validationOf(shape, put(51_200), documented)).toBe('accepted');
  });

  it('does not name it when AWS would refuse the value too', () => {
    expect(validationOf(shape, put(10_485_761), documented)).toBe(
      one(at('', 'data', 'Member must have length less than or equal to 51200')),
    );
  });

  it('is not in force in the other profiles', () => {
    expect(validationOf(shape, put(51_201))).toBe('accepted');
    expect(validationOf(shape, put(51_201), quotasOf('current'))).toBe('accepted');
  });
});
