/** Inputs made to harm: names that reach prototypes, texts that patterns choke on, and lines that forge a log. */
import { networkInterfaces } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { channelService } from '../../src/channels/index.ts';
import { firehose } from '../../src/firehose/index.ts';
import { kinesis } from '../../src/kinesis/index.ts';
import type { AnyShape, ScalarShape, StructureShape } from '../../src/protocol/shape.ts';
import { quotasOf } from '../../src/quotas.ts';
import { askHttp1, awsHeaders, openHttp2 } from '../support/http-client.ts';
import { END_HEADERS, frame, OPENING, TYPE } from '../support/http2-frames.ts';
import { startMillrace } from '../support/process.ts';
import { openSocket } from '../support/raw-socket.ts';
import { startTestServer, temporaryDirectory } from '../support/server.ts';
import { goodValue, jsonOf } from '../support/shape-samples.ts';
import { headerLines, signatureHeaders } from '../support/signature.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';
import { until } from '../support/until.ts';
import { validationOf } from '../support/validation.ts';

expectNothingUncaught();

const OPERATIONS = [kinesis, channelService, firehose].flatMap(({ target, operations }) =>
  [...operations].map(([name, { input }]) => [`${target}.${name}`, input as StructureShape] as const),
);

const WIRES = ['json', 'cbor'] as const;

describe('S12 names that reach a prototype', () => {
  const NASTY = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];

  /** An object with these own members, whatever they are called. */
  const own = (entries: readonly (readonly [string, unknown])[]) =>
    Object.fromEntries(entries) as Record<string, unknown>;

  const poison = () =>
    own([
      [
        '__proto__',
        own([
          ['polluted', true],
          ['__proto__', { polluted: true }],
        ]),
      ],
      ['constructor', { prototype: { polluted: true } }],
      ['prototype', { polluted: true }],
    ]);

  /** JSON for `shape` with all of its members, and the poison beside them at every level. */
  function poisoned(shape: AnyShape): unknown {
    switch (shape.kind) {
      case 'structure':
        return own([
          ...Object.entries(poison()),
          ...shape.members.map(({ name, shape: member }) => [name, poisoned(member)] as const),
        ]);
      case 'list':
        return [poisoned(shape.member)];
      case 'map': {
        const value = jsonOf(shape.value, goodValue(shape.value));
        return own(NASTY.map((name) => [name, value]));
      }
      default:
        return jsonOf(shape, goodValue(shape));
    }
  }

  /** Only the members that must be there, so that some requests are good, and the poison. */
  const barely = (shape: StructureShape) =>
    own([...Object.entries(jsonOf(shape, goodValue(shape)) as object), ...Object.entries(poison())]);

  /** What cannot be there in an untouched runtime. */
  const pollution = () => [
    ({} as Record<string, unknown>).polluted,
    (Object.prototype as unknown as Record<string, unknown>).polluted,
    ([] as unknown as Record<string, unknown>).polluted,
    (Object as unknown as Record<string, unknown>).polluted,
  ];

  it(`do nothing in any of ${OPERATIONS.length} operations and both encodings`, async () => {
    const server = await startTestServer();
    const known = Object.getOwnPropertyNames(Object.prototype).length;
    const counts = { answered: 0, refused: 0 };
    for (const [target, shape] of OPERATIONS) {
      for (const wire of WIRES) {
        for (const input of [poisoned(shape), barely(shape), ...NASTY.map((name) => own([[name, poisoned(shape)]]))]) {
          const { status, text } = await server.call(target, input as object, { wire });
          expect([200, 400], `${target} in ${wire}: ${text}`).toContain(status);
          counts[status === 200 ? 'answered' : 'refused'] += 1;
          expect(pollution(), `${target} in ${wire}`).toEqual([undefined, undefined, undefined, undefined]);
        }
      }
    }
    expect(Object.getOwnPropertyNames(Object.prototype).length).toBe(known);
    expect(counts.answered, 'some were good').toBeGreaterThan(20);
    expect(counts.refused).toBeGreaterThan(20);
  });

  it.each(WIRES)('are keys of tags like all others, in %s', async (wire) => {
    const server = await startTestServer();
    await server.createStream('a');
    const Tags = own(NASTY.map((name) => [name, `value of ${name}`]));
    await server.ok('AddTagsToStream', { StreamName: 'a', Tags }, { wire });
    const expected = [...NASTY].sort().map((Key) => ({ Key, Value: `value of ${Key}` }));
    for (const read of WIRES) {
      const listed = await server.ok('ListTagsForStream', { StreamName: 'a' }, { wire: read });
      expect(listed.Tags, `read in ${read}`).toEqual(expected);
    }
    await server.ok('RemoveTagsFromStream', { StreamName: 'a', TagKeys: ['__proto__'] }, { wire });
    const { Tags: left } = await server.ok('ListTagsForStream', { StreamName: 'a' }, { wire });
    expect(left).toEqual(expected.filter(({ Key }) => Key !== '__proto__'));

    const firehoseCall = (name: string, input: object) => server.ok(`Firehose_20150804.${name}`, input, { wire });
    const S3DestinationConfiguration = {
      RoleARN: 'arn:aws:iam::000000000000:role/a',
      BucketARN: 'arn:aws:s3:::bucket',
    };
    await firehoseCall('CreateDeliveryStream', { DeliveryStreamName: 'f', S3DestinationConfiguration });
    server.clock.advance(60_000);
    await firehoseCall('TagDeliveryStream', { DeliveryStreamName: 'f', Tags: expected });
    const { Tags: tagged } = await firehoseCall('ListTagsForDeliveryStream', { DeliveryStreamName: 'f' });
    expect(tagged).toEqual(expected);
  });

  it.each(NASTY)('%s is no stream, header or operation', async (name) => {
    const server = await startTestServer();
    const { body } = await server.call('DescribeStream', { StreamName: name });
    expect(body.__type).toBe('ResourceNotFoundException');
    await server.createStream(name);
    expect((await server.ok('ListStreams', {})).StreamNames).toEqual([name]);
    for (const target of [name, `Kinesis_20131202.${name}`, `${name}.ListStreams`]) {
      const headers = { ...awsHeaders('ListStreams'), 'X-Amz-Target': target, [name]: 'x' };
      const { status, text } = await askHttp1(server.url, { headers, body: '{}' });
      expect([status, JSON.parse(text)]).toEqual([400, { __type: 'UnknownOperationException' }]);
    }
    const types = await askHttp1(server.url, {
      headers: { ...awsHeaders('ListStreams'), 'Content-Type': name },
      body: '{}',
    });
    expect(types.status).toBe(404);
  });
});

