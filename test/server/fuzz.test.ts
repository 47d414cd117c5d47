/**
 * Requests that were good before something happened to them: bits, cuts, types, numbers, headers. Whatever comes of it,
 * the server lives, and says that the client was wrong, or does what it was asked. FUZZ_RUNS sets how many are tried.
 */
import http from 'node:http';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { channelService } from '../../src/channels/index.ts';
import { firehose } from '../../src/firehose/index.ts';
import { kinesis } from '../../src/kinesis/index.ts';
import type { StructureShape } from '../../src/protocol/shape.ts';
import { CBOR_TYPE, cborOf } from '../support/cbor.ts';
import { askHttp1, askHttp2, awsHeaders, awsQuestion, openHttp2 } from '../support/http-client.ts';
import { shardIterator } from '../support/kinesis.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { goodValue, jsonOf } from '../support/shape-samples.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';

const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 200);

/** The resources are made anew after so many requests, because some of the requests delete them. */
const RENEW_EVERY = 100;

expectNothingUncaught();

const JSON_TYPE = 'application/x-amz-json-1.1';

const OPERATIONS = [kinesis, channelService, firehose].flatMap(({ target, operations }) =>
  [...operations].map(([name, { input }]) => [`${target}.${name}`, input as StructureShape] as const),
);

/** A source of numbers that is the same for the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0 and less than `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, end);
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const EXTREMES: readonly unknown[] = [
  0,
  -1,
  -0.5,
  1e308,
  -1e308,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  5e-324,
  null,
  true,
  '',
  ' ',
  '\0',
  '\ud800',
  '\u202e',
  '__proto__',
  "' or 1=1 --",
  '../../etc/passwd',
  '99999999999999999999999999999999999999999',
  'x'.repeat(5000),
  '\u{1f600}'.repeat(200),
  [],
  {},
  [[[[]]]],
  [null],
  { a: { b: 1 } },
  'AAAA',
  'AAA',
];

/** Replaces one value, however deep, or adds or removes a member. */
function withChangedValue(value: unknown, dice: Dice): unknown {
  if (typeof value !== 'object' || value === null || dice.below(4) === 0) return dice.of(EXTREMES);
  if (Array.isArray(value)) {
    if (value.length === 0) return [dice.of(EXTREMES)];
    const at = dice.below(value.length);
    if (dice.below(6) === 0) return Array.from({ length: dice.of([0, 2, 501, 600]) }, () => value[at]);
    return value.map((element, index) => (index === at ? withChangedValue(element, dice) : element));
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || dice.below(8) === 0) return { ...value, [dice.of(NAMES)]: dice.of(EXTREMES) };
  const [name, member] = dice.of(entries);
  if (dice.below(8) === 0) return Object.fromEntries(entries.filter(([other]) => other !== name));
  return { ...value, [name]: withChangedValue(member, dice) };
}

const NAMES = [
  '__proto__',
  'constructor',
  '',
  'StreamName',
  'Limit',
  'NextToken',
  'x'.repeat(300),
  '\0',
  'Records',
  'Tags',
];

function withChangedBytes(body: Buffer, dice: Dice): Buffer {
  const at = dice.below(body.length + 1);
  switch (dice.below(6)) {
    case 0: {
      const flipped = Buffer.from(body);
      for (let flips = dice.below(4); flips >= 0; flips -= 1) flipped[dice.below(body.length)]! ^= 1 << dice.below(8);
      return flipped;
    }
    case 1:
      return body.subarray(0, at);
    case 2: {
      const slice = body.subarray(at, at + 1 + dice.below(40));
      const times = dice.of([1, 1, 2, 10, 1000]);
      return Buffer.concat([body.subarray(0, at), ...Array(times).fill(slice), body.subarray(at)]);
    }
    case 3:
      return Buffer.concat([body.subarray(0, at), dice.bytes(1 + dice.below(16)), body.subarray(at)]);
    case 4:
      return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + dice.below(10))]);
    default:
      return Buffer.concat([body, dice.of([Buffer.from(' '), Buffer.from('{}'), Buffer.from([0xff]), body])]);
  }
}

