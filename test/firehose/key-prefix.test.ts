/** Prefixes of objects: what is refused, with which text, and which keys they make. */
import { describe, expect, it } from 'vitest';
import { assertPrefixes, objectKey } from '../../src/firehose/key-prefix.ts';
import { ApiError } from '../../src/protocol/error.ts';

const NOW = Date.UTC(2026, 10, 21, 14, 5, 31, 999);
const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';

function refusalOf(prefixes: Partial<Record<'Prefix' | 'ErrorOutputPrefix' | 'CustomTimeZone', string>>): string {
  const none = { Prefix: undefined, ErrorOutputPrefix: undefined, CustomTimeZone: undefined };
  try {
    assertPrefixes({ ...none, ...prefixes }, NOW);
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).code).toBe('InvalidArgumentException');
    return (error as ApiError).message;
  }
}

const THS = 'Ths supplied prefix(es) do not satisfy the following constraint: ';
const ERRORS = 'e/!{firehose:error-output-type}/';

describe('prefixes are refused:', () => {
  it.each([
    [
      { Prefix: '!{timestamp:yyyy}' },
      `${THS}ErrorOutputPrefix cannot be null or empty when Prefix contains expressions`,
    ],
    [
      { Prefix: '!{firehose:random-string}', ErrorOutputPrefix: '' },
      `${THS}ErrorOutputPrefix cannot be null or empty when Prefix contains expressions`,
    ],
    [
      { ErrorOutputPrefix: 'e/!{timestamp:yyyy}/' },
      `${THS}ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}`,
    ],
    [
      { Prefix: ERRORS, ErrorOutputPrefix: ERRORS },
      `${THS}Prefix must not contain any occurrence of !{firehose:error-output-type}`,
    ],
    [{ Prefix: 'a!{', ErrorOutputPrefix: ERRORS }, `${THS}Invalid expression usage`],
    [{ Prefix: 'a!{timestamp}', ErrorOutputPrefix: ERRORS }, `${THS}Invalid expression usage`],
    [{ Prefix: '!{a!{timestamp:yyyy}}', ErrorOutputPrefix: ERRORS }, `${THS}Invalid expression usage`],
    [
      { Prefix: '!{time:yyyy}', ErrorOutputPrefix: ERRORS },
      `${THS}Namespace to the left of colon (time) is an invalid keyword!`,
    ],
    [
      { Prefix: '!{timestamp:yyyy-R}', ErrorOutputPrefix: ERRORS },
      `${THS}Invalid conversion character used in the value of the expression in Prefix`,
    ],
    [
      { ErrorOutputPrefix: '!{firehose:random}' },
      `${THS}Invalid conversion character used in the value of the expression in ErrorOutputPrefix`,
    ],
    [
      { ErrorOutputPrefix: '!{partitionKeyFromQuery:k}' },
      "Dynamic Partitioning Namespaces can't be part of an error prefix expression",
    ],
    [
      { Prefix: '!{partitionKeyFromLambda:k}', ErrorOutputPrefix: ERRORS },
      'Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.',
    ],
    [{ Prefix: 'x'.repeat(513) }, `${THS}Length of evaluated prefix cannot be greater than 512`],
    [
      { CustomTimeZone: 'Asia/Kolkata' },
      'Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter IANA time zones.',
    ],
    [
      { CustomTimeZone: 'EST' },
      'Provided custom time zone is not supported. Custom time zones are limited to UTC and non-3-letter IANA time zones.',
    ],
  ])('%o', (prefixes, message) => {
    expect(refusalOf(prefixes)).toBe(message);
  });

  it.each('CIJPRTUVbfijloprt'.split(''))('a lone %s in a timestamp', (letter) => {
    expect(refusalOf({ Prefix: `!{timestamp:${letter}}`, ErrorOutputPrefix: ERRORS })).toContain(
      'Invalid conversion character',
    );
  });
});

it.each([
  {},
  { Prefix: '', ErrorOutputPrefix: '' },
  { Prefix: 'x'.repeat(512) },
  { Prefix: 'logs/', CustomTimeZone: 'UTC' },
  { CustomTimeZone: 'Asia/Calcutta' },
  { CustomTimeZone: 'Europe/Kiev' },
  { Prefix: "y=!{timestamp:yyyy}/!{timestamp:'day='DDD}/!{firehose:random-string}/", ErrorOutputPrefix: ERRORS },
  { Prefix: 'a}b:c!d', ErrorOutputPrefix: 'literal' },
])('prefixes are taken: %o', (prefixes) => {
  expect(refusalOf(prefixes)).toBe('accepted');
});

const keyOf = (prefix: string | undefined, more: object = {}) => {
  let drawn = 0;
  return objectKey({
    prefix,
    timeZone: undefined,
    name: 'orders',
    version: 3,
    oldestArrivedMs: NOW,
    uuid: UUID,
    extension: '.gz',
    randomUuid: () => `${++drawn}23e4567-e89b-42d3-a456-426614174000`,
    ...more,
  });
};

describe('the key of an object', () => {
  const name = `orders-3-2026-11-21-14-05-31-${UUID}.gz`;

  it.each([
    [undefined, `2026/11/21/14/${name}`],
    ['', `2026/11/21/14/${name}`],
    ['logs/', `logs/2026/11/21/14/${name}`],
    // No slash is invented.
    ['logs', `logs2026/11/21/14/${name}`],
    ['/a//', `/a//2026/11/21/14/${name}`],
    ['y=!{timestamp:yyyy}/m=!{timestamp:MM}/', `y=2026/m=11/${name}`],
    ['!{timestamp:yyyy}', `2026${name}`],
    ['!{firehose:random-string}/!{firehose:random-string}/', `123e4567-e8/223e4567-e8/2026/11/21/14/${name}`],
    ['!{firehose:random-string}/!{timestamp:HH}/', `123e4567-e8/14/${name}`],
  ])('with the prefix %s', (prefix, expected) => {
    expect(keyOf(prefix)).toBe(expected);
  });

  it('has all its dates in the time zone of the delivery stream', () => {
    const key = keyOf('!{timestamp:dd-HH-VV}/', { timeZone: 'Australia/Lord_Howe', extension: '' });
    expect(key).toBe(`22-01-Australia/Lord_Howe/orders-3-2026-11-22-01-05-31-${UUID}`);
    expect(keyOf(undefined, { timeZone: 'America/New_York' })).toBe(
      `2026/11/21/09/orders-3-2026-11-21-09-05-31-${UUID}.gz`,
    );
  });
});
