/** Type errors in AWS's words, and what is converted without an error. */
import { describe, expect, it } from 'vitest';
import { json } from '../../src/protocol/json.ts';
import { blob, boolean, integer, list, map, string, structure, timestamp } from '../../src/protocol/shape.ts';
import { askHttp1, awsHeaders } from '../support/http-client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const NUMBER = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to';
const BOOLEAN = 'class java.lang.Boolean can not be converted to';
const STRING = 'class java.lang.String can not be converted to';
const NO_LIST = 'Start of list found where not expected';
const NO_STRUCTURE = 'Start of structure or map found where not expected.';

/** Answers of a fresh server to `input`. */
async function answerTo(operation: string, input: object): ReturnType<TestServer['call']> {
  const { call } = await startTestServer();
  return call(operation, input);
}

describe('a member of the wrong type is answered with the Java classes of the service', () => {
  const put = (Data: unknown) => ({ StreamName: 'a', PartitionKey: 'a', Data });
  const iteratorAt = (Timestamp: unknown) => ({
    StreamName: 'a',
    ShardId: 'shardId-0',
    ShardIteratorType: 'AT_TIMESTAMP',
    Timestamp,
  });
  it.each<[string, string, object, string]>([
    ['Boolean: number', 'DeleteStream', { EnforceConsumerDeletion: 1 }, `${NUMBER} an Boolean`],
    [
      'Boolean: string',
      'DeleteStream',
      { EnforceConsumerDeletion: 'maybe' },
      "'MAYBE' can not be converted to an Boolean",
    ],
    ['Boolean: empty', 'DeleteStream', { EnforceConsumerDeletion: '' }, "'' can not be converted to an Boolean"],
    ['Boolean: list', 'DeleteStream', { EnforceConsumerDeletion: [] }, NO_LIST],
    ['Boolean: object', 'DeleteStream', { EnforceConsumerDeletion: {} }, NO_STRUCTURE],
    ['Integer: boolean', 'CreateStream', { ShardCount: true }, `${BOOLEAN} an Integer`],
    ['Integer: string', 'CreateStream', { ShardCount: '1' }, `${STRING} an Integer`],
    ['Integer: list', 'CreateStream', { ShardCount: [1] }, NO_LIST],
    ['Integer: object', 'CreateStream', { ShardCount: {} }, NO_STRUCTURE],
    ['String: boolean', 'CreateStream', { StreamName: false }, `${BOOLEAN} an String`],
    ['String: number', 'CreateStream', { StreamName: 0 }, `${NUMBER} an String`],
    ['String: list', 'CreateStream', { StreamName: ['a'] }, NO_LIST],
    ['String: object', 'CreateStream', { StreamName: { a: 1 } }, NO_STRUCTURE],
    ['Blob: boolean', 'PutRecord', put(true), `${BOOLEAN} a Blob`],
    ['Blob: number', 'PutRecord', put(1.5), `${NUMBER} a Blob`],
    ['Blob: list', 'PutRecord', put(['AAAA']), NO_LIST],
    ['Blob: object', 'PutRecord', put({}), NO_STRUCTURE],
    [
      'Blob: length',
      'PutRecord',
      put('AAA'),
      "'AAA' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 3",
    ],
    [
      'Blob: character',
      'PutRecord',
      put('AA!='),
      "'AA!=' can not be converted to a Blob: Invalid Base64 character: '!'",
    ],
    [
      'Blob: padding inside',
      'PutRecord',
      put('A=AA'),
      "'A=AA' can not be converted to a Blob: Invalid Base64 character: '='",
    ],
    [
      'Blob: stray bits',
      'PutRecord',
      put('AAB='),
      "'AAB=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
    ],
    ['Timestamp: boolean', 'GetShardIterator', iteratorAt(true), `${BOOLEAN} milliseconds since epoch`],
    ['Timestamp: string', 'GetShardIterator', iteratorAt('2026-01-02'), `${STRING} milliseconds since epoch`],
    ['Timestamp: list', 'GetShardIterator', iteratorAt([]), NO_LIST],
    ['Timestamp: object', 'GetShardIterator', iteratorAt({}), NO_STRUCTURE],
    ['List: string', 'PutRecords', { Records: 'a' }, 'Expected list or null'],
    ['List: number', 'PutRecords', { Records: 1 }, 'Expected list or null'],
    ['List: boolean', 'PutRecords', { Records: false }, 'Expected list or null'],
    ['List: object', 'PutRecords', { Records: {} }, NO_STRUCTURE],
    ['Map: string', 'CreateStream', { Tags: 'a' }, 'Expected map or null'],
    ['Map: number', 'CreateStream', { Tags: 1 }, 'Expected map or null'],
    ['Map: boolean', 'CreateStream', { Tags: true }, 'Expected map or null'],
    ['Map: list', 'CreateStream', { Tags: [] }, NO_LIST],
    ['value of a Map: number', 'CreateStream', { Tags: { a: 1 } }, `${NUMBER} an String`],
    ['value of a Map: object', 'CreateStream', { Tags: { a: {} } }, NO_STRUCTURE],
    ['Structure: string', 'CreateStream', { StreamModeDetails: 'ON_DEMAND' }, 'Expected null'],
    ['Structure: number', 'CreateStream', { StreamModeDetails: 1 }, 'Expected null'],
    ['Structure: boolean', 'CreateStream', { StreamModeDetails: true }, 'Expected null'],
    ['Structure: list', 'CreateStream', { StreamModeDetails: [] }, NO_LIST],
    ['member of a Structure', 'CreateStream', { StreamModeDetails: { StreamMode: 1 } }, `${NUMBER} an String`],
    ['element of a List: string', 'PutRecords', { Records: ['a'] }, 'Expected null'],
    ['element of a List: list', 'PutRecords', { Records: [[]] }, NO_LIST],
    ['member of an element', 'PutRecords', { Records: [put('AAAA'), put(true)] }, `${BOOLEAN} a Blob`],
  ])('%s', async (_title, operation, input, message) => {
    const { status, body } = await answerTo(operation, input);
    expect(body).toEqual({ __type: 'SerializationException', Message: message });
    expect(status).toBe(400);
  });
});

