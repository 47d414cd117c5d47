/** A helper that puts load on a server: a closed loop per lane, as many answers as the server gives. */
import { pin } from './cores.ts';
import { H2Session } from './h2-session.ts';
import { serveJobs } from './helper.ts';
import { type Lane, LoadConnection } from './load-connection.ts';
import { quantile } from './statistics.ts';

export interface Load {
  readonly port: number;
  /** Of HTTP/1.1; sent one after the other, over and over. */
  readonly requests: readonly Uint8Array[];
  readonly connections: number;
  /** With h2c, so many requests are in flight on each connection; absent for HTTP/1.1, where it is one. */
  readonly streams?: number;
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

async function run({ port, requests, connections, streams, ms }: Load): Promise<LoadResult> {
  const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  const loop = createLoop(requests, connections * (streams ?? 1), ms);
  const { onResponse, onFailure } = loop;
  const connect = async () => {
    if (streams !== undefined) return H2Session.connect({ port, streams, onResponse, onFailure });
    return LoadConnection.connect({ port, buffer, onResponse, onFailure });
  };
  const open = await Promise.race([Promise.all(Array.from({ length: connections }, connect)), loop.failed]);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  loop.start(
    open.flatMap((connection): readonly Lane[] => (connection instanceof H2Session ? connection.lanes : [connection])),
    startMs,
  );
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

/** The loop in which each answer triggers the next request of its lane, until the time is over. */
function createLoop(requests: readonly Uint8Array[], lanes: number, ms: number) {
  const latencies: number[] = [];
  const { promise: finished, resolve, reject } = withResolvers<number[]>();
  let endMs = 0;
  let sent = 0;
  let active = lanes;
  const sendNext = (lane: Lane): void => {
    lane.send(requests[sent % requests.length]!);
    sent += 1;
  };
  return {
    /** The latencies in milliseconds, after the last response. */
    finished,
    /** Never resolves. */
    failed: finished as Promise<never>,
    onFailure: reject,
    start(open: readonly Lane[], nowMs: number): void {
      endMs = nowMs + ms;
      for (const lane of open) sendNext(lane);
    },
    onResponse(lane: Lane): void {
      const nowMs = performance.now();
      latencies.push(nowMs - lane.sentMs);
      if (nowMs < endMs) return sendNext(lane);
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
