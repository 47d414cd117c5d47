/**
 * A helper that puts records at a fixed rate and reads them as a consumer does: GetRecords on every shard in turn, again
 * and again. Both are in one process because they share a clock.
 */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { pin } from './cores.ts';
import { serveJobs } from './helper.ts';
import { sendAtRate } from './paced-sending.ts';
import { requestBytes, SERVICE, SIGNATURE, STREAM } from './requests.ts';

export interface PutAndRead {
  readonly port: number;
  readonly shards: number;
  readonly perSecond: number;
  readonly ms: number;
  /** Between two rounds through the shards; 0 for none. */
  readonly pauseMs: number;
}

export interface ReadResult {
  /** From when a record was to be sent until the reader had it, in milliseconds; per record. */
  readonly readMs: Float64Array;
  /** From when a record was to be sent until its PutRecord was answered. */
  readonly answeredMs: Float64Array;
}

/** Connections for putting: more than requests are ever in flight, unless the server stops. */
const CONNECTIONS = 16;
const DATA_BYTES = 256;
const PARTITION_KEYS = 1000;

/** A record that was not read by then, after the last answer, will not be read. */
const READ_MS = 5000;

pin(process.pid, 'load');
serveJobs(run);

async function run({ port, shards, perSecond, ms, pauseMs }: PutAndRead): Promise<ReadResult> {
  const count = Math.ceil((perSecond * ms) / 1000);
  const requests = Array.from({ length: count }, (_, index) => requestBytes(port, 'PutRecord', inputOf(index)));
  const reading = await openReading(port, shards, count);
  const plannedMs = new Float64Array(count);
  const onPlanned = (index: number, atMs: number) => {
    plannedMs[index] = atMs;
  };
  try {
    const sending = sendAtRate({ port, requests, connections: CONNECTIONS, perSecond, ms, onPlanned });
    const [answeredMs] = await Promise.all([sending, reading.readAll(ms + READ_MS, pauseMs)]);
    return { readMs: reading.hadMs.map((atMs, index) => atMs - plannedMs[index]!), answeredMs };
  } finally {
    reading.close();
  }
}

/** The data tells the number of the record. */
function inputOf(index: number): object {
  const data = Buffer.from(`${index} `.padEnd(DATA_BYTES, '.'));
  return { StreamName: STREAM, PartitionKey: `user-${index % PARTITION_KEYS}`, Data: data.toString('base64') };
}

/** A reader that begins behind the newest record of each shard, with a connection of its own. */
async function openReading(port: number, shards: number, count: number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const call = (operation: string, input: object) => post(port, agent, operation, input);
  const iterators = await Promise.all(
    Array.from({ length: shards }, async (_, shard) => {
      const ShardId = `shardId-${String(shard).padStart(12, '0')}`;
      const input = { StreamName: STREAM, ShardId, ShardIteratorType: 'LATEST' };
      return (await call('GetShardIterator', input)).ShardIterator as string;
    }),
  );
  const hadMs = new Float64Array(count);
  let left = count;
  const readShard = async (shard: number): Promise<void> => {
    const answer = await call('GetRecords', { ShardIterator: iterators[shard] });
    const nowMs = performance.now();
    iterators[shard] = answer.NextShardIterator;
    for (const { Data } of answer.Records as { Data: string }[]) {
      hadMs[Number.parseInt(Buffer.from(Data, 'base64').toString('latin1'), 10)] = nowMs;
      left -= 1;
    }
  };
  return {
    /** When the reader had each record (performance.now). */
    hadMs,
    async readAll(limitMs: number, pauseMs: number): Promise<void> {
      const endMs = performance.now() + limitMs;
      while (left > 0 && performance.now() < endMs) {
        for (let shard = 0; shard < shards; shard += 1) await readShard(shard);
        if (pauseMs > 0) await pause(pauseMs);
      }
      if (left > 0) throw new Error(`${left} records were put and not read.`);
    },
    close: () => agent.destroy(),
  };
}

/** Not by `serverAt`: fetch takes four times as long as this for an answer, and would be most of what is measured. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
async function post(port: number, agent: http.Agent, operation: string, input: object): Promise<any> {
  const headers = {
    'Content-Type': 'application/x-amz-json-1.1',
    'X-Amz-Target': `${SERVICE}.${operation}`,
    ...SIGNATURE,
  };
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', agent, headers });
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  request.end(JSON.stringify(input));
  const response = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (response.statusCode !== 200) throw new Error(`${operation} answered ${response.statusCode}: ${text}`);
  return JSON.parse(text);
}