describe('the order of checks', () => {
  it('puts types before constraints, and names only the first wrong type', async () => {
    const { body } = await answerTo('CreateStream', { StreamName: '', ShardCount: 'a', Tags: 1 });
    expect(body).toEqual({ __type: 'SerializationException', Message: `${STRING} an Integer` });
  });

  it('puts types of the last element before constraints of the first', async () => {
    const { body } = await answerTo('PutRecords', { Records: [{}, { Data: 'A' }] });
    expect(body.__type).toBe('SerializationException');
  });

  it('puts constraints before the question whether the stream exists', async () => {
    const { body } = await answerTo('PutRecord', { StreamName: 'no such stream', PartitionKey: '', Data: '' });
    expect(body.__type).toBe('ValidationException');
  });
});

describe('a value that can be converted', () => {
  const shape = structure({
    Flag: boolean(),
    Count: integer(),
    At: timestamp(),
    Text: string(),
    Data: blob(),
    Keys: list(string()),
    Tags: map(string(), string()),
  });
  it.each<[string, object, object]>([
    ['true', { Flag: true }, { Flag: true }],
    ['false', { Flag: false }, { Flag: false }],
    ['the text "true"', { Flag: 'True' }, { Flag: true }],
    ['the text "1"', { Flag: '1' }, { Flag: true }],
    ['the text "yes"', { Flag: 'yes' }, { Flag: true }],
    ['the text "FALSE"', { Flag: 'FALSE' }, { Flag: false }],
    ['the text "0"', { Flag: '0' }, { Flag: false }],
    ['the text "no"', { Flag: 'no' }, { Flag: false }],
    ['a fraction, cut off', { Count: 1.999 }, { Count: 1 }],
    ['an exponent', { Count: 1e2 }, { Count: 100 }],
    ['the largest integer', { Count: 2_147_483_647 }, { Count: 2_147_483_647 }],
    ['a number above it, clamped', { Count: 2_147_483_648 }, { Count: 2_147_483_647 }],
    ['a number that is infinite in JavaScript, clamped', JSON.parse('{"Count":1e400}'), { Count: 2_147_483_647 }],
    ['a number below the smallest, clamped', { Count: -1e10 }, { Count: -2_147_483_648 }],
    ['seconds, to milliseconds', { At: 1_701_760_153 }, { At: 1_701_760_153_000 }],
    ['seconds with a fraction', { At: 1_701_760_153.593 }, { At: 1_701_760_153_593 }],
    ['seconds written with an exponent', JSON.parse('{"At":1.468346745E9}'), { At: 1_468_346_745_000 }],
    ['base64', { Data: '/+8=' }, { Data: Buffer.from([255, 239]) }],
    ['an empty text', { Text: '' }, { Text: '' }],
    ['an empty list', { Keys: [] }, { Keys: [] }],
    ['a null element', { Keys: ['a', null] }, { Keys: ['a', undefined] }],
    ['a map', { Tags: { a: '1' } }, { Tags: new Map([['a', '1']]) }],
    ['a null value of a map', { Tags: { a: null } }, { Tags: new Map([['a', undefined]]) }],
    ['null, like an absent member', { Text: null, Keys: null, Tags: null, At: null, Data: null }, {}],
    ['an unknown member, dropped', { Nobody: [{ knows: 'it' }], Text: 'a' }, { Text: 'a' }],
  ])('%s', (_title, given, input) => {
    const decoded = json.decode(shape, given);
    expect(decoded).toEqual(input);
    expect(Object.keys(decoded), 'no members beyond those that were given').toEqual(Object.keys(input));
  });

  it('is clamped before it is checked, and shown that way', async () => {
    const { body } = await answerTo('ListStreams', { Limit: 1e10 });
    expect(body.message).toBe(
      "1 validation error detected: Value '2147483647' at 'limit' failed to satisfy constraint: " +
        'Member must have value less than or equal to 10000',
    );
  });

  it('is cut off before it is checked, and shown that way', async () => {
    const { body } = await answerTo('ListStreams', { Limit: 0.9 });
    expect(body.message).toContain("Value '0' at 'limit' failed to satisfy constraint");
  });

  it('is absent when it is null: a required member is then missing', async () => {
    const { body } = await answerTo('CreateStream', { StreamName: null, ShardCount: 1 });
    expect(body.message).toBe(
      "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null",
    );
  });

  it('of a boolean as text reaches the operation', async () => {
    const server = await startTestServer();
    await server.createStream('a');
    const { status, text } = await server.call('DeleteStream', { StreamName: 'a', EnforceConsumerDeletion: 'yes' });
    expect(status, text).toBe(200);
  });
});

describe('names that mean something to JavaScript', () => {
  const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":null';
  const polluted = () => (({}) as { polluted?: number }).polluted;

  it('are unknown members like any other', async () => {
    const { url } = await startTestServer();
    const body = `${evil},"StreamName":"a","ShardCount":1,"StreamModeDetails":${evil},"StreamMode":"PROVISIONED"}}`;
    const { status, text } = await askHttp1(url, { headers: awsHeaders('CreateStream'), body });
    expect([status, text]).toEqual([200, '']);
    expect(polluted(), 'the prototype of all objects was changed').toBeUndefined();
  });

  it('do not provide members that are absent', async () => {
    const { url } = await startTestServer();
    const body = '{"__proto__":{"StreamName":"a","ShardCount":1}}';
    const { text } = await askHttp1(url, { headers: awsHeaders('CreateStream'), body });
    expect(text).toContain("Value null at 'streamName'");
  });

  it('are ordinary keys of maps', () => {
    const tags = JSON.parse('{"__proto__":"1","constructor":"2","hasOwnProperty":"3"}');
    const decoded = json.decode(map(string(), string()), tags);
    expect([...decoded]).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
      ['hasOwnProperty', '3'],
    ]);
    expect(polluted()).toBeUndefined();
  });
});
