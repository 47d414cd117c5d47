/**
 * A small load whose records tell what they are, and an audit of what a server makes of them. For scenarios that put
 * many copies of one data directory before servers: the world of a scenario knows only one directory and one course of
 * events, receipts can be held against any of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ask, ErrorAnswer, eventually, flush } from './api.ts';

export const STREAM = 'numbered';
export const DELIVERY_STREAM = 'numbered-objects';
const SHARDS = 2;

export interface Entry {
  readonly number: number;
  readonly sequenceNumber: string;
  readonly shardId: string;
}

/** What was acknowledged. What was sent is told by the numbers: they are given out in order. */
export interface Receipts {
  readonly kinesis: Map<number, Entry>;
  readonly firehose: Set<number>;
  next: number;
}

export const newReceipts = (): Receipts => ({ kinesis: new Map(), firehose: new Set(), next: 1 });

/** What a copy of the data directory that is made now must answer for. */
export const copyOf = ({ kinesis, firehose, next }: Receipts): Receipts => ({
  kinesis: new Map(kinesis),
  firehose: new Set(firehose),
  next,
});

/** One in so many is larger than a page of the database, so that it has pages of its own. */
const LARGE_EVERY = 40;

/** The line that is record `number`: whoever reads it can tell whether a byte is wrong. */
export function lineOf(number: number): string {
  const length = number % LARGE_EVERY === 0 ? 20_000 : 100 + ((number * 37) % 700);
  const filler = String.fromCharCode(97 + (number % 26)).repeat(length);
  const text = `${number} ${filler}`;
  return `${text} ${crc32(text)}\n`;
}

const numberIn = (line: string): number | undefined => {
  const number = Number.parseInt(line, 10);
  return number > 0 && lineOf(number) === line ? number : undefined;
};

export async function createStreams(url: string): Promise<void> {
  await ask(url, 'kinesis', 'CreateStream', { StreamName: STREAM, ShardCount: SHARDS });
  await ask(url, 'firehose', 'CreateDeliveryStream', {
    DeliveryStreamName: DELIVERY_STREAM,
    ExtendedS3DestinationConfiguration: {
      RoleARN: 'arn:aws:iam::000000000000:role/any',
      BucketARN: 'arn:aws:s3:::numbered-bucket',
      BufferingHints: { IntervalInSeconds: 900, SizeInMBs: 64 },
    },
  });
  await eventually('the streams are active', () => areActive(url));
}

async function areActive(url: string): Promise<boolean> {
  const stream = await ask<{ StreamDescriptionSummary: { StreamStatus: string } }>(
    url,
    'kinesis',
    'DescribeStreamSummary',
    { StreamName: STREAM },
  );
  const deliveryStream = await ask<{ DeliveryStreamDescription: { DeliveryStreamStatus: string } }>(
    url,
    'firehose',
    'DescribeDeliveryStream',
    { DeliveryStreamName: DELIVERY_STREAM },
  );
  return (
    stream.StreamDescriptionSummary.StreamStatus === 'ACTIVE' &&
    deliveryStream.DeliveryStreamDescription.DeliveryStreamStatus === 'ACTIVE'
  );
}

interface PutRecordsAnswer {
  readonly Records: readonly { readonly SequenceNumber: string; readonly ShardId: string }[];
}

/** One request with `count` records to the stream. */
export async function putToStream(url: string, receipts: Receipts, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, () => receipts.next++);
  const { Records } = await ask<PutRecordsAnswer>(url, 'kinesis', 'PutRecords', {
    StreamName: STREAM,
    Records: numbers.map((number) => ({ Data: btoa(lineOf(number)), PartitionKey: `key-${number}` })),
  });
  for (const [index, number] of numbers.entries()) {
    const { SequenceNumber, ShardId } = Records[index]!;
    receipts.kinesis.set(number, { number, sequenceNumber: SequenceNumber, shardId: ShardId });
  }
}

/** One request with `count` records to the delivery stream. */
export async function putToDeliveryStream(url: string, receipts: Receipts, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, () => receipts.next++);
  await ask(url, 'firehose', 'PutRecordBatch', {
    DeliveryStreamName: DELIVERY_STREAM,
    Records: numbers.map((number) => ({ Data: btoa(lineOf(number)) })),
  });
  for (const number of numbers) receipts.firehose.add(number);
}