interface Patterned {
  readonly path: string;
  readonly shape: ScalarShape;
}

/** Every member, element, key and value that has a pattern. */
function patterned(shape: AnyShape, path: string): Patterned[] {
  switch (shape.kind) {
    case 'structure':
      return shape.members.flatMap(({ name, shape: member }) => patterned(member, `${path}.${name}`));
    case 'list':
      return patterned(shape.member, `${path}[]`);
    case 'map':
      return [...patterned(shape.key, `${path} key`), ...patterned(shape.value, `${path} value`)];
    default:
      return shape.regex === undefined ? [] : [{ path, shape }];
  }
}

const PATTERNS = [
  ...new Map(
    OPERATIONS.flatMap(([target, shape]) => patterned(shape, target)).map((one) => [one.shape.regex!.source, one]),
  ).values(),
];

/** Generous: they take a hundredth of it. Catastrophic patterns take minutes. */
const PATTERN_MS_MAX = 100;

describe('S13 patterns', () => {
  /** Texts that make a pattern try as many ways as it has: what it repeats, repeated, and an end that fits nothing. */
  function worstCases(source: string, length: number): string[] {
    const literals = source
      .replace(/\\d\{\d+(,\d+)?\}/g, '000000000000')
      .replace(/\\(.)/g, '$1')
      .split(/\.\*|[[\](){}|^$*+?]/)
      .filter((literal) => literal.length > 0);
    const whole = literals.join('');
    const units = [...literals, whole, 'a', '0', '1', ' ', '.', ':', '/', 'aA0', 'a.', ':a', 'é', 'arn:', 'a '];
    const fill = (start: string, unit: string) => start + unit.repeat(Math.ceil(length / unit.length));
    return units.flatMap((unit) =>
      ['', literals[0] ?? '', whole].flatMap((start) =>
        ['', '\n', '!', '\u{1f600}'].map((end) => fill(start, unit).slice(0, length - end.length) + end),
      ),
    );
  }

  /** The least of three times: other work may get in between. */
  function millisecondsOf(action: () => unknown): number {
    const once = () => {
      const start = performance.now();
      action();
      return performance.now() - start;
    };
    return Math.min(once(), once(), once());
  }

  it(`all ${PATTERNS.length} of them are known`, () => {
    expect(PATTERNS.length).toBeGreaterThan(20);
  });

  it.each(PATTERNS.map(({ path, shape }) => [path, shape.regex!] as const))('%s is quick about %s', (_path, regex) => {
    let worst = { ms: 0, text: '' };
    // 4,096 characters are the longest value that a pattern is tried on.
    for (const text of [...worstCases(regex.source, 2048), ...worstCases(regex.source, 4096)]) {
      const start = performance.now();
      regex.test(text);
      let ms = performance.now() - start;
      if (ms > PATTERN_MS_MAX) ms = millisecondsOf(() => regex.test(text));
      if (ms > worst.ms) worst = { ms, text };
    }
    expect(worst.ms, `with ${worst.text.slice(0, 60)}…`).toBeLessThan(PATTERN_MS_MAX);
  });

  it('are not tried on what is too long for any of them', () => {
    for (const { path, shape } of PATTERNS) {
      const text = 'a'.repeat(5_000_000);
      const tried = vi.spyOn(shape.regex!, 'test');
      const input: StructureShape = {
        kind: 'structure',
        members: [{ name: 'A', pathName: 'a', shape, required: true }],
      };
      expect(validationOf(input, { A: text }, quotasOf('relaxed')), path).toMatch(/^1 validation error detected/);
      expect(tried, path).not.toHaveBeenCalled();
      tried.mockRestore();
    }
  });
});

