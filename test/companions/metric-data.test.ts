/** PutMetricData: what CloudWatch refuses, what is kept of the rest, and how much of it. */
import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call.ts';
import { store } from '../../src/companions/metric-log.ts';
import { errorOf, metricRows, questionOf } from '../support/companions.ts';
import { openTestDatabase } from '../support/database.ts';
import { askHttp1 } from '../support/http-client.ts';
import { startTestServer } from '../support/server.ts';

const HOUR_MS = 3_600_000;
const TWO_WEEKS_MS = 14 * 24 * HOUR_MS;

const metric = (changes: object) => ({ MetricName: 'm', ...changes });
const put = (...metrics: object[]) => ({ Namespace: 'n', MetricData: metrics });
const dimensions = (count: number) => Array.from({ length: count }, (_, at) => ({ Name: `d${at}`, Value: 'v' }));
const M = 'MetricData.member.1';
const [MISSING, INVALID, COMBINATION] = ['MissingParameter', 'InvalidParameterValue', 'InvalidParameterCombination'];
const exclusive = (one: string, other: string) =>
  `${COMBINATION}: The parameters ${M}.${one} and ${M}.${other} are mutually exclusive and you have specified both.`;

const STATISTICS = { SampleCount: 2, Sum: 3, Minimum: 1, Maximum: 2 };

const REFUSED: readonly (readonly [title: string, input: object, error: string])[] = [
  ['no namespace', { MetricData: [metric({ Value: 1 })] }, `${MISSING}: The parameter Namespace is required.`],
  ['an empty namespace', { ...put(metric({ Value: 1 })), Namespace: '' }, `${MISSING}: The parameter Namespace is`],
  [
    'a namespace of 256 characters',
    { ...put(metric({ Value: 1 })), Namespace: 'n'.repeat(256) },
    `${INVALID}: The parameter Namespace must not be longer than 255 characters.`,
  ],
  ['a namespace with a colon', { ...put(metric({})), Namespace: ':n' }, `${INVALID}: The parameter Namespace must not`],
  ['a namespace of AWS', { ...put(metric({})), Namespace: 'AWS/EC2' }, `${INVALID}: The parameter Namespace must not`],
  ['no metrics', { Namespace: 'n' }, `${MISSING}: The parameter MetricData is required.`],
  ['an empty list of metrics', put(), `${MISSING}: The parameter MetricData is required.`],
  [
    '1,001 metrics',
    put(...Array(1001).fill(metric({ Value: 1 }))),
    `${INVALID}: The collection MetricData must not have a size greater than 1000.`,
  ],
  [
    '1,001 metrics, one of them of an entity',
    { ...put(...Array(1000).fill(metric({ Value: 1 }))), EntityMetricData: [{ MetricData: [metric({ Value: 1 })] }] },
    `${INVALID}: The collection MetricData must not have a size greater than 1000.`,
  ],
  ['no name', put({ Value: 1 }), `${MISSING}: The parameter ${M}.MetricName is required.`],
  [
    'no name in the second, of an entity',
    {
      Namespace: 'n',
      EntityMetricData: [{ Entity: { KeyAttributes: { Type: 'a' } } }, { MetricData: [{ Value: 1 }] }],
    },
    `${MISSING}: The parameter EntityMetricData.member.2.MetricData.member.1.MetricName is required.`,
  ],
  ['a long name', put({ MetricName: 'm'.repeat(256), Value: 1 }), `${INVALID}: The parameter ${M}.MetricName must not`],
  [
    '31 dimensions',
    put(metric({ Value: 1, Dimensions: dimensions(31) })),
    `${INVALID}: The collection ${M}.Dimensions must not have a size greater than 30.`,
  ],
  [
    'a dimension without a value',
    put(metric({ Value: 1, Dimensions: [...dimensions(1), { Name: 'b' }] })),
    `${MISSING}: The parameter ${M}.Dimensions.member.2.Value is required.`,
  ],
  [
    'a dimension twice',
    put(metric({ Value: 1, Dimensions: [...dimensions(1), ...dimensions(1)] })),
    `${INVALID}: The parameter ${M}.Dimensions.member.2.Name must not be that of another dimension.`,
  ],
  [
    'a long value of a dimension',
    put(metric({ Value: 1, Dimensions: [{ Name: 'a', Value: 'v'.repeat(1025) }] })),
    `${INVALID}: The parameter ${M}.Dimensions.member.1.Value must not be longer than 1024 characters.`,
  ],
  [
    'no value',
    put(metric({})),
    `${MISSING}: At least one of the parameters ${M}.Value, ${M}.StatisticValues, ${M}.Values must be specified.`,
  ],
  ['empty values', put(metric({ Values: [] })), `${MISSING}: At least one of the parameters`],
  ['value and values', put(metric({ Value: 1, Values: [1] })), exclusive('Value', 'Values')],
  ['value and set', put(metric({ Value: 1, StatisticValues: STATISTICS })), exclusive('Value', 'StatisticValues')],
  ['set and values', put(metric({ StatisticValues: STATISTICS, Values: [1] })), exclusive('StatisticValues', 'Values')],
  [
    'fewer counts than values',
    put(metric({ Values: [1, 2], Counts: [1] })),
    `${INVALID}: The parameters ${M}.Values and ${M}.Counts must be of the same size.`,
  ],
  ['a count below 0', put(metric({ Values: [1], Counts: [-1] })), `${INVALID}: The value -1 for parameter ${M}.Counts`],
  ['151 values', put(metric({ Values: Array(151).fill(1) })), `${INVALID}: The collection ${M}.Values must not`],
  [
    'a set without its sum',
    put(metric({ StatisticValues: { SampleCount: 1, Minimum: 1, Maximum: 1 } })),
    `${MISSING}: The parameter ${M}.StatisticValues.Sum is required.`,
  ],
  [
    'a set whose minimum is above its maximum',
    put(metric({ StatisticValues: { ...STATISTICS, Minimum: 3 } })),
    `${INVALID}: The parameter ${M}.StatisticValues.Minimum must not be greater than`,
  ],
  [
    'a set of less than nothing',
    put(metric({ StatisticValues: { ...STATISTICS, SampleCount: -1 } })),
    `${INVALID}: The value -1 for parameter ${M}.StatisticValues.SampleCount is invalid.`,
  ],
  ...['NaN', 'Infinity', '-Infinity', '1e309', String(2 ** 361)].map(
    (value) =>
      [
        `a value of ${value}`,
        put(metric({ Value: value })),
        `${INVALID}: The value ${Number(value)} for parameter ${M}.Value is invalid.`,
      ] as const,
  ),
  [
    'no number',
    put(metric({ Value: 'a' })),
    'MalformedInput: class java.lang.String can not be converted to an Double',
  ],
  [
    'no time',
    put(metric({ Value: 1, Timestamp: 'now' })),
    'MalformedInput: class java.lang.String can not be converted',
  ],
  ['no such day', put(metric({ Value: 1, Timestamp: '2026-13-01T00:00:00Z' })), 'MalformedInput: class java.lang.Str'],
  [
    'an unknown unit',
    put(metric({ Value: 1, Unit: 'Yards' })),
    `${INVALID}: The parameter ${M}.Unit must be a value in`,
  ],
  [
    'another resolution',
    put(metric({ Value: 1, StorageResolution: 5 })),
    `${INVALID}: The parameter ${M}.StorageResolution must be 1 or 60.`,
  ],
];