export interface LoadReport {
  requests: number;
  /** Records that were acknowledged. */
  acknowledged: number;
  /** Answers other than 200. */
  readonly errors: ErrorAnswer[];
}

/** Clients that go on, one request after the other each, until `isOver` or until the server is gone. */
export async function load(url: string, receipts: Receipts, isOver: () => boolean, clients = 6): Promise<LoadReport> {
  const report: LoadReport = { requests: 0, acknowledged: 0, errors: [] };
  const client = async (index: number) => {
    for (let round = index; !isOver(); round += 1) {
      const count = 1 + (round % 12);
      try {
        if (index % 3 === 2) await putToDeliveryStream(url, receipts, count);
        else await putToStream(url, receipts, count);
        report.acknowledged += count;
      } catch (error) {
        if (!(error instanceof ErrorAnswer)) return;
        report.errors.push(error);
      }
      report.requests += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return report;
}

export interface Audit {
  /** Acknowledged records that are not there any more. */
  readonly missing: number;
  /** Acknowledged records whose reading the server refused. */
  readonly refused: number;
  /** What must never be: wrong bytes, a record twice, another sequence number. */
  readonly wrong: readonly string[];
  /** How a request failed, when the server has ended or did not answer. */
  readonly gone: string | undefined;
  readonly records: number;
}

/** Reads everything from the server and from the objects, and holds the receipts against it. */
export async function audit(url: string, dataDir: string, receipts: Receipts): Promise<Audit> {
  const findings: Findings = { seen: new Map(), refused: new Set(), wrong: [] };
  try {
    for (const shard of await shardsOf(url)) await auditShard(url, shard, receipts, findings);
    const missingBefore = [...receipts.kinesis.keys()].filter((number) => !findings.seen.has(number));
    const status = await flush(url, DELIVERY_STREAM);
    auditObjects(dataDir, findings);
    const undelivered = [...receipts.firehose].filter((number) => !findings.seen.has(number));
    if (status >= 500) for (const number of undelivered) findings.refused.add(number);
    const missing = [...missingBefore, ...undelivered].filter((number) => !findings.refused.has(number)).length;
    return { missing, ...countsOf(findings), gone: undefined };
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    return { missing: 0, ...countsOf(findings), gone: reasonOf(error) };
  }
}

const countsOf = ({ seen, refused, wrong }: Findings) => ({ records: seen.size, refused: refused.size, wrong });

/** How `fetch` tells that nobody answered, or that the answer broke off. */
const isNoAnswer = (error: unknown): error is Error =>
  (error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)) ||
  (error instanceof DOMException && error.name === 'TimeoutError');

const reasonOf = ({ message, cause }: Error) => (cause instanceof Error ? `${message}: ${cause.message}` : message);

/** What of its receipts a server does not give, as a sentence; undefined when it gives all. */
export function lackOf({ missing, refused, gone }: Audit): string | undefined {
  if (missing + refused === 0 && gone === undefined) return undefined;
  const counts = `${missing} records are missing, ${refused} unreadable`;
  return gone === undefined ? `${counts}.` : `${counts}; then nobody answered: ${gone}.`;
}

interface Findings {
  /** The numbers that were read, and where. */
  readonly seen: Map<number, string>;
  readonly refused: Set<number>;
  readonly wrong: string[];
}

/** None where there is no such stream: then all of it is missing. */
async function shardsOf(url: string): Promise<string[]> {
  interface Answer {
    readonly StreamDescription: { readonly Shards: readonly { readonly ShardId: string }[] };
  }
  try {
    const { StreamDescription } = await ask<Answer>(url, 'kinesis', 'DescribeStream', { StreamName: STREAM });
    return StreamDescription.Shards.map(({ ShardId }) => ShardId);
  } catch (error) {
    if (error instanceof ErrorAnswer && error.type === 'ResourceNotFoundException') return [];
    throw error;
  }
}

interface ReadRecord {
  readonly SequenceNumber: string;
  readonly Data: string;
  readonly PartitionKey: string;
}

/** Where the server refuses to read a record that it finds damaged, reading goes on after it. */
async function auditShard(url: string, shardId: string, receipts: Receipts, findings: Findings): Promise<void> {
  const entries = [...receipts.kinesis.values()]
    .filter((entry) => entry.shardId === shardId)
    .sort((a, b) => (BigInt(a.sequenceNumber) < BigInt(b.sequenceNumber) ? -1 : 1));
  let start: object = { ShardIteratorType: 'TRIM_HORIZON' };
  let last = 0n;
  for (;;) {
    try {
      for await (const record of recordsFrom(url, shardId, start)) {
        auditRecord(record, shardId, receipts, findings);
        if (!/^\d+$/.test(record.SequenceNumber)) continue;
        if (BigInt(record.SequenceNumber) <= last) findings.wrong.push(`${record.SequenceNumber} came out of order.`);
        last = BigInt(record.SequenceNumber);
      }
      return;
    } catch (error) {
      if (!(error instanceof ErrorAnswer)) throw error;
      if (error.status < 500) {
        // Such as that it does not know a sequence number which was acknowledged.
        findings.wrong.push(`${shardId} cannot be read: ${error.message}`);
        return;
      }
      const next = entries.findIndex(({ sequenceNumber }) => BigInt(sequenceNumber) > last);
      if (next === -1) return;
      const damaged = entries[next]!;
      findings.refused.add(damaged.number);
      start = { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: damaged.sequenceNumber };
      last = BigInt(damaged.sequenceNumber);
    }
  }
}

async function* recordsFrom(url: string, shardId: string, start: object): AsyncGenerator<ReadRecord> {
  let { ShardIterator: iterator } = await ask<{ ShardIterator: string }>(url, 'kinesis', 'GetShardIterator', {
    StreamName: STREAM,
    ShardId: shardId,
    ...start,
  });
  for (;;) {
    const answer = await ask<{ Records: ReadRecord[]; NextShardIterator?: string; MillisBehindLatest: number }>(
      url,
      'kinesis',
      'GetRecords',
      { ShardIterator: iterator },
    );
    yield* answer.Records;
    if (answer.NextShardIterator === undefined || (answer.Records.length === 0 && answer.MillisBehindLatest === 0)) {
      return;
    }
    iterator = answer.NextShardIterator;
  }
}

/** Reads the first records of a shard, whatever they are. */
export async function readSome(url: string): Promise<number> {
  const { ShardIterator } = await ask<{ ShardIterator: string }>(url, 'kinesis', 'GetShardIterator', {
    StreamName: STREAM,
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  });
  const { Records } = await ask<{ Records: ReadRecord[] }>(url, 'kinesis', 'GetRecords', { ShardIterator, Limit: 100 });
  return Records.length;
}

function auditRecord(record: ReadRecord, shardId: string, receipts: Receipts, findings: Findings): void {
  const number = numberIn(atob(record.Data));
  const { SequenceNumber, PartitionKey } = record;
  if (number === undefined) findings.wrong.push(`The record ${SequenceNumber} has wrong bytes.`);
  else {
    const known = receipts.kinesis.get(number);
    if (findings.seen.has(number)) findings.wrong.push(`Record ${number} was read twice.`);
    if (PartitionKey !== `key-${number}`) findings.wrong.push(`Record ${number} has the key ${PartitionKey}.`);
    if (known !== undefined && (known.sequenceNumber !== SequenceNumber || known.shardId !== shardId)) {
      findings.wrong.push(`Record ${number} was acknowledged as ${known.sequenceNumber}, and is ${SequenceNumber}.`);
    }
    findings.seen.set(number, shardId);
  }
}

/** The objects of a data directory: path below `s3`, and bytes. */
export function objectsIn(dataDir: string): Map<string, Buffer> {
  const root = join(dataDir, 's3');
  const objects = new Map<string, Buffer>();
  const walk = (directory: string) => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && entry.name !== '.tmp') walk(path);
      else if (entry.isFile()) objects.set(path, readFileSync(join(root, path)));
    }
  };
  try {
    walk('');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return objects;
}

function auditObjects(dataDir: string, findings: Findings): void {
  for (const [path, bytes] of objectsIn(dataDir)) {
    for (const line of bytes.toString('latin1').split(/(?<=\n)/)) {
      const number = numberIn(line);
      if (number === undefined) findings.wrong.push(`The object ${path} holds a line that nobody sent.`);
      else if (findings.seen.has(number)) findings.wrong.push(`Record ${number} is in objects twice, or misplaced.`);
      else findings.seen.set(number, path);
    }
  }
}
