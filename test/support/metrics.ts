/** What the server counted beyond the rates of AWS, read from its metrics. */
import type { TestServer } from './server.ts';

export interface Subject {
  readonly account?: string;
  readonly stream?: string;
  readonly shard?: string;
}

/** The lines about throttling, as they are. */
export async function throttleLines({ url }: TestServer): Promise<string[]> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return metrics.split('\n').filter((line) => line.startsWith('millrace_throttled_total{'));
}

/** How many calls, or with PutRecords records, of exactly this subject in us-east-1 were counted; 0 when none was. */
export async function throttleCount(
  server: TestServer,
  operation: string,
  { account = '000000000000', stream, shard }: Subject = {},
): Promise<number> {
  const place = stream === undefined ? '' : `,stream="${stream}",shard="${shard}"`;
  const start = `millrace_throttled_total{target="Kinesis_20131202.${operation}",account="${account}",region="us-east-1"${place}} `;
  const line = (await throttleLines(server)).find((candidate) => candidate.startsWith(start));
  return line === undefined ? 0 : Number(line.slice(start.length));
}

/** The sum of a metric over all series whose labels include `labels`; 0 when there is none. */
export async function metricValue(
  { url }: TestServer,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
