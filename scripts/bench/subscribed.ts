/**
 * A helper that puts records at a fixed rate and has subscriptions to every shard, as consumers with enhanced fan-out do.
 * Both are in one process because they share a clock.
 */
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { sendAtRate } from './paced-sending.ts';
import { RECORD_BYTES } from './plan.ts';
import { requestBytes, STREAM } from './requests.ts';

export interface PutAndReceive {
  readonly port: number;
  readonly shards: number;
  readonly consumerArns: readonly string[];
  readonly perSecond: number;
  readonly ms: number;
}

export interface Received {
  /** From a record's answer until the first and the last consumer had it, in milliseconds, sorted. */
  readonly firstMs: Float64Array;
  readonly lastMs: Float64Array;
  /** From when a record was to be sent until its answer, sorted. */
  readonly answeredMs: Float64Array;
  /** Records that all subscribers together received, and in which time. */
  readonly deliveries: number;
  readonly deliveryMs: number;
}

const CONNECTIONS = 64;

/** What was not received by then, after the last answer, will not come. */
const RECEIVED_MS = 10_000;
const LOOK_MS = 5;

pin(process.pid, 'load');
serveJobs(run);

async function run({ port, shards, consumerArns, perSecond, ms }: PutAndReceive): Promise<Received> {
  const count = Math.ceil((perSecond * ms) / 1000);
  const Data = Buffer.alloc(RECORD_BYTES.small, '.').toString('base64');
  const requests = Array.from({ length: count }, (_, index) =>
    requestBytes(port, 'PutRecord', { StreamName: STREAM, PartitionKey: String(index), Data }),
  );
  const hadMs = consumerArns.map(() => new Float64Array(count));
  let deliveries = 0;
  const subscriptions = await Promise.all(
    consumerArns.flatMap((arn, consumer) =>
      Array.from({ length: shards }, (_, shard) =>
        openSubscription(port, arn, shard, (index) => {
          deliveries += 1;
          hadMs[consumer]![index] = performance.now();
        }),
      ),
    ),
  );
  const plannedMs = new Float64Array(count);
  const onPlanned = (index: number, atMs: number) => {
    plannedMs[index] = atMs;
  };
  try {
    const startMs = performance.now();
    const latenciesMs = await sendAtRate({ port, requests, connections: CONNECTIONS, perSecond, ms, onPlanned });
    const expected = count * consumerArns.length;
    const endMs = performance.now() + RECEIVED_MS;
    while (deliveries < expected && performance.now() < endMs) await pause(LOOK_MS);
    if (deliveries !== expected) throw new Error(`${deliveries} records were received and not ${expected}.`);
    const deliveryMs = performance.now() - startMs;
    const answeredAtMs = plannedMs.map((atMs, index) => atMs + latenciesMs[index]!);
    // An answer may come a moment after the event.
    const sinceAnswer = (had: Float64Array) =>
      had.map((atMs, index) => Math.max(0, atMs - answeredAtMs[index]!)).sort();
    return {
      firstMs: sinceAnswer(hadMs[0]!),
      lastMs: sinceAnswer(hadMs.at(-1)!),
      answeredMs: latenciesMs.toSorted(),
      deliveries,
      deliveryMs,
    };
  } finally {
    for (const subscription of subscriptions) subscription.destroy();
  }
}

const KEY = Buffer.from('"PartitionKey":"');
const QUOTE = 0x22;

/** Subscribes from the newest record on, and tells the number of each record that comes. Resolves with the first event. */
function openSubscription(
  port: number,
  ConsumerARN: string,
  shard: number,
  onRecord: (index: number) => void,
): Promise<net.Socket> {
  const ShardId = `shardId-${String(shard).padStart(12, '0')}`;
  const StartingPosition = { Type: 'LATEST' };
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let rest: Buffer = Buffer.alloc(0);
    let isOpen = false;
    socket.once('error', reject);
    socket.write(requestBytes(port, 'SubscribeToShard', { ConsumerARN, ShardId, StartingPosition }));
    socket.on('data', (bytes) => {
      const seen = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      if (!isOpen && !seen.includes('SubscribeToShardEvent')) {
        rest = seen;
        if (!seen.includes('HTTP/1.1 200') && seen.length > KEY.length) reject(new Error(seen.toString('latin1')));
        return;
      }
      isOpen = true;
      resolve(socket);
      rest = seen.subarray(takeRecords(seen, onRecord));
    });
  });
}

/** Only the partition keys are looked at, which are numbers. Returns up to where the bytes were used. */
function takeRecords(bytes: Buffer, onRecord: (index: number) => void): number {
  for (let from = 0; ; ) {
    const at = bytes.indexOf(KEY, from);
    if (at === -1) return Math.max(from, bytes.length - KEY.length);
    const end = bytes.indexOf(QUOTE, at + KEY.length);
    if (end === -1) return at;
    onRecord(Number(bytes.toString('latin1', at + KEY.length, end)));
    from = end;
  }
}
