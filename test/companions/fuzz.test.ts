/**
 * Requests to STS and CloudWatch that were good before something happened to them, and some that never were. Whatever
 * comes, the server lives and says that the client was wrong, or does what it was asked. FUZZ_RUNS sets how many are tried.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FORM_NAMES, type FormName, questionOf } from '../support/companions.ts';
import { askHttp1, type HttpQuestion } from '../support/http-client.ts';
import { startTestServer } from '../support/server.ts';
import { expectNothingUncaught } from '../support/uncaught.ts';

const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 200);

expectNothingUncaught();

const INPUT = {
  Namespace: 'n',
  MetricData: [
    { MetricName: 'm', Dimensions: [{ Name: 'a', Value: 'b' }], Values: [1, 2], Counts: [1, 1], Unit: 'Count' },
    { MetricName: 'm', StatisticValues: { SampleCount: 1, Sum: 2, Minimum: 2, Maximum: 2 }, StorageResolution: 1 },
  ],
  EntityMetricData: [{ Entity: { KeyAttributes: { a: 'b' } }, MetricData: [{ MetricName: 'e', Value: 1 }] }],
};

const PIECES = [
  '&MetricData.member.1.Value=1',
  '&MetricData.member.0.Values.member.99999999.=1',
  '&MetricData=',
  '&MetricData.member=1',
  `&MetricData${'.member.1'.repeat(100)}=1`,
  '&EntityMetricData.member.1.Entity.KeyAttributes.entry.1.key=__proto__',
  '&Action=GetCallerIdentity',
  '&Version=2011-06-15',
  '&__proto__.a=1',
  '&%00=%ff%',
  '\\u0000',
  ']}',
  '1e999',
  '\u00bf\u00ff',
  '\u00c1\u00fb',
];

/** Where a body is changed, as a part of its length, how much of it goes, and what comes in its place. */
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  removed: fc.nat({ max: 12 }),
  inserted: fc.oneof(
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(...PIECES).map((piece) => Buffer.from(piece, 'latin1')),
  ),
});

const changed = (
  body: Buffer,
  { at, removed, inserted }: { at: number; removed: number; inserted: Buffer },
): Buffer => {
  const start = Math.floor(at * body.length);
  return Buffer.concat([body.subarray(0, start), inserted, body.subarray(start + removed)]);
};

/** Null in most cases: what is good but for a change gets farther than what never was. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const request: fc.Arbitrary<HttpQuestion> = fc
  .record({
    form: fc.constantFrom<FormName>(...FORM_NAMES),
    name: fc.constantFrom('PutMetricData', 'PutMetricData', 'GetCallerIdentity'),
    isGzip: fc.boolean(),
    changes: fc.array(change, { maxLength: 4 }),
    path: seldom(fc.constantFrom('/', '/?Action=GetCallerIdentity', '/service//operation/', '/%zz?a&Action=%')),
    random: seldom(fc.uint8Array({ maxLength: 64 })),
  })
  .map(({ form, name, isGzip, changes, path, random }) => {
    const good = questionOf(form, name, name === 'PutMetricData' ? INPUT : {}, { isGzip });
    const body = random === null ? changes.reduce(changed, Buffer.from(good.body!)) : Buffer.from(random);
    return { ...good, ...(path !== null && { path }), body };
  });

it('whatever comes is answered, and never with a fault of the server', { timeout: 60_000 }, async () => {
  const { url } = await startTestServer();
  const statuses = new Map<number, number>();
  const property = fc.asyncProperty(request, async (question) => {
    const { status, text } = await askHttp1(url, question);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    expect([200, 400, 403, 404, 413], text).toContain(status);
  });
  // A failure names its seed.
  await fc.assert(property, { numRuns: FUZZ_RUNS });
  expect(statuses.get(200), 'requests that survived').toBeGreaterThan(0);
  expect(statuses.get(400), 'requests that were refused').toBeGreaterThan(0);
  const { status } = await askHttp1(url, questionOf('query', 'GetCallerIdentity', {}));
  expect(status).toBe(200);
});
