/** PutMetricData: metrics are kept for whoever wants to look at them, in a table of limited size. No operation reads them. */
import { operation } from '../protocol/operation.ts';
import { boolean, integer, list, map, number, string, structure, timestamp } from '../protocol/shape.ts';
import { breaksRule, missing, PUT_ERRORS, tooMany } from './errors.ts';
import { assertLength, type Sample, sampleOf } from './metric-datum.ts';
import { store } from './metric-log.ts';

/** Metrics of a request. */
const METRICS_MAX = 1000;

const name = string();
const value = number();

/** Without rules: CloudWatch says what breaks one in other words than those that follow from shapes. */
const metrics = list(
  structure({
    MetricName: name,
    Dimensions: list(structure({ Name: name, Value: string() })),
    Timestamp: timestamp(),
    Value: value,
    StatisticValues: structure({ SampleCount: value, Sum: value, Minimum: value, Maximum: value }),
    Values: list(value),
    Counts: list(value),
    Unit: string(),
    StorageResolution: integer(),
  }),
);

const attributes = map(string(), string());

export const PutMetricData = operation({
  access: 'append',
  input: structure({
    Namespace: name,
    MetricData: metrics,
    // Metrics that belong to an entity are kept as the others are; the entity is not.
    EntityMetricData: list(
      structure({ Entity: structure({ KeyAttributes: attributes, Attributes: attributes }), MetricData: metrics }),
    ),
    StrictEntityValidation: boolean(),
  }),
  errors: PUT_ERRORS,
  run({ Namespace, MetricData = [], EntityMetricData = [] }, call) {
    const namespace = checkedNamespace(Namespace);
    const groups = [
      { path: 'MetricData', metrics: MetricData },
      ...EntityMetricData.map(({ MetricData: ofEntity = [] }, index) => ({
        path: `EntityMetricData.member.${index + 1}.MetricData`,
        metrics: ofEntity,
      })),
    ];
    const count = groups.reduce((sum, group) => sum + group.metrics.length, 0);
    if (count === 0) throw missing('MetricData');
    if (count > METRICS_MAX) throw tooMany('MetricData', METRICS_MAX);
    const samples = groups.flatMap(({ path, metrics: ofGroup }) =>
      ofGroup.map((metric, index): Sample => sampleOf(metric, `${path}.member.${index + 1}`, call.now)),
    );
    store(namespace, samples, call);
  },
});

function checkedNamespace(namespace: string | undefined): string {
  if (namespace === undefined || namespace === '') throw missing('Namespace');
  assertLength(namespace, 255, 'Namespace');
  if (namespace.startsWith(':')) throw breaksRule('Namespace', 'must not begin with a colon');
  // Those of AWS's own services.
  if (namespace.startsWith('AWS/')) throw breaksRule('Namespace', 'must not begin with AWS/');
  return namespace;
}
