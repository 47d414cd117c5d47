/** Short ways through the API of Firehose, and to what it delivers. */
import { existsSync, readdirSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openHandle } from '../../src/database/handle.ts';
import type { Answer, CallOptions, TestServer } from './server.ts';
import { createWireClient, type WireClient } from './wire.ts';

export const ACCOUNT = '000000000000';
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/firehose`;

/** The members that every S3 destination needs; records go to the bucket `b`. */
export const S3 = { RoleARN: ROLE, BucketARN: 'arn:aws:s3:::b' } as const;

/** Calls an operation of Firehose. Throws when a successful answer is not as the service writes it. */
export async function callFirehose(
  server: TestServer,
  operation: string,
  input: object,
  options?: CallOptions,
): Promise<Answer> {
  const answer = await server.call(`Firehose_20150804.${operation}`, input, options);
  if (answer.status === 200) assertForm(operation, answer);
  return answer;
}

/** Like `callFirehose`, but throws unless the answer is 200, and returns its body. */
export async function firehose(
  server: TestServer,
  operation: string,
  input: object,
  options?: CallOptions,
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
): Promise<any> {
  const { status, body, text } = await callFirehose(server, operation, input, options);
  if (status !== 200) throw new Error(`${operation} answered ${status}: ${text}`);
  return body;
}

/** Every answer is JSON without blanks, its keys are in alphabetical order. */
function assertForm(operation: string, { text, body }: Answer): void {
  if (text !== JSON.stringify(body)) throw new Error(`The answer of ${operation} is not compact JSON: ${text}`);
  const check = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const keys = Object.keys(value);
    if (!Array.isArray(value) && keys.join() !== keys.toSorted().join()) {
      throw new Error(`The keys of ${operation}${path} are not in alphabetical order: ${keys.join()}`);
    }
    for (const [key, member] of Object.entries(value)) check(member, `${path}.${key}`);
  };
  check(body, '');
}

/** Creates a delivery stream and advances the clock until it is ACTIVE. Without `more` it delivers to the bucket `b`. */
export async function createDeliveryStream(
  server: TestServer,
  name: string,
  more: object = { ExtendedS3DestinationConfiguration: S3 },
  options?: CallOptions,
): Promise<void> {
  await firehose(server, 'CreateDeliveryStream', { DeliveryStreamName: name, ...more }, options);
  server.clock.advance(1000);
}

/** The DeliveryStreamDescription. */
export async function describeDeliveryStream(
  server: TestServer,
  name: string,
  options?: CallOptions,
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
): Promise<any> {
  const answer = await firehose(server, 'DescribeDeliveryStream', { DeliveryStreamName: name }, options);
  return answer.DeliveryStreamDescription;
}

export const base64 = (data: string | Buffer) => Buffer.from(data).toString('base64');

/** Puts records, each of the given data. */
export function putRecords(
  server: TestServer,
  name: string,
  records: readonly (string | Buffer)[],
  options?: CallOptions,
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, not typed
): Promise<any> {
  const Records = records.map((data) => ({ Data: base64(data) }));
  return firehose(server, 'PutRecordBatch', { DeliveryStreamName: name, Records }, options);
}

/** A run of the flusher leaves its lanes to themselves after 900 ms, which a slow disk needs now and then. */
const PATIENCE_MS = 850;
const RUNS_MAX = 10;

/** Advances the clock by `ms` and delivers what is due then, without waiting for what loads and indexes. */
export async function deliverAfter(server: TestServer, ms: number): Promise<void> {
  server.clock.advance(ms);
  const countAway = "select count(*) as count from deliveries where state = 'PLANNED' and step in ('LOAD', 'INDEX')";
  for (let runs = 1; runs <= RUNS_MAX; runs += 1) {
    const startMs = performance.now();
    await server.runJob('flush');
    if (performance.now() - startMs < PATIENCE_MS || select(server, countAway)[0].count > 0) return;
  }
}

/** Like `deliverAfter`, and waits until everything that can be done now is done, also on servers of others. */
export async function deliverAllAfter(server: TestServer, ms: number): Promise<void> {
  await deliverAfter(server, ms);
  const open = `select count(*) as count from deliveries
    where is_cleared = 0 and (state != 'PLANNED' or retry_ms <= ${server.clock.now()})`;
  while (select(server, open)[0].count > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

export interface DeliveredFile {
  /** Below the bucket's directory. */
  readonly path: string;
  readonly content: Buffer;
}

/** The files in a bucket's directory, by path. */
export function bucketFiles({ directory }: TestServer, bucket = 'b'): DeliveredFile[] {
  const root = join(directory, 's3', bucket);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(root, path), content: readFileSync(path) }));
}

/** The contents of all files of a bucket as one text, in the order of their paths. */
export const bucketText = (server: TestServer, bucket = 'b'): string =>
  bucketFiles(server, bucket)
    .map(({ content }) => content.toString())
    .join('');

/** Asks for the delivery of what a delivery stream has buffered. */
export function flushNow(server: TestServer, name: string, query = '', headers = {}): Promise<Response> {
  return fetch(`${server.url}/_millrace/delivery-streams/${name}/flush${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}

/** The rows of a query, as another program sees them. */
// biome-ignore lint/suspicious/noExplicitAny: rows are looked into by tests, not typed
export function select({ directory }: TestServer, sql: string): any[] {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  try {
    return handle.prepare(sql).all();
  } finally {
    handle.close();
  }
}

/** Makes a bucket unusable: a symbolic link, which is refused, is in its place. Returns what repairs it. */
export function breakBucket({ directory }: TestServer, bucket = 'b'): () => void {
  const path = join(directory, 's3', bucket);
  symlinkSync(join(directory, 'elsewhere'), path);
  return () => unlinkSync(path);
}

const INPUTS = { PutRecord: { Record: { Data: '' } }, PutRecordBatch: { Records: [{ Data: '' }] } } as const;
const SLOW_DOWN = JSON.stringify({ __type: 'ServiceUnavailableException', message: 'Slow down.' });

/** Puts an empty record into `d` in each of `count` calls, as fast as a few connections can. Tells how many were refused. */
export async function putEmpty(server: TestServer, operation: keyof typeof INPUTS, count: number): Promise<number> {
  const clients = Array.from({ length: 8 }, () => createWireClient(server.url, 'Firehose_20150804'));
  let left = count;
  let refused = 0;
  const putOn = async (client: WireClient) => {
    while (left > 0) {
      left -= 1;
      await client.send(operation, { DeliveryStreamName: 'd', ...INPUTS[operation] }).catch((error: Error) => {
        if (error.message !== `${operation} answered 503: ${SLOW_DOWN}`) throw error;
        refused += 1;
      });
    }
    client.close();
  };
  await Promise.all(clients.map(putOn));
  return refused;
}
