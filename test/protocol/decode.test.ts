/** Type errors in AWS's words, and what is converted without an error. */
import { describe, expect, it } from 'vitest';
import { cbor } from '../../src/protocol/cbor.ts';
import { Instant } from '../../src/protocol/decode.ts';
import { ApiError } from '../../src/protocol/error.ts';
import { json } from '../../src/protocol/json.ts';
import {
  type AnyShape,
  blob,
  boolean,
  integer,
  list,
  map,
  number,
  string,
  structure,
  timestamp,
} from '../../src/protocol/shape.ts';
import { CBOR_TYPE, cborOf } from '../support/cbor.ts';
import { askHttp1, awsHeaders, type HttpQuestion } from '../support/http-client.ts';
import { startTestServer, type TestServer, type Wire } from '../support/server.ts';

const NUMBER = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to';
const BOOLEAN = 'class java.lang.Boolean can not be converted to';
const STRING = 'class java.lang.String can not be converted to';
const NO_LIST = 'Start of list found where not expected';
const NO_STRUCTURE = 'Start of structure or map found where not expected.';

/** Answers of a fresh server to `input`, which is JSON: CBOR has other forms of blobs and timestamps. */
async function answerTo(operation: string, input: object): ReturnType<TestServer['call']> {
  const { call } = await startTestServer();
  return call(operation, input, { wire: 'json' });
}

describe('a member of the wrong type is answered with the Java classes of the service', () => {
  const put = (Data: unknown) => ({ StreamName: 'a', PartitionKey: 'a', Data });
  const iteratorAt = (Timestamp: unknown) => ({
    StreamName: 'a',
    ShardId: 'shardId-0',
    ShardIteratorType: 'AT_TIMESTAMP',
    Timestamp,
  });
  const INPUTS: readonly (readonly [title: string, operation: string, input: object, message: string])[] = [
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
  ];

  it('in JSON', async () => {
    const { call } = await startTestServer();
    for (const [title, operation, input, message] of INPUTS) {
      const { status, body } = await call(operation, input, { wire: 'json' });
      expect.soft([status, body], title).toEqual([400, { __type: 'SerializationException', Message: message }]);
    }
  });

  it('in CBOR, where the same is wrong with everything but texts for blobs', async () => {
    const { call } = await startTestServer();
    for (const [title, operation, input, message] of INPUTS) {
      const { status, body } = await call(operation, input, { wire: 'cbor' });
      const expected = message.startsWith("'A") ? `${STRING} a Blob` : message;
      expect.soft([status, body], title).toEqual([400, { __type: 'SerializationException', Message: expected }]);
    }
  });
});