describe('S1, S19 the real process', () => {
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  if (outside === undefined) console.warn('S1 is skipped: this machine has no address but loopback.');

  const isRefused = async (url: string) =>
    askHttp1(url, { method: 'GET', path: '/_health' }).then(
      () => false,
      ({ code }: { code: string }) => code === 'ECONNREFUSED',
    );

  it.skipIf(outside === undefined)('listens on loopback only, unless HOST says so, which is warned of', async () => {
    const settings = { TLS: 'off', DATA_DIR: temporaryDirectory() };
    const millrace = await startMillrace(settings);
    const { port } = new URL(millrace.url);
    expect(await isRefused(`http://${outside}:${port}`), `${outside} is not refused`).toBe(true);
    expect(millrace.stderr()).not.toContain('HOST');
    await millrace.kill('SIGTERM');
    const open = await startMillrace({ ...settings, HOST: '0.0.0.0' });
    expect(await isRefused(`http://${outside}:${new URL(open.url).port}`)).toBe(false);
    expect(open.stderr()).toMatch(/HOST is not a loopback address/);
    await open.kill('SIGTERM');
  });

  const FAKE = '{"level":60,"time":1,"msg":"forged"}';
  const EVIL = `\u001b[2J\u001b]0;x\u0007\r\n${FAKE}\n\u2028${FAKE}\u0000\u0085\u009b31m`;

  it('writes one line of JSON per entry, whatever names, headers, records and connections contain', async () => {
    const millrace = await startMillrace({ LOG_LEVEL: 'debug', TLS: 'off', DATA_DIR: temporaryDirectory() });
    const { url } = millrace;
    const send = (target: string, input: object, more: Record<string, string> = {}) =>
      askHttp1(url, {
        headers: { ...awsHeaders('A'), 'X-Amz-Target': target, ...more },
        body: JSON.stringify(input),
      });
    await send('Kinesis_20131202.CreateStream', { StreamName: 'a', ShardCount: 1 });
    const answers = [
      await send('Kinesis_20131202.CreateStream', { StreamName: EVIL, ShardCount: 1 }),
      await send('Kinesis_20131202.DescribeStream', {
        StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${EVIL}`,
      }),
      await send('Kinesis_20131202.PutRecord', { StreamName: 'a', PartitionKey: EVIL, Data: btoa('forged') }),
      await send('Kinesis_20131202.AddTagsToStream', { StreamName: 'a', Tags: { [EVIL]: EVIL } }),
      await send('Kinesis_20131202.GetRecords', { ShardIterator: EVIL }),
      await send('Firehose_20150804.PutRecord', { DeliveryStreamName: EVIL, Record: { Data: btoa(EVIL.slice(0, 8)) } }),
      await send(`Kinesis_20131202.${FAKE}`, {}),
      await send(`\t${FAKE}\xff\x85`, {}),
      await send('Kinesis_20131202.ListStreams', {}, { 'User-Agent': FAKE, Authorization: `AWS4-HMAC-SHA256 ${FAKE}` }),
      await askHttp1(url, { method: 'GET', path: `/${encodeURIComponent(EVIL)}?${FAKE.replaceAll(' ', '')}` }),
      await askHttp1(url, { headers: { Host: FAKE } }),
    ];
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    // Headers with control characters, then connections that fail in every way that is logged.
    for (const bytes of [
      `POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: \u001b[31m${FAKE}\r\n\r\n`,
      `POST /\u001b[31m HTTP/1.1\r\nHost: localhost\r\n${headerLines(signatureHeaders())}\r\n`,
      `${FAKE}\r\n${FAKE}\r\n`,
      Buffer.concat([OPENING, frame(TYPE.headers, END_HEADERS, 2, Buffer.from(EVIL))]),
      Buffer.concat([OPENING, frame(TYPE.data, 0, 1, Buffer.from(EVIL))]),
      Buffer.from(`\x16\x03\x01${EVIL}`, 'latin1'),
    ]) {
      const socket = await openSocket(url);
      socket.pour(bytes);
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
    }
    openHttp2(url)
      .request({ ':path': '/', 'x-amz-target': FAKE })
      .on('error', () => undefined)
      .end();
    await until(() => millrace.stderr().includes('"target":"Kinesis_20131202.{'));
    await millrace.kill('SIGTERM');
    const lines = millrace.stderr().split('\n');
    expect(lines.pop(), 'the last line has an end').toBe('');
    const entries = lines.map((line) => JSON.parse(line) as { msg: string; level: number });
    expect(entries.length).toBeGreaterThan(8);
    expect(entries.filter(({ msg, level }) => msg === 'forged' || level >= 50)).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(millrace.stderr()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  });
});
