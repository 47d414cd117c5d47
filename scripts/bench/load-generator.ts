/** A helper that puts load on a server: a closed loop per connection, as many answers as the server gives. */
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { LoadConnection } from './load-connection.ts';
import { quantile } from './statistics.ts';

export interface Load {
  readonly port: number;
  /** Sent one after the other, over and over. */
  readonly requests: readonly Uint8Array[];
  readonly connections: number;
  /** No request is sent after this time; those in flight then still count. */
  readonly ms: number;
}

export interface LoadResult {
  /** All of them 200. */
  readonly responses: number;
  /** From the first request to the last response. */
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The part of one core that generating the load took, 0 to 1. */
  readonly share: number;
}

const READ_BUFFER_BYTES = 1024 * 1024;

pin(process.pid, 'load');
serveJobs(run);

async function run({ port, requests, connections, ms }: Load): Promise<LoadResult> {
  const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  const loop = createLoop(requests, connections, ms);
  const { onResponse, onFailure } = loop;
  const open = await Promise.race([
    Promise.all(
      Array.from({ length: connections }, () => LoadConnection.connect({ port, buffer, onResponse, onFailure })),
    ),
    loop.failed,
  ]);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  loop.start(open, startMs);
  const latencies = Float64Array.from(await loop.finished);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of open) connection.close();
  latencies.sort();
  return {
    responses: latencies.length,
    elapsedMs,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    share: (user + system) / 1000 / elapsedMs,
  };
}

/** The loop in which each answer triggers the next request of its connection, until the time is over. */
function createLoop(requests: readonly Uint8Array[], connections: number, ms: number) {
  const latencies: number[] = [];
  const { promise: finished, resolve, reject } = withResolvers<number[]>();
  let endMs = 0;
  let sent = 0;
  let active = connections;
  const sendNext = (connection: LoadConnection): void => {
    connection.send(requests[sent % requests.length]!);
    sent += 1;
  };
  return {
    /** The latencies in milliseconds, after the last response. */
    finished,
    /** Never resolves. */
    failed: finished as Promise<never>,
    onFailure: reject,
    start(open: readonly LoadConnection[], nowMs: number): void {
      endMs = nowMs + ms;
      for (const connection of open) sendNext(connection);
    },
    onResponse(connection: LoadConnection): void {
      const nowMs = performance.now();
      latencies.push(nowMs - connection.sentMs);
      if (nowMs < endMs) return sendNext(connection);
      active -= 1;
      if (active === 0) resolve(latencies);
    },
  };
}

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