describe('what only CBOR can say', () => {
  const BYTES = 'class java.nio.HeapByteBuffer can not be converted to';
  const INSTANT = 'class java.util.Date can not be converted to';
  const bytes = Buffer.from([0, 255]);
  const instant = new Instant(1_701_760_153_593);

  /** The decoded value, or the message with which it is refused. */
  function outcomeOf(shape: AnyShape, value: unknown): unknown {
    try {
      return (cbor.decode(structure({ A: shape }), { A: value } as object) as { A?: unknown }).A;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      expect([error.code, error.status]).toEqual(['SerializationException', 400]);
      return error.message;
    }
  }

  it.each<[string, AnyShape, unknown]>([
    ['a String', string(), `${BYTES} an String`],
    ['a Boolean', boolean(), `${BYTES} an Boolean`],
    ['an Integer', integer(), `${BYTES} an Integer`],
    ['a Double', number(), `${BYTES} an Double`],
    ['a Timestamp', timestamp(), `${BYTES} milliseconds since epoch`],
    ['a List', list(string()), 'Expected list or null'],
    ['a Map', map(string(), string()), 'Expected map or null'],
    ['a Structure', structure({}), 'Expected null'],
    ['a Blob', blob(), bytes],
  ])('bytes as %s', (_title, shape, outcome) => {
    expect(outcomeOf(shape, bytes)).toEqual(outcome);
  });

  it.each<[string, AnyShape, unknown]>([
    ['a String', string(), `${INSTANT} an String`],
    ['a Boolean', boolean(), `${INSTANT} an Boolean`],
    ['an Integer', integer(), `${INSTANT} an Integer`],
    ['a Double', number(), `${INSTANT} an Double`],
    ['a Blob', blob(), `${INSTANT} a Blob`],
    ['a List', list(string()), 'Expected list or null'],
    ['a Map', map(string(), string()), 'Expected map or null'],
    ['a Structure', structure({}), 'Expected null'],
    ['a Timestamp', timestamp(), 1_701_760_153_593],
  ])('an instant as %s', (_title, shape, outcome) => {
    expect(outcomeOf(shape, instant)).toEqual(outcome);
  });

  it.each<[string, unknown, unknown]>([
    ['milliseconds with a tag', new Instant(1_701_760_153_593), 1_701_760_153_593],
    ['milliseconds without a tag', 1_701_760_153_593, 1_701_760_153_593],
    ['a fraction, rounded', new Instant(1_701_760_153_592.6), 1_701_760_153_593],
    ['the epoch', new Instant(0), 0],
    ['a point in time before 1970', new Instant(-1), -1],
    ['null', null, undefined],
    ['a tagged text', new Instant('2026-01-02'), `${INSTANT} milliseconds since epoch`],
    ['a tagged null', new Instant(null), `${INSTANT} milliseconds since epoch`],
    ['a tagged map', new Instant({}), `${INSTANT} milliseconds since epoch`],
    ['a tagged list', new Instant([1]), `${INSTANT} milliseconds since epoch`],
    ['a tag in a tag', new Instant(new Instant(1)), `${INSTANT} milliseconds since epoch`],
    ['a text', '2026-01-02', `${STRING} milliseconds since epoch`],
    ['a boolean', true, `${BOOLEAN} milliseconds since epoch`],
    ['a map', {}, NO_STRUCTURE],
    ['a list', [], NO_LIST],
  ])('a Timestamp from %s', (_title, value, outcome) => {
    expect(outcomeOf(timestamp(), value)).toBe(outcome);
  });

  it.each<[string, unknown, unknown]>([
    ['no bytes', Buffer.alloc(0), Buffer.alloc(0)],
    ['a text, also one of base64', 'AAAA', `${STRING} a Blob`],
    ['an empty text', '', `${STRING} a Blob`],
    ['a number', 5, `${NUMBER} a Blob`],
    ['a boolean', false, `${BOOLEAN} a Blob`],
    ['null', null, undefined],
  ])('a Blob from %s', (_title, value, outcome) => {
    expect(outcomeOf(blob(), value)).toEqual(outcome);
  });

  it.each<[string, number, number]>([
    ['a float', 1.999, 1],
    ['2^53', 2 ** 53, 2_147_483_647],
    ['2^64', 2 ** 64, 2_147_483_647],
    ['-2^64', -(2 ** 64), -2_147_483_648],
    ['infinity', Number.POSITIVE_INFINITY, 2_147_483_647],
    ['minus infinity', Number.NEGATIVE_INFINITY, -2_147_483_648],
  ])('an Integer from %s, as from JSON', (_title, value, expected) => {
    expect(outcomeOf(integer(), value)).toBe(expected);
  });

  it('inside of lists, maps and structures', () => {
    expect(outcomeOf(list(blob()), [bytes, null, bytes])).toEqual([bytes, undefined, bytes]);
    expect(outcomeOf(list(timestamp()), [instant, 1])).toEqual([1_701_760_153_593, 1]);
    expect(outcomeOf(list(string()), ['a', bytes])).toBe(`${BYTES} an String`);
    expect(outcomeOf(map(string(), string()), { a: instant })).toBe(`${INSTANT} an String`);
    expect(outcomeOf(structure({ B: structure({ C: blob() }) }), { B: { C: bytes } })).toEqual({ B: { C: bytes } });
    expect(outcomeOf(structure({ B: string() }), { B: bytes })).toBe(`${BYTES} an String`);
  });

  it('in members that nobody knows', () => {
    expect(cbor.decode(structure({ A: string() }), { A: 'a', B: bytes, C: instant })).toEqual({ A: 'a' });
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
    // These two have other forms in CBOR.
    const isJsonOnly = Object.entries(given).some(([name, value]) => ['At', 'Data'].includes(name) && value !== null);
    for (const codec of isJsonOnly ? [json] : [json, cbor]) {
      const decoded = codec.decode(shape, given);
      expect(decoded).toEqual(input);
      expect(Object.keys(decoded), 'no members beyond those that were given').toEqual(Object.keys(input));
    }
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

  const questionOf = (operation: string, body: string, wire: Wire): HttpQuestion =>
    wire === 'json'
      ? { headers: awsHeaders(operation), body }
      : {
          headers: { ...awsHeaders(operation), 'Content-Type': CBOR_TYPE },
          body: cborOf(`Kinesis_20131202.${operation}`, JSON.parse(body)),
        };

  it.each(['json', 'cbor'] as const)('are unknown members like any other, in %s', async (wire) => {
    const { url } = await startTestServer();
    const body = `${evil},"StreamName":"a","ShardCount":1,"StreamModeDetails":${evil},"StreamMode":"PROVISIONED"}}`;
    const { status, text } = await askHttp1(url, questionOf('CreateStream', body, wire));
    expect([status, text]).toEqual([200, '']);
    expect(polluted(), 'the prototype of all objects was changed').toBeUndefined();
  });

  it.each(['json', 'cbor'] as const)('do not provide members that are absent, in %s', async (wire) => {
    const { url } = await startTestServer();
    const body = '{"__proto__":{"StreamName":"a","ShardCount":1}}';
    const question = questionOf('CreateStream', body, wire);
    expect(question.body!.includes('__proto__'), 'the name is sent').toBe(true);
    expect((await askHttp1(url, question)).text).toContain("Value null at 'streamName'");
  });

  it('are ordinary keys of maps', () => {
    const tags = JSON.parse('{"__proto__":"1","constructor":"2","hasOwnProperty":"3"}');
    const body = cborOf('', tags);
    for (const decoded of [
      json.decode(map(string(), string()), tags),
      cbor.decode(map(string(), string()), cbor.parse(body)),
    ]) {
      expect([...decoded]).toEqual([
        ['__proto__', '1'],
        ['constructor', '2'],
        ['hasOwnProperty', '3'],
      ]);
    }
    expect(polluted()).toBeUndefined();
  });
});