describe('PutMetricData', () => {
  it('refuses what CloudWatch refuses, in its words, and keeps nothing of it', async () => {
    const { url, directory } = await startTestServer();
    for (const [title, input, error] of REFUSED) {
      const answer = errorOf(await askHttp1(url, questionOf('query', 'PutMetricData', input)));
      expect.soft(answer.startsWith(`400 ${error}`), `${title}: ${answer} instead of ${error}`).toBe(true);
    }
    expect(metricRows(directory)).toEqual([]);
  });

  it('refuses what is wrong in the last of many metrics, and keeps none of them', async () => {
    const { url, directory } = await startTestServer();
    const input = put(...Array(999).fill(metric({ Value: 1 })), metric({}));
    const answer = await askHttp1(url, questionOf('json', 'PutMetricData', input));
    expect(errorOf(answer)).toContain('MetricData.member.1000.Value');
    expect(metricRows(directory)).toEqual([]);
  });

  it('takes times of the past two weeks and the next two hours', async () => {
    const { url, clock, directory } = await startTestServer();
    for (const [ms, isTaken] of [
      [-TWO_WEEKS_MS - 1, false],
      [-TWO_WEEKS_MS, true],
      [2 * HOUR_MS, true],
      [2 * HOUR_MS + 1, false],
    ] as const) {
      const input = put(metric({ Value: 1, Timestamp: new Date(clock.now() + ms) }));
      const { status } = await askHttp1(url, questionOf('query', 'PutMetricData', input));
      expect([ms, status]).toEqual([ms, isTaken ? 200 : 400]);
    }
    expect(metricRows(directory)).toHaveLength(2);
  });

  it('reads times as SDKs write them in forms', async () => {
    const { url, clock, directory } = await startTestServer();
    const iso = new Date(clock.now()).toISOString();
    const seconds = iso.slice(0, 19);
    for (const Timestamp of [iso, `${seconds}Z`, seconds, `${seconds}+00:00`, `${seconds}.123456Z`]) {
      const answer = await askHttp1(url, questionOf('query', 'PutMetricData', put(metric({ Value: 1, Timestamp }))));
      expect([Timestamp, answer.status]).toEqual([Timestamp, 200]);
    }
    const kept = metricRows(directory).map(({ timestamp }) => String(timestamp).slice(0, 19));
    expect(kept).toEqual(Array(5).fill(seconds));
  });

  it('keeps how many values there were, their sum, the least and the greatest', async () => {
    const { url, directory } = await startTestServer();
    const input = put(
      metric({ Value: -2.5, Unit: 'Bytes/Second', StorageResolution: 1 }),
      metric({ Values: [3, 1, 2] }),
      metric({ Values: [3, 1], Counts: [2, 10] }),
      metric({ StatisticValues: STATISTICS }),
    );
    const entity = { KeyAttributes: { Type: 'Service', Name: 's' }, Attributes: { __proto__: 'x' } };
    const EntityMetricData = [{ Entity: entity, MetricData: [metric({ Value: 7 })] }];
    const sent = { ...input, EntityMetricData, StrictEntityValidation: true };
    for (const form of ['query', 'json', 'rpc'] as const) {
      expect((await askHttp1(url, questionOf(form, 'PutMetricData', sent))).status, form).toBe(200);
    }
    const kept = metricRows(directory).map(({ unit, samples, sum, minimum, maximum }) =>
      [unit, samples, sum, minimum, maximum].join(' '),
    );
    const each = ['Bytes/Second 1 -2.5 -2.5 -2.5', 'None 3 6 1 3', 'None 12 16 1 3', 'None 2 3 1 2', 'None 1 7 7 7'];
    expect(kept).toEqual([...each, ...each, ...each]);
  });

  it('keeps dimensions in the order of their names, whatever these are', async () => {
    const { url, directory } = await startTestServer();
    const Dimensions = ['b', '__proto__', 'a', '"', 'constructor'].map((Name) => ({ Name, Value: `of ${Name}` }));
    const input = put(metric({ Value: 1, Dimensions }));
    expect((await askHttp1(url, questionOf('query', 'PutMetricData', input))).status).toBe(200);
    expect(metricRows(directory)[0]!.dimensions).toBe(
      String.raw`{"\"":"of \"","__proto__":"of __proto__","a":"of a","b":"of b","constructor":"of constructor"}`,
    );
  });

  it('keeps metrics of accounts and regions apart, and over a restart', async () => {
    const server = await startTestServer();
    const places = [
      { account: '111111111111', region: 'us-east-1' },
      { account: '111111111111', region: 'eu-west-1' },
      { account: '222222222222', region: 'us-east-1' },
    ];
    const putAll = async () => {
      for (const place of places) {
        const question = questionOf('json', 'PutMetricData', put(metric({ Value: 1 })), place);
        expect((await askHttp1(server.url, question)).status).toBe(200);
      }
    };
    await putAll();
    await server.restart();
    await putAll();
    const kept = metricRows(server.directory).map(({ account, region }) => ({ account, region }));
    expect(kept).toEqual([...places, ...places]);
  });

  it('keeps all of what comes at once', async () => {
    const { url, directory } = await startTestServer();
    const input = put(...Array(20).fill(metric({ Value: 1 })));
    const answers = Array.from({ length: 20 }, () => askHttp1(url, questionOf('query', 'PutMetricData', input)));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
    expect(metricRows(directory)).toHaveLength(400);
  });
});

