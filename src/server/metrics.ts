/** Metrics in the text format of Prometheus. */
import { Counter, Registry } from 'prom-client';
import type { Rates, Throttled } from '../rates.ts';

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

const LABELS = ['target', 'account', 'region', 'stream', 'shard'] as const satisfies readonly (keyof Throttled)[];

/** `throttles` is asked whenever somebody looks. */
export function createMetrics(throttles: Rates['throttles']): Metrics {
  const registry = new Registry();
  new Counter({
    name: 'millrace_throttled_total',
    help: 'Calls and records beyond the rates of AWS: refused, or with QUOTAS=relaxed only counted here.',
    labelNames: LABELS,
    registers: [registry],
    collect() {
      this.reset();
      for (const { subject, count } of throttles()) {
        const labels = LABELS.map((name) => [name, subject[name]] as const);
        this.inc(Object.fromEntries(labels.filter(([, value]) => value !== undefined)), count);
      }
    },
  });
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
