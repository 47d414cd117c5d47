/**
 * The settings of a stream by the rules: retention, encryption, metrics, mode, the size of records. What the reference
 * leaves open is stated as the server has it: a stream that already is as it should be stays ACTIVE.
 */
import { assertActive, invalid, type Model } from './model.ts';
import type { Mode, ModelStream } from './stream.ts';

const HOURS = { min: 24, max: 8760 };

export type Direction = 'Increase' | 'Decrease';

export function changeRetention(model: Model, name: string, hours: number, direction: Direction): void {
  const stream = model.require(name);
  if (hours < HOURS.min) throw invalid('Minimum allowed retention period is 24 hours');
  if (hours > HOURS.max) throw invalid('Maximum allowed retention period is 8760 hours');
  const current = stream.retentionHours;
  if (direction === 'Increase' && hours < current) throw invalid('can not be shorter than existing');
  if (direction === 'Decrease' && hours > current) throw invalid('can not be longer than existing');
  assertActive(stream);
  if (hours === current) return;
  model.update(stream);
  // A decrease hides what is older at once; what an increase comes too late for stays hidden.
  stream.retentionHours = hours;
  stream.expire(model.now);
}

/** `keyId` is undefined for the end of encryption. Records that arrive before the end of the update are as they were. */
export function encrypt(model: Model, name: string, keyId: string | undefined): void {
  const stream = model.require(name);
  assertActive(stream);
  if (stream.keyId === keyId) return;
  model.update(stream, () => {
    stream.keyId = keyId;
  });
}

export const METRICS = [
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
];

export interface MetricsChange {
  readonly stream: ModelStream;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export function changeMetrics(model: Model, name: string, named: readonly string[], isOn: boolean): MetricsChange {
  const stream = model.require(name);
  const chosen = new Set(named.includes('ALL') ? METRICS : named);
  assertActive(stream);
  const before = stream.metrics;
  const after = METRICS.filter((metric) => (chosen.has(metric) ? isOn : before.includes(metric)));
  if (after.length !== before.length) model.update(stream);
  stream.metrics = after;
  return { stream, before, after };
}

export function changeMode(model: Model, name: string, mode: Mode): void {
  const stream = model.require(name);
  assertActive(stream);
  if (stream.mode === mode) return;
  model.update(stream);
  stream.mode = mode;
}

export function changeRecordSize(model: Model, name: string, kib: number): void {
  const stream = model.require(name);
  model.update(stream);
  stream.maxRecordKib = kib;
}