describe('the metrics that are kept', () => {
  it('are the newest of so many bytes, whatever their number', async () => {
    const { database, other } = await openTestDatabase();
    const call = { database, account: '000000000000', region: 'us-east-1', now: 0 } as Call;
    const KIB = 1024;
    const keep = (metricName: string, bytes: number, times = 1) => {
      const dimensions = JSON.stringify({ d: 'v'.repeat(bytes) });
      const statistics = { samples: 1, sum: 1, minimum: 1, maximum: 1 };
      const sample = { metricName, dimensions, timestampMs: 0, unit: 'None', ...statistics };
      return database.write(() => store('n', Array(times).fill(sample), call, 64 * KIB));
    };
    const names = () => other.prepare('select distinct metric_name from metric_data order by id').pluck().all();
    await keep('small', 0, 50);
    await keep('large', 2 * KIB, 10);
    await keep('larger', 31 * KIB);
    expect(names()).toEqual(['small', 'large', 'larger']);
    await keep('one more', 12 * KIB);
    expect(names()).toEqual(['large', 'larger', 'one more']);
    for (let round = 0; round < 50; round += 1) await keep('many', 0, 100);
    const { count } = other.prepare('select count(*) as count from metric_data').get() as { count: number };
    expect(count, 'rows count with what they take beside their texts').toBeLessThan(600);
    expect(count).toBeGreaterThan(300);
    await keep('larger than all', 100 * KIB);
    expect(names()).toEqual(['larger than all']);
  });
});