/** A header more, or another value for one that is there. */
function withChangedHeader(headers: Record<string, string>, dice: Dice): Record<string, string> {
  const name = dice.of([
    ...Object.keys(headers),
    'X-Odd',
    'Content-Encoding',
    'Accept',
    'Origin',
    'X-Amz-Security-Token',
  ]);
  const odd = Array.from({ length: dice.below(30) }, () => String.fromCharCode(0x20 + dice.below(0x5f))).join('');
  const values = [
    '',
    odd,
    `${headers[name] ?? ''}${odd}`,
    (headers[name] ?? 'gzip').slice(dice.below(10)),
    'x'.repeat(8000),
  ];
  return { ...headers, [name]: dice.of(values).trim() };
}

/** Makes the resources that good requests speak of. */
async function provide(server: TestServer): Promise<Record<string, unknown>> {
  const S3DestinationConfiguration = { RoleARN: 'arn:aws:iam::000000000000:role/a', BucketARN: 'arn:aws:s3:::a' };
  server.clock.advance(10_000);
  await server.call('CreateStream', { StreamName: 'a', ShardCount: 1 });
  await server.call('Firehose_20150804.CreateDeliveryStream', { DeliveryStreamName: 'a', S3DestinationConfiguration });
  server.clock.advance(10_000);
  await server.call('PutRecord', { StreamName: 'a', PartitionKey: 'k', Data: 'AAAA' });
  const iterator = await shardIterator(server, 'a', 'TRIM_HORIZON').catch(() => 'AAAA');
  return { StreamName: 'a', DeliveryStreamName: 'a', ShardIterator: iterator, ShardId: 'shardId-000000000000' };
}

it('requests of all operations, changed at random, are answered and never fail inside the server', async () => {
  const server = await startTestServer();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const session = openHttp2(server.url);
  let known = await provide(server);
  const counts = new Map<string, number>();
  let cases = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      cases += 1;
      if (cases % RENEW_EVERY === 0) known = await provide(server);
      const dice = new Dice(seed);
      const [target, shape] = dice.of(OPERATIONS);
      const good = jsonOf(shape, goodValue(shape)) as Record<string, unknown>;
      const filled = Object.fromEntries(Object.entries(good).map(([name, value]) => [name, known[name] ?? value]));
      const isCbor = dice.below(2) === 1;
      let input: unknown = filled;
      const changes = dice.below(3);
      for (let change = 0; change < changes; change += 1) input = withChangedValue(input, dice);
      let body = bodyOf(target, input, isCbor);
      if (changes === 0 || dice.below(4) === 0) body = withChangedBytes(body, dice);
      let headers: Record<string, string> = {
        ...awsHeaders('A'),
        'X-Amz-Target': target,
        'Content-Type': isCbor ? CBOR_TYPE : JSON_TYPE,
      };
      if (dice.below(6) === 0) headers = withChangedHeader(headers, dice);
      const isHttp2 = dice.below(4) === 0;
      const answer = isHttp2
        ? await askHttp2(session, { headers, body })
        : await askHttp1(server.url, { headers, body }, agent);
      const { status, text } = answer;
      counts.set(`${status}`, (counts.get(`${status}`) ?? 0) + 1);
      const isFine = (status >= 200 && status < 300) || (status >= 400 && status < 500) || status === 503;
      const shown = `${target} ${isCbor ? body.toString('hex') : body.toString()}`.slice(0, 2000);
      if (!isFine) throw new Error(`${status} ${text.slice(0, 500)} to ${shown}`);
      const failed = server.log.entries.filter(({ level }) => level === 'error');
      if (failed.length > 0) throw new Error(`The log says ${failed[0]!.message} after ${shown}`);
    }),
    { numRuns: FUZZ_RUNS, endOnFailure: true },
  );
  agent.destroy();
  expect((await askHttp1(server.url, awsQuestion('ListStreams', {}))).status).toBe(200);
  if (process.env.FUZZ_RUNS !== undefined) console.log(`${cases} cases: ${JSON.stringify(Object.fromEntries(counts))}`);
  expect(cases).toBe(FUZZ_RUNS);
}, 600_000);

/** What the encoder for CBOR cannot say is said in JSON. */
function bodyOf(target: string, input: unknown, isCbor: boolean): Buffer {
  if (!isCbor) return Buffer.from(JSON.stringify(input) ?? '');
  try {
    return cborOf(target, input as object);
  } catch {
    return Buffer.from(JSON.stringify(input));
  }
}
