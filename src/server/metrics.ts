/** Metrics in the text format of Prometheus. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Series } from '../series.ts';

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

export function createMetrics(series: readonly Series[]): Metrics {
  const registry = new Registry();
  for (const one of series) register(one, registry);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

function register({ name, help, kind, labels, collect }: Series, registry: Registry): void {
  const Metric = kind === 'counter' ? Counter : Gauge;
  new Metric({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect(this: Counter | Gauge) {
      this.reset();
      for (const { labels: given, value } of collect()) {
        const present = Object.entries(given).filter(([, label]) => label !== undefined);
        this.inc(Object.fromEntries(present) as Record<string, string>, value);
      }
    },
  });
}
